"""What waits for a checker: submissions with outputs to vote on, and words to confirm. Few queries, however many.

Whether a checker may vote depends on few facts of a job, so it is asked once for each distinct set of them and not once
for each output.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import Unknown
from broker.domain.jobs import Job
from broker.domain.messages import Message
from broker.domain.outputs import Output
from broker.domain.people import Person, Role
from broker.domain.permissions import Action, may
from broker.domain.ports import Ports
from broker.workflow.policies import policies_in_force
from broker.workflow.relations import relations
from broker.workflow.reviewing.thread import readable

MOST = 1000
"""The oldest so many outputs are looked at; who has more waiting finds the others when these are decided."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A submission with outputs in review that the checker may decide; `voted` are those that wait for another."""

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
    """`mine` wait for the checker's vote, `others` for another checker's; `words` to confirm, each with its output."""

    mine: tuple[Waiting, ...]
    others: tuple[Waiting, ...]
    words: tuple[tuple[Message, Output], ...]
    projects: tuple[str, ...]


ORDERS: dict[str, tuple[str, Callable[[Waiting], tuple[object, ...]]]] = {
    "age": ("Oldest first", lambda w: (w.since,)),
    "project": ("Project", lambda w: (w.job.submission.project, w.since)),
    "size": ("Smallest first", lambda w: (len(w.outputs), w.size, w.since)),
}


def outputs_waiting(ports: Ports, person: Person) -> list[tuple[Output, Job]]:
    """Outputs in review that this checker may decide, oldest first."""
    if Role.CHECKER not in person.roles:
        return []
    found = ports.store.outputs_in_review(MOST)
    jobs = ports.store.jobs_named(frozenset(o.job for o in found))
    relation = relations(ports, person, policies_in_force(ports.store))
    return [(o, jobs[o.job]) for o in found if may(person, Action.VOTE_OUTPUT, relation(jobs[o.job]), o.state)]


def inbox(ports: Ports, person: Person, order: str = "age", project: str = "") -> Inbox:
    """The checker's day: of one project where it is named, in an order of `ORDERS`."""
    if Role.CHECKER not in person.roles:
        raise Unknown("page", "")
    every = _by_submission(ports, person)
    _, key = ORDERS.get(order, ORDERS["age"])
    shown = sorted((w for w in every if project in {"", w.job.submission.project}), key=key)
    return Inbox(
        mine=tuple(w for w in shown if w.open),
        others=tuple(w for w in shown if not w.open),
        words=_words(ports, person),
        projects=tuple(sorted({w.job.submission.project for w in every})),
    )


def _by_submission(ports: Ports, person: Person) -> list[Waiting]:
    pairs = outputs_waiting(ports, person)
    voted = ports.store.voted_by(person.ident, frozenset(o.ident for o, _ in pairs))
    jobs = {job.ident: job for _, job in pairs}
    by_job: dict[str, list[Output]] = {}
    for output, job in pairs:
        by_job.setdefault(job.ident, []).append(output)
    return [Waiting(jobs[j], tuple(found), voted & {o.ident for o in found}) for j, found in by_job.items()]


def _words(ports: Ports, person: Person) -> tuple[tuple[Message, Output], ...]:
    """Messages that another checker wrote and that this one may confirm, with what they are about."""
    waiting = [m for m in ports.store.messages_that_wait(MOST) if m.author != person.ident]
    about = frozenset(m.output for m in waiting)
    outputs = {o.ident: o for o in ports.store.outputs_named(about)}
    jobs = ports.store.jobs_named(frozenset(o.job for o in outputs.values()))
    voted = ports.store.voted_by(person.ident, about)
    relation = relations(ports, person, policies_in_force(ports.store))

    def reads(m: Message, output: Output) -> bool:
        seen = may(person, Action.VIEW_EVIDENCE, relation(jobs[output.job]), output.state)
        return seen and bool(readable([m], person, output, output.ident in voted))

    return tuple((m, outputs[m.output]) for m in waiting if reads(m, outputs[m.output]))
