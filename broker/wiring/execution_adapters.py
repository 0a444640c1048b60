"""Adapters that run submitted code or draw noise: sandboxes with their images and pool, and the noise process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import sched_getaffinity
from typing import TYPE_CHECKING

from broker.domain.errors import Invalid
from broker.domain.ports import Sandbox, WarmPoolLimits
from broker.settings import SEES_MACHINE_COUNTERS, check_side_by_side

if TYPE_CHECKING:
    from broker.sandbox.warm_pool import WarmPool
    from broker.settings import Settings
    from broker.workflow.private_jobs.private_ports import PrivatePorts, RunPorts


def engine_answers() -> bool:
    """Whether a container engine answers."""
    from broker.sandbox.engine_images import is_available

    return is_available()


def build_images(settings: "Settings", say: Callable[[str], None]) -> dict[str, str]:
    """Build the images that are missing. Returns the digest of each image by name."""
    from broker.sandbox import built_images

    return built_images.build_images(settings.images_root, say)


def build_sandbox(settings: "Settings", slot: int = 0) -> Sandbox:
    from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox
    from broker.sandbox.container_spec import slot_cpus
    from broker.sandbox.docker_sandbox import DockerSandbox

    if settings.runtime == "bubblewrap":
        return BubblewrapSandbox(settings.root, settings.images_root)
    # Each slot has processors of its own, so that jobs do not time each other by load.
    cpus = slot_cpus(slot, settings.slots, sched_getaffinity(0))
    return DockerSandbox(settings.root, settings.runtime, settings.images_root, cpus)


@contextmanager
def claimed_machine(settings: "Settings") -> Iterator[None]:
    """Context for a worker's whole life.

    Raises Invalid if jobs would run at the same time under a runtime that shows them the machine's counters: in slots
    of this worker, or in another worker of this broker on the same engine.
    """
    from broker.sandbox.docker_sandbox import DockerSandbox

    sandbox = build_sandbox(settings)
    # Nothing is shared without containers, or with one slot and no engine.
    if not isinstance(sandbox, DockerSandbox) or (settings.slots == 1 and not engine_answers()):
        yield
        return
    runtime = sandbox.runtime()
    try:
        check_side_by_side(settings.slots, runtime)
    except ValueError as error:
        raise Invalid("settings", f"BROKER_SLOTS: {error}.", "BROKER_SLOTS") from None
    # runsc (gVisor) hides the machine's counters, so several workers are safe there.
    with sandbox.data_lock.sole_worker() as alone:
        if not alone and runtime != "runsc":
            sentence = (
                f"another worker runs on this engine: two need the runtime runsc, since under "
                f"{runtime} {SEES_MACHINE_COUNTERS}."
            )
            raise Invalid("settings", sentence, "BROKER_RUNTIME")
        yield


def build_pool(ports: "RunPorts") -> "WarmPool | None":
    """Return the pool that prepares sandboxes for the slots; None without a container engine."""
    from broker.sandbox.docker_sandbox import DockerSandbox
    from broker.sandbox.warm_pool import WarmPool
    from broker.workflow.policies_in_force import policies_in_force

    def warmth() -> WarmPoolLimits:
        service = policies_in_force(ports.store).service
        return WarmPoolLimits(service.warm_each, service.warm_memory_bytes, service.warm_idle_seconds)

    return WarmPool(ports.sandbox, warmth) if isinstance(ports.sandbox, DockerSandbox) else None


def build_private(seconds: Callable[[], float]) -> "PrivatePorts":
    """Return the ports for private jobs: bounded statements, and a noise process that starts when it is needed."""
    from broker.engine.private_engine import DuckDBBlocks, PrivateDuckDB
    from broker.privacy.noise.noise_client import NoiseClient
    from broker.workflow.private_jobs.private_ports import PrivatePorts

    return PrivatePorts(PrivateDuckDB(), NoiseClient(seconds), DuckDBBlocks())
