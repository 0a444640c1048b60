"""Tables published elsewhere: their recipe, their figures, and whether the recipe reproduces the figures."""

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

from broker.disclosure.differencing.functionals import own_amounts
from broker.disclosure.table_recipes import statistic_totals
from broker.domain.errors import Invalid
from broker.domain.plans.measure import ADDITIVE, RATIOS
from broker.domain.plans.plan import GroupKey, Plan, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import MISSING_LABEL, ColumnRef, Value
from broker.evidence.member_tables import Members


@dataclass(frozen=True, slots=True)
class PublicRecipe:
    """`keys` and `statistics` by the names of their columns, in the order of the columns."""

    unit: str
    table: PlannedTable
    keys: dict[str, GroupKey]
    statistics: dict[str, PlannedStatistic]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.keys, *self.statistics)


def public_recipe(plan: Plan) -> PublicRecipe:
    """The recipe that a plan describes. Raises Invalid("recipe-form"), with advice, if the plan is not one query of
    groups and of counts, sums, means or shares."""
    if len(plan.outputs) != 1 or plan.saved_queries:
        raise _bad_recipe("A recipe must have exactly one output, and cannot save anything.")
    output = plan.outputs[0]
    # Members can be found only for one planned table of persons.
    if len(output.tables) != 1 or output.public or not output.tables[0].shown:
        raise _bad_recipe("A recipe must be one query with GROUP BY that counts persons.")
    (table,) = output.tables
    keys = {k.ident: k for k in table.keys}
    statistics = {s.ident: s for s in table.statistics if s.implied_by is None}  # implied ones have no column
    found = PublicRecipe(output.unit, table, {}, {})
    for column in output.columns:
        ident = column.expression.ident if isinstance(column.expression, ColumnRef) else None
        if ident in keys:
            found.keys[column.name] = keys[ident]
        elif ident in statistics and statistics[ident].measure in ADDITIVE:
            found.statistics[column.name] = statistics[ident]
        else:
            raise _bad_recipe(
                f"Column {column.name!r} is not a group, count, sum, mean or share. Register the figures that it "
                "is computed from."
            )
    if len(found.keys) != len(keys):
        raise _bad_recipe("Every group of the recipe must be one of its columns, so that its rows differ.")
    if not found.statistics:
        raise _bad_recipe("A recipe needs at least one figure alongside its groups.")
    return found


def _bad_recipe(message: str) -> Invalid:
    return Invalid("recipe-form", message, "/recipe")


NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")
MAX_ROWS = 20_000
MAX_BYTES = 1_000_000
SMALLEST_BASE, LARGEST_BASE = Decimal("0.0001"), Decimal(100)
"""Limits of a rounding base: with a larger one nearly any recipe would agree."""

Keys = tuple[str, ...]


PublishedFigures = Mapping[Keys, Mapping[int, Decimal]]
"""By the texts of a row's keys (in the recipe's order), the figure of each statistic that is not suppressed. All rows
are in the order of the text."""


