"""Runs jobs in containers by the Docker SDK: create, audit, attach, start, frames, kill, remove. Decides no setting.

The container's name is the run-once lock; whatever happens, the container is gone when `run` returns.
"""

import contextlib
import hashlib
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult
from broker.sandbox import exchange, selftest
from broker.sandbox.audit import differences
from broker.sandbox.engine_images import client
from broker.sandbox.images import Images
from broker.sandbox.spec import LABEL_ATTEMPT, LABEL_JOB, LABEL_OWNER, Spec, settings, spec

STREAM_HEADER = struct.Struct(">BxxxI")
STDOUT = 1
RUNTIMES = ("auto", "runsc", "runc")


@contextlib.contextmanager
def engine_faults() -> Iterator[None]:
    """The engine's silence is Unavailable; its refusals are, too, but for a name that is taken."""
    try:
        yield
    except APIError as fault:
        if fault.status_code == 409 and "already in use" in str(fault.explanation):
            raise Conflict("already-running", "A sandbox of this job and attempt exists already.") from fault
        raise Unavailable(f"The container engine refused (HTTP {fault.status_code}): {fault.explanation}") from fault
    except (DockerException, RequestException, OSError) as fault:
        raise Unavailable("The container engine does not answer.") from fault


class DockerSandbox:
    """The Sandbox port on a Docker engine. `runtime` is `runsc`, `runc`, or `auto`: runsc where the engine has it.

    `root` is the broker's data folder: its sandboxes are told from other brokers' by it. The images are those that
    `images.build` has made in `images` (`root`/build unless told otherwise).
    Real data run only where every required probe of the self-test holds; it is run once, before the first such job.
    """

    def __init__(self, root: Path, runtime: str = "auto", images: Path | None = None) -> None:
        if runtime not in RUNTIMES:
            raise ValueError(f"The runtime must be one of {', '.join(RUNTIMES)}, not {runtime!r}.")
        self._images, self._wanted = Images(images or root / "build"), runtime
        self._owner = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
        self._verdicts: tuple[selftest.Verdict, ...] | None = None
        self._testing = threading.Lock()

    def runtime(self) -> str:
        """The runtime that jobs get; asked of the engine, never guessed."""
        with engine_faults(), client() as engine:
            known = engine.info()["Runtimes"]
        wanted = self._wanted if self._wanted != "auto" else ("runsc" if "runsc" in known else "runc")
        if wanted not in known:
            raise Unavailable(f"The container engine has no runtime {wanted!r}.")
        return wanted

    def verdicts(self) -> tuple[selftest.Verdict, ...]:
        """What this engine and runtime really hold, measured once."""
        with self._testing:
            if self._verdicts is None:
                self._verdicts = selftest.probe(self, secrets.token_hex(4))
            return self._verdicts

    def run(self, request: SandboxRequest) -> SandboxResult:
        if not request.synthetic and not selftest.required_ok(self.verdicts()):
            missing = ", ".join(verdict.probe for verdict in self.verdicts() if verdict.required and not verdict.held)
            raise Breach(f"The sandbox does not hold real data: the self-test failed at {missing}.")
        made = spec(request, self._images.digest_of(request.image), self.runtime(), self._owner)
        with engine_faults(), client() as engine:
            container = engine.create_container_from_config(settings(made), name=made.name)["Id"]  # type: ignore[no-untyped-call]  # docker leaves it untyped
            try:
                return _run(engine, container, made, request)
            finally:
                _remove(engine, container)

    def terminate(self, job: str, attempt: int) -> None:
        with engine_faults(), client() as engine:
            for container, (found, number) in self._owned(engine).items():
                if found == job and number <= attempt:
                    _remove(engine, container)

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int:
        with engine_faults(), client() as engine:
            owned = self._owned(engine)
            living = alive()
            gone = [container for container, owner in owned.items() if owner not in living]
            for container in gone:
                _remove(engine, container)
        return len(gone)

    def _owned(self, engine: docker.APIClient) -> dict[str, tuple[str, int]]:
        """Containers of this broker, running or dead, and which attempt each is."""
        found = engine.containers(all=True, filters={"label": f"{LABEL_OWNER}={self._owner}"})
        return {entry["Id"]: _job_of(entry["Labels"]) for entry in found}


