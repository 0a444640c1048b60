"""The registry of warm containers, as files that a broker's processes share: who removes one has the container.

A key stands for one mount in one state, one image and one runtime with its limits: containers of different projects,
or of a vault that was built anew under its old name, never meet. Knows no engine.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from broker.domain.ports import SandboxLimits
from broker.sandbox.container_spec import ContainerTemplate

WANTED_SUFFIX = ".wanted"


@dataclass(frozen=True, slots=True)
class WarmContainer:
    """A container that is ready. `nonce` and `name` are what its settings had beside its box; `landlock` is the version
    that its kernel has; `memory` what it held when it was ready."""

    container: str
    name: str
    nonce: str
    landlock: int
    memory: int


def template_key(template: ContainerTemplate) -> str:
    """Equal only for the very same folder: one that was removed and built again under its name is another."""
    facts = os.stat(template.mount)
    parts = [asdict(template), facts.st_dev, facts.st_ino, facts.st_ctime_ns]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class WarmPoolRegistry:
    """The files below `folder`: `KEY.wanted` says that jobs come for a key, `KEY/CONTAINER` is one that waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def want(self, template: ContainerTemplate) -> str:
        """A job has come for this key; gives the key."""
        key = template_key(template)
        path = self.folder / (key + WANTED_SUFFIX)
        if path.exists():
            os.utime(path)
        else:
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(asdict(template)))
            draft.replace(path)
        return key

    def wanted(self) -> dict[str, tuple[ContainerTemplate, float]]:
        """Each key with what it stands for and how many seconds ago it was wanted; the latest first."""
        found: dict[str, tuple[ContainerTemplate, float]] = {}
        for path in self.folder.glob("*" + WANTED_SUFFIX):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                said = json.loads(path.read_text())
                template = ContainerTemplate(**{**said, "limits": SandboxLimits(**said["limits"])})
                found[path.name.removesuffix(WANTED_SUFFIX)] = (template, max(0.0, time.time() - path.stat().st_mtime))
        return dict(sorted(found.items(), key=lambda item: item[1][1]))

    def forget(self, key: str) -> None:
        (self.folder / (key + WANTED_SUFFIX)).unlink(missing_ok=True)

    def put(self, key: str, waiting: WarmContainer) -> None:
        """From now on anyone may take it."""
        home = self.folder / key
        home.mkdir(exist_ok=True)
        draft = home / f".{waiting.container}"
        draft.write_text(json.dumps(asdict(waiting)))
        draft.replace(home / waiting.container)

    def take(self, key: str, min_landlock: int = 0) -> WarmContainer | None:
        """One that waits, from now on nobody else's; None if there is none that serves."""
        for waiting in self.waiting().get(key, []):
            if waiting.landlock >= min_landlock and self.take_away(key, waiting):
                return waiting
        return None

    def take_away(self, key: str, waiting: WarmContainer) -> bool:
        """Whether it is now the caller's: the file system lets one have it."""
        try:
            (self.folder / key / waiting.container).unlink()
        except FileNotFoundError:
            return False
        return True

    def waiting(self) -> dict[str, list[WarmContainer]]:
        """All that wait, by key."""
        found: dict[str, list[WarmContainer]] = {}
        for path in sorted(self.folder.glob("*/[0-9a-f]*")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.setdefault(path.parent.name, []).append(WarmContainer(**json.loads(path.read_text())))
        return found

    @contextlib.contextmanager
    def tended(self) -> Iterator[bool]:
        """Whether the caller is the only one who fills and reaps, as long as it stays here."""
        with (self.folder / "tended").open("a") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While a job runs here: whoever makes containers ready keeps out of its way."""
        with (self.folder / "running").open("a") as mark:
            fcntl.flock(mark, fcntl.LOCK_SH)
            try:
                yield
            finally:
                os.utime(mark.fileno())

    def quiet_for(self) -> float:
        """Seconds since the last job ended here; 0 while one runs."""
        with (self.folder / "running").open("a") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0.0
            return max(0.0, time.time() - os.fstat(mark.fileno()).st_mtime)
