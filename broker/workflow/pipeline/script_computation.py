"""Plans and computes the outputs that a script requests: tables of the same rows together, each model alone."""

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judge_regression import judge_regression
from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Breach, Invalid, Unavailable
from broker.domain.findings import Assessment, Finding, Verdict
from broker.domain.jobs import script_requests
from broker.domain.plans.plan import Plan
from broker.domain.plans.variable_uses import Usage, VariableUse, institution_code
from broker.domain.ports import MicrodataEngine, SubmittedMicrodata
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.python_jobs import submitted_rows
from broker.python_jobs.raw_outputs import RawRequest
from broker.python_jobs.request_reader import in_canonical_order, in_text_order, read_request
from broker.query import compile_sql
from broker.scope.grants import check_scope
from broker.workflow.pipeline import trusted_stage
from broker.workflow.release_history.comparison_records import ComparedTable
from broker.workflow.release_history.script_comparison import ScriptTableBatch, compare_script_tables
from broker.workflow.run_context import RunContext


def plan_regression_rows(
    request: script_requests.ScriptRegression,
    inputs: submitted_rows.JobInputs,
    project: ResearchProject,
    policies: PolicySet,
) -> script_requests.MicrodataSchema:
    """Return the columns and types with which a regression's rows are read.

    Raises Invalid("request") if a column cannot be what the formula makes of it, or is grouped by without a grant for
    that.
    """
    rows = submitted_rows.rows_for_regression(request, inputs)
    levels = {f.column for term in request.formula.terms for f in term if f.levels} | set(request.formula.absorbed)
    kinds = {c.name: c for c in rows.columns}
    if not kinds[request.formula.outcome].type.is_number:
        raise Invalid("request", f"The outcome {request.formula.outcome} is not a number.", "/formula")
    named = {c.name for c in rows.columns if not c.type.is_number}
    # Text columns become one coefficient for each value, which groups by them.
    grouped = levels | (named & set(request.formula.columns))
    check_declared_columns(rows, grouped, inputs, project, policies)
    return rows


def check_declared_columns(
    rows: script_requests.MicrodataSchema, grouped: Set[str], inputs: submitted_rows.JobInputs,
    project: ResearchProject, policies: PolicySet,
) -> None:  # fmt: skip
    """Raises Invalid("request") if declared columns are used in a way that the grants do not allow."""
    uses = []
    for column in rows.columns:
        if column.variable is not None:
            # The declared years apply, not those that the script happened to read.
            declared = next(
                u for u in inputs.uses if u.table == column.table and (u.variable or "") == column.variable_name
            )
            how = frozenset({Usage.GROUPED if column.name in grouped else Usage.READ})
            uses.append(VariableUse(column.table, column.variable_name, declared.years, how))
    refusals = check_scope(uses, project, policies, project.expires, header=True)
    if refusals:
        raise Invalid("request", " ".join(f"{r.message} {r.advice}".strip() for r in refusals[:3]), "")


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """`own` has each output's rows, with only the columns that this output requests."""

    plan: Plan
    rows: script_requests.MicrodataSchema
    own: tuple[script_requests.MicrodataSchema, ...]


def plan_tables(
    requests: Sequence[script_requests.ScriptTable],
    inputs: submitted_rows.JobInputs,
    project: ResearchProject,
    policies: PolicySet,
) -> PlannedRows:
    """Plan tables of the same rows as one job.

    Raises Invalid("request") for what would be refused of a SQL text, with that refusal's message and advice.
    """
    rows = submitted_rows.rows_for_tables(requests, inputs)
    threshold = policies.disclosure_rules(project.profile).t
    catalogue = submitted_rows.catalogue_with_rows(rows, inputs)
    compiled = compile_sql(
        submitted_rows.query_text(requests), "duckdb", catalogue, project, policies.service, threshold
    )
    refusals = list(compiled.refusals)
    if not refusals:
        uses = submitted_rows.uses_in_vault(compiled.uses, rows, inputs)
        refusals += check_scope(uses, project, policies, project.expires, header=True)
    if refusals or compiled.plan is None:
        raise Invalid("request", " ".join(f"{r.message} {r.advice}".strip() for r in refusals[:3]), "")
    own = tuple(submitted_rows.rows_for_table(one, inputs) for one in requests)
    names = (one.name for one in requests)
    return PlannedRows(submitted_rows.plan_by_output(compiled.plan, tuple(zip(names, own, strict=True))), rows, own)


