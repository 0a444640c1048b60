"""Any text gets a verdict, never a traceback, within a second and in little memory; huge texts at once."""

# ruff: noqa: E501 - one value a line reads as a table

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.proof_size import report_figures, seed, size

AT_ONCE = (
    "a megabyte of text", "a megabyte of one literal", "10,000 brackets", "10,000 brackets that are not closed", "10,000 CASE",
)  # fmt: skip
pytestmark = pytest.mark.alone
"""Processor time, too, is longer where others have the processor's caches."""

SECONDS, AT_ONCE_SECONDS, MEGABYTES = 1.0, 0.2, 500


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """One run in each process, of its own seed."""
    script, processes = str(Path(__file__).with_name("fuzz.py")), size("PROCESSES", 1)
    count = str(size("SUBMISSIONS", 500) // processes)
    commands = [[sys.executable, script, str(seed() + i), count] for i in range(processes)]
    running = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
    ended = [json.loads(p.communicate()[0]) for p in running]
    report_figures("fuzz", {
        "submissions": sum(f["submissions"] for f in ended), "accepted": sum(f["accepted"] for f in ended),
        "refusal_codes": max(f["codes"] for f in ended), "faults": sum(f["tracebacks_and_faults"] for f in ended),
        "slowest_cpu_seconds": max(f["slowest_cpu_seconds"] for f in ended), "rss_megabytes": max(f["rss_megabytes"] for f in ended),
        "slowest_wall_seconds": max(f["slowest_wall_seconds"] for f in ended), "large_seconds": ended[0]["large"],
    })  # fmt: skip
    return ended


def test_every_submission_gets_a_verdict(found: list[dict[str, Any]]) -> None:
    assert [f["faults"] for f in found] == [[]] * len(found)


def test_no_check_is_slow_or_large(found: list[dict[str, Any]]) -> None:
    """Processor time: the machine may be busy with other things."""
    assert [f["slow"] for f in found] == [[]] * len(found)
    assert all(f["slowest_cpu_seconds"] <= SECONDS and f["rss_megabytes"] <= MEGABYTES for f in found)


def test_huge_texts_are_refused_at_once(found: list[dict[str, Any]]) -> None:
    assert all(f["large"][name] <= AT_ONCE_SECONDS for f in found for name in AT_ONCE)
