"""What a script hands over, planned: a request, the job's inputs and today's policy to a plan. Pure; opens no rows."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.domain.handed import HandedRegression, HandedRows, HandedTable
from broker.domain.plans import Plan
from broker.domain.projects import Project
from broker.domain.variables import How, Use
from broker.policy.models import Policies
from broker.python_jobs.rows import Inputs, rows_of_regression, rows_of_table, rows_of_tables
from broker.python_jobs.tabulating import catalogue_with, query_of, told_apart, uses_in_vault
from broker.query import compile_sql
from broker.scope.check import check_scope


def rows_to_fit(asked: HandedRegression, inputs: Inputs, project: Project, policies: Policies) -> HandedRows:
    """How the rows of a regression are read. Raises Invalid("request") where a column cannot be what it is in the
    formula, or is grouped by although no grant says so."""
    rows = rows_of_regression(asked, inputs)
    levels = {f.column for term in asked.formula.terms for f in term if f.levels} | set(asked.formula.absorbed)
    kinds = {c.name: c for c in rows.columns}
    if not kinds[asked.formula.outcome].type.is_number:
        raise Invalid("request", f"The outcome {asked.formula.outcome} is no number.", "/formula")
    named = {c.name for c in rows.columns if not c.type.is_number}
    grouped = levels | (named & set(asked.formula.columns))
    check_declared(rows, grouped, inputs, project, policies)
    return rows


def check_declared(rows: HandedRows, grouped: Set[str], inputs: Inputs, project: Project, policies: Policies) -> None:
    """Declared columns are used as the grants let them."""
    uses = []
    for column in rows.columns:
        if column.variable is not None:
            of = next(u for u in inputs.uses if u.table == column.table and (u.variable or "") == column.bare)
            how = frozenset({How.GROUPED if column.name in grouped else How.READ})
            uses.append(Use(column.table, column.bare, of.years, how))
    refusals = check_scope(uses, project, policies, project.expires, header=True)
    if refusals:
        raise Invalid("request", " ".join(f"{r.message} {r.advice}".strip() for r in refusals[:3]), "")


@dataclass(frozen=True, slots=True)
class PlannedRows:
    """`own` are the rows of each output as it alone asks for them."""

    plan: Plan
    rows: HandedRows
    own: tuple[HandedRows, ...]


def planned_tables(asked: Sequence[HandedTable], inputs: Inputs, project: Project, policies: Policies) -> PlannedRows:
    """Tables of the same rows as one plan. Raises Invalid("request") for what would be refused of a SQL text, with that
    refusal's sentence and advice."""
    rows = rows_of_tables(asked, inputs)
    least = policies.profile(project.profile).t
    catalogue = catalogue_with(rows, inputs)
    compiled = compile_sql(query_of(asked), "duckdb", catalogue, project, policies.service, least)
    refusals = list(compiled.refusals)
    if not refusals:
        uses = uses_in_vault(compiled.uses, rows, inputs)
        refusals += check_scope(uses, project, policies, project.expires, header=True)
    if refusals or compiled.plan is None:
        raise Invalid("request", " ".join(f"{r.message} {r.advice}".strip() for r in refusals[:3]), "")
    own = tuple(rows_of_table(one, inputs) for one in asked)
    names = (one.name for one in asked)
    return PlannedRows(told_apart(compiled.plan, tuple(zip(names, own, strict=True))), rows, own)
