"""What a script hands over, planned: a request, the job's inputs and today's policy to a plan. Pure; opens no rows."""

from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.domain.handed import HandedRows, HandedTable
from broker.domain.plans import Plan
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.python_jobs.rows import Inputs, rows_of_table
from broker.python_jobs.tabulating import catalogue_with, query_of, told_apart, uses_in_vault
from broker.query import compile_sql
from broker.scope.check import check_scope


@dataclass(frozen=True, slots=True)
class PlannedRows:
    plan: Plan
    rows: HandedRows


def planned_table(asked: HandedTable, inputs: Inputs, project: Project, policies: Policies) -> PlannedRows:
    """Raises Invalid("request") for what would be refused of a SQL text, with that refusal's sentence and advice."""
    rows = rows_of_table(asked, inputs)
    least = policies.profile(project.profile).t
    catalogue = catalogue_with(rows, inputs)
    compiled = compile_sql(query_of(asked), "duckdb", catalogue, project, policies.service, least)
    refusals = list(compiled.refusals)
    if not refusals:
        uses = uses_in_vault(compiled.uses, rows, inputs)
        refusals += check_scope(uses, project, policies, project.expires, header=True)
    if refusals or compiled.plan is None:
        raise Invalid("request", " ".join(f"{r.message} {r.advice}".strip() for r in refusals[:3]), "")
    return PlannedRows(told_apart(compiled.plan, rows, asked.name), rows)
