"""The public register: who may use what, for which purpose, and what was released. Readable without an account.

It shows what policy says of projects and what has left, in the columns of the department's published list of data
shares. It knows nothing of jobs, researchers and what has not left. Times are whole minutes.
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
from broker.workflow.policies_in_force import policies_if_any, policies_in_force, policies_of
from broker.workflow.timing_channel import whole_minute

ROUTE = "Job broker: the data stay where they are, and only checked results are released"
MOST_WORDS = 8

LEVELS = {
    "1": "1, identifies a person directly", "2": "2, an identifier that is used elsewhere",
    "3": "3, an identifier within this data set only", "4": "4, not an identifier, but easily recognised",
    "5": "5, not an identifier",
    "A": "A, never shared outside the department", "B": "B, highly sensitive", "C": "C, sensitive",
    "D": "D, of a special category", "E": "E, not sensitive",
}  # fmt: skip
"""The department's two scales in a few words: how far a variable identifies, and how sensitive it is."""


class ProjectStatus(StrEnum):
    """`closed`: policy has dropped the project; its releases stay in the register."""

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
    """What a project was granted of one table. `years` is None for tables without years."""

    table: str
    about: str
    years: Years | None
    justification: str
    variables: tuple[GrantedVariable, ...]

    @property
    def called(self) -> str:
        """Name for readers who do not know the table's: the first words of the catalogue's description."""
        first = re.split(r" \(|[,;]", self.about)[0]
        return first[:1].upper() + first[1:] or self.table


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """A project as the register shows it. `level` is the department's pair for all its variables together: the most
    identifying and the most sensitive."""

    project: ResearchProject
    status: ProjectStatus
    datasets: tuple[Dataset, ...]
    level: str
    count: RegisterCount | None


@dataclass(frozen=True, slots=True)
class RegisterSearch:
    """A visitor's search: words that all have to occur, and a status."""

    words: tuple[str, ...] = ()
    status: ProjectStatus | None = None


def register_search(words: str, status: str) -> RegisterSearch:
    """Return the search as typed. An unknown status means any status."""
    known = {s.value: s for s in ProjectStatus}
    return RegisterSearch(tuple(words.casefold().replace("\x00", " ").split()[:MOST_WORDS]), known.get(status))


def list_projects(ports: Ports, search: RegisterSearch) -> list[ProjectEntry]:
    """Return every project that policy names or that ever released, the last approved first."""
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
    """Return the releases, newest first, in whole minutes: exact times would reveal how long a job ran."""
    return [_in_whole_minutes(entry) for entry in ports.store.register(wanted)]


def _in_whole_minutes(entry: RegisterEntry) -> RegisterEntry:
    recalled = None if entry.recalled_at is None else whole_minute(entry.recalled_at)
    return replace(entry, released_at=whole_minute(entry.released_at), recalled_at=recalled)


def _all_entries(ports: Ports) -> list[ProjectEntry]:
    if (policies := policies_if_any(ports.store)) is None:
        return []
    today = ports.clock.now().date()
    counts = {c.project: c for c in ports.store.register_counts()}
    here = [_entry(p, policies, _status(p, today), counts.get(p.ident)) for p in policies.projects]
    known = {p.ident for p in policies.projects}
    gone = [_closed_entry(ports, count) for ident, count in counts.items() if ident not in known]
    every = sorted([*here, *(e for e in gone if e is not None)], key=lambda e: e.project.ident)
    return sorted(every, key=lambda e: e.project.approval.approved or date.min, reverse=True)


def _closed_entry(ports: Ports, count: RegisterCount) -> ProjectEntry | None:
    """Return a project that policy has dropped, as the policy set of its last release describes it."""
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
    """Return the grants by table, in the project's order."""
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
    """Return the pair for all variables: '3E' and '5B' together are '3B'. Empty if the catalogue rates none."""
    rated = [p for p in pairs if p]
    return min(p[0] for p in rated) + min(p[1] for p in rated) if rated else ""


def _searchable_text(entry: ProjectEntry) -> str:
    p = entry.project
    facts = [p.ident, p.title, p.purpose, p.organisation, p.organisation_type, p.gateway, p.approval.reference]
    facts += [p.approval.benefit, *p.approval.processors, *(f"{d.table} {d.about}" for d in entry.datasets)]
    return " ".join([*facts, *(v.name for d in entry.datasets for v in d.variables)]).casefold()
