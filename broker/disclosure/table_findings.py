"""The findings of every rule on every statistic of every cell of one table. Hides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.protected_means import mean_of_units
from broker.disclosure.protected_values import empty_evidence, protected_value
from broker.disclosure.rounded_counts import NO_CELL, CellSize, count_ones
from broker.disclosure.rounding_errors import rounding_error
from broker.disclosure.rules import PLAN_RULES, RuleInput, findings_of, rules_to_evaluate
from broker.disclosure.rules.distribution import quantile_spans
from broker.disclosure.rules.institution_rules import cells_without_institutions
from broker.disclosure.rules.rule_columns import RuleInputColumns
from broker.disclosure.shifted_evidence import shifted
from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Finding, Verdict
from broker.domain.plans.measure import CELL_COUNTS, RATIOS, ROW_COUNTS, Measure
from broker.domain.plans.plan import PlannedStatistic, PlannedTable, QuantileForm
from broker.domain.plans.scalars import ScalarType, Value
from broker.domain.plans.variable_uses import institution_code
from broker.domain.release_history import CountShift
from broker.evidence import evidence_columns
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.postprocessing.exact_arithmetic import Number

EvidenceByStatistic = Mapping[int, StatisticEvidence]
INSTITUTION_FIELDS = ("institution_largest", "institution_second")


def row_count_evidence(cell: CellEvidence) -> StatisticEvidence:
    """The evidence of a count of the cell's rows."""
    return StatisticEvidence(cell.rows, cell.rows, cell.persons, cell_key=cell.cell_key)


def close_counts(
    statistics: Sequence[PlannedStatistic], cell: CellEvidence | None, evidence: EvidenceByStatistic, t: int
) -> dict[int, StatisticEvidence]:
    """For each statistic that is too close to another count, the evidence of that count: of an earlier statistic with
    the same measure, or of the cell's rows. An empty gap counts as close, so that it discloses nothing."""
    found: dict[int, StatisticEvidence] = {}
    for gap in statistics:
        if gap.measure is not Measure.GAP or gap.implied_by is None or evidence[gap.ident].persons >= t:
            continue
        if gap.displayed_like is not None:
            # Gaps are in order: the other count may be close too.
            found.setdefault(gap.implied_by, found.get(gap.displayed_like, evidence[gap.displayed_like]))
        elif cell is not None:
            own = evidence[gap.implied_by]
            found.setdefault(
                gap.implied_by, replace(row_count_evidence(cell), **{n: getattr(own, n) for n in INSTITUTION_FIELDS})
            )
    return found


def close_count_columns(
    statistics: Sequence[PlannedStatistic], columns: evidence_columns.EvidenceColumns, t: int
) -> dict[int, evidence_columns.EvidenceFields]:
    """For each statistic, the evidence columns by which it is judged as a count: its own, or those of another count in
    cells where the two are too close."""
    taken = {s.ident: columns.fields(s.ident) for s in statistics}
    far: dict[int, evidence_columns.Mask] = {}
    for gap in statistics:
        if gap.measure is not Measure.GAP or gap.implied_by is None:
            continue
        own = columns.fields(gap.implied_by)
        other = taken[gap.displayed_like] if gap.displayed_like is not None else row_count_columns(columns, own)
        open_ = far.get(gap.implied_by, np.ones(len(columns), bool))  # cells without a close count so far
        close = columns.fields(gap.ident)("persons").values < t
        taken[gap.implied_by] = _choose_fields(open_ & close, other, taken[gap.implied_by])
        far[gap.implied_by] = open_ & ~close
    return taken


