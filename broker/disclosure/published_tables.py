"""Tables that were published elsewhere: their recipe, their figures, and whether the one makes the other."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import trunc

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.member_tables import Members
from broker.disclosure.table_recipes import statistic_totals
from broker.domain.errors import Invalid
from broker.domain.plans.plan import GroupKey, Measure, Plan, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import MISSING_LABEL, ColumnRef, Value

ADDITIVE_MEASURES = frozenset(
    {
        Measure.COUNT_ROWS,
        Measure.COUNT_VALUES,
        Measure.COUNT_PERSONS,
        Measure.ONES,
        Measure.SUM,
        Measure.MEAN,
        Measure.SHARE,
    }
)


@dataclass(frozen=True, slots=True)
class PublicRecipe:
    """`keys` and `statistics` by the names of the columns that show them, in the order of the columns."""

    unit: str
    table: PlannedTable
    keys: dict[str, GroupKey]
    statistics: dict[str, PlannedStatistic]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.keys, *self.statistics)


def public_recipe(plan: Plan) -> PublicRecipe:
    """Raises Invalid, with what to write instead."""
    if len(plan.outputs) != 1 or plan.saved_queries:
        raise _bad_recipe("A recipe asks for one output, and keeps nothing.")
    output = plan.outputs[0]
    if len(output.tables) != 1 or output.public or not output.tables[0].shown:
        raise _bad_recipe("A recipe counts one table of persons: write it as one query with GROUP BY.")
    (table,) = output.tables
    keys = {k.ident: k for k in table.keys}
    statistics = {s.ident: s for s in table.statistics if s.implied_by is None}
    found = PublicRecipe(output.unit, table, {}, {})
    for column in output.columns:
        ident = column.expression.ident if isinstance(column.expression, ColumnRef) else None
        if ident in keys:
            found.keys[column.name] = keys[ident]
        elif ident in statistics and statistics[ident].measure in ADDITIVE_MEASURES:
            found.statistics[column.name] = statistics[ident]
        else:
            raise _bad_recipe(
                f"Column {column.name!r} is neither a group nor a count, sum, mean or share as it stands: publish what "
                "it is computed from."
            )
    if len(found.keys) != len(keys):
        raise _bad_recipe("Every group of the recipe is one of its columns, so that rows can be told apart.")
    if not found.statistics:
        raise _bad_recipe("A recipe has at least one figure beside its groups.")
    return found


def _bad_recipe(message: str) -> Invalid:
    return Invalid("recipe-form", message, "/recipe")


NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
MAX_ROWS = 20_000
MAX_BYTES = 1_000_000
SMALLEST_BASE, LARGEST_BASE = Decimal("0.0001"), Decimal(100)
"""Between these lies a rounding base: beyond it nearly any recipe would agree."""

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """By the texts of a row's keys, in the recipe's order of keys, the figure of each statistic (its ident) that is no
    hole. `rows` are all rows, in the text's order."""

    rows: tuple[Keys, ...]
    shown: Mapping[Keys, Mapping[int, Decimal]]


def read_figures(text: str, recipe: PublicRecipe) -> PublishedFigures:
    """Raises Invalid, which says the line and quotes no more than a name."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _bad_figures(f"The figures have {MAX_BYTES} bytes at most.")
    try:
        lines = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True) if row]
    except csv.Error as error:
        raise _bad_figures("This is no CSV: a quote does not end, or a line is broken.") from error
    indexes = _column_indexes(lines[0] if lines else [], recipe)
    if not 0 < len(lines) - 1 <= MAX_ROWS:
        raise _bad_figures(f"The figures have a line of names and 1 to {MAX_ROWS} rows.")
    shown: dict[Keys, dict[int, Decimal]] = {}
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(lines[0]):
            raise _bad_figures(f"Line {number} has {len(row)} values; the first line names {len(lines[0])}.")
        keys = tuple(row[indexes[name]].strip() for name in recipe.keys)
        if keys in shown:
            raise _bad_figures(f"Line {number} is of a group that an earlier line has.")
        shown[keys] = dict(_row_figures(row, indexes, recipe, number))
    if not any(shown.values()):
        raise _bad_figures("Every figure is a hole: nothing of this table is known.")
    return PublishedFigures(tuple(shown), shown)


def _column_indexes(names: Sequence[str], recipe: PublicRecipe) -> Mapping[str, int]:
    found = {name.strip(): place for place, name in enumerate(names)}
    if len(found) != len(names) or set(found) != set(recipe.names):
        raise _bad_figures(f"The first line names the recipe's columns, each once: {', '.join(recipe.names)}.")
    return found


def _row_figures(
    row: Sequence[str], indexes: Mapping[str, int], recipe: PublicRecipe, number: int
) -> Iterator[tuple[int, Decimal]]:
    for name, statistic in recipe.statistics.items():
        value = row[indexes[name]].strip()
        if value and not NUMBER.fullmatch(value):
            raise _bad_figures(f"Line {number} has something in column {name!r} that is no number. A hole is empty.")
        if value:
            yield statistic.ident, Decimal(value)


def _bad_figures(message: str) -> Invalid:
    return Invalid("published-figures", message, "/figures")


def read_rounding(text: str, recipe: PublicRecipe) -> Mapping[int, Decimal]:
    """The base that each statistic (its ident) was rounded to: `5` for all, or `pupils=5, average=0.1`. Those that are
    not named were not rounded."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        base = _rounding_base(parts[0])
        return {statistic.ident: base for statistic in recipe.statistics.values()}
    found: dict[int, Decimal] = {}
    for part in parts:
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or name not in recipe.statistics:
            raise Invalid("rounding", "Write one number, or name=number for each rounded column.", "/rounding")
        found[recipe.statistics[name].ident] = _rounding_base(number)
    return found


