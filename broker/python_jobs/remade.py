"""Text files that a script wrote, made anew before anybody could release them. Pure; runs in a container without data.

Order of rows and columns, trailing digits, spaces and odd characters can carry what no table shows: none of them is the
script's in what is written. What cannot be parsed, or is more than policy allows, is Invalid and stays where it is.
Standard library only: the image `files` has a link to this module.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate, islice
from typing import Any

from broker.domain.csv_text import written_csv
from broker.domain.errors import Invalid
from broker.domain.files import CSV, FileCaps, Sheet
from broker.domain.formulas import inert
from broker.python_jobs.documents import check_amount, too_much
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
FIELD_LIMIT, PIECE = 131_072, 65_536


@dataclass(frozen=True, slots=True)
class Remade:
    """The bytes that would leave; the table in them, if it is one."""

    content: bytes
    sheet: Sheet | None


def remake(kind: str, content: bytes, digits: int, caps: FileCaps) -> Remade:
    """`kind` is an ending, `digits` are the significant ones of a number with a fraction. Raises Invalid: "unreadable",
    or "size" for what is too much."""
    text = _decoded(content)
    made = Remaking(digits, caps)
    if kind == CSV:
        sheet = made.ordered(_csv(text, caps))
        found = Remade(written_csv(sheet.columns, sheet.rows), sheet)
    else:
        found = made.json(text) if kind == ".json" else Remade(made.text(text), None)
    if len(found.content) > caps.made_bytes:
        raise too_much()
    return found


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        raise Invalid("unreadable", "The file is no UTF-8 text.") from fault


def clean(text: str, most: int) -> str:
    """One spelling: composed letters, single spaces, nothing that does not print or show. Raises Invalid where
    composing makes more than `most` characters of it."""
    while not text.isascii() or not text.isprintable():
        _check_growth(text, most)
        composed = unicodedata.normalize("NFKC", text)
        composed = INVISIBLE.sub(" ", composed)
        kept = composed if composed.isprintable() else "".join(c if c.isprintable() else " " for c in composed)
        if kept == text:
            break
        text = kept
    return " ".join(text.split())


def _check_growth(text: str, most: int) -> None:
    """A piece at a time: one letter can become eighteen."""
    pieces = (unicodedata.normalize("NFKC", text[at : at + PIECE]) for at in range(0, len(text), PIECE))
    if any(length > most for length in accumulate(map(len, pieces))):
        raise too_much()


def _csv(text: str, caps: FileCaps) -> list[list[str]]:
    csv.field_size_limit(FIELD_LIMIT)
    rows: list[list[str]] = []
    left = caps.values
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            left -= len(row) or 1
            if left < 0 or len(rows) > caps.rows or len(row) > caps.columns:
                raise too_much()
            if row:
                rows.append(row)
    except csv.Error as fault:
        raise Invalid("unreadable", "The file is no table of comma-separated values.") from fault
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Invalid("unreadable", "The rows of the table have different numbers of columns.")
    return rows


def _rank(cell: str) -> tuple[int, Decimal, str]:
    return (0, Decimal(cell), "") if NUMBER.fullmatch(cell) else (1, Decimal(0), cell)


@dataclass(frozen=True, slots=True)
class Remaking:
    """How the files of a job are written: with so many significant digits, and within the caps."""

    digits: int
    caps: FileCaps

    def text(self, text: str) -> bytes:
        """Line by line; a line that would be a formula is none."""
        left, lines = self.caps.made_bytes, []
        numbers = sum(1 for _ in islice(INSIDE.finditer(text), self.caps.values + 1))
        if max(numbers, text.count("\n")) > self.caps.values:
            raise too_much()
        for line in text.split("\n"):
            lines.append(inert(self.said(clean(line, left))))
            left -= len(lines[-1]) + 1
            if left < 0:
                raise too_much()
        return ("\n".join(lines).strip("\n") + "\n").encode()

    def said(self, text: str) -> str:
        """A text whose numbers have no more digits than those of a table."""
        return INSIDE.sub(lambda found: self._within(found[0]), text)

    def _within(self, number: str) -> str:
        if len(number) > self.caps.cell:
            return "#"
        short = len(number.replace(".", "").lstrip("0")) <= self.digits
        return number if short else capped(Decimal(number), self.digits)

    def cell(self, cell: str) -> str:
        cell = clean(cell, self.caps.made_bytes)
        if len(cell) > self.caps.cell:
            raise Invalid("unreadable", f"A cell of the table has more than {self.caps.cell} characters.")
        return capped(Decimal(cell), self.digits) if NUMBER.fullmatch(cell) else inert(self.said(cell))

    def ordered(self, rows: Iterable[Iterable[str]]) -> Sheet:
        """Columns of texts first, each kind by name; rows by what stands in them."""
        header, *body = [[self.cell(c) for c in row] for row in rows]
        if len(set(header)) < len(header):
            raise Invalid("unreadable", "Two columns of the table have one name.")
        columns = list(zip(*body, strict=True)) if body else [()] * len(header)
        is_key = [any(c and not NUMBER.fullmatch(c) for c in column) for column in columns]
        places = sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))
        kept = [tuple(row[i] for i in places) for row in body]
        return Sheet(tuple(header[i] for i in places), tuple(sorted(kept, key=lambda row: [_rank(c) for c in row])))

    def json(self, text: str) -> Remade:
        """A table is written as a list of rows; anything else with its keys in order and its digits capped."""
        try:
            found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError) as fault:
            raise Invalid("unreadable", "The file is no JSON.") from fault
        check_amount(found, self.caps)
        table = table_in(found)
        if table is None or len(table.header) > self.caps.columns:
            return Remade(_dumped(self._plain(found)), None)
        if len(table.rows) > self.caps.rows:
            raise too_much()
        sheet = self.ordered([table.header, *(map(_text, row) for row in table.rows)])
        numbers = {self.cell(name) for name in table.numbers}
        rows = [{c: _value(cell, c in numbers) for c, cell in zip(sheet.columns, r, strict=True)} for r in sheet.rows]
        return Remade(_dumped(rows), sheet)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.cell(k): self._plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._plain(v) for v in value]
        if value is None or isinstance(value, bool):
            return value
        cell = self.cell(str(value))
        return _number(cell) if NUMBER.fullmatch(cell) and not isinstance(value, str) else cell


def capped(value: Decimal, digits: int) -> str:
    """Whole numbers below a bound as they are; of others so many significant digits."""
    whole = value == value.to_integral_value() and abs(value) < EXACT
    if not value or whole:
        return f"{value:.0f}" if value else "0"
    exponent = Decimal(1).scaleb(value.adjusted() - digits + 1)
    text = f"{value.quantize(exponent, ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _dumped(found: Any) -> bytes:
    return json.dumps(found, indent=1, sort_keys=True).encode() + b"\n"


def _value(cell: str, number: bool) -> str | int | float | None:
    return None if not cell else _number(cell) if number and NUMBER.fullmatch(cell) else cell


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _text(value: Any) -> str:
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def _number(cell: str) -> int | float:
    return float(cell) if "." in cell else int(cell)
