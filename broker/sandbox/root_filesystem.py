"""Makes the file system of an image as a plain folder: Debian packages or a base image, then locked wheels. Uses host
tools only.

This needs no registry of images. Packages are unpacked and never configured, so no code of a package runs, and the
folder gets no shell, compiler, package manager or setuid file.
"""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from uv import find_uv_bin

from broker.domain.errors import Unavailable

SEEDS = ("libstdc++6", "libgomp1", "tzdata")
"""Packages besides Python's own: the C++ libraries with which DuckDB and Arrow are linked, and time zones."""

UNWANTED = re.compile(
    r"(debconf|cdebconf|libdebian-installer|libnewt|libslang|libtextwrap|openssl$|openssl-provider|ca-certificates"
    r"|dpkg|perl|readline-common|libdb5|libc-bin|libc-l10n|base-files|adduser|dash|bash|mailcap)"
)
"""Packages that others need only to be installed. They are left out, because packages are only unpacked here."""

DROPPED = (
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/sbin",
    "sandbox",
    "opt/site",
)
FORBIDDEN = re.compile(
    r"^(sh|dash|bash|busybox|perl.*|pip.*|gcc.*|cc|ld|as|tcc|make|su|sudo|mount|umount|apt.*|dpkg.*|curl|wget|nc|ssh)$"
)
"""Names of programs that are removed from every image, whatever its base has."""

FOLDERS = ("bin", "dev", "proc", "sys", "etc", "tmp", "out", "data", "sandbox", "opt/site")


