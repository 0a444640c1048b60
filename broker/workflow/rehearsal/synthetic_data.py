"""The synthetic NPD of a project: which tables and years it has, and how it is made when first needed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from broker.domain.errors import Invalid
from broker.domain.plans.variable_uses import Years
from broker.domain.ports import SyntheticData
from broker.domain.progress import Progress
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.policy.policy_set import PolicySet, canonical_json
from broker.workflow.access import project_or_unknown

if TYPE_CHECKING:
    from broker.workflow.rehearsal.rehearsal_data import RehearsalData

LAYOUT_VERSION = "1"
"""Changes whenever the same data would be made or stored differently."""

SECONDS_A_FILE = 0.025
SECONDS_A_ROW = 2.6e-6
"""Seconds on two cores, as measured; exact enough to say beforehand how long to wait."""


@dataclass(frozen=True, slots=True)
class SyntheticDataSpec:
    """What to make: a catalogue of just these tables and years, the number of pupils, and the seed."""

    catalogue: Catalogue
    years: tuple[int, int]
    pupils: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the data. Equal for specifications that make equal data."""
        parts = [LAYOUT_VERSION, self.catalogue, self.years, self.pupils, self.seed]
        return "r" + hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:24]

    @property
    def about_seconds(self) -> int:
        files = sum(len(t.years or (0,)) for t in self.catalogue.tables)
        return round(files * (SECONDS_A_FILE + SECONDS_A_ROW * self.pupils)) + 1


def synthetic_data_spec(
    project: ResearchProject, catalogue: Catalogue, available_years: range, pupils: int, seed: int
) -> SyntheticDataSpec:
    """Return what to make for a project. `available_years` are the years that can be made. Raises Invalid if none of
    the granted years can."""
    tables = tuple(_granted_tables(project, catalogue, frozenset(available_years)))
    years = sorted({year for t in tables for year in t.years or ()})
    if not years and any(catalogue.table(name).years for name in project.tables):
        sentence = f"No synthetic data can be made for the years of project {project.ident}. They can be made for "
        raise Invalid("rehearsal-years", f"{sentence}{available_years[0]} to {available_years[-1]}.", project.ident)
    # Tables without years need some year for their people.
    span = (years[0], years[-1]) if years else (available_years[-1], available_years[-1])
    return SyntheticDataSpec(replace(catalogue, tables=tables), span, pupils, seed)


def _granted_tables(project: ResearchProject, catalogue: Catalogue, available_years: Years) -> Iterator[CatalogueTable]:
    granted = [t for t in catalogue.tables if t.full_name in project.tables]
    keys = {v.register_key for t in granted for v in t.variables if v.register_key is not None}
    # Rows of granted tables refer to registers, so these are made too.
    registers = frozenset(k.rpartition(".")[0] for k in keys)
    for table in catalogue.tables:
        # Tables that link two kinds of keys are made even without a grant: they decide which keys belong to one
        # person.
        links = table.second_key is not None and table.year is None
        if not links and table.full_name not in project.tables | registers:
            continue
        if table.year is None:
            yield table
        elif years := _granted_years(project, table) & available_years:
            yield replace(table, year=replace(table.year, years=years))


def _granted_years(project: ResearchProject, table: CatalogueTable) -> Years:
    """Return the years in which any variable of a table with years is granted."""
    existing: Years = table.years or frozenset()
    granted = (g.years for g in project.grants if g.table == table.full_name)
    return existing & frozenset().union(*(existing if years is None else years for years in granted))


WAITING, BEGINNING = "waiting", "beginning"
"""Steps before the data are made: somebody else makes them, or nobody does."""

BuildSyntheticData = Callable[[PolicySet, str, SyntheticDataSpec, Progress], "RehearsalData"]


class SyntheticNPD:
    """The port `SyntheticVaults`. `years` are those that can be made; `build` makes data that are not there yet."""

    def __init__(self, policies: Callable[[], PolicySet], years: range, build: BuildSyntheticData) -> None:
        self._policies, self._years, self._build = policies, years, build

    def for_project(self, project: str, pupils: int, before_making: Callable[[int], None]) -> SyntheticData:
        policies = self._policies()
        found = project_or_unknown(policies, project)
        spec = synthetic_data_spec(found, policies.catalogue, self._years, pupils, policies.service.synthetic_seed)

        def progress(what: str, done: int, total: int) -> None:
            # The data take as long, no matter who makes them.
            if what in {WAITING, BEGINNING}:
                before_making(spec.about_seconds)

        data = self._build(policies, project, spec, progress)
        vault = data.vaults.ensure(project, data.snapshot)
        return SyntheticData(data.vaults, vault, pupils, spec.years)
