"""Text to tokens: words, numbers, quoted things, signs, blanks and comments. Knows no grammar."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_COMMON = (
    r"(?P<comment>--[^\n]*)|(?P<block>/\*)|(?P<string>'[^']*(?:''[^']*)*(?:'|\Z))|(?P<name>{names})"
    r"|(?P<word>[A-Za-z_@#][A-Za-z0-9_@#]*)|(?P<number>[0-9]+(?:\.[0-9]*)?)|(?P<blank>[ \t\n]+)|(?P<other>.)"
)
_DOUBLE = r'"[^"]*(?:""[^"]*)*(?:"|\Z)'
_BRACKETS = r"\[[^\]]*(?:\]\][^\]]*)*(?:\]|\Z)"
TOKEN = {
    "tsql": re.compile(_COMMON.format(names=f"{_DOUBLE}|{_BRACKETS}"), re.DOTALL),
    "duckdb": re.compile(_COMMON.format(names=_DOUBLE), re.DOTALL),
}
BLOCK_END = re.compile(r"/\*|\*/")
QUOTED = frozenset({"string", "name"})
UNSEEN = frozenset({"comment", "block", "blank"})


class Token(NamedTuple):
    """A piece of the text. `word` is lower case, and empty for what is quoted: a quoted word is no keyword."""

    kind: str
    start: int
    end: int
    word: str


def lex(text: str, dialect: str) -> Iterator[Token]:
    """All of the text, piece by piece, in one pass."""
    pattern, position = TOKEN[dialect], 0
    while position < len(text):
        match = pattern.match(text, position)
        assert match is not None
        kind = match.lastgroup or "other"
        end = _block_end(text, match.end()) if kind == "block" else match.end()
        yield Token(kind, position, end, match.group().lower() if kind in {"word", "other"} else "")
        position = end


def is_open(token: Token, text: str) -> bool:
    """Whether a quoted thing or a comment does not end."""
    piece = text[token.start : token.end]
    if token.kind == "block":
        return _block_end(text, token.start + 2, beyond=-1) < 0
    if token.kind not in QUOTED:
        return False
    close = "]" if piece[0] == "[" else piece[0]
    return len(piece) < 2 or (piece[1:].count(close) % 2 == 0)


def _block_end(text: str, position: int, beyond: int | None = None) -> int:
    """Both dialects nest block comments."""
    level = 1
    while level:
        found = BLOCK_END.search(text, position)
        if found is None:
            return len(text) if beyond is None else beyond
        level += 1 if found.group() == "/*" else -1
        position = found.end()
    return position
