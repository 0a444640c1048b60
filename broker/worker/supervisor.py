"""`broker worker`: starts the embedded queue and the slots, restarts them, reconciles and reports. Runs no job."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from broker.domain.jobs.work_items import JOB_WORK
from broker.domain.ports import Mailer, WorkerReport
from broker.settings import Settings
from broker.wiring.broker_ports import build_mailer, embedded_queue
from broker.wiring.execution_adapters import build_pool, claimed_machine
from broker.wiring.worker_ports import build_worker_ports
from broker.worker import reconcile
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.release_history.history_files import restore_agreed_entries, sweep_members
from broker.workflow.timing_channel import check_slots_in_force
from broker.workflow.views.person_notices import mail_notices


def initial_facts(settings: Settings) -> dict[str, str]:
    """Facts about this worker. The self-test adds its result from a thread of its own."""
    test = "not needed: synthetic data" if settings.synthetic_only else "not finished yet"
    return {"runtime": settings.runtime, "slots": str(settings.slots), "self-test": test}


def report_worker(
    ports: RunPorts, worker_facts: Mapping[str, str], slots: Mapping[int, subprocess.Popen[bytes]], warm: int | None
) -> None:
    """Store a report of this worker, so that pages do not have to reach it."""
    alive = sum(1 for slot in slots.values() if slot.poll() is None)
    jobs = sum(item.kind in JOB_WORK for item in ports.store.work_leased())
    own = {"slots alive": str(alive), "jobs running": str(jobs)}
    pool = {} if warm is None else {"sandboxes ready": str(warm)}
    facts = tuple({**worker_facts, **own, **pool}.items())
    ports.store.report_worker(WorkerReport(os.uname().nodename, ports.clock.now(), facts))


TICK_SECONDS = 1.0
SETTLE_SECONDS = 0.5
SLOW_TICKS = 10
MAIL_SECONDS = 30.0
POOL_SECONDS = 10
"""Seconds that the pool may take to remove waiting sandboxes. The next pool removes the rest."""

if TYPE_CHECKING:
    from broker.sandbox.warm_pool import WarmPool

log = structlog.get_logger()

Steps = Sequence[tuple[int, Sequence[Callable[[RunPorts], object]]]]
"""Steps in their order, each group with the number of rounds of which it is done in one."""

REPAIRS: Steps = (
    (1, (reconcile.reap, reconcile.end_all_stopped, reconcile.offer_waiting)),
    # These read more, and what they repair can wait some seconds.
    (SLOW_TICKS, (reconcile.allot_caps, reconcile.sweep, reconcile.settle_spends, reconcile.remove_vaults)),
    (SLOW_TICKS, (reconcile.drop_rehearsals, restore_agreed_entries)),
    (300, (sweep_members,)),
)
SETTLING: Mapping[str, Steps] = {
    "releasing": ((1, (reconcile.release_due,)),),
    "comparing": ((1, (reconcile.compare_due,)), (20, (reconcile.run_public_tables,))),
}
"""What completes jobs, by the name of its thread. Two threads: a long comparison must not delay a release that is due,
because the delay would reveal how long it took. Neither may delay the renewal of leases or wait for a slot."""


def supervise(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run until a signal asks to stop. Slots die with this process, and their leases lapse."""
    with claimed_machine(settings):
        _supervise(settings, ready)


def _supervise(settings: Settings, ready: Callable[[], None]) -> None:
    stop = _stopped_by_signal()
    queue = None if settings.queue_url else embedded_queue(settings)
    slots: dict[int, subprocess.Popen[bytes]] = {}
    pool_thread: threading.Thread | None = None
    try:
        if queue is not None:
            queue.ensure()
        ports, worker_facts = build_worker_ports(settings), initial_facts(settings)
        # Before any job: real data need coarse time slots.
        check_slots_in_force(ports)
        _start_background(settings, ports, worker_facts, stop)
        warm_pool = build_pool(ports)
        pool_thread = _start_pool(warm_pool, stop)
        ready()
        tick = 0
        while not stop.is_set():
            if queue is not None:
                _attempt("queue", queue.ensure)
            _attempt("slots", lambda: _restart_slots(slots, settings.slots))
            _do_steps(ports, REPAIRS, tick)
            if tick % SLOW_TICKS == 0:
                _attempt(
                    "report",
                    lambda: report_worker(ports, worker_facts, slots, None if warm_pool is None else warm_pool.ready()),
                )
            tick += 1
            stop.wait(TICK_SECONDS)
    finally:
        # Threads stop first, so that none starts work for slots that are ending.
        stop.set()
        _end_slots(list(slots.values()))
        if pool_thread is not None:
            pool_thread.join(POOL_SECONDS)
        if queue is not None:
            queue.stop()


