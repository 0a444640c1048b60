"""A CSV text to a lookup, or the reason why it is none: names, types and sizes, strictly. Nothing is guessed."""

import csv
import io
import re
from collections.abc import Sequence
from decimal import Decimal

from broker.domain.errors import Invalid
from broker.domain.saved import NAME, Cell, Lookup, LookupColumn
from broker.domain.scalars import Type
from broker.policy.service import Service

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
"""A number with a leading nought is a code, and stays text. Fifteen digits are exact everywhere."""
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
MOST_DIGITS = 15
AS_TEXT = ":text"
"""A column whose name in the first line ends so is text, for codes that look like numbers."""


def read_lookup(name: str, text: str, service: Service) -> Lookup:
    """Raises Invalid, which never quotes a value."""
    if not NAME.fullmatch(name):
        message = "A name has letters, digits and _ only, begins with a letter, and has 64 characters at most."
        raise Invalid("name", message, "/name")
    names, rows = _parts(text.removeprefix("\ufeff"), service)
    cells = [[value.strip() or None for value in row] for row in rows]
    columns = [_column(n, [row[i] for row in cells], i) for i, n in enumerate(names)]
    values = [[row[i] for row in cells] for i in range(len(names))]
    typed = zip(*(_typed(c, v) for c, v in zip(columns, values, strict=True)), strict=True)
    return Lookup(name, tuple(columns), tuple(typed))


def _parts(text: str, service: Service) -> tuple[list[str], list[list[str]]]:
    if len(text.encode("utf-8", "surrogatepass")) > service.lookup_bytes:
        raise Invalid("lookup-size", f"A lookup has {service.lookup_bytes} bytes at most.", "/text")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise Invalid("lookup-csv", "This is no CSV: a quote does not end, or a line is broken.", "/text") from error
    if len(lines) < 2:
        raise Invalid("lookup-csv", "A lookup has a line of names and at least one row.", "/text")
    names, rows = [n.strip() for n in lines[0]], lines[1:]
    if len(rows) > service.lookup_rows or len(names) > service.lookup_columns:
        message = f"A lookup has {service.lookup_rows} rows and {service.lookup_columns} columns at most."
        raise Invalid("lookup-size", message, "/text")
    bare = [n.removesuffix(AS_TEXT) for n in names]
    if not all(NAME.fullmatch(n) for n in bare) or len({n.casefold() for n in bare}) != len(names):
        raise Invalid("lookup-columns", "Each column needs a name of its own: letters, digits and _.", "/text")
    for number, row in enumerate(rows, 2):
        _check_row(row, len(names), number, service)
    return names, rows


def _check_row(row: Sequence[str], width: int, number: int, service: Service) -> None:
    if len(row) != width:
        raise Invalid("lookup-csv", f"Row {number} has {len(row)} values; the first line names {width}.", "/text")
    if any(len(v) > service.lookup_cell or not v.isprintable() for v in row):
        message = (
            f"Row {number} has a value of more than {service.lookup_cell} characters, or one that is no plain text."
        )
        raise Invalid("lookup-value", message, "/text")


def _column(name: str, values: Sequence[str | None], index: int) -> LookupColumn:
    there = [v for v in values if v is not None]
    if not there:
        raise Invalid("lookup-columns", f"Column {index + 1} has no values.", "/text")
    kind = Type.TEXT
    if name.endswith(AS_TEXT):
        name = name.removesuffix(AS_TEXT)
    elif all(WHOLE.fullmatch(v) for v in there):
        kind = Type.INT
    elif all(DECIMAL.fullmatch(v) for v in there) and _fits(there):
        kind = Type.DECIMAL
    unique = len(there) == len(values) and len({v.casefold() for v in there}) == len(there)
    return LookupColumn(name, kind, unique and index == 0 and kind is not Type.DECIMAL)


def _fits(values: Sequence[str]) -> bool:
    """Whether one decimal type holds them all, exactly."""
    whole = max(len(v.lstrip("-").partition(".")[0]) for v in values)
    return whole + max(len(v.partition(".")[2]) for v in values) <= MOST_DIGITS


def _typed(column: LookupColumn, values: Sequence[str | None]) -> list[Cell]:
    if column.type is Type.TEXT:
        return list(values)
    if column.type is Type.INT:
        return [None if v is None else int(v) for v in values]
    places = max(len(v.partition(".")[2]) for v in values if v is not None)
    return [None if v is None else Decimal(v).quantize(Decimal(1).scaleb(-places)) for v in values]
