"""Long proofs in ranges that go on where they stopped: what a finished range told is kept in build/proofs/<files>/, and
is not run again while the files that it can depend on are the same. With changes that no commit has, nothing is kept.

`python -m tests.prove.ranges` exports the finished ranges of HEAD in docs/proofs/ranges/<files>.json, so that another
machine goes on with them.
"""

import hashlib
import inspect
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.prove.record import ROOT

Told = dict[str, Any]
EXPORTED = ROOT / "docs" / "proofs" / "ranges"
UNREAD = re.compile(
    r"docs/proofs/|tests/prove/(ranges\.py$|attack_defences/(?!__init__))"
    r"|tests/(architecture|e2e|integration)/.*\btest_\w+\.py$"
)
"""Files that no range depends on unless it names them: summaries of proofs, this module, which finds nothing, lists of
defences, and tests that no attack imports or runs."""
ALONE = re.compile(r"tests/(?:attacks|docs|generative|spec|unit)/(?:.*/)?(test_\w+)\.py$")
"""A test: a range depends on it if it runs it (`files`), or if another file of tests imports it or runs it as a
script."""
PROOF = re.compile(r"tests/prove/(attacks|disclosure|figures|release_history)\.py$")
"""A proof in ranges: a range depends on it if its own code makes what the range tells, and not its list of files."""


def figures_folder(name: str) -> Path | None:
    """Where a range's figures are kept, by all files of the commit that every range may depend on; None where the tree
    has changes that no commit has."""
    if _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/proofs"):
        return None
    files = (line for path, line in _tree().items() if is_read_by_all(path))
    folder = ROOT / "build" / "proofs" / hashlib.sha256("\n".join(files).encode()).hexdigest()[:40]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')[:120]}.json"


def is_read_by_all(path: str) -> bool:
    test = ALONE.match(path)
    return not UNREAD.match(path) and not PROOF.match(path) and (test is None or test[1] in _named_tests())


@cache
def _named_tests() -> frozenset[str]:
    """The tests that another file of tests names: it may import them, or run them as a script. A proof or a list of
    defences names those that its own ranges state among their files."""
    paths = (path for path in (ROOT / "tests").rglob("*.py") if not UNREAD.match(str(path.relative_to(ROOT))))
    found = set[str]()
    for path in paths:
        words = r"\btest_\w+\b(?!\.py)" if path.parent.name == "prove" else r"\btest_\w+"
        found |= set(re.findall(words, path.read_text())) - {path.stem}
    return frozenset(found)


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
    """What `run` tells, or told when it was asked the same of the same files. Only what it says is `met` is kept.
    `asked`: the `files` of tests that it runs, if it names any, and its sizes."""
    path, asks = figures_folder(name), json.loads(json.dumps(dict(asked or {}), default=str))
    if "files" in asks:
        asks["tests"] = [line for file in asks["files"] for line in _lines_of(file)]
    code = str(Path(inspect.getsourcefile(run) or "").resolve().relative_to(ROOT))
    if PROOF.match(code):
        asks["proof"] = _lines_of(code)
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


def _lines_of(file: str) -> list[str]:
    """What the tree says about a file, or about all files of a folder."""
    return [line for path, line in _tree().items() if path == file or path.startswith(f"{file}/")]


def _tree() -> dict[str, str]:
    """The files of HEAD by path, each with its mode and hash."""
    return {line.split("\t")[1]: line for line in _git("ls-tree", "-r", "HEAD").splitlines()}


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(export_ranges())
