"""What a checker sees first of a table that a script left: its size, and each column's ends. Pure."""

import math
from collections.abc import Sequence

from broker.domain.files import Sheet

SHOWN = 80


def facts_of(sheet: Sheet) -> dict[str, object]:
    columns = list(zip(*sheet.rows, strict=True)) if sheet.rows else [()] * len(sheet.columns)
    found = [_column(name, cells) for name, cells in zip(sheet.columns, columns, strict=True)]
    return {"table": True, "rows": len(sheet.rows), "columns": found}


def _column(name: str, cells: Sequence[str]) -> dict[str, object]:
    """How many cells are filled and distinct, and the ends: by number where all are numbers, else by spelling."""
    filled = [cell for cell in cells if cell]
    numeric = all(_is_number(cell) for cell in filled)
    ordered = sorted(filled, key=float if numeric else None)
    low, high = (ordered[0][:SHOWN], ordered[-1][:SHOWN]) if ordered else (None, None)
    return {"name": name[:SHOWN], "filled": len(filled), "distinct": len(set(filled)), "min": low, "max": high}


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
