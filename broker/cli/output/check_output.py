"""Prints a check for `broker check` and `broker submit`: refusals with an excerpt and a caret, uses, notes, counts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment, Segments
from rich.style import Style

from broker.cli.output.console import out, print_lines
from broker.cli.output.forecast_output import print_forecast
from broker.python_jobs.script_text import LINE_END

EXCERPT_WIDTH = 96
"""Most characters of a line that are shown. A longer line is cut around the caret."""
INDENT = "    "
CUT = "..."


class StyledLine(NamedTuple):
    """A line to print, with its style on a terminal."""

    text: str
    style: str = ""


def refusal_lines(refusals: Sequence[Mapping[str, Any]], text: str | None) -> Iterator[StyledLine]:
    """Yield the lines of all refusals, with an empty line between two. Without the text there are no excerpts."""
    lines = [] if text is None else LINE_END.split(text)
    for number, refusal in enumerate(refusals):
        if number:
            yield StyledLine("")
        yield from lines_of_refusal(refusal, lines)


def lines_of_refusal(refusal: Mapping[str, Any], lines: list[str]) -> Iterator[StyledLine]:
    """Yield the lines of one refusal. There is no excerpt if it has no place, or one outside the text."""
    line, column = refusal["line"], refusal["column"]
    place = f"{line}:{column or 1}: " if line else ""
    yield StyledLine(f"{place}{refusal['code']}: {refusal['message']}", "bold")
    if line and line <= len(lines):
        shown, caret = excerpt(lines[line - 1], column or 1)
        yield StyledLine(INDENT + shown)
        yield StyledLine(INDENT + caret, "red")
    if refusal["advice"]:
        yield StyledLine(INDENT + refusal["advice"])


def excerpt(line: str, column: int) -> tuple[str, str]:
    """Return a line of the text, and the line with the caret below it. `column` counts from 1."""
    at = min(column - 1, len(line))
    # The caret in the middle of the excerpt, unless the line begins or ends there.
    start = max(0, min(at - EXCERPT_WIDTH // 2, len(line) - EXCERPT_WIDTH))
    end = start + EXCERPT_WIDTH
    before, after = _printable_excerpt(line[start:at]), _printable_excerpt(line[at:end])
    opening, closing = CUT if start else "", CUT if end < len(line) else ""
    # Wide characters take two cells on a terminal.
    blanks = "".join(c if c == "\t" else " " * cell_len(c) for c in before)
    return opening + before + after + closing, " " * len(opening) + blanks + "^"


def _printable_excerpt(text: str) -> str:
    """Return the text with its tabs. Characters that move the cursor or are invisible become question marks."""
    return "".join(c if c == "\t" or c.isprintable() else "?" for c in text)


def print_check(document: dict[str, Any], text: str) -> None:
    """Print the document of a check as text, with the counts at the end."""
    out.print(str(document["verdict"]), style="green" if document["verdict"] == "accepted" else "red", markup=False)
    print_refusals(document["refusals"], text)
    for use in document["uses"]:
        span = f" {use['first_year']}-{use['last_year']}" if use["first_year"] else ""
        out.print(f"uses {use['table']}.{use['variable'] or '(rows)'}{span}: {', '.join(use['how'])}", markup=False)
    if document.get("private") is not None:
        print_forecast(document["private"])
    notes = [*document["review"], *document["advice"]]
    print_lines(notes, "note: ")
    counts = ((document["refusals"], "refusal"), (document["uses"], "use"), (notes, "note"))
    out.print(", ".join(_count_text(len(found), word) for found, word in counts), markup=False)


def print_refusals(refusals: Sequence[Mapping[str, Any]], text: str | None) -> None:
    """Print refusals, with excerpts if the text is given. Tabs stay tabs, so that a caret is under its column."""
    for line in refusal_lines(refusals, text):
        out.print(Segments([Segment(line.text, Style.parse(line.style)), Segment.line()]), end="")


def _count_text(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
