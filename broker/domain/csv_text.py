"""Comma-separated text without spreadsheet formulas. Every table that leaves the broker is written here."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

APOSTROPHE = "'"
FORMULA_STARTS = frozenset("=+-@")
MINUS_SIGN = "\N{MINUS SIGN}"
"""The only lookalike that NFKC does not map to the plain sign. It maps fullwidth, small and superscript ones."""
CELL_SEPARATORS = re.compile("([;\t\r\n\v\f\x85\u2028\u2029]+)")
"""Characters at which a program with other separators would start a new cell."""
TEXT_SEPARATORS = re.compile("([,;\t\r\n\v\f\x85\u2028\u2029]+)")
"""The same for a text that is no table: nobody has put quotes around what has a comma."""
NUMBER = r"[+-]?[£$€]?(?:[0-9][0-9,]*+\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?%?"
NUMBERS = re.compile(rf"{NUMBER}(?:[\s()\[\]]++{NUMBER})*+[\s()\[\]]*+", re.ASCII)
"""One or several numbers, with brackets around or behind them. They are no formula, whatever sign they have."""
QUOTES = frozenset("'\"`\N{ACUTE ACCENT}\N{PRIME}\N{DOUBLE PRIME}\N{FULLWIDTH APOSTROPHE}\N{FULLWIDTH QUOTATION MARK}")
HIDING_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp", "Pi", "Pf"})
"""Categories of characters that may stand before a formula without stopping it: controls, marks, blanks and quotes."""
INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that display nothing."""


def without_formulas(text: str, *, numbers: bool = True, separators: re.Pattern[str] = CELL_SEPARATORS) -> str:
    """The text in a form that no spreadsheet computes. Applying it twice changes nothing more. Without `numbers`, a
    number with a sign becomes text too, for places where only words can be. A cell can start after each of
    `separators`."""
    if text.isalnum():
        return text
    parts = enumerate(separators.split(text))
    # odd parts are the separators
    return "".join(part if n % 2 else _without_formula(part, numbers) for n, part in parts).lstrip("\t\r\n")


def document_without_formulas(document: Any) -> Any:
    """A JSON document in which no text is a formula, for readers who make a table of it. Keys and numbers stay."""
    match document:
        case dict():
            return {key: document_without_formulas(value) for key, value in document.items()}
        case list() | tuple():
            return [document_without_formulas(value) for value in document]
        case str():
            return without_formulas(document, numbers=False)
    return document


def is_formula(text: str, *, numbers: bool = True) -> bool:
    """Whether a spreadsheet would compute the text, or a part of it, once hidden leading characters are removed.
    Without `numbers`, a number with a sign counts too."""
    return text[:1] in {"\t", "\r"} or any(
        _is_computed(_without_prefix(part), numbers) for part in CELL_SEPARATORS.split(text)[::2]
    )


def _without_formula(text: str, numbers: bool) -> str:
    bare = _without_prefix(text)
    return APOSTROPHE + bare if _is_computed(bare, numbers) else text


def _without_prefix(text: str) -> str:
    """The text without leading characters that can hide a formula."""
    return text[next((n for n, c in enumerate(text) if not _hides_formula(c)), len(text)) :]


def _hides_formula(character: str) -> bool:
    return character in QUOTES or character in INVISIBLE_LETTERS or unicodedata.category(character) in HIDING_CATEGORIES


def _compatible_start(character: str) -> str:
    return unicodedata.normalize("NFKC", character).replace(MINUS_SIGN, "-")[:1]


def _is_computed(text: str, numbers: bool) -> bool:
    """Whether a spreadsheet would compute the text. Signs without letters or digits, and numbers, are not computed."""
    if _compatible_start(text[:1]) not in FORMULA_STARTS:
        return False
    plain = unicodedata.normalize("NFKC", text).replace(MINUS_SIGN, "-")
    return any(c.isalnum() for c in plain) and not (numbers and NUMBERS.fullmatch(plain))


def write_csv(columns: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = True) -> bytes:
    """Write a table as UTF-8 CSV with a header and line feeds. No cell is a formula. Without `numbers`, all cells are
    words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([without_formulas(cell, numbers=numbers) for cell in row] for row in (columns, *rows))
    return text.getvalue().encode()
