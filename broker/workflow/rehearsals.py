"""Rehearsals that researchers ask for on a page: asking, looking, cancelling. Reads policies and texts, never data."""

import json
from dataclasses import dataclass, replace
from typing import Any

from broker.domain.asked_rehearsals import AskedRehearsal, RehearsalState
from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid, Unavailable, Unknown
from broker.domain.idents import new_ident
from broker.domain.jobs import Submission
from broker.domain.people import Person
from broker.domain.permissions import Action, check_may
from broker.domain.ports import Ports, Room
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.policy.service import Service
from broker.workflow.assess import only_keeps
from broker.workflow.check import Checked
from broker.workflow.policies import policies_in_force
from broker.workflow.preview import check_text, forecast
from broker.workflow.rehearsal_data import wanted
from broker.workflow.rehearsal_silence import Seen, seen
from broker.workflow.relations import project_or_unknown, reach_project, relation_of
from broker.workflow.silence import slots_of
from broker.workflow.stopping import check_goes_on
from broker.workflow.submit import TEXT_LENGTH, TITLE_LENGTH, check_storable

MOST_DESCRIPTIONS = 200
EVERY_YEAR = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many rehearsals are kept for each person, for how many days; how long the first one of a project may take."""

    most: int
    days: int
    first_seconds: int


def ask(ports: Ports, person: Person, submission: Submission) -> tuple[Checked, AskedRehearsal | None]:
    """Queue a rehearsal of an accepted text; None for one that is refused: its check says why. What needs no run, a
    private question or a text without outputs, is done at once: nothing is charged, and no data are read.

    Raises Unknown (project), Invalid (a field), Conflict (stopped, too-many-rehearsals)."""
    project, policies = reach_project(ports, person, Action.REHEARSE_JOB, submission.project)
    check_goes_on(ports, project.ident)
    now = ports.clock.now()
    person.check_accredited(now.date())
    _check_draft(submission)
    submission = replace(submission, dialect=submission.dialect or project.dialect, client_id=None)
    checked = check_text(ports, person, project.ident, submission.text, submission.kind, submission.dialect)
    if not checked.accepted:
        return checked, None
    found = _at_once(ports, submission, checked)
    made = AskedRehearsal(
        ident=new_ident(),
        person=person.ident,
        submission=submission,
        state=RehearsalState.QUEUED if found is None else RehearsalState.DONE,
        created=now,
        updated=now,
        document="" if found is None else json.dumps(found),
    )
    if found is None:
        _check_few(ports, person, policies.service)
    codes = (("kind", submission.kind.value), ("project", project.ident))
    event = AuditEvent(now, person.ident, "rehearsal.asked", made.ident, codes)
    ports.store.ask_rehearsal(made, room_of(policies.service), [event])
    if found is None:
        hint(ports, made.ident, made.attempt)
    return checked, made


def _check_few(ports: Ports, person: Person, service: Service) -> None:
    """By what the person is told: else asking would tell the end of one before its time."""
    most = service.rehearsals_under_way
    if sum(r.is_open for r in listed(ports, person)) >= most:
        sentence = f"{most} rehearsals of yours wait or run: cancel one, or wait for its end."
        raise Conflict("too-many-rehearsals", sentence)


def room_of(service: Service) -> Room:
    return Room(service.rehearsals_under_way, service.rehearsals_kept)


def hint(ports: Ports, rehearsal: str, attempt: int) -> None:
    """Offer it to the queue; if the queue does not answer, the reconciler offers it again."""
    try:
        ports.queue.offer_rehearsal(rehearsal, attempt)
    except Unavailable:
        return


def look(ports: Ports, person: Person, ident: str) -> Seen:
    """One's own; nobody else learns that it exists."""
    found = _own(ports, person, ident)
    policies = policies_in_force(ports.store)
    return seen(found, ports.clock.now(), policies.service, slots_of(ports, policies))


def listed(ports: Ports, person: Person) -> list[Seen]:
    """One's own, newest first, without what came of them."""
    now, policies = ports.clock.now(), policies_in_force(ports.store)
    slots = slots_of(ports, policies)
    return [seen(r, now, policies.service, slots) for r in ports.store.rehearsals_of(person.ident)]


def kept(ports: Ports, person: Person) -> Kept:
    """What pages say beforehand."""
    policies = policies_in_force(ports.store)
    service = policies.service
    own = [seconds_for(p, policies) for p in policies.projects if person.ident in p.researchers]
    return Kept(service.rehearsals_kept, service.rehearsal_days, max(own, default=0))


def seconds_for(project: Project, policies: Policies) -> int:
    """About how long its synthetic NPD takes to be made; at most, where not all of its years can be."""
    service = policies.service
    try:
        made = wanted(project, policies.catalogue, EVERY_YEAR, service.rehearsal_pupils, service.synthetic_seed)
    except Invalid:
        return 0
    return made.about_seconds


def cancel(ports: Ports, person: Person, ident: str) -> None:
    """Its sandbox is killed by its worker's heart; what came of one that is at its end is thrown away."""
    _own(ports, person, ident)
    now = ports.clock.now()
    ports.store.cancel_rehearsal(ident, now, [AuditEvent(now, person.ident, "rehearsal.cancelled", ident)])


def _at_once(ports: Ports, submission: Submission, checked: Checked) -> dict[str, Any] | None:
    if checked.private is not None:
        return noted(checked) | {"private": forecast(ports, submission.project, checked)}
    return noted(checked) if only_keeps(checked) else None


def noted(checked: Checked) -> dict[str, Any]:
    """What the check says beside its verdict."""
    kept = [k.name for k in checked.kept]
    return {"review": list(checked.review), "advice": list(checked.advice), "kept": kept, "outputs": []}


def _own(ports: Ports, person: Person, ident: str) -> AskedRehearsal:
    found = ports.store.asked_rehearsal(ident)
    if found.person != person.ident:
        raise Unknown("rehearsal", ident)
    policies = policies_in_force(ports.store)
    try:
        project = project_or_unknown(policies, found.submission.project)
    except Unknown:
        raise Unknown("rehearsal", ident) from None
    relation = relation_of(ports, policies, person, project, None)
    check_may(person, Action.REHEARSE_JOB, relation, None, "rehearsal", ident)
    return found


def _check_draft(submission: Submission) -> None:
    """A draft may lack what a submission needs; it must not be more than one may be."""
    check_storable(submission)
    if not submission.text.strip():
        raise Invalid("text", "There is no text to rehearse.", "/text")
    if len(submission.title) > TITLE_LENGTH:
        raise Invalid("title", f"A title has at most {TITLE_LENGTH} characters.", "/title")
    if len(submission.purpose) > TEXT_LENGTH:
        raise Invalid("purpose", f"A purpose has at most {TEXT_LENGTH} characters.", "/purpose")
    if len(submission.replaces or "") > TITLE_LENGTH:
        raise Invalid("replaces", "This is no job's id.", "/replaces")
    told = submission.descriptions
    if len(told) > MOST_DESCRIPTIONS or any(len(part) > TEXT_LENGTH for pair in told for part in pair):
        raise Invalid("description", "The descriptions are too long.", "/descriptions")
