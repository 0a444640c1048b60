"""The bench's harness alternates sides and tells ratios; its check line runs on the real check."""

import json

import pytest

import bench.check
import bench.cold
import bench.rehearse
import bench.samples
from bench.harness import compare, report

pytestmark = pytest.mark.long


def test_a_line_is_the_ratio_of_medians(tmp_path):
    order = []
    line = compare("x", ("ours", lambda: order.append("o")), ("theirs", lambda: order.append("b")), rounds=4)
    assert order == list("ob" + "ob" + "bo" + "ob" + "bo")
    assert line.rounds == 4
    written = report([line], tmp_path)
    assert json.loads((tmp_path / "bench.json").read_text()) == written
    assert {"commit", "machine", "lines"} <= written.keys()


@pytest.mark.parametrize(
    ("module", "lines", "names"),
    [
        (bench.check, bench.check.check_lines, [f"check: {name}" for name in bench.check.QUERIES]),
        (bench.samples, bench.samples.sample_lines, None),
        (bench.cold, bench.cold.cold_lines, None),
    ],
    ids=["check", "samples", "shell"],
)
def test_both_sides_are_measured(monkeypatch, module, lines, names):
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = lines()
    assert names in (None, [line.name for line in found])
    assert all(line.ours_min_ms <= line.ours_ms > 0 and line.baseline_ms > 0 for line in found)


def test_rehearsals_are_measured_next_to_the_raw_query(monkeypatch):
    monkeypatch.setattr(bench.rehearse, "ROUNDS", 1)
    monkeypatch.setattr(bench.rehearse, "PUPILS", 500)
    lines = bench.rehearse.rehearse_lines()
    assert len(lines) == len(bench.rehearse.QUERIES)
    assert all(line.ours_ms > line.baseline_ms > 0 for line in lines)
