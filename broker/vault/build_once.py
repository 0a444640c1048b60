"""Folders that are costly to build: each is built once under a file lock, completely or not at all, and again if
damaged."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock file and hold it."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Hold the lock file if nobody else does; yields whether it is held."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, completely or not at all. The caller holds a lock."""
    half = path.with_name(f".half-{path.name}")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())  # durable before it gets its name
    os.replace(half, path)


def seal(folder: Path) -> None:
    """Let every user of the host read what is below the folder by its own name, and let nobody write."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o711)


MANIFEST = "made.json"

Builder = Callable[[Path], Mapping[str, object]]
"""Fills a new folder and returns facts about it for others, as JSON."""


@dataclass(frozen=True, slots=True)
class BuiltFolder:
    """A complete folder. `facts` are what its builder returned. `fresh`: it was built just now."""

    folder: Path
    facts: Mapping[str, Any]
    fresh: bool


def build_once(root: Path, name: str, build: Builder, waiting: Callable[[], None] = lambda: None) -> BuiltFolder:
    """Return the folder `root/name`, building it if necessary. It appears by a rename when it is complete, and of
    several callers at once only one builds it. `waiting` is called before waiting for another builder."""
    root.mkdir(parents=True, exist_ok=True)
    folder, lock = root / name, root / f".{name}.lock"
    found = _complete(folder)
    if found is not None:
        return found
    with try_locked(lock) as held:
        if held:
            return _build(folder, build)
    waiting()  # before blocking, so that the caller can report it
    with locked(lock):
        return _build(folder, build)


def remove_older(root: Path, before: float) -> None:
    """Remove folders below `root` whose manifest is older than `before` (callers renew its time when they use a
    folder). A folder that is being built stays."""
    for manifest in root.glob(f"*/{MANIFEST}"):
        folder = manifest.parent
        with try_locked(root / f".{folder.name}.lock") as held, suppress(FileNotFoundError):
            if held and manifest.stat().st_mtime < before:
                remove_folder(folder)


def _build(folder: Path, build: Builder) -> BuiltFolder:
    """Build the folder while holding the lock, unless somebody has built it meanwhile. Unfinished or damaged folders
    are removed first."""
    found = _complete(folder)
    if found is not None:
        return found
    half = folder.with_name(f".half-{folder.name}")
    for old in (half, folder):  # left by a crash, or damaged
        remove_folder(old)
    half.mkdir()
    try:
        facts = build(half)
        document = {"facts": facts, "files": _sizes(half)}
        (half / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
        os.replace(half, folder)  # atomic: nobody sees an incomplete folder
    except BaseException:
        remove_folder(half)
        raise
    return BuiltFolder(folder, facts, fresh=True)


def _complete(folder: Path) -> BuiltFolder | None:
    """The folder, if every file of its manifest exists with its recorded size; otherwise None."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if all((folder / name).stat().st_size == size for name, size in document["files"].items()):
            return BuiltFolder(folder, document["facts"], fresh=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def _sizes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}


def remove_folder(folder: Path) -> None:
    """Remove a folder. The folders of a vault are read-only, so they are made writable first."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if not folder.exists():
        return
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        path.chmod(0o700)
    shutil.rmtree(folder)
