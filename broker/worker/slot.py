"""One slot: a child process that takes job ids from the queue, one at a time, and dies with its supervisor."""

import ctypes
import os
import signal
import sys

from broker.settings import read_settings
from broker.wiring.worker_ports import build_queue_worker, build_worker_ports
from broker.worker import tasks
from broker.workflow.job_scheduling import WorkerSlot

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its supervisor dies: an orphan would hold leases for nobody."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the kernel was asked.
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    settings = read_settings()
    number = int(sys.argv[2])
    # The name is the same after a restart, so that the new process finishes the hold of the old one.
    tasks.set_up_slot(
        build_worker_ports(settings, number), f"{os.uname().nodename}-{number}", WorkerSlot(number, settings.slots)
    )
    build_queue_worker(settings).work()


if __name__ == "__main__":
    main()
