"""Which columns of a script's table hold codes and no counts: months, year groups, numbers of clusters. Pure.

A script names its columns, so a name alone says nothing: such a column must also be needed to tell the rows apart, hold
no value that the catalogue does not know, and is told to the checker.
"""

import re
from collections.abc import Collection, Mapping, Sequence

NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+", re.ASCII)
# fmt: off
WORDS = frozenset({
    "age", "band", "bin", "category", "class", "cluster", "code", "component", "cutoff", "day", "decile", "event",
    "flag", "fold", "grade", "group", "id", "index", "iteration", "knot", "lag", "lead", "level", "month", "order",
    "percentile", "period", "phase", "quantile", "quarter", "quartile", "quintile", "rank", "stage", "step", "stratum",
    "tercile", "term", "time", "wave", "week", "year",
})
# fmt: on
"""What columns are called that tell groups, or times, apart."""
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
LEAST_ROWS = 3
"""From so many rows on a column of one value tells what all of them are."""
Known = Mapping[str, frozenset[str] | None]
"""Variables of the catalogue by folded name, with the codes that each can have; None where there is no list."""


def code_columns(columns: Sequence[str], rows: Sequence[Sequence[str]], known: Known) -> frozenset[str]:
    """Names of columns that are codes and no counts."""
    texts = {i for i in range(len(columns)) if _is_text([row[i] for row in rows])}
    called = {
        i for i, name in enumerate(columns) if i not in texts and _is_called(name, [row[i] for row in rows], known)
    }
    same = {i for i in called if len(rows) >= LEAST_ROWS and len({row[i] for row in rows}) == 1}
    keys = texts | called | {i for i, name in enumerate(columns) if name.casefold() in known}
    needed = {i for i in called - same if _tells(rows, keys) and not _tells(rows, keys - {i})}
    return frozenset(columns[i] for i in needed | same)


def _is_text(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return 2 * sum(not NUMBER.fullmatch(cell) for cell in filled) > len(filled)


def holds_codes(name: str, cells: Sequence[str], known: Known) -> bool:
    """Whether a column is called like a variable of the catalogue, and holds nothing but its codes."""
    codes = known.get(name.casefold())
    return codes is not None and set(cells) <= codes | {""}


def _is_called(name: str, cells: Sequence[str], known: Known) -> bool:
    if known.get(name.casefold()) is not None:
        return holds_codes(name, cells, known)
    return bool({part.casefold() for part in PARTS.findall(name)} & WORDS)


def _tells(rows: Sequence[Sequence[str]], places: Collection[int]) -> bool:
    """Whether these columns tell all rows apart."""
    return len({tuple(row[i] for i in places) for row in rows}) == len(rows)
