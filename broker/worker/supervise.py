"""`broker worker`: starts the embedded queue and the slots, keeps them alive, and reconciles. Holds no job itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import structlog

from broker.domain.ports import WorkerPorts
from broker.settings import Settings
from broker.wiring import build_worker, embedded_queue
from broker.worker.reconcile import (
    allot_caps,
    offer_waiting,
    reap,
    remove_vaults,
    settle_all,
    settle_private,
    settle_spends,
    sweep,
)

TICK_SECONDS = 1.0
SLOW_TICKS = 10

log = structlog.get_logger()


def supervise(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run until a signal asks to stop. Slots die with this process, and their leases lapse."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopper(stop))
    queue = None if settings.queue_url else embedded_queue(settings)
    slots: list[subprocess.Popen[bytes]] = []
    try:
        if queue is not None:
            queue.ensure()
        ports = build_worker(settings)
        ready()
        tick = 0
        while not stop.is_set():
            if queue is not None:
                _attempt("queue", queue.ensure)
            _attempt("slots", lambda: _staff(slots, settings.slots))
            _reconcile(ports, slow=tick % SLOW_TICKS == 0)
            tick += 1
            stop.wait(TICK_SECONDS)
    finally:
        _end(slots)
        if queue is not None:
            queue.stop()


def _stopper(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return handle


def _staff(slots: list[subprocess.Popen[bytes]], wanted: int) -> None:
    """Replace slots that have ended."""
    slots[:] = [s for s in slots if s.poll() is None]
    while len(slots) < wanted:
        slots.append(subprocess.Popen([sys.executable, "-m", "broker.worker.slot", str(os.getpid())]))


def _reconcile(ports: WorkerPorts, *, slow: bool) -> None:
    """One round of everything that makes good."""
    steps: list[Callable[[WorkerPorts], object]] = [reap, offer_waiting, settle_private]
    if slow:
        steps += [allot_caps, sweep, settle_all, settle_spends, remove_vaults]
    for step in steps:
        _attempt(step.__name__, partial(step, ports))


def _attempt(name: str, step: Callable[[], object]) -> None:
    """What fails, however, is told and tried again in the next round: the supervisor itself goes on."""
    try:
        step()
    except Exception as error:
        log.warning("supervise", step=name, error=type(error).__name__)


def _end(slots: list[subprocess.Popen[bytes]]) -> None:
    for slot in slots:
        slot.terminate()
    deadline = time.monotonic() + 5
    for slot in slots:
        try:
            slot.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            slot.kill()
            slot.wait()
