"""Joins after aggregation, on released values only. A hidden value matches nothing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from broker.domain.errors import Breach
from broker.domain.plans.operators import Join, JoinHow, PostAggregation
from broker.domain.plans.scalars import Call, ColumnRef, Scalar, Value, conjuncts_of
from broker.postprocessing.exact_arithmetic import as_number, call_operation
from broker.postprocessing.output_rows import CellsById, OutputRow, OutputRows, StepBudget, cell_of, is_true

JoinPair = tuple[str, int, int]
"""An equality of plain columns: its operation, the left column and the right column."""


def join_rows(operator: Join[PostAggregation], left: OutputRows, right: OutputRows, budget: StepBudget) -> OutputRows:
    """Join two sides. Rows are in the order of the left side, then of the right side. In a full join, unmatched rows of
    the right side come last. Spends steps of the budget."""
    if not left.blank.keys().isdisjoint(right.blank.keys()):
        raise Breach("Two sides of a join in the plan's output have a column in common.")
    pairs, rest = _split(operator.on, left, right)
    buckets = _buckets([p[2] for p in pairs], [p[0] for p in pairs], right)
    rows, met = list[OutputRow](), set[int]()  # numbers of the right rows that found a match
    for line in left.rows:
        key = _key(line.cells, [p[1] for p in pairs], [p[0] for p in pairs])
        # a hidden or missing key matches nothing
        found = list(_matches(line, () if key is None else buckets.get(key, ()), right, rest, budget))
        met |= {number for number, _ in found}
        rows += [_joined(line, right.rows[number], cells, operator.how) for number, cells in found]
        if not found and operator.how in {JoinHow.LEFT, JoinHow.FULL}:
            rows.append(OutputRow({**line.cells, **right.blank}, line.exists, line.listed, line.persons))
    if operator.how is JoinHow.FULL:
        lone = (r for number, r in enumerate(right.rows) if number not in met)
        rows += [OutputRow({**left.blank, **r.cells}, r.exists, r.listed, r.persons) for r in lone]
    budget.spend(len(rows))
    return OutputRows(tuple(rows), {**left.blank, **right.blank})


def _matches(
    line: OutputRow, numbers: Sequence[int], right: OutputRows, rest: Sequence[Scalar], budget: StepBudget
) -> Iterator[tuple[int, CellsById]]:
    budget.spend(len(numbers))
    for at in numbers:
        cells = {**line.cells, **right.rows[at].cells}
        if all(is_true(r, cells) for r in rest):
            yield at, cells


def _joined(left: OutputRow, right: OutputRow, cells: CellsById, how: JoinHow) -> OutputRow:
    """Join two rows. The row exists if both sides do; in an outer join, if the preserved side does. Its persons are
    those of the smaller side. In an outer join, a side without persons counts as missing."""
    both = [p for p in (left.persons, right.persons) if p is not None]
    least = min(both, default=None)
    match how:
        case JoinHow.LEFT:
            exists, persons = left.exists, least or left.persons
        case JoinHow.FULL:
            exists, persons = left.exists or right.exists, least or max(both, default=None)
        case _:
            exists, persons = left.exists and right.exists, least
    return OutputRow(cells, exists, left.listed and right.listed, persons)


def _split(on: Scalar | None, left: OutputRows, right: OutputRows) -> tuple[list[JoinPair], list[Scalar]]:
    """Split a condition into equalities between a column of each side, and the other conjuncts."""
    pairs, rest = list[JoinPair](), list[Scalar]()
    for part in conjuncts_of(on):
        pair = _pair(part, left, right)
        if pair is None:
            rest.append(part)
        else:
            pairs.append(pair)
    return pairs, rest


def _pair(part: Scalar, left: OutputRows, right: OutputRows) -> JoinPair | None:
    match part:
        case Call(op="equal" | "equal_text" as op, args=(ColumnRef(ident=a), ColumnRef(ident=b))):
            if a in left.blank and b in right.blank:
                return op, a, b
            return (op, b, a) if b in left.blank and a in right.blank else None
    return None


def _buckets(columns: Sequence[int], ops: Sequence[str], right: OutputRows) -> dict[tuple[Value, ...], list[int]]:
    found: dict[tuple[Value, ...], list[int]] = defaultdict(list)
    for place, line in enumerate(right.rows):
        key = _key(line.cells, columns, ops)
        if key is not None:
            found[key].append(place)
    return found


def _key(cells: CellsById, columns: Sequence[int], ops: Sequence[str]) -> tuple[Value, ...] | None:
    """Key of a row: equal for values that the equality accepts. None if a value is hidden or missing, because it then
    matches nothing."""
    found: list[Value] = []
    for ident, op in zip(columns, ops, strict=True):
        cell = cell_of(cells, ident)
        if cell.hidden or cell.released is None:
            return None
        found.append(_join_value(op, cell.released))
    return tuple(found)


def _join_value(op: str, value: Value) -> Value:
    if op == "equal_text":
        call_operation(op, [value, value])  # raises Breach if the text cannot be compared
        return str(value).rstrip(" ").lower()
    return as_number(value) if isinstance(value, float) else value
