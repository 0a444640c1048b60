"""The bench's harness alternates sides and tells ratios; its check line runs on the real check."""

import json

import bench.check
from bench.harness import compare, report


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
