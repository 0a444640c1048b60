"""A linear scan of a text before any parser reads it: tokens, size, characters, quotes, nesting, output names."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import BindError, Diagnostics
from broker.query.dialects.base import Dialect

BLOCK_END = re.compile(r"/\*|\*/")
QUOTED = frozenset({"string", "name"})
IGNORED = frozenset({"comment", "block", "blank"})


class Token(NamedTuple):
    """A piece of the text. `word` is in lower case, and empty for quoted pieces, which are never keywords."""

    kind: str
    start: int
    end: int
    word: str


def lex(text: str, dialect: Dialect) -> Iterator[Token]:
    """Yield all of the text, piece by piece, in one pass."""
    pattern, position = dialect.tokens, 0
    while position < len(text):
        match = pattern.match(text, position)
        assert match is not None
        kind = match.lastgroup or "other"
        end = _block_end(text, match.end()) if kind == "block" else match.end()
        yield Token(kind, position, end, match.group().lower() if kind in {"word", "other"} else "")
        position = end


def _block_end(text: str, position: int) -> int:
    """Offset after the end of a block comment. Block comments nest in every dialect."""
    level = 1
    while level:
        found = BLOCK_END.search(text, position)
        if found is None:
            return len(text)
        level += 1 if found.group() == "/*" else -1
        position = found.end()
    return position


OUTPUT_LINE = re.compile(r"--[ \t]*output:(.*)\Z", re.DOTALL)
OUTPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character. It is also how a byte that is not UTF-8 reaches the broker."""
ALLOWED_CATEGORIES = frozenset("LMNPS")
# A backslash escapes in some literals. `{#` and `{%` open comments of template languages in the parser.
REFUSED_SIGNS = frozenset("$`\\?{}")
CLOSES = {")": "(", "]": "[", "end": "case"}
OPENS = frozenset(CLOSES.values())
MOST_LISTS = 100
"""Most lists and subscripts of a text."""


