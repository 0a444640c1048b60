"""How the command line prints: one JSON document, or text for people. Nothing else writes to standard output."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")


def print_problem(code: str, message: str, pointer: str, as_json: bool) -> int:
    """Say what went wrong on standard error (and as the JSON document, if one was asked for). Returns exit code 1."""
    if as_json:
        print_json({"error": {"code": code, "message": message, "pointer": pointer}})
    place = f" ({pointer})" if pointer else ""
    err.print(f"broker: {message}{place}", markup=False)
    return 1


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def read_text(file: str) -> str:
    """A file's text, or standard input for `-`. Undecodable bytes are an error with their place."""
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return content.decode("utf-8")
