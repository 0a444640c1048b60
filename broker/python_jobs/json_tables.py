"""Tables in JSON, in the ways that libraries write them: rows, columns, or `split`. Pure; believes no figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LABELS = "index"
SPLIT = frozenset({"columns", "data"})


@dataclass(frozen=True, slots=True)
class JsonTable:
    """Values as they were parsed, none of them a list or an object."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def numbers(self) -> frozenset[str]:
        """Columns of numbers only: texts of digits are codes, and stay texts."""
        columns = zip(self.header, zip(*self.rows, strict=True), strict=True) if self.rows else ()
        return frozenset(name for name, cells in columns if not any(isinstance(cell, str) for cell in cells))


def table_in(found: Any) -> JsonTable | None:
    """None where it is no table: then it is a document."""
    table = _of_rows(found) if isinstance(found, list) else _of_columns(found) if isinstance(found, dict) else None
    if table is None or not table.header or any(isinstance(c, dict | list) for row in table.rows for c in row):
        return None
    return table if len(set(table.header)) == len(table.header) else None


def _of_rows(found: Sequence[Any]) -> JsonTable | None:
    if not found or not all(isinstance(row, dict) and set(row) == set(found[0]) for row in found):
        return None
    header = tuple(found[0])
    return JsonTable(header, tuple(tuple(row[name] for name in header) for row in found))


def _of_columns(found: Mapping[str, Any]) -> JsonTable | None:
    if SPLIT <= set(found) <= SPLIT | {LABELS}:
        return _split(found)
    columns = list(found.values())
    if columns and all(isinstance(c, list) for c in columns) and len({len(c) for c in columns}) == 1:
        return JsonTable(tuple(found), tuple(zip(*columns, strict=True)))
    if columns and all(isinstance(c, dict) and c and list(c) == list(columns[0]) for c in columns):
        rows = zip(*(c.values() for c in columns), strict=True)
        return _labelled(tuple(found), list(columns[0]), list(rows))
    return None


def _split(found: Mapping[str, Any]) -> JsonTable | None:
    header, rows = found["columns"], found["data"]
    labels = found.get(LABELS, list(range(len(rows))) if isinstance(rows, list) else None)
    if not all(isinstance(part, list) for part in (header, rows, labels)) or len(labels) != len(rows):
        return None
    if not all(isinstance(name, str) for name in header) or not all(
        isinstance(row, list) and len(row) == len(header) for row in rows
    ):
        return None
    return _labelled(tuple(header), labels, [tuple(row) for row in rows])


def _labelled(header: tuple[str, ...], labels: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> JsonTable:
    """Labels of rows are a column like any other, but where they only count the rows."""
    if [str(label) for label in labels] == [str(n) for n in range(len(rows))]:
        return JsonTable(header, tuple(rows))
    return JsonTable((LABELS, *header), tuple((label, *row) for label, row in zip(labels, rows, strict=True)))
