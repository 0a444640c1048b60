"""Noisy cells as the rows of planned tables, for the program above them: each figure as it is shown, with its interval
beside it."""

from collections.abc import Sequence

from broker.domain.plans import PlannedOutput, PlannedTable
from broker.postprocessing.cells import Cell as Seen
from broker.postprocessing.cells import Line, Lines, Origin
from broker.privacy.asking.places import Measurable
from broker.privacy.results.cells import Told
from broker.privacy.results.strips import Strip, Strips, figures_in, idents, strips_of

HIDDEN = Seen(None, None, hidden=True, origin=Origin.STATISTIC)
NOBODY = Seen(None, None, origin=Origin.COMPUTED)


def lines_of(planned: PlannedOutput, measured: Measurable, told: Sequence[Sequence[Told]]) -> list[Lines]:
    """Of each planned table; `told`: of each of its private tables, set by set."""
    return [_lines(table, measured, strips_of(table, n, measured, told)) for n, table in enumerate(planned.tables)]


def _lines(table: PlannedTable, measured: Measurable, strips: Strips) -> Lines:
    blank = {k.ident: NOBODY for k in table.keys}
    for ident in figures_in(table, measured):
        blank |= dict.fromkeys(idents(ident), HIDDEN)
    return Lines(rows_in(strips), blank)


def rows_in(strips: Strips) -> tuple[Line, ...]:
    """A line a cell."""
    columns = {ident: _seen(strip) for ident, strip in strips.columns.items()}
    cells = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not columns:
        cells = [{} for _ in strips.shown]
    return tuple(Line(c, shown, strips.listed, None) for c, shown in zip(cells, strips.shown, strict=True))


def _seen(strip: Strip) -> list[Seen]:
    """Nothing stands behind a noisy figure that staff could see beside it. Keys have one cell a value."""
    if strip.is_key:
        known = {value: Seen(value, value, origin=Origin.KEY) for value in strip.values}
        return [known[value] for value in strip.values]
    return [
        HIDDEN if hidden else Seen(value, value, origin=Origin.STATISTIC)
        for value, hidden in zip(strip.values, strip.hidden, strict=True)
    ]
