"""The rules' word on one planned output by its evidence. Knows no engine, no other release and no person's vote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from broker.disclosure.closeness import taken_for
from broker.disclosure.evaluate import evaluate, limited
from broker.disclosure.full_rows import full_cells
from broker.disclosure.listing import Registers, Row, listed_rows
from broker.disclosure.ordering import in_order
from broker.disclosure.protect import empty, protected
from broker.disclosure.rules import STATIC, Question, findings_of, worst
from broker.disclosure.wording import EMPTY_ROWS, FULL_LINE, MISSING, SMALL_POPULATION, notes_of, symbols_of
from broker.domain.outputs import (
    Assessment,
    Finding,
    JudgedCell,
    OutputEvidence,
    StatisticEvidence,
    Verdict,
)
from broker.domain.plans import Measure, OutputColumn, PlannedOutput, Statistic
from broker.domain.scalars import Column, Value, columns_of
from broker.policy.models import Profile, ZeroPolicy

HIDING = frozenset({Verdict.SUPPRESS, Verdict.REFUSE})
FREQUENCIES = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
CLOSE = frozenset({Measure.COUNT_VALUES, Measure.ONES})
STATIC_IDS = frozenset({"R0", "R1"})


class Context(NamedTuple):
    """What holds for every row of the output."""

    planned: PlannedOutput
    profile: Profile
    full: frozenset[tuple[Value, ...]]
    hide_all: bool


def judge(
    planned: PlannedOutput, evidence: OutputEvidence, profile: Profile, registers: Registers | None = None
) -> Assessment:
    """Every cell's verdict, its protected value, and the output's verdict.

    Silence: what must be looked at before it is shown (zero and full cells under ZeroPolicy.REVIEW) is hidden here
    under the same symbol as small cells, so that neither the table nor its way to release tells them apart; a
    population under the threshold gives the constant answer that an empty one gives.
    """
    small_population = evidence.persons < profile.t
    context = Context(planned, profile, _full(planned, evidence, profile), small_population)
    rows, covered = listed_rows(planned.keys, evidence.cells, profile, registers or {})
    shown = _shown_rows(rows, context)
    if profile.zeros is ZeroPolicy.PUBLISH and any(any(cell.suppressed) for cell, _ in shown):
        # Zeros may be shown only where nothing is hidden: beside a hidden cell they would tell that it is not empty.
        context = context._replace(profile=profile.model_copy(update={"zeros": ZeroPolicy.SUPPRESS}))
        shown = _shown_rows(rows, context)
    findings = [f for _, found in shown for f in found] + _output_findings(context, evidence, rows)
    return Assessment(
        name=planned.name,
        columns=tuple(c.name for c in planned.columns),
        key_count=len(planned.keys),
        rows=in_order([cell for cell, _ in shown], planned.order),
        findings=tuple(findings),
        verdict=_verdict(context, [cell for cell, _ in shown]),
        small=small_population or all(c.persons < profile.t for c in evidence.cells),
        symbols=symbols_of(profile),
        notes=notes_of(profile, covered),
    )


def _shown_rows(rows: Sequence[Row], context: Context) -> list[tuple[JudgedCell, tuple[Finding, ...]]]:
    """Judged rows that are shown: all listed ones, and of the others those in which some statistic passes."""
    idents = {s.ident for s in context.planned.statistics}
    figures = [i for i, c in enumerate(context.planned.columns) if idents & columns_of(c.expression)]
    judged = [(row, *_judge_row(row, context)) for row in rows]
    return [(cell, f) for row, cell, f in judged if row.listed or any(not cell.suppressed[i] for i in figures)]


def _judge_row(row: Row, context: Context) -> tuple[JudgedCell, tuple[Finding, ...]]:
    planned, profile = context.planned, context.profile
    evidence = {s.ident: _evidence_of(s, row) for s in planned.statistics}
    close = taken_for(planned.statistics, row.cell, evidence, profile.t)
    counted = evidence | {
        s.ident: close[s.ident] for s in planned.statistics if s.ident in close and s.measure in CLOSE
    }
    by_statistic = {s.ident: _judge_statistic(s, counted[s.ident], row, context) for s in planned.statistics}
    keys: dict[int, Value] = {k.ident: v for k, v in zip(planned.keys, row.keys, strict=True)}
    exact = keys | {i: e.value for i, e in evidence.items()}
    safe = keys | {
        s.ident: protected(s, counted[s.ident], profile, close[s.ident].rows if s.ident in close else None)
        for s in planned.statistics
    }
    answers = [_judge_column(c, by_statistic, planned) for c in planned.columns]
    hidden = tuple(any(f.verdict in HIDING for f in found) for found in answers)
    released = [None if h else _shown(c, planned, safe) for c, h in zip(planned.columns, hidden, strict=True)]
    cell = JudgedCell(
        keys=row.keys,
        exact=tuple(evaluate(c.expression, exact) for c in planned.columns),
        released=tuple(released),
        suppressed=hidden,
        verdicts=tuple(worst([f.verdict for f in found]) for found in answers),
        rules=tuple(tuple(sorted({f.rule for f in found})) for found in answers),
        persons=row.cell.persons if row.cell else 0,
    )
    return cell, _told(row, planned, answers)


def _judge_statistic(
    statistic: Statistic, evidence: StatisticEvidence, row: Row, context: Context
) -> tuple[Finding, ...]:
    persons = row.cell.persons if row.cell else 0
    ask = Question(statistic.measure, evidence, persons, statistic.needs_review, statistic.bounds)
    found = [_hidden(f, context.profile) for f in findings_of(ask, context.profile)]
    if context.hide_all:
        found.append(SMALL_POPULATION)
    if row.keys in context.full:
        found.append(FULL_LINE)
    if any(f.verdict in HIDING for f in found):
        # A look that the data ask for is not needed at what is hidden, and would tell that there is something.
        found = [f for f in found if f.verdict in HIDING or f.rule in STATIC_IDS]
    return tuple(found)


def _judge_column(
    column: OutputColumn, by_statistic: Mapping[int, tuple[Finding, ...]], planned: PlannedOutput
) -> tuple[Finding, ...]:
    """The findings on every statistic in the column and on everything implied by one of them."""
    inside = set(columns_of(column.expression)) & set(by_statistic)
    while more := {s.ident for s in planned.statistics if s.behind in inside} - inside:
        inside |= more
    return tuple(replace(f, column=column.name) for i in sorted(inside) for f in by_statistic[i])


def _hidden(finding: Finding, profile: Profile) -> Finding:
    """Zero and full cells that a person would have to look at are hidden instead."""
    if finding.rule in {"F2", "F3"} and finding.verdict is Verdict.REVIEW:
        return replace(finding, verdict=Verdict.SUPPRESS)
    return finding


def _evidence_of(statistic: Statistic, row: Row) -> StatisticEvidence:
    if row.cell is None:
        return empty(statistic.measure)
    return row.cell.statistics[statistic.ident]


def _shown(column: OutputColumn, planned: PlannedOutput, safe: Mapping[int, Value]) -> Value:
    value = evaluate(column.expression, safe)
    is_key = isinstance(column.expression, Column) and column.expression.ident in {k.ident for k in planned.keys}
    return MISSING if is_key and value is None else limited(value, column.expression)


def _told(row: Row, planned: PlannedOutput, answers: Sequence[tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Findings of this row for staff: not those of the plan, nor of empty rows, which are told once for the output."""
    if row.cell is None:
        return ()
    return tuple(replace(f, cell=row.keys) for found in answers for f in found if f.rule not in STATIC_IDS | {"S1"})


