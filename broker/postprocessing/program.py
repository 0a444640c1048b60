"""Runs a program: operators over protected cells, with aggregates over groups and windows. Computed from released
values only."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from broker.domain.errors import Breach
from broker.domain.plans import operators as ops
from broker.domain.plans.operators import Aggregate, AggregateCall, PostAggregation, Window, WindowColumn
from broker.domain.plans.plan import PublicRelation
from broker.domain.plans.scalars import Scalar, Value
from broker.postprocessing.exact_arithmetic import as_number
from broker.postprocessing.joins import join_rows
from broker.postprocessing.output_rows import (
    CellOrigin,
    OutputCell,
    OutputRow,
    OutputRows,
    SortValue,
    StepBudget,
    cell_of,
    compute_cell,
    computed_cell,
    in_order,
    is_true,
    sort_and_limit,
    sort_value,
)
from broker.query.operations.aggregate_functions import AGGREGATE_FUNCTIONS, NEIGHBOUR_FUNCTIONS, RANK_FUNCTIONS
from broker.query.operations.operation import CONTEXT


def run_program(
    operator: ops.PostAggregation, tables: Sequence[OutputRows], budget: StepBudget, public: Sequence[OutputRows] = ()
) -> OutputRows:
    """Rows of a program. `tables` and `public` are the judged tables and the public rows, by number."""

    def run(child: ops.PostAggregation) -> OutputRows:
        return run_program(child, tables, budget, public)

    match operator:
        case ops.TableRef(table=number):
            return tables[number]
        case ops.PublicRef(public=number):
            return public[number]
        case ops.Join(left=left, right=right):
            return join_rows(operator, run(left), run(right), budget)
        case ops.Union(parts=parts):
            return _union(operator, [run(p) for p in parts], budget)
        case ops.Project(child=child):
            return _project(operator, run(child), budget)
        case ops.Filter(child=child):
            return _filter(operator, run(child), budget)
        case ops.Aggregate(child=child):
            return aggregate_rows(operator, run(child), budget)
        case ops.Window(child=child):
            return compute_windows(operator, run(child), budget)
        case ops.Sort(child=child) | ops.Limit(child=child):
            return sort_and_limit(operator, run(child), budget)


def public_rows(planned: PublicRelation, rows: Sequence[Sequence[Value]]) -> OutputRows:
    """Public rows, unchanged."""
    idents = [i for i, _ in planned.columns]
    lines = []
    for row in rows:
        cells = {i: OutputCell(v, v, origin=CellOrigin.KEY, max_error=0) for i, v in zip(idents, row, strict=True)}
        lines.append(OutputRow(cells, exists=True, listed=True, persons=None))
    return OutputRows(tuple(lines), {i: OutputCell(None, None) for i in idents})


def _project(operator: ops.Project[ops.PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    """Add computed columns. Each sees only the columns of the child."""
    budget.spend(len(child.rows))
    rows = tuple(line.with_cells({i: compute_cell(s, line.cells) for i, s in operator.columns}) for line in child.rows)
    return OutputRows(rows, {**child.blank, **blank_cells({i: (s,) for i, s in operator.columns}, child)})


def _filter(operator: ops.Filter[ops.PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    budget.spend(len(child.rows))
    return OutputRows(tuple(line for line in child.rows if is_true(operator.predicate, line.cells)), child.blank)


def _union(operator: ops.Union[ops.PostAggregation], parts: Sequence[OutputRows], budget: StepBudget) -> OutputRows:
    """Rows of all parts, in order. A missing row looks as in the part that hides most."""
    budget.spend(sum(len(p.rows) for p in parts))
    rows: list[OutputRow] = []
    for number, part in enumerate(parts):
        ids = [(ident, inner[number]) for ident, inner in operator.columns]
        rows += [
            OutputRow({i: cell_of(line.cells, n) for i, n in ids}, line.exists, line.listed, line.persons)
            for line in part.rows
        ]
    blank = {
        i: max((cell_of(p.blank, n) for p, n in zip(parts, inner, strict=True)), key=lambda c: c.hidden)
        for i, inner in operator.columns
    }
    return OutputRows(tuple(rows), blank)


def aggregate_rows(operator: Aggregate[PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    """One row for each value of the keys, in order of first occurrence; without keys, one row in any case. A row that
    does not exist, or whose key is hidden, starts no group. A row that does not exist still belongs to the group of its
    key, so that a figure over hidden rows only is hidden too. Spends steps of the budget."""
    # spent before the work, so that the limit also bounds the time
    budget.spend(len(child.rows) * (1 + len(operator.aggregates)))
    found: dict[Hashable, list[tuple[OutputRow, dict[int, OutputCell]]]] = {} if operator.keys else {(): []}
    for line in child.rows:
        keys = {i: compute_cell(s, line.cells) for i, s in operator.keys}
        if not any(c.hidden for c in keys.values()):  # a hidden key belongs to no group
            found.setdefault(tuple(group_value(c.released) for c in keys.values()), []).append((line, keys))
    rows = tuple(
        _row(operator, members, child)
        for members in found.values()
        if not operator.keys or any(m.exists for m, _ in members)
    )
    return OutputRows(
        rows, blank_cells({i: g.args for i, g in operator.aggregates} | {i: (s,) for i, s in operator.keys}, child)
    )


def _row(
    operator: Aggregate[PostAggregation], members: Sequence[tuple[OutputRow, dict[int, OutputCell]]], child: OutputRows
) -> OutputRow:
    lines = [line for line, _ in members]
    keys = next((k for line, k in members if line.exists), {})
    cells = {i: aggregate_cell(g, lines, child) for i, g in operator.aggregates}
    exists = not operator.keys or any(line.exists for line in lines)
    persons = max((line.persons for line in lines if line.persons is not None), default=0)
    return OutputRow(keys | cells, exists, not operator.keys or any(line.listed for line in lines), persons)


def aggregate_cell(function: AggregateCall, lines: Sequence[OutputRow], child: OutputRows) -> OutputCell:
    """One aggregate over rows. It is hidden if there are rows and all of them are hidden, or if there are none but the
    child can hide values."""
    values = [[compute_cell(a, line.cells) for a in function.args] for line in lines]
    # figures of rows that exist and are shown
    usable = [v for v, line in zip(values, lines, strict=True) if line.exists and not any(c.hidden for c in v)]
    exact = [[c.exact for c in v] for v, line in zip(values, lines, strict=True) if line.persons != 0]
    of_staff = _exact_value(function.op, exact)
    # The choice must not reveal whether there are no rows or only hidden ones.
    if not usable and (lines or any(c.hidden for c in child.blank.values())):
        left_out = [c for v in values for c in v] or [c for line in lines for c in line.cells.values()]
        return computed_cell(left_out or child.blank.values(), None, of_staff, hidden=True)
    found = aggregate_value(function.op, [[c.released for c in v] for v in usable])
    return computed_cell((c for v in usable for c in v), found, of_staff)


def aggregate_value(op: str, rows: Sequence[Sequence[Any]]) -> Value:
    """Fold an aggregate over its argument values, row by row. Raises Breach if the result is not exact."""
    if op not in AGGREGATE_FUNCTIONS:
        raise Breach(f"The aggregate {op!r} is not in the closed list.")
    # NULL does not count; COUNT(*) has no argument
    counted = [r[0] if r else 1 for r in rows if not r or r[0] is not None]
    rest = list(rows[0][1:]) if rows else []
    try:
        return AGGREGATE_FUNCTIONS[op].fold(counted, rest)
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as fault:
        raise Breach(f"The aggregate {op!r} has no exact value over released figures.") from fault


def _exact_value(op: str, rows: Sequence[Sequence[Value]]) -> Value:
    """Aggregate of exact values, for staff. An error gives None, so that it reveals nothing about them."""
    try:
        return aggregate_value(op, rows)
    except Breach:
        return None


def blank_cells(columns: Mapping[int, Sequence[Scalar]], child: OutputRows) -> dict[int, OutputCell]:
    """Cells of computed columns for a missing row: empty, or hidden if they are computed from hidden figures."""
    found: dict[int, OutputCell] = {}
    for ident, scalars in columns.items():
        parts = [compute_cell(s, child.blank) for s in scalars] or list(child.blank.values())
        found[ident] = computed_cell(parts, None, hidden=any(p.hidden for p in parts))
    return found


def group_value(value: Value) -> Hashable:
    """A key that is equal for values of one group: numbers by amount, whatever their type."""
    return as_number(value) if isinstance(value, float) else value


SortKey = tuple[SortValue, ...]


def compute_windows(operator: Window[PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    """The rows of the child with one more value for each window column. Spends steps of the budget."""
    columns = {c.ident: _window_column(c, child, budget) for c in operator.columns}
    rows = tuple(line.with_cells({i: found[n] for i, found in columns.items()}) for n, line in enumerate(child.rows))
    read = {c.ident: (*c.function.args, *(o for o, _ in c.order)) for c in operator.columns}
    return OutputRows(rows, {**child.blank, **blank_cells(read, child)})


def _window_column(column: WindowColumn, child: OutputRows, budget: StepBudget) -> list[OutputCell]:
    """Cells of a window column, by row of the child. A row whose partition is hidden belongs to none."""
    parts: dict[Hashable, list[int]] = {}
    found: dict[int, OutputCell] = {}
    for number, line in enumerate(child.rows):
        by = [compute_cell(s, line.cells) for s in column.partition]
        if any(c.hidden for c in by):
            found[number] = computed_cell(by, None, hidden=True)
        else:
            parts.setdefault(tuple(group_value(c.released) for c in by), []).append(number)
    for numbers in parts.values():
        lines = [child.rows[n] for n in numbers]
        found |= dict(zip(numbers, WindowPartition(column, lines, child, budget).cells(), strict=True))
    return [found[n] for n in range(len(child.rows))]


class WindowPartition:
    """The rows of one partition, in the order of the window."""

    def __init__(self, column: WindowColumn, lines: Sequence[OutputRow], child: OutputRows, budget: StepBudget) -> None:
        self._column, self._lines, self._child, self._budget = column, lines, child, budget
        self._orders = [[compute_cell(s, line.cells) for s, _ in column.order] for line in lines]
        budget.spend(len(lines))
        shown = [i for i, order in enumerate(self._orders) if not any(c.hidden for c in order)]
        self._sort_keys: dict[int, SortKey] = {i: tuple(sort_value(c.released) for c in self._orders[i]) for i in shown}
        self._sorted = in_order(self._sort_keys, [d for _, d in column.order])
        self._last = _last_peers([self._sort_keys[i] for i in self._sorted])

    def cells(self) -> list[OutputCell]:
        op = self._column.function.op
        if op in RANK_FUNCTIONS:
            return self._ranks()
        if op in NEIGHBOUR_FUNCTIONS:
            return self._by_position(self._neighbour)
        if self._column.frame is not None:
            return self._by_position(self._framed)
        if not self._column.order:
            self._budget.spend(len(self._lines))  # without ORDER BY, the frame is the whole partition
            return [aggregate_cell(self._column.function, self._lines, self._child)] * len(self._lines)
        return self._by_position(self._running())

    def _by_position(self, cell_at: Callable[[int], OutputCell]) -> list[OutputCell]:
        """One cell for each row. If the row's position in the order is hidden, so is its cell."""
        at = {i: cell_at(position) for position, i in enumerate(self._sorted)}
        return [at.get(i) or computed_cell(self._orders[i], None, hidden=True) for i in range(len(self._lines))]

    def _running(self) -> Callable[[int], OutputCell]:
        """Aggregate over all rows up to and including the peers of a row."""
        found: dict[int, OutputCell] = {}

        def cell_at(position: int) -> OutputCell:
            end = self._last[position]
            if end not in found:  # peers share a frame, which is computed once
                self._budget.spend(end + 1)
                frame = [self._lines[i] for i in self._sorted[: end + 1]]
                found[end] = aggregate_cell(self._column.function, frame, self._child)
            return found[end]

        return cell_at

    def _frame(self, position: int) -> range:
        """Positions of the rows that the window of a row reads. Without a written frame: up to its last peer."""
        frame, end = self._column.frame, len(self._sorted)
        if frame is None:
            return range(self._last[position] + 1)
        start = 0 if frame.first is None else max(0, position + frame.first)
        return range(start, end if frame.last is None else min(end, max(0, position + frame.last + 1)))

    def _framed(self, position: int) -> OutputCell:
        """Aggregate over the rows of a written frame."""
        frame = self._frame(position)
        self._budget.spend(len(frame))
        return aggregate_cell(self._column.function, [self._lines[self._sorted[i]] for i in frame], self._child)

    def _neighbour(self, position: int) -> OutputCell:
        """Value of another row. It is hidden if it is hidden there."""
        op, args = self._column.function.op, self._column.function.args
        here = self._lines[self._sorted[position]].cells
        frame = self._frame(position)
        match op:
            case "lag" | "lead":
                there = position + self._distance(here) * (1 if op == "lead" else -1)
            case "first":
                there = frame.start if frame else -1
            case _:
                there = frame.stop - 1 if frame else -1
        if not 0 <= there < len(self._sorted):
            return compute_cell(args[2], here) if len(args) > 2 else OutputCell(None, None)
        found = compute_cell(args[0], self._lines[self._sorted[there]].cells)
        return computed_cell([found], found.released, found.exact, found.hidden, found.max_error)

    def _distance(self, here: Mapping[int, OutputCell]) -> int:
        found = compute_cell(self._column.function.args[1], here).released
        if not isinstance(found, int):
            raise Breach("The distance to another row is no whole number.")
        return found

    def _ranks(self) -> list[OutputCell]:
        """Ranks among the rows that exist and whose order is shown. Every rank depends on all compared rows."""
        existing = [i for i in self._sorted if self._lines[i].exists]
        released = dict(zip(existing, self._rank_values([self._sort_keys[i] for i in existing]), strict=True))
        found = {
            i: tuple(sort_value(c.exact) for c in self._orders[i]) for i, line in enumerate(self._lines) if line.persons
        }
        ordered = in_order(found, [d for _, d in self._column.order])
        exact = dict(zip(ordered, self._rank_values([found[i] for i in ordered]), strict=True))
        compared = computed_cell((c for i in existing for c in self._orders[i]), None)
        hidden = computed_cell((c for order in self._orders for c in order), None, hidden=True)
        return [
            computed_cell([compared], released[i], exact.get(i))
            if i in released
            else computed_cell([hidden], None, exact.get(i), hidden=True)
            for i in range(len(self._lines))
        ]

    def _rank_values(self, places: Sequence[SortKey]) -> list[Value]:
        function = self._column.function
        argument = compute_cell(function.args[0], self._lines[0].cells).released if function.args else None
        return rank_values(function.op, places, argument)


def _last_peers(places: Sequence[SortKey]) -> list[int]:
    """For each row in order, the position of its last peer, where its frame ends."""
    found = list(range(len(places)))
    for i in range(len(places) - 2, -1, -1):
        if places[i] == places[i + 1]:
            found[i] = found[i + 1]
    return found


def rank_values(op: str, places: Sequence[SortKey], argument: Value = None) -> list[Value]:
    """Rank of each row of an ordered list, as SQL defines it. Raises Breach for an unknown function or argument."""
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
    """NTILE: tiles as equal as possible, the larger ones first."""
    size, more = divmod(count, tiles)
    sizes = [size + (n < more) for n in range(min(tiles, count))]
    return [n for n, length in enumerate(sizes, 1) for _ in range(length)]
