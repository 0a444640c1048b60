"""Columns that an engine scans: (table, column) of each scan in its optimised plan. Works with any version of
DuckDB."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def scanned(con: Any, text: str, tables: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """`tables`: each table's columns, under the name that the engine shows without its catalogue. A pushed filter
    reads its columns too, although the plan does not list them as projected."""
    found: set[tuple[str, str]] = set()
    for statement in con.extract_statements(text):
        (row,) = con.execute(f"EXPLAIN (FORMAT json) {statement.query}").fetchall()
        for table, words in _scans(json.loads(row[1])):
            name = next((t for t in tables if table == t or table.endswith("." + t)), None)
            if name is None:
                raise ValueError(f"the plan scans {table}, which is no table of the test")
            found |= {(name, c) for c in tables[name] if c in words}
    return found


def _scans(plan: Any) -> Iterator[tuple[str, set[str]]]:
    stack = list(plan) if isinstance(plan, list) else [plan]
    while stack:
        node = stack.pop()
        stack += node.get("children", [])
        info = node.get("extra_info") or {}
        if "Table" in info:
            words = {w for k in ("Projections", "Filters", "Dynamic Filters") for w in _words(info.get(k))}
            yield str(info["Table"]).replace('"', ""), words


def _words(part: Any) -> Iterator[str]:
    for line in part if isinstance(part, list) else [part or ""]:
        yield from WORD.findall(str(line))
