"""Plans the recipe of a public table, in a project of the broker's own that has exactly the grants it needs."""

from dataclasses import dataclass
from datetime import date

from broker.disclosure.published_tables import PublicRecipe, public_recipe
from broker.domain.errors import Invalid, Refusal
from broker.domain.plans.plan import Plan
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import Grant, ProtectionMode, ResearchProject
from broker.domain.public_tables import PublishedTable
from broker.policy.data_catalogue import CatalogueTable
from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from broker.scope.grants import check_scope

MAX_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class CheckedRecipe:
    """A recipe with its plan, and the project whose grants are exactly what it reads."""

    project: ResearchProject
    plan: Plan
    recipe: PublicRecipe


def check_recipe(published: PublishedTable, table: str, policies: PolicySet) -> CheckedRecipe:
    """Compile a recipe and return it. Raises Invalid with the reasons why it is not one. `table` is the public table's
    id."""
    ident = f"public-table-{table}"
    # Compile twice: with every grant to find the uses, then with only the grants for these, because the vault has what
    # the project is granted.
    uses = _compile(published, broker_project(ident, all_grants(policies), policies), policies).uses
    project = broker_project(ident, tuple(_needed_grants(uses, policies)), policies)
    plan = _compile(published, project, policies)
    return CheckedRecipe(project, plan, public_recipe(plan))


def _compile(published: PublishedTable, project: ResearchProject, policies: PolicySet) -> Plan:
    found = compile_sql(published.recipe, published.dialect, policies.catalogue, project, policies.service)
    refusals = [*check_scope(found.uses, project, policies, date.min), *found.refusals]
    if refusals or found.plan is None:
        raise Invalid("recipe", " ".join(map(_refusal_sentence, dict.fromkeys(refusals[:MAX_REFUSALS]))), "/recipe")
    return found.plan


def _refusal_sentence(refusal: Refusal) -> str:
    place = f"Line {refusal.line}, column {refusal.column}: " if refusal.line else ""
    return f"{place}{refusal.message} {refusal.advice}".strip()


def broker_project(ident: str, grants: tuple[Grant, ...], policies: PolicySet) -> ResearchProject:
    """Return a project of the broker's own. Each has its own name, so nobody else has its pseudonyms. Facts that the
    broker does not read of it are empty."""
    return ResearchProject(
        ident=ident,
        title="",
        organisation="",
        organisation_type="",
        gateway="",
        purpose="",
        expires=date.max,
        mode=ProtectionMode.DISCLOSURE_CONTROL,
        profile=policies.profiles[0].name,
        votes=2,
        dialect="",
        researchers=frozenset(),
        grants=grants,
    )


def all_grants(policies: PolicySet) -> tuple[Grant, ...]:
    """Return every grant that a project could have."""
    grantable = [t for t in policies.catalogue.tables if t.grantable]
    return tuple(_grant(t, v.name, t.years) for t in grantable for v in t.variables if t.can_grant(v))


def _grant(table: CatalogueTable, variable: str, years: frozenset[int] | None) -> Grant:
    is_key = table.is_link_key(variable)
    return Grant(table.full_name, variable, years, "public table", link_key=is_key, group_quasi=not is_key)


def _needed_grants(uses: tuple[VariableUse, ...], policies: PolicySet) -> list[Grant]:
    """Return a grant for each variable that the recipe uses, in the years in which it does, and for each table's key,
    because the recipe counts the table's persons."""
    found: dict[tuple[str, str], Grant] = {}
    for use in uses:
        table = policies.catalogue.find(use.table)
        if table is None:
            continue
        years = table.years if use.years is None else use.years
        for name in (use.variable, table.link_key):
            variable = None if name is None else table.find(name)
            if variable is not None and table.can_grant(variable):
                key = (table.full_name, variable.name)
                before = found[key].years if key in found else frozenset()
                # One grant for each variable, with the years of all its uses.
                together = None if years is None else years | (before or frozenset())
                found[key] = _grant(table, variable.name, together)
    return list(found.values())
