"""The rules' word on one planned table by its evidence, cell by cell and statistic by statistic. Computes nothing above
the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed

from broker.disclosure.listing import Registers, Row, listed_rows
from broker.disclosure.table_words import ROWS, Findings, TableWords, figures_of, words_on
from broker.disclosure.wording import FULL_LINE, REMEMBERED, SECONDARY, SMALL_POPULATION
from broker.domain.evidence import TableEvidence
from broker.domain.findings import Finding, Verdict, worst
from broker.domain.lineage import with_implied
from broker.domain.plans import PlannedTable
from broker.domain.scalars import Value
from broker.policy.profiles import Profile
from broker.postprocessing.cells import Cell, Line, Lines, Origin

HIDING = frozenset({Verdict.SUPPRESS, Verdict.REFUSE})
STATIC_IDS = frozenset({"A1", "A2"})

Covered = frozenset[tuple[tuple[Value, ...], int]]
"""Figures of a table, by the row's keys and the statistic."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What memory says of a table's figures: `hidden` must not be shown, and of `earlier` the value is shown that was
    released before, whatever it is today."""

    hidden: Covered = frozenset()
    earlier: Mapping[tuple[tuple[Value, ...], int], Value] = field(default_factory=dict)


NOT_REMEMBERED = Remembered()


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for every row of the table. `read` are the statistics that the output reads; `implied` says of each
    those whose findings are its own too."""

    planned: PlannedTable
    profile: Profile
    read: frozenset[int]
    words: TableWords
    hide_all: bool
    secondary: Covered
    remembered: Remembered
    implied: Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row with its protected cells, which carry what is found on all that they imply; `findings` are each statistic's
    own."""

    row: Row
    line: Line
    findings: Mapping[int, Findings]


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
    remembered: Remembered = NOT_REMEMBERED,
) -> JudgedTable:
    """Rows that may be shown: all listed ones, and of the others those in which a statistic that is read passes. Of a
    table that is not shown, every observed cell, for its findings. `secondary` are hidden whatever the rules say; a
    `margin` is a table of totals of another one."""
    idents = frozenset(s.ident for s in planned.statistics)
    read = read & idents if planned.shown else idents
    words = words_on(planned, evidence, profile, margin)
    implied = {i: sorted(with_implied(frozenset({i}), planned.statistics)) for i in idents}
    context = Context(planned, profile, read, words, hide_all, secondary, remembered, implied)
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
    figures = figures_of(context.planned, row.cell, context.profile)
    alone = {s.ident: _judge_statistic(s.ident, row, context) for s in context.planned.statistics}
    cells = _keys(row, context)
    for s in context.planned.statistics:
        implied = [f for i in context.implied[s.ident] for f in alone[i]]
        safe = context.remembered.earlier.get((row.keys, s.ident), figures.shown(s, context.profile))
        cells[s.ident] = _cell(safe, figures.own[s.ident].value, implied)
    persons = row.cell.persons if row.cell else 0
    return JudgedRow(row, Line(cells, _exists(row, cells, context), row.listed, persons), alone)


def _cell(safe: Value, exact: Value, findings: Sequence[Finding]) -> Cell:
    if not findings:
        return Cell(safe, exact, origin=Origin.STATISTIC)
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
    return not _cell(None, None, _judge_statistic(ROWS.ident, row, context)).hidden


def _judge_statistic(ident: int, row: Row, context: Context) -> Findings:
    found = [_hidden(f) for f in context.words.on(ident, row.keys, row.cell is not None)]
    if context.hide_all:
        found.append(SMALL_POPULATION)
    if row.cell is not None and row.keys in context.words.full:
        found.append(FULL_LINE)
    if (row.keys, ident) in context.secondary:
        found.append(SECONDARY)
    if (row.keys, ident) in context.remembered.hidden:
        found.append(REMEMBERED)
    if any(f.verdict in HIDING for f in found):
        # A look that the data ask for is not needed at what is hidden, and would tell that there is something.
        found = [f for f in found if f.verdict in HIDING or f.rule in STATIC_IDS]
    return tuple(found)


def _hidden(finding: Finding) -> Finding:
    """Zero and full cells that a person would have to look at are hidden instead."""
    if finding.rule in {"F2", "F3"} and finding.verdict is Verdict.REVIEW:
        return changed(finding, verdict=Verdict.SUPPRESS)
    return finding
