"""Evidence of a judged table: the statistics behind the figures of a row, and what an attacker could derive."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from broker.disclosure.records.assessment_json import evidence_to_json
from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.suppression.published_attack import attack_table
from broker.domain.errors import Invalid, Unknown
from broker.domain.findings import AssessedRow, Assessment, JudgedStatistic, Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person
from broker.domain.plans.measure import MAGNITUDES, measures_where
from broker.domain.plans.scalars import Value
from broker.domain.ports import Ports
from broker.domain.rounding_grid import step
from broker.domain.staff_records import StaffRecord
from broker.workflow.access import reach_output
from broker.workflow.pipeline.draft_output import staff_record_of

DERIVABLE = measures_where(lambda t: t.is_additive and not t.is_ratio and not t.counts_persons)
"""Measures whose figures add up over cells: those of a total are the sum of those of its cells."""
COMPUTED_KINDS = frozenset({"ratio", "difference", "derived"})
"""Columns that are computed from figures, as a percentage is of two counts: what adds up are these."""
MOST_ROWS, MOST_HOLES = 3000, 150
"""With more rows or hidden figures, the attack takes longer than a page may. `broker attack` has no such limit."""


@dataclass(frozen=True, slots=True)
class DerivedFigure:
    """A hidden figure and its derived bounds. Without `high` there is no upper bound."""

    cell: tuple[str, ...]
    exact: str
    low: str
    high: str | None
    known: bool


@dataclass(frozen=True, slots=True)
class AttackedColumn:
    """A column with what was derived about each hidden figure, or the reason (`untried`) why nothing was tried."""

    column: str
    derived: tuple[DerivedFigure, ...]
    untried: str

    @property
    def known(self) -> int:
        return sum(d.known for d in self.derived)


def attack_columns(record: StaffRecord) -> tuple[AttackedColumn, ...]:
    """Return each column with a hidden figure. Empty for a private table, which has noise instead, and for a script's
    file."""
    if (table := record.exact_table) is None:
        return ()
    return tuple(_attack_column(table, c) for c in table.figure_columns if any(row.suppressed[c] for row in table.rows))


def _attack_column(table: Assessment, column: int) -> AttackedColumn:
    name, rows = table.columns[column], table.rows
    holes = sum(row.suppressed[column] for row in rows)
    measures = _measures(table, column)
    is_computed = COMPUTED_KINDS.intersection(table.column_kinds[column : column + 1])
    # Only figures that add up can be derived from others.
    if is_computed or not measures or not measures <= DERIVABLE:
        return AttackedColumn(
            name, (), "This column does not add up over cells, so other cells do not reveal a hidden figure."
        )
    if not table.key_count:
        return AttackedColumn(name, (), "The table has only one cell.")
    if len(rows) > MOST_ROWS or holes > MOST_HOLES:
        return AttackedColumn(
            name,
            (),
            f"Working out {holes:,} hidden figures in {len(rows):,} cells takes too long here: use broker attack.",
        )
    try:
        return AttackedColumn(name, tuple(_derive_figures(table, column, measures)), "")
    except Invalid as fault:
        return AttackedColumn(name, (), f"The hidden figures cannot be worked out: {fault.message}")


def _measures(table: Assessment, column: int) -> set[str]:
    """Return the measures behind the column. Gaps are left out, because they belong to no column alone."""
    known = {ident: measure for record in table.tables for ident, measure in record.statistics}
    return {known[i] for i in _behind(table, column) if i in known} - measures_where(lambda t: not t.is_shown)


def _behind(table: Assessment, column: int) -> tuple[int, ...]:
    """The statistics that a column is computed from."""
    return table.column_statistics[column] if table.column_statistics else ()


def _derive_figures(table: Assessment, column: int, measures: set[str]) -> Iterator[DerivedFigure]:
    dimensions = [f"{n}" for n in range(table.key_count)]
    texts = [([text_of_value(k) for k in row.keys], row) for row in table.rows]
    cells = [
        dict(zip(dimensions, keys, strict=True))
        | {"value": "" if row.suppressed[column] else text_of_value(row.exact[column]) or "0"}
        for keys, row in texts
    ]
    # Counts are whole numbers, which narrows what an attacker can derive; sums need not be.
    found = attack_table(dimensions, cells, integers=MAGNITUDES.isdisjoint(measures))
    hidden = [(keys, row) for keys, row in texts if row.suppressed[column]]
    for (keys, row), answer in zip(hidden, found, strict=True):
        high, exact = None if answer["high"] is None else f"{answer['high']:,}", text_of_value(row.exact[column])
        yield DerivedFigure(tuple(keys), exact, f"{answer['low']:,}", high, bool(answer["exact"]))


EVIDENCE_NAMES: dict[str, str] = {
    "value": "exact value",
    "rows": "rows that contribute",
    "persons": "persons who contribute",
    "rest": "persons with a row that is 0",
    "rest_rows": "rows that are 0",
    "largest": "largest contribution of one person",
    "second": "second largest",
    "low": "smallest total of one person",
    "high": "greatest total of one person",
    "others": "persons whose total is not the most common",
    "total": "total",
    "contributors": "distinct values",
    "step_number": "rounding step",
    "ties": "persons with the value",
    "institution_largest": "largest contribution of one institution",
    "institution_second": "second largest of one institution",
}
"""Evidence that checkers see, with its names. Evidence without a name here is not shown."""


@dataclass(frozen=True, slots=True)
class UnderlyingStatistic:
    """A statistic behind a figure in this cell: one of its parts, or an implied statistic."""

    measure: str
    verdict: Verdict
    rules: tuple[str, ...]
    figures: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class FigureEvidence:
    """A figure of the row with its statistics and findings."""

    column: str
    exact: Value
    released: Value
    suppressed: bool
    verdict: Verdict
    rules: tuple[str, ...]
    behind: tuple[UnderlyingStatistic, ...]
    findings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowEvidence:
    number: int
    keys: tuple[tuple[str, Value], ...]
    persons: int
    figures: tuple[FigureEvidence, ...]


def view_row_evidence(ports: Ports, person: Person, output_ident: str, number: int) -> RowEvidence:
    """Return the evidence of row `number` (from 0) of a table. A person's first view of the output is audited, as on
    the page. Raises Unknown if there is no such row."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    # Every row is a request of its own; one line in the audit log for each checker is enough.
    if not any(line.event.actor == person.ident for line in ports.store.audit_of(output_ident, "output.viewed")):
        ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    found = row_evidence(staff_record_of(ports, reached.output), number)
    if found is None:
        raise Unknown("row", f"{output_ident}/{number}")
    return found


