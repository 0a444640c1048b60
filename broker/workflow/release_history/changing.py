"""How a table is changed for the sake of memory: what is hidden or given an earlier value."""

from collections.abc import Sequence

from broker.disclosure.judged_tables import Remembered
from broker.domain.scalars import Value


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
