"""The images: built without a registry, in parallel over one base, and identified by their recipe. Runs no job.

The recipe (locks, sources, base) is hashed; as long as the hash stays the same, nothing is built again. Each image is
also stored as a folder, which bubblewrap runs on. The base is unpacked from Debian packages instead of made with
debootstrap, which takes four times as long and leaves a whole system, shell included, to be removed.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from broker.domain.errors import Unavailable
from broker.sandbox import engine_images, root_filesystem

PrintLine = Callable[[str], None]
Components = list[dict[str, str]]
"""Components for the SBOM, each with `type`, `name` and `version`; those of wheels also with `purl`."""

COPIED_SUFFIXES = frozenset({".py", ".json"})
LOCK_FILE = "requirements.lock"

IMAGE_NAMES = ("sql", "python", "fit", "files")
SOURCES = Path(__file__).resolve().parents[2] / "sandbox_images"

DAY = 24 * 3600
BASE_FILE = "base"
LAYERS = ("base", "wheels")


def build_images(folder: Path, say: PrintLine = lambda line: None, base: str | None = None) -> dict[str, str]:
    """Build what is missing in `folder` and return each image's digest. Without an engine it builds only folders.

    `base` is an image to build on instead of Debian packages; it is recorded in `folder` for later builds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if base is not None:
        (folder / BASE_FILE).write_text(base)
    return BuiltImages(folder, engine=engine_images.is_available()).build(say)


class BuiltImages:
    """Images under `folder`, outside the checkout. Without an engine they are only folders, for bubblewrap."""

    def __init__(self, folder: Path, *, engine: bool = True, sources: Path = SOURCES) -> None:
        self._folder, self._engine, self._sources = folder, engine, sources
        remembered = folder / BASE_FILE
        base = remembered.read_text().strip() or None if remembered.is_file() else None
        self.layers = ImageLayers(folder, sources, base)

    def build(self, say: PrintLine = lambda line: None) -> dict[str, str]:
        """Return image names with digests, building what is missing. Raises Unavailable if the sources are missing."""
        if not all((self._sources / name / LOCK_FILE).is_file() for name in IMAGE_NAMES):
            raise Unavailable(f"The images' sources are not at {self._sources}.")
        self._folder.mkdir(parents=True, exist_ok=True)
        sysconfig.get_config_vars()  # its first call is not thread-safe, and the installers make it
        with (self._folder / "lock").open("w") as lock, ThreadPoolExecutor(len(IMAGE_NAMES)) as each:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building the same
            digests = each.map(lambda name: self._ensure(name, say), IMAGE_NAMES)
            return dict(zip(IMAGE_NAMES, digests, strict=True))

    def digest_of(self, name: str) -> str:
        """The built image's id (with an engine) or the hash of its recipe. Raises Unavailable unless the current recipe
        is built."""
        digest = self._known_digest(name)
        if digest is None:
            raise Unavailable(f"The image {name!r} is not built, or its recipe has changed: build the images first.")
        return digest

    def tree_of(self, name: str) -> Path:
        """The image as a folder."""
        self.digest_of(name)
        return self._folder / f"{name}-{self.key(name)}"

    def sbom_of(self, name: str) -> Path:
        return self._folder / f"{name}-{self.key(name)}.sbom.json"

    def key(self, name: str) -> str:
        """The hash of everything that goes into an image."""
        return self.layers.key(name)

    def _known_digest(self, name: str) -> str | None:
        record = self._folder / f"{name}-{self.key(name)}.json"
        if not record.is_file():
            return None
        digest = str(json.loads(record.read_text())["digest"])
        return digest if not self._engine or engine_images.has_image(digest) else None  # somebody may have removed it

    def _ensure(self, name: str, say: PrintLine) -> str:
        digest = self._known_digest(name)
        if digest is None:
            digest = self._build_image(name, say)
            (self._folder / f"{name}-{self.key(name)}.json").write_text(json.dumps({"digest": digest}))
            self._remove_unused(name, frozenset({f"{name}-{self.key(name)}"}))
            for layer in LAYERS:
                self._remove_unused(
                    layer, frozenset().union(*(self.layers.lower_folders(each) for each in IMAGE_NAMES))
                )
        return digest

    def _remove_unused(self, kind: str, needed: frozenset[str]) -> None:
        """Remove folders of recipes that have been unused for a day; a job may still run on a younger one."""
        for old in [path for path in self._folder.glob(f"{kind}-*") if path.is_dir() and path.name not in needed]:
            if time.time() - old.stat().st_mtime > DAY:
                self._remove_from_engine(old)
                shutil.rmtree(old, ignore_errors=True)

    def _remove_from_engine(self, old: Path) -> None:
        """Remove what the engine has of a folder; it has nothing of layers."""
        record = old.with_name(f"{old.name}.json")
        if self._engine and record.is_file():
            engine_images.remove_image(str(json.loads(record.read_text())["digest"]))
        record.unlink(missing_ok=True)
        old.with_name(f"{old.name}.sbom.json").unlink(missing_ok=True)

    def _build_image(self, name: str, say: PrintLine) -> str:
        key = self.key(name)
        tree = self._folder / f"{name}-{key}"
        if not tree.is_dir():
            root_filesystem.write_sbom(self.sbom_of(name), self.layers.fill(name, tree, say))
        if not self._engine:
            return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        say(f"image {name}: handing the file system to the engine")
        return engine_images.import_folder(tree, f"{name}-{key}")


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
