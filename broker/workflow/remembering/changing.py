"""How a table is changed for the sake of memory: what is hidden or given an earlier value, and what holes hold."""

from collections.abc import Sequence

import numpy as np

from broker.disclosure.differencing.members import Members, members_of
from broker.disclosure.differencing.tables import Table
from broker.disclosure.judged_tables import Remembered
from broker.domain.scalars import Value


def without_holes(table: Table) -> Members:
    """The members of cells of which something is shown."""
    shown = sorted({c for f in table.figures for c in f.shown})
    persons, cells = table.members.rows()
    kept = np.isin(cells, shown)
    amounts = {name: amount[kept] for name, amount in table.members.amounts.items()}
    return members_of(table.members.count, persons[kept], cells[kept], amounts)


def clouded(table: Table) -> Members:
    """With t persons more in the holes whom there are not: so little is known of a total that nobody knows, and no
    difference to what the holes hold can be small."""
    persons, cells = table.members.rows()
    hole = next(c for c in range(table.members.count) if not any(c in f.shown for f in table.figures))
    more = int(persons.max(initial=0)) + 1 + np.arange(table.entry.t)
    ones = np.ones(len(more))
    amounts = {name: np.concatenate([amount, ones]) for name, amount in table.members.amounts.items()}
    whose = np.concatenate([persons, more]), np.concatenate([cells, np.full(len(more), hole)])
    return members_of(table.members.count, *whose, amounts)


class Changing:
    """What memory says of one table's figures, while it is put together: a hole stays a hole."""

    def __init__(
        self, cells: Sequence[tuple[Value, ...]], idents: frozenset[int], before: Remembered | None = None
    ) -> None:
        self._cells, self._idents = cells, idents
        self._hidden = set(before.hidden if before else ())
        self._earlier = dict(before.earlier if before else {})

    def hide(self, cell: int, ident: int | None) -> None:
        self._hidden |= {(self._cells[cell], i) for i in (self._idents if ident is None else [ident])}

    def hide_all(self) -> None:
        for cell in range(len(self._cells)):
            self.hide(cell, None)

    def give(self, cell: int, ident: int, value: Value) -> None:
        """The earlier value, or a hole where there is none."""
        if value is None:
            self.hide(cell, ident)
        else:
            self._earlier[self._cells[cell], ident] = value

    def done(self) -> Remembered:
        return Remembered(frozenset(self._hidden), dict(self._earlier))
