"""What a proof is: files of tests that run at full size, and what is measured beside them. How it is run and told."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = "14400"
"""How long one test may take."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a proof: what was run, whether it is met, and the figures."""

    name: str
    met: bool
    figures: Mapping[str, object]
    note: str = ""

    def __str__(self) -> str:
        return f"{'met    ' if self.met else 'NOT MET'} {self.name}: {dict(self.figures)} {self.note}".rstrip()


@dataclass(frozen=True, slots=True)
class Tests:
    """Files of tests that one line runs, and the names of the figures that they report with `report_figures`."""

    files: Sequence[str]
    figures: Sequence[str] = ()


Measured = Callable[[], Iterable[Line]]


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of a claim.

    `shows`: the claim. `sizes`: environment variables by which tests know how large they are. `tests`: by the name of
    a line. `measured`: by a name; runs before the tests, with nothing beside it. `at_once`: lines of tests that may
    run beside each other. `over_all`: a line about the figures of all others."""

    shows: str
    seed: int
    sizes: Mapping[str, object] = field(default_factory=dict)
    tests: Mapping[str, Tests] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    at_once: int = 1
    over_all: Callable[[Sequence[Line]], Line] | None = None


def lines_of(proof: Proof, words: Sequence[str] = ()) -> Iterator[Line]:
    """Run a proof, or the lines whose names hold one of the words. Each line comes as soon as it is known."""

    def is_wanted(name: str) -> bool:
        return not words or any(word.casefold() in name.casefold() for word in words)

    found: list[Line] = []
    for name, measure in proof.measured.items():
        for line in measure() if is_wanted(name) else ():
            found.append(line)
            yield line
    asked = [(name, tests) for name, tests in proof.tests.items() if is_wanted(name)]
    with ThreadPoolExecutor(proof.at_once) as pool:
        for line in pool.map(lambda each: _tested(proof, *each), asked):
            found.append(line)
            yield line
    if proof.over_all is not None and not words:
        yield proof.over_all(found)


def _tested(proof: Proof, name: str, tests: Tests) -> Line:
    """Run the files with sizes and seed in the environment, on every runtime and database."""
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        told = {"PROOF_SEED": str(proof.seed), "PROOF_FIGURES": folder}
        env = os.environ | {size: str(value) for size, value in proof.sizes.items()} | told
        command = [sys.executable, "-m", "pytest", *tests.files, "--everywhere", "--timeout", MOST_SECONDS]
        began = time.monotonic()
        ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        figures: dict[str, object] = {"seconds": round(time.monotonic() - began)}
        for part in tests.figures:
            if (path := Path(folder) / f"{part}.json").exists():
                figures[part] = json.loads(path.read_text())
    is_met = ended.returncode == 0
    return Line(name, is_met, figures, "" if is_met else without_folders(ended.stdout)[-1500:])


def without_folders(text: str) -> str:
    """What a test said, without the folders that it stands in on this machine."""
    return re.sub(r"(?<![\w.])/(?:[\w.+-]+/)+(?=[\w.+-]+\.py\b)", "", text)
