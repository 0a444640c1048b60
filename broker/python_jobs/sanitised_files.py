"""Rewrites text files of scripts before they can be released. Pure; runs in a container without data."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate, islice
from typing import Any

from broker.domain.csv_text import TEXT_SEPARATORS, without_formulas, write_csv
from broker.domain.errors import Invalid
from broker.domain.jobs.script_files import CSV, FileCaps, TextTable


def sanitise_document(content: bytes, caps: FileCaps) -> bytes:
    """Rewrite a JSON document with the same values; values that are no JSON number become null. Raises Invalid if the
    content is no JSON, repeats a key, or exceeds the caps."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=lambda _: None, object_pairs_hook=unique_keys)
        check_amount(found, caps)
        # a JSON text can contain half a character, which UTF-8 cannot encode
        written = json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (ValueError, RecursionError) as fault:
        raise Invalid("unreadable", "The file is not JSON.") from fault
    if len(written) > caps.made_bytes:
        raise too_large()
    return written


def too_large() -> Invalid:
    return Invalid("size", "The file has more values, or deeper nesting, than a file may have.")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a JSON reader. Raises ValueError if a key occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):  # JSON readers differ on which of two equal keys counts
        raise ValueError("a key twice")
    return found


def check_amount(document: Any, caps: FileCaps) -> None:
    """Check the number of values and the depth, without going deeper than the caps allow. Raises Invalid."""
    level, left = [document], caps.values  # level by level: recursion would fail on deep documents
    for _ in range(caps.depth):
        left -= len(level)
        if left < 0:
            raise too_large()
        level = [part for value in level if isinstance(value, dict | list) for part in _children(value)]
        if not level:
            return
    raise too_large()


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


INDEX_KEY = "index"
SPLIT_KEYS = frozenset({"columns", "data"})


@dataclass(frozen=True, slots=True)
class JsonTable:
    """A table of JSON values as they were parsed. No value is a list or an object."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def number_columns(self) -> frozenset[str]:
        """Columns without texts. Texts of digits are codes, and stay texts."""
        columns = zip(self.header, zip(*self.rows, strict=True), strict=True) if self.rows else ()
        return frozenset(name for name, cells in columns if not any(isinstance(cell, str) for cell in cells))


def read_json_table(document: Any) -> JsonTable | None:
    """Read a document as a table; None if it is not one."""
    table = (
        _table_of_rows(document)
        if isinstance(document, list)
        else _table_of_columns(document)
        if isinstance(document, dict)
        else None
    )
    if table is None or not table.header or any(isinstance(c, dict | list) for row in table.rows for c in row):
        return None
    return table if len(set(table.header)) == len(table.header) else None


def _table_of_rows(document: Sequence[Any]) -> JsonTable | None:
    if not document or not all(isinstance(row, dict) and set(row) == set(document[0]) for row in document):
        return None
    header = tuple(document[0])
    return JsonTable(header, tuple(tuple(row[name] for name in header) for row in document))


def _table_of_columns(document: Mapping[str, Any]) -> JsonTable | None:
    if SPLIT_KEYS <= set(document) <= SPLIT_KEYS | {INDEX_KEY}:
        return _table_of_split(document)
    columns = list(document.values())
    if columns and all(isinstance(c, list) for c in columns) and len({len(c) for c in columns}) == 1:
        return JsonTable(tuple(document), tuple(zip(*columns, strict=True)))
    if columns and all(isinstance(c, dict) and c and list(c) == list(columns[0]) for c in columns):
        rows = zip(*(c.values() for c in columns), strict=True)
        return _with_labels(tuple(document), list(columns[0]), list(rows))
    return None


def _table_of_split(document: Mapping[str, Any]) -> JsonTable | None:
    header, rows = document["columns"], document["data"]
    labels = document.get(INDEX_KEY, list(range(len(rows))) if isinstance(rows, list) else None)
    if not all(isinstance(part, list) for part in (header, rows, labels)) or len(labels) != len(rows):
        return None
    if not all(isinstance(name, str) for name in header) or not all(
        isinstance(row, list) and len(row) == len(header) for row in rows
    ):
        return None
    return _with_labels(tuple(header), labels, [tuple(row) for row in rows])


def _with_labels(header: tuple[str, ...], labels: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> JsonTable:
    """Add the row labels as a column, unless they only number the rows."""
    if [str(label) for label in labels] == [str(n) for n in range(len(rows))]:
        return JsonTable(header, tuple(rows))
    return JsonTable((INDEX_KEY, *header), tuple((label, *row) for label, row in zip(labels, rows, strict=True)))


NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*|[0-9]*\.[0-9]+|[0-9]+\.)(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
"""Matches numbers in any spelling. Whole numbers with leading zeros are codes, and so texts."""
EMBEDDED_NUMBER = re.compile(r"(?<![0-9])[0-9]++\.[0-9]++|\.[0-9]++|(?<![0-9])[0-9]{13,}+", re.ASCII)
"""Numbers inside a text whose digits are capped too: with a fraction, or too long to be a code."""
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that count as printable but show nothing."""
MAX_EXACT_WHOLE = 10_000_000
"""Whole numbers below this are not rounded: they are counts and codes."""
FIELD_LIMIT, NORMALISED_AT_ONCE = 131_072, 65_536


