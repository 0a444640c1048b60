"""Files out of a Python job's frames: names, types and contents checked, and a summary for the checker. Pure.

All of it was made by a researcher's code, so nothing is believed: not a name, not an ending, not a figure inside.
"""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from broker.domain.ports import CollectedFile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,50}\.[a-z0-9]{1,8}", re.ASCII)
"""One ending, no hidden files, nothing that a path, a shell, a header or a page could read as its own."""

RESERVED = frozenset({"manifest.json", "results.json", "ro-crate-metadata.json"})
"""Names of what the broker itself writes beside released files."""

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
}
BEGINNINGS = {".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}
TEXT = frozenset({".csv", ".json", ".txt", ".md", ".svg"})
UNKNOWN = "application/octet-stream"
WIDEST = 1000
FIELD_LIMIT = 131_072
SHOWN = 80


class FrameCollector:
    """The Collector port."""

    def collect(
        self, frames: Sequence[tuple[str, bytes]], allowed: tuple[str, ...], max_bytes: int, max_rows: int
    ) -> tuple[CollectedFile, ...]:
        found: dict[str, CollectedFile] = {}
        payloads = sorted(payload for kind, payload in frames if kind == "file")
        for number, payload in enumerate(payloads, start=1):
            file = _file(payload, frozenset(allowed), max_bytes, max_rows)
            if file is None or file.name in found:
                file = _nameless(number, payload)
            found[file.name] = file
        return tuple(found[name] for name in sorted(found))


def _nameless(number: int, payload: bytes) -> CollectedFile:
    """A name that may not be used may not be shown either: it can carry data."""
    content = payload.partition(b"\n")[2]
    return CollectedFile(f"withheld-{number}", UNKNOWN, content, "name", json.dumps({"bytes": len(content)}))


def _file(payload: bytes, allowed: frozenset[str], max_bytes: int, max_rows: int) -> CollectedFile | None:
    head, newline, content = payload.partition(b"\n")
    name = _name(head) if newline else None
    if name is None:
        return None
    ending = "." + name.rsplit(".", 1)[1]
    facts: dict[str, Any] = {"bytes": len(content)}
    problem = _problem(ending, content, allowed, max_bytes)
    if problem is None and ending == ".csv":
        facts |= table(content.decode())
        problem = "size" if facts.get("rows", 0) > max_rows else None
    return CollectedFile(name, MEDIA_TYPES.get(ending, UNKNOWN), content, problem, json.dumps(facts))


def _name(head: bytes) -> str | None:
    try:
        said = json.loads(head[:1024])
    except (ValueError, RecursionError):
        return None
    name = said.get("name") if isinstance(said, dict) and set(said) == {"name"} else None
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
        return None
    return name


def _problem(ending: str, content: bytes, allowed: frozenset[str], max_bytes: int) -> str | None:
    """An ending is a claim: a Parquet file called .png is not shown to anyone."""
    if ending not in allowed or ending not in MEDIA_TYPES or not _is_what_it_says(ending, content):
        return "type"
    return "size" if len(content) > max_bytes else None


def _is_what_it_says(ending: str, content: bytes) -> bool:
    if ending not in TEXT:
        return content.startswith(BEGINNINGS[ending])
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def table(text: str) -> dict[str, Any]:
    """What a checker sees first of a table: its size and each column's ends. `table` is False where it is none."""
    csv.field_size_limit(FIELD_LIMIT)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return {"table": False}
    if not rows or len(rows[0]) > WIDEST or any(len(row) != len(rows[0]) for row in rows):
        return {"table": False, "rows": len(rows)}
    body = rows[1:]
    columns = list(zip(*body, strict=True)) if body else [()] * len(rows[0])
    found = [_column(name, cells) for name, cells in zip(rows[0], columns, strict=True)]
    return {"table": True, "rows": len(body), "columns": found}


def _column(name: str, cells: tuple[str, ...]) -> dict[str, Any]:
    """How many cells are filled and distinct, and the ends: by number where all are numbers, else by spelling."""
    filled = [cell for cell in cells if cell.strip()]
    numeric = all(_is_number(cell) for cell in filled)
    ordered = sorted(filled, key=float if numeric else None)
    low, high = (ordered[0][:SHOWN], ordered[-1][:SHOWN]) if ordered else (None, None)
    return {"name": name[:SHOWN], "filled": len(filled), "distinct": len(set(filled)), "min": low, "max": high}


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
