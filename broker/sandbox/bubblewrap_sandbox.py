"""Runs jobs in namespaces with bubblewrap, where there is no container engine. Never on real data: nothing limits a
job's total memory, and only namespaces separate it from the host's kernel."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import DataKind, SandboxRequest, SandboxResult
from broker.sandbox import launcher_exchange, narrow_mounts
from broker.sandbox.built_images import BuiltImages
from broker.sandbox.container_spec import LAUNCHER_COMMAND, OUT, SCRATCH, container_name, container_user, environment
from broker.sandbox.file_locks import try_lock

RUNTIME = "bubblewrap"
RECORD_SUFFIX = ".run"


def bubblewrap_command(request: SandboxRequest, tree: Path, user: int, info: int, *, root: bool) -> list[str]:
    """The arguments of bubblewrap. If root runs it, it cannot start as the job's user. Then the launcher switches to
    that user at once, which is the only purpose of the three capabilities, and loses them by switching."""
    limits = request.limits
    become = [word for capability in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{capability}")]
    no_more = [] if request.apart else ["--disable-userns"]  # a launcher that isolates blocks needs its own
    identity = become if root else ["--unshare-user", *no_more, "--uid", str(user), "--gid", str(user)]
    variables = [
        word
        for entry in environment(limits.threads, apart=request.apart)
        for word in ("--setenv", *entry.split("=", 1))
    ]
    return [
        "bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
        "--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL", *identity,
        "--clearenv", *variables, "--ro-bind", str(tree), "/", "--proc", "/proc", "--dev", "/dev",
        "--perms", "1777", "--size", str(limits.scratch_bytes), "--tmpfs", SCRATCH,
        "--perms", "1777", "--size", str(limits.output_bytes), "--tmpfs", OUT,
        "--ro-bind", str(request.mount.resolve()), "/data", "--remount-ro", "/", "--chdir", SCRATCH,
        "--info-fd", str(info), "--", *LAUNCHER_COMMAND, str(user), container_name(request.job, request.attempt),
    ]  # fmt: skip


class BubblewrapSandbox:
    """The Sandbox port without an engine. `root`/run has one file for each running sandbox, locked while it runs."""

    def __init__(self, root: Path, images: Path | None = None) -> None:
        if shutil.which("bwrap") is None:
            raise Unavailable("bubblewrap is not installed.")
        self._images, self._folder = BuiltImages(images or root / "build", engine=False), root / "run"
        self._folder.mkdir(parents=True, exist_ok=True)

    def run(self, request: SandboxRequest) -> SandboxResult:
        if not request.synthetic:
            raise Breach("bubblewrap never runs on real data: they need a container engine.")
        if not request.mount.is_dir():
            raise Unavailable("The folder of the job's data does not exist.")
        tree, image = self._images.tree_of(request.image), self._images.digest_of(request.image)
        with self._claimed(request) as record:
            mount = narrow_mounts.job_mount(request, self._folder.parent)
            return _run(replace(request, mount=mount), tree, image, record)

    def holding(
        self, job: str, attempt: int, rows: DataKind, wait: bool = True
    ) -> contextlib.AbstractContextManager[bool]:
        """Always granted: no real rows exist here that another sandbox could observe."""
        return contextlib.nullcontext(True)

    def holding_to_slot_end(self, slot_end: Callable[[], datetime]) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def missing(self) -> tuple[str, ...]:
        return ("engine",)

    def terminate(self, job: str, attempt: int) -> None:
        for record, found, number in self._records():
            if found == job and number <= attempt:
                _end(record)

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int:
        records = self._records()
        living = alive()  # after listing: a sandbox that starts meanwhile is not removed
        gone = [record for record, job, attempt in records if (job, attempt) not in living]
        for record in gone:
            _end(record)
        narrow_mounts.sweep(self._folder.parent)
        return len(gone)

    def _records(self) -> list[tuple[Path, str, int]]:
        found = []
        for record in self._folder.glob("npdjob-*" + RECORD_SUFFIX):
            job, _, attempt = record.name.removeprefix("npdjob-").removesuffix(RECORD_SUFFIX).rpartition("-")
            found.append((record, job, int(attempt) if attempt.isdigit() else 0))
        return found

    @contextlib.contextmanager
    def _claimed(self, request: SandboxRequest) -> Iterator[IO[str]]:
        """The run-once lock. The kernel releases it with this process, so a crash leaves no claim behind."""
        path = self._folder / (container_name(request.job, request.attempt) + RECORD_SUFFIX)
        with path.open("a+") as record:
            # Not blocking: a second sandbox of the attempt is an error.
            if not try_lock(record):
                raise Conflict("already-running", "A sandbox of this job and attempt exists already.")
            try:
                yield record
            finally:
                path.unlink(missing_ok=True)


def _run(request: SandboxRequest, tree: Path, image: str, record: IO[str]) -> SandboxResult:
    reading, writing = os.pipe()
    arguments = bubblewrap_command(
        request, tree, container_user(container_name(request.job, request.attempt)), writing, root=os.geteuid() == 0
    )
    began = time.monotonic()
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               pass_fds=(writing,), env={"PATH": os.environ.get("PATH", "/usr/bin")})  # fmt: skip
    os.close(writing)  # or reading would never end
    child = _child_pid(reading)
    try:
        _record_child(record, child)
        session = launcher_exchange.LauncherExchange(request.limits)
        end = launcher_exchange.converse(request, session, partial(_send, process), partial(_receive, process), began)
    finally:
        _kill(child)
        process.kill()
        process.wait()
        _close(process)
    return SandboxResult(end, session.frames(end), image, RUNTIME, time.monotonic() - began, session.log())


def _child_pid(reading: int) -> int:
    """The host's process id of the sandbox's process 1; 0 if unknown. Killing it kills everything inside."""
    with os.fdopen(reading, "rb") as info:
        said = info.read()
    if not said:
        return 0
    return int(json.loads(said).get("child-pid", 0))


def _record_child(record: IO[str], child: int) -> None:
    record.truncate(0)
    record.write(str(child))
    record.flush()


def _send(process: "subprocess.Popen[bytes]", request: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError):  # it may be dead already: the reader reports that
        process.stdin.write(request)
        process.stdin.close()


def _receive(process: "subprocess.Popen[bytes]", seconds: float) -> bytes | None:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return os.read(process.stdout.fileno(), 1 << 16) if ready else None


def _close(process: "subprocess.Popen[bytes]") -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _kill(child: int) -> None:
    if child > 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _end(record: Path) -> None:
    """Kill the sandbox that a record names, and return when it is gone."""
    name = record.name.removesuffix(RECORD_SUFFIX)
    with contextlib.suppress(FileNotFoundError), record.open() as found:
        # The lock tells that a sandbox starts or runs. Its process may have no id yet, or no arguments for the moment
        # in which it becomes the launcher: then it is killed the next time.
        while (is_there := _is_sandbox(child := _recorded_child(found), name)) or not try_lock(found):
            if is_there:
                _kill(child)
            time.sleep(0.02)
    record.unlink(missing_ok=True)


def _recorded_child(record: IO[str]) -> int:
    record.seek(0)
    written = record.read()
    return int(written) if written.isdigit() else 0


def _is_sandbox(child: int, name: str) -> bool:
    """Process ids are reused, so only a process whose arguments contain the sandbox's name is killed."""
    try:
        return child > 1 and name.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