@dataclass(frozen=True, slots=True)
class SanitisedFile:
    """The bytes to release, and the table in them, if there is one."""

    content: bytes
    sheet: TextTable | None


def sanitise_file(kind: str, content: bytes, digits: int, caps: FileCaps) -> SanitisedFile:
    """Rewrite a file. `kind` is its extension, `digits` the significant digits of a number with a fraction. Raises
    Invalid: "unreadable", or "size" if it exceeds the caps."""
    text = _decoded(content)
    sanitiser = FileSanitiser(digits, caps)
    if kind == CSV:
        sheet = sanitiser.ordered(_csv(text, caps))
        found = SanitisedFile(write_csv(sheet.columns, sheet.rows), sheet)
    else:
        found = sanitiser.json(text) if kind == ".json" else SanitisedFile(sanitiser.text(text), None)
    if len(found.content) > caps.made_bytes:
        raise too_large()
    return found


def _decoded(content: bytes) -> str:
    try:
        # utf-8-sig drops a byte order mark
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as fault:
        raise Invalid("unreadable", "The file is not UTF-8 text.") from fault


def clean_text(text: str, max_length: int) -> str:
    """Text in one spelling: composed letters, single spaces, no invisible or unprintable characters. Raises Invalid if
    composing would give more than `max_length` characters."""
    # repeated, because removing a character can make a new composition possible
    while not text.isascii() or not text.isprintable():
        _check_growth(text, max_length)
        composed = unicodedata.normalize("NFKC", text)
        composed = INVISIBLE.sub(" ", composed)
        printable = composed if composed.isprintable() else "".join(c if c.isprintable() else " " for c in composed)
        if printable == text:
            break
        text = printable
    return " ".join(text.split())


def _check_growth(text: str, max_length: int) -> None:
    """Check the length of the composed text piece by piece: one letter can become eighteen."""
    pieces = (
        unicodedata.normalize("NFKC", text[at : at + NORMALISED_AT_ONCE])
        for at in range(0, len(text), NORMALISED_AT_ONCE)
    )
    if any(length > max_length for length in accumulate(map(len, pieces))):
        raise too_large()


def _csv(text: str, caps: FileCaps) -> list[list[str]]:
    csv.field_size_limit(FIELD_LIMIT)
    rows: list[list[str]] = []
    left = caps.values
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            left -= len(row) or 1  # an empty line counts as well, or a file of line ends would have no limit
            if left < 0 or len(rows) > caps.rows or len(row) > caps.columns:
                raise too_large()
            if row:
                rows.append(row)
    except csv.Error as fault:
        raise Invalid("unreadable", "The file is not a table of comma-separated values.") from fault
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Invalid("unreadable", "The rows of the table have different numbers of columns.")
    return rows


def _sort_key(cell: str) -> tuple[int, Decimal, str]:
    return (0, Decimal(cell), "") if NUMBER.fullmatch(cell) else (1, Decimal(0), cell)


