"""The order of rows by released values only, then by their order before. Exact values have no say."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from broker.domain.groups import First
from broker.domain.scalars import Scalar, Value
from broker.postprocessing.cells import Cell, Line, Lines, Work
from broker.postprocessing.formulas import compute

Order = Sequence[tuple[Scalar, bool]]
Rank = tuple[int, Decimal, str]


def first(group: First, child: Lines, work: Work) -> Lines:
    """Rows in order, hidden values last either way; of them those after `skip`, at most `count` and those equal to the
    last where `ties` says so."""
    work.spend(len(child.rows))
    keyed = [(_place(line, group.order), line) for line in child.rows]
    for number, (_, descending) in reversed(list(enumerate(group.order))):
        shown = [k for k in keyed if k[0][number] is not None]
        hidden = [k for k in keyed if k[0][number] is None]
        keyed = sorted(shown, key=lambda k: k[0][number] or LOWEST, reverse=descending) + hidden
    kept = keyed[group.skip :]
    if group.count is not None:
        more = kept[group.count :]
        kept = kept[: group.count]
        if group.ties and kept:
            kept += [k for k in more if k[0] == kept[-1][0]]
    return Lines(tuple(line for _, line in kept), child.blank)


def _place(line: Line, order: Order) -> tuple[Rank | None, ...]:
    return tuple(_rank_of(compute(scalar, line.cells)) for scalar, _ in order)


def _rank_of(cell: Cell) -> Rank | None:
    return None if cell.hidden else rank(cell.released)


LOWEST: Rank = (0, Decimal(0), "")


def rank(value: Value) -> Rank:
    """What values are ordered by. NULL is lowest, as in T-SQL; a column has one type, so classes never mix."""
    match value:
        case None:
            return LOWEST
        case bool() | int() | Decimal():
            return (1, Decimal(value), "")
        case float():
            return (1, Decimal(repr(value)), "")
        case date():
            return (2, Decimal(0), value.isoformat())
        case _:
            return (3, Decimal(0), value)
