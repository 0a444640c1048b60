"""A linear look at a text before any parser sees it: size, characters, quotes, nesting, names of outputs."""

import re
import unicodedata
from dataclasses import dataclass

from broker.policy.service import Service
from broker.query.refusing import Report
from broker.query.text.lexing import UNSEEN, Token, is_open, lex

OUTPUT_LINE = re.compile(r"--[ \t]*output:(.*)\Z", re.DOTALL)
OUTPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
HALF = re.compile("[\ud800-\udfff]")
"""Half a character, which is also how a byte that is no UTF-8 is handed on."""
LETTERS = frozenset("LMNPS")
# A backslash escapes in some literals, `{#` and `{%` open comments of template languages in the parser.
REFUSED_SIGNS = frozenset("$`\\?{}")
CLOSES = {")": "(", "end": "case"}
OPENS = frozenset(CLOSES.values())


@dataclass(frozen=True, slots=True)
class Label:
    """A line `-- output: name`: where it starts, and the name as written."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """What the look found: the text with line ends made plain, the same with blanks for comments (each thing keeps its
    place), its tokens without blanks and comments, and the lines that may name outputs."""

    text: str
    bare: str
    tokens: tuple[Token, ...]
    labels: tuple[Label, ...]


def look(text: str, dialect: str, service: Service, report: Report) -> Look | None:
    """The text if a parser may see it; None with refusals in the report."""
    wrong = HALF.search(text)
    if wrong is not None:
        place = report.at(len(text[: wrong.start()].replace("\r\n", "\n")))
        report.add("encoding", "The text is not valid UTF-8.", "Save it as UTF-8.", place)
        return None
    if len(text) > service.text_bytes or len(text.encode("utf-8")) > service.text_bytes:
        report.add("too-long", f"The text has more than {service.text_bytes} bytes.", "Shorten it.")
        return None
    plain = text.replace("\r\n", "\n")
    before = len(report.refusals)
    found = _scan(plain, dialect, service, report)
    return found if len(report.refusals) == before else None


def _scan(text: str, dialect: str, service: Service, report: Report) -> Look | None:
    tokens: list[Token] = []
    labels: list[Label] = []
    bare: list[str] = []
    depth = dict.fromkeys(OPENS, 0)
    for token in lex(text, dialect):
        piece = text[token.start : token.end]
        if not _characters_pass(piece, token, report) or not _ends(token, text, report):
            return None
        seen = token.kind not in UNSEEN
        bare.append(piece if seen or token.kind == "blank" else re.sub(r"[^\n]", " ", piece))
        if token.kind == "comment":
            _note_label(token, piece, text, labels)
        if not seen:
            continue
        if not _literal_passes(token, tokens, report):
            return None
        tokens.append(token)
        _count(token.word, depth)
        if not _small(len(tokens), sum(depth.values()), service, report, token):
            return None
    if not tokens:
        report.add("empty", "There is no query in the text.", "Write a SELECT.")
    return Look(text, "".join(bare), tuple(tokens), tuple(labels))


def _count(word: str, depth: dict[str, int]) -> None:
    """What closes without having been opened must not make room for more."""
    if word in OPENS:
        depth[word] += 1
    elif word in CLOSES:
        depth[CLOSES[word]] = max(0, depth[CLOSES[word]] - 1)


def _small(tokens: int, depth: int, service: Service, report: Report, token: Token) -> bool:
    if tokens > service.max_tokens:
        message = f"The text has more than {service.max_tokens} words."
        report.add("too-long", message, "Shorten it.", report.at(token.start))
    elif depth > service.max_depth:
        message = f"Brackets and CASE are nested more than {service.max_depth} deep."
        report.add("too-deep", message, "Use WITH to name the parts.", report.at(token.start))
    else:
        return True
    return False


def _ends(token: Token, text: str, report: Report) -> bool:
    if not is_open(token, text):
        return True
    what = "comment" if token.kind == "block" else "quote"
    report.add("syntax", f"A {what} that opens here does not end.", "Close it.", report.at(token.start))
    return False


def _literal_passes(token: Token, before: list[Token], report: Report) -> bool:
    """Prefixes such as E'…' and X'…' change how a literal is read; N'…' is only text. A chain of subscripts takes the
    parser the square of its length."""
    if token.word == "[":
        message, advice = "Lists and subscripts are not understood.", "Write IN (…), or name the variable."
        report.add("list", message, advice, report.at(token.start))
        return False
    prefix = before[-1] if before else None
    if token.kind != "string" or prefix is None or prefix.end != token.start or len(prefix.word) != 1:
        return True
    if prefix.kind != "word" or prefix.word == "n":
        return True
    report.add("literal", "This kind of literal is not understood.", "Write '…' alone.", report.at(prefix.start))
    return False


def _characters_pass(piece: str, token: Token, report: Report) -> bool:
    """Printable ASCII everywhere; letters, marks and signs of other scripts only in literals and comments."""
    if piece.isascii() and piece.isprintable() and not (token.kind == "other" and piece in REFUSED_SIGNS):
        return True
    foreign_pass = token.kind in {"string", "comment", "block"}
    for offset, character in enumerate(piece, token.start):
        plain = character in "\n\t" or " " <= character <= "~"
        if plain and not (token.kind == "other" and character in REFUSED_SIGNS):
            continue
        if foreign_pass and ord(character) <= 0xFFFF and unicodedata.category(character)[0] in LETTERS:
            continue
        message = f"The character U+{ord(character):04X} may not stand here."
        report.add("character", message, "Write plain ASCII; other letters only inside quotes.", report.at(offset))
        return False
    return True


def _note_label(token: Token, piece: str, text: str, labels: list[Label]) -> None:
    """Only a line of its own names an output."""
    found = OUTPUT_LINE.match(piece)
    line = text.rfind("\n", 0, token.start) + 1
    if found and not text[line : token.start].strip():
        labels.append(Label(token.start, found.group(1).strip()))
