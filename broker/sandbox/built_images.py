"""The images: built without a registry, in parallel over one base, and identified by their recipe. Runs no job.

The recipe (locks, sources, base) is hashed; as long as the hash stays the same, nothing is built again. Each image is
also stored as a folder, which bubblewrap runs on. The base is unpacked from Debian packages instead of made with
debootstrap, which takes four times as long and leaves a whole system, shell included, to be removed.
"""

import fcntl
import hashlib
import json
import shutil
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from broker.domain.errors import Unavailable
from broker.sandbox import engine_images, root_filesystem
from broker.sandbox.image_layers import LOCK_FILE, ImageLayers, PrintLine

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
