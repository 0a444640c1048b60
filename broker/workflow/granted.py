"""The names that a project's texts may use, for whoever writes them: granted variables and what it keeps. No data."""

from dataclasses import dataclass

from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.domain.projects import Project
from broker.domain.saved import SCHEMA, Cohort, SavedEntry
from broker.policy.catalogue import Catalogue
from broker.workflow import cohorts
from broker.workflow.relations import reach_project


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: what it is, and whether it may only be joined on and counted."""

    name: str
    about: str
    key: bool = False


@dataclass(frozen=True, slots=True)
class NamedTable:
    name: str
    about: str
    variables: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What may be completed in a text of the project."""

    dialect: str
    tables: tuple[NamedTable, ...]


def names_of(ports: Ports, person: Person, ident: str) -> Names:
    """Granted variables, cohorts and lookups: nothing else can be used, so nothing else is offered."""
    project, policies = reach_project(ports, person, Action.SUBMIT_JOB, ident)
    kept = [_kept(entry) for entry in cohorts.readable(ports, ident)]
    return Names(project.dialect, (*_granted(project, policies.catalogue), *kept))


def _granted(project: Project, catalogue: Catalogue) -> list[NamedTable]:
    found: dict[str, dict[str, Name]] = {}
    for grant in project.grants:
        table = catalogue.find(grant.table)
        variable = table.find(grant.variable) if table else None
        if table is not None and variable is not None:
            name = Name(variable.name, variable.description, grant.link_key)
            found.setdefault(table.full_name, {}).setdefault(variable.name, name)
    return [NamedTable(t, catalogue.table(t).description, tuple(v.values())) for t, v in found.items()]


def _kept(entry: SavedEntry) -> NamedTable:
    found = entry.definition
    columns = found.columns if isinstance(found, Cohort) else tuple(c.name for c in found.columns)
    return NamedTable(f"{SCHEMA}.{entry.name}", entry.about, tuple(Name(c, "") for c in columns))
