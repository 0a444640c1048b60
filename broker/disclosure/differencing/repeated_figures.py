"""Finds figures that repeat an earlier one: the same statistic of the same persons with the same released value. They
disclose nothing more."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint_counts import Numbers
from broker.domain.plans.scalars import Value
from broker.domain.release_history import KnownFigure

Released = tuple[str, int, Value]
"""What can be compared without a look at the persons: the text of a statistic, its number of rows, its value."""


class RepeatedFigures:
    """The columns of new figures, one for each shown cell in their order, and which of them repeat an earlier one."""

    def __init__(self, figures: Sequence[KnownFigure], functionals: Sequence[Functional]) -> None:
        self._figures: dict[Released, list[tuple[int, bytes]]] = {}
        self._repeated, start = set[int](), 0
        for figure, functional in zip(figures, functionals, strict=True):
            released = [*_released(figure, functional)]
            for (at, one), content in zip(released, _contents(functional, [at for at, _ in released]), strict=True):
                self._figures.setdefault(one, []).append((start + at, content))
            start += len(functional.shown)

    @property
    def columns(self) -> Numbers:
        """The numbers of the columns that repeat an earlier figure."""
        return np.array(sorted(self._repeated), np.int64)

    def add(self, figure: KnownFigure, functional: Functional) -> None:
        """Compare with an earlier figure."""
        released = [(at, one) for at, one in _released(figure, functional) if one in self._figures]
        for (_, one), content in zip(released, _contents(functional, [at for at, _ in released]), strict=True):
            self._repeated |= {column for column, own in self._figures[one] if own == content}


def _released(figure: KnownFigure, functional: Functional) -> Iterator[tuple[int, Released]]:
    """What is released of each shown cell, by its place among them. Figures without a value repeat nothing."""
    rows = np.bincount(functional.members.rows()[1], minlength=functional.members.count)
    for at, cell in enumerate(functional.shown):
        if figure.shown[cell] is not None:
            yield at, (figure.told, int(rows[cell]), figure.shown[cell])


def _contents(functional: Functional, places: Sequence[int]) -> Iterator[bytes]:
    """A hash of the persons and amounts of each of these shown cells."""
    persons, cells = functional.members.rows()
    wanted = np.array([functional.shown[at] for at in places], np.int64)
    some = np.flatnonzero(np.isin(cells, wanted))
    order = some[np.lexsort((persons[some], cells[some]))]
    starts, ends = (np.searchsorted(cells[order], wanted, side) for side in ("left", "right"))
    amounts = np.ones(len(persons)) if functional.is_plain else functional.members.amounts[""].astype(np.float64)
    for start, end in zip(starts, ends, strict=True):
        inside = order[start:end]
        yield sha256(persons[inside].astype("<u4").tobytes() + amounts[inside].astype("<f8").tobytes()).digest()
