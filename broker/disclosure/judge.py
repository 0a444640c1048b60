"""The rules' word on one planned output by its evidence. Knows no engine, no other release and no person's vote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from broker.disclosure.institution_rules import institution_notice
from broker.disclosure.judged_tables import (
    NOT_REMEMBERED,
    STATIC_IDS,
    Covered,
    JudgedRow,
    JudgedTable,
    Remembered,
    judge_table,
)
from broker.disclosure.listing import Registers
from broker.disclosure.protect import empty
from broker.disclosure.records.table_record import table_record
from broker.disclosure.rules import STATIC, Question, findings_of
from broker.disclosure.wording import CONTEXT, EMPTY_ROWS, SMALL_PART, SMALL_POPULATION, notes_of, symbols_of
from broker.domain.errors import Breach
from broker.domain.evidence import OutputEvidence
from broker.domain.findings import Assessment, Audit, Finding, JudgedCell, Verdict, worst
from broker.domain.groups import bases_of
from broker.domain.lineage import Lineage, lineage_of, walk
from broker.domain.plans import PlannedOutput, PlannedTable
from broker.policy.profiles import Profile, ZeroPolicy
from broker.postprocessing.cells import Cell, Line, Work, leaves
from broker.postprocessing.formulas import compute
from broker.postprocessing.program import given, run

MADE_OF_PARTS, OF_PARTS = frozenset({"ratio", "difference"}), frozenset({"P3"})
"""A ratio or difference releases the cells that it is made of: it is hidden with any of them."""


class Asked(NamedTuple):
    """What is judged, by which rules, and what its columns are made of."""

    planned: PlannedOutput
    evidence: OutputEvidence
    profile: Profile
    lineage: Lineage

    @property
    def is_small(self) -> bool:
        """Whether a population is under the threshold, so that everything is hidden."""
        return any(e.persons < self.profile.t for e in self.evidence.tables)

    def with_zeros_hidden(self) -> "Asked":
        return self._replace(profile=replace(self.profile, zeros=ZeroPolicy.SUPPRESS))


def judge(
    planned: PlannedOutput, evidence: OutputEvidence, profile: Profile, registers: Registers | None = None
) -> Assessment:
    """One output by itself: every table's cells are judged and protected; what stands above sees protected values only.

    Silence: what must be looked at before it is shown (zero and full cells under ZeroPolicy.REVIEW) is hidden here
    under the same symbol as small cells, so that neither the table nor its way to release tells them apart; a
    population under the threshold, of any table, gives the constant answer that an empty one gives.
    """
    asked = ask(planned, evidence, profile)
    tables = judged_by(asked, registers or {})
    if profile.zeros is ZeroPolicy.PUBLISH and has_holes(tables):
        asked = asked.with_zeros_hidden()
        tables = judged_by(asked, registers or {})
    return assessed(asked, tables)


def ask(planned: PlannedOutput, evidence: OutputEvidence, profile: Profile) -> Asked:
    _check(planned, evidence)
    return Asked(planned, evidence, profile, lineage_of(planned))


def judged_by(
    asked: Asked,
    registers: Registers,
    secondary: Mapping[int, Covered] | None = None,
    remembered: Mapping[int, Remembered] | None = None,
) -> list[JudgedTable]:
    """The tables of an output; `secondary` are further figures to hide, and `remembered` is what memory says of each
    table, by the table's number."""
    pairs = zip(asked.planned.tables, asked.evidence.tables, strict=True)
    covered, known = secondary or {}, remembered or {}
    return [
        judge_table(
            p,
            e,
            asked.profile,
            registers,
            asked.lineage.read,
            asked.is_small,
            covered.get(n, frozenset()),
            margin=_is_margin(p, asked.planned.tables),
            remembered=known.get(n, NOT_REMEMBERED),
        )
        for n, (p, e) in enumerate(pairs)
    ]


def _is_margin(table: PlannedTable, others: Sequence[PlannedTable]) -> bool:
    """Whether another table of the output tells the same rows apart by more keys."""
    keys = {k.expression for k in table.keys}
    return any(keys < {k.expression for k in o.keys} and o.contributions == table.contributions for o in others)


def has_holes(tables: Sequence[JudgedTable]) -> bool:
    """Zeros may be shown only where nothing is hidden: beside a hidden cell they would tell that it is not empty."""
    return any(t.has_holes for t in tables if t.planned.shown)


def assessed(
    asked: Asked, tables: Sequence[JudgedTable], more: Sequence[Finding] = (), audit: Audit | None = None
) -> Assessment:
    """What is told of an output by its judged tables. `more` are findings on the output as a whole."""
    profile = asked.profile
    rows = _rows(asked, tables)
    verdicts = [*_verdicts(asked, tables, bool(rows)), *(f.verdict for f in more)]
    told = (f for t in tables for r in t.rows for f in _told(r, t, asked))
    return Assessment(
        name=asked.planned.name,
        columns=tuple(c.name for c in asked.planned.columns),
        key_count=sum(c.is_key for c in asked.planned.columns),
        rows=rows,
        findings=(*told, *_output_findings(asked, tables), *more),
        verdict=worst([*(v for r in rows for v in r.verdicts), *verdicts]),
        small=asked.is_small or any(all(c.persons < profile.t for c in e.cells) for e in asked.evidence.tables),
        symbols=symbols_of(profile),
        notes=notes_of(
            profile,
            all(t.covered for t in tables if t.planned.shown),
            frozenset(map(type, walk(asked.planned.program))),
        ),
        tables=tuple(map(table_record, tables)),
        behind=tuple(tuple(sorted(b)) for b in asked.lineage.behind),
        audit=audit,
    )


