"""Every rule's word on every statistic of every cell of one table. Hides nothing, and knows neither rows that a list
names nor what is said of the table as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.disclosure.closeness import Evidence, counted, counted_by_column, taken_by_column, taken_for
from broker.disclosure.columns import Columns, columns_of
from broker.disclosure.full_rows import full_cells
from broker.disclosure.institution_rules import is_by_institution, uncounted
from broker.disclosure.perturb import shown
from broker.disclosure.protect import empty
from broker.disclosure.rules import STATIC, Question, findings_of
from broker.disclosure.rules.position import spans
from broker.disclosure.screens import OF_SHOWN, Questions, may_be_uncounted, rules_to_ask
from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Finding
from broker.domain.plans import Fraction, Measure, PlannedTable, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.profiles import Profile, ZeroPolicy

FREQUENCIES = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
CLOSE = frozenset({Measure.COUNT_VALUES, Measure.ONES})
ROWS = Statistic(-1, Measure.COUNT_ROWS, None, Type.INT)
"""A table that has no statistic of its own still tells how many rows it has: they are judged as a count."""

Keys = tuple[Value, ...]
Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class TableWords:
    """What the rules find, by statistic: in the cells of these keys, in every `other` cell, and where there is `none`.
    `full` are the cells that hold (nearly) all of their line."""

    cells: Mapping[int, Mapping[Keys, Findings]]
    other: Mapping[int, Findings]
    none: Mapping[int, Findings]
    full: frozenset[Keys]

    def on(self, statistic: int, keys: Keys, is_there: bool) -> Findings:
        return self.cells[statistic].get(keys, self.other[statistic]) if is_there else self.none[statistic]


@dataclass(frozen=True, slots=True)
class Figures:
    """A row's evidence by statistic: its `own`, that by which it is `judged`, and the count that it is `close` to."""

    own: Evidence
    judged: Evidence
    close: Evidence

    def shown(self, statistic: Statistic, profile: Profile) -> Value:
        return shown(statistic, self.judged[statistic.ident], profile, self.close.get(statistic.ident))


def figures_of(planned: PlannedTable, cell: CellEvidence | None, profile: Profile) -> Figures:
    own = {s.ident: _evidence_of(s, cell) for s in planned.statistics}
    close = taken_for(planned.statistics, cell, own, profile.t)
    if not close:
        return Figures(own, own, close)
    as_counts = {s.ident: close[s.ident] for s in planned.statistics if s.ident in close and s.measure in CLOSE}
    return Figures(own, own | as_counts, close)


def words_on(planned: PlannedTable, evidence: TableEvidence, profile: Profile, margin: bool = False) -> TableWords:
    """A `margin` is a table of totals of another one. Rules are asked of the cells that their screens leave."""
    columns = columns_of(evidence.cells)
    asked = _questions(planned, columns, profile, margin)
    nobody = {i: _question(q, planned, None, profile, with_shown=True) for i, q in asked.items()}
    return TableWords(
        {i: _found(q, planned, columns, profile) for i, q in asked.items()},
        {i: findings_of(one, profile, STATIC) for i, one in nobody.items()},
        {i: findings_of(one, profile) for i, one in nobody.items()},
        _full(planned, evidence, profile),
    )


def _questions(planned: PlannedTable, columns: Columns, profile: Profile, margin: bool) -> dict[int, Questions]:
    cells, near, by_institution = columns.fields(None), _spans(planned), is_by_institution(planned)
    judged = taken_by_column(planned.statistics, columns, profile.t)
    own = {s.ident: columns.fields(s.ident) for s in planned.statistics}
    return {
        s.ident: Questions(
            s,
            counted_by_column(columns) if s is ROWS else (judged if s.measure in CLOSE else own)[s.ident],
            cells,
            by_institution,
            margin,
            near.get(s.ident),
        )
        for s in planned.statistics or (ROWS,)
    }


def _found(asked: Questions, planned: PlannedTable, columns: Columns, profile: Profile) -> dict[Keys, Findings]:
    """Of the cells of which more than the plan's own rules may speak."""
    rules = rules_to_ask(asked, profile, len(columns))
    for number in may_be_uncounted(asked, profile):
        rules.setdefault(number, ())
    found: dict[Keys, Findings] = {}
    for cell, some in zip(columns.some(list(rules)), rules.values(), strict=True):
        one = _question(asked, planned, cell, profile, with_shown=not OF_SHOWN.isdisjoint(some))
        found[cell.keys] = (*findings_of(one, profile, some + STATIC), *uncounted(cell, one, profile))
    return found


def _question(
    asked: Questions, planned: PlannedTable, cell: CellEvidence | None, profile: Profile, with_shown: bool
) -> Question:
    statistic = asked.statistic
    if statistic is ROWS:
        return asked.one(cell, empty(ROWS.measure) if cell is None else counted(cell), None)
    if not with_shown and statistic.measure not in CLOSE:
        return asked.one(cell, _evidence_of(statistic, cell), None)
    figures = figures_of(planned, cell, profile)
    return asked.one(cell, figures.judged[statistic.ident], figures.shown(statistic, profile) if with_shown else None)


def _evidence_of(statistic: Statistic, cell: CellEvidence | None) -> StatisticEvidence:
    return empty(statistic.measure) if cell is None else cell.statistics[statistic.ident]


def _spans(planned: PlannedTable) -> dict[int, Decimal]:
    """Of each quantile, the share of rows to the nearer of those that are asked for of the same argument."""
    asked = [(s, s.form.of) for s in planned.statistics if isinstance(s.form, Fraction)]
    near = {s.ident: spans(of for other, of in asked if other.argument == s.argument) for s, _ in asked}
    return {s.ident: near[s.ident][of] for s, of in asked}


def _full(planned: PlannedTable, evidence: TableEvidence, profile: Profile) -> frozenset[Keys]:
    is_count = any(s.measure in FREQUENCIES for s in planned.statistics) or not planned.statistics
    if not is_count or profile.full is ZeroPolicy.PUBLISH:
        return frozenset()
    return full_cells(evidence.cells, profile.full_share, profile.t)
