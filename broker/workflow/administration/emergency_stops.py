"""Stops a person or a project at once, by one administrator; lifting a stop takes two. Waiting and running jobs end.

The stop is one transaction: from then on the store accepts, starts and releases nothing of that person or project.
Then the unfinished jobs are withdrawn one by one. If this process dies in between, the worker withdraws the rest.
"""

from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import ACTIVE_JOB_STATES, SYSTEM, Action, Person
from broker.domain.jobs.job import JobState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.plain_text import check_plain_text
from broker.domain.ports import Ports
from broker.domain.projects.stops import Stop, StopKind
from broker.workflow.access import project_or_unknown
from broker.workflow.administration.user_accounts import check_administrator, is_same_holder
from broker.workflow.policies_in_force import policies_in_force

REASON_LENGTH = 500
MAX_TRIES = 5
UNFINISHED_STATES = frozenset(state.value for state in ACTIVE_JOB_STATES if isinstance(state, JobState))


def stop(ports: Ports, by: Person, kind: StopKind, subject: str, reason: str) -> int:
    """Stop a person or project and withdraw its unfinished jobs. Returns the number of jobs withdrawn here."""
    check_administrator(by, Action.STOP_ALL)
    if kind is StopKind.PERSON and subject == by.ident:
        raise Forbidden("own-account", "Ask another administrator to stop your account.")
    made = Stop(kind, subject, by.ident, ports.clock.now(), _reason(reason))
    # Also raises Unknown for a person or project that does not exist.
    holders = _token_holders(ports, kind, subject)
    ports.store.stop(made, holders, [AuditEvent(made.at, by.ident, f"{kind}.stopped", subject)])
    return withdraw_stopped_jobs(ports, by)


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > REASON_LENGTH or "\x00" in reason:
        raise Invalid("reason", f"Enter a reason of 1 to {REASON_LENGTH} characters.", "/reason")
    check_plain_text(reason, "reason", "/reason", lines=True)
    return reason


def _token_holders(ports: Ports, kind: StopKind, subject: str) -> frozenset[str]:
    """Return the people whose tokens and sessions end: the stopped person, or everybody in the project."""
    if kind is StopKind.PERSON:
        return frozenset({ports.store.person(subject).ident})
    return project_or_unknown(policies_in_force(ports.store), subject).researchers


def withdraw_stopped_jobs(ports: Ports, by: Person = SYSTEM) -> int:
    """Withdraw the unfinished jobs of everything that is stopped, and return their number.

    The worker that runs a job kills its sandbox when its lease renewal fails.
    """
    found = ports.store.unfinished_but_stopped(UNFINISHED_STATES)
    for job in found:
        _withdraw_job(ports, by, job)
    return len(found)


def _withdraw_job(ports: Ports, by: Person, ident: str) -> None:
    """Withdraw one job. If a worker moves the job on meanwhile, read it again and retry."""
    for _ in range(MAX_TRIES):
        job = ports.store.job(ident)
        if job.state.value not in UNFINISHED_STATES:
            return
        now = ports.clock.now()
        event = AuditEvent(now, by.ident, "job.stopped", ident)
        try:
            ports.store.advance(ident, job.attempt, job.state, JobState.WITHDRAWN, now, [event])
            return
        except Conflict as conflict:
            if conflict.code != "stale":  # stale: the job has moved on, so read it again
                raise


def lift(ports: Ports, by: Person, kind: StopKind, subject: str) -> bool:
    """Lift a stop. Returns False if this is the first administrator: a second one has to do the same."""
    check_administrator(by, Action.STOP_ALL)
    found = ports.store.stop_of(kind, subject)
    if found is None:
        raise Unknown("stop", subject)
    now = ports.clock.now()
    if kind is StopKind.PERSON and subject == by.ident:
        raise Forbidden("own-account", "Other administrators decide about your account.")
    # By holder, not by id: one person may be able to sign in to two accounts.
    if found.asked_by is None or is_same_holder(ports, found.asked_by, by.ident):
        events = [AuditEvent(now, by.ident, f"{kind}.lift-asked", subject)]
        ports.store.request_lift(kind, subject, by.ident, now, events)
        return False
    ports.store.lift_stop(kind, subject, by.ident, now, [AuditEvent(now, by.ident, f"{kind}.lifted", subject)])
    ports.store.wake(WorkKind.RELEASE)
    return True


def list_stops(ports: Ports, by: Person, *, standing_only: bool = False) -> list[Stop]:
    check_administrator(by, Action.STOP_ALL)
    return ports.store.stops(standing_only=standing_only)


def check_not_stopped(ports: Ports, project: str) -> None:
    """Raises Conflict("stopped") if the project is stopped. Called before any work is done for a researcher."""
    if ports.store.stop_of(StopKind.PROJECT, project) is not None:
        raise Conflict("stopped", "An administrator has stopped this project. Ask an administrator for the reason.")


def is_stopped(ports: Ports, project: str, researcher: str) -> bool:
    stops = ((StopKind.PROJECT, project), (StopKind.PERSON, researcher))
    return any(ports.store.stop_of(kind, subject) is not None for kind, subject in stops)
