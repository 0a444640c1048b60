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
from broker.domain.ports import Warmth
from broker.sandbox import exchange, frames, streams
from broker.sandbox.containers import create, owned, remove
from broker.sandbox.docker_engine import DockerSandbox
from broker.sandbox.names import WARM, waiting_name
from broker.sandbox.shelf import Waiting, key_of
from broker.sandbox.spec import Box, waiting

ROUND_SECONDS = 0.2
FAILED_SECONDS = 5.0
QUIET_SECONDS = 0.4
"""How long after a job it is left alone: its outputs are being assessed."""

BUSY_SECONDS = 5.0
"""A job that runs longer than this may be disturbed."""

READY_SECONDS = 60.0
LOST_SECONDS = 20.0
"""A waiting container that is on no shelf has been taken by somebody who renames it at once, or who has died."""

LOOK_SECONDS = LOST_SECONDS / 4
"""Between two looks for such: the engine is asked for its containers, which costs it more than all else of a round."""

log = structlog.get_logger()


class Pool:
    """Fills the shelf of `sandbox` within `warmth`, which policy gives."""

    def __init__(self, sandbox: DockerSandbox, warmth: Callable[[], Warmth]) -> None:
        self._sandbox, self._warmth = sandbox, warmth
        self._sizes: dict[tuple[str, str], int] = {}
        self._lost: dict[str, float] = {}
        self._looked = 0.0
        self._busy_since = 0.0
        self._ours = False

    def serve(self, stop: threading.Event) -> None:
        """Tend until told to stop, then leave nothing that waits. What fails is told and tried again. Of several who
        would tend one shelf, one does."""
        pause = 0.0
        with contextlib.ExitStack() as held:
            while not stop.wait(pause):
                try:
                    if self._is_ours(held):
                        self.tend()
                    pause = ROUND_SECONDS
                except Exception as fault:
                    pause = FAILED_SECONDS
                    log.warning("pool", fault=type(fault).__name__)
            with contextlib.suppress(BrokerError):
                if self._ours:
                    self.clear()

    def _is_ours(self, held: contextlib.ExitStack) -> bool:
        """Whether this is the pool that tends the shelf. Its first act is to remove what the last one has left."""
        if not self._ours:
            self._ours = held.enter_context(self._sandbox.shelf.tended())
            if self._ours:
                self.clear()
        return self._ours

    def clear(self) -> None:
        """Remove everything that waits: that of a pool which was killed, too."""
        for key, found in self._sandbox.shelf.waiting().items():
            for one in found:
                self._drop(key, one)
        with self._sandbox.engines.get() as engine:
            for container, name in owned(engine, self._sandbox.owner).items():
                if name.startswith(WARM):
                    remove(engine, container)

    def ready(self) -> int:
        """How many wait for a job."""
        return sum(len(found) for found in self._sandbox.shelf.waiting().values())

    def tend(self) -> None:
        """One round: what is not wanted any more goes, what nobody knows of goes, and one that is missing is made."""
        warmth = self._warmth()
        wanted = self._wanted(warmth)
        self._reap(wanted, warmth)
        missing = self._missing(wanted, warmth)
        if missing is not None and self._may_fill():
            self._fill(*missing)

    def _wanted(self, warmth: Warmth) -> dict[str, Box]:
        """Keys that jobs came for lately and whose mount is still the one they came for; the latest first."""
        kept: dict[str, Box] = {}
        for key, (box, ago) in self._sandbox.shelf.wanted().items():
            if warmth.each and ago < warmth.idle_seconds and _stands(key, box):
                kept[key] = box
            else:
                self._sandbox.shelf.forget(key)
        return kept

    def _reap(self, wanted: dict[str, Box], warmth: Warmth) -> None:
        """Idle ones, those of a vault that is gone, and the least wanted ones beyond what they may take together."""
        left, found = warmth.memory_bytes, self._sandbox.shelf.waiting()
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            for number, one in enumerate(found.get(key, [])):
                left -= one.memory
                if key not in wanted or number >= warmth.each or left < 0:
                    self._drop(key, one)
        self._reap_lost({one.container for ones in found.values() for one in ones})

    def _reap_lost(self, known: set[str]) -> None:
        """Containers that wait for nobody: their taker died before it gave them a job's name."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        with self._sandbox.engines.get() as engine:
            found = owned(engine, self._sandbox.owner)
            lost = {one for one, name in found.items() if name.startswith(WARM) and one not in known}
            self._lost = {one: self._lost.get(one, now) for one in lost}
            for one, since in self._lost.items():
                if now - since > LOST_SECONDS:
                    remove(engine, one)

    def _drop(self, key: str, one: Waiting) -> None:
        if self._sandbox.shelf.take_away(key, one):
            with self._sandbox.engines.get() as engine:
                remove(engine, one.container)

    def _missing(self, wanted: dict[str, Box], warmth: Warmth) -> tuple[str, Box] | None:
        """The latest wanted key that has too few, if one more of its kind has room."""
        found = self._sandbox.shelf.waiting()
        left = warmth.memory_bytes - sum(one.memory for ones in found.values() for one in ones)
        for key, box in wanted.items():
            if len(found.get(key, [])) < warmth.each and self._sizes.get((box.image, box.runtime), 0) <= left:
                return key, box
        return None

    def _may_fill(self) -> bool:
        quiet, now = self._sandbox.shelf.quiet_for(), time.monotonic()
        if quiet > 0:
            self._busy_since = 0.0
            return quiet > QUIET_SECONDS
        self._busy_since = self._busy_since or now
        return now - self._busy_since > BUSY_SECONDS

    def _fill(self, key: str, box: Box) -> None:
        """One more, on the shelf once it has said that it is ready; nothing is left of one that does not."""
        name = waiting_name()
        nonce = name.removeprefix(WARM)[:16]
        made = waiting(box, self._sandbox.owner, name, nonce)
        with self._sandbox.engines.get() as engine:
            container = create(engine, made)
            try:
                landlock = _ready(engine, container)
                one = Waiting(container, name, nonce, landlock, _memory(engine, container))
                self._sizes[box.image, box.runtime] = one.memory
                if not _stands(key, box):
                    raise FileNotFoundError(box.mount)
            except BaseException:
                remove(engine, container)
                raise
            self._sandbox.shelf.put(key, one)


def _stands(key: str, box: Box) -> bool:
    """Whether the mount is still the very folder that the key was made of."""
    try:
        return Path(box.mount).is_dir() and key_of(box) == key
    except OSError:
        return False


def _ready(engine: docker.APIClient, container: str) -> int:
    """Start it and listen until it is ready; gives its kernel's version of Landlock."""
    reader = frames.Reader(frozenset({"ready"}), frames.SMALL, 1)
    with streams.attached(engine, container, listening=True) as stream:
        engine.start(container)
        heard, until = streams.Streams(stream), time.monotonic() + READY_SECONDS
        while (left := until - time.monotonic()) > 0:
            data = heard.receive(left)
            for _, payload in reader.feed(data or b""):
                return exchange.abi_of(payload)
            if data == b"":
                break
    raise TimeoutError("a sandbox did not become ready")


def _memory(engine: docker.APIClient, container: str) -> int:
    """What it holds while it waits, as the engine counts it."""
    usage = engine.stats(container, stream=False, one_shot=True)["memory_stats"].get("usage", 0)
    return int(usage)
