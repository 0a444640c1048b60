"""The two images: built without a registry, in parallel over one base, known by what went into them. Runs no job.

The recipe (locks, sources, base) is hashed; while the hash stands, nothing is built again. Each image is kept as a
folder too: bubblewrap runs on it. The base is unpacked from Debian packages rather than made with debootstrap, which
takes four times as long and leaves a whole system, shell included, to be taken away.
"""

import fcntl
import hashlib
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound
from docker.utils import kwargs_from_env

from broker.domain.errors import Unavailable
from broker.sandbox import root_tree

NAMES = ("sql", "python")
REPOSITORY = "npd-broker-sandbox"
SOURCES = Path(__file__).resolve().parents[2] / "sandbox_images"

DAY = 24 * 3600
BASE_FILE = "base"

Progress = Callable[[str], None]


def client(timeout: int = 60) -> docker.APIClient:
    """The engine by the low-level interface, to be closed by `with`; or Unavailable."""
    try:
        return docker.APIClient(timeout=timeout, **kwargs_from_env())  # asks the engine for its version
    except (DockerException, OSError) as fault:
        raise Unavailable("The container engine does not answer.") from fault


def answers() -> bool:
    """Whether there is an engine."""
    try:
        with client():
            return True
    except Unavailable:
        return False


