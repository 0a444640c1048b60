"""Draws a figure from a table as it would be released, and from nothing else. The only room that knows altair.

A hidden figure is not drawn; names of columns are titles only: nothing of a script is part of a drawing's code.
"""

from decimal import Decimal
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.handed import HandedFigure, Mark
from broker.domain.outputs import Assessment
from broker.domain.scalars import Value

WIDTH, HEIGHT = 560, 320
MOST_POINTS = 5_000


def draw(figure: HandedFigure, table: Assessment) -> bytes:
    """The SVG. Raises Invalid("request") where the table has no such columns, or nothing to draw."""
    points = points_of(figure, table)
    import altair as alt  # takes half a second, and few jobs have figures
    import vl_convert

    numbers = all(isinstance(p["x"], int | float) for p in points) and figure.mark is not Mark.BAR
    marks: dict[Mark, Any] = {Mark.BAR: "bar", Mark.LINE: {"type": "line", "point": True}, Mark.POINT: "point"}
    data = alt.InlineData(values=points)
    chart = alt.Chart(data, width=WIDTH, height=HEIGHT, mark=marks[figure.mark])
    axes: dict[str, Any] = {
        "x": alt.X("x:Q" if numbers else "x:O", title=figure.x, sort=None),
        "y": alt.Y("y:Q", title=figure.y),
    }
    if figure.colour is not None:
        axes["color"] = alt.Color("colour:N", title=figure.colour)
    spec = chart.encode(**axes).to_dict()
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    return svg.encode()


def points_of(figure: HandedFigure, table: Assessment) -> list[dict[str, Any]]:
    """One point for each row whose figures are all shown."""
    wanted = {"x": figure.x, "y": figure.y} | ({"colour": figure.colour} if figure.colour else {})
    places = {axis: _place(column, axis, table) for axis, column in wanted.items()}
    shown = [r for r in table.rows if not any(r.suppressed[i] or r.released[i] is None for i in places.values())]
    if not shown or len(shown) > MOST_POINTS:
        raise Invalid("request", f"There is nothing to draw, or more than {MOST_POINTS} points.", "/data")
    points = [{axis: _plain(r.released[i]) for axis, i in places.items()} for r in shown]
    if not all(isinstance(p["y"], int | float) for p in points):
        raise Invalid("request", f"{figure.y} is no number.", "/y")
    return points


def _place(column: str, axis: str, table: Assessment) -> int:
    folded = [c.casefold() for c in table.columns]
    if column.casefold() not in folded:
        raise Invalid("request", f"The table {table.name} has no column {column}.", f"/{axis}")
    return folded.index(column.casefold())


def _plain(value: Value) -> int | float | str:
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
