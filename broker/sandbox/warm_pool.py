"""Keeps sandboxes ready for the jobs that may come: started, libraries loaded, nothing read. Gives none away: the shelf
does. One pool a broker; what another one has left is removed first.

It makes one at a time, and only when no job runs here: a job is never slower for the next one's sake, unless it runs so
long that others would wait for it in vain.
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
"""How long after a job it is left alone: its outputs are being assessed."""

BUSY_SECONDS = 5.0
"""A job that runs longer than this may be disturbed."""

READY_SECONDS = 60.0
LOST_SECONDS = 20.0
"""A waiting container that is on no shelf has been taken by somebody who renames it at once, or who has died."""

SCAN_SECONDS = LOST_SECONDS / 4
"""Between two looks for such: the engine is asked for its containers, which costs it more than all else of a round."""

log = structlog.get_logger()


class WarmPool:
    """Fills the shelf of `sandbox` within `warmth`, which policy gives."""

    def __init__(self, sandbox: DockerSandbox, warmth: Callable[[], WarmPoolLimits]) -> None:
        self._sandbox, self._warmth = sandbox, warmth
        self._sizes: dict[tuple[str, str], int] = {}
        self._lost: dict[str, float] = {}
        self._scanned_at = 0.0
        self._busy_since = 0.0
        self._is_owner = False

    def serve(self, stop: threading.Event) -> None:
        """Tend until told to stop, then leave nothing that waits. What fails is told and tried again. Of several who
        would tend one shelf, one does."""
        pause = 0.0
        with contextlib.ExitStack() as held:
            while not stop.wait(pause):
                try:
                    if self._owns_registry(held):
                        self.maintain()
                    pause = ROUND_SECONDS
                except Exception as fault:
                    pause = FAILED_SECONDS
                    log.warning("pool", fault=type(fault).__name__)
            with contextlib.suppress(BrokerError):
                if self._is_owner:
                    self.clear()

    def _owns_registry(self, held: contextlib.ExitStack) -> bool:
        """Whether this is the pool that tends the shelf. Its first act is to remove what the last one has left."""
        if not self._is_owner:
            self._is_owner = held.enter_context(self._sandbox.warm_registry.tended())
            if self._is_owner:
                self.clear()
        return self._is_owner

    def clear(self) -> None:
        """Remove everything that waits: that of a pool which was killed, too."""
        for key, found in self._sandbox.warm_registry.waiting().items():
            for warm in found:
                self._drop(key, warm)
        with self._sandbox.engines.get() as engine:
            for container, name in owned_containers(engine, self._sandbox.owner).items():
                if name.startswith(WARM_PREFIX):
                    remove(engine, container)

    def ready(self) -> int:
        """How many wait for a job."""
        return sum(len(found) for found in self._sandbox.warm_registry.waiting().values())

    def maintain(self) -> None:
        """One round: what is not wanted any more goes, what nobody knows of goes, and one that is missing is made."""
        warmth = self._warmth()
        wanted = self._wanted(warmth)
        self._reap(wanted, warmth)
        missing = self._missing(wanted, warmth)
        if missing is not None and self._may_fill():
            self._fill(*missing)

    def _wanted(self, warmth: WarmPoolLimits) -> dict[str, ContainerTemplate]:
        """Keys that jobs came for lately and whose mount is still the one they came for; the latest first."""
        current: dict[str, ContainerTemplate] = {}
        for key, (template, ago) in self._sandbox.warm_registry.wanted().items():
            if warmth.each and ago < warmth.idle_seconds and _is_current(key, template):
                current[key] = template
            else:
                self._sandbox.warm_registry.forget(key)
        return current

    def _reap(self, wanted: dict[str, ContainerTemplate], warmth: WarmPoolLimits) -> None:
        """Idle ones, those of a vault that is gone, and the least wanted ones beyond what they may take together."""
        left, found = warmth.memory_bytes, self._sandbox.warm_registry.waiting()
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            for number, warm in enumerate(found.get(key, [])):
                left -= warm.memory
                if key not in wanted or number >= warmth.each or left < 0:
                    self._drop(key, warm)
        self._reap_lost({warm.container for ones in found.values() for warm in ones})

    def _reap_lost(self, known: set[str]) -> None:
        """Containers that wait for nobody: their taker died before it gave them a job's name."""
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
            self._lost = {container: self._lost.get(container, now) for container in lost}
            for container, since in self._lost.items():
                if now - since > LOST_SECONDS:
                    remove(engine, container)

    def _drop(self, key: str, warm: WarmContainer) -> None:
        if self._sandbox.warm_registry.take_away(key, warm):
            with self._sandbox.engines.get() as engine:
                remove(engine, warm.container)

    def _missing(
        self, wanted: dict[str, ContainerTemplate], warmth: WarmPoolLimits
    ) -> tuple[str, ContainerTemplate] | None:
        """The latest wanted key that has too few, if one more of its kind has room."""
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
        """One more, on the shelf once it has said that it is ready; nothing is left of one that does not."""
        name = new_warm_name()
        nonce = name.removeprefix(WARM_PREFIX)[:16]
        spec = warm_spec(template, self._sandbox.owner, name, nonce)
        with self._sandbox.engines.get() as engine:
            container = create(engine, spec)
            try:
                landlock = _start_until_ready(engine, container)
                warm = WarmContainer(container, name, nonce, landlock, _memory_usage(engine, container))
                self._sizes[template.image, template.runtime] = warm.memory
                if not _is_current(key, template):
                    raise FileNotFoundError(template.mount)
            except BaseException:
                remove(engine, container)
                raise
            self._sandbox.warm_registry.put(key, warm)


def _is_current(key: str, template: ContainerTemplate) -> bool:
    """Whether the mount is still the very folder that the key was made of."""
    try:
        return Path(template.mount).is_dir() and template_key(template) == key
    except OSError:
        return False


def _start_until_ready(engine: docker.APIClient, container: str) -> int:
    """Start it and listen until it is ready; gives its kernel's version of Landlock."""
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
    """What it holds while it waits, as the engine counts it."""
    usage = engine.stats(container, stream=False, one_shot=True)["memory_stats"].get("usage", 0)
    return int(usage)