def _stopped_by_signal() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


def _start_background(settings: Settings, ports: RunPorts, worker_facts: dict[str, str], stop: threading.Event) -> None:
    """Start the threads that must not delay the rounds of this process."""
    # Synthetic data need no proof of isolation.
    if not settings.synthetic_only:
        test = ("self-test", partial(_run_selftest, ports, worker_facts))
        threading.Thread(target=_attempt, args=test, daemon=True).start()
    _start_mailing(ports, build_mailer(settings), settings.public_url, stop)
    _start_settling(ports, stop)


def _run_selftest(ports: RunPorts, worker_facts: dict[str, str]) -> None:
    """Test the sandbox at the start, so that an operator learns of a problem before the first job on real data is
    refused. Slots read the result."""
    missing = ports.sandbox.missing()
    worker_facts.update({"self-test": "failed" if missing else "passed", "missing": ", ".join(missing)})
    if missing:
        log.error("the sandbox does not hold real data", missing=", ".join(missing))
    else:
        log.info("the sandbox holds real data")


def _start_mailing(ports: RunPorts, mailer: Mailer | None, public_url: str, stop: threading.Event) -> None:
    """Start the thread that emails notices, so that a slow mail server delays nothing else.

    Several workers may send the same email at the same moment, so only one of them should have a mail server.
    """
    if mailer is None:
        return

    def serve() -> None:
        while not stop.wait(MAIL_SECONDS):
            _attempt("mail", lambda: mail_notices(ports, mailer, public_url))

    threading.Thread(target=serve, daemon=True, name="mail").start()


def _start_settling(ports: RunPorts, stop: threading.Event) -> None:
    """Start the threads that complete jobs: one for releases, one for comparisons."""

    def serve(steps: Steps) -> None:
        tick = 0
        while not stop.wait(SETTLE_SECONDS):
            _do_steps(ports, steps, tick)
            tick += 1

    for name, steps in SETTLING.items():
        threading.Thread(target=serve, args=(steps,), daemon=True, name=name).start()


def _start_pool(pool: "WarmPool | None", stop: threading.Event) -> threading.Thread | None:
    """Start the pool's thread, because preparing a sandbox takes longer than a round."""
    if pool is None:
        return None
    thread = threading.Thread(target=pool.serve, args=(stop,), daemon=True, name="pool")
    thread.start()
    return thread


def _restart_slots(slots: dict[int, subprocess.Popen[bytes]], wanted: int) -> None:
    """Replace slots that have ended."""
    for number in range(wanted):
        if number not in slots or slots[number].poll() is not None:
            command = [sys.executable, "-m", "broker.worker.slot", str(os.getpid()), str(number)]
            # The slot gets this process's id, to die with it.
            slots[number] = subprocess.Popen(command)


def _do_steps(ports: RunPorts, steps: Steps, tick: int) -> None:
    """Do the steps of one round."""
    for every, group in steps:
        for step in group if tick % every == 0 else ():
            _attempt(step.__name__, partial(step, ports))


def _attempt(name: str, step: Callable[[], object]) -> None:
    """Run a step. If it fails, log that and go on: the next round tries again, and the supervisor must not end."""
    try:
        step()
    except Exception as error:
        log.warning("supervise", step=name, error=type(error).__name__)


def _end_slots(slots: list[subprocess.Popen[bytes]]) -> None:
    for slot in slots:
        slot.terminate()
    # One deadline for all slots, so that stopping stays short.
    deadline = time.monotonic() + 5
    for slot in slots:
        try:
            slot.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            slot.kill()
            slot.wait()
