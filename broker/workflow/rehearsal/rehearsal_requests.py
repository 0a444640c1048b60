"""Rehearsals that researchers request on a page: request, view, cancel, and when the outcome is disclosed."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, check_permission
from broker.domain.jobs.job import JobKind, Submission, TimeSlots
from broker.domain.jobs.rehearsals import OPEN_REHEARSAL_STATES, RehearsalState, RehearsalStep, RequestedRehearsal
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import Ports, RehearsalQuota
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.workflow.access import reach_project, relation_of
from broker.workflow.administration.emergency_stops import check_not_stopped
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.job_scheduling import offer
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from broker.workflow.submission.job_submission import TEXT_LENGTH, TITLE_LENGTH, check_storable
from broker.workflow.submission.preview import check_text, forecast
from broker.workflow.timing_channel import time_slots_of


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """A rehearsal as its author sees it. `document` is None before it ends. `seconds` have passed since the request; a
    run may take `limit` seconds."""

    rehearsal: RequestedRehearsal
    state: RehearsalState
    step: RehearsalStep | None
    document: dict[str, Any] | None
    seconds: int = 0
    limit: int = 0

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(RehearsalStep)

    @property
    def word(self) -> str:
        """Text that changes whenever there is more to show."""
        return f"{self.state}-{self.step or ''}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_REHEARSAL_STATES


def rehearsal_view(
    rehearsal: RequestedRehearsal, now: datetime, service: ServiceLimits, slots: TimeSlots
) -> RehearsalView:
    """Return what the author may see now.

    When a worker became free reveals when somebody's job on real data ended. So a rehearsal that had to wait for a
    worker looks as if it still waited, until its time slot is over, as with jobs.
    """
    done = rehearsal.state in {RehearsalState.DONE, RehearsalState.FAILED}
    waits = {"seconds": max(0, int((now - rehearsal.created).total_seconds())), "limit": _limit(rehearsal, service)}
    over = _was_prompt(rehearsal, service) or (done and now >= _slot_end(rehearsal, slots))
    if over or not (done or rehearsal.started):
        document = json.loads(rehearsal.document) if rehearsal.document else None
        return RehearsalView(rehearsal, rehearsal.state, rehearsal.step, document, **waits)
    if rehearsal.state is RehearsalState.CANCELLED:
        # The author cancelled it, so this state reveals nothing.
        return RehearsalView(rehearsal, rehearsal.state, None, None)
    return RehearsalView(rehearsal, RehearsalState.QUEUED, None, None, **waits)


def _limit(rehearsal: RequestedRehearsal, service: ServiceLimits) -> int:
    short = service.for_rehearsals
    return short.python_wall_seconds if rehearsal.submission.kind is JobKind.PYTHON else short.sql_wall_seconds


def _was_prompt(rehearsal: RequestedRehearsal, service: ServiceLimits) -> bool:
    """Whether the rehearsal began at once, or needed no worker. Workers and real rows are free at the end of a time
    slot, so a short wait reveals no more than that."""
    if rehearsal.started is None:
        return not rehearsal.is_open
    return rehearsal.attempt < 2 and rehearsal.started - rehearsal.created <= timedelta(
        seconds=service.rehearsal_prompt_seconds
    )


def _slot_end(rehearsal: RequestedRehearsal, slots: TimeSlots) -> datetime:
    return slots.end(rehearsal.created, (rehearsal.updated - rehearsal.created).total_seconds())


MOST_DESCRIPTIONS = 200
EVERY_YEAR = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class RehearsalAllowance:
    """How many rehearsals are stored for each person, for how many days, and how many seconds a project's first one
    may take."""

    most: int
    days: int
    first_seconds: int


def request_rehearsal(
    ports: Ports, person: Person, submission: Submission
) -> tuple[CheckedSubmission, RequestedRehearsal | None]:
    """Queue a rehearsal of an accepted text and return it with the check. None if the text is refused; the check says
    why.

    A private text and a text without outputs need no run and are done at once: nothing is charged and no data are
    read. Raises Unknown for the project, Invalid for a value, Conflict("stopped") or
    Conflict("too-many-rehearsals").
    """
    project, policies = reach_project(ports, person, Action.REHEARSE_JOB, submission.project)
    check_not_stopped(ports, project.ident)
    now = ports.clock.now()
    person.check_accredited(now.date())
    _check_draft(submission)
    submission = replace(submission, dialect=submission.dialect or project.dialect, client_id=None)
    checked = check_text(ports, person, project.ident, submission.text, submission.kind, submission.dialect)
    if not checked.accepted:
        return checked, None
    found = _document_without_run(ports, submission, checked)
    rehearsal = RequestedRehearsal(
        ident=new_ident(),
        person=person.ident,
        submission=submission,
        state=RehearsalState.QUEUED if found is None else RehearsalState.DONE,
        created=now,
        updated=now,
        document="" if found is None else json.dumps(found),
    )
    # What is done at once occupies no worker, so it does not count as open.
    if found is None:
        _check_open_limit(ports, person, policies.service)
    codes = (("kind", submission.kind.value), ("project", project.ident))
    event = AuditEvent(now, person.ident, "rehearsal.asked", rehearsal.ident, codes)
    ports.store.request_rehearsal(rehearsal, rehearsal_room(policies.service), [event])
    if found is None:
        offer(ports, WorkItem(WorkKind.REHEARSAL, rehearsal.ident, rehearsal.attempt))
    return checked, rehearsal


def _check_open_limit(ports: Ports, person: Person, service: ServiceLimits) -> None:
    """Raises Conflict if the person has too many open rehearsals. Counts what the person sees: otherwise a request
    would reveal the end of a rehearsal early."""
    most = service.rehearsals_under_way
    if sum(r.is_open for r in list_rehearsals(ports, person)) >= most:
        sentence = f"You already have {most} rehearsals waiting or running. Cancel one, or wait until one ends."
        raise Conflict("too-many-rehearsals", sentence)


def rehearsal_room(service: ServiceLimits) -> RehearsalQuota:
    return RehearsalQuota(service.rehearsals_under_way, service.rehearsals_kept)


def view_rehearsal(ports: Ports, person: Person, ident: str) -> RehearsalView:
    """Return one of the person's own rehearsals. Raises Unknown for anybody else's."""
    found = _own_rehearsal(ports, person, ident)
    policies = policies_in_force(ports.store)
    return rehearsal_view(found, ports.clock.now(), policies.service, time_slots_of(ports, policies))


def list_rehearsals(ports: Ports, person: Person) -> list[RehearsalView]:
    """Return the person's own rehearsals, newest first, without their documents."""
    now, policies = ports.clock.now(), policies_in_force(ports.store)
    slots = time_slots_of(ports, policies)
    return [rehearsal_view(r, now, policies.service, slots) for r in ports.store.rehearsals_of(person.ident)]


