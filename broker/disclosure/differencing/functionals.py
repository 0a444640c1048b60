"""A figure of a table as a total over persons, with the cells that its reader knows: the shown ones each, and together
what the table's known total leaves for the others. No verdicts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.joint import Counter, Numbers
from broker.disclosure.differencing.kinds import Vector
from broker.disclosure.differencing.members import Members, Persons, members_of
from broker.domain.release_history import KnownFigure


@dataclass(eq=False)
class Functional:
    """Persons with their amounts in each cell (`members` has the amounts "" or none: then all are 1).

    Vertices are the shown cells in order, then the holes (with the remainder), and last whoever is in no cell. The
    first `told` of them are shown by the table; others follow from known totals."""

    members: Members
    shown: tuple[int, ...]
    reads: frozenset[str]
    told: int

    @cached_property
    def counter(self) -> Counter:
        return Counter(self.members)

    @cached_property
    def vertices(self) -> Numbers:
        """The vertex of each cell, of the remainder, and of no cell."""
        found = np.full(self.members.count + 2, len(self.shown))
        found[list(self.shown)] = np.arange(len(self.shown))
        found[self.members.nobody] = len(self.shown) + 1
        return found

    @property
    def size(self) -> int:
        return len(self.shown) + 2

    @property
    def is_plain(self) -> bool:
        """Everybody counts once in each of their cells."""
        return "" not in self.members.amounts

    @cached_property
    def holes(self) -> Numbers:
        """Numbers of what is not shown."""
        return np.setdiff1d(np.arange(self.members.count + 1), self.shown)

    @cached_property
    def by_person(self) -> Vector:
        """The amount of each person in one cell, by number."""
        persons, _ = self.members.listed()
        found = np.ones(int(persons[-1]) + 1 if len(persons) else 0)
        if not self.is_plain:
            found[persons] = self.members.amounts[""][: len(persons)]
        return found

    def amounts(self, persons: Persons) -> Vector:
        """Of persons in one cell; of others it says nothing."""
        if not len(self.by_person):
            return np.ones(len(persons))
        return self.by_person[np.minimum(persons, len(self.by_person) - 1)]

    def rows_of(self, persons: Persons) -> tuple[Numbers, Numbers, Vector]:
        """Person, vertex and amount, for each cell of the given persons (ascending), whichever cells these are."""
        members = self.members
        if not len(persons):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        single = self.counter.labels(persons)
        inside = single != members.nobody
        several = np.isin(members.more_persons, persons)
        count = len(members.listed()[0])
        more = np.ones(len(members.more_persons)) if self.is_plain else members.amounts[""][count:].astype(float)
        return (
            np.concatenate([persons[inside], members.more_persons[several]]).astype(np.int64),
            self.vertices[np.concatenate([single[inside], members.more_cells[several].astype(np.int64)])],
            np.concatenate([self.amounts(persons[inside]), more[several]]),
        )


class Functionals:
    """The functionals of one table, each made when it is first asked for. Figures that add up the same share one.
    `untold`: so many of the last cells stand for holes."""

    def __init__(self, members: Members, untold: int = 0) -> None:
        self._members, self._untold = members, untold
        self._amounts: dict[tuple[str, bool], Members] = {}
        self._made: dict[tuple[object, ...], Functional] = {}

    def of(self, figure: KnownFigure) -> Functional:
        amount = (figure.amount, figure.once)
        if amount not in self._amounts:
            self._amounts[amount] = amounts_of(self._members, *amount)
        members = self._amounts[amount]
        shown = tuple(sorted(figure.shown))
        told = len(shown) - self._untold
        return self._once((id(members), shown, figure.reads), lambda: Functional(members, shown, figure.reads, told))

    def _once(self, key: tuple[object, ...], make: Callable[[], Functional]) -> Functional:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def amounts_of(members: Members, name: str, once: bool) -> Members:
    """Who has an amount at all in each cell, with it."""
    if name not in members.amounts:
        return members if not members.amounts else replaced(members, None)
    amounts = members.amounts[name]
    return replaced(members, np.sign(amounts.astype(np.float64)) if once else amounts)


def replaced(members: Members, amounts: NDArray[np.generic] | None) -> Members:
    """The same people, with these amounts alone."""
    persons, cells = members.rows()
    if amounts is None:
        return members_of(members.count, persons, cells)
    given = np.asarray(amounts) != 0
    return members_of(members.count, persons[given], cells[given], {"": amounts[given]})
