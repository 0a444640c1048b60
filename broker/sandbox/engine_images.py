"""The container engine as a store of images: imports a folder, exports a base. Builds nothing and runs no job."""

import tarfile
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound
from docker.utils import kwargs_from_env

from broker.domain.errors import Unavailable
from broker.sandbox import root_filesystem

REPOSITORY = "npd-broker-sandbox"


def engine_client(timeout: int = 60) -> docker.APIClient:
    """A low-level client of the engine, to be closed by `with`. Raises Unavailable if the engine does not answer."""
    try:
        return docker.APIClient(timeout=timeout, **kwargs_from_env())  # connects, to negotiate the version
    except (DockerException, OSError) as fault:
        raise Unavailable("The container engine does not answer.") from fault


def is_available() -> bool:
    """Whether there is an engine."""
    try:
        with engine_client():
            return True
    except Unavailable:
        return False


def has_image(digest: str) -> bool:
    try:
        with engine_client() as engine:
            return _image_id(engine, digest) == digest
    except ImageNotFound:
        return False


def import_folder(tree: Path, tag: str) -> str:
    """Import the folder as an image and return its id."""
    archive = tree.with_suffix(".tar")
    try:
        with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(tree, arcname=".", filter=_owned_by_root)
        with engine_client(timeout=600) as engine:
            engine.import_image_from_file(str(archive), repository=REPOSITORY, tag=tag)
            return _image_id(engine, f"{REPOSITORY}:{tag}")
    except DockerException as fault:
        raise Unavailable(f"The engine did not take the image {tag}.") from fault
    finally:
        archive.unlink(missing_ok=True)


def remove_image(digest: str) -> None:
    """Remove an image. The engine retains one that a container uses or that has other names."""
    try:
        with engine_client() as engine:
            engine.remove_image(digest)
    except DockerException:
        return


def export_image(base: str, tree: Path) -> list[dict[str, str]]:
    """Export the file system of a local image into `tree` and return the components for the SBOM."""
    archive = tree.with_suffix(".tar")
    with engine_client(timeout=600) as engine:
        try:
            container = engine.create_container(base, command=["none"])["Id"]
        except ImageNotFound as missing:
            raise Unavailable(f"The base image {base!r} is not here; it is never fetched.") from missing
        try:
            with archive.open("wb") as file:
                file.writelines(engine.export(container))
        finally:
            engine.remove_container(container, force=True, v=True)
        digest = _image_id(engine, base)
    root_filesystem.run_tool(
        ["tar", "-x", "--no-same-owner", "--exclude", "dev/*", "-f", str(archive), "-C", str(tree)]
    )
    archive.unlink()
    return [{"type": "container", "name": base, "version": digest}]


def _image_id(engine: docker.APIClient, image: str) -> str:
    return str(engine.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]  # docker leaves it untyped


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Make the image identical whoever builds it, with nothing writable or setuid in it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = (entry.mode & 0o755) | (0o111 if entry.isdir() else 0) | 0o444
    entry.mtime = 0  # equal folders give equal archives
    return entry
