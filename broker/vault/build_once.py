"""Folders that are costly to build: each built once under a file lock, whole or not at all, and again when damaged."""

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
    """Hold the lock file if nobody else does; says whether it is held."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


MANIFEST = "made.json"

Builder = Callable[[Path], Mapping[str, object]]
"""Fills a new folder and says what others want to know of it, as JSON."""


@dataclass(frozen=True, slots=True)
class BuiltFolder:
    """A whole folder; `facts` are what its maker said. `fresh`: it was made just now."""

    folder: Path
    facts: Mapping[str, Any]
    fresh: bool


def build_once(root: Path, name: str, build: Builder, waiting: Callable[[], None] = lambda: None) -> BuiltFolder:
    """The folder `root/name`. It appears by a rename when it is complete; of any number who ask at once, one makes it.
    `waiting` is called before this waits for somebody else who does."""
    root.mkdir(parents=True, exist_ok=True)
    folder, lock = root / name, root / f".{name}.lock"
    found = _complete(folder)
    if found is not None:
        return found
    with try_locked(lock) as held:
        if held:
            return _build(folder, build)
    waiting()
    with locked(lock):
        return _build(folder, build)


def remove_older(root: Path, before: float) -> None:
    """Remove the folders below `root` whose manifest is older: who is given one says so by its time. Never one that is
    being made."""
    for manifest in root.glob(f"*/{MANIFEST}"):
        folder = manifest.parent
        with try_locked(root / f".{folder.name}.lock") as held, suppress(FileNotFoundError):
            if held and manifest.stat().st_mtime < before:
                _remove(folder)


def _build(folder: Path, build: Builder) -> BuiltFolder:
    """The lock is held: what lies there half-made or damaged belongs to nobody; somebody may have made it meanwhile."""
    found = _complete(folder)
    if found is not None:
        return found
    half = folder.with_name(f".half-{folder.name}")
    for old in (half, folder):
        _remove(old)
    half.mkdir()
    try:
        facts = build(half)
        document = {"facts": facts, "files": _sizes(half)}
        (half / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
        os.replace(half, folder)
    except BaseException:
        _remove(half)
        raise
    return BuiltFolder(folder, facts, fresh=True)


def _complete(folder: Path) -> BuiltFolder | None:
    """The folder if every file that it was made with is there in its size."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if all((folder / name).stat().st_size == size for name, size in document["files"].items()):
            return BuiltFolder(folder, document["facts"], fresh=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def _sizes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}


def _remove(folder: Path) -> None:
    """A vault's folders are sealed against writing: they are opened first."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if not folder.exists():
        return
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        path.chmod(0o700)
    shutil.rmtree(folder)
