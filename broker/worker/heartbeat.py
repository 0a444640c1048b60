"""Keeps a lease alive while an attempt runs, and kills its sandbox when the lease is lost. Nothing else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from broker.domain.jobs import JobState
from broker.domain.ports import WorkerPorts
from broker.workflow.ending import KeepAlive

log = structlog.get_logger()

RENEWALS = 6
"""Renewals in the life of one lease: five may be missed."""

LOOK_SECONDS = 1.0
"""Between two renewals it is only looked whether the attempt still runs, so that a stop kills it within a second."""


Ours = Callable[[WorkerPorts, str, int, bool], bool]
"""Whether an attempt still runs here; with the last argument, its lease is renewed."""


def keeper(ports: WorkerPorts) -> KeepAlive:
    """A `KeepAlive` that renews several times in the life of a lease.

    A store that does not answer is asked again: the lease may still hold. A job that was withdrawn, that another
    attempt took over, or whose lease has lapsed, is lost: its sandbox is killed at once. Whatever else goes wrong,
    the heart goes on: a sandbox that nobody watches would be the worst of it.
    """

    return _keeper(ports, _is_ours)


def rehearsal_keeper(ports: WorkerPorts) -> KeepAlive:
    """The same for a rehearsal: one that is cancelled is killed at once."""
    return _keeper(ports, _rehearsal_is_ours)


def public_keeper(ports: WorkerPorts) -> KeepAlive:
    """The same for a public table's recipe."""
    return _keeper(ports, _public_table_is_ours)


def _keeper(ports: WorkerPorts, ours: Ours) -> KeepAlive:
    @contextmanager
    def keep_alive(job: str, attempt: int) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=_renew, args=(ports, job, attempt, done, ours), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    return keep_alive


def _renew(ports: WorkerPorts, job: str, attempt: int, done: threading.Event, ours: Ours) -> None:
    pause = ports.lease.total_seconds() / RENEWALS
    looks = max(1, round(pause / LOOK_SECONDS))
    beat = 0
    while not done.wait(pause / looks):
        beat += 1
        try:
            if not ours(ports, job, attempt, beat % looks == 0):
                ports.sandbox.terminate(job, attempt)
                return
        except Exception as error:
            log.warning("heartbeat", job=job, error=type(error).__name__)


def _is_ours(ports: WorkerPorts, job: str, attempt: int, renew: bool) -> bool:
    if not renew:
        found = ports.store.job(job)
        return found.state in {JobState.RUNNING, JobState.ASSESSING} and found.attempt == attempt
    now = ports.clock.now()
    return ports.store.renew(job, attempt, now + ports.lease, now)


def _rehearsal_is_ours(ports: WorkerPorts, rehearsal: str, attempt: int, renew: bool) -> bool:
    if not renew:
        return (rehearsal, attempt) in ports.store.rehearsals_alive()
    now = ports.clock.now()
    return ports.store.renew_rehearsal(rehearsal, attempt, now + ports.lease, now)


def _public_table_is_ours(ports: WorkerPorts, ident: str, attempt: int, renew: bool) -> bool:
    if not renew:
        return (ident, attempt) in ports.store.public_tables_alive()
    now = ports.clock.now()
    return ports.store.renew_public_table(ident, attempt, now + ports.lease, now)
