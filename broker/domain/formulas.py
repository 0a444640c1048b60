"""Texts that a spreadsheet would compute: known by how they begin, and made plain. Pure; no other module knows them.

A cell that begins with = + - @ is run by a spreadsheet, also behind blanks, quotes and characters that show nothing,
and in letters that only look like these. An apostrophe in front makes it a text. Numbers stay as they are.
"""

import re
import unicodedata

APOSTROPHE = "'"
STARTS = frozenset("=+-@")
MINUS = "\N{MINUS SIGN}"
"""The one twin that compatibility forms do not lead back to; fullwidth, small and raised ones they do."""
PARTS = re.compile("([;\t\r\n\v\f\x85\u2028\u2029]+)")
"""Where a program that expects other separators would begin a new cell."""
NUMBER = r"[+-]?[£$€]?(?:[0-9][0-9,]*+\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?%?"
NUMBERS = re.compile(rf"{NUMBER}(?:\s++{NUMBER})*+\s*", re.ASCII)
"""One or several numbers: no formula, whatever sign is in front."""
QUOTES = frozenset("'\"`\N{ACUTE ACCENT}\N{PRIME}\N{DOUBLE PRIME}\N{FULLWIDTH APOSTROPHE}\N{FULLWIDTH QUOTATION MARK}")
HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp", "Pi", "Pf"})
"""Kinds of characters that a formula can stand behind: controls, marks, blanks and quotes."""
NO_SHOW = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that show nothing."""


def inert(text: str, *, numbers: bool = True) -> str:
    """The text as no spreadsheet computes it. Made inert twice it is the same. Without `numbers` one with a sign in
    front is made a text, too: where nothing but words can stand."""
    if text.isalnum():
        return text
    parts = enumerate(PARTS.split(text))
    return "".join(part if n % 2 else _inert(part, numbers) for n, part in parts).lstrip("\t\r\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute the text, or a part of it, once what it stands behind is gone."""
    return text[:1] in {"\t", "\r"} or any(_computes(_bare(part), True) for part in PARTS.split(text)[::2])


def _inert(text: str, numbers: bool) -> str:
    bare = _bare(text)
    return APOSTROPHE + bare if _computes(bare, numbers) else text


def _bare(text: str) -> str:
    """Without the characters at its beginning that a formula could stand behind."""
    return text[next((n for n, c in enumerate(text) if not _hides(c)), len(text)) :]


def _hides(character: str) -> bool:
    return character in QUOTES or character in NO_SHOW or unicodedata.category(character) in HIDING


def _like(character: str) -> str:
    return unicodedata.normalize("NFKC", character).replace(MINUS, "-")[:1]


def _computes(text: str, numbers: bool) -> bool:
    """Rules of signs alone, and numbers, compute nothing."""
    if _like(text[:1]) not in STARTS:
        return False
    plain = unicodedata.normalize("NFKC", text).replace(MINUS, "-")
    return any(c.isalnum() for c in plain) and not (numbers and NUMBERS.fullmatch(plain))
