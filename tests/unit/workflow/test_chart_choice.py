"""The chart of a released table: its axes and colours, and tables without a chart."""

from broker.disclosure.records.released_tables import ReleasedTable, read_released
from broker.domain.jobs.script_requests import FigureMark
from broker.workflow.views.released_outputs import Axes, _mark, axes_of

CSV = b"region,AcademicYear,n,mean\nA,2021/2022,10,1.5\nA,2022/2023,20,c\nB,2021/2022,30,2.5\nB,2022/2023,c,c"


def table(content: bytes = CSV, *keys: str) -> ReleasedTable:
    return read_released(content, {"c": "Confidential"}, frozenset(keys or ("region", "AcademicYear")))


def test_a_year_goes_along_and_the_other_key_is_a_colour() -> None:
    axes = axes_of(table(), "", "")
    assert axes == Axes(x=1, y=2, colour=0)
    assert _mark(table(), axes) is FigureMark.LINE


def test_a_requested_chart_is_drawn_where_the_table_has_its_columns() -> None:
    assert axes_of(table(), "region", "mean") == Axes(x=0, y=3, colour=1)
    assert axes_of(table(), "mean", "region") == axes_of(table(), "", "")


def test_bars_stand_alone_and_rows_that_share_a_place_are_points() -> None:
    single = table(b"region,n\nA,5\nB,10\n", "region")
    axes = axes_of(single, "", "")
    assert axes is not None
    assert _mark(single, axes) is FigureMark.BAR
    shared = table(b"a,b,d,n\nA,x,1,5\nA,x,2,10\n", "a", "b", "d")
    axes = axes_of(shared, "a", "")
    assert axes is not None
    assert _mark(shared, axes) is FigureMark.POINT


def test_nothing_is_drawn_where_nothing_is_shown_or_counted() -> None:
    assert axes_of(table(b"region,n\nA,c\nB,c\n", "region"), "", "") is None
    assert axes_of(table(b"region\nA\n", "region"), "", "") is None
    assert axes_of(table(b"n\n5\n", "none"), "", "") is None
    assert axes_of(table(b"region,n\n", "region"), "", "") is None
