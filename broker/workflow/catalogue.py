"""The catalogue as people read it: tables, and a variable with years, codes, class and grants. Reads policies only."""

from dataclasses import dataclass

from broker.domain.errors import Unknown
from broker.domain.people import Person
from broker.domain.ports import Ports
from broker.policy.models import Policies
from broker.policy.tables import Table, TableKind
from broker.policy.variables import Variable
from broker.workflow.policies import policies_in_force
from broker.workflow.preview import CatalogueEntry, entry_of


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table: what it holds, of whom, in which years, and how many variables are granted to each of one's projects."""

    name: str
    description: str
    unit: str
    public: bool
    years: tuple[int, ...] | None
    year_variable: str | None
    variables: int
    granted: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    label: str


@dataclass(frozen=True, slots=True)
class VariableEntry:
    """A variable with all that the catalogue says of its values. `listed_in`: the public register that has them."""

    found: CatalogueEntry
    table: TableEntry
    codes: tuple[Code, ...]
    low: float | None
    high: float | None
    missing: bool
    identifiability: str | None
    default_item: bool
    listed_in: str | None
    justifications: tuple[tuple[str, str], ...]


def tables(ports: Ports, person: Person) -> list[TableEntry]:
    policies = policies_in_force(ports.store)
    return [_table(t, policies, person) for t in policies.catalogue.tables]


def table(ports: Ports, person: Person, name: str) -> tuple[TableEntry, list[CatalogueEntry]]:
    """A table with all of its variables."""
    policies = policies_in_force(ports.store)
    found = _find(policies, name)
    mine = [p for p in policies.projects if person.ident in p.researchers]
    return _table(found, policies, person), [entry_of(found, v, mine) for v in found.variables]


def variable(ports: Ports, person: Person, table_name: str, name: str) -> VariableEntry:
    policies = policies_in_force(ports.store)
    found = _find(policies, table_name)
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
    return VariableEntry(
        found=entry_of(found, variable, mine),
        table=_table(found, policies, person),
        codes=_codes(variable, policies),
        low=variable.low,
        high=variable.high,
        missing=variable.missing,
        identifiability=variable.identifiability,
        default_item=variable.default_item,
        listed_in=variable.register_key,
        justifications=tuple(sorted(reasons)),
    )


def _find(policies: Policies, name: str) -> Table:
    found = policies.catalogue.find(name)
    if found is None:
        raise Unknown("table", name)
    return found


def _table(table: Table, policies: Policies, person: Person) -> TableEntry:
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


def _codes(variable: Variable, policies: Policies) -> tuple[Code, ...]:
    """In the order in which tables show them; a code without a label says itself."""
    listed = next((c for c in policies.catalogue.codesets if c.name == variable.codeset), None)
    labels = listed.labels if listed else {}
    return tuple(Code(code, labels.get(code, "")) for code in variable.codes or (listed.codes if listed else ()))
