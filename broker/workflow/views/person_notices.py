"""Notices for a person: something waits for them, was decided, or ends soon. They are made from what the person's
pages show.

A notice never says more than a page shows the person at that moment, so an email discloses nothing else. Its sentence
has ids only, because others may read an email on its way.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM, Person, Role
from broker.domain.jobs.job import DisplayedState
from broker.domain.ports import AuditFilter, Mailer, Ports
from broker.domain.projects.erasures import ErasureState
from broker.domain.public_tables import PublicTableState
from broker.workflow.administration.user_accounts import AWAITS_SECOND, PERSON_PUT, is_same_holder
from broker.workflow.reviewing import script_failures
from broker.workflow.reviewing.checker_inbox import outputs_waiting
from broker.workflow.submission import save_definition
from broker.workflow.views import job_views

SOON = timedelta(days=30)
RECENT = timedelta(days=14)
"""A decision is news for this long."""

NEWS_STATES = frozenset(
    {
        DisplayedState.RELEASED,
        DisplayedState.RECALLED,
        DisplayedState.NOT_RELEASED,
        DisplayedState.RETURNED,
        DisplayedState.FAILED,
        DisplayedState.LIMIT,
        DisplayedState.SAVED,
    }
)
"""Job states that somebody else, or the worker, caused. Researchers learn of withdrawn and refused jobs at once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`key` identifies the notice on another day; `path` is the page about it; `at` is since when, if that is shown."""

    key: str
    sentence: str
    path: str
    at: datetime | None = None


def notices_for(ports: Ports, person: Person) -> list[Notice]:
    """Return the person's notices: first what waits for them, then what was decided, then what ends."""
    found: list[Notice] = []
    if Role.ADMINISTRATOR in person.roles:
        found += [*_policies(ports, person), *_stops(ports, person), *_erasures(ports, person)]
        found += _public_tables(ports, person)
        found += _accounts(ports, person)
    if Role.CHECKER in person.roles:
        found += _to_check(ports, person)
    if Role.RESEARCHER in person.roles:
        found += [*_decided(ports, person), *_ending(ports, person)]
    return found


def _policies(ports: Ports, person: Person) -> Iterator[Notice]:
    for stored in ports.store.proposed_policies():
        # Somebody who could sign in as the proposer cannot apply the set, so it does not wait for them.
        if not is_same_holder(ports, stored.proposed_by, person.ident):
            sentence = f"Policy set {stored.fingerprint[:12]}, proposed by {stored.proposed_by}, is waiting for you."
            path = f"/administration/policies/{stored.fingerprint}"
            yield Notice(f"policy:{stored.fingerprint}", sentence, path, stored.proposed_at)


def _stops(ports: Ports, person: Person) -> Iterator[Notice]:
    for stop in ports.store.stops(standing_only=True):
        key = f"stop:{stop.kind}:{stop.subject}:{stop.at.isoformat()}"
        if stop.asked_by is None and stop.by != person.ident:
            sentence = f"{stop.by} has stopped the {stop.kind} {stop.subject}."
            yield Notice(key, sentence, "/administration/stops", stop.at)
        elif stop.asked_by is not None and stop.asked_by != person.ident:
            sentence = f"{stop.asked_by} has requested to lift the stop of the {stop.kind} {stop.subject}."
            yield Notice(f"{key}:lift", sentence, "/administration/stops", stop.asked_at)


def _erasures(ports: Ports, person: Person) -> Iterator[Notice]:
    for erasure in ports.store.erasures():
        if erasure.state is ErasureState.REQUESTED and not is_same_holder(ports, erasure.by, person.ident):
            sentence = f"An erasure, case {erasure.case}, requested by {erasure.by}, is waiting for you."
            yield Notice(f"erasure:{erasure.number}", sentence, "/administration/erasures", erasure.at)


def _public_tables(ports: Ports, person: Person) -> Iterator[Notice]:
    for table in ports.store.public_tables():
        if table.state is PublicTableState.REQUESTED and not is_same_holder(ports, table.by, person.ident):
            sentence = f"A table published elsewhere, registered by {table.by}, is waiting for you."
            path = f"/administration/public-tables/{table.ident}"
            yield Notice(f"public-table:{table.ident}", sentence, path, table.at)