def row_count_columns(
    columns: evidence_columns.EvidenceColumns, own: evidence_columns.EvidenceFields | None = None
) -> evidence_columns.EvidenceFields:
    """`row_count_evidence` by column, with the institutions of a statistic's own evidence."""
    cell = columns.fields(None)
    of_cell = {"value": "rows", "rows": "rows", "persons": "persons", "cell_key": "cell_key"}
    # A count of rows has no other side.
    zero = evidence_columns.EvidenceColumn(np.zeros(len(columns), np.int64), np.ones(len(columns), bool))

    def column(name: str) -> evidence_columns.EvidenceColumn:
        if own is not None and name in INSTITUTION_FIELDS:
            return own(name)
        if name in of_cell:
            return cell(of_cell[name])
        return zero if name in {"rest", "rest_rows"} else evidence_columns.unknown_column(len(columns))

    return column


def _choose_fields(
    where: evidence_columns.Mask, one: evidence_columns.EvidenceFields, other: evidence_columns.EvidenceFields
) -> evidence_columns.EvidenceFields:
    return cache(lambda name: evidence_columns.choose_column(where, one(name), other(name)))


LineKeys = tuple[Value, ...]
Codes = NDArray[np.int64]
EXACT_FLOATS = 1 << 53
"""Up to this number floats represent every whole number exactly."""


def full_cells(cells: Sequence[CellEvidence], full_share: float, t: int = 1) -> frozenset[LineKeys]:
    """Keys of cells that hold at least `full_share` of the persons in a line of the table.

    A line fixes every key but one. Lines that follow from a filter or from structure disclose nothing and are exempt: a
    key with only one value in the whole table, a key that is mostly determined by the other keys (school and
    authority), and the line of a one-key table, which is the population itself. Everywhere here fewer than `t` persons
    count as nobody: if a line with one child elsewhere were treated differently from a line with none, the hidden cells
    would reveal that child.
    """
    columns = evidence_columns.as_evidence_columns(cells)
    persons = columns.fields(None)("persons").values
    found = np.flatnonzero(persons != 0)
    if not len(found) or columns.width < 2:  # the line of a one-key table is the population
        return frozenset()
    people, codes = _exact_numbers(persons[found]), [columns.codes(axis)[found] for axis in range(columns.width)]
    full = [
        at
        for axis in range(columns.width)
        if len(np.unique(codes[axis][people >= t])) > 1
        for at in _full_in_lines(_line_numbers(codes[:axis] + codes[axis + 1 :]), people, full_share, t)
    ]
    return frozenset(cell.keys for cell in columns.some(found[sorted(set(full))].tolist()))


def _exact_numbers(persons: evidence_columns.Numbers) -> evidence_columns.Numbers:
    """Convert to Python integers if sums and shares of the numbers would not be exact."""
    return persons.astype(object) if int(persons.max()) * len(persons) >= EXACT_FLOATS else persons


def _line_numbers(fixed: Sequence[Codes]) -> Codes:
    """A number for each cell's line, from the keys that the line fixes."""
    line = fixed[0]
    for codes in fixed[1:]:
        line = line * (int(codes.max()) + 1) + codes
        if int(line.max()) >= len(line) ** 2:  # renumbered, so that products cannot overflow
            line = np.unique(line, return_inverse=True)[1]
    return line


