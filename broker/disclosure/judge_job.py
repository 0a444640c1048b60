"""Judges the outputs of a job: first each by itself, then all together with one suppression pattern for linked
tables."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from broker.disclosure import assessment_texts, judged_tables
from broker.disclosure.linking.linked_pattern import SuppressionPattern, suppression_pattern
from broker.disclosure.linking.linked_system import FigurePlace
from broker.disclosure.protected_values import empty_evidence
from broker.disclosure.records.assessment_json import table_record
from broker.disclosure.rules import PLAN_RULES, RuleInput, findings_of
from broker.disclosure.table_findings import institution_notice
from broker.domain.errors import Breach
from broker.domain.evidence import JobEvidence, OutputEvidence, TableEvidence
from broker.domain.findings import AssessedRow, Assessment, Finding, SuppressionAudit, Verdict, worst_verdict
from broker.domain.plans.lineage import Lineage, lineage_of
from broker.domain.plans.operators import table_numbers, walk
from broker.domain.plans.plan import OutputColumn, Plan, PlannedOutput, PlannedTable
from broker.domain.plans.scalars import Value
from broker.domain.progress import Progress, no_progress
from broker.evidence.table_families import TableFamily, TableIndex, find_families, incomparable_outputs
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.postprocessing.output_rows import OutputCell, OutputRow, StepBudget, compute_cell, released_figure
from broker.postprocessing.program import public_rows, run_program

TWO_CELL_STATISTICS, TWO_CELL_RULES = frozenset({"ratio", "difference"}), frozenset({"P3"})
"""A ratio or difference reveals the cells that it is made of, so it is hidden if any of them is."""


class JudgingInput(NamedTuple):
    """A planned output, its evidence, the rules, and the lineage of its columns."""

    planned: PlannedOutput
    evidence: OutputEvidence
    profile: DisclosureRules
    lineage: Lineage

    @property
    def is_small(self) -> bool:
        """Whether a table's population is under the threshold. Then everything in the output is hidden."""
        return any(e.persons < self.profile.t for e in self.evidence.tables)

    def with_zeros_hidden(self) -> "JudgingInput":
        return self._replace(profile=replace(self.profile, zeros=ZeroPolicy.SUPPRESS))


def judging_input(planned: PlannedOutput, evidence: OutputEvidence, profile: DisclosureRules) -> JudgingInput:
    _check_evidence(planned, evidence)
    return JudgingInput(planned, evidence, profile, lineage_of(planned))


def judge_tables(
    judging: JudgingInput,
    registers: judged_tables.Registers,
    secondary: Mapping[int, judged_tables.FigureSet] | None = None,
    history: Mapping[int, judged_tables.HistoryConstraint] | None = None,
) -> list[judged_tables.JudgedTable]:
    """Judge the tables of an output. `secondary` are further figures to hide and `history` the constraints of the
    release history, both by the table's number."""
    pairs = zip(judging.planned.tables, judging.evidence.tables, strict=True)
    hidden, known = secondary or {}, history or {}  # by the table's number
    return [
        judged_tables.judge_table(
            p,
            e,
            judging.profile,
            registers,
            judging.lineage.read_statistics,
            judging.is_small,
            hidden.get(n, frozenset()),
            margin=_is_margin(p, judging.planned.tables),
            history=known.get(n, judged_tables.NO_HISTORY),
        )
        for n, (p, e) in enumerate(pairs)
    ]


def _is_margin(table: PlannedTable, others: Sequence[PlannedTable]) -> bool:
    """Whether another table of the output has the same rows divided by more keys."""
    keys = {k.expression for k in table.keys}
    return any(keys < {k.expression for k in o.keys} and o.contributions == table.contributions for o in others)


def has_hidden_cells(tables: Sequence[judged_tables.JudgedTable]) -> bool:
    """Whether a shown table has a hidden cell. Zeros may be shown only if none has: otherwise a shown zero would reveal
    that a hidden cell is not empty."""
    return any(t.has_hidden_cells for t in tables if t.planned.shown)


