"""What a project may see of a snapshot: granted variables of each table, by year. Pure: reads no file."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.domain.errors import Breach
from broker.domain.plans.variable_uses import INSTITUTION_CODES, VariableClass, Years, institution_code
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind, Variable
from broker.vault.duckdb_access import storage_type
from broker.vault.extract_files import WITHOUT_YEAR


@dataclass(frozen=True, slots=True)
class ProjectShare:
    """One table's share. `years` gives the variables granted in each year (None: the table has no years).

    All files of a table have the columns of `variables`, so that a table has one schema. In a year in which a variable
    is not granted it is NULL in every row.
    """

    table: CatalogueTable
    variables: tuple[Variable, ...]
    years: Mapping[int | None, frozenset[str]]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """(name, DuckDB type) of the columns that scripts see."""
        return [
            (v.name, pseudonym_type(v) if is_pseudonymous(self.table, v) else storage_type(v)) for v in self.variables
        ]

    def granted(self, year: int | None) -> list[Variable]:
        return [v for v in self.variables if v.name in self.years[year]]


def year_label(year: int | None) -> str:
    return WITHOUT_YEAR if year is None else str(year)


def is_pseudonymous(table: CatalogueTable, variable: Variable) -> bool:
    """Whether projects see a variable only as a pseudonym: link keys and all other identifiers."""
    return table.is_link_key(variable.name) or variable.cls is VariableClass.IDENTIFIER


def pseudonym_type(variable: Variable) -> str:
    """The type of a pseudonym is that of its variable, so that queries mean the same: integers where keys are
    integers."""
    return "BIGINT" if variable.type.is_whole else "VARCHAR"


def domain_of(table: CatalogueTable, variable: Variable) -> str:
    """The key domain of a pseudonymous variable. Identifiers that link nothing have their own domain."""
    return table.domain_of_key(variable.name) or f"{table.full_name}.{variable.name}"


def shares_of(
    project: ResearchProject, catalogue: Catalogue, present: Mapping[str, frozenset[int | None]]
) -> list[ProjectShare]:
    """The shares of a project's grants, limited to the table-years that are `present` in the snapshot. Raises Breach
    for a grant of something that is not grantable."""
    return [
        _share(project, table, present.get(table.full_name, frozenset()))
        for table in sorted(catalogue.tables, key=lambda t: t.full_name)
        if table.full_name in project.tables
    ]


def _share(project: ResearchProject, table: CatalogueTable, present: frozenset[int | None]) -> ProjectShare:
    granted: dict[str, Years | None] = {}
    for variable in table.variables:
        years = project.granted_years(table.full_name, variable.name)
        if isinstance(years, bool):
            continue
        # Policy should have refused the grant: do not build such a vault.
        if variable.cls is VariableClass.INSTANT_IDENTIFIER or not table.grantable:
            raise Breach(f"{table.full_name}.{variable.name} is granted to {project.ident}, but is not grantable.")
        granted[variable.name] = years
    by_year = {
        year: frozenset(n for n, years in granted.items() if year is None or years is None or year in years)
        for year in sorted(present, key=year_label)
    }
    variables = tuple(v for v in table.variables if v.name in granted)
    return ProjectShare(table, variables, {year: names for year, names in by_year.items() if names})


def institution_of(share: ProjectShare, year: int | None) -> Variable | None:
    """The granted variable that identifies the institution of a row, if any: a school's URN, otherwise LAEstab.

    All years of a table use one code, so that a school is not counted as two. A year in which that variable is not
    granted has none.
    """
    if share.table.kind is not TableKind.PERSON:
        return None
    named = [(code, v) for code in INSTITUTION_CODES for v in share.variables if institution_code(v.name) == code]
    code = named[0][0] if named else None
    return next((v for c, v in named if c == code and v.name in share.years[year]), None)
