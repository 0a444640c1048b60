"""The public register: who may use what, for which purpose, and what was released; readable without an account.

It shows what policy says of projects and what has left, in the columns of the department's published list of data
shares; of jobs, researchers and what has not left it knows nothing. Moments are whole minutes.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from broker.domain.errors import Unknown
from broker.domain.plans.variable_uses import Years
from broker.domain.ports import Ports, RegisterCount, RegisterEntry, RegisterFilter
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.policies_in_force import policies_in_force, policies_of
from broker.workflow.timing_channel import whole_minute

ROUTE = "Job broker: the data stay where they are, only checked results leave"
MOST_WORDS = 8

LEVELS = {
    "1": "1, says who somebody is", "2": "2, an identifier in use outside",
    "3": "3, an identifier of this data set only", "4": "4, no identifier, but easily recognised",
    "5": "5, no identifier",
    "A": "A, never leaves the department", "B": "B, highly sensitive", "C": "C, sensitive",
    "D": "D, of a special category", "E": "E, not sensitive",
}  # fmt: skip
"""The department's two axes in a few words: how far a variable identifies, and how sensitive it is."""


class ProjectStatus(StrEnum):
    """`closed`: policy has dropped the project; what it released stays here."""

    LIVE = "live"
    EXPIRED = "expired"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class GrantedVariable:
    name: str
    about: str
    cls: str
    level: str
    years: Years | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a project was granted of one table; `years` is None for tables without a year."""

    table: str
    about: str
    years: Years | None
    justification: str
    variables: tuple[GrantedVariable, ...]

    @property
    def called(self) -> str:
        """For a reader who knows no table's name: what the catalogue says of it first."""
        first = re.split(r" \(|[,;]", self.about)[0]
        return first[:1].upper() + first[1:] or self.table


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """A project as the register shows it. `level` is the department's pair for all that is granted together: the most
    identifying of its variables, and the most sensitive."""

    project: ResearchProject
    status: ProjectStatus
    datasets: tuple[Dataset, ...]
    level: str
    count: RegisterCount | None


@dataclass(frozen=True, slots=True)
class RegisterSearch:
    """What a visitor looks for: words that all have to occur, and a status."""

    words: tuple[str, ...] = ()
    status: ProjectStatus | None = None


def register_search(words: str, status: str) -> RegisterSearch:
    """As typed; a status that does not exist asks for none."""
    known = {s.value: s for s in ProjectStatus}
    return RegisterSearch(tuple(words.casefold().replace("\x00", " ").split()[:MOST_WORDS]), known.get(status))


def list_projects(ports: Ports, search: RegisterSearch) -> list[ProjectEntry]:
    """Every project that policy names or that ever released; those approved last come first."""
    found = [e for e in _all_entries(ports) if search.status in {None, e.status}]
    return [e for e in found if all(word in _searchable_text(e) for word in search.words)]


def find_project(ports: Ports, ident: str) -> ProjectEntry:
    policies, today = policies_in_force(ports.store), ports.clock.now().date()
    count = next((c for c in ports.store.register_counts() if c.project == ident), None)
    found = policies.project(ident)
    if found is not None:
        return _entry(found, policies, _status(found, today), count)
    closed = None if count is None else _closed_entry(ports, count)
    if closed is None:
        raise Unknown("project", ident)
    return closed


def list_releases(ports: Ports, wanted: RegisterFilter) -> list[RegisterEntry]:
    """What left, newest first. When exactly it did would tell how long a job ran."""
    return [_in_whole_minutes(entry) for entry in ports.store.register(wanted)]


def _in_whole_minutes(entry: RegisterEntry) -> RegisterEntry:
    recalled = None if entry.recalled_at is None else whole_minute(entry.recalled_at)
    return replace(entry, released_at=whole_minute(entry.released_at), recalled_at=recalled)


def _all_entries(ports: Ports) -> list[ProjectEntry]:
    try:
        policies, today = policies_in_force(ports.store), ports.clock.now().date()
    except Unknown:
        return []  # a broker that is being set up
    counts = {c.project: c for c in ports.store.register_counts()}
    here = [_entry(p, policies, _status(p, today), counts.get(p.ident)) for p in policies.projects]
    known = {p.ident for p in policies.projects}
    gone = [_closed_entry(ports, count) for ident, count in counts.items() if ident not in known]
    every = sorted([*here, *(e for e in gone if e is not None)], key=lambda e: e.project.ident)
    return sorted(every, key=lambda e: e.project.approval.approved or date.min, reverse=True)


def _closed_entry(ports: Ports, count: RegisterCount) -> ProjectEntry | None:
    """A project that policy has dropped, as the set said under which it released last."""
    policies = policies_of(ports.store, count.policy)
    project = policies.project(count.project)
    return None if project is None else _entry(project, policies, ProjectStatus.CLOSED, count)


def _status(project: ResearchProject, today: date) -> ProjectStatus:
    return ProjectStatus.LIVE if project.is_live(today) else ProjectStatus.EXPIRED


def _entry(
    project: ResearchProject, policies: PolicySet, status: ProjectStatus, count: RegisterCount | None
) -> ProjectEntry:
    seen = None if count is None else replace(count, last=whole_minute(count.last))
    found = datasets(project, policies)
    return ProjectEntry(project, status, found, level_of([v.level for d in found for v in d.variables]), seen)


def datasets(project: ResearchProject, policies: PolicySet) -> tuple[Dataset, ...]:
    """The grants by table, in the order in which the project has them."""
    return tuple(_dataset(table, project, policies) for table in dict.fromkeys(g.table for g in project.grants))


def _dataset(name: str, project: ResearchProject, policies: PolicySet) -> Dataset:
    table = policies.catalogue.table(name)
    grants = [g for g in project.grants if g.table == name]
    spans = [g.years for g in grants if g.years is not None]
    variables = []
    for grant in grants:
        variable = table.find(grant.variable)
        facts = (variable.description, variable.cls.value, variable.identifiability or "") if variable else ("", "", "")
        variables.append(GrantedVariable(grant.variable, *facts, grant.years))
    reasons = " ".join(dict.fromkeys(g.justification for g in grants))
    years = frozenset().union(*spans) if spans else None
    return Dataset(name, table.description, years, reasons, tuple(variables))


def level_of(pairs: list[str]) -> str:
    """'3E' and '5B' together are '3B'; empty where the catalogue rates nothing."""
    rated = [p for p in pairs if p]
    return min(p[0] for p in rated) + min(p[1] for p in rated) if rated else ""


def _searchable_text(entry: ProjectEntry) -> str:
    p = entry.project
    facts = [p.ident, p.title, p.purpose, p.organisation, p.organisation_type, p.gateway, p.approval.reference]
    facts += [p.approval.benefit, *p.approval.processors, *(f"{d.table} {d.about}" for d in entry.datasets)]
    return " ".join([*facts, *(v.name for d in entry.datasets for v in d.variables)]).casefold()
