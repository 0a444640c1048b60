"""What runs somebody's code or draws noise: sandboxes with their images and pool, and the noise process."""

from collections.abc import Callable
from os import sched_getaffinity
from typing import TYPE_CHECKING

from broker.domain.ports import Sandbox, Warmth

if TYPE_CHECKING:
    from broker.sandbox.pool import Pool
    from broker.settings import Settings
    from broker.workflow.private.ports import PrivatePorts, RunPorts


def engine_answers() -> bool:
    """Whether a container engine is there."""
    from broker.sandbox.engine_images import answers

    return answers()


def build_images(settings: "Settings", progress: Callable[[str], None]) -> dict[str, str]:
    """Image name → digest, once all are there."""
    from broker.sandbox import images

    return images.build(settings.images_root, progress)


def build_sandbox(settings: "Settings", slot: int = 0) -> Sandbox:
    from broker.sandbox.bubblewrap import BubblewrapSandbox
    from broker.sandbox.docker_engine import DockerSandbox
    from broker.sandbox.spec import cpus_of

    if settings.runtime == "bubblewrap":
        return BubblewrapSandbox(settings.root, settings.images_root)
    cpus = cpus_of(slot, settings.slots, sched_getaffinity(0))
    return DockerSandbox(settings.root, settings.runtime, settings.images_root, cpus)


def build_pool(ports: "RunPorts") -> "Pool | None":
    """Keeps sandboxes ready for the slots; None where there is no engine to keep them."""
    from broker.sandbox.docker_engine import DockerSandbox
    from broker.sandbox.pool import Pool
    from broker.workflow.policies import policies_in_force

    def warmth() -> Warmth:
        service = policies_in_force(ports.store).service
        return Warmth(service.warm_each, service.warm_memory_bytes, service.warm_idle_seconds)

    return Pool(ports.sandbox, warmth) if isinstance(ports.sandbox, DockerSandbox) else None


def build_private(seconds: Callable[[], float]) -> "PrivatePorts":
    """Bounded statements, and a noise process that is started when it is needed."""
    from broker.engine.cutting import Cutter
    from broker.engine.private import PrivateDuckDB
    from broker.privacy.noise.client import NoiseProcess
    from broker.workflow.private.ports import PrivatePorts

    return PrivatePorts(PrivateDuckDB(), NoiseProcess(seconds), Cutter())