def assessment_of(
    judging: JudgingInput,
    tables: Sequence[judged_tables.JudgedTable],
    more: Sequence[Finding] = (),
    audit: SuppressionAudit | None = None,
) -> Assessment:
    """The assessment of an output from its judged tables. `more` are findings on the output as a whole."""
    profile = judging.profile
    rows = _output_rows(judging, tables)
    of_plan = _plan_findings(judging)
    # Of every figure that is read, shown or not. An output without rows counts as suppressed.
    verdicts = [f.verdict for f in (*of_plan, *more)] + [t.verdict for t in tables if t.planned.shown]
    verdicts += [] if rows else [Verdict.SUPPRESS]
    row_findings = (f for t in tables for r in t.rows for f in _row_findings(r, t, judging))
    return Assessment(
        name=judging.planned.name,
        columns=tuple(c.name for c in judging.planned.columns),
        key_count=sum(c.is_key for c in judging.planned.columns),
        rows=rows,
        findings=(*row_findings, *of_plan, *_output_findings(judging, tables), *more),
        verdict=worst_verdict([*(v for r in rows for v in r.verdicts), *verdicts]),
        small=judging.is_small or any(all(c.persons < profile.t for c in e.cells) for e in judging.evidence.tables),
        symbols=assessment_texts.symbols_of(profile),
        notes=assessment_texts.notes_of(
            profile,
            all(t.covered for t in tables if t.planned.shown),
            frozenset(map(type, walk(judging.planned.program))),
        ),
        tables=tuple(map(table_record, tables)),
        column_statistics=tuple(tuple(sorted(b)) for b in judging.lineage.column_statistics),
        column_kinds=tuple(c.statistic for c in judging.planned.columns),
        audit=audit,
    )


def _check_evidence(planned: PlannedOutput, evidence: OutputEvidence) -> None:
    # Verdicts on the wrong table would release unprotected figures.
    wanted, given = (tuple(map(len, (found.tables, found.public, found.counted))) for found in (planned, evidence))
    if wanted != given:
        raise Breach("The evidence is of other tables than planned.")
    ids = [i for t in planned.tables for i in (*(k.ident for k in t.keys), *(s.ident for s in t.statistics))]
    if len(set(ids)) < len(ids):
        raise Breach("Two columns of the plan's tables have one id.")
    if not all(planned.tables[n].shown for n in table_numbers(planned.program)):
        raise Breach("The plan's output shows a table that must not be shown.")


def _output_rows(judging: JudgingInput, tables: Sequence[judged_tables.JudgedTable]) -> tuple[AssessedRow, ...]:
    """The rows of the program as output columns. A row that is on no list is shown only if at least one of its figures
    is."""
    figures = [i for i, found in enumerate(judging.lineage.column_statistics) if found]
    public = [public_rows(p, rows) for p, rows in zip(judging.planned.public, judging.evidence.public, strict=True)]
    work = StepBudget(judging.profile.max_group_steps)
    lines = run_program(judging.planned.program, [t.lines for t in tables], work, public).rows
    shown: list[AssessedRow] = []
    for line in lines:
        cells = [compute_cell(c.expression, line.cells) for c in judging.planned.columns]
        # An all-hidden unlisted row is left out.
        passes = any(not cells[i].hidden for i in figures) if figures else line.exists
        if line.listed or passes:
            shown.append(_output_row(judging.planned, line, cells))
    return tuple(shown)


def _output_row(planned: PlannedOutput, line: OutputRow, cells: Sequence[OutputCell]) -> AssessedRow:
    released, errors = zip(*map(released_figure, cells), strict=True)
    return AssessedRow(
        keys=tuple(cell.exact for cell, c in zip(cells, planned.columns, strict=True) if c.is_key),
        exact=tuple(cell.exact for cell in cells),
        released=released,
        suppressed=tuple(cell.hidden for cell in cells),
        verdicts=tuple(cell.verdict for cell in cells),
        rules=tuple(map(_rules_of, cells, planned.columns)),
        persons=line.persons or 0,
        max_errors=errors,
    )


def _rules_of(cell: OutputCell, column: OutputColumn) -> tuple[str, ...]:
    is_of_hidden = cell.hidden and column.statistic in TWO_CELL_STATISTICS
    return tuple(sorted(cell.rules | TWO_CELL_RULES if is_of_hidden else cell.rules))