def row_evidence(record: StaffRecord, number: int) -> RowEvidence | None:
    """Return the evidence of row `number` of a table that the rules judged; None if there is no such row."""
    table = record.exact_table
    if table is None or not 0 <= number < len(table.rows):
        return None
    row = table.rows[number]
    keys = tuple(zip((table.columns[n] for n in table.key_columns), row.keys, strict=False))
    figures = tuple(_figure_evidence(table, row, c) for c in table.figure_columns)
    return RowEvidence(number, keys, row.persons, figures)


def _figure_evidence(table: Assessment, row: AssessedRow, column: int) -> FigureEvidence:
    name = table.columns[column]
    said = (f for f in table.findings if f.column in {None, name} and f.cell == row.keys)
    return FigureEvidence(
        column=name,
        exact=row.exact[column],
        released=row.released[column],
        suppressed=row.suppressed[column],
        verdict=row.verdicts[column],
        rules=row.rules[column],
        behind=tuple(_underlying_statistics(table, row.keys, column)),
        findings=tuple(dict.fromkeys((f.rule, f.sentence) for f in said)),
    )


def _underlying_statistics(table: Assessment, keys: tuple[Value, ...], column: int) -> Iterator[UnderlyingStatistic]:
    wanted = set(_behind(table, column))
    for record in table.tables:
        measures = dict(record.statistics)
        for cell, _rows, _persons, judged in record.cells:
            if cell == keys:
                yield from (_statistic(measures, j) for j in judged if j.statistic in wanted)


def _statistic(measures: Mapping[int, str], judged: JudgedStatistic) -> UnderlyingStatistic:
    known = evidence_to_json(judged.evidence)  # without what has its default value
    values = {name: getattr(judged.evidence, name) for name in EVIDENCE_NAMES if name in known}
    if judged.evidence.step_number is not None:
        values["step_number"] = step(judged.evidence.step_number)
    figures = tuple((EVIDENCE_NAMES[name], value) for name, value in values.items())
    return UnderlyingStatistic(measures[judged.statistic], judged.verdict, judged.rules, figures)
