"""One slot: a child process that takes job ids from the queue, one at a time, and dies with its supervisor."""

import ctypes
import os
import signal

from broker.settings import read_settings
from broker.wiring import build_worker, queue_worker
from broker.worker import tasks

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its supervisor dies: an orphan would hold leases for nobody."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    die_with_parent()
    settings = read_settings()
    ports = build_worker(settings)
    tasks.equip(ports, f"{os.uname().nodename}-{os.getpid()}")
    queue_worker(settings).work()


if __name__ == "__main__":
    main()
