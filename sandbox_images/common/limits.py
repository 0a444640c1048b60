"""What a job may take inside a sandbox, and the end of all that it has started. Standard library only."""

import contextlib
import os
import resource
import signal

OPEN_FILES = 1024


def own_size() -> int:
    """Address space that is taken before the job begins: libraries, mostly."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def own_tasks() -> int:
    """Threads that libraries have started here: they count as the job's user's, but are not the job's."""
    return len(os.listdir("/proc/self/task"))


def limit(settings: dict[str, int], tasks: int, libraries: int = 0) -> None:
    """Set the limits of this process and all it will start. The container's own limits hold besides, where they do.

    Address space is not memory: `libraries` is what those that are imported later may map without using it."""
    caps = {
        resource.RLIMIT_AS: own_size()
        + libraries
        + settings["memory_bytes"]
        + 64 * 1024 * 1024 * (settings["threads"] + 1),
        resource.RLIMIT_NPROC: settings["processes"] + tasks,
        resource.RLIMIT_CPU: settings["wall_seconds"] * max(1, settings["threads"]) + 5,
        resource.RLIMIT_FSIZE: max(settings["scratch_bytes"], settings["output_bytes"]),
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    lower(caps)


def lower(caps: dict[int, int]) -> None:
    """None is raised. What is so already is not asked for: gVisor refuses to set what it does not limit."""
    for which, value in caps.items():
        before = resource.getrlimit(which)
        value = value if before[1] == resource.RLIM_INFINITY else min(value, before[1])
        if before != (value, value):
            resource.setrlimit(which, (value, value))


def kill_all() -> None:
    """Kill and reap everything in this sandbox but the launcher, however often it forks."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
