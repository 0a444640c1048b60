"""The Sandbox port on Docker: uses a waiting container if there is one, otherwise a new one. Chooses no settings.

The container's name is the run-once lock. A container serves one job and is dead when its job has ended.
"""

import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

import docker
import structlog

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import DataKind, SandboxEnd, SandboxRequest, SandboxResult
from broker.sandbox import container_spec, container_streams, containers, launcher_exchange, narrow_mounts, selftest
from broker.sandbox.built_images import BuiltImages
from broker.sandbox.real_synthetic_lock import RealSyntheticLock, SlotHold
from broker.sandbox.warm_pool_registry import WarmPoolRegistry

RUNTIMES = ("auto", "runsc", "runc")
WARM_POOL_FOLDER, LOCK_FOLDER = "warm", "neighbours"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What is requested from an engine once: its identity, the runtime for jobs, and whether it uses AppArmor."""

    engine: str
    runtime: str
    apparmor: bool


class DockerSandbox:
    """`runtime` is `runsc`, `runc`, or `auto`: runsc if the engine has it.

    `root` is the broker's data folder; it distinguishes this broker's sandboxes from those of others. The images are
    those built in `images` (by default `root`/build). `cpus` are the processors for its jobs. Real data run only if
    every required probe of the self-test holds; the self-test runs once, before the first such job.
    """

    def __init__(self, root: Path, runtime: str = "auto", images: Path | None = None, cpus: str = "") -> None:
        if runtime not in RUNTIMES:
            raise ValueError(f"The runtime must be one of {', '.join(RUNTIMES)}, not {runtime!r}.")
        self._root, self._images, self._wanted_runtime, self._cpus = (
            root,
            BuiltImages(images or root / "build"),
            runtime,
            cpus,
        )
        # The same for all processes of this broker.
        self.owner = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
        self.engines = containers.EngineConnections()
        self._digests: dict[str, str] = {}
        self._landlock: int | None = None
        self._slot_hold: SlotHold | None = None
        self._verdicts: tuple[selftest.ProbeResult, ...] | None = None
        self._selftest_lock = threading.Lock()
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="remove")
        self._removals: dict[str, Future[None]] = {}

    def runtime(self) -> str:
        """The runtime of jobs, as the engine reports it."""
        return self._engine_facts.runtime

    def verdicts(self) -> tuple[selftest.ProbeResult, ...]:
        """What this engine and runtime really enforce, measured once after each start of the machine."""
        with self._selftest_lock:
            if self._verdicts is None:
                facts = f"{self._engine_facts} {self._digest(container_spec.UNTRUSTED)}"
                measure = partial(selftest.run_probes, self, secrets.token_hex(4))
                self._verdicts = selftest.cached_results(self.warm_registry.folder, facts, measure)
            return self._verdicts

    @cached_property
    def warm_registry(self) -> WarmPoolRegistry:
        """Containers on this engine that wait for jobs of this broker, shared by all of its processes."""
        return WarmPoolRegistry(self._root / WARM_POOL_FOLDER / self._engine_facts.engine)

    @cached_property
    def data_lock(self) -> RealSyntheticLock:
        """The lock on rows on this engine, for all workers of this broker."""
        return RealSyntheticLock(self._root / LOCK_FOLDER / self._engine_facts.engine, self._end_by_name)

    def holding(
        self, job: str, attempt: int, rows: DataKind, wait: bool = True
    ) -> contextlib.AbstractContextManager[bool]:
        return self.data_lock.holding(container_spec.container_name(job, attempt), rows, wait, self._slot_hold)

    @contextlib.contextmanager
    def holding_to_slot_end(self, slot_end: Callable[[], datetime]) -> Iterator[None]:
        with SlotHold(slot_end) as self._slot_hold:
            try:
                yield
            finally:
                self._slot_hold = None

    def run(self, request: SandboxRequest) -> SandboxResult:
        self._check_real(request)  # before anything is created
        self._await_removal(container_spec.container_name(request.job, request.attempt))
        with self.warm_registry.running():
            return self._warm(request) or self._cold(request)

    def terminate(self, job: str, attempt: int) -> None:
        self.data_lock.cancel(container_spec.container_name(job, attempt))  # it may still wait for its turn
        with self.engines.get() as engine:
            for container, (found, number) in containers.attempt_containers(engine, self.owner).items():
                if found == job and number <= attempt:
                    containers.remove(engine, container)

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int:
        with self.engines.get() as engine:
            found = containers.attempt_containers(engine, self.owner)
            living = alive()  # after listing: a sandbox that starts meanwhile is not removed
            gone = [container for container, attempt in found.items() if attempt not in living]
            for container in gone:
                containers.remove(engine, container)
            narrow_mounts.sweep(self._root, containers.mounted_folders(engine, self.owner))
        return len(gone)

    def close(self) -> None:
        """Wait until all ended containers are removed."""
        while self._removals:
            self._removals.popitem()[1].result()

    def template(self, request: SandboxRequest, mount: Path) -> container_spec.ContainerTemplate:
        """The parts of a request that determine its container's settings."""
        facts, digest = self._engine_facts, self._digest(request.image)
        return container_spec.ContainerTemplate(
            digest, facts.runtime, str(mount.resolve()), request.limits, self._cpus, facts.apparmor, request.apart
        )

    def missing(self) -> tuple[str, ...]:
        return selftest.unmet_probes(self.verdicts())

    def _check_real(self, request: SandboxRequest) -> None:
        if request.synthetic:
            return
        if missing := self.missing():
            raise Breach(f"The sandbox is not safe for real data: the self-test failed at {', '.join(missing)}.")
        if request.image == container_spec.UNTRUSTED and not self.data_lock.holds(
            container_spec.container_name(request.job, request.attempt)
        ):
            raise Breach("A script was to run on real data while nobody held them.")

    @cached_property
    def _engine_facts(self) -> EngineFacts:
        """Requested once. A job that later reaches another engine is refused by that engine."""
        with self.engines.get() as engine:
            info = engine.info()
        known = info["Runtimes"]
        wanted = self._wanted_runtime if self._wanted_runtime != "auto" else ("runsc" if "runsc" in known else "runc")
        if wanted not in known:
            raise Unavailable(f"The container engine has no runtime {wanted!r}.")
        apparmor = any(option.startswith("name=apparmor") for option in info["SecurityOptions"] or [])
        return EngineFacts(hashlib.sha256(info["ID"].encode()).hexdigest()[:16], wanted, apparmor)

    def _digest(self, image: str) -> str:
        """The digest for the current recipe, looked up once. If the image has been removed since, the engine refuses it
        by name."""
        key = self._images.key(image)
        if key not in self._digests:
            self._digests[key] = self._images.digest_of(image)
        return self._digests[key]

    def _warm(self, request: SandboxRequest) -> SandboxResult | None:
        """Run in a waiting container; None if there is none. A container that is not as required is removed, and the
        next one taken."""
        mount = self._warm_mount(request)
        if mount is None:
            return None
        template = self.template(request, mount)
        key = self.warm_registry.want(template)
        min_landlock = 0 if request.narrow is None else self._landlock or 0  # a narrowed mount needs the kernel's help
        while (warm := self.warm_registry.take(key, min_landlock)) is not None:
            # Audited against its settings as they were when it was made.
            expected = container_spec.warm_spec(template, self.owner, warm.name, warm.nonce)
            with self.engines.get() as engine, self._removed(engine, warm.container) as cleanup:
                assigned = containers.assign_to_attempt(engine, warm.container, expected, request.job, request.attempt)
                if assigned is not None:
                    return self._exchange_frames(engine, warm.container, assigned, request, cleanup, started=True)
                log.warning("a waiting sandbox was not as it must be", container=warm.name)
        return None

    def _warm_mount(self, request: SandboxRequest) -> Path | None:
        """The mount of a waiting container for this job: an empty folder if it is given no data, the vault's whole
        rendering if the kernel can narrow it for a job, otherwise what such jobs declare. None until a first job has
        shown which."""
        if request.without_data:
            return narrow_mounts.job_mount(request, self._root)
        if request.narrow is None or self._landlock:
            return request.mount if request.mount.is_dir() else None
        return narrow_mounts.job_mount(request, self._root) if self._landlock == 0 else None

    def _cold(self, request: SandboxRequest) -> SandboxResult:
        mount = narrow_mounts.job_mount(request, self._root)
        with self.engines.get() as engine:
            spec = container_spec.attempt_spec(request.job, request.attempt, self.template(request, mount), self.owner)
            container = containers.create(engine, spec)
            with self._removed(engine, container) as cleanup:
                return self._exchange_frames(engine, container, spec, request, cleanup, started=False)

    def _exchange_frames(
        self, engine: docker.APIClient, container: str, spec: container_spec.ContainerSpec, request: SandboxRequest,
        cleanup: contextlib.ExitStack, *, started: bool,
    ) -> SandboxResult:  # fmt: skip
        with container_streams.attached(engine, container) as stream:
            began = time.monotonic()
            if not started:
                engine.start(container)
            session = launcher_exchange.LauncherExchange(request.limits)
            streams = container_streams.ContainerStreams(stream)
            # After a trusted image's last word no other process can write. Otherwise the end of the stream is awaited,
            # which comes when every process is dead.
            trusted = request.image != container_spec.UNTRUSTED
            end = launcher_exchange.converse(request, session, streams.send, streams.receive, began, last=trusted)
            seconds = time.monotonic() - began
            if not started and session.landlock is not None:  # sent before any other code could write
                self._landlock = session.landlock
            if end is not SandboxEnd.ENDED:
                end = containers.confirm_end(engine, container, spec.template.runtime, end)
        # A clean end: the result need not wait for the removal.
        if end is SandboxEnd.ENDED:
            cleanup.pop_all()
            self._remove_in_background(container, spec.name)
        image, runtime = spec.template.image, spec.template.runtime
        return SandboxResult(end, session.frames(end), image, runtime, seconds, session.log())

    @contextlib.contextmanager
    def _removed(self, engine: docker.APIClient, container: str) -> Iterator[contextlib.ExitStack]:
        """Remove the container in any case, unless the stack is emptied."""
        with contextlib.ExitStack() as stack:
            stack.callback(containers.remove, engine, container)
            yield stack

    def _await_removal(self, name: str) -> None:
        """An attempt uses several sandboxes in turn (synthetic data, real data, the trusted stage) under one name, so
        the previous one must be gone."""
        if (removal := self._removals.get(name)) is not None:
            removal.result()

    def _remove_in_background(self, container: str, name: str) -> None:
        """Kill and remove the container while the result is read. The sweeper removes whatever this leaves."""
        self._removals = {named: removal for named, removal in self._removals.items() if not removal.done()}
        self._removals[name] = self._remover.submit(self._remove, container)

    def _end_by_name(self, name: str) -> None:
        """Remove the sandbox with this name, even if another process started it."""
        with self.engines.get() as engine:
            containers.remove(engine, name)

    def _remove(self, container: str) -> None:
        try:
            with self.engines.get() as engine:
                containers.remove(engine, container)
        except (Unavailable, Conflict) as fault:
            log.warning("remove", container=container[:12], fault=type(fault).__name__)
