"""Stages check, plan and queue: turns a submission into a job, queued or refused with all refusals at once; or submits
a job again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from broker.domain.errors import Conflict, Invalid, Refused, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM, Action, Person
from broker.domain.jobs.job import QUEUED_OR_RUNNING, Job, JobKind, JobState, Submission
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ledger.spends import SpendState
from broker.domain.plain_text import check_released_text
from broker.domain.ports import ListFilter, Ports, Snapshot
from broker.domain.projects.saved_definitions import SavedEntry
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.policy_set import PolicySet
from broker.workflow.access import reach_job, reach_project
from broker.workflow.administration.emergency_stops import check_not_stopped
from broker.workflow.checking.stored_checks import job_check_of
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.job_scheduling import apparently_running, offer
from broker.workflow.submission import save_definition


def reserve_spend(ports: Ports, person: Person, job: Job, checked: CheckedSubmission) -> Job:
    """Reserve the spend of a private job and return the job with its snapshot. An answer that was released to the
    project before costs nothing.

    Raises Refused with every reason if the budget is too small; nothing is queued then.
    """
    from broker.workflow.private_jobs.private_request import release_maximum, spend_request

    assert checked.private is not None
    project, snapshot = job.submission.project, _latest_snapshot(ports).ident
    request = spend_request(job.ident, project, snapshot, job.plan_hash, checked.private)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "spend.reserved", job.ident, (("project", project),))
    try:
        ports.store.reserve(request, release_maximum(checked.private), now, [event])
    except Refused as refused:
        codes = (("codes", "+".join(sorted({r.code for r in refused.refusals}))),)
        ports.store.record([AuditEvent(now, person.ident, "spend.refused", project, codes)])
        raise
    return replace(job, snapshot=snapshot)


def _latest_snapshot(ports: Ports) -> Snapshot:
    try:
        return ports.store.latest_snapshot()
    except Unknown:
        sentence = "There are no data for a private question yet. Submit it when there is a snapshot."
        raise Conflict("no-snapshot", sentence) from None


def refund_reserved(ports: Ports, job: str) -> None:
    """Refund what was reserved for a submission that turns out to have been accepted before, under another id."""
    now = ports.clock.now()
    if ports.store.spend_of(job) is None:
        return
    with suppress(Conflict):
        event = AuditEvent(now, SYSTEM.ident, "spend.refunded", job)
        ports.store.settle_spend(job, SpendState.REFUNDED, now, [event])


TITLE_LENGTH = 200
TEXT_LENGTH = 4000


def submit(ports: Ports, person: Person, submission: Submission) -> tuple[Job, CheckedSubmission]:
    """Accept a submission. The job is stored before this returns; the queue only gets a hint.

    Raises Unknown for the project, Invalid for a value, Conflict if the client id was used for something else or there
    are too many jobs.
    """
    project, policies = reach_project(ports, person, Action.SUBMIT_JOB, submission.project)
    check_not_stopped(ports, project.ident)
    person.check_accredited(ports.clock.now().date())
    submission = replace(submission, dialect=submission.dialect or project.dialect)
    _check_fields(submission, policies)
    _check_replaced_job(ports, submission)
    now = ports.clock.now()
    entries = save_definition.readable_definitions(ports, project.ident)
    saved = save_definition.saved_of(entries)
    checked = check_submission(
        submission.text, submission.kind, submission.dialect, project, policies, now.date(), saved
    )
    _check_descriptions(submission, checked)
    # A refused text occupies no place in the queue and saves nothing.
    if checked.accepted:
        _check_queue_room(ports, policies, project.ident, submission)
        save_definition.check_saved_room(entries, [k.name for k in checked.saved_definitions], policies)
    job = _job(person, submission, checked, policies, entries, now)
    # Reserve before the job is stored: a job without a reservation must never run.
    if checked.private is not None and checked.accepted:
        job = reserve_spend(ports, person, job, checked)
    new_entries = save_definition.entries_saved_by(job, checked.saved_definitions) if checked.accepted else []
    codes = (("kind", submission.kind.value), ("project", project.ident), ("state", job.state.value))
    events = [AuditEvent(now, person.ident, "job.submitted", job.ident, codes)]
    events += [save_definition.definition_event(e, person, "saved.kept", now) for e in new_entries]
    # Only checkers may read what these print, so the number of unread ones is limited.
    reads_real_rows = submission.kind is JobKind.PYTHON and not job.is_private
    # The store counts unread scripts when it accepts the job, so two submissions at once cannot both pass.
    most_unread = policies.service.unread_scripts if reads_real_rows else None
    accepted = ports.store.accept(job, events, new_entries, most_unread, job_check_of(checked))
    # The client id was known: the store returned the earlier job, so the new reservation has no job.
    if accepted.ident != job.ident and checked.private is not None:
        refund_reserved(ports, job.ident)
    if accepted.state is JobState.QUEUED:
        offer(ports, WorkItem(WorkKind.RUN, accepted.ident, accepted.attempt))
    return accepted, checked


def _job(
    person: Person, submission: Submission, checked: CheckedSubmission, policies: PolicySet,
    entries: Sequence[SavedEntry], now: datetime,
) -> Job:  # fmt: skip
    """Return the job to store, queued or refused, with the project's definitions that it reads and saves."""
    return Job(
        ident=new_ident(),
        submission=submission,
        researcher=person.ident,
        state=JobState.QUEUED if checked.accepted else JobState.REFUSED,
        created=now,
        updated=now,
        canonical=checked.canonical,
        plan_hash=checked.plan_hash,
        policy=policies.fingerprint,
        read_saved=tuple(e.ident for e in entries if e.name.casefold() in checked.read),
        saved_names=tuple(k.name for k in checked.saved_definitions) if checked.accepted else (),
    )


