"""Which totals of a table are taken as known, asked for or not: one-way and grand totals that pass. Judges nothing."""

from collections.abc import Collection

from broker.disclosure.tables import ClosedTable, Place


def is_basic(place: Place) -> bool:
    """A one-way total or the grand total (of a one-dimensional table, the grand total alone)."""
    given = sum(category is not None for category in place)
    return given == 0 or (given == 1 and len(place) > 1)


def taken_as_known(table: ClosedTable, unsafe: Collection[int]) -> frozenset[int]:
    """The basic totals that everybody may know from elsewhere.

    A total that does not pass the rules is nobody's public knowledge; and where one of a dimension does not, the
    others of it cannot all be known either: with the grand total they would give it.
    """
    basic = {i for i, place in enumerate(table.cells) if is_basic(place)}
    axes = {axis for i in basic & set(unsafe) for axis, category in enumerate(table.cells[i]) if category is not None}
    return frozenset(
        i
        for i in basic - set(unsafe)
        if not any(category is not None and axis in axes for axis, category in enumerate(table.cells[i]))
    )
