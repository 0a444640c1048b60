"""A table with its members and figures, and what comparing two of them finds. Values only."""

from dataclasses import dataclass

from broker.disclosure.differencing.members import Members
from broker.domain.release_history import Entry, KnownFigure, Overlap


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table as the memory knows it, or as it would if it were released now."""

    entry: Entry
    figures: tuple[KnownFigure, ...]
    members: Members


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a leak: cells that are added up; `holes`: and what the known total leaves for the hidden ones;
    `complement`: all this is taken away from a known population."""

    cells: frozenset[int]
    holes: bool = False
    complement: bool = False


@dataclass(frozen=True, slots=True)
class Leak:
    """A figure of the new table over `new` and one of the remembered over `old` differ by what `persons` persons (1 to
    t - 1) add. `exact` is False where that many were not counted but could not be ruled out. `covered`: the keyed noise
    of both is wide enough that the difference tells nothing. `scaled`: it is of amounts that were multiplied, so that
    neither value can stand for the other. `beyond`: cells of the new table that nothing small parts from who is in one
    table only. Statistics are numbers in their planned tables."""

    statistic: int
    old_statistic: int
    new: Side
    old: Side
    persons: int
    exact: bool = True
    covered: bool = False
    scaled: bool = False
    beyond: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new table against one remembered: how they overlap, and every leak. `repeated`: statistics and
    cells of the new table that the remembered one tells already."""

    overlap: Overlap
    leaks: tuple[Leak, ...]
    repeated: frozenset[tuple[int, int]] = frozenset()

    @property
    def is_clean(self) -> bool:
        return all(leak.covered for leak in self.leaks)
