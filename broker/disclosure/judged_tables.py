"""The rules' word on one planned table by its evidence, cell by cell and statistic by statistic. Computes nothing above
the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from decimal import Decimal

from broker.disclosure.above.cells import Cell, Line, Lines, Origin
from broker.disclosure.closeness import counted as counted_rows
from broker.disclosure.closeness import taken_for
from broker.disclosure.full_rows import full_cells
from broker.disclosure.institution_rules import is_by_institution, uncounted
from broker.disclosure.listing import Registers, Row, listed_rows
from broker.disclosure.perturb import shown
from broker.disclosure.protect import empty
from broker.disclosure.rules import Question, findings_of, worst
from broker.disclosure.rules.position import spans
from broker.disclosure.wording import FULL_LINE, SECONDARY, SMALL_POPULATION
from broker.domain.lineage import with_implied
from broker.domain.outputs import Finding, StatisticEvidence, TableEvidence, Verdict
from broker.domain.plans import Fraction, Measure, PlannedTable, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.models import Profile, ZeroPolicy

HIDING = frozenset({Verdict.SUPPRESS, Verdict.REFUSE})
FREQUENCIES = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
CLOSE = frozenset({Measure.COUNT_VALUES, Measure.ONES})
STATIC_IDS = frozenset({"A1", "A2"})
ROWS = Statistic(-1, Measure.COUNT_ROWS, None, Type.INT)
"""A table that has no statistic of its own still tells how many rows it has: they are judged as a count."""

Covered = frozenset[tuple[tuple[Value, ...], int]]
"""Figures of a table, by the row's keys and the statistic."""

