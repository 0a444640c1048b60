"""Projects for administrators: who decided what, whether they run, and planned changes against today's policy set.

A change is the policy set in force with one project altered. One administrator proposes it and another applies it, as
with every set. Policy files written elsewhere have to include it, or the next set undoes it.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from broker.domain.errors import Conflict, Invalid
from broker.domain.identity.people import Action, Person
from broker.domain.plain_text import check_released_text
from broker.domain.ports import ListFilter, PolicyDecision, Ports, StoredPolicy
from broker.domain.projects.project import MAX_VOTES, Grant, ResearchProject
from broker.domain.projects.stops import Stop, StopKind
from broker.policy.policy_changes import policy_changes
from broker.policy.policy_set import PolicySet, canonical_json
from broker.workflow.access import project_or_unknown
from broker.workflow.administration.emergency_stops import UNFINISHED_STATES
from broker.workflow.administration.user_accounts import check_administrator, propose_policy
from broker.workflow.policies_in_force import policies_in_force


@dataclass(frozen=True, slots=True)
class ProjectLine:
    project: ResearchProject
    live: bool
    days_left: int
    stop: Stop | None


@dataclass(frozen=True, slots=True)
class ProjectView:
    """`unfinished` counts jobs that wait, run or are assessed, up to 100."""

    line: ProjectLine
    decisions: tuple[PolicyDecision, ...]
    unfinished: int
    in_force: str
    policies: PolicySet

    @property
    def project(self) -> ResearchProject:
        return self.line.project


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """What one project becomes. `removed` names grants by `grant_key`."""

    title: str
    purpose: str
    expires: date
    votes: int
    researchers: frozenset[str]
    removed: frozenset[str] = frozenset()
    added: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedProjectChange:
    """The policy set that a change makes, and its changes in sentences."""

    policies: PolicySet
    sentences: tuple[str, ...]
    against: str


def all_projects(ports: Ports, person: Person) -> list[ProjectLine]:
    check_administrator(person, Action.PROPOSE_POLICY)
    stops = {s.subject: s for s in ports.store.stops(standing_only=True) if s.kind is StopKind.PROJECT}
    today = ports.clock.now().date()
    projects = sorted(policies_in_force(ports.store).projects, key=lambda p: p.ident)
    return [_line(p, today, stops.get(p.ident)) for p in projects]


def _line(project: ResearchProject, today: date, stop: Stop | None) -> ProjectLine:
    return ProjectLine(project, project.is_live(today), (project.expires - today).days, stop)


def view_project(ports: Ports, person: Person, ident: str) -> ProjectView:
    check_administrator(person, Action.PROPOSE_POLICY)
    policies = policies_in_force(ports.store)
    project = project_or_unknown(policies, ident)
    line = _line(project, ports.clock.now().date(), ports.store.stop_of(StopKind.PROJECT, ident))
    jobs = ports.store.jobs(ListFilter(projects=frozenset({ident}), states=UNFINISHED_STATES, limit=100))
    return ProjectView(line, tuple(ports.store.decisions_on(ident)), len(jobs), policies.fingerprint, policies)


def grant_key(grant: Grant) -> str:
    """Return a short name of a grant for forms. Equal grants have the same name in every set."""
    return hashlib.sha256(canonical_json(grant).encode()).hexdigest()[:20]


def plan_change(ports: Ports, person: Person, ident: str, change: ProjectChange, against: str) -> PlannedProjectChange:
    """Return the policy set that the change makes, with its changes in sentences.

    Raises Conflict("stale") if the set in force is not the one that the form showed, Invalid for values that no
    project may have or if nothing changes.
    """
    check_administrator(person, Action.PROPOSE_POLICY)
    before = policies_in_force(ports.store)
    if before.fingerprint != against:  # the administrator decided on what the form showed
        raise Conflict("stale", "Another policy set was put in force in the meantime. Reload the project's page.")
    project = project_or_unknown(before, ident)
    _check(ports, before, project, change)
    after = replace(before, projects=tuple(_changed(p, change) if p is project else p for p in before.projects))
    sentences = tuple(policy_changes(before, after))
    if not sentences:
        raise Invalid("no-change", "This would not change anything.")
    return PlannedProjectChange(after, sentences, against)


def _changed(project: ResearchProject, change: ProjectChange) -> ResearchProject:
    remaining = tuple(g for g in project.grants if grant_key(g) not in change.removed)
    facts = {f: getattr(change, f) for f in ("title", "purpose", "expires", "votes", "researchers")}
    return replace(project, grants=remaining + change.added, **facts)


def propose_change(ports: Ports, person: Person, ident: str, change: ProjectChange, against: str) -> StoredPolicy:
    return propose_policy(ports, person, plan_change(ports, person, ident, change, against).policies)


def _check(ports: Ports, policies: PolicySet, project: ResearchProject, change: ProjectChange) -> None:
    if not change.title.strip() or not change.purpose.strip():
        raise Invalid("title", "A project needs a title and a purpose: the public register shows both.", "/title")
    check_released_text(change.title, "title", "/title")
    check_released_text(change.purpose, "purpose", "/purpose", lines=True)
    if not 0 <= change.votes <= MAX_VOTES:
        raise Invalid("votes", f"Enter a number of votes from 0 to {MAX_VOTES}.", "/votes")
    # A researcher whom the project already names may stay, even without an account.
    known = {p.ident for p in ports.store.people()} | project.researchers
    unknown = sorted(change.researchers - known)
    if unknown:
        raise Invalid("researchers", f"There is no account {', '.join(unknown)}.", "/researchers")
    for grant in change.added:
        _check_grant(policies, project, grant)


def _check_grant(policies: PolicySet, project: ResearchProject, grant: Grant) -> None:
    table = next((t for t in policies.catalogue.tables if t.full_name == grant.table), None)
    if table is None or all(v.name != grant.variable for v in table.variables):
        raise Invalid("variable", f"The catalogue has no variable {grant.table}.{grant.variable}.", "/variable")
    check_released_text(grant.justification, "reason", "/reason", lines=True)
    if not grant.justification.strip():
        raise Invalid("reason", "Enter the reason for the grant.", "/reason")
    if table.year is None and grant.years:
        raise Invalid("years", f"The table {grant.table} has no years.", "/years")
    if table.year is not None and (not grant.years or not grant.years <= table.year.years):
        span = f"{min(table.year.years)} to {max(table.year.years)}"
        raise Invalid(
            "years", f"The table {grant.table} has the years {span}. Grant one or more of these years.", "/years"
        )
    if grant in project.grants:
        raise Invalid("variable", "The project already has this grant.", "/variable")