def read_figures(text: str, recipe: PublicRecipe) -> PublishedFigures:
    """Read published figures from comma-separated text. Raises Invalid("published-figures") with the line number; the
    message quotes nothing but column names."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:  # before parsing: bounds its work
        raise _bad_figures(f"The figures can have at most {MAX_BYTES} bytes.")
    try:
        lines = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True) if row]
    except csv.Error as error:
        raise _bad_figures("This is not valid CSV: a quote does not end, or a line is broken.") from error
    indexes = _column_indexes(lines[0] if lines else [], recipe)
    if not 0 < len(lines) - 1 <= MAX_ROWS:
        raise _bad_figures(f"The figures need a line of names and 1 to {MAX_ROWS} rows.")
    shown: dict[Keys, dict[int, Decimal]] = {}
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(lines[0]):
            raise _bad_figures(
                f"Line {number} has {len(row)} values, but the first line names {len(lines[0])} columns."
            )
        keys = tuple(row[indexes[name]].strip() for name in recipe.keys)
        if keys in shown:
            raise _bad_figures(f"Line {number} has the same group as an earlier line.")
        shown[keys] = dict(_row_figures(row, indexes, recipe, number))
    if not any(shown.values()):
        raise _bad_figures("Every figure is empty, so nothing about this table is known.")
    return shown


def _column_indexes(names: Sequence[str], recipe: PublicRecipe) -> Mapping[str, int]:
    found = {name.strip(): place for place, name in enumerate(names)}
    if len(found) != len(names) or set(found) != set(recipe.names):
        raise _bad_figures(f"The first line must name each column of the recipe once: {', '.join(recipe.names)}.")
    return found


def _row_figures(
    row: Sequence[str], indexes: Mapping[str, int], recipe: PublicRecipe, number: int
) -> Iterator[tuple[int, Decimal]]:
    for name, statistic in recipe.statistics.items():
        value = row[indexes[name]].strip()
        if value and not NUMBER.fullmatch(value):
            raise _bad_figures(
                f"Line {number} has a value in column {name!r} that is not a number. Leave a hidden figure empty."
            )
        if value:
            yield statistic.ident, Decimal(value)


def _bad_figures(message: str) -> Invalid:
    return Invalid("published-figures", message, "/figures")


def read_rounding(text: str, recipe: PublicRecipe) -> Mapping[int, Decimal]:
    """Return the rounding base of each statistic, by its ident: `5` applies to all; `pupils=5, average=0.1` to the
    named ones, and the others were not rounded. Raises Invalid("rounding")."""
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
        message = f"The base of the rounding must be from {SMALLEST_BASE} to {LARGEST_BASE}."
        raise Invalid("rounding", message, "/rounding")
    return Decimal(text)


def key_text(value: Value) -> str:
    """The text of a key in published figures."""
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
"""Relative tolerance: sums of fractions differ by this much with the order of addition."""

Totals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReproducedCells:
    """How many of the compared figures the recipe reproduces. `shown`: by statistic and cell, the figures of cells that
    have persons."""

    agreed: int
    compared: int
    shown: Mapping[int, Mapping[int, Value]]

    @property
    def is_exact(self) -> bool:
        return self.agreed == self.compared


def reproduce_figures(
    recipe: PublicRecipe, cells: Sequence[tuple[Value, ...]], members: Members, figures: PublishedFigures,
    rounding: Mapping[int, Decimal],
) -> ReproducedCells:  # fmt: skip
    """Compare published figures with the recipe's. `cells` are the keys by cell number, in planned order. A group that
    is not a cell has nobody: its counts and sums are 0, and it has no mean."""
    order = [recipe.table.keys.index(key) for key in recipe.keys.values()]
    numbers = {tuple(key_text(keys[i]) for i in order): n for n, keys in enumerate(cells)}
    shown: dict[int, dict[int, Value]] = {}
    agreed = compared = 0
    for statistic in recipe.statistics.values():
        exact, own = _exact_values(statistic, members), shown.setdefault(statistic.ident, {})
        for keys, row in figures.items():
            if statistic.ident not in row:
                continue
            cell, value = numbers.get(keys), row[statistic.ident]
            nobody = None if statistic.measure in RATIOS else 0.0  # a group that is no cell
            compared += 1
            agreed += _is_reproduced(value, nobody if cell is None else exact[cell], rounding.get(statistic.ident))
            if cell is not None:
                own[cell] = value
    return ReproducedCells(agreed, compared, shown)


def _exact_values(statistic: PlannedStatistic, members: Members) -> list[float | None]:
    """The statistic of each cell; None for a mean without values."""
    first, *more = (_totals(members, amount, once) for amount, once, _ in statistic_totals(statistic))
    if statistic.measure not in RATIOS:
        return [float(total) for total in first]
    found = [None if count == 0 else total / count for total, count in zip(first, more[0], strict=True)]
    return [None if v is None else float(trunc(v)) if statistic.truncated else float(v) for v in found]


def _totals(members: Members, amount: str, once: bool) -> Totals:
    weights = own_amounts(members, amount, once)
    return np.bincount(members.rows()[1], weights=weights, minlength=members.count)[: members.count].astype(np.float64)


def _is_reproduced(published: Decimal, exact: float | None, base: Decimal | None) -> bool:
    if exact is None:
        return False
    # Sums of floats depend on their order.
    near = SUM_TOLERANCE * max(1.0, abs(exact))
    apart = abs(float(published) - exact)
    if base is None:
        return apart <= near
    return published % base == 0 and apart <= float(base) / 2 + near  # rounded to that base, half either way
