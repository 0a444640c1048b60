"""The file system of an image in three layers of folders: base, wheels, sources. Each layer is made once. This module
runs no job, and uses the container engine only to export a base image.

Files of an upper layer are hard links to those of the layer below, so that a build after a change of a source takes
seconds. The build never writes into an existing file; it replaces files.
"""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from broker.domain.errors import Unavailable
from broker.sandbox import engine_images, root_filesystem

PrintLine = Callable[[str], None]
Components = list[dict[str, str]]
"""Components for the SBOM, each with `type`, `name` and `version`; those of wheels also with `purl`."""

COPIED_SUFFIXES = frozenset({".py", ".json"})
LOCK_FILE = "requirements.lock"


class ImageLayers:
    """Builds the layers, in `folder`, of the images whose sources are in `sources`. `base` names the image to begin
    with; None: Debian packages. Methods raise Unavailable if a host tool, the engine or a source is missing."""

    def __init__(self, folder: Path, sources: Path, base: str | None) -> None:
        self._folder, self._sources, self._base = folder, sources, base
        self._lock = threading.Lock()

    def key(self, name: str) -> str:
        """Return a hash (16 hexadecimal digits) of everything that goes into an image."""
        return _hash(self._base_recipe(), *(path.name.encode() + path.read_bytes() for path in self._files(name)))

    def lower_folders(self, name: str) -> frozenset[str]:
        """Return the names of the two folders below the image: base and wheels."""
        return frozenset({f"base-{_hash(self._base_recipe())}", f"wheels-{self._wheels_key(name)}"})

    def fill(self, name: str, tree: Path, say: PrintLine) -> Components:
        """Make the folder `tree` of an image, and the layers below it that are missing. Returns all of its
        components."""
        wheels, listed = self._wheels(name, say)
        unfinished = _unfinished_folder(tree)
        _link(wheels, unfinished)
        own = self._copy_sources(name, unfinished)
        root_filesystem.compile_bytecode(unfinished, own)
        _finish_folder(unfinished, tree)
        return listed

    def base(self, say: PrintLine) -> tuple[Path, Components]:
        """Return folder and components of the base, which all images share. The first caller makes it; other threads
        wait."""
        tree = self._folder / f"base-{_hash(self._base_recipe())}"
        with self._lock:
            if not tree.is_dir():
                unfinished = _unfinished_folder(tree)
                unfinished.mkdir()
                say(f"base: {'from image ' + self._base if self._base else 'from Debian packages'}")
                _write_list(tree, self._fill_base(unfinished))
                root_filesystem.remove_unneeded(unfinished)
                root_filesystem.compile_bytecode(unfinished, [root_filesystem.standard_library(unfinished)])
                _finish_folder(unfinished, tree)
        return tree, _read_list(tree)

    def _fill_base(self, tree: Path) -> Components:
        if self._base is None:
            return root_filesystem.unpack_debian(tree, self._folder / "packages")
        return engine_images.export_image(self._base, tree)

    def _wheels(self, name: str, say: PrintLine) -> tuple[Path, Components]:
        base, listed = self.base(say)
        tree = self._folder / f"wheels-{self._wheels_key(name)}"
        if not tree.is_dir():
            unfinished = _unfinished_folder(tree)
            _link(base, unfinished)
            say(f"image {name}: fetching and unpacking locked wheels")
            listed = listed + root_filesystem.install_wheels(unfinished, self._sources / name / LOCK_FILE)
            say(f"image {name}: compiling")
            root_filesystem.compile_bytecode(unfinished, [unfinished / "opt/site"])
            _write_list(tree, listed)
            _finish_folder(unfinished, tree)
        return tree, _read_list(tree)

    def _wheels_key(self, name: str) -> str:
        return _hash(self._base_recipe(), (self._sources / name / LOCK_FILE).read_bytes())

    def _base_recipe(self) -> bytes:
        return (
            (self._base or "debian").encode()
            + Path(root_filesystem.__file__).read_bytes()
            + Path(__file__).read_bytes()
        )

    def _files(self, name: str) -> list[Path]:
        """Return the sources that are copied into an image, and its lock file, in order of path. Raises Unavailable if
        there is no lock file."""
        home = self._sources / name
        found = [*(self._sources / "common").glob("*.py"), *(p for p in home.rglob("*") if p.suffix in COPIED_SUFFIXES)]
        if not (home / LOCK_FILE).is_file():
            raise Unavailable(f"The images' sources are not at {self._sources}.")
        return sorted([*found, home / LOCK_FILE])

    def _copy_sources(self, name: str, tree: Path) -> list[Path]:
        """Copy launcher and image code to /sandbox, and packages that scripts import to the folder of the wheels.
        Returns the folders that have code."""
        for path in self._files(name):
            inner = path.relative_to(self._sources)
            if path.suffix in COPIED_SUFFIXES:
                home = tree / ("sandbox" if len(inner.parts) == 2 else "opt/site")
                target = home / Path(*inner.parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        (tree / "sandbox/python").symlink_to(Path("/") / root_filesystem.interpreter_path(tree))
        packages = {p.relative_to(self._sources).parts[1] for p in self._files(name) if p.suffix in COPIED_SUFFIXES}
        return [tree / "sandbox", *(tree / "opt/site" / p for p in packages if (tree / "opt/site" / p).is_dir())]


def _link(lower: Path, tree: Path) -> None:
    shutil.copytree(lower, tree, symlinks=True, copy_function=os.link)


def _unfinished_folder(tree: Path) -> Path:
    unfinished = tree.with_suffix(".half")
    shutil.rmtree(unfinished, ignore_errors=True)
    return unfinished


def _finish_folder(unfinished: Path, tree: Path) -> None:
    """Give a finished folder its name and the present time. With the time of the layer below, which links keep, a new
    folder would look out of use."""
    os.utime(unfinished)
    unfinished.rename(tree)


def _hash(*parts: bytes) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(hashlib.sha256(part).digest())
    return hashed.hexdigest()[:16]


def _write_list(tree: Path, listed: Components) -> None:
    tree.with_suffix(".list").write_text(json.dumps(listed))


def _read_list(tree: Path) -> Components:
    found: Components = json.loads(tree.with_suffix(".list").read_text())
    return found
