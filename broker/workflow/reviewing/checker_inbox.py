"""A checker's inbox: what waits, by submission, and the outputs of one submission in the order of review."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from broker.domain.errors import Invalid, Unknown
from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, ProjectRelation, Role, is_permitted
from broker.domain.jobs.job import Job, Output, OutputState
from broker.domain.jobs.reviews import Message, VoteChoice
from broker.domain.ports import Ports
from broker.workflow.access import reach_job, relation_lookup
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.reviewing.output_review import Ballot, cast_votes, memory_version
from broker.workflow.reviewing.output_thread import readable_messages

MAX_WAITING_OUTPUTS = 1000
"""The inbox reads this many outputs, the oldest. A checker with more finds the others when these are decided."""


class WaitingOutput(NamedTuple):
    """An output in review and its job."""

    output: Output
    job: Job


@dataclass(frozen=True, slots=True)
class WaitingSubmission:
    """A submission with outputs in review that the checker may decide. `voted`: those that wait for another checker."""

    job: Job
    outputs: tuple[Output, ...]
    voted: frozenset[str]

    @property
    def since(self) -> datetime:
        return min(o.created for o in self.outputs)

    @property
    def size(self) -> int:
        return sum(o.size for o in self.outputs)

    @property
    def open(self) -> tuple[Output, ...]:
        return tuple(o for o in self.outputs if o.ident not in self.voted)

    @property
    def claimed_by(self) -> tuple[str, ...]:
        return tuple(sorted({o.claimed_by for o in self.open if o.claimed_by}))


@dataclass(frozen=True, slots=True)
class Inbox:
    """`mine` wait for this checker's vote, `others` for another checker's. `words`: messages to confirm, each with its
    output."""

    mine: tuple[WaitingSubmission, ...]
    others: tuple[WaitingSubmission, ...]
    words: tuple[tuple[Message, Output], ...]
    projects: tuple[str, ...]


ORDERS: dict[str, tuple[str, Callable[[WaitingSubmission], tuple[object, ...]]]] = {
    "age": ("Oldest first", lambda w: (w.since,)),
    "project": ("Project", lambda w: (w.job.submission.project, w.since)),
    "size": ("Smallest first", lambda w: (len(w.outputs), w.size, w.since)),
}


def outputs_waiting(ports: Ports, person: Person) -> list[WaitingOutput]:
    """Return the outputs in review that this checker may decide, with their jobs, oldest first."""
    if Role.CHECKER not in person.roles:
        return []
    found = ports.store.outputs_in_review(MAX_WAITING_OUTPUTS)
    # One query for all jobs, because the inbox may have hundreds of outputs.
    jobs = ports.store.jobs_named(frozenset(o.job for o in found))
    relation = relation_lookup(ports, person, policies_in_force(ports.store))
    pairs = (WaitingOutput(o, jobs[o.job]) for o in found)
    return [p for p in pairs if is_permitted(person, Action.VOTE_OUTPUT, relation(p.job), p.output.state)]


def inbox(ports: Ports, person: Person, order: str = "age", project: str = "") -> Inbox:
    """Return what waits for the checker, of one project if it is named, in an order of `ORDERS`. Raises Unknown for
    others than checkers."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "")
    every = _by_submission(ports, person)
    _, key = ORDERS.get(order, ORDERS["age"])
    shown = sorted((w for w in every if project in {"", w.job.submission.project}), key=key)
    return Inbox(
        mine=tuple(w for w in shown if w.open),
        others=tuple(w for w in shown if not w.open),
        words=_unconfirmed_messages(ports, person),
        projects=tuple(sorted({w.job.submission.project for w in every})),
    )


def _by_submission(ports: Ports, person: Person) -> list[WaitingSubmission]:
    pairs = outputs_waiting(ports, person)
    voted = ports.store.voted_by(person.ident, frozenset(o.ident for o, _ in pairs))
    jobs = {job.ident: job for _, job in pairs}
    by_job: dict[str, list[Output]] = {}
    for output, job in pairs:
        by_job.setdefault(job.ident, []).append(output)
    return [WaitingSubmission(jobs[j], tuple(found), voted & {o.ident for o in found}) for j, found in by_job.items()]


def _unconfirmed_messages(ports: Ports, person: Person) -> tuple[tuple[Message, Output], ...]:
    """Return the messages that another checker wrote and this one may confirm, each with its output."""
    waiting = [m for m in ports.store.messages_that_wait(MAX_WAITING_OUTPUTS) if m.author != person.ident]
    about = frozenset(m.output for m in waiting)
    outputs = {o.ident: o for o in ports.store.outputs_named(about)}
    jobs = ports.store.jobs_named(frozenset(o.job for o in outputs.values()))
    voted = ports.store.voted_by(person.ident, about)
    relation = relation_lookup(ports, person, policies_in_force(ports.store))

    def reads(m: Message, output: Output) -> bool:
        seen = is_permitted(person, Action.VIEW_EVIDENCE, relation(jobs[output.job]), output.state)
        return seen and bool(readable_messages([m], person, output, output.ident in voted))

    return tuple((m, outputs[m.output]) for m in waiting if reads(m, outputs[m.output]))


