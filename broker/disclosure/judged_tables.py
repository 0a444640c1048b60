"""Judges one planned table by its evidence, row by row. Rows come from lists, never from the data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace as changed
from datetime import date
from decimal import Decimal
from itertools import product
from math import prod

from broker.disclosure import table_findings
from broker.disclosure.assessment_texts import FULL_LINE, RELEASED_BEFORE, SECONDARY, SMALL_POPULATION
from broker.domain.evidence import CellEvidence, TableEvidence
from broker.domain.findings import Finding, Verdict, worst_verdict
from broker.domain.plans.lineage import with_implied
from broker.domain.plans.plan import GroupKey, PlannedTable
from broker.domain.plans.scalars import Value
from broker.domain.plans.variable_uses import Years
from broker.domain.release_history import CountShift
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import Number
from broker.postprocessing.output_rows import CellOrigin, OutputCell, OutputRow, OutputRows

Registers = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A row that may be shown: its keys and the cell observed there. An unlisted row is shown only if one of its
    figures is."""

    keys: tuple[Value, ...]
    cell: CellEvidence | None
    listed: bool


def listed_values(key: GroupKey, registers: Registers) -> tuple[Value, ...] | None:
    """Every value that rows may have for this key, in order; None if there is no list."""
    if key.domain is not None:
        return tuple(dict.fromkeys(key.domain))
    found = registers.get(key.variable) if key.variable is not None else None
    return None if found is None else tuple(dict.fromkeys(found))


def listed_rows(
    keys: Sequence[GroupKey], cells: Sequence[CellEvidence], profile: DisclosureRules, registers: Registers
) -> tuple[list[CandidateRow], bool]:
    """The rows in list order, and whether the lists cover the table.

    If every key has a list and the product of the lists is not too large, every combination is a row, whether or not it
    occurs, unless its values have no year in common. Observed values outside the lists (a code unknown to the
    catalogue, or a missing value that the list does not name) follow as unlisted rows. So an absent row means nobody,
    or too few.
    """
    lists = [listed_values(k, registers) for k in keys]
    known = [v for v in lists if v is not None]
    observed = {c.keys: c for c in cells}
    covered = len(known) == len(lists) and prod(map(len, known)) <= profile.max_listed_rows
    combinations = [*_possible(keys, product(*known))] if covered else []
    rows = [CandidateRow(keys=c, cell=observed.pop(c, None), listed=True) for c in combinations]
    positions = [{v: i for i, v in enumerate(v_list or ())} for v_list in lists]
    # Total order: data order must not show.
    extra = sorted(observed.values(), key=lambda c: tuple(map(_sort_key, c.keys, positions)))
    return rows + [CandidateRow(c.keys, c, listed=False) for c in extra], covered


