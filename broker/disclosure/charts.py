"""Draws charts as SVG: from a table as it would be released, or of an amount over time. The only module that imports
altair.

A suppressed figure is not drawn. Column names appear only as titles: nothing from a script becomes part of the code of
a drawing.
"""

from decimal import Decimal
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.findings import Assessment
from broker.domain.jobs.script_requests import FigureMark, ScriptFigure
from broker.domain.plans.scalars import Value

WIDTH, HEIGHT = 560, 320
MAX_POINTS = 5_000
UPRIGHT_LETTERS = 90
"""The number of letters that fit side by side under a chart."""


def draw_chart(figure: ScriptFigure, table: Assessment) -> bytes:
    """Return the chart as SVG. Raises Invalid("request") if the table lacks the columns, or has nothing or too much to
    draw."""
    return draw_points(figure, chart_points(figure, table))


def draw_points(figure: ScriptFigure, points: list[dict[str, Any]]) -> bytes:
    """Return the SVG of points with `x`, `y` and, if the figure has one, `colour`."""
    import altair as alt  # takes half a second, and few jobs have figures
    import vl_convert

    # Bars need categories.
    numbers = all(isinstance(p["x"], int | float) for p in points) and figure.mark is not FigureMark.BAR
    dots: Any = {"type": "point", "filled": True, "size": 70}
    marks: dict[FigureMark, Any] = {
        FigureMark.BAR: "bar",
        FigureMark.LINE: {"type": "line", "point": True},
        FigureMark.POINT: dots,
    }
    data = alt.InlineData(values=points)
    chart = alt.Chart(data, width=WIDTH, height=HEIGHT, mark=marks[figure.mark])
    axes: dict[str, Any] = {
        "x": alt.X("x:Q", title=figure.x)
        if numbers
        else alt.X("x:O", title=figure.x, sort=None, axis=_label_axis(points)),
        "y": alt.Y("y:Q", title=figure.y),
    }
    if figure.colour is not None:
        axes["color"] = alt.Color("colour:N", title=figure.colour, legend=alt.Legend(orient="top"))
    spec = chart.encode(**axes).to_dict()
    # No URL may be fetched while drawing.
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return svg.encode()


def _label_axis(points: list[dict[str, Any]]) -> Any:
    """Label short words horizontally, so that they are easy to read."""
    import altair as alt

    words = {str(p["x"]) for p in points}
    short = len(words) * (2 + max(map(len, words))) < UPRIGHT_LETTERS
    return alt.Axis(labelAngle=0) if short else alt.Axis()


def draw_time_series(points: list[tuple[str, float]], most: float, title: str) -> bytes:
    """Return the SVG of an amount over time: steps between moments (ISO), and a line at `most`, its limit."""
    import altair as alt
    import vl_convert

    values = alt.InlineData(values=[{"x": at, "y": amount} for at, amount in points])
    days = alt.Axis(format="%-d %b %Y", tickCount=6, labelOverlap=True)
    line: Any = {"type": "line", "interpolate": "step-after", "point": True}
    course = alt.Chart(values, width=WIDTH, height=HEIGHT // 2, mark=line)
    course = course.encode(
        x=alt.X("x:T", title=None, scale=alt.Scale(type="utc"), axis=days), y=alt.Y("y:Q", title=title)
    )
    limit = alt.Chart(alt.InlineData(values=[{"y": most}]), mark="rule").encode(y=alt.Y("y:Q", title=title))
    svg: str = vl_convert.vegalite_to_svg((limit + course).to_dict(), allowed_base_urls=[])
    return svg.encode()


def chart_points(figure: ScriptFigure, table: Assessment) -> list[dict[str, Any]]:
    """One point for each row in which none of the chart's columns is suppressed. Raises Invalid("request") if there are
    no points or too many, or if `y` is not a number."""
    wanted = {"x": figure.x, "y": figure.y} | ({"colour": figure.colour} if figure.colour else {})
    places = {axis: _column_index(column, axis, table) for axis, column in wanted.items()}
    shown = [r for r in table.rows if not any(r.suppressed[i] or r.released[i] is None for i in places.values())]
    if not shown or len(shown) > MAX_POINTS:
        raise Invalid("request", f"There is nothing to draw, or more than {MAX_POINTS} points.", "/data")
    points = [{axis: _plain(r.released[i]) for axis, i in places.items()} for r in shown]
    if not all(isinstance(p["y"], int | float) for p in points):
        raise Invalid("request", f"{figure.y} is not a number.", "/y")
    return points


def _column_index(column: str, axis: str, table: Assessment) -> int:
    folded = [c.casefold() for c in table.columns]
    if column.casefold() not in folded:
        raise Invalid("request", f"The table {table.name} has no column {column}.", f"/{axis}")
    return folded.index(column.casefold())


def _plain(value: Value) -> int | float | str:
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
