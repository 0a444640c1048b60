"""Stage 1: a submission becomes a job that is queued or refused, and its refusals are told all at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid, Unavailable, Unknown
from broker.domain.idents import new_ident
from broker.domain.jobs import Job, JobState, Kind, Submission
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.plain_text import check_plain
from broker.domain.ports import Filter, Ports
from broker.domain.saved import SavedEntry
from broker.policy.models import Policies
from broker.workflow import cohorts
from broker.workflow.check import Checked, check_submission
from broker.workflow.private.reserving import give_up, reserve
from broker.workflow.relations import reach_project
from broker.workflow.stopping import check_goes_on
from broker.workflow.turns import told_running

DIALECTS = ("tsql", "duckdb")
TITLE_LENGTH = 200
TEXT_LENGTH = 4000
ACTIVE = frozenset({JobState.QUEUED.value, JobState.RUNNING.value})


def submit(ports: Ports, person: Person, submission: Submission) -> tuple[Job, Checked]:
    """Accept a submission. The job is durable before this returns; the queue is told as a hint.

    Raises Unknown (project), Invalid (a field), Conflict (client id used for something else, too many jobs).
    """
    project, policies = reach_project(ports, person, Action.SUBMIT_JOB, submission.project)
    check_goes_on(ports, project.ident)
    person.check_accredited(ports.clock.now().date())
    submission = _complete(submission, project.dialect)
    _check_fields(submission, policies)
    _check_replaces(ports, submission)
    now = ports.clock.now()
    entries = cohorts.readable(ports, project.ident)
    saved = cohorts.saved_of(entries)
    checked = check_submission(
        submission.text, submission.kind, submission.dialect, project, policies, now.date(), saved
    )
    _check_described(submission, checked)
    if checked.accepted:
        _check_room(ports, policies, project.ident, submission)
        cohorts.check_room(entries, [k.name for k in checked.kept], policies)
    job = _job(person, submission, checked, policies, entries, now)
    if checked.private is not None and checked.accepted:
        job = reserve(ports, person, job, checked)
    keeps = cohorts.entries_of(job, checked.kept) if checked.accepted else []
    codes = (("kind", submission.kind.value), ("project", project.ident), ("state", job.state.value))
    events = [AuditEvent(now, person.ident, "job.submitted", job.ident, codes)]
    events += [cohorts.told(e, person, "saved.kept", now) for e in keeps]
    meets_real_rows = submission.kind is Kind.PYTHON and not job.is_private
    most_unread = policies.service.unread_scripts if meets_real_rows else None
    accepted = ports.store.accept(job, events, keeps, most_unread)
    if accepted.ident != job.ident and checked.private is not None:
        give_up(ports, job.ident)
    if accepted.state is JobState.QUEUED:
        hint(ports, accepted.ident, accepted.attempt)
    return accepted, checked


def _job(
    person: Person,
    submission: Submission,
    checked: Checked,
    policies: Policies,
    entries: Sequence[SavedEntry],
    now: datetime,
) -> Job:
    """The job as it is stored: queued or refused, with what it reads and keeps of the project's definitions."""
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
        kept=tuple(k.name for k in checked.kept) if checked.accepted else (),
    )


def hint(ports: Ports, job: str, attempt: int) -> None:
    """Offer a job to the queue; if the queue does not answer, the reconciler offers it again."""
    try:
        ports.queue.offer(job, attempt)
    except Unavailable:
        return


def _complete(submission: Submission, dialect: str) -> Submission:
    return submission if submission.dialect else replace(submission, dialect=dialect)


def check_storable(submission: Submission) -> None:
    """No NUL and no lone surrogate: neither is text that every store can hold."""
    named = [("title", submission.title), ("purpose", submission.purpose), ("text", submission.text)]
    named += [("client_id", submission.client_id or ""), ("replaces", submission.replaces or "")]
    named += [("descriptions", part) for pair in submission.descriptions for part in pair]
    for name, value in named:
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise Invalid("characters", f"The {name} holds a character that is no text.", f"/{name}")
        if name != "text":
            check_plain(value, name, f"/{name}", lines=name in {"purpose", "descriptions"})


def _check_fields(submission: Submission, policies: Policies) -> None:
    check_storable(submission)
    if not submission.title.strip() or len(submission.title) > TITLE_LENGTH:
        raise Invalid("title", f"A submission needs a title of 1 to {TITLE_LENGTH} characters.", "/title")
    if not submission.purpose.strip() or len(submission.purpose) > TEXT_LENGTH:
        raise Invalid("purpose", f"A submission needs a purpose of 1 to {TEXT_LENGTH} characters.", "/purpose")
    if submission.dialect not in DIALECTS:
        raise Invalid("dialect", f"The dialect must be one of {', '.join(DIALECTS)}.", "/dialect")
    if not submission.text.strip():
        raise Invalid("text", "The submission has no text.", "/text")
    if len(submission.text.encode()) > policies.service.text_bytes:
        raise Invalid("text-too-long", f"The text is longer than {policies.service.text_bytes} bytes.", "/text")
    for number, (name, sentence) in enumerate(submission.descriptions):
        if not name.strip() or not sentence.strip() or len(sentence) > TEXT_LENGTH:
            raise Invalid(
                "description", "Each description needs an output's name and a text.", f"/descriptions/{number}"
            )


def _check_described(submission: Submission, checked: Checked) -> None:
    """A description of an output that the text does not make would be lost. Only the text is asked."""
    planned = {o.name for o in checked.plan.outputs} if checked.plan else {name for name, _ in checked.declared}
    if not checked.accepted:
        return
    for number, (name, _) in enumerate(submission.descriptions):
        if name not in planned:
            made = ", ".join(sorted(planned)) or "none"
            sentence = f"There is no output {name!r} to describe; this text makes {made}."
            raise Invalid("description", sentence, f"/descriptions/{number}")


def _check_replaces(ports: Ports, submission: Submission) -> None:
    """A job of another project answers like one that does not exist."""
    if submission.replaces is None:
        return
    try:
        same = ports.store.job(submission.replaces).submission.project == submission.project
    except Unknown:
        same = False
    if not same:
        raise Invalid("replaces", f"The project has no job {submission.replaces!r} to replace.", "/replaces")


def _check_room(ports: Ports, policies: Policies, project: str, submission: Submission) -> None:
    """A project's queue has an end; sending an accepted job again (same client id) is always answered. What looks as if
    it ran counts: room that a job gives up tells that it has ended."""
    limit = policies.service.jobs_per_project
    open_ = Filter(projects=frozenset({project}), states=ACTIVE, limit=limit)
    waiting = [*ports.store.jobs(open_), *told_running(ports, policies, project)]
    again = submission.client_id and any(j.submission.client_id == submission.client_id for j in waiting)
    if len(waiting) >= limit and not again:
        raise Conflict(
            "too-many-jobs", f"The project has {limit} jobs waiting or running; try again when one has ended."
        )
