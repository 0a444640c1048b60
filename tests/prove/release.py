"""`make release-proofs` runs every proof and writes docs/proofs/<name>.json, once for a version: that of
pyproject.toml, which has to be the newest heading of docs/CHANGELOG.md. What is recorded for it, and met, is not run
again."""

import json
import os
import platform
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.prove.proof import ROOT, Line, Proof, lines_of
from tests.prove.proofs import named, names

PROOFS = ROOT / "docs" / "proofs"


class NoRelease(Exception):
    """The version is not one that is released now."""


def version_of(root: Path) -> str:
    """The version to release. Raises NoRelease if the changes of docs/CHANGELOG.md do not begin with it."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+?)\s*$", (root / "docs" / "CHANGELOG.md").read_text(), re.MULTILINE)
    if not headings or headings[0].split()[0] != version:
        newest = headings[0] if headings else "nothing"
        raise NoRelease(
            f"docs/CHANGELOG.md begins with {newest!r}, and pyproject.toml says {version}. "
            f"Head the changes {version!r}, or write the new version into pyproject.toml."
        )
    return version


def recorded(folder: Path, name: str) -> dict[str, Any]:
    """What stands in the folder about a proof; empty if nothing does."""
    path = folder / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def record(folder: Path, name: str, version: str, proof: Proof, lines: Sequence[Line]) -> None:
    document = {
        "proof": name,
        "shows": proof.shows,
        "version": version,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": proof.seed,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()},
        "all_met": all(line.met for line in lines),
        "lines": [asdict(line) for line in lines],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2, default=str) + "\n")


def main() -> int:
    try:
        version = version_of(ROOT)
    except NoRelease as found:
        print(found, file=sys.stderr)
        return 1
    for name in names():
        if (before := recorded(PROOFS, name)).get("version") == version and before["all_met"]:
            print(f"{name}: recorded for {version}", flush=True)
            continue
        print(f"{name}: {named(name).shows}", flush=True)
        lines = []
        for line in lines_of(named(name)):
            print(line, flush=True)
            lines.append(line)
        record(PROOFS, name, version, named(name), lines)
    return 0 if all(recorded(PROOFS, name)["all_met"] for name in names()) else 2


if __name__ == "__main__":
    sys.exit(main())