Findings = Mapping[int, tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for every row of the table. `read` are the statistics that the output reads."""

    planned: PlannedTable
    profile: Profile
    read: frozenset[int]
    full: frozenset[tuple[Value, ...]]
    hide_all: bool
    secondary: Covered
    spans: Mapping[int, Decimal]
    by_institution: bool
    margin: bool


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row with its protected cells, which carry what is found on all that they imply; `findings` are each statistic's
    own."""

    row: Row
    line: Line
    findings: Findings


@dataclass(frozen=True, slots=True)
class JudgedTable:
    """`blank` is what a missing row looks like; `covered` says that every row comes from a list."""

    planned: PlannedTable
    rows: tuple[JudgedRow, ...]
    blank: Mapping[int, Cell]
    covered: bool
    read: frozenset[int]

    @property
    def lines(self) -> Lines:
        return Lines(tuple(r.line for r in self.rows), self.blank)

    @property
    def has_holes(self) -> bool:
        return any(r.line.cells[i].hidden for r in self.rows for i in self.read)

    @property
    def verdict(self) -> Verdict:
        return worst([r.line.cells[i].verdict for r in self.rows for i in self.read])


def judge_table(
    planned: PlannedTable,
    evidence: TableEvidence,
    profile: Profile,
    registers: Registers,
    read: frozenset[int],
    hide_all: bool,
    secondary: Covered = frozenset(),
    margin: bool = False,
) -> JudgedTable:
    """Rows that may be shown: all listed ones, and of the others those in which a statistic that is read passes. Of a
    table that is not shown, every observed cell, for its findings. `secondary` are hidden whatever the rules say; a
    `margin` is a table of totals of another one."""
    idents = frozenset(s.ident for s in planned.statistics)
    read = read & idents if planned.shown else idents
    full, by_institution = _full(planned, evidence, profile), is_by_institution(planned)
    context = Context(planned, profile, read, full, hide_all, secondary, _spans(planned), by_institution, margin)
    if planned.shown:
        rows, covered = listed_rows(planned.keys, evidence.cells, profile, registers)
    else:
        rows, covered = [Row(c.keys, c, listed=False) for c in evidence.cells], False
    missing = _judge_row(Row(tuple(None for _ in planned.keys), None, listed=False), context)
    judged = [
        _like(missing, row, context) if row.cell is None and not secondary else _judge_row(row, context) for row in rows
    ]
    kept = tuple(j for j in judged if j.row.listed or j.line.exists or not planned.shown)
    blank = {i: changed(c, released=None, exact=None, origin=Origin.COMPUTED) for i, c in missing.line.cells.items()}
    return JudgedTable(planned, kept, blank, covered, read)


def _like(missing: JudgedRow, row: Row, context: Context) -> JudgedRow:
    """Rows in which nobody was found are judged once: they differ in their keys only."""
    line = Line({**missing.line.cells, **_keys(row, context)}, missing.line.exists, row.listed, 0)
    return JudgedRow(row, line, missing.findings)


def _keys(row: Row, context: Context) -> dict[int, Cell]:
    return {k.ident: Cell(v, v, origin=Origin.KEY) for k, v in zip(context.planned.keys, row.keys, strict=True)}


def _judge_row(row: Row, context: Context) -> JudgedRow:
    planned, profile = context.planned, context.profile
    evidence = {s.ident: _evidence_of(s, row) for s in planned.statistics}
    close = taken_for(planned.statistics, row.cell, evidence, profile.t)
    counted = evidence | {
        s.ident: close[s.ident] for s in planned.statistics if s.ident in close and s.measure in CLOSE
    }
    safe = {s.ident: shown(s, counted[s.ident], profile, close.get(s.ident)) for s in planned.statistics}
    alone = {s.ident: _judge_statistic(s, counted[s.ident], safe[s.ident], row, context) for s in planned.statistics}
    implied = {i: _with_implied(i, alone, planned.statistics) for i in alone}
    cells = _keys(row, context)
    cells |= {i: _cell(safe[i], evidence[i].value, implied[i]) for i in alone}
    persons = row.cell.persons if row.cell else 0
    return JudgedRow(row, Line(cells, _exists(row, cells, context), row.listed, persons), alone)


def _cell(safe: Value, exact: Value, findings: Sequence[Finding]) -> Cell:
    hidden = any(f.verdict in HIDING for f in findings)
    verdict, rules = worst([f.verdict for f in findings]), frozenset(f.rule for f in findings)
    return Cell(None if hidden else safe, exact, hidden, verdict, rules, Origin.STATISTIC)


def _exists(row: Row, cells: Mapping[int, Cell], context: Context) -> bool:
    """Whether a statistic passes; one that the output reads, where it reads any."""
    if row.cell is None:
        return False
    asked = context.read or frozenset(s.ident for s in context.planned.statistics)
    if asked:
        return any(not cells[i].hidden for i in asked)
    return not _cell(None, None, _judge_statistic(ROWS, counted_rows(row.cell), None, row, context)).hidden


def _judge_statistic(
    statistic: Statistic, evidence: StatisticEvidence, safe: Value, row: Row, context: Context
) -> tuple[Finding, ...]:
    persons = row.cell.persons if row.cell else 0
    ask = Question(
        statistic.measure,
        evidence,
        persons,
        statistic.needs_review,
        statistic.bounds,
        institutions=row.cell.institutions if row.cell else None,
        protected=safe,
        largest_institution=row.cell.largest_institution if row.cell else None,
        by_institution=context.by_institution,
        margin=context.margin,
        span=context.spans.get(statistic.ident),
    )
    found = [_hidden(f) for f in (*findings_of(ask, context.profile), *uncounted(row.cell, ask, context.profile))]
    if context.hide_all:
        found.append(SMALL_POPULATION)
    if row.keys in context.full and row.cell is not None:
        found.append(FULL_LINE)
    if (row.keys, statistic.ident) in context.secondary:
        found.append(SECONDARY)
    if any(f.verdict in HIDING for f in found):
        # A look that the data ask for is not needed at what is hidden, and would tell that there is something.
        found = [f for f in found if f.verdict in HIDING or f.rule in STATIC_IDS]
    return tuple(found)


def _with_implied(ident: int, alone: Findings, statistics: Sequence[Statistic]) -> tuple[Finding, ...]:
    return tuple(f for i in sorted(with_implied(frozenset({ident}), statistics)) for f in alone[i])


def _hidden(finding: Finding) -> Finding:
    """Zero and full cells that a person would have to look at are hidden instead."""
    if finding.rule in {"F2", "F3"} and finding.verdict is Verdict.REVIEW:
        return changed(finding, verdict=Verdict.SUPPRESS)
    return finding


def _evidence_of(statistic: Statistic, row: Row) -> StatisticEvidence:
    if row.cell is None:
        return empty(statistic.measure)
    return row.cell.statistics[statistic.ident]


def _spans(planned: PlannedTable) -> dict[int, Decimal]:
    """Of each quantile, the share of rows to the nearer of those that are asked for of the same argument."""
    asked = [(s, s.form.of) for s in planned.statistics if isinstance(s.form, Fraction)]
    near = {s.ident: spans(of for other, of in asked if other.argument == s.argument) for s, _ in asked}
    return {s.ident: near[s.ident][of] for s, of in asked}


def _full(planned: PlannedTable, evidence: TableEvidence, profile: Profile) -> frozenset[tuple[Value, ...]]:
    counted = any(s.measure in FREQUENCIES for s in planned.statistics) or not planned.statistics
    return (
        full_cells(evidence.cells, profile.full_share, profile.t)
        if counted and profile.full is not ZeroPolicy.PUBLISH
        else frozenset()
    )
