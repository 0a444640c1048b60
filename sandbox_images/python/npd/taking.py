"""The rows of one request: which column tells persons apart, what is the catalogue's, what can be grouped or measured.

All of it is told early for the author's sake; the broker trusts none of it.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from npd.catalogue import all_keys
from npd.errors import NpdError, listed
from npd.names import catalogue_variables, person_column, plain, with_person
from npd.place import Place
from npd.rows import column_names, to_arrow

LARGEST_WHOLE = float(2**53)
_FLAGS = pa.array([0.0, 1.0])


class HandedRows:
    """Rows that are to be handed over: which column tells persons, which are the catalogue's."""

    def __init__(self, place: Place, rows: Any, person: str | None, variables: Any, asked: Sequence[str]) -> None:
        columns = _with_index(rows, column_names(rows), [*asked, *([person] if person else [])])
        self.rows, self.person = rows, person_column(columns, person)
        plain(self.person, "person=")
        if self.person in asked:
            raise NpdError(f"{self.person} tells persons apart: it can be no group and stand in no formula.")
        self.variables = with_person(place, catalogue_variables(place, variables, columns), self.person)

    def take(self, asked: Sequence[str], numbers: Sequence[str], groups: Sequence[str] = ()) -> pa.Table:
        """The rows' columns that are needed, looked at once."""
        arrow = _with_person(to_arrow(self.rows, [self.person, *asked, *self.variables]), self.person)
        for name in arrow.column_names:
            arrow = arrow.set_column(arrow.column_names.index(name), name, _whole(arrow[name]))
        for name in groups:
            _check_group(arrow[name], name)
        for name in numbers:
            arrow = _measured(arrow, name)
        return arrow


def _with_index(rows: Any, columns: list[str], asked: Sequence[str]) -> list[str]:
    """The columns; a frame whose index hides one that is asked for is told so, before anything else is said of it."""
    index = getattr(getattr(rows, "index", None), "names", None) or ()
    hidden = [n for n in index if n is not None and n not in columns and (n in asked or n in all_keys())]
    if hidden:
        said = listed(map(repr, hidden))
        raise NpdError(f"{said} is in the frame's index, not in its columns: write rows.reset_index() first.")
    return columns


def _with_person(arrow: pa.Table, name: str) -> pa.Table:
    """The rows of which anybody knows whose they are; the others count for nobody, and that is told."""
    column = arrow[name]
    if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
        raise NpdError(
            f"The column {name!r} holds no pseudonyms: those are text or whole numbers, as the tables have them. "
            "Whole numbers that a join made floats are spoilt: convert_dtypes() before it keeps them."
        )
    if column.null_count == len(column) > 0:
        raise NpdError(f"No row has a pseudonym in {name!r}: an outer join leaves them missing.")
    if column.null_count:
        print(f"{column.null_count:,} rows without a pseudonym in {name} are left out")
    return arrow.filter(pc.is_valid(column)) if column.null_count else arrow


def _measured(arrow: pa.Table, name: str) -> pa.Table:
    """A column of numbers; true and false count as 1 and 0."""
    column, at = arrow[name], arrow.column_names.index(name)
    if pa.types.is_boolean(column.type):
        return arrow.set_column(at, name, pc.cast(column, pa.int8()))
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        kind = "text" if pa.types.is_string(column.type) else f"of type {column.type}"
        advice = f'pd.to_numeric(rows["{name}"]) makes numbers of text that holds some.'
        raise NpdError(f"The column {name!r} is {kind}; a measure or an outcome needs numbers. {advice}")
    return arrow


def is_flag(column: pa.ChunkedArray) -> bool:
    """Whether there is nothing in a column of numbers but 0 and 1."""
    return column.null_count < len(column) and pc.all(pc.is_in(column.drop_null().cast(pa.float64()), _FLAGS)).as_py()


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers that pandas made floats because some are missing: as a group, 301 is not 301.0."""
    if not pa.types.is_floating(column.type) or column.null_count == len(column):
        return column
    whole = pc.all(pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), LARGEST_WHOLE))).as_py()
    return column.cast(pa.int64()) if whole else column


def _check_group(column: pa.ChunkedArray, name: str) -> None:
    if pa.types.is_floating(column.type) and column.null_count < len(column):
        raise NpdError(f"The rows cannot be grouped by {name!r}, a number with fractions: pd.cut it into bands first.")