def _row_findings(
    judged: judged_tables.JudgedRow, table: judged_tables.JudgedTable, judging: JudgingInput
) -> list[Finding]:
    """Findings on one row for staff, under each output column that shows the figure. Findings on the plan and on empty
    rows are left out, because the output lists them once."""
    if judged.row.cell is None or not any(judged.findings.values()):
        return []
    found: list[Finding] = []
    columns = zip(judging.planned.columns, judging.lineage.column_statistics, strict=True)
    places = [(c.name, behind & table.read) for c, behind in columns]
    nowhere = table.read.difference(*(behind for _, behind in places))  # read, but in no column
    for name, idents in [*places, (None, nowhere)]:
        for ident in sorted(idents):
            # Findings on the plan and on the population are reported once for the output.
            own = [f for f in judged.findings[ident] if f.rule not in judged_tables.PLAN_RULE_IDS | {"W1"}]
            found += [replace(f, cell=judged.row.keys, column=name) for f in own]
    return found


def _plan_findings(judging: JudgingInput) -> list[Finding]:
    """Findings that follow from the plan alone."""
    found = [] if all(t.shown for t in judging.planned.tables) else [assessment_texts.HIDDEN_CONTEXT]
    found += _small_part_findings(judging)
    found += [f for t in judging.planned.tables for f in institution_notice(t, judging.profile)]
    for statistic in (s for t in judging.planned.tables for s in t.statistics):
        rule_input = RuleInput(
            statistic.measure, empty_evidence(statistic.measure), 0, statistic.needs_review, statistic.bounds
        )
        found += findings_of(rule_input, judging.profile, PLAN_RULES)
    return found


def _small_part_findings(judging: JudgingInput) -> list[Finding]:
    """Findings on parts of the text that could single people out, unless the data show enough people in each."""
    found = []
    for part in judging.planned.small_parts:
        if not part.counted:
            found.append(replace(assessment_texts.SMALL_PART, sentence=part.sentence))
            continue
        least = judging.planned.counted[part.counted[0]].least
        persons = min(judging.evidence.counted[number] for number in part.counted)
        if persons < least:
            sentence, figures = part.counted_sentence(least), (("persons", str(persons)),)
            found.append(replace(assessment_texts.SMALL_PART, sentence=sentence, figures=figures))
    return found


def _output_findings(judging: JudgingInput, tables: Sequence[judged_tables.JudgedTable]) -> list[Finding]:
    """Findings on small populations and on listed rows without persons."""
    found = list[Finding]()
    for evidence in judging.evidence.tables:
        if evidence.persons < judging.profile.t:
            found.append(replace(assessment_texts.SMALL_POPULATION, figures=(("persons", str(evidence.persons)),)))
    shown = [t for t in tables if t.planned.shown]
    blank = sum(r.row.listed and r.row.cell is None for t in shown for r in t.rows)
    if blank and (judging.profile.zeros is not ZeroPolicy.PUBLISH or any(t.has_hidden_cells for t in shown)):
        found.append(replace(assessment_texts.EMPTY_ROWS, figures=(("rows", str(blank)),)))
    return found


TablesByOutput = list[list[judged_tables.JudgedTable]]
"""The judged tables of each output."""


