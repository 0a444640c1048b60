"""Refusals as lines for people: place, line of the text, a caret under the column, advice. Prints nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len

from broker.python_jobs.look import LINE_END

WIDTH = 96
"""The most characters of a line that are shown; a longer line is cut around the caret."""
INDENT = "    "
CUT = "..."


class Line(NamedTuple):
    """A line to print, with the style that it has on a terminal."""

    text: str
    style: str = ""


def told(refusals: Sequence[Mapping[str, Any]], text: str | None) -> Iterator[Line]:
    """Every refusal in turn, with an empty line between two; without the text, no excerpts."""
    lines = [] if text is None else LINE_END.split(text)
    for number, refusal in enumerate(refusals):
        if number:
            yield Line("")
        yield from pointed(refusal, lines)


def pointed(refusal: Mapping[str, Any], lines: list[str]) -> Iterator[Line]:
    """One refusal. Without a place, or with one outside the text, it has no excerpt."""
    line, column = refusal["line"], refusal["column"]
    place = f"{line}:{column or 1}: " if line else ""
    yield Line(f"{place}{refusal['code']}: {refusal['message']}", "bold")
    if line and line <= len(lines):
        shown, caret = excerpt(lines[line - 1], column or 1)
        yield Line(INDENT + shown)
        yield Line(INDENT + caret, "red")
    if refusal["advice"]:
        yield Line(INDENT + refusal["advice"])


def excerpt(line: str, column: int) -> tuple[str, str]:
    """A line of the text and the line with the caret below it. `column` counts from 1."""
    at = min(column - 1, len(line))
    start = max(0, min(at - WIDTH // 2, len(line) - WIDTH))
    end = start + WIDTH
    before, after = _printable(line[start:at]), _printable(line[at:end])
    opening, closing = CUT if start else "", CUT if end < len(line) else ""
    blanks = "".join(c if c == "\t" else " " * cell_len(c) for c in before)
    return opening + before + after + closing, " " * len(opening) + blanks + "^"


def _printable(text: str) -> str:
    """Tabs stay; what could move the cursor, or be seen by nobody, becomes a question mark."""
    return "".join(c if c == "\t" or c.isprintable() else "?" for c in text)