@dataclass(frozen=True, slots=True)
class TableRequest:
    """A request for a table, and its rows."""

    request: script_requests.ScriptTable
    rows: bytes


def compute_tables(context: RunContext, wanted: Sequence[TableRequest]) -> tuple[trusted_stage.ComputedOutput, ...]:
    """Compute every table and return them in the order of `wanted`."""
    found: dict[str, trusted_stage.ComputedOutput] = {}
    rest, families = list(wanted), 0
    while rest:
        family = _of_same_columns(context, rest)
        found |= {c.name: c for c in _compute_together(context, family, list(found.values()))}
        rest = [t for t in rest if t.request.name not in found]
        families += 1
    made = (found[t.request.name] for t in wanted)
    return tuple(map(trusted_stage.flag_other_rows, made) if families > 1 else made)


def _of_same_columns(context: RunContext, wanted: Sequence[TableRequest]) -> list[TableRequest]:
    """Return the first request, and all others that mean the same by its columns."""
    family = [wanted[0]]
    for table in wanted[1:]:
        with suppress(Invalid):  # it means something else
            _plan_family(context, [*family, table])
            family.append(table)
    return family


def _plan_family(context: RunContext, family: Sequence[TableRequest]) -> PlannedRows:
    return plan_tables([t.request for t in family], trusted_stage.inputs_of(context), context.project, context.policies)


def _compute_together(
    context: RunContext, family: Sequence[TableRequest], before: Sequence[trusted_stage.ComputedOutput]
) -> tuple[trusted_stage.ComputedOutput, ...]:
    """Compute those of a family that have the same rows as the first one; all of them if these rows have no problem.

    If they have one, each table is checked alone, and those without a problem are computed together again. `before`
    were computed before this family.
    """
    checked, made = _run_family(context, family, before)
    if len(family) == 1 or checked is None or checked.problem is None:
        return made
    if checked.problem is script_requests.MicrodataProblem.APART:
        # Bit n of `times` is set if the rows of table n differ from those of the first.
        same = [t for n, t in enumerate(family) if not checked.times >> n & 1]
        # The report contradicts itself if it calls the rows different but names no table, or all.
        if not same or len(same) == len(family):
            raise Breach("The sandbox reported different rows from those it was given.")
        return _compute_together(context, same, before)
    alone: list[trusted_stage.ComputedOutput] = []
    for table in family:
        alone += _run_family(context, [table], [*before, *alone])[1]
    sound = {c.name for c in alone if not isinstance(c.result, trusted_stage.OutputProblem)}
    if not 1 < len(sound) < len(family):
        return tuple(alone)
    # Tables of the same rows must be judged together, because a figure that one hides may follow from another.
    recomputed = _compute_together(context, [t for t in family if t.request.name in sound], before)
    return (*recomputed, *(c for c in alone if c.name not in sound))


def _run_family(
    context: RunContext, family: Sequence[TableRequest], before: Sequence[trusted_stage.ComputedOutput]
) -> tuple[script_requests.MicrodataCheck | None, tuple[trusted_stage.ComputedOutput, ...]]:
    """Run one container and return what it reports of the rows, and the tables. None instead of the report if the
    request cannot be planned."""
    try:
        planned = _plan_family(context, family)
    except Invalid as wrong:
        return None, tuple(
            trusted_stage.ComputedOutput(t.request.name, "table", "", _problem_of(wrong)) for t in family
        )
    needs, sizes = evidence_needs(context.profile), tuple(len(t.rows) for t in family)
    # One frame for all tables: `parts` gives the size of each.
    content, parts = b"".join(t.rows for t in family), sizes if len(family) > 1 else ()
    microdata = SubmittedMicrodata(
        context.vault, context.checked.uses, content, context.subject, context.attempt, parts
    )
    engine = _microdata_engine(context)
    result = context.run(engine.prepare(planned.plan, planned.rows, microdata, context.limits, needs))
    checked, evidence = engine.read(planned.plan, result.frames, needs)
    found: Sequence[JudgedTable] = [(None, None)] * len(family)
    if evidence is not None:
        earlier_tables = [t for c in before if c.compared is not None for t in c.compared.tables]
        batch = ScriptTableBatch(planned.plan, planned.rows, microdata, evidence, earlier_tables)
        found = _judge_tables(context, batch)
    each = zip(family, found, planned.own, strict=True)
    return checked, tuple(
        replace(trusted_stage.computed_output(context, t.request, judged, checked, own.derived), compared=compared)
        for t, (judged, compared), own in each
    )


