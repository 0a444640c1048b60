"""Prepares sandboxes for jobs that may come: started, libraries loaded, nothing read. The registry hands them out.
There is one pool for each broker; it first removes what another one left.

It makes one at a time, and only if no job runs here. A job is never slower because of the next one, unless it runs so
long that others would wait in vain.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
import structlog

from broker.domain.errors import BrokerError
from broker.domain.ports import WarmPoolLimits
from broker.sandbox import container_streams, launcher_exchange, launcher_frames
from broker.sandbox.container_spec import WARM_PREFIX, ContainerTemplate, new_warm_name, warm_spec
from broker.sandbox.containers import create, owned_containers, remove
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.warm_pool_registry import WarmContainer, template_key

ROUND_SECONDS = 0.2
FAILED_SECONDS = 5.0
QUIET_SECONDS = 0.4
"""How long the pool waits after a job, because its outputs are being assessed."""

BUSY_SECONDS = 5.0
"""A job that runs longer than this may be disturbed."""

READY_SECONDS = 60.0
LOST_SECONDS = 20.0
"""A waiting container that is not in the registry has been taken by a process that renames it at once, or that has
died. After this time it counts as lost."""

SCAN_SECONDS = LOST_SECONDS / 4
"""The time between two scans for lost containers: listing the engine's containers costs more than the rest of a
round."""

log = structlog.get_logger()


class WarmPool:
    """Fills the registry of `sandbox` within the limits that `warmth` returns from policy."""

    def __init__(self, sandbox: DockerSandbox, warmth: Callable[[], WarmPoolLimits]) -> None:
        self._sandbox, self._warmth = sandbox, warmth
        self._sizes: dict[tuple[str, str], int] = {}
        self._lost: dict[str, float] = {}
        self._scanned_at = 0.0
        self._busy_since = 0.0
        self._is_owner = False

    def serve(self, stop: threading.Event) -> None:
        """Maintain the pool until `stop` is set, then remove all waiting containers. Failures are logged and retried.
        If several pools share one registry, only one maintains it."""
        pause = 0.0
        with contextlib.ExitStack() as held:
            while not stop.wait(pause):
                try:
                    if self._owns_registry(held):
                        self.maintain()
                    pause = ROUND_SECONDS
                except Exception as fault:  # whatever fails: jobs still run, only colder
                    pause = FAILED_SECONDS
                    log.warning("pool", fault=type(fault).__name__)
            with contextlib.suppress(BrokerError):
                if self._is_owner:
                    self.clear()

    def _owns_registry(self, held: contextlib.ExitStack) -> bool:
        """Whether this pool maintains the registry. On becoming its owner it removes what the last pool left."""
        if not self._is_owner:
            self._is_owner = held.enter_context(self._sandbox.warm_registry.tended())
            if self._is_owner:
                self.clear()
        return self._is_owner

    def clear(self) -> None:
        """Remove all waiting containers, including those of a pool that was killed."""
        for key, found in self._sandbox.warm_registry.waiting().items():
            for warm in found:
                self._drop(key, warm)
        with self._sandbox.engines.get() as engine:
            for container, name in owned_containers(engine, self._sandbox.owner).items():
                if name.startswith(WARM_PREFIX):
                    remove(engine, container)

    def ready(self) -> int:
        """The number of containers that wait for a job."""
        return sum(len(found) for found in self._sandbox.warm_registry.waiting().values())

    def maintain(self) -> None:
        """One round: remove unwanted and lost containers, and make one that is missing."""
        warmth = self._warmth()
        wanted = self._wanted(warmth)
        self._reap(wanted, warmth)
        missing = self._missing(wanted, warmth)
        if missing is not None and self._may_fill():
            self._fill(*missing)

    def _wanted(self, warmth: WarmPoolLimits) -> dict[str, ContainerTemplate]:
        """Keys that jobs requested lately and whose mount is unchanged; the latest first."""
        current: dict[str, ContainerTemplate] = {}
        for key, (template, ago) in self._sandbox.warm_registry.wanted().items():
            if warmth.each and ago < warmth.idle_seconds and _is_current(key, template):
                current[key] = template
            else:
                self._sandbox.warm_registry.forget(key)
        return current

    def _reap(self, wanted: dict[str, ContainerTemplate], warmth: WarmPoolLimits) -> None:
        """Remove idle containers, those of a vault that is gone, and the least wanted ones beyond the memory limit."""
        left, found = warmth.memory_bytes, self._sandbox.warm_registry.waiting()
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            for number, warm in enumerate(found.get(key, [])):
                left -= warm.memory  # in the order of wanted keys, so the least wanted lose
                if key not in wanted or number >= warmth.each or left < 0:
                    self._drop(key, warm)
        self._reap_lost({warm.container for ones in found.values() for warm in ones})

    def _reap_lost(self, known: set[str]) -> None:
        """Remove containers whose taker died before renaming them."""
        now = time.monotonic()
        if now - self._scanned_at < SCAN_SECONDS:
            return
        self._scanned_at = now
        with self._sandbox.engines.get() as engine:
            found = owned_containers(engine, self._sandbox.owner)
            lost = {
                container
                for container, name in found.items()
                if name.startswith(WARM_PREFIX) and container not in known
            }
            self._lost = {container: self._lost.get(container, now) for container in lost}  # forgets those found again
            for container, since in self._lost.items():
                if now - since > LOST_SECONDS:
                    remove(engine, container)

    def _drop(self, key: str, warm: WarmContainer) -> None:
        # A job may be faster, and then has the container.
        if self._sandbox.warm_registry.take_away(key, warm):
            with self._sandbox.engines.get() as engine:
                remove(engine, warm.container)

    def _missing(
        self, wanted: dict[str, ContainerTemplate], warmth: WarmPoolLimits
    ) -> tuple[str, ContainerTemplate] | None:
        """The latest wanted key with too few containers, if there is memory for one more of its kind."""
        found = self._sandbox.warm_registry.waiting()
        left = warmth.memory_bytes - sum(warm.memory for ones in found.values() for warm in ones)
        for key, template in wanted.items():
            if len(found.get(key, [])) < warmth.each and self._sizes.get((template.image, template.runtime), 0) <= left:
                return key, template
        return None

    def _may_fill(self) -> bool:
        quiet, now = self._sandbox.warm_registry.quiet_for(), time.monotonic()
        if quiet > 0:
            self._busy_since = 0.0
            return quiet > QUIET_SECONDS
        self._busy_since = self._busy_since or now
        return now - self._busy_since > BUSY_SECONDS

    def _fill(self, key: str, template: ContainerTemplate) -> None:
        """Make one container and register it once it has reported ready. One that does not is removed."""
        name = new_warm_name()
        nonce = name.removeprefix(WARM_PREFIX)[:16]
        spec = warm_spec(template, self._sandbox.owner, name, nonce)
        with self._sandbox.engines.get() as engine:
            container = create(engine, spec)
            try:
                landlock = _start_until_ready(engine, container)
                warm = WarmContainer(container, name, nonce, landlock, _memory_usage(engine, container))
                self._sizes[template.image, template.runtime] = warm.memory
                # The vault was rebuilt while the container started.
                if not _is_current(key, template):
                    raise FileNotFoundError(template.mount)
            except BaseException:
                remove(engine, container)
                raise
            self._sandbox.warm_registry.put(key, warm)


def _is_current(key: str, template: ContainerTemplate) -> bool:
    """Whether the mount is still the very folder that the key was made from."""
    try:
        return Path(template.mount).is_dir() and template_key(template) == key
    except OSError:
        return False


def _start_until_ready(engine: docker.APIClient, container: str) -> int:
    """Start the container, wait until it is ready, and return its kernel's version of Landlock. Raises TimeoutError."""
    reader = launcher_frames.FrameReader(frozenset({"ready"}), launcher_frames.SMALL, 1)
    with container_streams.attached(engine, container, listening=True) as stream:
        engine.start(container)
        heard, until = container_streams.ContainerStreams(stream), time.monotonic() + READY_SECONDS
        while (left := until - time.monotonic()) > 0:
            data = heard.receive(left)
            for _, payload in reader.feed(data or b""):
                return launcher_exchange.landlock_version(payload)
            if data == b"":
                break
    raise TimeoutError("a sandbox did not become ready")


def _memory_usage(engine: docker.APIClient, container: str) -> int:
    """The memory in bytes that it uses while waiting, as the engine reports it."""
    usage = engine.stats(container, stream=False, one_shot=True)["memory_stats"].get("usage", 0)
    return int(usage)
