"""Rows of an output while they are computed: each value as released and as it is, scalars over them, their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.findings import Verdict, worst_verdict
from broker.domain.plans.operators import Limit, PostAggregation, Sort
from broker.domain.plans.scalars import MISSING_LABEL, Call, Case, ColumnRef, Literal, Scalar, Value, column_ids
from broker.postprocessing.exact_arithmetic import call_operation, evaluate, to_significant_figures


class CellOrigin(StrEnum):
    """What a value is: a key or a statistic of a table as it was protected, or something computed from such."""

    KEY = "key"
    STATISTIC = "statistic"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class OutputCell:
    """One value. Nothing that is released may depend on `exact`, nor on what is hidden; `verdict` and `rules` are those
    of every figure that it is made of."""

    released: Value
    exact: Value
    hidden: bool = False
    verdict: Verdict = Verdict.PUBLISH
    rules: frozenset[str] = frozenset()
    origin: CellOrigin = CellOrigin.COMPUTED


@dataclass(frozen=True, slots=True)
class OutputRow:
    """A row of cells by column id.

    `exists`: some figure of it may be shown, so that the row itself may be told of (counted, ranked, grouped); a listed
    row in which nobody was found is none, and looks like one in which too few were. `listed`: it is shown even if all
    its figures are hidden. `persons` of the tables' cells behind it, for staff; None of public rows.
    """

    cells: Mapping[int, OutputCell]
    exists: bool
    listed: bool
    persons: int | None

    def with_cells(self, more: Mapping[int, OutputCell]) -> "OutputRow":
        return replace(self, cells={**self.cells, **more})


@dataclass(frozen=True, slots=True)
class OutputRows:
    """Rows in order. `blank` is what each column holds where a row is missing, beside the rows of an outer join."""

    rows: tuple[OutputRow, ...]
    blank: Mapping[int, OutputCell]


class StepBudget:
    """Counts what is looked at: a program ends by a number, never by a clock, and so alike on every machine."""

    def __init__(self, most: int) -> None:
        self._most = most

    def spend(self, steps: int) -> None:
        self._most -= steps
        if self._most < 0:
            raise Breach("What stands above the groups of an output takes more steps than the profile allows.")


def released_value(cell: OutputCell) -> Value:
    """What a released table holds of a value: nothing of a hidden one, a missing key by its name, and of what was
    computed the figures that a reader can use."""
    if cell.hidden:
        return None
    if cell.origin is CellOrigin.COMPUTED:
        return to_significant_figures(cell.released)
    return MISSING_LABEL if cell.origin is CellOrigin.KEY and cell.released is None else cell.released


def computed_cell(
    parts: Iterable[OutputCell], released: Value, exact: Value = None, hidden: bool = False
) -> OutputCell:
    """A computed value, with the verdict and rules of the cells that it is made of."""
    found = list(parts)
    verdicts = [c.verdict for c in found] + ([Verdict.SUPPRESS] if hidden else [])
    rules = frozenset[str]().union(*(c.rules for c in found))
    return OutputCell(None if hidden else released, exact, hidden, worst_verdict(verdicts), rules)


def cell_of(cells: Mapping[int, OutputCell], ident: int) -> OutputCell:
    if ident not in cells:
        raise Breach(f"The plan's output refers to column {ident}, which is not there.")
    return cells[ident]


CellsById = Mapping[int, OutputCell]


def compute_cell(scalar: Scalar, cells: CellsById) -> OutputCell:
    """The value of a scalar in one row, hidden if it depends on what is hidden. A plain column is the cell itself."""
    if isinstance(scalar, ColumnRef):
        return cell_of(cells, scalar.ident)
    found = _released_cell(scalar, cells)
    return OutputCell(found.released, exact_value(scalar, cells), found.hidden, found.verdict, found.rules)


def exact_value(scalar: Scalar, cells: CellsById) -> Value:
    """The same over exact values, for staff. An operation that fails on them must not end the job, which would tell of
    them: it gives nothing."""
    try:
        return evaluate(scalar, {i: cell_of(cells, i).exact for i in column_ids(scalar)})
    except (Breach, ArithmeticError, ValueError, TypeError):
        return None


def is_true(predicate: Scalar, cells: CellsById) -> bool:
    """Whether a predicate is true of released values; what is hidden is unknown."""
    found = _released_cell(predicate, cells)
    return not found.hidden and found.released is True


def _released_cell(scalar: Scalar, cells: CellsById) -> OutputCell:
    match scalar:
        case ColumnRef(ident=ident):
            return cell_of(cells, ident)
        case Literal(value=value):
            return OutputCell(value, value)
        case Case():
            return _case(scalar, cells)
        case Call(op="and" | "or" as op, args=args):
            return _connected(op, [_released_cell(a, cells) for a in args])
        case Call(op="coalesce", args=args):
            return _coalesce(args, cells)
        case Call(op=op, args=args):
            parts = [_released_cell(a, cells) for a in args]
            hidden = any(p.hidden for p in parts)
            return computed_cell(
                parts, None if hidden else call_operation(op, [p.released for p in parts]), hidden=hidden
            )


def _case(case: Case, cells: CellsById) -> OutputCell:
    """Hidden with the first hidden condition on the way to the branch, or with the branch."""
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
    return computed_cell([*tested, found], found.released, hidden=found.hidden)


def _connected(op: str, parts: Sequence[OutputCell]) -> OutputCell:
    """A false side settles AND, a true side OR, whatever is hidden beside it."""
    settling = op == "or"
    if any(not p.hidden and p.released is settling for p in parts):
        return computed_cell(parts, settling)
    hidden = any(p.hidden for p in parts)
    return computed_cell(parts, None if hidden else call_operation(op, [p.released for p in parts]), hidden=hidden)


def _coalesce(args: Sequence[Scalar], cells: CellsById) -> OutputCell:
    tried: list[OutputCell] = []
    for arg in args:
        tried.append(_released_cell(arg, cells))
        if tried[-1].hidden:
            return computed_cell(tried, None, hidden=True)
        if tried[-1].released is not None:
            return computed_cell(tried, tried[-1].released)
    return computed_cell(tried, None)


SortOrder = Sequence[tuple[Scalar, bool]]
SortValue = tuple[int, Decimal, str]


def sort_and_limit(
    operator: Sort[PostAggregation] | Limit[PostAggregation], child: OutputRows, budget: StepBudget
) -> OutputRows:
    """Rows in order, hidden values last either way; of a limit those after `skip`, at most `count` and those equal to
    the last where `ties` says so."""
    budget.spend(len(child.rows))
    keyed = [(_sort_key(line, operator.order), line) for line in child.rows]
    for number, (_, descending) in reversed(list(enumerate(operator.order))):
        shown = [k for k in keyed if k[0][number] is not None]
        hidden = [k for k in keyed if k[0][number] is None]
        keyed = sorted(shown, key=lambda k: k[0][number] or LOWEST_VALUE, reverse=descending) + hidden
    if isinstance(operator, Limit):
        keyed = keyed[operator.skip :]
        if operator.count is not None:
            more = keyed[operator.count :]
            keyed = keyed[: operator.count]
            if operator.ties and keyed:
                keyed += [k for k in more if k[0] == keyed[-1][0]]
    return OutputRows(tuple(line for _, line in keyed), child.blank)


def _sort_key(line: OutputRow, order: SortOrder) -> tuple[SortValue | None, ...]:
    return tuple(_sort_value_of(compute_cell(scalar, line.cells)) for scalar, _ in order)


def _sort_value_of(cell: OutputCell) -> SortValue | None:
    return None if cell.hidden else sort_value(cell.released)


LOWEST_VALUE: SortValue = (0, Decimal(0), "")


def sort_value(value: Value) -> SortValue:
    """What values are ordered by. NULL is lowest, as in T-SQL; a column has one type, so classes never mix."""
    match value:
        case None:
            return LOWEST_VALUE
        case bool() | int() | Decimal():
            return (1, Decimal(value), "")
        case float():
            return (1, Decimal(repr(value)), "")
        case date():
            return (2, Decimal(0), value.isoformat())
        case _:
            return (3, Decimal(0), value)
