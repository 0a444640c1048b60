"""Which synthetic data a project's rehearsals run on: the tables and years of its grants, under one name. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from broker.domain.errors import Invalid
from broker.domain.projects import Project
from broker.domain.variables import Years
from broker.policy.catalogue import Catalogue
from broker.policy.models import canonical_json
from broker.policy.tables import Table

LAYOUT = "1"
"""Changes when the same data would be made or kept differently."""

SECONDS_A_FILE = 0.025
SECONDS_A_ROW = 2.6e-6
"""What making them takes on two cores, as measured: enough to say beforehand how long to wait."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made: a catalogue of just those tables and years, for how many pupils, from which seed."""

    catalogue: Catalogue
    years: tuple[int, int]
    pupils: int
    seed: int

    @property
    def name(self) -> str:
        """Equal where the data would be equal."""
        parts = [LAYOUT, self.catalogue, self.years, self.pupils, self.seed]
        return "r" + hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:24]

    @property
    def about_seconds(self) -> int:
        files = sum(len(t.years or (0,)) for t in self.catalogue.tables)
        return round(files * (SECONDS_A_FILE + SECONDS_A_ROW * self.pupils)) + 1


def wanted(project: Project, catalogue: Catalogue, known: range, pupils: int, seed: int) -> Wanted:
    """`known` are the years that can be made. Tables that link two kinds of keys are there too, granted or not: they
    decide which keys are one person, and so what counts as one; and registers, from which rows of tables come."""
    tables = tuple(_narrowed(project, catalogue, frozenset(known)))
    years = sorted({year for t in tables for year in t.years or ()})
    if not years and any(catalogue.table(name).years for name in project.tables):
        sentence = f"No synthetic data are known for the years of project {project.ident}: they are made for "
        raise Invalid("rehearsal-years", f"{sentence}{known[0]} to {known[-1]}.", project.ident)
    span = (years[0], years[-1]) if years else (known[-1], known[-1])
    return Wanted(replace(catalogue, tables=tables), span, pupils, seed)


def _narrowed(project: Project, catalogue: Catalogue, known: Years) -> Iterator[Table]:
    granted = [t for t in catalogue.tables if t.full_name in project.tables]
    keys = {v.register_key for t in granted for v in t.variables if v.register_key is not None}
    registers = frozenset(k.rpartition(".")[0] for k in keys)
    for table in catalogue.tables:
        links = table.second_key is not None and table.year is None
        if not links and table.full_name not in project.tables | registers:
            continue
        if table.year is None:
            yield table
        elif years := _granted(project, table) & known:
            yield replace(table, year=replace(table.year, years=years))


def _granted(project: Project, table: Table) -> Years:
    """The years in which anything of a table with a year axis is granted."""
    granted: Years = frozenset()
    for grant in project.grants:
        if grant.table == table.full_name:
            granted |= (table.years or frozenset()) if grant.years is None else grant.years
    return granted & (table.years or frozenset())
