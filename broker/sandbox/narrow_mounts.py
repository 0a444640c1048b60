"""Mounts with only the files that a script declared, for kernels that cannot narrow a larger mount. There is one folder
for each vault and declaration, made once and stored while it is used, because waiting containers for the next such job
mount it."""

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

NARROW_FOLDER = "narrow"
RECORD_SUFFIX = ".json"
EMPTY_FOLDER = "nothing"
"""The folder that is always empty."""
RETENTION_SECONDS = 3600
"""How long a folder is stored after the last job that mounted it: longer than any job runs."""


def job_mount(request: SandboxRequest, root: Path) -> Path:
    """The folder that the job sees: the whole mount, or a folder below `root` with the declared files or with none."""
    if request.without_data:
        return _empty_mount(root)
    if request.narrow is None:
        return request.mount
    facts = _folder_identity(request.mount)
    name = hashlib.sha256(json.dumps([facts, sorted(request.narrow)]).encode()).hexdigest()[:32]
    target = root / NARROW_FOLDER / name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    target.with_suffix(RECORD_SUFFIX).write_text(json.dumps(facts))  # also renews its time
    if not target.is_dir():
        _make_folder(target, request.mount, request.narrow)
    return target


def _empty_mount(root: Path) -> Path:
    target = root / NARROW_FOLDER / EMPTY_FOLDER
    if not target.is_dir():  # a change of its mode would make it another folder for what waits on it
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o755)
        target.parent.chmod(0o711)
    return target


def sweep(root: Path, mounted: Collection[str] = ()) -> None:
    """Remove folders of vaults that are gone, and those long unused; never one that is mounted now."""
    for record in (root / NARROW_FOLDER).glob("*" + RECORD_SUFFIX):
        target = record.with_suffix("")
        if str(target.resolve()) in mounted:
            continue
        with contextlib.suppress(FileNotFoundError, ValueError):
            facts = json.loads(record.read_text())
            if (
                _folder_identity_or_none(Path(facts[0])) != facts
                or time.time() - record.stat().st_mtime > RETENTION_SECONDS
            ):
                shutil.rmtree(target, ignore_errors=True)
                record.unlink(missing_ok=True)


def _folder_identity(mount: Path) -> list[str | int]:
    """Equal only for the very same folder: a folder that was built again under the same name differs. Raises
    Unavailable if it is gone."""
    try:
        facts = mount.stat()
    except FileNotFoundError as missing:
        raise Unavailable("The folder of the job's data does not exist.") from missing
    return [str(mount.resolve()), facts.st_dev, facts.st_ino, facts.st_ctime_ns]


def _folder_identity_or_none(mount: Path) -> list[str | int] | None:
    try:
        return _folder_identity(mount)
    except Unavailable:
        return None


def _make_folder(target: Path, mount: Path, narrow: tuple[str, ...]) -> None:
    """Make the folder. It appears only when complete, even if several processes make it at once."""
    draft = target.with_name(f".{target.name}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        draft.mkdir()
        for path in narrow:
            _link(mount / path, draft / path, path)
        for folder in [draft, *(path for path in draft.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)  # the job's user must be able to read its mount, whatever the umask
        with contextlib.suppress(OSError):  # another process was faster: the files are the same
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _link(source: Path, target: Path, path: str) -> None:
    """Hard-link a sealed file, or copy it if the mount is on another file system."""
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
