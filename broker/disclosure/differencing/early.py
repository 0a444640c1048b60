"""Two tables of which a part of the persons shows already that no few of all can be told apart. Pure counts.

More persons only make a cut heavier. So where the persons of the lowest numbers (which are random, and say nothing of
anybody) join all cells that have anybody, the others need not be counted: of large tables that is most of the work.
"""

from collections.abc import Callable

import numpy as np

from broker.disclosure.differencing.contraction import Flags, grown
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Counts
from broker.disclosure.differencing.overlaid import by_vertices

TIMES = 6
"""So many times the limit are looked at for each cell: by chance one has fewer than the limit hardly ever."""
MOST_EMPTY = 4
"""For so many cells it is looked up whether anybody is in them; where there are more, all persons are counted."""


def is_one(new: Functional, old: Functional, limit: int, tied: bool) -> bool:
    """Whether all cells that have anybody, and whoever is in one table only, must be on one side; cells of each table
    lie in several of the other then. `tied`: being in no cell of the one and of the other is one vertex."""
    part = TIMES * limit * max(new.members.count, old.members.count)
    if not _are_plain(new, old) or len(old.members.cells) < 2 * part:
        return False
    table = new.counter.of_part(old.members, part)
    if table is None or not _differ(table):
        return False
    rows, columns = grown(by_vertices(table, new, old).astype(np.float32), limit, tied=False)
    if not _outside(new, old, limit, bool(rows[-1]), tied):
        return False
    sizes = new.counter.sizes
    return _are_empty(new, ~rows, lambda cell: bool(sizes[cell])) and _are_empty(
        old, ~columns, lambda cell: bool((old.members.cells == cell).any())
    )


def _are_plain(*both: Functional) -> bool:
    return all(f.is_plain and not len(f.members.more_persons) for f in both)


def _differ(table: Counts) -> bool:
    anybody = table > 0
    return bool(anybody[:-1].sum(axis=1).max(initial=0) > 1 and anybody[:, :-1].sum(axis=0).max(initial=0) > 1)


def _outside(new: Functional, old: Functional, limit: int, is_joined: bool, tied: bool) -> bool:
    """Whether those who are in one table only are nobody, or enough. `is_joined`: there are enough in the old one."""
    persons, others = int(new.counter.sizes.sum()), old.members.persons
    last = len(old.members.cells) if others is None else int(others[-1]) + 1
    inside = len(old.members.cells)
    if others is None:
        inside = int(np.count_nonzero(old.members.cells != old.members.nobody))
    is_nobody = new.counter.is_full and last <= persons
    is_enough = persons - inside >= limit
    if tied:
        return is_joined or is_enough or (is_nobody and persons == inside)
    return (is_joined or is_nobody) and (is_enough or (is_nobody and persons == inside))


def _are_empty(of: Functional, alone: Flags, anybody: Callable[[int], bool]) -> bool:
    """Whether nobody is in the cells that were not joined."""
    cells = np.flatnonzero(alone[of.vertices[: of.members.count + 1]])
    return len(cells) <= MOST_EMPTY and not any(anybody(int(cell)) for cell in cells)
