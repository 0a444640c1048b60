"""Prints one JSON document, or text for people. Nothing else in the command line writes to standard output."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from broker.domain.errors import Invalid

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def print_line(sentence: str) -> None:
    """Print a line on standard output as it is, without markup."""
    out.print(sentence, markup=False)


def print_lines(sentences: Iterable[str], before: str = "") -> None:
    """Print each of the lines, with `before` in front of it."""
    for sentence in sentences:
        print_line(f"{before}{sentence}")


def print_json(document: object) -> None:
    """Print a JSON document. Characters that would control the terminal, or reverse the text, are printed as JSON
    escapes."""
    text = json.dumps(document, indent=2, default=str, ensure_ascii=False)
    # Not through the console, which would interpret markup.
    sys.stdout.write("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text) + "\n")


def print_answer(document: Any, as_json: bool, text: str | Callable[[Any], None]) -> int:
    """Print an answer as JSON, or else as text: a line, or what a function prints of it. Returns exit code 0."""
    if as_json:
        print_json(document)
    elif isinstance(text, str):
        print_line(text)
    else:
        text(document)
    return 0


def print_list(
    found: Sequence[Any], as_json: bool, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str
) -> int:
    """Print a list as JSON, or else its rows as a table; an empty one as the sentence `empty`. Returns exit code 0."""
    return print_answer(found, as_json, (lambda _: print_table(columns, rows)) if found else empty)


def print_problem(code: str, message: str, pointer: str, as_json: bool) -> int:
    """Print an error on standard error (and as the JSON document, if requested). Returns exit code 1."""
    if as_json:
        print_json({"error": {"code": code, "message": message, "pointer": pointer}})
    place = f" ({pointer})" if pointer and pointer not in message else ""
    err.print(f"broker: {message}{place}", markup=False)
    return 1


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, with each row on one line, however long: nobody can use an id that is cut or wrapped."""
    lines = [list(columns), *([printable(cell) or "-" for cell in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def printable(text: str) -> str:
    """Return the text on one line without control characters, because other people may have written it."""
    return "".join(c if c.isprintable() else " " for c in text)


def format_minute(moment: str) -> str:
    """Return a time of the API as people read it."""
    return moment[:16].replace("T", " ")


def read_input(file: str, errors: str = "strict") -> str:
    """Return the text of a file, or of standard input for `-`, without a byte order mark.

    Raises Invalid, with the line, for text that is not UTF-8. A submission passes it on (`errors`), and is refused for
    it.
    """
    if file != "-" and not Path(file).is_file():
        raise Invalid("file", f"There is no file {file!r}.", file)
    found = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return found.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise Invalid("encoding", f"{file} is not valid UTF-8 in line {line}: save it as UTF-8.", file) from error