def _check(planned: PlannedOutput, evidence: OutputEvidence) -> None:
    if (len(planned.tables), len(planned.public)) != (len(evidence.tables), len(evidence.public)):
        raise Breach("The evidence is of other tables than planned.")
    ids = [i for t in planned.tables for i in (*(k.ident for k in t.keys), *(s.ident for s in t.statistics))]
    if len(set(ids)) < len(ids):
        raise Breach("Two columns of the plan's tables have one id.")
    if not all(planned.tables[n].shown for n in bases_of(planned.program)):
        raise Breach("The plan's output shows a table that must not be shown.")


def _rows(asked: Asked, tables: Sequence[JudgedTable]) -> tuple[JudgedCell, ...]:
    """The program's rows as output columns. A row that no list names is shown only if one of its figures is."""
    figures = [i for i, found in enumerate(asked.lineage.behind) if found]
    public = [given(p, rows) for p, rows in zip(asked.planned.public, asked.evidence.public, strict=True)]
    work = Work(asked.profile.max_group_steps)
    lines = run(asked.planned.program, [t.lines for t in tables], work, public).rows
    shown: list[JudgedCell] = []
    for line in lines:
        cells = [compute(c.expression, line.cells) for c in asked.planned.columns]
        passes = any(not cells[i].hidden for i in figures) if figures else line.exists
        if line.listed or passes:
            shown.append(_row(asked.planned, line, cells))
    return tuple(shown)


def _row(planned: PlannedOutput, line: Line, cells: Sequence[Cell]) -> JudgedCell:
    return JudgedCell(
        keys=tuple(cell.exact for cell, c in zip(cells, planned.columns, strict=True) if c.is_key),
        exact=tuple(cell.exact for cell in cells),
        released=tuple(map(leaves, cells)),
        suppressed=tuple(cell.hidden for cell in cells),
        verdicts=tuple(cell.verdict for cell in cells),
        rules=tuple(
            tuple(sorted(cell.rules | (OF_PARTS if cell.hidden and c.statistic in MADE_OF_PARTS else frozenset())))
            for cell, c in zip(cells, planned.columns, strict=True)
        ),
        persons=line.persons or 0,
    )


def _told(judged: JudgedRow, table: JudgedTable, asked: Asked) -> list[Finding]:
    """Findings of a table's row for staff, under each output column that shows the figure: not those of the plan, nor
    of empty rows, which are told once for the output."""
    if judged.row.cell is None or not any(judged.findings.values()):
        return []
    found: list[Finding] = []
    columns = zip(asked.planned.columns, asked.lineage.behind, strict=True)
    places = [(c.name, behind & table.read) for c, behind in columns]
    nowhere = table.read.difference(*(behind for _, behind in places))
    for name, idents in [*places, (None, nowhere)]:
        for ident in sorted(idents):
            own = [f for f in judged.findings[ident] if f.rule not in STATIC_IDS | {"W1"}]
            found += [replace(f, cell=judged.row.keys, column=name) for f in own]
    return found


def _static(asked: Asked) -> list[Finding]:
    """What follows from the plan alone."""
    found = [] if all(t.shown for t in asked.planned.tables) else [CONTEXT]
    found += [replace(SMALL_PART, sentence=p.sentence) for p in asked.planned.small_parts]
    found += [f for t in asked.planned.tables for f in institution_notice(t, asked.profile)]
    for statistic in (s for t in asked.planned.tables for s in t.statistics):
        ask = Question(statistic.measure, empty(statistic.measure), 0, statistic.needs_review)
        found += findings_of(ask, asked.profile, STATIC)
    return found


def _output_findings(asked: Asked, tables: Sequence[JudgedTable]) -> list[Finding]:
    found = _static(asked)
    for evidence in asked.evidence.tables:
        if evidence.persons < asked.profile.t:
            found.append(replace(SMALL_POPULATION, figures=(("persons", str(evidence.persons)),)))
    shown = [t for t in tables if t.planned.shown]
    blank = sum(r.row.listed and r.row.cell is None for t in shown for r in t.rows)
    if blank and (asked.profile.zeros is not ZeroPolicy.PUBLISH or any(t.has_holes for t in shown)):
        found.append(replace(EMPTY_ROWS, figures=(("rows", str(blank)),)))
    return found


def _verdicts(asked: Asked, tables: Sequence[JudgedTable], has_rows: bool) -> list[Verdict]:
    """Of the plan, and of every figure that is read, shown or not; an output of no row at all is as if every cell of it
    were hidden."""
    found = [f.verdict for f in _static(asked)] + [t.verdict for t in tables if t.planned.shown]
    return found if has_rows else [*found, Verdict.SUPPRESS]