def run_tool(
    command: Sequence[str],
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a host tool and return its standard output. Raises Unavailable, with the tool's name, if it is not installed
    or fails; then also with the last 600 characters of its errors."""
    try:
        done = subprocess.run(command, check=True, text=True, capture_output=True, cwd=cwd, stdin=stdin, env=env)
    except FileNotFoundError as missing:
        raise Unavailable(f"The program {command[0]!r} is not installed: images cannot be built.") from missing
    except subprocess.CalledProcessError as failed:
        raise Unavailable(f"{command[0]} failed while an image was built: {failed.stderr.strip()[-600:]}") from failed
    return str(done.stdout)


def debian_python_version() -> str:
    """Return the version that this Debian calls python3, such as 3.13. Raises Unavailable if apt knows no packages."""
    found = re.search(r"Depends: python(3\.\d+)-minimal", run_tool(["apt-cache", "depends", "python3-minimal"]))
    if not found:
        raise Unavailable("No Debian packages are known here: run `apt-get update`, or give a base image (BASE).")
    return found.group(1)


def package_closure(version: str) -> list[str]:
    """Return the names of the packages to unpack, with their dependencies, in alphabetical order. `version` is
    Python's, such as 3.13."""
    flags = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    seeds = [f"python{version}-minimal", f"libpython{version}-stdlib", *SEEDS]
    listed = run_tool(["apt-cache", "depends", "--recurse", *flags, *seeds])
    return sorted({line for line in listed.split("\n") if re.match(r"[a-z]", line) and not UNWANTED.match(line)})


def unpack_debian(tree: Path, downloads: Path) -> list[dict[str, str]]:
    """Fill `tree` from Debian packages, whose signatures apt checks, and return them as components for the SBOM. The
    packages stay in `downloads`. Raises Unavailable if one cannot be fetched or unpacked."""
    downloads.mkdir(parents=True, exist_ok=True)
    packages = package_closure(debian_python_version())
    for name in ("bin", "lib", "lib64", "sbin"):
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(f"usr/{name}")
    run_tool(["apt-get", "download", "-qq", *packages], cwd=downloads)
    listed = []
    for package in packages:
        archive = max(downloads.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        _unpack(archive, tree)
        listed.append({"type": "library", "name": package, "version": archive.name.split("_")[1].replace("%3a", ":")})
    return listed


def _unpack(archive: Path, tree: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as source:
        run_tool(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(tree)], stdin=source.stdout)
    if source.returncode:
        raise Unavailable(f"The package {archive.name} cannot be unpacked.")


def remove_unneeded(tree: Path) -> None:
    """Remove folders and programs that no job needs, whatever the base is. Afterwards no file is setuid or setgid, and
    no shell is in a folder of programs."""
    for folder in DROPPED:
        shutil.rmtree(tree / folder, ignore_errors=True)
    for path in [*(tree / "usr/share/doc").glob("*/*")]:
        if path.name != "copyright":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    for folder, _, files in os.walk(tree):
        for name in files:
            _clean_file(Path(folder) / name)
    for name in FOLDERS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/:/none\nnobody:x:65534:65534::/tmp:/none\n")
    (tree / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")


def _clean_file(path: Path) -> None:
    if FORBIDDEN.match(path.name) and path.parent.name in ("bin", "sbin"):
        path.unlink()
    elif not path.is_symlink():
        mode = path.stat().st_mode
        if mode & (stat.S_ISUID | stat.S_ISGID):
            path.chmod(mode & 0o777)


def interpreter_path(tree: Path) -> Path:
    """Return the path of the tree's Python, relative to the tree. Raises Unavailable if it has none."""
    for folder in ("usr/local/bin", "usr/bin"):
        for path in sorted((tree / folder).glob("python3.*"), reverse=True):
            if re.fullmatch(r"python3\.\d+", path.name):
                return path.relative_to(tree)
    raise Unavailable("The base has no Python: give one that has /usr/bin/python3.x or /usr/local/bin/python3.x.")


def install_wheels(tree: Path, lock: Path) -> list[dict[str, str]]:
    """Install the wheels of a lock file, each checked against its hash, for the tree's Python, and return them as
    components for the SBOM. Raises Unavailable if one cannot be fetched or has another hash."""
    version = interpreter_path(tree).name.removeprefix("python")
    run_tool([find_uv_bin(), "pip", "install", "-q", "--link-mode", "copy", "--only-binary", ":all:",
         "--python-platform", "linux", "--python-version", version, "--require-hashes", "--no-deps",
         "--target", str(tree / "opt/site"), "-r", str(lock)])  # fmt: skip
    found = [path.name.removesuffix(".dist-info").split("-", 1) for path in (tree / "opt/site").glob("*.dist-info")]
    shutil.rmtree(tree / "opt/site/bin", ignore_errors=True)
    for tests in [path for path in (tree / "opt/site").rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests)
    return [{"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
            for name, version in sorted(found)]  # fmt: skip


def standard_library(tree: Path) -> Path:
    """Return the folder of the standard library, in the tree."""
    python = interpreter_path(tree)
    return tree / python.parent.parent / "lib" / python.name


def compile_bytecode(tree: Path, folders: Sequence[Path]) -> None:
    """Compile all modules in the folders, which are in the tree. Python never checks this bytecode against its source,
    because an image never changes; start-up is 2.5 times faster. Raises Unavailable if the tree's Python does not
    run."""
    python = interpreter_path(tree)
    loader = next(iter([*tree.glob("lib64/ld-linux*.so.*"), *tree.glob("lib/ld-linux*.so.*")]))
    homes = [tree / "usr/local/lib", tree / "usr/lib", *tree.glob("usr/lib/*-linux-*")]
    libraries = ":".join(str(path) for path in homes)
    run_tool([str(loader), "--library-path", libraries, str(tree / python), "-S", "-m", "compileall", "-q", "-q", "-f",
         "-j", "2", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/", *map(str, folders)],
        env={"PYTHONHOME": str(tree / python.parent.parent), "PATH": os.environ["PATH"]})  # fmt: skip


def write_sbom(path: Path, components: list[dict[str, str]]) -> None:
    """Write the SBOM as CycloneDX 1.5, in JSON."""
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components}, indent=1))