OUTPUT_FILTERS: dict[str, str] = {
    "open": "Outputs awaiting my vote",
    "all": "All",
    **{verdict.value: f"Outputs with the verdict {verdict.value}" for verdict in Verdict},
}
"""Choices of the outputs of a submission that a page shows."""


@dataclass(frozen=True, slots=True)
class ReviewedSubmission:
    """A job's outputs that the checker may view, in the job's order. `voted`: those with this checker's vote."""

    job: Job
    outputs: tuple[Output, ...]
    voted: frozenset[str]
    memory_version: str

    def is_open(self, output: Output) -> bool:
        return output.state is OutputState.IN_REVIEW and output.ident not in self.voted

    @property
    def open(self) -> tuple[Output, ...]:
        return tuple(o for o in self.outputs if self.is_open(o))

    def shown(self, which: str) -> tuple[Output, ...]:
        if which == "open":
            return self.open
        return tuple(o for o in self.outputs if which in {"all", o.verdict.value})

    def neighbours(self, ident: str) -> tuple[Output | None, int, Output | None]:
        """Return the output before this one, this one's number from 1, and the output after it."""
        at = next(i for i, o in enumerate(self.outputs) if o.ident == ident)
        return self.outputs[at - 1] if at else None, at + 1, next(iter(self.outputs[at + 1 :]), None)

    def next_open(self, ident: str) -> Output | None:
        """Return the next output that waits for the checker, after this one and then from the start."""
        _, number, _ = self.neighbours(ident)
        return next((o for o in (*self.outputs[number:], *self.outputs[: number - 1]) if self.is_open(o)), None)


def reviewed_submission(ports: Ports, person: Person, job_ident: str) -> ReviewedSubmission:
    """Return the submission of a job. Raises Unknown if the person may view none of its outputs, as for a job that
    does not exist."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    return submission_of_job(ports, person, reached.job, reached.relation)


def submission_of_job(ports: Ports, person: Person, job: Job, relation: ProjectRelation) -> ReviewedSubmission:
    """Return the submission of a job that the person has reached. Raises Unknown if they may view none of
    its outputs."""
    every = ports.store.outputs_of(job.ident)
    found = tuple(o for o in every if is_permitted(person, Action.VIEW_EVIDENCE, relation, o.state))
    if not found:
        raise Unknown("job", job.ident)
    voted = ports.store.voted_by(person.ident, frozenset(o.ident for o in found))
    return ReviewedSubmission(job, found, voted, memory_version(found))


def next_output(ports: Ports, person: Person, output_ident: str) -> Output | None:
    """Return the output to review after this one: of the same submission, else the oldest of the inbox."""
    job = ports.store.output(output_ident).job
    following = reviewed_submission(ports, person, job).next_open(output_ident)
    if following is not None:
        return following
    waiting = inbox(ports, person).mine
    return waiting[0].open[0] if waiting else None


def vote_all(ports: Ports, person: Person, job_ident: str, ballots: Mapping[str, Ballot]) -> int:
    """Cast the same vote on outputs of a submission, on all or none, and return their number.

    Raises Invalid if the rules refuse one of those approved: these are approved one by one, with the findings that are
    set aside.
    """
    here = {o.ident: o for o in reviewed_submission(ports, person, job_ident).outputs}
    if not ballots:
        raise Invalid("outputs", "Choose at least one output.", "/outputs")
    # An output of another job must look like one that does not exist.
    if not ballots.keys() <= here.keys():
        raise Unknown("output", next(iter(ballots.keys() - here.keys())))
    # A decision against the rules has to be made for each output by itself.
    approved = [here[ident] for ident, ballot in ballots.items() if ballot.choice is VoteChoice.APPROVE]
    refused = [o.name for o in approved if o.verdict is Verdict.REFUSE]
    if refused:
        raise Invalid(
            "override",
            f"The rules refuse {', '.join(refused[:5])}. Approve each of these outputs separately.",
            "/outputs",
        )
    cast_votes(ports, person, ballots)
    return len(ballots)


def claim_all(ports: Ports, person: Person, job_ident: str, take: bool) -> None:
    """Claim each output of a submission that nobody else has claimed, or give up one's own claims."""
    now, action = ports.clock.now(), "output.claimed" if take else "output.unclaimed"
    for output in reviewed_submission(ports, person, job_ident).outputs:
        free = output.claimed_by is None if take else output.claimed_by == person.ident
        if output.state is OutputState.IN_REVIEW and free:
            event = AuditEvent(now, person.ident, action, output.ident)
            ports.store.claim(output.ident, person.ident if take else None, [event])
