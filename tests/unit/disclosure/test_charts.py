"""Charts show only the released values of a table: no hidden value, and no text as code."""

from dataclasses import replace
from decimal import Decimal

import pytest

from broker.disclosure.charts import chart_points, draw_chart
from broker.domain.errors import Invalid
from broker.domain.findings import AssessedRow, Assessment, Verdict
from broker.domain.jobs.script_requests import FigureMark, ScriptFigure


def row(phase: str, n: int, share: str, hidden: bool = False) -> AssessedRow:
    exact = (phase, n + 1, Decimal("0.987654"))
    released = (phase, None if hidden else n, None if hidden else Decimal(share))
    return AssessedRow((phase,), exact, released, (False, hidden, hidden), (Verdict.PUBLISH,) * 3, ((),) * 3, n)


TABLE = Assessment(
    "t", ("phase", "n", "share"), 1, (row("PS", 120, "0.3"), row("SS", 3, "0.9", hidden=True), row("<b>&", 40, "0.5")),
    (), Verdict.SUPPRESS, False,
)  # fmt: skip


def figure(**changed: object) -> ScriptFigure:
    return replace(ScriptFigure("f", "t", FigureMark.BAR, "phase", "share", None, ""), **changed)  # type: ignore[arg-type]


def test_hidden_figures_and_exact_values_are_not_drawn() -> None:
    assert chart_points(figure(), TABLE) == [{"x": "PS", "y": 0.3}, {"x": "<b>&", "y": 0.5}]
    drawn = draw_chart(figure(), TABLE).decode()
    assert drawn.startswith("<svg")
    assert "0.987" not in drawn
    assert "SS" not in drawn
    assert "<b>" not in drawn


@pytest.mark.parametrize("mark", FigureMark)
def test_every_mark_is_drawn_and_always_the_same(mark: FigureMark) -> None:
    wanted = figure(mark=mark, x="n", colour="phase")
    assert draw_chart(wanted, TABLE) == draw_chart(wanted, TABLE)


@pytest.mark.parametrize("changed", [{"x": "other"}, {"y": "phase"}, {"colour": "nothing"}])
def test_what_the_table_lacks_cannot_be_drawn(changed: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        draw_chart(figure(**changed), TABLE)