def check_storable(submission: Submission) -> None:
    """Raises Invalid for NUL and lone surrogates, which not every store can hold, and for control characters and
    formulas outside the text."""
    named = [("title", submission.title), ("purpose", submission.purpose), ("text", submission.text)]
    named += [("client_id", submission.client_id or ""), ("replaces", submission.replaces or "")]
    named += [("descriptions", part) for pair in submission.descriptions for part in pair]
    for name, value in named:
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise Invalid("characters", f"The {name} has a character that is not text.", f"/{name}")
        if name != "text":
            check_released_text(value, name, f"/{name}", lines=name in {"purpose", "descriptions"})


def _check_fields(submission: Submission, policies: PolicySet) -> None:
    check_storable(submission)
    if not submission.title.strip() or len(submission.title) > TITLE_LENGTH:
        raise Invalid("title", f"Enter a title of 1 to {TITLE_LENGTH} characters.", "/title")
    if not submission.purpose.strip() or len(submission.purpose) > TEXT_LENGTH:
        raise Invalid("purpose", f"Enter a purpose of 1 to {TEXT_LENGTH} characters.", "/purpose")
    if submission.dialect not in SQL_DIALECTS:
        raise Invalid("dialect", f"The dialect must be one of {', '.join(SQL_DIALECTS)}.", "/dialect")
    if not submission.text.strip():
        raise Invalid("text", "Write the text of the job.", "/text")
    if len(submission.text.encode()) > policies.service.text_bytes:
        raise Invalid("text-too-long", f"The text is longer than {policies.service.text_bytes} bytes.", "/text")
    for number, (name, sentence) in enumerate(submission.descriptions):
        if not name.strip() or not sentence.strip() or len(sentence) > TEXT_LENGTH:
            raise Invalid(
                "description", "Each description needs the name of an output and a text.", f"/descriptions/{number}"
            )


def _check_descriptions(submission: Submission, checked: CheckedSubmission) -> None:
    """Raises Invalid for a description of an output that the text does not make: it would be lost. Only the text
    decides."""
    planned = {o.name for o in checked.plan.outputs} if checked.plan else {name for name, _ in checked.declared}
    if not checked.accepted:
        return
    for number, (name, _) in enumerate(submission.descriptions):
        if name not in planned:
            names = ", ".join(sorted(planned)) or "none"
            sentence = f"There is no output {name!r} to describe. This text makes {names}."
            raise Invalid("description", sentence, f"/descriptions/{number}")


def _check_replaced_job(ports: Ports, submission: Submission) -> None:
    """Raises Invalid if the project has no such job. A job of another project looks like one that does not exist."""
    if submission.replaces is None:
        return
    try:
        same = ports.store.job(submission.replaces).submission.project == submission.project
    except Unknown:
        same = False
    if not same:
        raise Invalid("replaces", f"The project has no job {submission.replaces!r} to replace.", "/replaces")


def _check_queue_room(ports: Ports, policies: PolicySet, project: str, submission: Submission) -> None:
    """Raises Conflict if the project's queue is full, unless the same submission (client id) was accepted before.

    Jobs that look as if they ran count too: otherwise the free place would reveal that one has ended.
    """
    limit = policies.service.jobs_per_project
    # Counted first: a job that ends in between is counted twice, and never shows its end by a free place.
    count = ports.store.active_jobs(project)
    running = apparently_running(ports, policies, project)
    if count + len(running) < limit:
        return
    # A client that lost the answer must be able to repeat the request.
    active = ports.store.jobs(ListFilter(projects=frozenset({project}), states=QUEUED_OR_RUNNING, limit=limit))
    resent = submission.client_id and any(j.submission.client_id == submission.client_id for j in (*active, *running))
    if not resent:
        raise Conflict(
            "too-many-jobs", f"The project has {limit} jobs waiting or running. Try again when one has ended."
        )


def draft_of(ports: Ports, person: Person, ident: str) -> Submission:
    """Return a job's submission as a draft, for people who may read its text and submit to its project."""
    job = reach_job(ports, person, Action.VIEW_TEXT, ident).job
    reach_project(ports, person, Action.SUBMIT_JOB, job.submission.project)
    # A new client id, because this is another submission.
    return replace(job.submission, client_id=None, replaces=ident)


def resubmit(ports: Ports, person: Person, ident: str, client_id: str | None) -> Job:
    """Submit a job again, judged by today's rules. `client_id` makes a second click harmless."""
    job, _ = submit(ports, person, replace(draft_of(ports, person, ident), client_id=client_id))
    return job