def _possible(keys: Sequence[GroupKey], combinations: Iterable[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
    """The combinations in which the values of each scan have a year in common."""
    limited = [(n, key.years.scan, dict(key.years.of_value)) for n, key in enumerate(keys) if key.years is not None]
    for combination in combinations:
        common = dict[int, Years]()
        for n, scan, of_value in limited:
            if (years := of_value.get(combination[n])) is not None:
                common[scan] = common.get(scan, years) & years
        if all(common.values()):
            yield combination


def _sort_key(value: Value, positions: Mapping[Value, int]) -> tuple[int, int, str, Decimal, str]:
    """List order first, then a total order over all other values; missing values last."""
    if value in positions:
        return (0, positions[value], "", Decimal(0), "")
    match value:
        case None:
            return (2, 0, "", Decimal(0), "")
        case bool() | int() | Decimal():
            return (1, 0, "number", Decimal(value), "")
        case float():
            return (1, 0, "number", Decimal(repr(value)), "")
        case date():
            return (1, 0, "date", Decimal(0), value.isoformat())
        case _:
            return (1, 0, "text", Decimal(0), value)


HIDING_VERDICTS = frozenset({Verdict.SUPPRESS, Verdict.REFUSE})
PLAN_RULE_IDS = frozenset({"A1", "A2"})

FigureSet = frozenset[tuple[tuple[Value, ...], int]]
"""Figures of a table: keys of the row, and the statistic."""


@dataclass(frozen=True, slots=True)
class HistoryConstraint:
    """Constraints of the release history on a table's figures: those in `hidden` must not be shown, those in `earlier`
    show the value that was released before, whatever it is today, and counts in `shifts` count a few persons more or
    less."""

    hidden: FigureSet = frozenset()
    earlier: Mapping[tuple[tuple[Value, ...], int], Value] = field(default_factory=dict)
    shifts: Mapping[tuple[Value, ...], Mapping[int, Sequence[CountShift]]] = field(default_factory=dict)


NO_HISTORY = HistoryConstraint()


@dataclass(frozen=True, slots=True)
class TableContext:
    """Data common to all rows of the table. `read` are the statistics that the output reads. `implied` maps each
    statistic to those whose findings also apply to it."""

    planned: PlannedTable
    profile: DisclosureRules
    read: frozenset[int]
    findings: table_findings.TableFindings
    hide_all: bool
    secondary: FigureSet
    history: HistoryConstraint
    implied: Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row with its protected cells. Each cell carries the findings on all statistics that it implies; `findings` are
    those of each statistic alone."""

    row: CandidateRow
    line: OutputRow
    findings: Mapping[int, table_findings.Findings]


@dataclass(frozen=True, slots=True)
class JudgedTable:
    """`blank` are the cells of a missing row. `covered` says that every row comes from a list."""

    planned: PlannedTable
    rows: tuple[JudgedRow, ...]
    blank: Mapping[int, OutputCell]
    covered: bool
    read: frozenset[int]

    @property
    def lines(self) -> OutputRows:
        return OutputRows(tuple(r.line for r in self.rows), self.blank)

    @property
    def has_hidden_cells(self) -> bool:
        return any(r.line.cells[i].hidden for r in self.rows for i in self.read)

    @property
    def verdict(self) -> Verdict:
        return worst_verdict([r.line.cells[i].verdict for r in self.rows for i in self.read])


def judge_table(
    planned: PlannedTable, evidence: TableEvidence, profile: DisclosureRules, registers: Registers,
    read: frozenset[int], hide_all: bool, secondary: FigureSet = frozenset(), margin: bool = False,
    history: HistoryConstraint = NO_HISTORY,
) -> JudgedTable:  # fmt: skip
    """Judge a table. The rows are all listed ones, and those unlisted ones in which a read statistic may be shown; for
    a table that is not shown, every observed cell, for its findings. `secondary` figures are hidden whatever the rules
    say. A `margin` is a table of totals of another table."""
    idents = frozenset(s.ident for s in planned.statistics)
    read = read & idents if planned.shown else idents  # all are judged where none is shown
    findings = table_findings.evaluate_rules(planned, evidence, profile, margin)
    implied = {i: sorted(with_implied(frozenset({i}), planned.statistics)) for i in idents}
    context = TableContext(planned, profile, read, findings, hide_all, secondary, history, implied)
    if planned.shown:
        rows, covered = listed_rows(planned.keys, evidence.cells, profile, registers)
    else:
        rows, covered = [CandidateRow(c.keys, c, listed=False) for c in evidence.cells], False
    # Judged once for all rows in which nobody was found.
    missing = _judge_row(CandidateRow(tuple(None for _ in planned.keys), None, listed=False), context)
    judged = [
        _empty_row(missing, row, context) if row.cell is None and not secondary else _judge_row(row, context)
        for row in rows
    ]
    passed = tuple(j for j in judged if j.row.listed or j.line.exists or not planned.shown)
    blank = {
        i: changed(c, released=None, exact=None, origin=CellOrigin.COMPUTED, max_error=None)
        for i, c in missing.line.cells.items()
    }
    return JudgedTable(planned, passed, blank, covered, read)


def _empty_row(missing: JudgedRow, row: CandidateRow, context: TableContext) -> JudgedRow:
    """Rows in which nobody was found are judged once, because they differ only in their keys."""
    line = OutputRow({**missing.line.cells, **_key_cells(row, context)}, missing.line.exists, row.listed, 0)
    return JudgedRow(row, line, missing.findings)


def _key_cells(row: CandidateRow, context: TableContext) -> dict[int, OutputCell]:
    return {
        k.ident: OutputCell(v, v, origin=CellOrigin.KEY, max_error=0)
        for k, v in zip(context.planned.keys, row.keys, strict=True)
    }


def _judge_row(row: CandidateRow, context: TableContext) -> JudgedRow:
    figures = shown = table_findings.row_figures(context.planned, row.cell, context.profile)
    if row.cell is not None and (shifts := context.history.shifts.get(row.keys)):
        shown = table_findings.shifted_figures(context.planned, row.cell, context.profile, shifts)
    alone = {s.ident: _judge_statistic(s.ident, row, context) for s in context.planned.statistics}
    cells, frozen = _key_cells(row, context), {ident for _, ident in context.history.earlier}
    for s in context.planned.statistics:
        implied = [f for i in context.implied[s.ident] for f in alone[i]]  # a figure is as unsafe as what it implies
        # An earlier release wins over today's value, whose error would tell how it differs.
        safe = context.history.earlier.get((row.keys, s.ident), shown.shown(s, context.profile))
        has_error = safe is not None and s.ident not in frozen
        error = shown.max_error(s, context.profile) if has_error else None
        cells[s.ident] = _protected_cell(safe, figures.own[s.ident].value, implied, error)
    persons = row.cell.persons if row.cell else 0
    return JudgedRow(row, OutputRow(cells, _is_shown(row, cells, context), row.listed, persons), alone)


def _protected_cell(safe: Value, exact: Value, findings: Sequence[Finding], error: Number | None = None) -> OutputCell:
    if not findings:
        return OutputCell(safe, exact, origin=CellOrigin.STATISTIC, max_error=error)
    hidden = any(f.verdict in HIDING_VERDICTS for f in findings)
    verdict, rules = worst_verdict([f.verdict for f in findings]), frozenset(f.rule for f in findings)
    released, error = (None, None) if hidden else (safe, error)
    return OutputCell(released, exact, hidden, verdict, rules, CellOrigin.STATISTIC, error)


def _is_shown(row: CandidateRow, cells: Mapping[int, OutputCell], context: TableContext) -> bool:
    """Whether a statistic of the row may be shown: one that the output reads, if it reads any."""
    if row.cell is None:
        return False
    statistics = context.read or frozenset(s.ident for s in context.planned.statistics)
    if statistics:
        return any(not cells[i].hidden for i in statistics)
    return not _protected_cell(
        None, None, _judge_statistic(table_findings.ROW_COUNT_STATISTIC.ident, row, context)
    ).hidden


def _judge_statistic(ident: int, row: CandidateRow, context: TableContext) -> table_findings.Findings:
    found = [_hide_for_review(f) for f in context.findings.on(ident, row.keys, row.cell is not None)]
    if context.hide_all:
        found.append(SMALL_POPULATION)
    if row.cell is not None and row.keys in context.findings.full:
        found.append(FULL_LINE)
    if (row.keys, ident) in context.secondary:
        found.append(SECONDARY)
    if (row.keys, ident) in context.history.hidden:
        found.append(RELEASED_BEFORE)
    if any(f.verdict in HIDING_VERDICTS for f in found):
        # A hidden figure needs no review because of its data; a review would reveal that somebody is there.
        found = [f for f in found if f.verdict in HIDING_VERDICTS or f.rule in PLAN_RULE_IDS]
    return tuple(found)


def _hide_for_review(finding: Finding) -> Finding:
    """Hide zero and full cells that would otherwise need a review."""
    if finding.rule in {"F2", "F3"} and finding.verdict is Verdict.REVIEW:
        return changed(finding, verdict=Verdict.SUPPRESS)
    return finding