@dataclass(frozen=True, slots=True)
class OutputLabel:
    """A line `-- output: name`: its offset, and the name as written."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class ScannedText:
    """Result of the scan: the text with plain line ends, the same text with blanks for comments (offsets do not
    change), its tokens without blanks and comments, and the lines that may name outputs."""

    text: str
    bare: str
    tokens: tuple[Token, ...]
    labels: tuple[OutputLabel, ...]


def scan_text(text: str, dialect: Dialect, service: ServiceLimits, diagnostics: Diagnostics) -> ScannedText | None:
    """Scan a text that a parser may then read. None if it was refused (the diagnostics say why)."""
    try:
        _check_text(text, service)
        return _scan(text.replace("\r\n", "\n"), dialect, service)
    except BindError as error:
        diagnostics.add_error(error)
        return None


def _check_text(text: str, service: ServiceLimits) -> None:
    wrong = SURROGATE.search(text)
    if wrong is not None:
        offset = len(text[: wrong.start()].replace("\r\n", "\n"))
        raise BindError("encoding", "The text is not valid UTF-8.", "Save the text as UTF-8.", offset)
    # the characters first, because encoding a huge text would itself take memory
    if len(text) > service.text_bytes or len(text.encode("utf-8")) > service.text_bytes:
        raise BindError("too-long", f"The text has more than {service.text_bytes} bytes.", "Shorten the text.")


def _scan(text: str, dialect: Dialect, service: ServiceLimits) -> ScannedText:
    tokens: list[Token] = []
    labels: list[OutputLabel] = []
    bare: list[str] = []
    depth = dict.fromkeys(OPENS, 0)
    for token in lex(text, dialect):
        piece = text[token.start : token.end]
        _check_characters(piece, token)
        _check_end(piece, token)
        seen = token.kind not in IGNORED
        # same length and line ends, so that every offset stays valid
        bare.append(piece if seen or token.kind == "blank" else re.sub(r"[^\n]", " ", piece))
        if token.kind == "comment":
            _note_label(token, piece, text, labels)
        if not seen:
            continue
        _check_literal(token, tokens)
        tokens.append(token)
        _count_nesting(token.word, depth)
        _check_limits(len(tokens), sum(depth.values()), service, token)
    if not tokens:
        raise BindError("empty", "There is no query in the text.", "Write a SELECT.")
    return ScannedText(text, "".join(bare), tuple(tokens), tuple(labels))


def _count_nesting(word: str, depth: dict[str, int]) -> None:
    """Count open brackets and CASEs. A closing one without an opening one must not make room for more."""
    if word in OPENS:
        depth[word] += 1
    elif word in CLOSES:
        depth[CLOSES[word]] = max(0, depth[CLOSES[word]] - 1)


def _check_limits(tokens: int, depth: int, service: ServiceLimits, token: Token) -> None:
    if tokens > service.max_tokens:
        message = f"The text has more than {service.max_tokens} words."
        raise BindError("too-long", message, "Shorten the text.", token.start)
    if depth > service.max_depth:
        message = f"Brackets and CASE are nested more than {service.max_depth} levels deep."
        raise BindError("too-deep", message, "Use WITH to name parts of the query.", token.start)


def _check_end(piece: str, token: Token) -> None:
    """Refuse a quote or a comment that does not end."""
    what = "quote"
    if token.kind == "block":
        marks = BLOCK_END.findall(piece)
        what, is_open = "comment", marks.count("/*") > marks.count("*/")
    else:
        # doubled quotes stand for one quote, so an even number leaves the piece open
        close = "]" if piece[0] == "[" else piece[0]
        is_open = token.kind in QUOTED and (len(piece) < 2 or piece[1:].count(close) % 2 == 0)
    if is_open:
        message = f"A {what} opens here and does not end."
        raise BindError("syntax", message, "Close the quote, comment or bracket.", token.start)


def _check_literal(token: Token, before: list[Token]) -> None:
    """Refuse prefixes such as E'…' and X'…', which change how a literal is read (N'…' is only text), and chains of
    subscripts, which would nest without any bracket being open."""
    if token.word == "[" and ((before and before[-1].word == "]") or sum(t.word == "[" for t in before) >= MOST_LISTS):
        message = f"Lists of lists, and more than {MOST_LISTS} lists or subscripts, are not understood."
        raise BindError("list", message, "Write IN (…), or name the variable.", token.start)
    prefix = before[-1] if before else None  # a prefix touches the quote
    if token.kind != "string" or prefix is None or prefix.end != token.start or len(prefix.word) != 1:
        return
    if prefix.kind == "word" and prefix.word != "n":
        raise BindError("literal", "This kind of literal is not understood.", "Write '…' alone.", prefix.start)


def _check_characters(piece: str, token: Token) -> None:
    """Allow printable ASCII everywhere; letters, marks and signs of other scripts only in literals and comments."""
    if piece.isascii() and piece.isprintable() and not (token.kind == "other" and piece in REFUSED_SIGNS):
        return
    foreign_pass = token.kind in {"string", "comment", "block"}
    for offset, character in enumerate(piece, token.start):
        plain = character in "\n\t" or " " <= character <= "~"
        if plain and not (token.kind == "other" and character in REFUSED_SIGNS):
            continue
        if foreign_pass and ord(character) <= 0xFFFF and unicodedata.category(character)[0] in ALLOWED_CATEGORIES:
            continue
        message = f"You cannot use the character U+{ord(character):04X} here."
        raise BindError("character", message, "Write plain ASCII. Use other letters only inside quotes.", offset)


def _note_label(token: Token, piece: str, text: str, labels: list[OutputLabel]) -> None:
    """Record an output label. Only a line of its own names an output."""
    found = OUTPUT_LINE.match(piece)
    line = text.rfind("\n", 0, token.start) + 1
    if found and not text[line : token.start].strip():
        labels.append(OutputLabel(token.start, found.group(1).strip()))
