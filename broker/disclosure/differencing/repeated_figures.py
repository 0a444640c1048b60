"""Finds figures that disclose nothing more than others: those that repeat an earlier one (the same statistic of the
same persons with the same released value), and shares that follow from two counts beside them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint_counts import Numbers
from broker.domain.plans.measure import Measure
from broker.domain.plans.scalars import Value
from broker.domain.release_history import KnownFigure

Released = tuple[str, int, Value]
"""What can be compared without a look at the persons: the text of a statistic, its number of rows, its value."""
COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.ONES})
FOLLOW = COUNTS | {Measure.SHARE, Measure.MEAN, Measure.SUM}
"""Measures whose value follows from the persons and their amounts. Members do not hold the values of a quantile."""
SHARE_DIGITS = 3
"""A share that is a quotient up to this digit is computed from the two counts."""


@dataclass(frozen=True, slots=True)
class _Column:
    number: int
    figure: KnownFigure
    cell: int
    released: Released
    content: bytes

    @property
    def value(self) -> Value:
        return self.figure.shown[self.cell]

    @property
    def measure(self) -> Measure | None:
        return _measure(self.figure)


class RepeatedFigures:
    """The columns of new figures, one for each shown cell in their order, and which of them disclose nothing more."""

    def __init__(self, figures: Sequence[KnownFigure], functionals: Sequence[Functional]) -> None:
        starts = np.cumsum([0, *(len(one.shown) for one in functionals)]).tolist()
        columns = [
            column
            for start, figure, functional in zip(starts, figures, functionals, strict=False)
            for column in _columns(figure, functional, start, [*_released(figure, functional)])
        ]
        self._released = {column.released for column in columns}
        self._numbers = defaultdict[tuple[Released, bytes], list[int]](list)
        by_content = defaultdict[tuple[int, bytes], list[_Column]](list)
        for column in columns:
            self._numbers[column.released, column.content].append(column.number)
            if column.measure in COUNTS:
                by_content[column.cell, column.content].append(column)
        self._repeated = {one.number for share in _shares(columns) if _follows(share, by_content) for one in share}

    @property
    def columns(self) -> Numbers:
        """The numbers of the columns that disclose nothing more."""
        return np.array(sorted(self._repeated), np.int64)

    def add(self, figure: KnownFigure, functional: Functional) -> None:
        """Compare with a figure that was released before, under the same disclosure rules."""
        alike = [(at, released) for at, released in _released(figure, functional) if released in self._released]
        for old in _columns(figure, functional, 0, alike) if alike else ():
            self._repeated.update(self._numbers.get((old.released, old.content), ()))


def _shares(columns: Sequence[_Column]) -> Iterator[tuple[_Column, _Column]]:
    """The two columns of each share: its ones, and all that have a value."""
    of_share = defaultdict[tuple[int, int], list[_Column]](list)
    for column in columns:
        if column.measure is Measure.SHARE:
            of_share[column.figure.statistic, column.cell].append(column)
    yield from ((some[0], some[1]) for some in of_share.values() if len(some) == 2)


def _follows(share: tuple[_Column, _Column], by_content: Mapping[tuple[int, bytes], Sequence[_Column]]) -> bool:
    """Whether two counts of the cell, of the same persons, have the share as their quotient."""
    part, whole = ([_decimal(c.value) for c in by_content[one.cell, one.content]] for one in share)
    value = _decimal(share[0].value)
    return any(
        value is not None and a is not None and b and abs(a / b - value) <= Decimal(10) ** -SHARE_DIGITS / 2
        for a in part
        for b in whole
    )


def _measure(figure: KnownFigure) -> Measure | None:
    """The measure of a figure, from its text; None for a known population."""
    name = figure.told.partition("(")[0]
    return next((measure for measure in Measure if measure.value == name), None)


def _decimal(value: Value) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | float | Decimal) else None


def _released(figure: KnownFigure, functional: Functional) -> Iterator[tuple[int, Released]]:
    """What is released of each shown cell, by its place among them. Figures without a value repeat nothing."""
    if _measure(figure) not in FOLLOW:
        return
    rows = np.bincount(functional.members.rows()[1], minlength=functional.members.count)
    for at, cell in enumerate(functional.shown):
        if figure.shown[cell] is not None:
            yield at, (figure.told, int(rows[cell]), figure.shown[cell])


def _columns(
    figure: KnownFigure, functional: Functional, start: int, released: Sequence[tuple[int, Released]]
) -> Iterator[_Column]:
    """The columns of some places of a figure, the first place numbered `start`, with a hash of their persons and
    amounts."""
    persons, cells = functional.members.rows()
    order = np.lexsort((persons, cells))
    ends = np.searchsorted(cells[order], np.arange(functional.members.count + 1))
    amounts = np.ones(len(persons)) if functional.is_plain else functional.members.amounts[""].astype(np.float64)
    for at, value in released:
        cell = functional.shown[at]
        inside = order[ends[cell] : ends[cell + 1]]
        content = sha256(persons[inside].astype("<u4").tobytes() + amounts[inside].astype("<f8").tobytes()).digest()
        yield _Column(start + at, figure, cell, value, content)
