"""The columns of a planned table with its noisy figures as they are shown: the one place where a cell under the display
floor comes to look like one that cannot be told. No program, no rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.plans import PlannedTable, Statistic
from broker.domain.scalars import Value
from broker.privacy.asking.places import Measurable
from broker.privacy.results.cells import Told
from broker.privacy.results.estimates import Column
from broker.privacy.results.figures import Figures, figures, of_ratio
from broker.privacy.results.sides import high_of, low_of


@dataclass(frozen=True, slots=True)
class Strip:
    """One column, row by row. What is hidden has no value; a figure that is not may have none: an end of an interval
    that it has not."""

    values: Sequence[Value]
    hidden: Sequence[bool]
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Strips:
    """`columns` by id, the ends of intervals beside their figures. `shown`: whether a row is of a cell that is shown.
    `listed`: whether all keys are of public lists."""

    columns: dict[int, Strip]
    shown: Sequence[bool]
    listed: bool


def strips_of(table: PlannedTable, number: int, measured: Measurable, told: Sequence[Sequence[Told]]) -> Strips:
    """Of the planned table of that number; `told`: of each private table, set by set."""
    private, place = measured.sets[number]
    asked, of = measured.tables[private], told[private][place]
    listed = all(asked.dimensions[i].values is not None for i in asked.sets[place])
    columns = _keys(table, measured, asked.sets[place], of)
    for statistic in table.statistics:
        columns |= zip(idents(statistic.ident), _sides(_figures(statistic, measured, private, of)), strict=True)
    for ident, name in ratios_in(table, measured).items():
        columns |= zip(idents(ident), _sides(of_ratio(_column(name, measured, private, of))), strict=True)
    return Strips(columns, of.shown.tolist(), listed)


def idents(figure: int) -> tuple[int, int, int]:
    """Of a figure and the ends of its interval."""
    return figure, low_of(figure), high_of(figure)


def figures_in(table: PlannedTable, measured: Measurable) -> list[int]:
    """The ids of all figures of a planned table."""
    return [*(s.ident for s in table.statistics), *ratios_in(table, measured)]


def ratios_in(table: PlannedTable, measured: Measurable) -> dict[int, str]:
    """Those of two of the table's own statistics, and their private ones' names."""
    own = {s.ident for s in table.statistics}
    return {ident: place.name for ident, place in measured.ratios.items() if own.issuperset(place.pair)}


def _keys(table: PlannedTable, measured: Measurable, order: Sequence[int], of: Told) -> dict[int, Strip]:
    columns = list(zip(*of.keys, strict=True)) or [()] * len(order)
    by_dimension, none = dict(zip(order, columns, strict=True)), [False] * len(of.keys)
    return {k.ident: Strip(by_dimension[measured.keys[k.ident]], none, is_key=True) for k in table.keys}


def _figures(statistic: Statistic, measured: Measurable, private: int, of: Told) -> Figures:
    """Statistics that nothing reads were not bought, and are as if hidden."""
    place = measured.places.get(statistic.ident)
    if place is None:
        nothing: list[Value] = [None] * len(of.keys)
        return Figures(nothing, nothing, nothing)
    return figures(statistic, _column(place.name, measured, private, of))


def _column(name: str, measured: Measurable, private: int, of: Told) -> Column:
    return of.columns[[s.name for s in measured.tables[private].statistics].index(name)]


def _sides(found: Figures) -> list[Strip]:
    """A figure that cannot be told hides the ends of its interval too."""
    hidden = [value is None for value in found.values]
    sides = (found.values, found.low, found.high)
    return [Strip([None if h else v for v, h in zip(side, hidden, strict=True)], hidden) for side in sides]