def allowance(ports: Ports, person: Person) -> RehearsalAllowance:
    """Return the limits that pages state beforehand."""
    policies = policies_in_force(ports.store)
    service = policies.service
    own = [making_seconds(p, policies) for p in policies.projects if person.ident in p.researchers]
    return RehearsalAllowance(service.rehearsals_kept, service.rehearsal_days, max(own, default=0))


def making_seconds(project: ResearchProject, policies: PolicySet) -> int:
    """Return about how many seconds making the project's synthetic NPD takes; an upper limit if not all of its years
    can be made."""
    service = policies.service
    try:
        made = synthetic_data_spec(
            project, policies.catalogue, EVERY_YEAR, service.rehearsal_pupils, service.synthetic_seed
        )
    except Invalid:
        return 0
    return made.about_seconds


def cancel_rehearsal(ports: Ports, person: Person, ident: str) -> None:
    """Cancel a rehearsal. The worker kills its sandbox at the next lease renewal; the outcome of one that is about to
    end is discarded."""
    _own_rehearsal(ports, person, ident)
    now = ports.clock.now()
    ports.store.cancel_rehearsal(ident, now, [AuditEvent(now, person.ident, "rehearsal.cancelled", ident)])


def _document_without_run(ports: Ports, submission: Submission, checked: CheckedSubmission) -> dict[str, Any] | None:
    if checked.private is not None:
        return check_notes(checked) | {"private": forecast(ports, submission.project, checked)}
    return check_notes(checked) if checked.only_saves_definitions else None


def check_notes(checked: CheckedSubmission) -> dict[str, Any]:
    """Return what the check says besides its verdict."""
    saved_names = [k.name for k in checked.saved_definitions]
    return {"review": list(checked.review), "advice": list(checked.advice), "kept": saved_names, "outputs": []}


def _own_rehearsal(ports: Ports, person: Person, ident: str) -> RequestedRehearsal:
    found = ports.store.requested_rehearsal(ident)
    if found.person != person.ident:
        raise Unknown("rehearsal", ident)
    policies = policies_in_force(ports.store)
    project = policies.project(found.submission.project)
    if project is None:
        raise Unknown("rehearsal", ident)
    relation = relation_of(ports, policies, person, project, None)
    check_permission(person, Action.REHEARSE_JOB, relation, None, "rehearsal", ident)
    return found


def _check_draft(submission: Submission) -> None:
    """Raises Invalid if a draft exceeds what a submission may have. A draft may lack what a submission needs."""
    check_storable(submission)
    if not submission.text.strip():
        raise Invalid("text", "Write a text to rehearse.", "/text")
    if len(submission.title) > TITLE_LENGTH:
        raise Invalid("title", f"Enter a title of at most {TITLE_LENGTH} characters.", "/title")
    if len(submission.purpose) > TEXT_LENGTH:
        raise Invalid("purpose", f"Enter a purpose of at most {TEXT_LENGTH} characters.", "/purpose")
    if len(submission.replaces or "") > TITLE_LENGTH:
        raise Invalid("replaces", "This is not the id of a job.", "/replaces")
    descriptions = submission.descriptions
    if len(descriptions) > MOST_DESCRIPTIONS or any(len(part) > TEXT_LENGTH for pair in descriptions for part in pair):
        raise Invalid("description", "The descriptions are too long.", "/descriptions")
