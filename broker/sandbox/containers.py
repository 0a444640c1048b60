"""One container by the engine's interface: made and audited, given to a job, ended, removed. Chooses no setting."""

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
"""Ends that are the broker's word: the sandbox may still run."""


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


class EngineConnections:
    """One connection to the engine a thread, kept: to make one costs as much as to start a job. A connection that has
    failed is made anew."""

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
        """This thread's connection."""
        engine, self._thread_local.engine = getattr(self._thread_local, "engine", None), None
        if engine is not None:
            engine.close()


def create(engine: docker.APIClient, spec: ContainerSpec) -> str:
    """The container, audited before anything runs in it: removed again if it is not what was asked for."""
    container = str(engine.create_container_from_config(settings(spec), name=spec.name)["Id"])  # type: ignore[no-untyped-call]  # docker leaves it untyped
    try:
        audit(engine, container, spec)
    except BaseException:
        remove(engine, container)
        raise
    return container


def audit(engine: docker.APIClient, container: str, spec: ContainerSpec) -> None:
    found = differences(engine.inspect_container(container), spec)
    if found:
        raise Breach("The engine's container is not what was asked for: " + " ".join(found))


def assign_to_attempt(
    engine: docker.APIClient, container: str, spec: ContainerSpec, job: str, attempt: int
) -> ContainerSpec | None:
    """A waiting container becomes an attempt's: by its name, which only one can have; and is looked at once more.
    None if it has gone or died, or is not what it was."""
    assigned = replace(spec, name=container_name(job, attempt))
    try:
        engine.rename(container, assigned.name)
        seen = engine.inspect_container(container)
    except NotFound:
        return None
    return assigned if seen["State"]["Running"] and not differences(seen, assigned) else None


def owned_containers(engine: docker.APIClient, owner: str) -> dict[str, str]:
    """Containers of this broker, running or dead, each with its name."""
    found = engine.containers(all=True, filters={"label": f"{LABEL_OWNER}={owner}"})
    return {entry["Id"]: entry["Names"][0].lstrip("/") for entry in found if entry.get("Names")}


def attempt_containers(engine: docker.APIClient, owner: str) -> dict[str, tuple[str, int]]:
    """Of those, the ones that attempts have."""
    named = {container: attempt_of_container(name) for container, name in owned_containers(engine, owner).items()}
    return {container: attempt for container, attempt in named.items() if attempt is not None}


def mounted_folders(engine: docker.APIClient, owner: str) -> set[str]:
    """Folders of the host that this broker's containers are mounted on."""
    found = engine.containers(all=True, filters={"label": f"{LABEL_OWNER}={owner}"})
    return {mount["Source"] for entry in found for mount in entry.get("Mounts") or [] if "Source" in mount}


def confirm_end(engine: docker.APIClient, container: str, runtime: str, end: SandboxEnd) -> SandboxEnd:
    """Make sure it is dead; the engine's word about memory beats the launcher's, which may not have lived to say it.

    gVisor, when out of memory, dies as a whole: all that is seen then is that it was killed."""
    if end in BROKER_ENDS:
        _kill(engine, container)
    try:
        engine.wait(container, timeout=DEATH_SECONDS)
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


def remove(engine: docker.APIClient, container: str) -> None:
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
