"""The catalogue for readers: tables, variables, grants, and the names that a project's texts may use."""

from dataclasses import dataclass

from broker.domain.errors import Unknown
from broker.domain.identity.people import Action, Person
from broker.domain.ports import Ports
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA, Cohort, SavedEntry
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind, Variable
from broker.policy.policy_set import PolicySet
from broker.workflow.access import reach_project
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.submission import save_definition
from broker.workflow.submission.preview import CatalogueEntry, catalogue_entry


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table: its content, unit and years, and how many of its variables each of the person's projects was granted."""

    name: str
    description: str
    unit: str
    public: bool
    years: tuple[int, ...] | None
    year_variable: str | None
    variables: int
    granted: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class CatalogueCode:
    code: str
    label: str


@dataclass(frozen=True, slots=True)
class VariableEntry:
    """A variable with all that the catalogue says of its values. `codes` have their labels. `justifications`: why each
    of the person's projects may use it."""

    entry: CatalogueEntry
    variable: Variable
    codes: tuple[CatalogueCode, ...]
    justifications: tuple[tuple[str, str], ...]


def list_tables(ports: Ports, person: Person) -> list[TableEntry]:
    policies = policies_in_force(ports.store)
    return [_table_entry(t, policies, person) for t in policies.catalogue.tables]


def view_table(ports: Ports, person: Person, name: str) -> tuple[TableEntry, list[CatalogueEntry]]:
    """Return a table with all of its variables. Raises Unknown if there is none."""
    policies = policies_in_force(ports.store)
    found = _find_table(policies, name)
    mine = [p for p in policies.projects if person.ident in p.researchers]
    return _table_entry(found, policies, person), [catalogue_entry(found, v, mine) for v in found.variables]


def view_variable(ports: Ports, person: Person, table_name: str, name: str) -> VariableEntry:
    policies = policies_in_force(ports.store)
    found = _find_table(policies, table_name)
    variable = found.find(name)
    if variable is None:
        raise Unknown("variable", f"{table_name}.{name}")
    mine = [p for p in policies.projects if person.ident in p.researchers]
    reasons = {
        (p.ident, g.justification)
        for p in mine
        for g in p.grants
        if (g.table, g.variable) == (found.full_name, variable.name)
    }
    entry = catalogue_entry(found, variable, mine)
    return VariableEntry(entry, variable, _codes(variable, policies), tuple(sorted(reasons)))


def _find_table(policies: PolicySet, name: str) -> CatalogueTable:
    found = policies.catalogue.find(name)
    if found is None:
        raise Unknown("table", name)
    return found


def _table_entry(table: CatalogueTable, policies: PolicySet, person: Person) -> TableEntry:
    mine = [p for p in policies.projects if person.ident in p.researchers]
    granted = ((p.ident, len({g.variable for g in p.grants if g.table == table.full_name})) for p in mine)
    return TableEntry(
        name=table.full_name,
        description=table.description,
        unit=table.unit.value if table.unit else "",
        public=table.kind is TableKind.PUBLIC,
        years=None if table.years is None else tuple(sorted(table.years)),
        year_variable=table.year.variable if table.year else None,
        variables=len(table.variables),
        granted=tuple((ident, count) for ident, count in granted if count),
    )


def _codes(variable: Variable, policies: PolicySet) -> tuple[CatalogueCode, ...]:
    """Return the codes in the order in which tables show them. A code without a label has ''."""
    listed = next((c for c in policies.catalogue.codesets if c.name == variable.codeset), None)
    labels = listed.labels if listed else {}
    return tuple(
        CatalogueCode(code, labels.get(code, "")) for code in variable.codes or (listed.codes if listed else ())
    )


@dataclass(frozen=True, slots=True)
class CompletionName:
    """A variable and its description. `key`: it may only be joined on and counted."""

    name: str
    about: str
    key: bool = False


@dataclass(frozen=True, slots=True)
class CompletionTable:
    name: str
    about: str
    variables: tuple[CompletionName, ...]


@dataclass(frozen=True, slots=True)
class CompletionNames:
    """Names that an editor may complete in a text of the project."""

    dialect: str
    tables: tuple[CompletionTable, ...]


def completion_names(ports: Ports, person: Person, ident: str) -> CompletionNames:
    """Return the granted variables, cohorts and lookups of the project. A text cannot use anything else, so nothing
    else is offered."""
    project, policies = reach_project(ports, person, Action.SUBMIT_JOB, ident)
    saved = [_saved_table(entry) for entry in save_definition.readable_definitions(ports, ident)]
    return CompletionNames(project.dialect, (*_granted_tables(project, policies.catalogue), *saved))


def _granted_tables(project: ResearchProject, catalogue: Catalogue) -> list[CompletionTable]:
    found: dict[str, dict[str, CompletionName]] = {}
    for grant in project.grants:
        table = catalogue.find(grant.table)
        variable = table.find(grant.variable) if table else None
        if table is not None and variable is not None:
            name = CompletionName(variable.name, variable.description, grant.link_key)
            found.setdefault(table.full_name, {}).setdefault(variable.name, name)
    return [CompletionTable(t, catalogue.table(t).description, tuple(v.values())) for t, v in found.items()]


def _saved_table(entry: SavedEntry) -> CompletionTable:
    found = entry.definition
    columns = found.columns if isinstance(found, Cohort) else tuple(c.name for c in found.columns)
    return CompletionTable(f"{PROJECT_SCHEMA}.{entry.name}", entry.about, tuple(CompletionName(c, "") for c in columns))
