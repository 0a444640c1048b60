"""The sandbox port: runs one job in isolation and returns what it left. Docstrings are the contract."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from broker.domain.jobs.script_files import FileCaps, RawFile, RebuiltFile


class SandboxEnd(StrEnum):
    """How a sandbox ended, as a closed list. The launcher's own words map onto it, whatever the job says."""

    ENDED = "ended"
    CRASHED = "crashed"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    ENGINE_ERROR = "engine_error"
    BAD_FRAMES = "bad_frames"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Limits of one job: seconds of wall clock, bytes of memory and of output, files, processes, threads."""

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

    `frames`: (kind, payload), sent in order to the launcher's standard input. `mount`: the only visible host folder,
    read-only, as /data. `image`: one of the built images. `synthetic`: whether the data are synthetic; real data refuse
    every fallback. `narrow`: files below `mount`, relative to it, that a script may read, if not all of them; the
    sandbox prevents it from opening others. `apart`: the launcher isolates parts of the job from each other. If it is
    given no data, an empty folder is mounted instead of `mount`."""

    job: str
    attempt: int
    image: str
    mount: Path
    frames: tuple[tuple[str, bytes], ...]
    limits: SandboxLimits
    synthetic: bool
    narrow: tuple[str, ...] | None = None
    apart: bool = False

    @property
    def without_data(self) -> bool:
        """Whether the job may read no file of `mount`."""
        return self.apart or self.narrow == ()


class DataKind(StrEnum):
    """Rows that a script may run on: real rows, where only checkers read what it prints, or synthetic ones, where its
    author reads that at once."""

    REAL = "real"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class WarmPoolLimits:
    """How many sandboxes may wait for jobs of one project and image, ready and without data; the memory of all waiting
    sandboxes together; and how long they wait after the last job that could have used one."""

    each: int
    memory_bytes: int
    idle_seconds: int


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """What a sandbox returned. `frames` are complete and hash-checked; from the image `python` they are otherwise
    untrusted. `image`: digest of the image. `runtime`: the isolation that really ran ("runc", "runsc", "bubblewrap").
    `log`: what the job printed, capped; for staff only, and treated like any output."""

    end: SandboxEnd
    frames: tuple[tuple[str, bytes], ...]
    image: str
    runtime: str
    seconds: float
    log: bytes = b""


class SandboxRunner(Protocol):
    """Runs a request. One for rehearsals raises Breach if the data are not synthetic."""

    def run(self, request: SandboxRequest) -> SandboxResult: ...


class Sandbox(SandboxRunner, Protocol):
    """Runs one job in isolation.

    1. `run` starts exactly one sandbox, named after (job, attempt). If one with that name exists, it raises
       Conflict("already-running") and starts nothing.
    2. The settings of the sandbox are read back from the engine before the start. Any difference raises Breach, and
       nothing runs.
    3. `run` returns what a script left only after every process of its sandbox is dead. It never raises for what the
       job did: `end` reports that. A sandbox with a clean end may be removed just after `run` returns; nothing is left
       of any other one by then. It raises Unavailable if the engine does not respond.
    4. `terminate` kills and removes every sandbox of a job's attempts up to `attempt`, and returns only when they are
       gone; idempotent.
    5. `sweep` does the same for every sandbox whose (job, attempt) is not in `alive()`. It calls `alive` after it has
       listed the sandboxes, because an attempt runs in the store before its sandbox exists. Returns the number removed.
    6. While anybody is `holding` real rows for a script on a machine, nobody is holding synthetic rows there, and vice
       versa. The caller of a script holds its rows until the script, and what the broker computes from its files, has
       ended. A script's `run` on real data without a holder raises Breach."""

    def holding(self, job: str, attempt: int, rows: DataKind, wait: bool = True) -> AbstractContextManager[bool]:
        """Enters with True when it is the attempt's turn, in order of arrival. With `wait` False, it enters with False
        at once if it is not its turn, and its place is kept for some seconds. Raises Conflict("stale") if the attempt
        is terminated while it waits."""

    def holding_to_slot_end(self, slot_end: Callable[[], datetime]) -> AbstractContextManager[None]:
        """Real rows that are held meanwhile stay held until this exits, and nobody then holds synthetic rows on the
        machine before `slot_end()`: the end of the time slot in which their job ended, or in which it runs now. That
        holds too if the holder dies."""

    def missing(self) -> tuple[str, ...]:
        """Protections that real data need and this sandbox lacks; measured, never assumed. While it is not empty, `run`
        refuses real data with Breach."""

    def terminate(self, job: str, attempt: int) -> None: ...

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int: ...


@dataclass(frozen=True, slots=True)
class RebuildRequest:
    """How the files of one attempt are rebuilt: the container's limits, and for each file the caps, the significant
    digits of a number, seconds of a processor and bytes of memory. `job_values`: most values of them all
    together. Nothing of `mount` is read."""

    job: str
    attempt: int
    mount: Path
    synthetic: bool
    limits: SandboxLimits
    caps: FileCaps
    digits: int
    file_seconds: int
    file_memory_bytes: int
    job_values: int


class FileRebuilder(Protocol):
    def rebuild(
        self, files: Sequence[RawFile], request: RebuildRequest, runner: SandboxRunner
    ) -> tuple[RebuiltFile, ...]:
        """Each file rebuilt, in order. Never raises for what a file contains or does: such a file has a problem."""
