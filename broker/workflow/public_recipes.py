"""A public table's recipe as a text of nobody's project: what it reads is granted to the broker itself, for the one
look that finds out whether it makes the published figures. Pure; judges no figure."""

from dataclasses import dataclass
from datetime import date

from broker.disclosure.published.recipe import Recipe, recipe_in
from broker.domain.errors import Invalid, Refusal
from broker.domain.plans import Plan
from broker.domain.projects import Grant, Mode, Project
from broker.domain.public_tables import Published
from broker.domain.variables import Use, VariableClass
from broker.policy.models import Policies
from broker.policy.tables import Table
from broker.query import compile_sql
from broker.scope.check import check_scope

NEVER = frozenset({VariableClass.INSTANT_IDENTIFIER, VariableClass.IDENTIFIER})
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Readied:
    """A recipe with its plan, and the project that has exactly what it reads."""

    project: Project
    plan: Plan
    recipe: Recipe


def readied(given: Published, table: str, policies: Policies) -> Readied:
    """Raises Invalid with every reason why the recipe is none. `table` is the public table's id."""
    ident = f"public-table-{table}"
    uses = _compiled(given, own_project(ident, everything(policies), policies), policies).uses
    project = own_project(ident, tuple(_granted(uses, policies)), policies)
    plan = _compiled(given, project, policies)
    return Readied(project, plan, recipe_in(plan))


def _compiled(given: Published, project: Project, policies: Policies) -> Plan:
    found = compile_sql(given.recipe, given.dialect, policies.catalogue, project, policies.service)
    refusals = [*check_scope(found.uses, project, policies, date.min), *found.refusals]
    if refusals or found.plan is None:
        raise Invalid("recipe", " ".join(map(_told, dict.fromkeys(refusals[:MOST_TOLD]))), "/recipe")
    return found.plan


def _told(refusal: Refusal) -> str:
    place = f"Line {refusal.line}, column {refusal.column}: " if refusal.line else ""
    return f"{place}{refusal.message} {refusal.advice}".strip()


def own_project(ident: str, grants: tuple[Grant, ...], policies: Policies) -> Project:
    """A project of the broker's own. Each has a name of its own, so that its pseudonyms are nobody else's. What is not
    asked of it has no meaning."""
    return Project(
        ident=ident,
        title="",
        organisation="",
        organisation_type="",
        gateway="",
        purpose="",
        expires=date.max,
        mode=Mode.DISCLOSURE_CONTROL,
        profile=policies.profiles[0].name,
        votes=2,
        dialect="",
        researchers=frozenset(),
        grants=grants,
    )


def everything(policies: Policies) -> tuple[Grant, ...]:
    """All that anybody can be granted."""
    return tuple(g for t in policies.catalogue.tables if t.grantable for g in _all_of(t))


def _all_of(table: Table) -> list[Grant]:
    allowed = [v for v in table.variables if v.cls not in NEVER or table.is_link_key(v.name)]
    return [_grant(table, v.name, table.years) for v in allowed]


def _grant(table: Table, variable: str, years: frozenset[int] | None) -> Grant:
    is_key = table.is_link_key(variable)
    return Grant(table.full_name, variable, years, "public table", link_key=is_key, group_quasi=not is_key)


def _granted(uses: tuple[Use, ...], policies: Policies) -> list[Grant]:
    """What the recipe uses, in the years in which it does; and the key of each table, whose rows it counts."""
    found: dict[tuple[str, str], Grant] = {}
    for use in uses:
        table = policies.catalogue.find(use.table)
        if table is None:
            continue
        years = table.years if use.years is None else use.years
        for name in (use.variable, table.link_key):
            variable = None if name is None else table.find(name)
            if variable is not None and (variable.cls not in NEVER or table.is_link_key(variable.name)):
                key = (table.full_name, variable.name)
                before = found[key].years if key in found else frozenset()
                together = None if years is None else years | (before or frozenset())
                found[key] = _grant(table, variable.name, together)
    return list(found.values())
