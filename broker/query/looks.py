"""A linear look at a text before any parser sees it: size, characters, nesting, first word, output's name."""

import re
import unicodedata
from dataclasses import dataclass

from broker.policy.models import Service
from broker.query.refusing import Report

TOKEN = re.compile(
    r"(?P<comment>--[^\n]*)|(?P<block>/\*)|(?P<string>'(?:[^']|'')*(?:'|\Z))|(?P<name>\"[^\"]*(?:\"|\Z)|\[[^\]]*(?:\]|\Z))"
    r"|(?P<word>[A-Za-z_@#][A-Za-z0-9_@#]*)|(?P<number>[0-9]+(?:\.[0-9]*)?)|(?P<blank>[ \t\n]+)|(?P<other>.)",
    re.DOTALL,
)
BLOCK_END = re.compile(r"/\*|\*/")
OUTPUT_LINE = re.compile(r"^[ \t]*--[ \t]*output:(.*)$")
OUTPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
LETTERS = frozenset("LMNPS")
STARTS = frozenset({"select", "with"})


@dataclass(frozen=True, slots=True)
class Look:
    """What the look found: the text with line ends made plain, and the output's name."""

    text: str
    output: str


def look(text: str, service: Service, report: Report) -> Look | None:
    """The text if a parser may see it; None with refusals in the report."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        report.add("encoding", "The text is not valid UTF-8.", "Save it as UTF-8.")
        return None
    if size > service.text_bytes:
        report.add("too-long", f"The text has more than {service.text_bytes} bytes.", "Shorten it.")
        return None
    plain = text.replace("\r\n", "\n")
    before = len(report.refusals)
    _scan(plain, service, report)
    output = _output_name(plain, report)
    return Look(plain, output) if len(report.refusals) == before else None


def _scan(text: str, service: Service, report: Report) -> None:
    position = tokens = depth = 0
    first: str | None = None
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match is not None
        kind, word = match.lastgroup, match.group().lower()
        end = _block_end(text, match.end()) if kind == "block" else match.end()
        if not _characters_pass(text, position, end, kind, report):
            return
        position = end
        if kind in {"comment", "block", "blank"}:
            continue
        tokens += 1
        depth += (word in {"(", "case"}) - (word in {")", "end"})
        if tokens > service.max_tokens:
            report.add(
                "too-long", f"The text has more than {service.max_tokens} words.", "Shorten it.", report.at(position)
            )
            return
        if depth > service.max_depth:
            message = f"Brackets and CASE are nested more than {service.max_depth} deep."
            report.add("too-deep", message, "Use WITH to name the parts.", report.at(position))
            return
        if first is None and word not in {"(", ";"}:
            first = word
            if first not in STARTS:
                _refuse_start(first, report, match.start())
                return
    if first is None:
        report.add("empty", "There is no query in the text.", "Write one SELECT.")


def _refuse_start(first: str, report: Report, offset: int) -> None:
    shown = first.upper() if first.isalpha() and len(first) <= 20 else "This"
    report.add(
        "statement", f"{shown} is not a SELECT.", "Only one SELECT (or WITH … SELECT) is run.", report.at(offset)
    )


def _block_end(text: str, position: int) -> int:
    """Both dialects nest block comments."""
    level = 1
    while level:
        found = BLOCK_END.search(text, position)
        if found is None:
            return len(text)
        level += 1 if found.group() == "/*" else -1
        position = found.end()
    return position


def _characters_pass(text: str, start: int, end: int, kind: str | None, report: Report) -> bool:
    """Printable ASCII everywhere; letters, marks and signs of other scripts only in literals and comments."""
    piece = text[start:end]
    foreign_pass = kind in {"string", "comment", "block"}
    if piece.isascii() and piece.isprintable() and not (kind == "other" and piece in "$`\\?"):
        return True
    for offset, character in enumerate(piece, start):
        if character in "\n\t" or (" " <= character <= "~" and not (kind == "other" and character in "$`\\?")):
            continue
        if foreign_pass and ord(character) <= 0xFFFF and unicodedata.category(character)[0] in LETTERS:
            continue
        message = f"The character U+{ord(character):04X} may not stand here."
        report.add("character", message, "Write plain ASCII; other letters only inside quotes.", report.at(offset))
        return False
    return True


def _output_name(text: str, report: Report) -> str:
    """The name in a line `-- output: name` before the query; `output` if there is none."""
    for line in text.split("\n"):
        found = OUTPUT_LINE.match(line)
        if found:
            name = found.group(1).strip()
            if OUTPUT_NAME.match(name):
                return name
            report.add(
                "output-name", "An output's name has letters, digits, _ and - only.", "Write -- output: my_table"
            )
        elif line.strip() and not line.lstrip().startswith("--"):
            break
    return "output"
