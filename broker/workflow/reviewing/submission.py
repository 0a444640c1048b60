"""The outputs of one submission as its checker goes through them: what is open, where one is, what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.errors import Invalid, Unknown
from broker.domain.findings import Verdict
from broker.domain.jobs import Job
from broker.domain.outputs import Output, OutputState
from broker.domain.people import Person
from broker.domain.permissions import Action, Relation, may
from broker.domain.ports import Ports
from broker.domain.reviews import Choice
from broker.workflow.ballots import Ballot, memory_version
from broker.workflow.relations import reach_job
from broker.workflow.review import cast_votes
from broker.workflow.reviewing.inbox import inbox

SHOWN: dict[str, str] = {
    "open": "Those that wait for my vote",
    "all": "All",
    **{verdict.value: f"Those whose verdict is {verdict.value}" for verdict in Verdict},
}
"""Which outputs of a submission are shown."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job's outputs that the checker may look at, in the job's order. `voted` are those with the checker's vote."""

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

    def around(self, ident: str) -> tuple[Output | None, int, Output | None]:
        """The output before this one, its number from 1, and the output after it."""
        at = next(i for i, o in enumerate(self.outputs) if o.ident == ident)
        return self.outputs[at - 1] if at else None, at + 1, next(iter(self.outputs[at + 1 :]), None)

    def next_open(self, ident: str) -> Output | None:
        """The next output that waits for the checker, after this one and then from the start."""
        _, number, _ = self.around(ident)
        return next((o for o in (*self.outputs[number:], *self.outputs[: number - 1]) if self.is_open(o)), None)


def submitted(ports: Ports, person: Person, job_ident: str) -> Submitted:
    """A job without any output that the person may look at answers like one that is not there."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    return submitted_in(ports, person, reached.job, reached.relation)


def submitted_in(ports: Ports, person: Person, job: Job, relation: Relation) -> Submitted:
    """Of a job that the person has reached."""
    every = ports.store.outputs_of(job.ident)
    found = tuple(o for o in every if may(person, Action.VIEW_EVIDENCE, relation, o.state))
    if not found:
        raise Unknown("job", job.ident)
    voted = ports.store.voted_by(person.ident, frozenset(o.ident for o in found))
    return Submitted(job, found, voted, memory_version(found))


def next_after(ports: Ports, person: Person, output_ident: str) -> Output | None:
    """What the checker looks at after this output: of the same submission, then the oldest of the inbox."""
    job = ports.store.output(output_ident).job
    following = submitted(ports, person, job).next_open(output_ident)
    if following is not None:
        return following
    waiting = inbox(ports, person).mine
    return waiting[0].open[0] if waiting else None


def vote_all(ports: Ports, person: Person, job_ident: str, ballots: Mapping[str, Ballot]) -> int:
    """Cast the same word on outputs of a submission, all or none. What the rules refuse is approved one by one only,
    with the findings that are set aside."""
    here = {o.ident: o for o in submitted(ports, person, job_ident).outputs}
    if not ballots:
        raise Invalid("outputs", "Choose at least one output.", "/outputs")
    if not ballots.keys() <= here.keys():
        raise Unknown("output", next(iter(ballots.keys() - here.keys())))
    approved = [here[ident] for ident, ballot in ballots.items() if ballot.choice is Choice.APPROVE]
    refused = [o.name for o in approved if o.verdict is Verdict.REFUSE]
    if refused:
        raise Invalid(
            "override", f"The rules refuse {', '.join(refused[:5])}: approve each of these alone.", "/outputs"
        )
    cast_votes(ports, person, ballots)
    return len(ballots)


def claim_all(ports: Ports, person: Person, job_ident: str, take: bool) -> None:
    """Claim each output of a submission that nobody else works on, or give up one's own."""
    now, action = ports.clock.now(), "output.claimed" if take else "output.unclaimed"
    for output in submitted(ports, person, job_ident).outputs:
        free = output.claimed_by is None if take else output.claimed_by == person.ident
        if output.state is OutputState.IN_REVIEW and free:
            event = AuditEvent(now, person.ident, action, output.ident)
            ports.store.claim(output.ident, person.ident if take else None, [event])
