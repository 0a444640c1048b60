"""The figures of a judged table: what is behind each, what is shown of it, and what a person with a rule of thumb would
have hidden."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.disclosure.suppression.linear_programs import LinearEquation, LinearProgram
from broker.domain.findings import Assessment, JudgedStatistic
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.measure import ADDITIVE, RATIOS, Measure
from broker.domain.plans.plan import GroupKey, Plan, PlannedOutput, PlannedStatistic
from broker.domain.plans.scalars import Scalar, Value

KeyValues = tuple[tuple[Scalar, Value], ...]
"""The values of a cell by the expressions of its keys."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic of one cell with somebody behind it. `rows` are those that it is computed from."""

    statistic: PlannedStatistic
    keys: KeyValues
    judged: JudgedStatistic
    rows: int

    @property
    def quantity(self) -> tuple[Measure, Scalar | None]:
        """What is added up where figures of one quantity add up to another."""
        return self.statistic.measure, self.statistic.argument

    def is_small(self, t: int) -> bool:
        """Whether fewer than t persons are behind it, by a person who looks at each figure by itself."""
        return self.judged.evidence.persons < t


def figures_of(plan: Plan, assessments: Sequence[Assessment]) -> Iterator[Figure]:
    for output, assessment in zip(plan.outputs, assessments, strict=True):
        yield from _of_output(output, assessment)


def _of_output(output: PlannedOutput, assessment: Assessment) -> Iterator[Figure]:
    read = statistics_read_by(output)
    for table, record in zip(output.tables, assessment.tables, strict=True):
        statistics = {s.ident: s for s in table.statistics if s.ident in read}
        for keys, _, _, judged in record.cells if table.shown else ():
            for one in judged:
                if one.statistic in statistics and one.evidence.persons:
                    statistic = statistics[one.statistic]
                    yield Figure(statistic, _key_values(table.keys, keys), one, _rows(statistic, one))


def _key_values(keys: Sequence[GroupKey], values: Sequence[Value]) -> KeyValues:
    return tuple(zip((k.expression for k in keys), values, strict=True))


def _rows(statistic: PlannedStatistic, judged: JudgedStatistic) -> int:
    return judged.evidence.rows + (judged.evidence.rest_rows if statistic.measure in RATIOS else 0)


def hidden_by_hand(figures: Sequence[Figure], t: int) -> set[int]:
    """The numbers of the fewest figures that a person hides: those of fewer than t persons, and so many others that of
    each sum that is shown with its parts no or two figures are hidden."""
    small = {n for n, figure in enumerate(figures) if figure.is_small(t)}
    return fewest_hidden(len(figures), small, [*_sums(figures)])


REDACTED_AT_MOST = 7


def hidden_by_redaction(figures: Sequence[Figure]) -> set[int]:
    """The numbers of the figures that "redact, then round" hides (OpenSAFELY's `redact_small_numbers`): those of up to
    seven persons, and in each column the next smallest, until more than seven persons are hidden in it."""
    columns = dict[tuple[PlannedStatistic, frozenset[Scalar]], list[int]]()
    for n, figure in enumerate(figures):
        columns.setdefault((figure.statistic, frozenset(key for key, _ in figure.keys)), []).append(n)
    found = set[int]()
    for column in columns.values():
        hidden_persons = 0
        for n in sorted(column, key=lambda n: figures[n].judged.evidence.persons):
            persons = figures[n].judged.evidence.persons
            if persons <= REDACTED_AT_MOST or 0 < hidden_persons <= REDACTED_AT_MOST:
                found.add(n)
                hidden_persons += persons
    return found


def _sums(figures: Sequence[Figure]) -> Iterator[list[int]]:
    """Each total with its parts: of one quantity, by one key more."""
    by_keys = dict[tuple[object, frozenset[Scalar]], list[int]]()
    for n, figure in enumerate(figures):
        if figure.statistic.measure in ADDITIVE - RATIOS:
            by_keys.setdefault((figure.quantity, frozenset(k for k, _ in figure.keys)), []).append(n)
    for (quantity, keys), totals in by_keys.items():
        for (other, finer), parts in by_keys.items():
            if other == quantity and keys < finer and len(finer) == len(keys) + 1:
                for total in totals:
                    own = set(figures[total].keys)
                    yield [total, *(n for n in parts if own <= set(figures[n].keys))]


def fewest_hidden(count: int, small: set[int], sums: Sequence[list[int]]) -> set[int]:
    """The fewest numbers, with the small ones, of which no sum has exactly one. A program of whole numbers."""
    rows, slack = list[LinearEquation](), count
    for some in sums:
        for one in some:
            others = [n for n in some if n != one]
            rows.append(([one, *others, slack], [1.0, *(-1.0 for _ in others), 1.0], 0.0))
            slack += 1
    least = [float(n in small) for n in range(count)] + [0.0] * (slack - count)
    most = [1.0] * count + [float(count)] * (slack - count)
    program = LinearProgram(least, most, rows, whole=True)
    for n in range(count):
        program.set_cost(n, 1.0)
    found = program.answer()
    assert found is not None, "all may be hidden"
    return {n for n in range(count) if found[n] > 0.5}
