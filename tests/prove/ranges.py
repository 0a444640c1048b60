"""Long proofs in ranges that go on where they stopped: what a finished range told is kept in build/proofs/<files>/, and
is not run again while the files that it can depend on are the same. With changes that no commit has, nothing is kept.

`python -m tests.prove.ranges` exports the finished ranges of HEAD in docs/proofs/ranges/<files>.json, so that another
machine goes on with them.
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.prove.record import ROOT

Told = dict[str, Any]
EXPORTED = ROOT / "docs" / "proofs" / "ranges"
UNREAD = re.compile(r"docs/proofs/|tests/(architecture|e2e|integration)/.*\btest_\w+\.py$")
"""Files that no range can depend on: summaries of proofs, and tests that no attack imports or runs."""


def figures_folder(name: str) -> Path | None:
    """Where a range's figures are kept, by all files of the commit but `UNREAD`; None where the tree has changes that
    no commit has."""
    if _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/proofs"):
        return None
    files = (line for line in _git("ls-tree", "-r", "HEAD").splitlines() if not UNREAD.match(line.split("\t")[1]))
    folder = ROOT / "build" / "proofs" / hashlib.sha256("\n".join(files).encode()).hexdigest()[:40]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')[:120]}.json"


def saved(path: Path | None) -> dict[str, Any] | None:
    """What is kept of a range: by this machine, or exported by another."""
    if path is None:
        return None
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    exported = EXPORTED / f"{path.parent.name}.json"
    return json.loads(exported.read_text()).get(path.stem) if exported.exists() else None


def export_ranges() -> Path:
    """Write what is kept of the ranges of HEAD into one file. Raises FileNotFoundError if nothing is."""
    path = figures_folder("any")
    if path is None or not any(path.parent.glob("*.json")):
        raise FileNotFoundError("No range is finished for the files of HEAD.")
    target = EXPORTED / f"{path.parent.name}.json"
    before = json.loads(target.read_text()) if target.exists() else {}
    found = before | {p.stem: json.loads(p.read_text()) for p in sorted(path.parent.glob("*.json"))}
    EXPORTED.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    return target


def resumed(name: str, run: Callable[[], Told], asked: Mapping[str, object] | None = None) -> Told:
    """What `run` tells, or told on this commit when it was asked the same. Only what it says is `met` is kept."""
    path, asks = figures_folder(name), json.loads(json.dumps(dict(asked or {}), default=str))
    before = saved(path)
    if before is not None and before["asked"] == asks:
        found: Told = before["told"]
        return found
    told: Told = json.loads(json.dumps(run(), default=str))
    if path is not None and told.get("met", True):
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(json.dumps({"asked": asks, "told": told}))
        half.replace(path)
    return told


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(export_ranges())