def _rounding_base(text: str) -> Decimal:
    if not NUMBER.fullmatch(text) or not SMALLEST_BASE <= Decimal(text) <= LARGEST_BASE:
        message = f"A figure was rounded to a multiple of a number from {SMALLEST_BASE} to {LARGEST_BASE}."
        raise Invalid("rounding", message, "/rounding")
    return Decimal(text)


def key_text(value: Value) -> str:
    """How a text writes a key."""
    match value:
        case None:
            return MISSING_LABEL
        case date():
            return value.isoformat()
        case bool():
            return str(int(value))
        case _:
            return str(value)


SUM_TOLERANCE = 1e-9
"""Sums of fractions differ by so much, relatively, with the order in which they are added up."""

Totals = NDArray[np.float64]
MEANS = frozenset({Measure.MEAN, Measure.SHARE})


@dataclass(frozen=True, slots=True)
class ReproducedCells:
    """How many published figures the recipe makes, of how many; `shown` by statistic and cell are those of cells that
    anybody is in."""

    agreed: int
    compared: int
    shown: Mapping[int, Mapping[int, Value]]

    @property
    def is_exact(self) -> bool:
        return self.agreed == self.compared


def reproduce_figures(
    recipe: PublicRecipe,
    cells: Sequence[tuple[Value, ...]],
    members: Members,
    figures: PublishedFigures,
    rounding: Mapping[int, Decimal],
) -> ReproducedCells:
    """`cells` are the keys by the number of the cell, in the planned order. Nobody is in a group that is no cell: its
    counts and sums are 0, and it has no mean."""
    order = [recipe.table.keys.index(key) for key in recipe.keys.values()]
    numbers = {tuple(key_text(keys[i]) for i in order): n for n, keys in enumerate(cells)}
    shown: dict[int, dict[int, Value]] = {}
    agreed = compared = 0
    for statistic in recipe.statistics.values():
        exact, own = _exact_values(statistic, members), shown.setdefault(statistic.ident, {})
        for keys, row in figures.shown.items():
            if statistic.ident not in row:
                continue
            cell, value = numbers.get(keys), row[statistic.ident]
            nobody = None if statistic.measure in MEANS else 0.0
            compared += 1
            agreed += _is_reproduced(value, nobody if cell is None else exact[cell], rounding.get(statistic.ident))
            if cell is not None:
                own[cell] = value
    return ReproducedCells(agreed, compared, shown)


def _exact_values(statistic: PlannedStatistic, members: Members) -> list[float | None]:
    """The statistic of each cell; None where nothing has a value."""
    first, *more = (_totals(members, amount, once) for amount, once, _ in statistic_totals(statistic))
    if statistic.measure not in MEANS:
        return [float(total) for total in first]
    found = [None if count == 0 else total / count for total, count in zip(first, more[0], strict=True)]
    return [None if v is None else float(trunc(v)) if statistic.truncated else float(v) for v in found]


def _totals(members: Members, amount: str, once: bool) -> Totals:
    _, cells = members.rows()
    amounts = np.asarray(members.amounts.get(amount, np.ones(len(cells))), np.float64)
    weights = np.sign(amounts) if once else amounts
    return np.bincount(cells, weights=weights, minlength=members.count)[: members.count].astype(np.float64)


def _is_reproduced(published: Decimal, exact: float | None, base: Decimal | None) -> bool:
    if exact is None:
        return False
    near = SUM_TOLERANCE * max(1.0, abs(exact))
    apart = abs(float(published) - exact)
    if base is None:
        return apart <= near
    return published % base == 0 and apart <= float(base) / 2 + near
