"""The sandbox port: one job in isolation, and what it left. The docstrings are the contract."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from broker.domain.jobs.script_files import FileCaps, RawFile, RebuiltFile


class SandboxEnd(StrEnum):
    """How a sandbox ended: a closed list; the launcher's own words map onto it, whatever the job says."""

    ENDED = "ended"
    CRASHED = "crashed"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    ENGINE_ERROR = "engine_error"
    BAD_FRAMES = "bad_frames"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one job may take. Seconds of wall clock, bytes of memory and of output, files, processes, threads."""

    wall_seconds: int
    memory_bytes: int
    output_bytes: int
    output_files: int
    processes: int
    threads: int
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """One attempt at one job, complete: nothing else is looked up.

    `frames` go to the launcher on standard input in order; (kind, payload). `mount` is the one host folder that is
    seen, read-only, as /data. `image` is one of those that are built. `synthetic` tells whether the data are synthetic:
    real data refuse every fallback. `narrow` names the files below `mount`, relative to it, that a script may read,
    where these are not all: the sandbox sees to it that it can open no other. None: all of the mount. `apart`: the
    launcher puts parts of the job apart from one another, and an empty folder is mounted in place of `mount`.
    """

    job: str
    attempt: int
    image: str
    mount: Path
    frames: tuple[tuple[str, bytes], ...]
    limits: SandboxLimits
    synthetic: bool
    narrow: tuple[str, ...] | None = None
    apart: bool = False


class DataKind(StrEnum):
    """What a script is let run on: real rows, where what it prints is for checkers; or synthetic ones, where its author
    reads that at once."""

    REAL = "real"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class WarmPoolLimits:
    """How many sandboxes may wait for jobs of one project and image, ready and without data; how much memory all that
    wait may take together; and how long they wait after the last job that could have had one."""

    each: int
    memory_bytes: int
    idle_seconds: int


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """What came back. `frames` are complete and hash-checked, and otherwise untrusted if the image is `python`.

    `image` is the image's digest, `runtime` the isolation that really ran ("runc", "runsc", "bubblewrap").
    `log` is what the job printed, capped: staff only, and an output like any other.
    """

    end: SandboxEnd
    frames: tuple[tuple[str, bytes], ...]
    image: str
    runtime: str
    seconds: float
    log: bytes = b""


class Sandbox(Protocol):
    """Runs one job in isolation.

    1. `run` starts exactly one sandbox named after (job, attempt); if one of that name exists already, it raises
       Conflict("already-running") and starts nothing.
    2. The sandbox's settings are read back from the engine before start; any difference raises Breach and
       nothing runs.
    3. `run` returns what a script left only when every process of its sandbox is dead, and never raises for what the
       job did: that is in `end`. A sandbox that came to a clean end may be removed just after `run` has returned; of
       every other one nothing is left by then. It raises Unavailable when the engine does not answer.
    4. `terminate` kills and removes every sandbox of a job's attempts up to `attempt` and returns only when they
       are gone; idempotent.
    5. `sweep` does so for every sandbox whose (job, attempt) is not in `alive()`, which it calls after it has listed
       the sandboxes: an attempt is running in the store before its sandbox exists. Returns how many it removed.
    6. While one is `holding` real rows for a script on a machine, nobody is holding synthetic ones there, and the other
       way round. Whoever lets a script run holds its rows until the script, and what the broker computes of what it
       left, has ended; a script's `run` on real data that nobody holds raises Breach.
    """

    def run(self, request: SandboxRequest) -> SandboxResult: ...

    def holding(self, job: str, attempt: int, rows: DataKind, wait: bool = True) -> AbstractContextManager[bool]:
        """Entered when it is the attempt's turn, in order of arrival; entered with False at once where it is not its
        turn and it does not `wait`: then its place is kept for some seconds. Conflict("stale") where the attempt is
        terminated while it waits."""

    def missing(self) -> tuple[str, ...]:
        """What real data need and this sandbox does not hold; measured, never assumed. While it is not empty, `run`
        refuses real data with Breach."""

    def terminate(self, job: str, attempt: int) -> None: ...

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int: ...


@dataclass(frozen=True, slots=True)
class RebuildRequest:
    """How the files of one attempt are made anew: the container's limits, and of one file the caps, the significant
    digits of a number, seconds of wall clock and bytes of memory. Nothing of `mount` is read."""

    job: str
    attempt: int
    mount: Path
    synthetic: bool
    limits: SandboxLimits
    caps: FileCaps
    digits: int
    file_seconds: int
    file_memory_bytes: int


class FileRebuilder(Protocol):
    def rebuild(
        self, files: Sequence[RawFile], request: RebuildRequest, run: Callable[[SandboxRequest], SandboxResult]
    ) -> tuple[RebuiltFile, ...]:
        """Each file made anew, in order. Never raises for what a file holds or does: such a one has a problem."""
