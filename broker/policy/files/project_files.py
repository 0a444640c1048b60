"""Reads project files into projects. Short forms (`all`, `default items`, ranges of years) become one grant for each
variable."""

from functools import partial

from broker.domain.model_reader import read_model
from broker.domain.plans.variable_uses import VariableClass, Years
from broker.domain.projects.project import Grant, ProjectBudget, ResearchProject
from broker.domain.stated_values import Distinct, LocatedValue
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files.privacy_files import named_table, read_budget
from broker.policy.privacy_policy import PrivacyPolicy
from broker.policy.written_years import read_year_ranges

GRANT_KEYS = frozenset({"table", "variables", "except", "group_quasi", "years", "justification"})


def read_project(
    node: LocatedValue, catalogue: Catalogue, profiles: tuple[DisclosureRules, ...], privacy: PrivacyPolicy
) -> ResearchProject:
    """A project, checked against what it names: catalogue, disclosure rules and privacy policy."""
    organisation = node.at("organisation").with_keys({"name", "type"})
    project = read_model(
        node,
        ResearchProject,
        {ProjectBudget: partial(read_budget, catalogue=catalogue, privacy=privacy)},
        organisation=organisation.at("name").text(),
        organisation_type=organisation.at("type").text(),
        grants=tuple(g for grant in node.listed("grants") for g in _grants(grant, catalogue)),
        **{} if node.has("researchers") else {"researchers": frozenset()},
    )
    if project.profile not in {p.name for p in profiles}:
        raise node.wrong("unknown-profile", f"There is no profile {project.profile!r}.", "profile")
    schema = project.default_schema
    if schema and schema not in {t.schema_name for t in catalogue.tables}:
        raise node.wrong("unknown-schema", f"The catalogue has no schema {schema!r}.", "default_schema")
    if project.privacy and project.privacy not in {p.name for p in privacy.profiles}:
        raise node.wrong("unknown-profile", f"There is no privacy profile {project.privacy!r}.", "privacy")
    return project


def _grants(node: LocatedValue, catalogue: Catalogue) -> list[Grant]:
    table = named_table(node.with_keys(GRANT_KEYS).at("table"), catalogue)
    if not table.grantable:
        raise node.wrong("not-grantable", f"{table.full_name} is never granted.", "table")
    justification = node.at("justification").text()
    years = _years(node, table)
    granted = _granted(node, table)
    quasi = _named(node, "group_quasi", table)
    for variable in quasi:
        if variable.cls is not VariableClass.QUASI or variable not in granted:
            raise node.wrong("group-quasi", f"{variable.name} is no quasi-identifier granted here.", "group_quasi")
    by_default = node.at("variables").value == "default items"  # combination rules treat such grants differently
    return [
        Grant(table.full_name, v.name, years, justification, table.is_link_key(v.name), v in quasi, by_default)
        for v in granted
    ]


def _years(node: LocatedValue, table: CatalogueTable) -> Years | None:
    """The granted years that exist. A range may include years without data, but may not exceed the years of the
    table."""
    if table.years is None:
        if node.has("years"):
            raise node.wrong("no-year-axis", f"{table.full_name} has no years.", "years")
        return None
    years: frozenset[int] = frozenset()
    for first, last in read_year_ranges(node.at("years")):
        if first < min(table.years) or last > max(table.years):
            span = f"{min(table.years)}-{max(table.years)}"
            raise node.wrong("year-outside", f"{table.full_name} has the years {span} only.", "years")
        existing_years = table.years & frozenset(range(first, last + 1))  # years without data cannot be granted
        if not existing_years:
            raise node.wrong("empty-range", f"{table.full_name} has no data in {first}-{last}.", "years")
        years |= existing_years
    return years


def _granted(node: LocatedValue, table: CatalogueTable) -> tuple[Variable, ...]:
    left_out = _named(node, "except", table)
    if isinstance(node.at("variables").value, list):
        granted = _named(node, "variables", table)
        wrong = next((v for v in granted if not table.can_grant(v)), None)
        if wrong is not None:
            raise node.wrong("identifier", f"{wrong.name} is an identifier: nobody is granted it.", "variables")
    else:
        granted = _short_form(node.at("variables"), table)
    granted = tuple(v for v in granted if v not in left_out)
    if not granted:
        raise node.wrong("empty-list", f"This grants no variable of {table.full_name}.", "variables")
    return granted


def _short_form(node: LocatedValue, table: CatalogueTable) -> tuple[Variable, ...]:
    """Variables of a short form. `all` and `default items` never include identifiers, except the table's own link
    keys."""
    # link keys are identifiers, but a project needs them to join
    usable = tuple(v for v in table.variables if table.can_grant(v))
    forms = {
        "all": usable,
        "default items": tuple(v for v in usable if v.default_item),
        "link keys only": tuple(v for v in usable if table.is_link_key(v.name)),
    }
    if node.text() not in forms:
        raise node.wrong("unknown-word", f"{node.text()!r} is none of {', '.join(forms)}, and no list of variables.")
    return forms[node.text()]


def _named(node: LocatedValue, key: str, table: CatalogueTable) -> tuple[Variable, ...]:
    """The variables of a list of names; empty if the key is missing."""
    found = tuple(_variable(name, table) for name in node.listed(key))
    if found:
        Distinct("variable", "name").check(key, found, node.at(key))
    return found


def _variable(node: LocatedValue, table: CatalogueTable) -> Variable:
    variable = table.find(node.text())
    if variable is None:
        raise node.wrong("unknown-variable", f"{table.full_name} has no variable {node.text()!r}.")
    return variable
