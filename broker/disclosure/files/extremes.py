"""Q2: columns and rows of a script's table that are called like least, greatest, first and last values. Pure.

Such a figure is one person's own. Of quantiles only those at either end are; bounds of intervals are no quantiles.
"""

import re
from collections.abc import Iterator, Sequence

WORDS = frozenset({
    "min", "max", "minimum", "maximum", "first", "last", "lowest", "highest", "smallest", "largest", "nsmallest",
    "nlargest",
})  # fmt: skip
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+(?:\.[0-9]+)?%?")
PERCENT = re.compile(r"(?:p|pct|perc|percentile)_?([0-9]{1,3}(?:\.[0-9]+)?)|([0-9]{1,3}(?:\.[0-9]+)?) ?%")
FRACTION = re.compile(r"(?:q|quantile)_?(0\.[0-9]+|[01]\.?0?)")
LINE = re.compile(r"^\W*([A-Za-z0-9.%_]+)\"?\W+[-+]?[0-9]", re.MULTILINE)
"""The first word of a line, or a JSON key, with a number behind it."""


def extreme_columns(columns: Sequence[str], percent: float) -> list[str]:
    return [name for name in columns if is_extreme(name, percent)]


def extreme_rows(rows: Sequence[Sequence[str]], percent: float) -> list[str]:
    """Labels of rows, as a description of a column has them."""
    return sorted({cell for row in rows for cell in row if is_extreme(cell, percent, alone=True)})


def extremes_in_text(text: str, percent: float) -> list[str]:
    return sorted({word for word in LINE.findall(text) if is_extreme(word, percent, alone=True)})


def is_extreme(name: str, percent: float, *, alone: bool = False) -> bool:
    """`alone`: the whole name is such a word, and not only a part of it."""
    folded = name.casefold().strip()
    parts = {folded} if alone else {part.casefold() for part in PARTS.findall(name)}
    return bool(parts & WORDS) or any(p <= percent or p >= 100 - percent for p in _percents(folded))


def _percents(name: str) -> Iterator[float]:
    if found := PERCENT.fullmatch(name) or (None if "%" in name else re.search(rf"(?:^|_){PERCENT.pattern}$", name)):
        yield float(found[1] or found[2])
    if found := FRACTION.fullmatch(name):
        yield 100 * float(found[1])
