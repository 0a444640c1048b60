"""A linear look at a script's text before any parser sees it: size, characters, nesting. Knows no meaning."""

import re
import unicodedata
from collections.abc import Iterator

from broker.domain.errors import Refusal
from broker.policy.service import Service

LINE_END = re.compile(r"\r\n|\r|\n")
"""Python's own line ends; str.splitlines knows more, and would count other lines than Python does."""
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_HIDDEN = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff") | frozenset(map(chr, range(0x202A, 0x202F)))
_BIDI = frozenset(map(chr, range(0x2066, 0x206A)))
_HALF = re.compile("[\ud800-\udfff]")
_PLAIN_CONTROLS = "\t\n\r\f"


def lines_of(text: str) -> list[str]:
    return LINE_END.split(text)


def look(text: str, limits: Service) -> tuple[Refusal, ...]:
    """Reasons not to parse the text at all; at most one of each kind."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limits.text_bytes:
        message = f"The script has {size} bytes; at most {limits.text_bytes} are read."
        return (Refusal("too-long", message, "Leave out what the job does not need."),)
    if not text.strip():
        return (Refusal("empty", "There is no script.", "Submit the program's text."),)
    lines = lines_of(text)
    wrong = next(_halves(lines), None)
    if wrong is not None:
        return (Refusal("encoding", "The script is not valid UTF-8.", "Save it as UTF-8.", *wrong),)
    checks = (_characters(lines), _cookie(lines), _nesting(lines, limits.max_depth))
    return tuple(refusal for check in checks for refusal in check)


def _halves(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Places of half characters: what cannot be read as UTF-8 is handed on as these."""
    found = ((number, _HALF.search(line)) for number, line in enumerate(lines, 1))
    return ((number, half.start() + 1) for number, half in found if half)


def _characters(lines: list[str]) -> Iterator[Refusal]:
    """The first character that is read differently by people and by Python."""
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line, 1):
            what = _odd(char)
            if what:
                message = f"The character U+{ord(char):04X} is {what}."
                yield Refusal("character", message, "Write it as an escape, or leave it out.", number, column)
                return


def _odd(char: str) -> str | None:
    """Why a character is refused. Letters that Python folds to ASCII could spell a name that nobody sees."""
    if char.isascii():
        return "a control character" if (char < " " or char == "\x7f") and char not in _PLAIN_CONTROLS else None
    if char in _HIDDEN or char in _BIDI:
        return "invisible"
    if unicodedata.normalize("NFKC", char).isascii() and f"a{char}".isidentifier():
        return "another spelling of an ASCII letter"
    return None


def _cookie(lines: list[str]) -> Iterator[Refusal]:
    """A declared encoding could give Python another text than the one that was checked."""
    for number, line in enumerate(lines[:2], 1):
        found = _COOKIE.match(line)
        if found and found[1].lower().replace("_", "-") not in {"utf-8", "utf8"}:
            message = f"The script declares the encoding {found[1]}; it is read as UTF-8."
            yield Refusal("encoding", message, "Leave the declaration out.", number, found.start(1) + 1)


def _nesting(lines: list[str], most: int) -> Iterator[Refusal]:
    """Depth of brackets, counted everywhere: inside text too, where nobody nests so deeply."""
    depth = 0
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line, 1):
            if char in "([{":
                depth += 1
            elif char in ")]}":
                depth = max(0, depth - 1)
            if depth > most:
                message = f"Brackets are nested more than {most} deep."
                yield Refusal("nesting", message, "Split the expression.", number, column)
                return
