"""What operators and administrators watch: whether parts answer, how much waits, what is in force, the audit chain."""

from dataclasses import dataclass

from broker.domain.audit import AuditCheck
from broker.domain.errors import BrokerError, Unknown
from broker.domain.jobs import FINAL_JOB_STATES, JobState
from broker.domain.outputs import OutputState
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports, Snapshot, StoredPolicy
from broker.workflow.administer import check_administrator


@dataclass(frozen=True, slots=True)
class Ready:
    """Which services answer."""

    store: bool
    queue: bool

    @property
    def everything(self) -> bool:
        return self.store and self.queue


@dataclass(frozen=True, slots=True)
class Gauges:
    """Unfinished jobs by state, outputs in review, and the queue's length (None: it does not answer)."""

    jobs: tuple[tuple[str, int], ...]
    in_review: int
    queue: int | None


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy and snapshot that jobs run under, and policy sets that wait for a second administrator."""

    policy: StoredPolicy
    snapshot: Snapshot | None
    proposed: tuple[StoredPolicy, ...]


def ready(ports: Ports) -> Ready:
    return Ready(_store_answers(ports), _queue_length(ports) is not None)


def gauges(ports: Ports, person: Person) -> Gauges:
    """For administrators only: the moment at which a count changes would tell a researcher how a job of theirs went."""
    check_administrator(person, Action.VERIFY_AUDIT)
    unfinished = [s for s in JobState if s not in FINAL_JOB_STATES and s is not JobState.SUBMITTED]
    counted = ports.store.jobs_in(frozenset(unfinished))
    return Gauges(
        jobs=tuple((s.value, counted[s]) for s in unfinished),
        in_review=ports.store.outputs_in(OutputState.IN_REVIEW),
        queue=_queue_length(ports),
    )


def verify_audit(ports: Ports, person: Person) -> AuditCheck:
    """Follow the whole audit chain."""
    check_administrator(person, Action.VERIFY_AUDIT)
    return ports.store.verify_audit()


def in_force(ports: Ports, person: Person) -> InForce:
    check_administrator(person, Action.APPLY_POLICY)
    try:
        snapshot = ports.store.latest_snapshot()
    except Unknown:
        snapshot = None
    return InForce(ports.store.policy_in_force(), snapshot, tuple(ports.store.proposed_policies()))


def _store_answers(ports: Ports) -> bool:
    """Any answer of the store will do, "there is none" too."""
    try:
        ports.store.policy_in_force()
    except Unknown:
        return True
    except BrokerError:
        return False
    return True


def _queue_length(ports: Ports) -> int | None:
    try:
        return ports.queue.depth()
    except BrokerError:
        return None
