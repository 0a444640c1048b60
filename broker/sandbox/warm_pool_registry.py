"""The registry of warm containers, as files that a broker's processes share: the process that removes a file has the
container.

A key identifies one mount in one state, one image and one runtime with its limits. So containers of different projects,
or of a vault that was rebuilt under its old name, are never confused. Independent of engines.
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
from broker.sandbox.file_locks import sole_holder, try_lock

WANTED_SUFFIX = ".wanted"


@dataclass(frozen=True, slots=True)
class WarmContainer:
    """A container that is ready. `name` and `nonce` are the parts of its settings that its template does not determine.
    `landlock` is its kernel's version, and `memory` its use in bytes when it was ready."""

    container: str
    name: str
    nonce: str
    landlock: int
    memory: int


def template_key(template: ContainerTemplate) -> str:
    """A key that is equal only for the very same folder: a folder that was removed and built again under the same name
    differs."""
    facts = os.stat(template.mount)
    parts = [asdict(template), facts.st_dev, facts.st_ino, facts.st_ctime_ns]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class WarmPoolRegistry:
    """The files below `folder`: `KEY.wanted` records that jobs request a key, and `KEY/CONTAINER` is a waiting
    container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def want(self, template: ContainerTemplate) -> str:
        """Record that a job has requested this template, and return its key."""
        key = template_key(template)
        # Its time is that of the last request.
        path = self.folder / (key + WANTED_SUFFIX)
        if path.exists():
            os.utime(path)
        else:
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(asdict(template)))
            draft.replace(path)
        return key

    def wanted(self) -> dict[str, tuple[ContainerTemplate, float]]:
        """Each key with its template and the seconds since it was last requested; the latest first."""
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
        """Register a container, so that anyone may take it."""
        home = self.folder / key
        home.mkdir(exist_ok=True)
        draft = home / f".{waiting.container}"
        draft.write_text(json.dumps(asdict(waiting)))
        draft.replace(home / waiting.container)  # atomic: readers see all of it or nothing

    def take(self, key: str, min_landlock: int = 0) -> WarmContainer | None:
        """Take a waiting container, which no one else then gets; None if none is suitable."""
        for waiting in self.waiting().get(key, []):
            if waiting.landlock >= min_landlock and self.take_away(key, waiting):
                return waiting
        return None

    def take_away(self, key: str, waiting: WarmContainer) -> bool:
        """Whether the container now belongs to the caller: the file system lets only one process remove the file."""
        try:
            (self.folder / key / waiting.container).unlink()
        except FileNotFoundError:
            return False
        return True

    def waiting(self) -> dict[str, list[WarmContainer]]:
        """All waiting containers, by key."""
        found: dict[str, list[WarmContainer]] = {}
        for path in sorted(self.folder.glob("*/[0-9a-f]*")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.setdefault(path.parent.name, []).append(WarmContainer(**json.loads(path.read_text())))
        return found

    def tended(self) -> contextlib.AbstractContextManager[bool]:
        """Whether the caller is the only one who fills and cleans the registry, as long as the context lasts."""
        return sole_holder(self.folder / "tended")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Marks that a job runs here, so that the pool does not disturb it."""
        with (self.folder / "running").open("a") as mark:
            fcntl.flock(mark, fcntl.LOCK_SH)  # several jobs at once
            try:
                yield
            finally:
                os.utime(mark.fileno())  # the time that `quiet_for` counts from

    def quiet_for(self) -> float:
        """Seconds since the last job ended here; 0 while one runs."""
        with (self.folder / "running").open("a") as mark:
            return max(0.0, time.time() - os.fstat(mark.fileno()).st_mtime) if try_lock(mark) else 0.0
