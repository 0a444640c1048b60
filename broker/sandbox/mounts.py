"""Mounts that hold only the files a script declared, for where the kernel cannot narrow a larger one. One folder for
each vault and declaration, made once and kept while it is used: what waits for the next such job is mounted on it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from broker.domain.errors import Breach, Unavailable
from broker.domain.ports import SandboxRequest

FOLDER = "narrow"
RECORD = ".json"
KEPT_SECONDS = 3600
"""How long a folder is kept after the last job that was mounted on it: longer than any job runs."""


def mount_of(request: SandboxRequest, root: Path) -> Path:
    """The folder that the job sees: the whole mount, or one below `root` with the declared files."""
    if request.narrow is None:
        return request.mount
    facts = _facts(request.mount)
    name = hashlib.sha256(json.dumps([facts, sorted(request.narrow)]).encode()).hexdigest()[:32]
    own = root / FOLDER / name
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    own.with_suffix(RECORD).write_text(json.dumps(facts))
    if not own.is_dir():
        _make(own, request.mount, request.narrow)
    return own


def sweep(root: Path, mounted: Collection[str] = ()) -> None:
    """Remove folders of vaults that are gone, and those unused for long; never one that is mounted now."""
    for record in (root / FOLDER).glob("*" + RECORD):
        own = record.with_suffix("")
        if str(own.resolve()) in mounted:
            continue
        with contextlib.suppress(FileNotFoundError, ValueError):
            facts = json.loads(record.read_text())
            if _facts_or_none(Path(facts[0])) != facts or time.time() - record.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(own, ignore_errors=True)
                record.unlink(missing_ok=True)


def _facts(mount: Path) -> list[str | int]:
    """Equal only for the very same folder: one that was built again under its name is another."""
    try:
        facts = mount.stat()
    except FileNotFoundError as missing:
        raise Unavailable("The folder of the job's data does not exist.") from missing
    return [str(mount.resolve()), facts.st_dev, facts.st_ino, facts.st_ctime_ns]


def _facts_or_none(mount: Path) -> list[str | int] | None:
    try:
        return _facts(mount)
    except Unavailable:
        return None


def _make(own: Path, mount: Path, narrow: tuple[str, ...]) -> None:
    """It appears when it is whole, however many make it at once."""
    half = own.with_name(f".{own.name}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        half.mkdir()
        for path in narrow:
            _link(mount / path, half / path, path)
        for folder in [half, *(path for path in half.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)  # whatever this process' mask is, the job's user may look into its own mount
        with contextlib.suppress(OSError):  # somebody was faster: the same files
            half.rename(own)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _link(source: Path, target: Path, path: str) -> None:
    """A hard link: the same sealed file, no copy. A copy where the mount is on another file system."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise Breach("A declared file lies outside the mount.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError as missing:
        raise Unavailable("A file of the job's data does not exist.") from missing
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
        target.chmod(0o444)
