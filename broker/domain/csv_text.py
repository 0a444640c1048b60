"""Comma-separated text without spreadsheet formulas: every table that leaves the broker is written here."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable

APOSTROPHE = "'"
FORMULA_STARTS = frozenset("=+-@")
MINUS_SIGN = "\N{MINUS SIGN}"
"""The one twin that compatibility forms do not lead back to; fullwidth, small and raised ones they do."""
CELL_SEPARATORS = re.compile("([;\t\r\n\v\f\x85\u2028\u2029]+)")
"""Where a program that expects other separators would begin a new cell."""
NUMBER = r"[+-]?[£$€]?(?:[0-9][0-9,]*+\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?%?"
NUMBERS = re.compile(rf"{NUMBER}(?:\s++{NUMBER})*+\s*", re.ASCII)
"""One or several numbers: no formula, whatever sign is in front."""
QUOTES = frozenset("'\"`\N{ACUTE ACCENT}\N{PRIME}\N{DOUBLE PRIME}\N{FULLWIDTH APOSTROPHE}\N{FULLWIDTH QUOTATION MARK}")
HIDING_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp", "Pi", "Pf"})
"""Kinds of characters that a formula can stand behind: controls, marks, blanks and quotes."""
INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that show nothing."""


def without_formulas(text: str, *, numbers: bool = True) -> str:
    """The text as no spreadsheet computes it. Made inert twice it is the same. Without `numbers` one with a sign in
    front is made a text, too: where nothing but words can stand."""
    if text.isalnum():
        return text
    parts = enumerate(CELL_SEPARATORS.split(text))
    return "".join(part if n % 2 else _without_formula(part, numbers) for n, part in parts).lstrip("\t\r\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute the text, or a part of it, once what it stands behind is gone."""
    return text[:1] in {"\t", "\r"} or any(
        _is_computed(_without_prefix(part), True) for part in CELL_SEPARATORS.split(text)[::2]
    )


def _without_formula(text: str, numbers: bool) -> str:
    bare = _without_prefix(text)
    return APOSTROPHE + bare if _is_computed(bare, numbers) else text


def _without_prefix(text: str) -> str:
    """Without the characters at its beginning that a formula could stand behind."""
    return text[next((n for n, c in enumerate(text) if not _hides_formula(c)), len(text)) :]


def _hides_formula(character: str) -> bool:
    return character in QUOTES or character in INVISIBLE_LETTERS or unicodedata.category(character) in HIDING_CATEGORIES


def _compatible_start(character: str) -> str:
    return unicodedata.normalize("NFKC", character).replace(MINUS_SIGN, "-")[:1]


def _is_computed(text: str, numbers: bool) -> bool:
    """Rules of signs alone, and numbers, compute nothing."""
    if _compatible_start(text[:1]) not in FORMULA_STARTS:
        return False
    plain = unicodedata.normalize("NFKC", text).replace(MINUS_SIGN, "-")
    return any(c.isalnum() for c in plain) and not (numbers and NUMBERS.fullmatch(plain))


def write_csv(columns: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = True) -> bytes:
    """UTF-8 with a header and lines that end in a line feed; no cell is a formula to a spreadsheet. Without `numbers`
    all cells are words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([without_formulas(cell, numbers=numbers) for cell in row] for row in (columns, *rows))
    return text.getvalue().encode()
