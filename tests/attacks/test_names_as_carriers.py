"""Attacks by names that a script gives while it runs: of outputs, columns and terms, and in which order they come."""

import json
from dataclasses import replace

from broker.domain.handed import HandedFigure, Mark
from broker.domain.outputs import OutputState, Verdict
from broker.domain.ports import SandboxEnd, SandboxResult
from broker.python_jobs.left import Left
from broker.sandbox.collector import FrameCollector
from broker.workflow.handed_outputs import Computed
from broker.workflow.prepared import Prepared
from broker.workflow.script_outputs import script_outputs
from broker.workflow.scripts import RanScript
from tests.attacks.script_town import broker, policies, profile, rows, tabulated
from tests.unit.workflow.conftest import PYTHON, Broker

DECLARED = (("means.csv", "Means"), ("drawn.svg", "A figure"))
FIGURE = HandedFigure("drawn", "means", Mark.BAR, "phase", "n", None, "")


def computed(name: str, found: object = None) -> Computed:
    return Computed(name, "table", "", found or tabulated(rows())[1])  # type: ignore[arg-type]


def made(*left: Computed) -> dict[str, Prepared]:
    """The outputs of a script that has left these, by name."""
    ran = RanScript(SandboxResult(SandboxEnd.ENDED, (), "i", "runc", 1.0, b""), Left((), (), {}), left, {})
    parts = Broker(*[None] * 7)  # type: ignore[arg-type]
    parts.collector = FrameCollector()  # type: ignore[attr-defined]
    return {p.name: p for p in script_outputs(parts, ran, DECLARED, policies(), profile())}  # type: ignore[arg-type]


def test_an_output_is_spelled_as_the_header_spells_it() -> None:
    """Of `phases` six capital letters can be chosen by a pupil's record."""
    with broker() as npd:
        npd.sandbox.files = {"pHaSEs.csv": b"PHASE,n\nPS,100\n"}
        _, output = npd.ran(PYTHON)
        assert (output.name, output.state, output.description) == (
            "phases.csv",
            OutputState.IN_REVIEW,
            "Pupils by phase",
        )
    assert set(made(computed("mEANs"))) == {"means.csv"}


def test_a_figure_is_drawn_of_an_output_that_a_checker_has() -> None:
    """Of a table that the header does not name nobody sees the findings, and so nothing is drawn of it."""
    drawn = replace(FIGURE, data="hidden")
    found = made(computed("hidden"), Computed("drawn", "figure", "", drawn))["drawn.svg"]
    assert (found.verdict, found.candidate) == (Verdict.REFUSE, None)


def test_a_figure_is_not_of_a_second_table_of_the_same_name() -> None:
    _, first = tabulated(rows())
    _, second = tabulated(rows(), by=["year"])
    found = made(computed("means", first), computed("MEANS", second), Computed("drawn", "figure", "", FIGURE))
    assert set(found) == {"means.csv", "drawn.svg"}
    assert b"PS" in (found["drawn.svg"].candidate or b"")
    assert json.loads(found["means.csv"].staff)["columns"][0] == "phase"
