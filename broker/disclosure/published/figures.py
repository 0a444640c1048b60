"""Published figures as comma-separated text, read strictly: the recipe's columns, holes empty. Compares nothing."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.disclosure.published.recipe import Recipe
from broker.domain.errors import Invalid
from broker.domain.scalars import MISSING, Value

NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
MOST_ROWS = 20_000
MOST_BYTES = 1_000_000
SMALLEST, LARGEST = Decimal("0.0001"), Decimal(100)
"""Between these lies a rounding base: beyond it nearly any recipe would agree."""

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """By the texts of a row's keys, in the recipe's order of keys, the figure of each statistic (its ident) that is no
    hole. `rows` are all rows, in the text's order."""

    rows: tuple[Keys, ...]
    shown: Mapping[Keys, Mapping[int, Decimal]]


def read_figures(text: str, recipe: Recipe) -> Figures:
    """Raises Invalid, which says the line and quotes no more than a name."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise _wrong(f"The figures have {MOST_BYTES} bytes at most.")
    try:
        lines = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True) if row]
    except csv.Error as error:
        raise _wrong("This is no CSV: a quote does not end, or a line is broken.") from error
    places = _places(lines[0] if lines else [], recipe)
    if not 0 < len(lines) - 1 <= MOST_ROWS:
        raise _wrong(f"The figures have a line of names and 1 to {MOST_ROWS} rows.")
    shown: dict[Keys, dict[int, Decimal]] = {}
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(lines[0]):
            raise _wrong(f"Line {number} has {len(row)} values; the first line names {len(lines[0])}.")
        keys = tuple(row[places[name]].strip() for name in recipe.keys)
        if keys in shown:
            raise _wrong(f"Line {number} is of a group that an earlier line has.")
        shown[keys] = dict(_figures(row, places, recipe, number))
    if not any(shown.values()):
        raise _wrong("Every figure is a hole: nothing of this table is known.")
    return Figures(tuple(shown), shown)


def _places(names: Sequence[str], recipe: Recipe) -> Mapping[str, int]:
    found = {name.strip(): place for place, name in enumerate(names)}
    if len(found) != len(names) or set(found) != set(recipe.names):
        raise _wrong(f"The first line names the recipe's columns, each once: {', '.join(recipe.names)}.")
    return found


def _figures(
    row: Sequence[str], places: Mapping[str, int], recipe: Recipe, number: int
) -> Iterator[tuple[int, Decimal]]:
    for name, statistic in recipe.statistics.items():
        value = row[places[name]].strip()
        if value and not NUMBER.fullmatch(value):
            raise _wrong(f"Line {number} has something in column {name!r} that is no number. A hole is empty.")
        if value:
            yield statistic.ident, Decimal(value)


def _wrong(message: str) -> Invalid:
    return Invalid("published-figures", message, "/figures")


def read_rounding(text: str, recipe: Recipe) -> Mapping[int, Decimal]:
    """The base that each statistic (its ident) was rounded to: `5` for all, or `pupils=5, average=0.1`. Those that are
    not named were not rounded."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        base = _base(parts[0])
        return {statistic.ident: base for statistic in recipe.statistics.values()}
    found: dict[int, Decimal] = {}
    for part in parts:
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or name not in recipe.statistics:
            raise Invalid("rounding", "Write one number, or name=number for each rounded column.", "/rounding")
        found[recipe.statistics[name].ident] = _base(number)
    return found


def _base(text: str) -> Decimal:
    if not NUMBER.fullmatch(text) or not SMALLEST <= Decimal(text) <= LARGEST:
        message = f"A figure was rounded to a multiple of a number from {SMALLEST} to {LARGEST}."
        raise Invalid("rounding", message, "/rounding")
    return Decimal(text)


def key_text(value: Value) -> str:
    """How a text writes a key."""
    match value:
        case None:
            return MISSING
        case date():
            return value.isoformat()
        case bool():
            return str(int(value))
        case _:
            return str(value)
