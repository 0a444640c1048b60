"""The chart of a released table: its axes and colours, and tables without a chart."""

import pytest

from broker.disclosure.records.released_tables import read_released
from broker.domain.jobs.script_requests import FigureMark
from broker.workflow.views.released_outputs import Axes, _mark, axes_of

CSV = b"region,AcademicYear,n,mean\nA,2021/2022,10,1.5\nA,2022/2023,20,c\nB,2021/2022,30,2.5\nB,2022/2023,c,c"


KEYS, SINGLE, PAIR = ("region", "AcademicYear"), ("region",), ("a", "b", "d")
PLACES = b"a,b,d,n\nA,x,1,5\nA,x,2,10\n"
LINE, BAR, POINT = FigureMark.LINE, FigureMark.BAR, FigureMark.POINT

CHARTS = {
    # what the table is like: its content and keys, what was asked for, and its axes and mark
    "a year goes along, another key is a colour": (CSV, KEYS, ("", ""), Axes(1, 2, 0), LINE),
    "what was asked for": (CSV, KEYS, ("region", "mean"), Axes(0, 3, 1), POINT),
    "not what it has otherwise": (CSV, KEYS, ("mean", "region"), Axes(1, 2, 0), LINE),
    "bars stand alone": (b"region,n\nA,5\nB,10\n", SINGLE, ("", ""), Axes(0, 1, None), BAR),
    "rows that share a place are points": (PLACES, PAIR, ("a", ""), Axes(0, 3, 1), POINT),
    "nothing is shown": (b"region,n\nA,c\nB,c\n", SINGLE, ("", ""), None, None),
    "nothing is counted": (b"region\nA\n", SINGLE, ("", ""), None, None),
    "no key": (b"n\n5\n", ("none",), ("", ""), None, None),
    "no rows": (b"region,n\n", SINGLE, ("", ""), None, None),
}


@pytest.mark.parametrize(("content", "keys", "asked", "axes", "mark"), CHARTS.values(), ids=CHARTS)
def test_the_chart_of_a_table(content, keys, asked, axes, mark) -> None:
    table = read_released(content, {"c": "Confidential"}, frozenset(keys))
    assert axes_of(table, *asked) == axes
    assert axes is None or _mark(table, axes) is mark
