"""Files that a script wrote, made anew before anybody could release them: parsed here, and written by the broker.

Order of rows and columns, trailing digits, spaces and odd characters can carry what no table shows: none of them is the
script's in what is written. What cannot be parsed is Invalid and stays where it is. Pure; pictures are made elsewhere.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from broker.domain.errors import Invalid
from broker.python_jobs.json_tables import table_in

NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*|[0-9]*\.[0-9]+|[0-9]+\.)(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
"""What is read as a number, however it is spelled: whole numbers with zeros in front are codes, and so texts."""
INSIDE = re.compile(r"(?<![0-9])[0-9]++\.[0-9]++|\.[0-9]++|(?<![0-9])[0-9]{13,}+", re.ASCII)
"""Numbers in a text whose digits are capped too: with a fraction, or too long to be anybody's code."""
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that count as printable and show nothing."""
EXACT = 10_000_000
"""Whole numbers below it stay as they are: counts and codes."""
LONGEST_CELL, WIDEST, DEEPEST = 200, 200, 20
STARTS = "=+@\t\r"
"""A text that begins so would be a formula to a spreadsheet."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of texts and numbers as they are written, in the broker's order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Remade:
    """The bytes that would leave; the table in them, if it is one."""

    content: bytes
    sheet: Sheet | None


def remake(name: str, content: bytes, digits: int) -> Remade:
    """`digits` are the significant ones of a number with a fraction. Raises Invalid("unreadable")."""
    text = _decoded(content)
    match name.rpartition(".")[2].lower():
        case "csv":
            sheet = ordered(_csv(text), digits)
            return Remade(_written(sheet), sheet)
        case "json":
            return _json(text, digits)
    lines = [said(clean(line), digits) for line in text.split("\n")]
    return Remade(("\n".join(lines).strip("\n") + "\n").encode(), None)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        raise Invalid("unreadable", "The file is no UTF-8 text.") from fault


def clean(text: str) -> str:
    """One spelling: composed letters, single spaces, nothing that does not print or show."""
    composed = INVISIBLE.sub(" ", unicodedata.normalize("NFKC", text))
    kept = "".join(c if c.isprintable() and unicodedata.category(c) != "Co" else " " for c in composed)
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def said(text: str, digits: int) -> str:
    """A text whose numbers have no more digits than those of a table."""
    return INSIDE.sub(lambda found: _within(found[0], digits), text)


def _within(number: str, digits: int) -> str:
    if len(number) > LONGEST_CELL:
        return "#"
    return number if len(number.replace(".", "").lstrip("0")) <= digits else capped(Decimal(number), digits)


def _csv(text: str) -> list[list[str]]:
    csv.field_size_limit(131_072)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as fault:
        raise Invalid("unreadable", "The file is no table of comma-separated values.") from fault
    if not rows or len(rows[0]) > WIDEST or any(len(row) != len(rows[0]) for row in rows):
        raise Invalid("unreadable", "The rows of the table have different numbers of columns, or too many.")
    return rows


def ordered(rows: Iterable[Iterable[str]], digits: int) -> Sheet:
    """Columns of texts first, each kind by name; rows by what stands in them."""
    header, *body = [[cell_of(c, digits) for c in row] for row in rows]
    if len(set(header)) < len(header):
        raise Invalid("unreadable", "Two columns of the table have one name.")
    columns = list(zip(*body, strict=True)) if body else [()] * len(header)
    is_key = [any(c and not NUMBER.fullmatch(c) for c in column) for column in columns]
    places = sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))
    kept = [tuple(row[i] for i in places) for row in body]
    return Sheet(tuple(header[i] for i in places), tuple(sorted(kept, key=lambda row: [_rank(c) for c in row])))


def _rank(cell: str) -> tuple[int, Decimal, str]:
    return (0, Decimal(cell), "") if NUMBER.fullmatch(cell) else (1, Decimal(0), cell)


def cell_of(cell: str, digits: int) -> str:
    cell = clean(cell)
    if len(cell) > LONGEST_CELL:
        raise Invalid("unreadable", f"A cell of the table has more than {LONGEST_CELL} characters.")
    if NUMBER.fullmatch(cell):
        return capped(Decimal(cell), digits)
    return said(cell.lstrip(STARTS), digits)


def capped(value: Decimal, digits: int) -> str:
    """Whole numbers below a bound as they are; of others so many significant digits."""
    whole = value == value.to_integral_value() and abs(value) < EXACT
    if not value or whole:
        return f"{value:.0f}" if value else "0"
    exponent = Decimal(1).scaleb(value.adjusted() - digits + 1)
    text = f"{value.quantize(exponent, ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _written(sheet: Sheet) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(sheet.columns)
    writer.writerows(sheet.rows)
    return text.getvalue().encode()


def _json(text: str, digits: int) -> Remade:
    """A table is written as a list of rows; anything else with its keys in order and its digits capped."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as fault:
        raise Invalid("unreadable", "The file is no JSON.") from fault
    table = table_in(found)
    if table is None or len(table.header) > WIDEST:
        return Remade(_dumped(_plain(found, digits)), None)
    sheet = ordered([table.header, *(map(_text, row) for row in table.rows)], digits)
    numbers = {cell_of(name, digits) for name in table.numbers}
    rows = [{c: _value(cell, c in numbers) for c, cell in zip(sheet.columns, row, strict=True)} for row in sheet.rows]
    return Remade(_dumped(rows), sheet)


def _dumped(found: Any) -> bytes:
    return json.dumps(found, indent=1, sort_keys=True).encode() + b"\n"


def _value(cell: str, number: bool) -> str | int | float | None:
    return None if not cell else _number(cell) if number and NUMBER.fullmatch(cell) else cell


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _text(value: Any) -> str:
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def _plain(value: Any, digits: int, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise Invalid("unreadable", "The JSON is nested too deeply.")
    if isinstance(value, dict):
        return {cell_of(k, digits): _plain(v, digits, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v, digits, depth + 1) for v in value]
    if value is None or isinstance(value, bool):
        return value
    cell = cell_of(str(value), digits)
    return _number(cell) if NUMBER.fullmatch(cell) and not isinstance(value, str) else cell


def _number(cell: str) -> int | float:
    return float(cell) if "." in cell else int(cell)
