"""Noisy cells as the rows of planned tables, for the program above them: each figure as it is shown, with its interval
beside it. A cell under the display floor looks like one that cannot be told."""

from collections.abc import Sequence

from broker.above.cells import Cell as Seen
from broker.above.cells import Line, Lines, Origin
from broker.domain.plans import PlannedOutput, PlannedTable, Statistic
from broker.domain.scalars import Value
from broker.privacy.asking.measurable import Measurable
from broker.privacy.results.cells import Told
from broker.privacy.results.figures import figures
from broker.privacy.results.sides import high_of, low_of

HIDDEN = Seen(None, None, hidden=True, origin=Origin.STATISTIC)
NOBODY = Seen(None, None, origin=Origin.COMPUTED)


def lines_of(planned: PlannedOutput, measured: Measurable, told: Sequence[Sequence[Told]]) -> list[Lines]:
    """Of each planned table; `told`: of each of its private tables, set by set."""
    return [_table(table, n, measured, told) for n, table in enumerate(planned.tables)]


def _table(table: PlannedTable, number: int, measured: Measurable, told: Sequence[Sequence[Told]]) -> Lines:
    private, place = measured.sets[number]
    asked, of = measured.tables[private], told[private][place]
    listed = all(asked.dimensions[i].values is not None for i in asked.sets[place])
    columns = _keys(table, measured, private, of) | _figures(table, measured, private, of)
    cells = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not columns:
        cells = [{} for _ in of.keys]
    rows = tuple(Line(c, shown, listed, None) for c, shown in zip(cells, of.shown.tolist(), strict=True))
    blank = {k.ident: NOBODY for k in table.keys}
    for statistic in table.statistics:
        blank |= dict.fromkeys(_idents(statistic), HIDDEN)
    return Lines(rows, blank)


def _keys(table: PlannedTable, measured: Measurable, private: int, of: Told) -> dict[int, list[Seen]]:
    """A cell for each value that there is, and not for each row."""
    order = measured.tables[private].sets[of.set]
    columns = dict(zip(order, zip(*of.keys, strict=True), strict=False))
    found = {}
    for key in table.keys:
        values = columns.get(measured.keys[key.ident], ())
        seen = {value: Seen(value, value, origin=Origin.KEY) for value in values}
        found[key.ident] = [seen[value] for value in values]
    return found


def _figures(table: PlannedTable, measured: Measurable, private: int, of: Told) -> dict[int, list[Seen]]:
    """Statistics that nothing reads were not bought, and are as if hidden."""
    names = [s.name for s in measured.tables[private].statistics]
    found: dict[int, list[Seen]] = {}
    for statistic in table.statistics:
        place = measured.places.get(statistic.ident)
        if place is None:
            found |= {ident: [HIDDEN] * len(of.keys) for ident in _idents(statistic)}
            continue
        told = figures(statistic, of.columns[names.index(place.name)])
        for ident, side in zip(_idents(statistic), (told.values, told.low, told.high), strict=True):
            found[ident] = [HIDDEN if v is None else _seen(n) for v, n in zip(told.values, side, strict=True)]
    return found


def _idents(statistic: Statistic) -> tuple[int, int, int]:
    return statistic.ident, low_of(statistic.ident), high_of(statistic.ident)


def _seen(value: Value) -> Seen:
    """Nothing stands behind a noisy figure that staff could see beside it."""
    return Seen(value, value, origin=Origin.STATISTIC)