def _accounts(ports: Ports, person: Person) -> Iterator[Notice]:
    """Yield the accounts that wait for a second administrator, by the newest audit line about each."""
    seen: set[str] = set()
    for line in ports.store.search_audit(AuditFilter(action=PERSON_PUT, limit=100)):
        event = line.event
        # Only the newest line about an account counts; the search returns newest first.
        if event.subject in seen:
            continue
        seen.add(event.subject)
        if AWAITS_SECOND in event.codes and event.actor != person.ident and event.subject != person.ident:
            sentence = f"The account {event.subject}, saved by {event.actor}, is waiting for a second administrator."
            yield Notice(f"account:{line.number}", sentence, f"/administration/people/{event.subject}", event.at)


def _to_check(ports: Ports, person: Person) -> Iterator[Notice]:
    waiting = outputs_waiting(ports, person)
    counts = Counter(job.ident for _, job in waiting)
    projects = {job.ident: job.submission.project for _, job in waiting}
    first = {job.ident: output.created for output, job in reversed(waiting)}
    for job, count in counts.items():
        outputs = "One output" if count == 1 else f"{count} outputs"
        waits = "is" if count == 1 else "are"
        yield Notice(
            f"review:{job}", f"{outputs} of project {projects[job]} {waits} waiting for a vote.", "/inbox", first[job]
        )
    for entry in save_definition.lookups_waiting(ports, person):
        yield Notice(
            f"lookup:{entry.ident}", f"A lookup of project {entry.project} is waiting for a decision.", "/inbox"
        )
    for job_found in script_failures.scripts_waiting(ports, person):
        sentence = f"A script of project {job_found.submission.project} ran on real data and needs to be read."
        yield Notice(f"failure:{job_found.ident}", sentence, f"/jobs/{job_found.ident}/failure")


def _decided(ports: Ports, person: Person) -> Iterator[Notice]:
    now = ports.clock.now()
    # From the view, so that a notice never says more than the page.
    for view in job_views.visible_jobs(ports, person):
        if view.researcher == person.ident and view.state in NEWS_STATES and now - view.updated < RECENT:
            sentence = f"A job of project {view.project}: {view.state}."
            yield Notice(f"job:{view.ident}:{view.state}", sentence, f"/jobs/{view.ident}", view.updated)


def _ending(ports: Ports, person: Person) -> Iterator[Notice]:
    today = ports.clock.now().date()
    for project in job_views.my_projects(ports, person):
        if _is_soon(project.expires, today):
            sentence = f"The grants of project {project.ident} end on {project.expires:%-d %B %Y}."
            yield Notice(f"ends:{project.ident}:{project.expires}", sentence, "/")
    until = person.accredited_until
    if until is not None and _is_soon(until, today):
        yield Notice(f"accredited:{until}", f"Your accreditation ends on {until:%-d %B %Y}.", "/account")


def _is_soon(day: date, today: date) -> bool:
    return today <= day <= today + SOON


def mail_notices(ports: Ports, mailer: Mailer, home: str) -> int:
    """Email to everybody who has an address the notices that they were not sent yet, in one email each, and return the
    number of emails."""
    letters = 0
    for person in ports.store.people():
        if not person.active or not person.email:
            continue
        known = ports.store.mailed(person.ident)
        fresh = [n for n in notices_for(ports, person) if n.key not in known]
        if fresh:
            # Send first, note afterwards: a process that dies in between sends twice, which is better than never.
            mailer.send(person.email, _subject(fresh), _letter(fresh, home))
            now = ports.clock.now()
            event = AuditEvent(now, SYSTEM.ident, "notice.mailed", person.ident)
            ports.store.note_mailed(person.ident, [n.key for n in fresh], now, [event])
            letters += 1
    return letters


def _subject(fresh: list[Notice]) -> str:
    return "NPD job broker: one notice" if len(fresh) == 1 else f"NPD job broker: {len(fresh)} notices"


def _letter(fresh: list[Notice], home: str) -> str:
    lines = [f"{n.sentence}\n{home.rstrip('/')}{n.path}\n" for n in fresh]
    return "\n".join(
        [*lines, "You get this email because the broker has your address. Ask an administrator to change it.", ""]
    )