@dataclass(frozen=True, slots=True)
class FileSanitiser:
    """Rewrites the files of a job with a number of significant digits, and within the caps."""

    digits: int
    caps: FileCaps

    def text(self, text: str) -> bytes:
        """Rewrite a text line by line. A line that a spreadsheet would read as a formula is made harmless."""
        left, lines = self.caps.made_bytes, []
        # counted up to the limit only
        numbers = sum(1 for _ in islice(EMBEDDED_NUMBER.finditer(text), self.caps.values + 1))
        if max(numbers, text.count("\n")) > self.caps.values:
            raise too_large()
        for line in text.split("\n"):
            text = self.cap_numbers(clean_text(line, left))
            lines.append(without_formulas(text, separators=TEXT_SEPARATORS))
            left -= len(lines[-1]) + 1
            if left < 0:
                raise too_large()
        return ("\n".join(lines).strip("\n") + "\n").encode()

    def cap_numbers(self, text: str) -> str:
        """A text whose numbers have no more digits than those of a table."""
        return EMBEDDED_NUMBER.sub(lambda found: self._capped_number(found[0]), text)

    def _capped_number(self, number: str) -> str:
        if len(number) > self.caps.cell:
            return "#"
        short = len(number.replace(".", "").lstrip("0")) <= self.digits
        return number if short else cap_digits(Decimal(number), self.digits)

    def cell(self, cell: str) -> str:
        cell = clean_text(cell, self.caps.made_bytes)
        if len(cell) > self.caps.cell:
            raise Invalid("unreadable", f"A cell of the table has more than {self.caps.cell} characters.")
        return (
            cap_digits(Decimal(cell), self.digits)
            if NUMBER.fullmatch(cell)
            else without_formulas(self.cap_numbers(cell))
        )

    def ordered(self, rows: Iterable[Iterable[str]]) -> TextTable:
        """Rewrite a table: columns with texts first, each kind by name, and rows sorted by their cells."""
        header, *body = [[self.cell(c) for c in row] for row in rows]
        if len(set(header)) < len(header):
            raise Invalid("unreadable", "Two columns of the table have the same name.")
        columns = list(zip(*body, strict=True)) if body else [()] * len(header)
        is_key = [any(c and not NUMBER.fullmatch(c) for c in column) for column in columns]
        order = sorted(range(len(header)), key=lambda i: (not is_key[i], header[i]))
        ordered_rows = [tuple(row[i] for i in order) for row in body]
        return TextTable(
            # the script's own order of columns and rows could carry data
            tuple(header[i] for i in order),
            tuple(sorted(ordered_rows, key=lambda row: [_sort_key(c) for c in row])),
        )

    def json(self, text: str) -> SanitisedFile:
        """Rewrite JSON. A table becomes a list of rows; anything else keeps its structure, with sorted keys and capped
        digits."""
        try:
            found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError) as fault:
            raise Invalid("unreadable", "The file is not JSON.") from fault
        check_amount(found, self.caps)
        table = read_json_table(found)
        if table is None or len(table.header) > self.caps.columns:
            return SanitisedFile(_json_bytes(self._plain(found)), None)
        if len(table.rows) > self.caps.rows:
            raise too_large()
        sheet = self.ordered([table.header, *(map(_cell_text, row) for row in table.rows)])
        numbers = {self.cell(name) for name in table.number_columns}
        rows = [
            {c: _json_value(cell, c in numbers) for c, cell in zip(sheet.columns, r, strict=True)} for r in sheet.rows
        ]
        return SanitisedFile(_json_bytes(rows), sheet)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.cell(k): self._plain(v) for k, v in value.items()}  # check_amount has limited the depth
        if isinstance(value, list):
            return [self._plain(v) for v in value]
        if value is None or isinstance(value, bool):
            return value
        cell = self.cell(str(value))
        return _number(cell) if NUMBER.fullmatch(cell) and not isinstance(value, str) else cell


def cap_digits(value: Decimal, digits: int) -> str:
    """Write a number: whole numbers below MAX_EXACT_WHOLE exactly, all others with `digits` significant digits."""
    whole = value == value.to_integral_value() and abs(value) < MAX_EXACT_WHOLE
    if not value or whole:
        return f"{value:.0f}" if value else "0"
    exponent = Decimal(1).scaleb(value.adjusted() - digits + 1)  # place of the last significant digit
    text = f"{value.quantize(exponent, ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json_bytes(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _json_value(cell: str, number: bool) -> str | int | float | None:
    return None if not cell else _number(cell) if number and NUMBER.fullmatch(cell) else cell


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _cell_text(value: Any) -> str:
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def _number(cell: str) -> int | float:
    return float(cell) if "." in cell else int(cell)
