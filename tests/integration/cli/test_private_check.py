"""`broker check --private`: what a private answer would be worth, told from policy and text alone."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.integration.cli.test_contract import ROOT, broker
from tests.integration.web.conftest import missing

ATTENDANCE = "broker/demo/jobs/attendance.sql"
OPENED: list[str] = []
"""Every file that was opened while `listening`."""

pytestmark = pytest.mark.long
LISTENING = [False]
sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if LISTENING[0] and event == "open" else None)


def forecast(*options: str) -> dict:
    ended = broker("check", ATTENDANCE, "--project", "P0733", "--json", *options)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["private"]


def test_the_forecast_has_spend_share_errors_and_other_spends():
    found = forecast("--private")
    assert found["spend"] == {"epsilon": 0.5, "delta": 0.0}
    assert (found["share"], found["share_of"]) == (0.125, "the privacy budget of the project")
    assert (found["is_automatic"], found["display_floor"], found["interval_level"]) == (True, 10, 0.95)
    by_figure = {f: [e for e in found["expected"] if e["figure"] == f] for f in ("pupils", "missed")}
    (pupils,) = by_figure["pupils"]
    assert pupils["by"] == ["NCyearActual"]
    assert 0 < pupils["error"] < pupils["half_interval"]
    errors = {e["persons_in_the_cell"]: e["error"] for e in by_figure["missed"]}
    assert errors[100] == pytest.approx(10 * errors[1000], rel=0.01), "a curve over how many persons a cell has"
    halves = [o["expected"][0]["error"] for o in found["other_spends"] if o["spend"]["epsilon"] in {0.25, 1.0}]
    assert halves == pytest.approx([2 * pupils["error"], pupils["error"] / 2], rel=0.01)


def test_a_spend_is_an_option_or_follows_from_an_error():
    assert forecast("--private", "--epsilon", "0.25")["spend"]["epsilon"] == 0.25
    found = forecast("--private", "--error", "10")
    (error,) = [e["error"] for e in found["expected"] if e["figure"] == "pupils"]
    assert 9.8 <= error <= 10
    found = forecast("--private", "--error", "0.5 of missed at 1000")
    (error,) = [e["error"] for e in found["expected"] if e["persons_in_the_cell"] == 1000]
    assert 0.49 <= error <= 0.5


def test_people_see_the_forecast_as_a_table():
    costs = "costs epsilon 0.5, 12.5 % of the privacy budget of the project"
    ended = broker("check", ATTENDANCE, "--project", "P0733", "--private")
    assert missing(ended.stdout, costs, "the first row of npd.absence counts", "at epsilon 0.25") == []


def test_invariant_11_it_opens_policies_and_the_text_and_nothing_else():
    """Invariant 11: whatever lies in the data folder, none of it is opened."""
    OPENED.clear()
    LISTENING[0] = True
    try:
        assert forecast("--private")
    finally:
        LISTENING[0] = False
    own = {os.path.relpath(p, ROOT) for p in OPENED if Path(p).resolve().is_relative_to(ROOT)}
    own = {p for p in own if not p.startswith((".venv", "broker/")) and not p.endswith((".pyc", ".py"))}
    assert own
    assert all(p.startswith("policies") for p in own), own
    assert not [p for p in OPENED if p.endswith((".parquet", ".db", ".sqlite", "description.json"))]
