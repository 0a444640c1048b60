"""Reads project files into projects. Short forms (`all`, `default items`, ranges of years) become one grant for each
variable."""

from pathlib import Path
from typing import Annotated

from broker.domain.plans.variable_uses import VariableClass, Years
from broker.domain.projects.project import MAX_VOTES, Grant, ProjectApproval, ResearchProject
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.privacy_files import check_privacy_profile, granted_table, read_budgets
from broker.policy.files.yaml_reader import LocatedValue, read_yaml
from broker.policy.policy_model import Condition, at_least
from broker.policy.privacy_policy import PrivacyPolicy

PROJECT_KEYS = keys_of(ResearchProject) - {"organisation_type"}
GRANT_KEYS = ("table", "variables", "except", "group_quasi", "years", "justification")
_AT_MOST_TWO = Condition(lambda votes: votes <= MAX_VOTES, f"At most {MAX_VOTES} votes can be required.")


def read_projects(
    folder: Path, catalogue: Catalogue, profiles: frozenset[str], privacy: PrivacyPolicy
) -> tuple[ResearchProject, ...]:
    files = [PolicyFields(read_yaml(path), PROJECT_KEYS) for path in sorted(folder.glob("*.yaml"))]
    found = [(_project(fields, catalogue, profiles, privacy), fields.at("project")) for fields in files]
    return distinct(found, lambda p: p.ident.casefold(), "duplicate-project", "There are two projects {0.ident}.")


def _project(
    fields: PolicyFields, catalogue: Catalogue, profiles: frozenset[str], privacy: PrivacyPolicy
) -> ResearchProject:
    organisation = PolicyFields(fields.at("organisation"), ("name", "type"))
    project = read_model(
        fields,
        ResearchProject,
        organisation=organisation.text("name"),
        organisation_type=organisation.text("type"),
        votes=fields.value("votes", Annotated[int, at_least(0), _AT_MOST_TWO]),
        researchers=fields.value("researchers", frozenset[str], frozenset()),
        grants=tuple(g for node in fields.listed("grants") for g in _grants(node, catalogue)),
        budgets=read_budgets(fields, catalogue, privacy),
        approval=_approval(fields.at("approval")) if fields.has("approval") else ProjectApproval(),
    )
    profile, dialect, schema = project.profile, project.dialect, project.default_schema
    if profile not in profiles:
        raise fields.wrong("profile", "unknown-profile", f"There is no profile {profile!r}.")
    if dialect not in SQL_DIALECTS:
        raise fields.wrong("dialect", "unknown-dialect", f"{dialect!r} is none of {', '.join(SQL_DIALECTS)}.")
    if schema and schema not in {t.schema_name for t in catalogue.tables}:
        raise fields.wrong("default_schema", "unknown-schema", f"The catalogue has no schema {schema!r}.")
    check_privacy_profile(fields, project.privacy, privacy, project.mode)
    return project


def _approval(node: LocatedValue) -> ProjectApproval:
    """What the public register shows besides the deciding facts."""
    fields = PolicyFields(node, keys_of(ProjectApproval))
    found = read_model(fields, ProjectApproval, ("reference", "approved", "benefit"))
    if found.approved and found.first_shared and found.first_shared < found.approved:
        raise fields.wrong("first_shared", "policy-range", "Nothing is shared before it was approved.")
    return found


def _grants(node: LocatedValue, catalogue: Catalogue) -> list[Grant]:
    fields = PolicyFields(node, GRANT_KEYS)
    table = granted_table(fields, catalogue)
    if not table.grantable:
        raise fields.wrong("table", "not-grantable", f"{table.full_name} is never granted.")
    justification = fields.text("justification")
    years = _years(fields, table)
    granted = _granted(fields, table)
    quasi = {v.name for v in _named(fields, "group_quasi", table)}
    for variable in _named(fields, "group_quasi", table):
        if variable.cls is not VariableClass.QUASI or variable not in granted:
            raise fields.wrong("group_quasi", "group-quasi", f"{variable.name} is no quasi-identifier granted here.")
    by_default = fields.at("variables").value == "default items"  # combination rules treat such grants differently
    return [
        Grant(table.full_name, v.name, years, justification, table.is_link_key(v.name), v.name in quasi, by_default)
        for v in granted
    ]


def _years(fields: PolicyFields, table: CatalogueTable) -> Years | None:
    """The granted years that exist. A range may include years without data, but may not exceed the years of the
    table."""
    if table.years is None:
        if fields.has("years"):
            raise fields.wrong("years", "no-year-axis", f"{table.full_name} has no years.")
        return None
    years: frozenset[int] = frozenset()
    for first, last in fields.year_ranges("years"):
        if first < min(table.years) or last > max(table.years):
            span = f"{min(table.years)}-{max(table.years)}"
            raise fields.wrong("years", "year-outside", f"{table.full_name} has the years {span} only.")
        existing_years = table.years & frozenset(range(first, last + 1))  # years without data cannot be granted
        if not existing_years:
            raise fields.wrong("years", "empty-range", f"{table.full_name} has no data in {first}-{last}.")
        years |= existing_years
    return years


def _granted(fields: PolicyFields, table: CatalogueTable) -> tuple[Variable, ...]:
    left_out = _named(fields, "except", table)
    if isinstance(fields.at("variables").value, list):
        granted = _named(fields, "variables", table)
        wrong = next((v for v in granted if not table.can_grant(v)), None)
        if wrong is not None:
            raise fields.wrong("variables", "identifier", f"{wrong.name} is an identifier: nobody is granted it.")
    else:
        granted = _short_form(fields, table)
    granted = tuple(v for v in granted if v not in left_out)
    if not granted:
        raise fields.wrong("variables", "empty-list", f"This grants no variable of {table.full_name}.")
    return granted


def _short_form(fields: PolicyFields, table: CatalogueTable) -> tuple[Variable, ...]:
    """Variables of a short form. `all` and `default items` never include identifiers, except the table's own link
    keys."""
    # link keys are identifiers, but a project needs them to join
    usable = tuple(v for v in table.variables if table.can_grant(v))
    forms = {
        "all": usable,
        "default items": tuple(v for v in usable if v.default_item),
        "link keys only": tuple(v for v in usable if table.is_link_key(v.name)),
    }
    if (form := fields.text("variables")) not in forms:
        message = f"{form!r} is none of {', '.join(forms)}, and no list of variables."
        raise fields.wrong("variables", "unknown-word", message)
    return forms[form]


def _named(fields: PolicyFields, key: str, table: CatalogueTable) -> tuple[Variable, ...]:
    found = [(_variable(node, table), node) for node in fields.listed(key)]
    return distinct(found, lambda variable: variable.name, "duplicate-variable", "{0.name} stands here twice.")


def _variable(node: LocatedValue, table: CatalogueTable) -> Variable:
    variable = table.find(node.text())
    if variable is None:
        raise node.wrong("unknown-variable", f"{table.full_name} has no variable {node.text()!r}.")
    return variable