def _full_in_lines(line: Codes, persons: evidence_columns.Numbers, full_share: float, t: int) -> list[int]:
    order = np.argsort(line, kind="stable")
    starts = np.flatnonzero(np.diff(line[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    largest, total = (f.reduceat(persons[order], starts) for f in (np.maximum, np.add))
    others = _enough_others(total - largest, t)
    shown: evidence_columns.Mask = largest >= t
    # Most lines lie in one cell: this key follows from the other keys (a school and its authority).
    if 2 * int(np.sum(others[shown] == 0)) > int(np.sum(shown)):
        return []
    full = shown & (largest >= full_share * (largest + others))
    return [
        int(order[start + int(np.argmax(persons[order[start:end]]))])
        for start, end in zip(starts[full].tolist(), ends[full].tolist(), strict=True)
    ]


def _enough_others(others: evidence_columns.Numbers, t: int) -> evidence_columns.Numbers:
    """Persons of a line outside its largest cell; 0 if they are fewer than t."""
    return np.where(others >= t, others, 0)


EXEMPT_BY_INSTITUTION = Finding(
    "F6",
    Verdict.PUBLISH,
    "The table is grouped by institution, so each cell is one institution and only its persons are assessed.",
)
UNKNOWN_INSTITUTIONS = Finding(
    "F6", Verdict.REVIEW, "The disclosure rules protect institutions, but institutions cannot be counted here."
)


def is_by_institution(planned: PlannedTable) -> bool:
    """Whether a group key is an unchanged catalogue variable that identifies institutions."""
    return any(k.variable is not None and institution_code(k.variable) is not None for k in planned.keys)


def institution_notice(planned: PlannedTable, profile: DisclosureRules) -> tuple[Finding, ...]:
    """A finding for staff on the table as a whole. It follows from the plan."""
    return (EXEMPT_BY_INSTITUTION,) if profile.protects_institutions and is_by_institution(planned) else ()


def uncounted_institutions(cell: CellEvidence, rule_input: RuleInput, profile: DisclosureRules) -> tuple[Finding, ...]:
    """A finding if the cell has persons but its institutions are unknown."""
    is_required = profile.protects_institutions and not rule_input.by_institution and cell.persons > 0
    return (UNKNOWN_INSTITUTIONS,) if is_required and cell.institutions is None else ()


CLOSE_COUNT_MEASURES = ROW_COUNTS - CELL_COUNTS - RATIOS
ROW_COUNT_STATISTIC = PlannedStatistic(-1, Measure.COUNT_ROWS, None, ScalarType.INT)
"""A table without statistics still discloses its number of rows, so they are judged as a count."""

Keys = tuple[Value, ...]
Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class TableFindings:
    """Findings by statistic: in `cells` by keys, in every `other` observed cell, and in an empty cell (`none`). `full`
    are the cells that hold (nearly) all of their line."""

    cells: Mapping[int, Mapping[Keys, Findings]]
    other: Mapping[int, Findings]
    none: Mapping[int, Findings]
    full: frozenset[Keys]

    def on(self, statistic: int, keys: Keys, is_there: bool) -> Findings:
        return self.cells[statistic].get(keys, self.other[statistic]) if is_there else self.none[statistic]


@dataclass(frozen=True, slots=True)
class RowFigures:
    """A row's evidence by statistic: its `own`, the one by which it is `judged`, and that of the count it is `close`
    to."""

    own: EvidenceByStatistic
    judged: EvidenceByStatistic
    close: EvidenceByStatistic
    cell: CellSize = NO_CELL

    def shown(self, statistic: PlannedStatistic, profile: DisclosureRules) -> Value:
        judged, close = self.judged[statistic.ident], self.close.get(statistic.ident)
        return protected_value(statistic, judged, profile, close, self.cell)

    def max_error(self, statistic: PlannedStatistic, profile: DisclosureRules) -> Number | None:
        """How far rounding moves the figure that is shown, at most."""
        judged, close = self.judged[statistic.ident], self.close.get(statistic.ident)
        return rounding_error(statistic, judged, profile, close, self.cell)


def _size_of(cell: CellEvidence | None) -> CellSize:
    return NO_CELL if cell is None else CellSize(cell.rows, cell.persons)


def row_figures(planned: PlannedTable, cell: CellEvidence | None, profile: DisclosureRules) -> RowFigures:
    own = {s.ident: _statistic_evidence(s, cell) for s in planned.statistics}
    close = close_counts(planned.statistics, cell, own, profile.t)
    size = _size_of(cell)
    if not close:
        return RowFigures(own, own, close, size)
    as_counts = {
        s.ident: close[s.ident] for s in planned.statistics if s.ident in close and s.measure in CLOSE_COUNT_MEASURES
    }
    return RowFigures(own, own | as_counts, close, size)


def shifted_figures(
    planned: PlannedTable, cell: CellEvidence, profile: DisclosureRules, shifts: Mapping[int, Sequence[CountShift]]
) -> RowFigures:
    """The figures of a row whose counts are moved. A count that is shown as one that it is close to is moved from
    there."""
    alone = row_figures(planned, cell, profile)
    moved, size, bases = dict(cell.statistics), CellSize(cell.rows, cell.persons), dict[int, StatisticEvidence]()
    for s in planned.statistics:
        own = evidence = _shown_count(s, alone)
        for shift in shifts.get(s.ident, ()):  # a count may be moved several times
            moved[s.ident] = evidence = shifted(s, evidence, shift)
        by_count = [shift for shift in shifts.get(s.ident, ()) if _moves_count(s, shift)]
        rows, persons = (sum(getattr(shift, of) for shift in by_count) for of in ("rows", "persons"))
        if by_count and s.measure in {Measure.MEAN, Measure.COUNT_ROWS, Measure.COUNT_VALUES}:
            count = own.rows + rows
            bases[own.rows] = replace(own, value=count, rows=count, persons=min(own.rows, cell.persons) + persons)
        if s.measure is Measure.COUNT_ROWS:  # what else is shown as this count moves with it
            size = CellSize(size.rows + rows, size.persons + persons)
    found = row_figures(planned, replace(cell, rows=size.rows, persons=size.persons, statistics=moved), profile)
    counted = {s.ident for s in planned.statistics if any(_moves_count(s, one) for one in shifts.get(s.ident, ()))}
    own_evidence = {ident: found.own[ident] for ident in shifts}
    # A sum over its mean is a count of rows, which is to be the moved one.
    sums = {
        s.ident: base
        for s in planned.statistics
        if s.measure is Measure.SUM and s.ident not in counted
        if (base := bases.get(alone.own[s.ident].rows)) is not None
    }
    close = {i: one for i, one in found.close.items() if i not in counted}
    return replace(found, judged={**found.judged, **own_evidence}, close={**close, **sums})


def _moves_count(statistic: PlannedStatistic, shift: CountShift) -> bool:
    """Whether a shift moves a count that is shown: of a mean, how many rows have a value."""
    if statistic.measure is Measure.MEAN:
        return shift.total is None and not shift.once and shift.amount == f"s{statistic.ident}_given"
    return statistic.measure is not Measure.SUM or statistic.counts


def _shown_count(statistic: PlannedStatistic, figures: RowFigures) -> StatisticEvidence:
    """The evidence of the counts that a figure shows, by which it is moved."""
    shown, close = figures.judged[statistic.ident], figures.close.get(statistic.ident)
    if statistic.measure is not Measure.SHARE or close is None:
        return shown
    return replace(shown, rest=close.persons - shown.persons, rest_rows=close.rows - count_ones(shown))


def evaluate_rules(
    planned: PlannedTable, evidence: TableEvidence, profile: DisclosureRules, margin: bool = False
) -> TableFindings:
    """Run the rules on a table. A `margin` is a table of totals of another one. Rules run only on the cells that their
    prefilters choose."""
    columns = evidence_columns.as_evidence_columns(evidence.cells)
    rule_columns = _rule_columns(planned, columns, profile, margin)
    # All empty cells are alike, so they are judged once.
    empty_inputs = {i: _rule_input(q, planned, None, profile, with_shown=True) for i, q in rule_columns.items()}
    return TableFindings(
        {i: _cell_findings(q, planned, columns, profile) for i, q in rule_columns.items()},
        {i: findings_of(one, profile, PLAN_RULES) for i, one in empty_inputs.items()},
        {i: findings_of(one, profile) for i, one in empty_inputs.items()},
        _full_line_cells(planned, evidence, profile),
    )


def _rule_columns(
    planned: PlannedTable, columns: evidence_columns.EvidenceColumns, profile: DisclosureRules, margin: bool
) -> dict[int, RuleInputColumns]:
    cells, near, by_institution = columns.fields(None), _quantile_spans(planned), is_by_institution(planned)
    judged = close_count_columns(planned.statistics, columns, profile.t)
    own = {s.ident: columns.fields(s.ident) for s in planned.statistics}
    return {
        s.ident: RuleInputColumns(
            s,
            row_count_columns(columns)
            if s is ROW_COUNT_STATISTIC
            else (judged if s.measure in CLOSE_COUNT_MEASURES else own)[s.ident],
            cells,
            by_institution,
            margin,
            near.get(s.ident),
        )
        for s in planned.statistics or (ROW_COUNT_STATISTIC,)
    }


def _cell_findings(
    rule_columns: RuleInputColumns,
    planned: PlannedTable,
    columns: evidence_columns.EvidenceColumns,
    profile: DisclosureRules,
) -> dict[Keys, Findings]:
    """Findings for cells on which other rules than those of the plan may have one."""
    rules = rules_to_evaluate(rule_columns, profile, len(columns))
    for number in np.flatnonzero(cells_without_institutions(rule_columns, profile)).tolist():
        # F6 must be reported even if no other rule applies to the cell.
        rules.setdefault(number, ())
    found: dict[Keys, Findings] = {}
    for cell, some in zip(columns.some(list(rules)), rules.values(), strict=True):
        one = _rule_input(rule_columns, planned, cell, profile, with_shown=any(r.reads_protected for r in some))
        found[cell.keys] = (*findings_of(one, profile, some + PLAN_RULES), *uncounted_institutions(cell, one, profile))
    return found


def _rule_input(
    rule_columns: RuleInputColumns, planned: PlannedTable, cell: CellEvidence | None, profile: DisclosureRules,
    with_shown: bool,
) -> RuleInput:  # fmt: skip
    statistic = rule_columns.statistic
    if statistic is ROW_COUNT_STATISTIC:
        return rule_columns.for_cell(
            cell, empty_evidence(ROW_COUNT_STATISTIC.measure) if cell is None else row_count_evidence(cell), None
        )
    if not with_shown and statistic.measure not in CLOSE_COUNT_MEASURES:
        return rule_columns.for_cell(cell, _statistic_evidence(statistic, cell), None)
    if statistic.measure is Measure.MEAN:  # no rule reads it as it is shown
        evidence = _statistic_evidence(statistic, cell)
        return rule_columns.for_cell(cell, evidence, None, mean_of_units(statistic, evidence, profile, _size_of(cell)))
    figures = row_figures(planned, cell, profile)
    evidence = figures.judged[statistic.ident]
    if not with_shown:
        return rule_columns.for_cell(cell, evidence, None)
    return rule_columns.for_cell(cell, evidence, figures.shown(statistic, profile))


def _statistic_evidence(statistic: PlannedStatistic, cell: CellEvidence | None) -> StatisticEvidence:
    return empty_evidence(statistic.measure) if cell is None else cell.statistics[statistic.ident]


def _quantile_spans(planned: PlannedTable) -> dict[int, Decimal]:
    """For each quantile, the share of rows up to its nearest neighbour among the requested quantiles of the same
    argument."""
    quantiles = [(s, s.form.fraction) for s in planned.statistics if isinstance(s.form, QuantileForm)]
    near = {
        s.ident: quantile_spans(of for other, of in quantiles if other.argument == s.argument) for s, _ in quantiles
    }
    return {s.ident: near[s.ident][of] for s, of in quantiles}


def _full_line_cells(planned: PlannedTable, evidence: TableEvidence, profile: DisclosureRules) -> frozenset[Keys]:
    is_count = any(s.measure in CELL_COUNTS for s in planned.statistics) or not planned.statistics
    if not is_count or profile.full is ZeroPolicy.PUBLISH:
        return frozenset()
    return full_cells(evidence.cells, profile.full_share, profile.t)
