"""Closes process 1 of a sandbox to its job, and takes every privilege from both. Standard library only."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38


def seal() -> None:
    """Close this process to the job: no tracing, no /proc/1/mem, no /proc/1/fd; and no privilege ever again."""
    if os.getpid() != 1:
        raise SystemExit("The launcher runs only as process 1 of a sandbox: it kills every process it can see.")
    drop_user()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise SystemExit("The kernel refuses to seal the launcher.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one signal that would reach process 1 as an exception
    os.umask(0o077)


def unseal() -> None:
    """For a child that runs a job: its own /proc/self is its own again. It holds nothing that is not the job's."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def drop_user() -> None:
    """Where the sandbox could not start as its own user (bubblewrap run by root), become it now, for good."""
    if os.getuid() == 0 and len(sys.argv) > 1:
        user = int(sys.argv[1])
        libc = ctypes.CDLL(None)
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last one that the kernel knows
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the change of user has cleared it
    if os.getuid() == 0:
        raise SystemExit("A job never runs as root.")