def _microdata_engine(context: RunContext) -> MicrodataEngine:
    if context.ports.microdata_engine is None:
        raise Unavailable("This worker does not compute outputs of scripts.")
    return context.ports.microdata_engine


JudgedTable = tuple[Assessment | None, ComparedTable | None]
"""A table as the rules judged it, and its comparison with the release history, if there was one."""


def _judge_tables(context: RunContext, batch: ScriptTableBatch) -> list[JudgedTable]:
    """Judge tables by the rules alone on synthetic data. On real data also compare them with the release history and
    with the job's own earlier tables."""
    if context.worker is None:
        registers = context.vaults.registers(context.vault)
        return [(one, None) for one in judge_job(batch.plan, batch.evidence, context.profile, registers)]
    compared = compare_script_tables(context.worker, batch, context.project, context.policies)
    return [(one.judged, one) for one in compared]


INSTITUTION_COEFFICIENTS = (
    "Each institution has its own coefficient: absorb the institutions, or say why they are shown."
)
TOO_MANY_OUTPUTS = "The job submits more outputs than one job may have."


def compute_outputs(context: RunContext, left: Sequence[RawRequest]) -> tuple[trusted_stage.ComputedOutput, ...]:
    """Compute every request, in order of name; tables together."""
    # Outputs over the limit get a problem, so their author learns why they are missing.
    most = context.policies.service.max_outputs
    read = [
        _read_request(context, one)
        if n < most
        else trusted_stage.ComputedOutput(
            one.name, one.kind, "", trusted_stage.OutputProblem("number", TOO_MANY_OUTPUTS)
        )
        for n, one in enumerate(left)
    ]
    made = iter(compute_tables(context, [one for one in read if isinstance(one, TableRequest)]))
    return trusted_stage.flag_close_outputs(
        [next(made) if isinstance(one, TableRequest) else one for one in read], context.profile.t
    )


def _read_request(context: RunContext, one: RawRequest) -> TableRequest | trusted_stage.ComputedOutput:
    try:
        request = read_request(one.request, one.kind, one.name)
        match request:
            case script_requests.ScriptTable():
                return TableRequest(in_text_order(request, context.checked.canonical), one.rows)
            case script_requests.ScriptRegression():
                return _compute_regression(
                    context, replace(request, formula=in_canonical_order(request.formula)), one.rows
                )
            case script_requests.ScriptFigure():
                return trusted_stage.ComputedOutput(one.name, one.kind, request.description, request)
    except Invalid as wrong:
        return trusted_stage.ComputedOutput(one.name, one.kind, "", _problem_of(wrong))


def _problem_of(wrong: Invalid) -> trusted_stage.OutputProblem:
    return trusted_stage.OutputProblem(wrong.code, wrong.message, (("place", wrong.pointer),) if wrong.pointer else ())


def _compute_regression(
    context: RunContext, request: script_requests.ScriptRegression, content: bytes
) -> trusted_stage.ComputedOutput:
    rows = plan_regression_rows(request, trusted_stage.inputs_of(context), context.project, context.policies)
    microdata = SubmittedMicrodata(context.vault, context.checked.uses, content, context.subject, context.attempt)
    engine = _microdata_engine(context)
    checked, fit = engine.read_fit(context.run(engine.prepare_fit(request, rows, microdata, context.limits)).frames)
    schools = {c.name for c in rows.columns if institution_code(c.variable_name) is not None}
    # Absorbed columns have no coefficients, so only those in terms matter.
    terms = {f.column for term in request.formula.terms for f in term}
    more = (Finding("R3", Verdict.REVIEW, INSTITUTION_COEFFICIENTS),) if schools & terms else ()
    found = None if fit is None else judge_regression(request.name, fit, context.profile, more)
    return trusted_stage.computed_output(context, request, found, checked, rows.derived)
