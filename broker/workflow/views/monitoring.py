"""What operators and administrators monitor: services, queues, workers, policy and snapshot in force, and the audit
log."""

from dataclasses import dataclass, replace
from datetime import timedelta

from broker.domain.errors import BrokerError, Unknown
from broker.domain.identity.audit import AuditCheck, AuditLine
from broker.domain.identity.people import Action, Person
from broker.domain.jobs.job import FINAL_JOB_STATES, JobState, OutputState
from broker.domain.ports import AuditFilter, Ports, Snapshot, StoredPolicy, WorkerReport
from broker.workflow.administration.user_accounts import check_administrator


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Lines, newest first. The next page has the lines before number `older`; None on the last page."""

    lines: tuple[AuditLine, ...]
    older: int | None
    head: int


def search_audit(ports: Ports, person: Person, wanted: AuditFilter) -> AuditPage:
    check_administrator(person, Action.VERIFY_AUDIT)
    # One line more than the page, to know whether there is another page.
    found = ports.store.search_audit(replace(wanted, limit=wanted.limit + 1))
    shown = found[: wanted.limit]
    head, _ = ports.store.audit_head()
    return AuditPage(tuple(shown), shown[-1].number if len(found) > wanted.limit else None, head)


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether the store and the queue answer."""

    store: bool
    queue: bool

    @property
    def everything(self) -> bool:
        return self.store and self.queue


@dataclass(frozen=True, slots=True)
class Gauges:
    """Unfinished jobs by state, outputs in review, and the queue's length (None: the queue does not answer)."""

    jobs: tuple[tuple[str, int], ...]
    in_review: int
    queue: int | None


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy and snapshot that jobs run under, and the policy sets that wait for a second administrator."""

    policy: StoredPolicy
    snapshot: Snapshot | None
    proposed: tuple[StoredPolicy, ...]


def ready(ports: Ports) -> Ready:
    return Ready(_store_answers(ports), _queue_length(ports) is not None)


def gauges(ports: Ports, person: Person) -> Gauges:
    """Return the counts, for administrators only: the moment at which a count changes would reveal how a researcher's
    job went."""
    check_administrator(person, Action.VERIFY_AUDIT)
    unfinished = [s for s in JobState if s not in FINAL_JOB_STATES and s is not JobState.SUBMITTED]
    counted = ports.store.jobs_in(frozenset(unfinished))
    return Gauges(
        jobs=tuple((s.value, counted[s]) for s in unfinished),
        in_review=ports.store.outputs_in(OutputState.IN_REVIEW),
        queue=_queue_length(ports),
    )


def verify_audit(ports: Ports, person: Person) -> AuditCheck:
    """Verify the whole audit chain."""
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
    """Whether the store answers. "There is none" is an answer too."""
    try:
        ports.store.fingerprint_in_force()
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


SILENT_AFTER = timedelta(seconds=60)
"""A worker reports every ten seconds. One that is silent for longer than this counts as gone."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    report: WorkerReport
    silent: bool


@dataclass(frozen=True, slots=True)
class Health:
    gauges: Gauges
    ready: Ready
    workers: tuple[WorkerSeen, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Problems that need somebody's attention, in sentences."""
        found = [] if self.ready.queue else ["The queue does not answer. Jobs wait until it does."]
        working = [w for w in self.workers if not w.silent]
        if not working:
            found.append("No worker has reported within the last minute, so nothing runs.")
        facts = [dict(w.report.facts) for w in working]
        found += [
            f"A sandbox is not safe for real data: the self-test failed at {f['missing']}."
            for f in facts
            if f.get("missing")
        ]
        return tuple(found)


def health(ports: Ports, person: Person) -> Health:
    counts = gauges(ports, person)
    now = ports.clock.now()
    workers = tuple(WorkerSeen(r, now - r.at > SILENT_AFTER) for r in ports.store.worker_reports())
    return Health(counts, ready(ports), workers)