def _full(planned: PlannedOutput, evidence: OutputEvidence, profile: Profile) -> frozenset[tuple[Value, ...]]:
    counted = any(s.measure in FREQUENCIES for s in planned.statistics)
    return (
        full_cells(evidence.cells, profile.full_share, profile.t)
        if counted and profile.full is not ZeroPolicy.PUBLISH
        else frozenset()
    )


def _output_findings(context: Context, evidence: OutputEvidence, rows: Sequence[Row]) -> list[Finding]:
    found: list[Finding] = []
    for statistic in context.planned.statistics:
        ask = Question(statistic.measure, empty(statistic.measure), 0, statistic.needs_review)
        found += findings_of(ask, context.profile, STATIC)
    if context.hide_all:
        found.append(replace(SMALL_POPULATION, figures=(("persons", str(evidence.persons)),)))
    blank = sum(1 for r in rows if r.listed and r.cell is None)
    if blank and context.profile.zeros is not ZeroPolicy.PUBLISH:
        found.append(replace(EMPTY_ROWS, figures=(("rows", str(blank)),)))
    return found


def _verdict(context: Context, cells: Sequence[JudgedCell]) -> Verdict:
    """The worst of the cells; a table of no row at all is as if every cell of it were hidden."""
    of_cells = [v for c in cells for v in c.verdicts]
    static = [
        f.verdict
        for s in context.planned.statistics
        for f in findings_of(Question(s.measure, empty(s.measure), 0, s.needs_review), context.profile, STATIC)
    ]
    return worst([*of_cells, *static, *([] if cells else [Verdict.SUPPRESS])])
