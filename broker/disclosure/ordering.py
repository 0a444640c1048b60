"""The order of a released table's rows: by released values only, then by the lists. Exact values have no say."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from broker.domain.outputs import JudgedCell
from broker.domain.scalars import Value


def in_order(rows: Iterable[JudgedCell], order: Sequence[tuple[int, bool]]) -> tuple[JudgedCell, ...]:
    """Rows by (column, descending) in order of precedence; hidden values stand last either way.

    Sorting is stable and starts from list order, so equal released values keep that order.
    """
    found = list(rows)
    for index, descending in reversed(order):
        shown = [row for row in found if not row.suppressed[index]]
        hidden = [row for row in found if row.suppressed[index]]
        ranks = {id(row): _rank(row.released[index]) for row in shown}
        found = sorted(shown, key=lambda row: ranks[id(row)], reverse=descending) + hidden
    return tuple(found)


def _rank(value: Value) -> tuple[int, Decimal, str]:
    """NULL is lowest, as in T-SQL; a column has one type, so the classes never mix but with NULL."""
    match value:
        case None:
            return (0, Decimal(0), "")
        case bool() | int() | Decimal():
            return (1, Decimal(value), "")
        case float():
            return (1, Decimal(repr(value)), "")
        case date():
            return (2, Decimal(0), value.isoformat())
        case _:
            return (3, Decimal(0), value)
