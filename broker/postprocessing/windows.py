"""Windows over groups: shares of totals, running sums, ranks, neighbours; on released values alone. No rules here."""

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal, localcontext

from broker.domain.errors import Breach
from broker.domain.groups import Across, AcrossColumn
from broker.domain.scalars import Value
from broker.postprocessing.cells import Cell, Line, Lines, Work, made_of
from broker.postprocessing.formulas import compute
from broker.postprocessing.ordering import Rank, rank
from broker.postprocessing.regrouping import aggregate, alike, blank_of
from broker.query.operations.aggregates import NEIGHBOURS, RANKS
from broker.query.operations.table import CONTEXT

Place = tuple[Rank, ...]


def across(group: Across, child: Lines, work: Work) -> Lines:
    """The child's rows, each with one value more for each column."""
    columns = {c.ident: _column(c, child, work) for c in group.columns}
    rows = tuple(line.with_cells({i: found[n] for i, found in columns.items()}) for n, line in enumerate(child.rows))
    read = {c.ident: (*c.function.args, *(o for o, _ in c.order)) for c in group.columns}
    return Lines(rows, {**child.blank, **blank_of(read, child)})


def _column(column: AcrossColumn, child: Lines, work: Work) -> list[Cell]:
    """By row of the child. A row whose partition is hidden stands in none."""
    parts: dict[Hashable, list[int]] = {}
    found: dict[int, Cell] = {}
    for number, line in enumerate(child.rows):
        by = [compute(s, line.cells) for s in column.partition]
        if any(c.hidden for c in by):
            found[number] = made_of(by, None, hidden=True)
        else:
            parts.setdefault(tuple(alike(c.released) for c in by), []).append(number)
    for numbers in parts.values():
        lines = [child.rows[n] for n in numbers]
        found |= dict(zip(numbers, Partition(column, lines, child, work).cells(), strict=True))
    return [found[n] for n in range(len(child.rows))]


class Partition:
    """The rows of one partition, in the order of the window."""

    def __init__(self, column: AcrossColumn, lines: Sequence[Line], child: Lines, work: Work) -> None:
        self._column, self._lines, self._child, self._work = column, lines, child, work
        self._orders = [[compute(s, line.cells) for s, _ in column.order] for line in lines]
        work.spend(len(lines))
        shown = [i for i, order in enumerate(self._orders) if not any(c.hidden for c in order)]
        self._places: dict[int, Place] = {i: tuple(rank(c.released) for c in self._orders[i]) for i in shown}
        self._sorted = _in_order(self._places, [d for _, d in column.order])
        self._last = _last_peers([self._places[i] for i in self._sorted])

    def cells(self) -> list[Cell]:
        op = self._column.function.op
        if op in RANKS:
            return self._ranks()
        if op in NEIGHBOURS:
            return self._by_position(self._neighbour)
        if not self._column.order:
            self._work.spend(len(self._lines))
            return [aggregate(self._column.function, self._lines, self._child)] * len(self._lines)
        return self._by_position(self._running())

    def _by_position(self, cell_at: Callable[[int], Cell]) -> list[Cell]:
        """A cell for each row that has its place in the order; where that is hidden, so is the cell."""
        at = {i: cell_at(position) for position, i in enumerate(self._sorted)}
        return [at.get(i) or made_of(self._orders[i], None, hidden=True) for i in range(len(self._lines))]

    def _running(self) -> Callable[[int], Cell]:
        """Over all rows up to and with the peers of the row."""
        found: dict[int, Cell] = {}

        def cell_at(position: int) -> Cell:
            end = self._last[position]
            if end not in found:
                self._work.spend(end + 1)
                frame = [self._lines[i] for i in self._sorted[: end + 1]]
                found[end] = aggregate(self._column.function, frame, self._child)
            return found[end]

        return cell_at

    def _neighbour(self, position: int) -> Cell:
        """Another row's value: hidden there, hidden here."""
        op, args = self._column.function.op, self._column.function.args
        here = self._lines[self._sorted[position]].cells
        offset = compute(args[1], here).released if len(args) > 1 else 1
        if not isinstance(offset, int):
            raise Breach("The distance to another row is no whole number.")
        there = {"lag": position - offset, "lead": position + offset, "first": 0}.get(op)
        there = self._last[position] if there is None else there
        if not 0 <= there < len(self._sorted):
            return Cell(None, None)
        found = compute(args[0], self._lines[self._sorted[there]].cells)
        return made_of([found], found.released, found.exact, found.hidden)

    def _ranks(self) -> list[Cell]:
        """Places among the rows that exist and whose order is shown; every row that is compared stands behind each."""
        told = [i for i in self._sorted if self._lines[i].exists]
        released = dict(zip(told, self._places_of([self._places[i] for i in told]), strict=True))
        found = {i: tuple(rank(c.exact) for c in self._orders[i]) for i, line in enumerate(self._lines) if line.persons}
        ordered = _in_order(found, [d for _, d in self._column.order])
        exact = dict(zip(ordered, self._places_of([found[i] for i in ordered]), strict=True))
        compared = made_of((c for i in told for c in self._orders[i]), None)
        hidden = made_of((c for order in self._orders for c in order), None, hidden=True)
        return [
            made_of([compared], released[i], exact.get(i))
            if i in released
            else made_of([hidden], None, exact.get(i), hidden=True)
            for i in range(len(self._lines))
        ]

    def _places_of(self, places: Sequence[Place]) -> list[Value]:
        function = self._column.function
        argument = compute(function.args[0], self._lines[0].cells).released if function.args else None
        return places_of(function.op, places, argument)


def _in_order(places: dict[int, Place], descending: Sequence[bool]) -> list[int]:
    """Rows by their places; equal ones keep the order that they had."""
    found = sorted(places)
    for number, down in reversed(list(enumerate(descending))):
        found = sorted(found, key=lambda i: places[i][number], reverse=down)
    return found


def _last_peers(places: Sequence[Place]) -> list[int]:
    """For each row in order, the last of those with the same place: where its frame ends."""
    found = list(range(len(places)))
    for i in range(len(places) - 2, -1, -1):
        if places[i] == places[i + 1]:
            found[i] = found[i + 1]
    return found


def places_of(op: str, places: Sequence[Place], argument: Value = None) -> list[Value]:
    """The rank of each of the rows that stand in order, by the rank's definition in SQL."""
    count = len(places)
    last = _last_peers(places)
    starts = [i for i in range(count) if i == 0 or last[i - 1] != last[i]]
    peers = [(start, last[start] + 1) for start in starts for _ in range(start, last[start] + 1)]
    dense = {start: number for number, start in enumerate(starts, 1)}
    with localcontext(CONTEXT):
        match op:
            case "row_number":
                return list(range(1, count + 1))
            case "rank":
                return [start + 1 for start, _ in peers]
            case "dense_rank":
                return [dense[start] for start, _ in peers]
            case "percent_rank":
                return [Decimal(start) / (count - 1) if count > 1 else Decimal(0) for start, _ in peers]
            case "cumulative_share":
                return [Decimal(end) / count for _, end in peers]
            case "ntile" if isinstance(argument, int) and argument > 0:
                return _tiles(count, argument)
    raise Breach(f"The window function {op!r} is not in the closed list, or its argument is none.")


def _tiles(count: int, tiles: int) -> list[Value]:
    """As equal as can be, the larger ones first."""
    size, more = divmod(count, tiles)
    sizes = [size + (n < more) for n in range(min(tiles, count))]
    return [n for n, length in enumerate(sizes, 1) for _ in range(length)]
