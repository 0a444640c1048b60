"""Rows of an output while they are computed: each value as released and exact, scalars over them, and their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.findings import Verdict, worst_verdict
from broker.domain.plans.operators import Limit, PostAggregation, Sort
from broker.domain.plans.scalars import MISSING_LABEL, Call, Case, ColumnRef, Literal, Scalar, Value, column_ids
from broker.postprocessing.exact_arithmetic import (
    Number,
    as_number,
    call_operation,
    evaluate,
    rounded,
    to_significant_figures,
)
from broker.postprocessing.max_errors import digits_within, error_of_operation, stated_error


class CellOrigin(StrEnum):
    """Origin of a value: a key or statistic of a protected table, or a value computed from these."""

    KEY = "key"
    STATISTIC = "statistic"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class OutputCell:
    """One value. Nothing released may depend on `exact` or on a hidden value. `verdict` and `rules` cover every figure
    that the value is computed from. `max_error`: how far rounding moves it at most; None: not known."""

    released: Value
    exact: Value
    hidden: bool = False
    verdict: Verdict = Verdict.PUBLISH
    rules: frozenset[str] = frozenset()
    origin: CellOrigin = CellOrigin.COMPUTED
    max_error: Number | None = None


@dataclass(frozen=True, slots=True)
class OutputRow:
    """A row of cells by column id.

    `exists`: some figure of the row may be shown, so the row may be counted, ranked and grouped. A listed row without
    persons does not exist, and looks like one with too few persons. `listed`: the row is shown even if all its figures
    are hidden. `persons`: persons of the table cells behind it, for staff; None for public rows."""

    cells: Mapping[int, OutputCell]
    exists: bool
    listed: bool
    persons: int | None

    def with_cells(self, more: Mapping[int, OutputCell]) -> "OutputRow":
        return replace(self, cells={**self.cells, **more})


@dataclass(frozen=True, slots=True)
class OutputRows:
    """Rows in order. `blank`: the value of each column where a row is missing, as next to unmatched rows of an outer
    join."""

    rows: tuple[OutputRow, ...]
    blank: Mapping[int, OutputCell]


class StepBudget:
    """Counts steps of work. A program is limited by a number and not by time, so it ends alike on every machine."""

    def __init__(self, most: int) -> None:
        self._most = most

    def spend(self, steps: int) -> None:
        self._most -= steps
        if self._most < 0:
            raise Breach("The calculations on the groups of an output take more steps than the disclosure rules allow.")


def released_figure(cell: OutputCell) -> tuple[Value, Value]:
    """A value in a released table, and its largest error as it is stated: both None if hidden, MISSING_LABEL for a
    missing key. No figure has digits beyond its error; a computed one without a known error has the figures that are
    useful to a reader."""
    value, error = cell.released, cell.max_error
    if cell.hidden:
        return None, None
    if cell.origin is CellOrigin.KEY:
        return MISSING_LABEL if value is None else value, None
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if is_number and error:
        digits = digits_within(error)
        if digits < 0 or (cell.origin is CellOrigin.COMPUTED and not isinstance(value, int)):
            value, error = rounded(as_number(value), digits), error + Decimal(1).scaleb(-digits) / 2
    elif cell.origin is CellOrigin.COMPUTED and isinstance(value, Decimal | float):
        readable = to_significant_figures(value)
        if error is None or readable != value:
            return readable, None
    return value, None if error is None or value is None else stated_error(error)


def computed_cell(
    parts: Iterable[OutputCell], released: Value, exact: Value = None, hidden: bool = False,
    max_error: Number | None = None,
) -> OutputCell:  # fmt: skip
    """A computed value with the verdict and rules of the cells that it is computed from."""
    found = list(parts)
    # the worst of all verdicts, so that no combination looks safer than its parts
    verdicts = [c.verdict for c in found] + ([Verdict.SUPPRESS] if hidden else [])
    rules = frozenset[str]().union(*(c.rules for c in found))
    shown, error = (None, None) if hidden else (released, max_error)
    return OutputCell(shown, exact, hidden, worst_verdict(verdicts), rules, max_error=error)


def cell_of(cells: Mapping[int, OutputCell], ident: int) -> OutputCell:
    if ident not in cells:
        raise Breach(f"The plan's output refers to column {ident}, which is not there.")
    return cells[ident]


CellsById = Mapping[int, OutputCell]


def compute_cell(scalar: Scalar, cells: CellsById) -> OutputCell:
    """Value of a scalar in one row. It is hidden if it depends on a hidden value. A plain column returns its cell."""
    if isinstance(scalar, ColumnRef):
        return cell_of(cells, scalar.ident)
    return replace(_released_cell(scalar, cells), exact=exact_value(scalar, cells))


def exact_value(scalar: Scalar, cells: CellsById) -> Value:
    """The same scalar over exact values, for staff. If an operation fails on them, the value is None: ending the job
    would reveal the exact values."""
    try:
        return evaluate(scalar, {i: cell_of(cells, i).exact for i in column_ids(scalar)})
    except (Breach, ArithmeticError, ValueError, TypeError):
        return None


def is_true(predicate: Scalar, cells: CellsById) -> bool:
    """Whether a predicate is true of released values. A hidden value makes it unknown."""
    found = _released_cell(predicate, cells)
    return not found.hidden and found.released is True


def _released_cell(scalar: Scalar, cells: CellsById) -> OutputCell:
    match scalar:
        case ColumnRef(ident=ident):
            return cell_of(cells, ident)
        case Literal(value=value):
            return OutputCell(value, value, max_error=0)
        case Case():
            return _case(scalar, cells)
        case Call(op="and" | "or" as op, args=args):
            return _connected(op, [_released_cell(a, cells) for a in args])
        case Call(op="coalesce", args=args):
            return _coalesce(args, cells)
        case Call(op=op, args=args):
            return _called(op, [_released_cell(a, cells) for a in args])


def _called(op: str, parts: Sequence[OutputCell]) -> OutputCell:
    """Value of an operation. It is hidden if one of its parts is."""
    if any(p.hidden for p in parts):
        return computed_cell(parts, None, hidden=True)
    values = [p.released for p in parts]
    found = call_operation(op, values)
    return computed_cell(parts, found, max_error=error_of_operation(op, values, [p.max_error for p in parts], found))


def _case(case: Case, cells: CellsById) -> OutputCell:
    """Value of a CASE. It is hidden if a condition before the chosen branch is hidden, or if the branch is."""
    tested: list[OutputCell] = []
    chosen = case.otherwise
    for condition, value in case.whens:
        tested.append(_released_cell(condition, cells))
        if tested[-1].hidden:
            return computed_cell(tested, None, hidden=True)
        if tested[-1].released is True:
            chosen = value
            break
    found = _released_cell(chosen, cells)
    # another branch may be the right one if a condition reads a rounded figure
    error = None if any(t.max_error != 0 for t in tested) else found.max_error
    return computed_cell([*tested, found], found.released, hidden=found.hidden, max_error=error)


def _connected(op: str, parts: Sequence[OutputCell]) -> OutputCell:
    """Value of AND or OR. A false side decides AND, and a true side OR, even if other sides are hidden."""
    settling = op == "or"
    # the hidden sides cannot change this result
    if any(not p.hidden and p.released is settling for p in parts):
        return computed_cell(parts, settling, max_error=None if any(p.max_error != 0 for p in parts) else 0)
    return _called(op, parts)


def _coalesce(args: Sequence[Scalar], cells: CellsById) -> OutputCell:
    tried: list[OutputCell] = []
    for arg in args:
        tried.append(_released_cell(arg, cells))
        if tried[-1].hidden:
            return computed_cell(tried, None, hidden=True)  # whether it is NULL must not be revealed
        if tried[-1].released is not None:
            return computed_cell(tried, tried[-1].released, max_error=tried[-1].max_error if len(tried) == 1 else None)
    return computed_cell(tried, None)


SortOrder = Sequence[tuple[Scalar, bool]]
SortValue = tuple[int, Decimal, str]


def sort_and_limit(
    operator: Sort[PostAggregation] | Limit[PostAggregation], child: OutputRows, budget: StepBudget
) -> OutputRows:
    """Sort and limit rows. Hidden values come last in either direction. A limit skips `skip` rows and takes at most
    `count`, and with `ties` also the rows equal to the last one."""
    budget.spend(len(child.rows))
    keys = {number: _sort_key(line, operator.order) for number, line in enumerate(child.rows)}
    found = in_order(keys, [descending for _, descending in operator.order])
    if isinstance(operator, Limit):
        found = found[operator.skip :]
        if operator.count is not None:
            more = found[operator.count :]
            found = found[: operator.count]
            if operator.ties and found:
                found += [n for n in more if keys[n] == keys[found[-1]]]  # sorted, so ties follow the last row
    return OutputRows(tuple(child.rows[n] for n in found), child.blank)


def in_order(keys: Mapping[int, Sequence[SortValue | None]], descending: Sequence[bool]) -> list[int]:
    """Numbers of rows sorted by their sort keys, hidden values last; equal rows keep their order."""
    found = sorted(keys)
    # a stable sort for each term, from the last to the first
    for number, down in reversed(list(enumerate(descending))):
        shown = [n for n in found if keys[n][number] is not None]
        hidden = [n for n in found if keys[n][number] is None]
        found = sorted(shown, key=lambda n: keys[n][number] or LOWEST_VALUE, reverse=down) + hidden
    return found


def _sort_key(line: OutputRow, order: SortOrder) -> tuple[SortValue | None, ...]:
    cells = (compute_cell(scalar, line.cells) for scalar, _ in order)
    return tuple(None if c.hidden else sort_value(c.released) for c in cells)


LOWEST_VALUE: SortValue = (0, Decimal(0), "")


def sort_value(value: Value) -> SortValue:
    """Sort key of a value. NULL is lowest, as in T-SQL. A column has one type, so classes never mix."""
    match value:
        case None:
            return LOWEST_VALUE
        case bool() | int() | Decimal():
            return (1, Decimal(value), "")
        case float():
            return (1, Decimal(repr(value)), "")  # by its shortest text, as it is displayed
        case date():
            return (2, Decimal(0), value.isoformat())
        case _:
            return (3, Decimal(0), value)