def judge_job(
    plan: Plan, evidence: JobEvidence, profile: DisclosureRules, registers: judged_tables.Registers | None = None,
    progress: Progress = no_progress, history: Mapping[TableIndex, judged_tables.HistoryConstraint] | None = None,
) -> tuple[Assessment, ...]:  # fmt: skip
    """Return an assessment for each output, in order.

    A constraint of the release history (`history`) acts like a rule: nobody can work out the figures that it hides.
    Rules act on cells first. Then, for each family of linked tables, further figures are hidden until nobody who knows
    the totals can work out a hidden one in any table of the job (X1). If that is impossible or too large to check, the
    output needs a review.
    """
    lists = registers or {}
    inputs = [judging_input(p, e, profile) for p, e in zip(plan.outputs, evidence.outputs, strict=True)]
    known = (history or {}).items()
    constraints = [{table: one for (output, table), one in known if output == n} for n in range(len(inputs))]
    judged = [judge_tables(a, lists, None, constraints[n]) for n, a in enumerate(inputs)]
    if profile.zeros is ZeroPolicy.PUBLISH and any(map(has_hidden_cells, judged)):
        # A hidden cell in one output can be compared with a zero in another, so this holds for the whole job.
        inputs = [a.with_zeros_hidden() for a in inputs]
        judged = [judge_tables(a, lists, None, constraints[n]) for n, a in enumerate(inputs)]
    families = find_families(plan, profile.max_joint_cells)
    joints = iter(evidence.joints)
    patterns = [
        _family_pattern(f, next(joints) if f.joint else None, inputs, judged, profile, progress) for f in families
    ]
    secondary = _by_table([p for pattern in patterns if pattern is not None for p in pattern.hidden])
    # Only tables with secondary suppression are judged again.
    judged_again = [
        judge_tables(a, lists, secondary[n], constraints[n]) if n in secondary else tables
        for n, (a, tables) in enumerate(zip(inputs, judged, strict=True))
    ]
    more, audits = _output_notices(families, patterns), _audits(families, patterns)
    return tuple(
        assessment_of(a, t, more[n], audits.get(n)) for n, (a, t) in enumerate(zip(inputs, judged_again, strict=True))
    )


def _family_pattern(
    family: TableFamily, joint: TableEvidence | None, inputs: Sequence[JudgingInput], judged: TablesByOutput,
    profile: DisclosureRules, progress: Progress,
) -> SuppressionPattern | None:  # fmt: skip
    """The suppression pattern of a family; None if its joint table is too large. An output with a small population is
    left out, because suppressed cells of other outputs must not reveal anything about it."""
    # Cut off at the largest number of cells: nothing can be computed from it.
    if family.joint is not None and joint is None:
        return None
    # Everything in a small output is hidden anyway.
    shown = [m.where for m in family.members if not inputs[m.where[0]].is_small]
    evidence = {m.where: inputs[m.where[0]].evidence.tables[m.where[1]] for m in family.members}
    tables = {(n, k): judged[n][k] for n, k in shown}
    return suppression_pattern(family, evidence, joint, tables, profile, progress) if tables else SuppressionPattern()


def _by_table(places: Sequence[FigurePlace]) -> dict[int, dict[int, judged_tables.FigureSet]]:
    found: dict[int, dict[int, set[tuple[tuple[Value, ...], int]]]] = defaultdict(lambda: defaultdict(set))
    for (output, table), keys, ident in places:
        found[output][table].add((keys, ident))
    return {n: {k: frozenset(cells) for k, cells in tables.items()} for n, tables in found.items()}


def _audits(
    families: Sequence[TableFamily], patterns: Sequence[SuppressionPattern | None]
) -> dict[int, SuppressionAudit]:
    """For staff: the audit of each output, added up over its families. Families without a pattern are left out."""
    found = defaultdict[int, Counter[str]](Counter)
    for family, pattern in zip(families, patterns, strict=True):
        for number in {m.where[0] for m in family.members}:
            if pattern is not None:
                found[number].update(targets=pattern.targets, exact=pattern.exact, narrow=pattern.narrow)
    return {number: SuppressionAudit(**of) for number, of in found.items()}


def _output_notices(
    families: Sequence[TableFamily], patterns: Sequence[SuppressionPattern | None]
) -> Mapping[int, tuple[Finding, ...]]:
    """Findings that need a review, by output: the same for all outputs of a family."""
    found: dict[int, dict[Finding, None]] = defaultdict(dict)
    for output in incomparable_outputs(families):
        found[output][assessment_texts.NOT_COMPARABLE] = None  # a dictionary as an ordered set
    for family, pattern in zip(families, patterns, strict=True):
        for number in {m.where[0] for m in family.members}:
            if family.is_beyond_sums:
                found[number][assessment_texts.NOT_COMPARABLE] = None
            if pattern is None or pattern.beyond:
                found[number][assessment_texts.TOO_MANY_JOINT_CELLS] = None
            if pattern is not None and pattern.exact + pattern.narrow:
                found[number][assessment_texts.NARROW_INTERVALS] = None
    return defaultdict(tuple, {n: tuple(findings) for n, findings in found.items()})
