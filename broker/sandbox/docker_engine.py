"""The Sandbox port on Docker: a waiting container where there is one, else a new one. Decides no setting.

The container's name is the run-once lock; a container serves one job and is dead when its job has ended.
"""

import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import docker
import structlog

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import Rows, SandboxEnd, SandboxRequest, SandboxResult
from broker.sandbox import exchange, mounts, selftest, streams
from broker.sandbox.containers import Engines, attempts, confirmed, create, give, mounted, remove
from broker.sandbox.images import Images
from broker.sandbox.names import name_of
from broker.sandbox.neighbours import Neighbours
from broker.sandbox.shelf import Shelf
from broker.sandbox.spec import UNTRUSTED, Box, Spec, spec, waiting

RUNTIMES = ("auto", "runsc", "runc")
WARM_FOLDER, NEIGHBOURS_FOLDER = "warm", "neighbours"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What is asked of an engine once: which it is, the runtime that jobs get, whether it confines by AppArmor."""

    engine: str
    runtime: str
    apparmor: bool


class DockerSandbox:
    """`runtime` is `runsc`, `runc`, or `auto`: runsc where the engine has it.

    `root` is the broker's data folder: its sandboxes are told from other brokers' by it. The images are those that
    `images.build` has made in `images` (`root`/build unless told otherwise). `cpus` are those that its jobs may use.
    Real data run only where every required probe of the self-test holds; it is made once, before the first such job.
    """

    def __init__(self, root: Path, runtime: str = "auto", images: Path | None = None, cpus: str = "") -> None:
        if runtime not in RUNTIMES:
            raise ValueError(f"The runtime must be one of {', '.join(RUNTIMES)}, not {runtime!r}.")
        self._root, self._images, self._wanted, self._cpus = root, Images(images or root / "build"), runtime, cpus
        self.owner = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
        self.engines = Engines()
        self._facts: EngineFacts | None = None
        self._digests: dict[str, str] = {}
        self._landlock: int | None = None
        self._verdicts: tuple[selftest.Verdict, ...] | None = None
        self._testing = threading.Lock()
        self._undertaker = ThreadPoolExecutor(1, thread_name_prefix="remove")
        self._removals: list[tuple[str, Future[None]]] = []

    def runtime(self) -> str:
        """The runtime that jobs get; asked of the engine, never guessed."""
        return self._asked().runtime

    def verdicts(self) -> tuple[selftest.Verdict, ...]:
        """What this engine and runtime really hold, measured once since the machine started."""
        with self._testing:
            if self._verdicts is None:
                facts = f"{self._asked()} {self._digest(UNTRUSTED)}"
                measure = partial(selftest.probe, self, secrets.token_hex(4))
                self._verdicts = selftest.kept(self.shelf.folder, facts, measure)
            return self._verdicts

    @cached_property
    def shelf(self) -> Shelf:
        """What waits on this engine for jobs of this broker, whichever of its processes comes for it."""
        return Shelf(self._root / WARM_FOLDER / self._asked().engine)

    @cached_property
    def neighbours(self) -> Neighbours:
        """Whoever holds rows on this engine, for all workers of this broker."""
        return Neighbours(self._root / NEIGHBOURS_FOLDER / self._asked().engine, self._end)

    def holding(self, job: str, attempt: int, rows: Rows, wait: bool = True) -> contextlib.AbstractContextManager[bool]:
        return self.neighbours.holding(name_of(job, attempt), rows, wait)

    def run(self, request: SandboxRequest) -> SandboxResult:
        self._check_real(request)
        self._await_removal(name_of(request.job, request.attempt))
        with self.shelf.running():
            return self._warm(request) or self._cold(request)

    def terminate(self, job: str, attempt: int) -> None:
        self.neighbours.give_up(name_of(job, attempt))
        with self.engines.get() as engine:
            for container, (found, number) in attempts(engine, self.owner).items():
                if found == job and number <= attempt:
                    remove(engine, container)

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int:
        with self.engines.get() as engine:
            found = attempts(engine, self.owner)
            living = alive()
            gone = [container for container, attempt in found.items() if attempt not in living]
            for container in gone:
                remove(engine, container)
            mounts.sweep(self._root, mounted(engine, self.owner))
        return len(gone)

    def close(self) -> None:
        """Wait until all that has ended is removed."""
        while self._removals:
            self._removals.pop()[1].result()

    def box(self, request: SandboxRequest, mount: Path) -> Box:
        """All of a request that its container's settings come from."""
        facts = self._asked()
        place = str(mount.resolve())
        digest, apart = self._digest(request.image), request.apart
        return Box(digest, facts.runtime, place, request.limits, self._cpus, facts.apparmor, apart)

    def missing(self) -> tuple[str, ...]:
        return selftest.missing(self.verdicts())

    def _check_real(self, request: SandboxRequest) -> None:
        if request.synthetic:
            return
        if missing := self.missing():
            raise Breach(f"The sandbox does not hold real data: the self-test failed at {', '.join(missing)}.")
        if request.image == UNTRUSTED and not self.neighbours.holds(name_of(request.job, request.attempt)):
            raise Breach("A script was to run on real data while nobody held them.")

    def _asked(self) -> EngineFacts:
        """Asked once: a job that meets another engine later is refused by it."""
        if self._facts is None:
            with self.engines.get() as engine:
                info = engine.info()
            known = info["Runtimes"]
            wanted = self._wanted if self._wanted != "auto" else ("runsc" if "runsc" in known else "runc")
            if wanted not in known:
                raise Unavailable(f"The container engine has no runtime {wanted!r}.")
            apparmor = any(option.startswith("name=apparmor") for option in info["SecurityOptions"] or [])
            self._facts = EngineFacts(hashlib.sha256(info["ID"].encode()).hexdigest()[:16], wanted, apparmor)
        return self._facts

    def _digest(self, image: str) -> str:
        """The digest of the recipe as it stands, looked up once: an image that has gone since is refused by name."""
        key = self._images.key(image)
        if key not in self._digests:
            self._digests[key] = self._images.digest_of(image)
        return self._digests[key]

    def _warm(self, request: SandboxRequest) -> SandboxResult | None:
        """By a container that waits. One that is not as it must be is thrown away, and the next one taken."""
        mount = self._warm_mount(request)
        if mount is None:
            return None
        box = self.box(request, mount)
        key = self.shelf.want(box)
        least = 0 if request.narrow is None else self._landlock or 0
        while (found := self.shelf.take(key, least)) is not None:
            made = waiting(box, self.owner, found.name, found.nonce)
            with self.engines.get() as engine, self._removed(engine, found.container) as kept:
                given = give(engine, found.container, made, request.job, request.attempt)
                if given is not None:
                    return self._talk(engine, found.container, given, request, kept, started=True)
                log.warning("a waiting sandbox was not as it must be", container=found.name)
        return None

    def _warm_mount(self, request: SandboxRequest) -> Path | None:
        """What a waiting container of this job would be mounted on: all of the vault's rendering where the kernel can
        narrow it for a job, else what such jobs declare. Nothing before a first job has told which."""
        if request.apart:
            return mounts.mount_of(request, self._root)
        if request.narrow is None or self._landlock:
            return request.mount if request.mount.is_dir() else None
        return mounts.mount_of(request, self._root) if self._landlock == 0 else None

    def _cold(self, request: SandboxRequest) -> SandboxResult:
        mount = mounts.mount_of(request, self._root)
        with self.engines.get() as engine:
            made = spec(request.job, request.attempt, self.box(request, mount), self.owner)
            container = create(engine, made)
            with self._removed(engine, container) as kept:
                return self._talk(engine, container, made, request, kept, started=False)

    def _talk(
        self,
        engine: docker.APIClient,
        container: str,
        made: Spec,
        request: SandboxRequest,
        kept: contextlib.ExitStack,
        *,
        started: bool,
    ) -> SandboxResult:
        with streams.attached(engine, container) as stream:
            began = time.monotonic()
            if not started:
                engine.start(container)
            talk = exchange.Exchange(request.limits)
            until = began + exchange.deadline(request.limits)
            trusted = request.image != UNTRUSTED
            end = streams.converse(stream, talk, exchange.inward(request), until, last=trusted)
            seconds = time.monotonic() - began
            if not started and talk.landlock is not None:  # said before anybody else could speak
                self._landlock = talk.landlock
            if end is not SandboxEnd.ENDED:
                end = confirmed(engine, container, made.runtime, end)
        if end is SandboxEnd.ENDED:
            kept.pop_all()
            self._bury(container, made.name)
        return SandboxResult(end, talk.frames(end), made.image, made.runtime, seconds, talk.log())

    @contextlib.contextmanager
    def _removed(self, engine: docker.APIClient, container: str) -> Iterator[contextlib.ExitStack]:
        """Whatever happens, the container is gone afterwards, unless the stack is emptied."""
        with contextlib.ExitStack() as stack:
            stack.callback(remove, engine, container)
            yield stack

    def _await_removal(self, name: str) -> None:
        """An attempt has one sandbox after the other (synthetic data, real data, the trusted stage) under one name."""
        for removal in [removal for named, removal in self._removals if named == name]:
            removal.result()

    def _bury(self, container: str, name: str) -> None:
        """Kill and remove while the result is read. What this does not come to, the sweeper does."""
        self._removals = [(named, removal) for named, removal in self._removals if not removal.done()]
        self._removals.append((name, self._undertaker.submit(self._remove, container)))

    def _end(self, name: str) -> None:
        """The sandbox of this name, whoever started it."""
        with self.engines.get() as engine:
            remove(engine, name)

    def _remove(self, container: str) -> None:
        try:
            with self.engines.get() as engine:
                remove(engine, container)
        except (Unavailable, Conflict) as fault:
            log.warning("remove", container=container[:12], fault=type(fault).__name__)