def build(folder: Path, progress: Progress = lambda line: None, base: str | None = None) -> dict[str, str]:
    """Build what is missing in `folder` and give each image's digest; folders only where no engine answers.

    `base` is an image to build on instead of Debian packages; it is remembered beside what was built on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if base is not None:
        (folder / BASE_FILE).write_text(base)
    return Images(folder, engine=answers()).build(progress)


class Images:
    """Images under `folder`, outside the checkout. Without an engine they are folders only, for bubblewrap."""

    def __init__(self, folder: Path, *, engine: bool = True, sources: Path = SOURCES) -> None:
        self._folder, self._engine, self._sources = folder, engine, sources
        base = folder / BASE_FILE
        self._base = base.read_text().strip() or None if base.is_file() else None
        self._base_lock = threading.Lock()

    def build(self, progress: Progress = lambda line: None) -> dict[str, str]:
        """Image name to digest. Does nothing where all is there."""
        if not all((self._sources / name / "requirements.lock").is_file() for name in NAMES):
            raise Unavailable(f"The images' sources are not at {self._sources}.")
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock, ThreadPoolExecutor(len(NAMES)) as both:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building the same
            digests = both.map(lambda name: self._ensure(name, progress), NAMES)
            return dict(zip(NAMES, digests, strict=True))

    def digest_of(self, name: str) -> str:
        """The built image's id (with an engine) or its recipe's hash; Unavailable if it is not built as it stands."""
        digest = self._known(name)
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
        """The hash of all that goes into an image."""
        parts = [self._base or "debian", json.dumps([root_tree.SEEDS, root_tree.DROPPED])]
        hashed = hashlib.sha256("\n".join(parts).encode())
        files = [*self._files(name), Path(root_tree.__file__)]
        for path in files:
            hashed.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return hashed.hexdigest()[:16]

    def _files(self, name: str) -> list[Path]:
        """Sources that are copied in, and the lock."""
        found = [*(self._sources / "common").glob("*.py"), *(self._sources / name).rglob("*.py")]
        return sorted([*found, self._sources / name / "requirements.lock"])

    def _known(self, name: str) -> str | None:
        record = self._folder / f"{name}-{self.key(name)}.json"
        if not record.is_file():
            return None
        digest = str(json.loads(record.read_text())["digest"])
        if not self._engine:
            return digest
        try:
            with client() as engine:
                return digest if _id(engine, digest) == digest else None
        except ImageNotFound:
            return None

    def _ensure(self, name: str, progress: Progress) -> str:
        digest = self._known(name)
        if digest is None:
            digest = self._make(name, progress)
            (self._folder / f"{name}-{self.key(name)}.json").write_text(json.dumps({"digest": digest}))
            self._forget(name)
        return digest

    def _forget(self, name: str) -> None:
        """Folders of recipes that are a day out of use; a younger one may still have a job on it."""
        for old in self._folder.glob(f"{name}-*"):
            stale = time.time() - old.stat().st_mtime > DAY
            if old.is_dir() and stale and old != self._folder / f"{name}-{self.key(name)}":
                shutil.rmtree(old, ignore_errors=True)

    def _make(self, name: str, progress: Progress) -> str:
        key = self.key(name)
        tree = self._folder / f"{name}-{key}"
        if not tree.is_dir():
            self._fill(name, tree, progress)
        if not self._engine:
            return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        progress(f"image {name}: handing the file system to the engine")
        return self._hand_over(tree, f"{name}-{key}")

    def _fill(self, name: str, tree: Path, progress: Progress) -> None:
        base, listed = self._base_tree(progress)
        half = tree.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(base, half, symlinks=True)
        progress(f"image {name}: fetching and unpacking locked wheels")
        listed = listed + root_tree.install_wheels(half, self._sources / name / "requirements.lock")
        self._copy_sources(name, half)
        progress(f"image {name}: compiling")
        root_tree.compile_all(half)
        root_tree.write_sbom(self.sbom_of(name), listed)
        half.rename(tree)

    def _copy_sources(self, name: str, tree: Path) -> None:
        """Launcher and image code to /sandbox; packages that scripts import to where the wheels are."""
        for path in self._files(name):
            inner = path.relative_to(self._sources)
            if path.suffix == ".py":
                home = tree / ("sandbox" if len(inner.parts) == 2 else "opt/site")
                target = home / Path(*inner.parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        (tree / "sandbox/python").symlink_to(Path("/") / root_tree.interpreter(tree))

    def _base_tree(self, progress: Progress) -> tuple[Path, list[dict[str, str]]]:
        """The shared base, made by whichever image asks first."""
        recipe = (self._base or "debian").encode() + Path(root_tree.__file__).read_bytes()
        tree = self._folder / f"base-{hashlib.sha256(recipe).hexdigest()[:16]}"
        listing = tree.with_suffix(".json")
        with self._base_lock:
            if not tree.is_dir():
                half = tree.with_suffix(".half")
                shutil.rmtree(half, ignore_errors=True)
                half.mkdir()
                progress(f"base: {'from image ' + self._base if self._base else 'from Debian packages'}")
                listing.write_text(json.dumps(self._fill_base(half)))
                root_tree.clean(half)
                half.rename(tree)
        return tree, json.loads(listing.read_text())

    def _fill_base(self, tree: Path) -> list[dict[str, str]]:
        if self._base is None:
            return root_tree.unpack_debian(tree, self._folder / "packages")
        return _export(self._base, tree)

    def _hand_over(self, tree: Path, tag: str) -> str:
        archive = tree.with_suffix(".tar")
        try:
            with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
                tar.add(tree, arcname=".", filter=_owned_by_root)
            with client(timeout=600) as engine:
                engine.import_image_from_file(str(archive), repository=REPOSITORY, tag=tag)
                return _id(engine, f"{REPOSITORY}:{tag}")
        except DockerException as fault:
            raise Unavailable(f"The engine did not take the image {tag}.") from fault
        finally:
            archive.unlink(missing_ok=True)


def _id(engine: docker.APIClient, image: str) -> str:
    return str(engine.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]  # docker leaves it untyped


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The image is the same whoever builds it, and nothing in it is writable or setuid."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = (entry.mode & 0o755) | (0o111 if entry.isdir() else 0) | 0o444
    entry.mtime = 0
    return entry


def _export(base: str, tree: Path) -> list[dict[str, str]]:
    """The file system of an image that the engine has."""
    archive = tree.with_suffix(".tar")
    with client(timeout=600) as engine:
        try:
            container = engine.create_container(base, command=["none"])["Id"]
        except ImageNotFound as missing:
            raise Unavailable(f"The base image {base!r} is not here; it is never fetched.") from missing
        try:
            with archive.open("wb") as file:
                file.writelines(engine.export(container))
        finally:
            engine.remove_container(container, force=True, v=True)
        digest = _id(engine, base)
    root_tree.run(["tar", "-x", "--no-same-owner", "--exclude", "dev/*", "-f", str(archive), "-C", str(tree)])
    archive.unlink()
    return [{"type": "container", "name": base, "version": digest}]
