"""Lines of a proof: files of the everyday suite at full size, with the figures that they tell."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.prove.ranges import Told, resumed
from tests.prove.record import ROOT, Line

MOST_SECONDS = "14400"


def property_line(
    name: str, files: Sequence[str], told: Sequence[str], sizes: Mapping[str, object], seed: int, folder: Path
) -> Line:
    """Run the test files with sizes and seed in the environment; `told` are the figures that they leave in `folder`."""
    proof = {"PROOF_SEED": str(seed), "PROOF_FIGURES": str(folder)}
    env = os.environ | {k: str(v) for k, v in sizes.items()} | proof
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", *files, "--everywhere", "--timeout", MOST_SECONDS]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    figures: dict[str, object] = {"seconds": round(time.monotonic() - began)}
    for part in told:
        if (folder / f"{part}.json").exists():
            figures[part] = json.loads((folder / f"{part}.json").read_text())
    return Line(
        name, ended.returncode == 0, figures, "" if ended.returncode == 0 else of_any_machine(ended.stdout)[-1500:]
    )


def of_any_machine(told: str) -> str:
    """What a test said, without the folders that it stands in on this machine."""
    return re.sub(r"(?<![\w.])/(?:[\w.+-]+/)+(?=[\w.+-]+\.py\b)", "", told)


def property_lines(
    properties: Mapping[str, tuple[Sequence[str], Sequence[str]]], sizes: Mapping[str, object], seed: int
) -> list[Line]:
    """One after the other: what shares an engine, and what measures time, is not disturbed by the others. A line that
    is met is not run again on the same files."""

    def line(title: str, files: Sequence[str], told: Sequence[str]) -> Line:
        def run() -> Told:
            with tempfile.TemporaryDirectory(prefix="prove-") as folder:
                return asdict(property_line(title, files, told, sizes, seed, Path(folder)))

        return Line(**resumed(title, run, {"files": files, "sizes": sizes, "seed": seed}))

    return [line(title, files, told) for title, (files, told) in properties.items()]
