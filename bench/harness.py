"""Runs two sides of a comparison alternately and reports medians and their ratio, with the facts of the machine."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

Side = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison. Times in milliseconds; `ratio` is the median of ours over the median of the baseline's."""

    name: str
    ours: str
    baseline: str
    ours_ms: float
    baseline_ms: float
    ours_min_ms: float
    baseline_min_ms: float
    ratio: float
    rounds: int
    note: str = ""


def compare(
    name: str,
    ours: tuple[str, Side],
    baseline: tuple[str, Side],
    rounds: int,
    note: str = "",
    between: Side = lambda: None,
) -> Line:
    """Alternate both sides `rounds` times after one warm-up each; which goes first changes every round. `between` is
    called before each side and is in nobody's time."""
    ours[1](), baseline[1]()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for side in order:
            between()
            began = time.perf_counter()
            (ours, baseline)[side][1]()
            times[side].append((time.perf_counter() - began) * 1000)
    mine, theirs = (statistics.median(t) for t in times)
    return Line(
        name,
        ours[0],
        baseline[0],
        round(mine, 3),
        round(theirs, 3),
        round(min(times[0]), 3),
        round(min(times[1]), 3),
        round(mine / theirs, 3),
        rounds,
        note,
    )


def machine() -> dict[str, object]:
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def report(lines: list[Line], folder: Path) -> dict[str, object]:
    """Write `bench.json` and return it."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    document = {
        "commit": commit,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "lines": [asdict(line) for line in lines],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(document, indent=2) + "\n")
    return document
