"""A mount of a job's own: a folder that holds only the files it declared, for where the kernel cannot narrow one."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from broker.domain.errors import Breach, Unavailable
from broker.domain.ports import SandboxRequest
from broker.sandbox.spec import attempt_of, name_of

FOLDER = "narrow"


@contextlib.contextmanager
def mount_of(request: SandboxRequest, root: Path) -> Iterator[Path]:
    """The folder that the job sees: the whole mount, or one below `root` that goes with the job."""
    if request.narrow is None:
        yield request.mount
        return
    own = root / FOLDER / name_of(request.job, request.attempt)
    try:
        _fill(own, request.mount, request.narrow)
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def sweep(root: Path, alive: Callable[[], frozenset[tuple[str, int]]]) -> None:
    """Remove what attempts have left that are not alive any more. `alive` is asked after the folders are listed."""
    found = {folder: attempt_of(folder.name) for folder in (root / FOLDER).glob("*")}
    living = alive() if found else frozenset()
    for folder, attempt in found.items():
        if attempt not in living:
            shutil.rmtree(folder, ignore_errors=True)


def _fill(own: Path, mount: Path, narrow: tuple[str, ...]) -> None:
    """Hard links: the same sealed files, no copy. A copy where the mount is on another file system."""
    shutil.rmtree(own, ignore_errors=True)
    for path in narrow:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise Breach("A declared file lies outside the mount.")
        target = own / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(mount / path, target, follow_symlinks=False)
        except FileNotFoundError as missing:
            raise Unavailable("A file of the job's data does not exist.") from missing
        except OSError:
            shutil.copyfile(mount / path, target, follow_symlinks=False)
            target.chmod(0o444)
    _open_folders(own)


def _open_folders(own: Path) -> None:
    """Whatever this process' mask is, the job's user may look into its own mount."""
    for folder in [own, *(path for path in own.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
