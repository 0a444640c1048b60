"""Attacks by names that a script makes at run time: of outputs, columns and terms, and their order."""

import json
from dataclasses import replace

import pytest

from broker.disclosure.records.staff_record_json import staff_record_to_bytes
from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.script_requests import FigureMark, ScriptFigure, ScriptTable
from broker.domain.ports import SandboxEnd, SandboxResult
from broker.python_jobs.regression_formula import read_formula
from broker.python_jobs.request_reader import in_canonical_order, names_not_in_text, read_request
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.script_outputs import draft_script_outputs
from broker.workflow.pipeline.script_run import ScriptExecution
from broker.workflow.pipeline.trusted_stage import ComputedOutput, RebuiltOutputs
from tests.attacks.script_town import (
    MEASURES,
    TABLE,
    broker,
    policies,
    profile,
    rows,
    stage,
    submitted_request,
    tabulated,
)
from tests.unit.workflow.conftest import PYTHON

pytestmark = pytest.mark.long

DECLARED = (("means.csv", "Means"), ("drawn.svg", "A figure"))
FIGURE = ScriptFigure("drawn", "means", FigureMark.BAR, "phase", "n", None, "")


def computed(name: str, found: object = None) -> ComputedOutput:
    return ComputedOutput(name, "table", "", found or tabulated(rows())[1])  # type: ignore[arg-type]


def made(*left: ComputedOutput) -> dict[str, DraftOutput]:
    """The outputs of a script that has left these, by name."""
    ran = ScriptExecution(SandboxResult(SandboxEnd.ENDED, (), "i", "runc", 1.0, b""), RebuiltOutputs(()), left)
    return {p.name: p for p in draft_script_outputs(ran, DECLARED, policies(), profile())}


def test_an_output_is_spelled_as_the_header_spells_it() -> None:
    """Of `phases` six capital letters can be chosen by a pupil's record."""
    with broker() as npd:
        npd.sandbox.files = {"pHaSEs.csv": b"PHASE,n\nPS,100\n"}
        _, output = npd.ran(PYTHON)
        told = (output.name, output.state, output.description)
        assert told == ("phases.csv", OutputState.IN_REVIEW, "Pupils by phase")
    assert set(made(computed("mEANs"))) == {"means.csv"}


def test_a_figure_is_drawn_of_an_output_that_a_checker_has() -> None:
    """Of a table that the header does not name nobody sees the findings, and so nothing is drawn of it."""
    drawn = replace(FIGURE, data="hidden")
    found = made(computed("hidden"), ComputedOutput("drawn", "figure", "", drawn))["drawn.svg"]
    assert (found.verdict, found.candidate) == (Verdict.REFUSE, None)


def test_a_figure_is_not_of_a_second_table_of_the_same_name() -> None:
    _, first = tabulated(rows())
    _, second = tabulated(rows(), by=["year"])
    found = made(computed("means", first), computed("MEANS", second), ComputedOutput("drawn", "figure", "", FIGURE))
    assert set(found) == {"means.csv", "drawn.svg"}
    assert b"PS" in (found["drawn.svg"].candidate or b"")
    assert found["means.csv"].record.table.columns[0] == "phase"


def rules(computed: ComputedOutput) -> set[str]:
    return {f.rule for f in computed.result.findings}  # type: ignore[union-attr]


def test_columns_stand_in_the_order_of_the_scripts_text() -> None:
    """Thirty measures in an order that is chosen at run time are a hundred bits."""
    turned = dict(reversed(MEASURES.items()))
    both = (submitted_request(), submitted_request(measures=turned))
    (one,), (other,) = (compute_outputs(stage(), [request]) for request in both)
    assert one.result.columns == other.result.columns == ("phase", *MEASURES)  # type: ignore[union-attr]


def test_terms_of_a_model_stand_in_one_order() -> None:
    one, other = (in_canonical_order(read_formula(f)) for f in ("y ~ a + C(b) + a:C(b)", "y ~ C(b):a + C(b) + a"))
    assert one == other


def test_the_checker_sees_names_that_the_script_made_at_run_time() -> None:
    (honest,) = compute_outputs(stage(), [submitted_request()])
    (computed,) = compute_outputs(stage(), [submitted_request(measures={"n_57": {"count": True}})])
    assert "H3" not in rules(honest)
    assert "H3" in rules(computed)


@pytest.mark.parametrize(
    ("ends", "told"), [([0, 100], False), ([-1.5, 2000], False), ([0, 57], True), ([0, 99.9], True)]
)
def test_the_checker_sees_bounds_that_the_script_made_at_run_time(ends: list[float], told: bool) -> None:
    """Which digits leave follows from them: a script can choose among nine, for each column."""
    document = TABLE | {"measures": {"m": {"mean": "own"}}, "bounds": {"own": ends}}
    asked = read_request(json.dumps(document).encode(), "table", "t")
    assert isinstance(asked, ScriptTable)
    text = "m = phase = {'own': (-1.5, 0, 100, 2_000), 'x57': 99.990}"
    assert names_not_in_text(asked, text) == (("bounds of own",) if told else ())


def test_the_checker_sees_two_tables_that_differ_in_one_person() -> None:
    """Each passes by itself; their difference is the person who was left out."""
    one, other = compute_outputs(stage(), [submitted_request("t"), submitted_request("u", less=2)])
    assert other.persons in {one.persons - 1, one.persons - 2}
    assert "H4" in rules(one) & rules(other)
    same, again = compute_outputs(stage(), [submitted_request("t"), submitted_request("u")])
    assert "H4" not in rules(same) | rules(again)


def test_what_a_script_says_of_an_output_at_run_time_is_not_its_description() -> None:
    """The header's words are: those of a request are nobody's to read but staff's."""
    left = compute_outputs(stage(), [submitted_request()])
    assert left[0].description == "57"
    ran = ScriptExecution(SandboxResult(SandboxEnd.ENDED, (), "i", "runc", 1.0, b""), RebuiltOutputs(()), left)
    (found,) = draft_script_outputs(ran, (("t.csv", "By phase"),), policies(), profile())
    assert b"57" not in (found.candidate or b"").split(b"\n")[0]
    assert b'"57"' not in staff_record_to_bytes(found.record)
