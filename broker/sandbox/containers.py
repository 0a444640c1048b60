"""One container through the engine's interface: created and audited, assigned to a job, ended, removed. Chooses no
settings."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import SandboxEnd
from broker.sandbox.container_audit import differences
from broker.sandbox.container_spec import LABEL_OWNER, ContainerSpec, attempt_of_container, container_name, settings
from broker.sandbox.engine_images import engine_client

DEATH_SECONDS = 30
BROKER_ENDS = frozenset({SandboxEnd.TIME_LIMIT, SandboxEnd.OUTPUT_LIMIT, SandboxEnd.BAD_FRAMES})
"""Ends that the broker decides: the sandbox may still be running."""


@contextlib.contextmanager
def engine_faults() -> Iterator[None]:
    """Turn errors of the engine into Unavailable, or into Conflict if a name is taken."""
    try:
        yield
    except APIError as fault:
        if fault.status_code == 409 and "already in use" in str(fault.explanation):  # the run-once lock
            raise Conflict("already-running", "A sandbox of this job and attempt exists already.") from fault
        raise Unavailable(f"The container engine refused (HTTP {fault.status_code}): {fault.explanation}") from fault
    except (DockerException, RequestException, OSError) as fault:
        raise Unavailable("The container engine does not answer.") from fault


class EngineConnections:
    """One connection to the engine for each thread, reused because making one takes as long as starting a job. A failed
    connection is replaced."""

    def __init__(self) -> None:
        self._thread_local = threading.local()

    @contextlib.contextmanager
    def get(self) -> Iterator[docker.APIClient]:
        with engine_faults():
            if getattr(self._thread_local, "engine", None) is None:
                self._thread_local.engine = engine_client()
            try:
                yield self._thread_local.engine
            except APIError:
                raise
            except (DockerException, RequestException, OSError):
                self.close()
                raise

    def close(self) -> None:
        """Close this thread's connection."""
        engine, self._thread_local.engine = getattr(self._thread_local, "engine", None), None
        if engine is not None:
            engine.close()


def create(engine: docker.APIClient, spec: ContainerSpec) -> str:
    """Create the container and audit it before anything runs in it. It is removed again if it is not as requested."""
    container = str(engine.create_container_from_config(settings(spec), name=spec.name)["Id"])  # type: ignore[no-untyped-call]  # docker leaves it untyped
    try:
        audit(engine, container, spec)
    except BaseException:  # also on interruption: nothing unaudited may stay
        remove(engine, container)
        raise
    return container


def audit(engine: docker.APIClient, container: str, spec: ContainerSpec) -> None:
    found = differences(engine.inspect_container(container), spec)
    if found:
        raise Breach("The engine's container differs from what was requested: " + " ".join(found))


def assign_to_attempt(
    engine: docker.APIClient, container: str, spec: ContainerSpec, job: str, attempt: int
) -> ContainerSpec | None:
    """Give a waiting container to an attempt by renaming it, because only one container can have the name. Then check
    it once more. None if it has gone or died, or differs."""
    assigned = replace(spec, name=container_name(job, attempt))
    try:
        engine.rename(container, assigned.name)
        seen = engine.inspect_container(container)
    except NotFound:
        return None
    # It may have changed while it waited.
    return assigned if seen["State"]["Running"] and not differences(seen, assigned) else None


def owned_containers(engine: docker.APIClient, owner: str) -> dict[str, str]:
    """Containers of this broker, running or dead, with their names."""
    found = engine.containers(all=True, filters={"label": f"{LABEL_OWNER}={owner}"})
    return {entry["Id"]: entry["Names"][0].lstrip("/") for entry in found if entry.get("Names")}


def attempt_containers(engine: docker.APIClient, owner: str) -> dict[str, tuple[str, int]]:
    """Those of them that belong to attempts."""
    named = {container: attempt_of_container(name) for container, name in owned_containers(engine, owner).items()}
    return {container: attempt for container, attempt in named.items() if attempt is not None}


def mounted_folders(engine: docker.APIClient, owner: str) -> set[str]:
    """Folders of the host that this broker's containers mount."""
    found = engine.containers(all=True, filters={"label": f"{LABEL_OWNER}={owner}"})
    return {mount["Source"] for entry in found for mount in entry.get("Mounts") or [] if "Source" in mount}


def confirm_end(engine: docker.APIClient, container: str, runtime: str, end: SandboxEnd) -> SandboxEnd:
    """Make sure that the container is dead, and return how it ended. The engine's report on memory overrides the
    launcher's, which may have died before reporting. gVisor dies completely when out of memory, and then only the kill
    is visible."""
    if end in BROKER_ENDS:
        _kill(engine, container)
    try:
        engine.wait(container, timeout=DEATH_SECONDS)
        state = engine.inspect_container(container)["State"]
    except NotFound:  # terminated and removed meanwhile
        return end
    killed = runtime == "runsc" and state.get("ExitCode") == 137 and end is SandboxEnd.CRASHED  # 128 + SIGKILL
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


def remove(engine: docker.APIClient, container: str) -> None:
    """Kill and remove the container; return when it is gone. It does not matter who removes it. Raises Unavailable if
    it stays."""
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
