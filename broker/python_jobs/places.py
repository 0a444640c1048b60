"""Where a node of a script stands, as people count: lines and characters from 1. Knows no meaning."""

import ast
from collections.abc import Sequence


def place_of(node: ast.AST, lines: Sequence[str]) -> tuple[int | None, int | None]:
    """Python counts bytes of UTF-8; people count characters."""
    line, offset = getattr(node, "lineno", None), getattr(node, "col_offset", 0)
    if line is None or line > len(lines):
        return line, None
    return line, len(lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1
