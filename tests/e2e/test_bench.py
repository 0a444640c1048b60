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


def test_the_check_line_measures_both_sides(monkeypatch):
    monkeypatch.setattr(bench.check, "ROUNDS", 2)
    lines = bench.check.check_lines()
    assert [line.name for line in lines] == [f"check: {name}" for name in bench.check.QUERIES]
    assert all(line.ours_ms > 0 and line.baseline_ms > 0 for line in lines)


def test_the_samples_and_the_shell_are_measured(monkeypatch):
    monkeypatch.setattr(bench.samples, "ROUNDS", 1)
    monkeypatch.setattr(bench.cold, "ROUNDS", 1)
    (samples,), (cold,) = bench.samples.sample_lines(), bench.cold.cold_lines()
    assert samples.ours_min_ms <= samples.ours_ms
    assert cold.ours_ms > 0


def test_rehearsals_are_measured_next_to_the_raw_query(monkeypatch):
    monkeypatch.setattr(bench.rehearse, "ROUNDS", 1)
    monkeypatch.setattr(bench.rehearse, "PUPILS", 500)
    lines = bench.rehearse.rehearse_lines()
    assert len(lines) == len(bench.rehearse.QUERIES)
    assert all(line.ours_ms > line.baseline_ms > 0 for line in lines)
