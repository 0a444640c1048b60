"""Noisy cells as the rows of planned tables, for the program above them: each figure as it is shown, with its interval
beside it. A cell under the display floor looks like one that cannot be told."""

from collections.abc import Iterator, Sequence

from broker.above.cells import Cell as Seen
from broker.above.cells import Line, Lines, Origin
from broker.domain.plans import PlannedOutput, PlannedTable, Statistic
from broker.domain.scalars import Value
from broker.privacy.asking.measurable import Measurable
from broker.privacy.results.cells import Cell
from broker.privacy.results.estimates import UNKNOWN, Estimate
from broker.privacy.results.figures import UNTOLD, Figure, figure, of_ratio
from broker.privacy.results.sides import high_of, low_of

HIDDEN = Seen(None, None, hidden=True, origin=Origin.STATISTIC)
NO_END = Seen(None, None)
NOBODY = Seen(None, None, origin=Origin.COMPUTED)


def lines_of(planned: PlannedOutput, measured: Measurable, cells: Sequence[Sequence[Cell]]) -> list[Lines]:
    """Of each planned table; `cells`: of each of its private tables, set by set."""
    return [_table(table, n, measured, cells) for n, table in enumerate(planned.tables)]


def _table(table: PlannedTable, number: int, measured: Measurable, cells: Sequence[Sequence[Cell]]) -> Lines:
    private, place = measured.sets[number]
    rows = tuple(_line(table, measured, private, cell) for cell in cells[private] if cell.set == place)
    blank = {k.ident: NOBODY for k in table.keys}
    for ident in (*(s.ident for s in table.statistics), *_ratios(table, measured)):
        blank |= _seen(ident, UNTOLD)
    return Lines(rows, blank)


def _line(table: PlannedTable, measured: Measurable, private: int, cell: Cell) -> Line:
    asked = measured.tables[private]
    order = asked.sets[cell.set]
    by_dimension = dict(zip(order, cell.keys, strict=True))
    found: dict[int, Seen] = {}
    for key in table.keys:
        value: Value = by_dimension[measured.keys[key.ident]]
        found[key.ident] = Seen(value, value, origin=Origin.KEY)
    for statistic, told in _figures(table, measured, private, cell):
        found |= _seen(statistic.ident, told)
    for ident, name in _ratios(table, measured).items():
        found |= _seen(ident, of_ratio(_estimate(measured, private, cell, name)) if cell.shown else UNTOLD)
    listed = all(asked.dimensions[i].values is not None for i in order)
    return Line(found, cell.shown, listed, None)


def _ratios(table: PlannedTable, measured: Measurable) -> dict[int, str]:
    """Those of two of the table's own statistics, and their private ones' names."""
    own = {s.ident for s in table.statistics}
    return {ident: place.name for ident, place in measured.ratios.items() if own.issuperset(place.pair)}


def _figures(table: PlannedTable, measured: Measurable, private: int, cell: Cell) -> Iterator[tuple[Statistic, Figure]]:
    """Statistics that nothing reads were not bought, and are as if hidden."""
    for statistic in table.statistics:
        place = measured.places.get(statistic.ident)
        if place is None or not cell.shown:
            yield statistic, UNTOLD
        else:
            yield statistic, figure(statistic, _estimate(measured, private, cell, place.name))


def _estimate(measured: Measurable, private: int, cell: Cell, name: str) -> Estimate:
    at = [s.name for s in measured.tables[private].statistics].index(name)
    return cell.estimates[at] if at < len(cell.estimates) else UNKNOWN


def _seen(ident: int, told: Figure) -> dict[int, Seen]:
    if told.value is None:
        return {ident: HIDDEN, low_of(ident): HIDDEN, high_of(ident): HIDDEN}
    # Nothing stands behind a noisy figure that staff could see beside it.
    return {
        ident: Seen(told.value, told.value, origin=Origin.STATISTIC),
        low_of(ident): Seen(told.low, told.low, origin=Origin.STATISTIC),
        high_of(ident): Seen(told.high, told.high, origin=Origin.STATISTIC),
    }