def _job_of(labels: dict[str, str]) -> tuple[str, int]:
    attempt = labels.get(LABEL_ATTEMPT, "")
    return labels.get(LABEL_JOB, ""), int(attempt) if attempt.isdigit() else 0


def _run(engine: docker.APIClient, container: str, made: Spec, request: SandboxRequest) -> SandboxResult:
    found = differences(engine.inspect_container(container), made)
    if found:
        raise Breach("The engine's container is not what was asked for: " + " ".join(found))
    with _attached(engine, container) as stream:
        began = time.monotonic()
        engine.start(container)
        talk = exchange.Exchange(request.limits)
        end = _converse(stream, talk, exchange.inward(request), began + exchange.deadline(request.limits))
        end = _confirmed(engine, container, made.runtime, end)
        seconds = time.monotonic() - began
    return SandboxResult(end, talk.frames(end), made.image, made.runtime, seconds, talk.log())


@contextlib.contextmanager
def _attached(engine: docker.APIClient, container: str) -> Iterator[socket.socket]:
    """The container's standard streams, before it starts, so that nothing it says is lost."""
    wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    opened = engine.attach_socket(container, params=wanted)
    stream = getattr(opened, "_sock", opened)  # the SDK wraps what it has upgraded, and keeps its response beside it
    response = getattr(opened, "_response", None)
    try:
        yield stream
    finally:
        for part in (response, opened, stream):
            if part is not None:
                part.close()


def _converse(stream: socket.socket, talk: exchange.Exchange, request: bytes, until: float) -> SandboxEnd:
    """Write the request while reading: neither side's full buffer can stop the other."""
    writer = threading.Thread(target=_write, args=(stream, request), daemon=True)
    writer.start()
    streams = _Streams(stream)
    return exchange.drive(streams.receive, talk, time.monotonic, until)


def _write(stream: socket.socket, request: bytes) -> None:
    with contextlib.suppress(OSError):  # the sandbox may be dead already: the reader will say so
        stream.sendall(request)
        stream.shutdown(socket.SHUT_WR)


class _Streams:
    """The engine's two streams in one: standard output's bytes; standard error is counted and thrown away."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._held = bytearray()

    def receive(self, seconds: float) -> bytes | None:
        self._stream.settimeout(seconds)
        try:
            data = self._stream.recv(1 << 16)
        except TimeoutError:
            return None
        if not data:
            return b""
        self._held += data
        return self._standard_output() or None

    def _standard_output(self) -> bytes:
        parts = []
        while len(self._held) >= STREAM_HEADER.size:
            which, length = STREAM_HEADER.unpack_from(self._held)
            if len(self._held) < STREAM_HEADER.size + length:
                break
            if which == STDOUT:
                parts.append(bytes(self._held[STREAM_HEADER.size : STREAM_HEADER.size + length]))
            del self._held[: STREAM_HEADER.size + length]
        return b"".join(parts)


def _confirmed(engine: docker.APIClient, container: str, runtime: str, end: SandboxEnd) -> SandboxEnd:
    """Make sure it is dead; the engine's word about memory beats the launcher's, which may not have lived to say it.

    gVisor, when out of memory, dies as a whole: all that is seen then is that it was killed."""
    if end in (SandboxEnd.TIME_LIMIT, SandboxEnd.OUTPUT_LIMIT, SandboxEnd.BAD_FRAMES):
        _kill(engine, container)
    try:
        engine.wait(container, timeout=30)
        state = engine.inspect_container(container)["State"]
    except NotFound:  # terminated and removed meanwhile
        return end
    killed = runtime == "runsc" and state.get("ExitCode") == 137 and end is SandboxEnd.CRASHED
    out_of_memory = bool(state.get("OOMKilled")) or killed
    return SandboxEnd.MEMORY_LIMIT if out_of_memory and end is not SandboxEnd.ENDED else end


def _kill(engine: docker.APIClient, container: str) -> None:
    try:
        engine.kill(container, signal="SIGKILL")
    except NotFound:
        pass
    except APIError as fault:
        if fault.status_code != 409:  # it is not running any more
            raise


def _remove(engine: docker.APIClient, container: str) -> None:
    """Kill and remove, and return only when it is gone; someone else's removal is as good as ours."""
    for _ in range(50):
        try:
            engine.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except APIError as fault:
            if fault.status_code != 409:  # a removal is under way
                raise
        time.sleep(0.1)
    raise Unavailable(f"The container engine does not remove {container[:12]}.")
