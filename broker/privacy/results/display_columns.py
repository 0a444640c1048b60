"""A planned table's columns as displayed: estimates rounded to what the noise allows, and hidden below the floor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from math import ceil, floor, trunc

import numpy as np

from broker.domain.plans.plan import DeviationForm, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Value
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.results.cell_results import GroupingSetResult
from broker.privacy.results.interval_bounds import high_ident, low_ident
from broker.privacy.results.noise_intervals import Floats
from broker.privacy.results.noisy_estimates import EstimateColumn

MAX_DIGITS = 9
ROUNDING_STEPS = [Decimal(1).scaleb(-digits) for digits in range(MAX_DIGITS + 1)]
WIDE_CONTEXT = Context(prec=400)
"""No float has more digits than this."""


@dataclass(frozen=True, slots=True)
class FormattedColumn:
    """Figures of one statistic by cell, with the ends of their intervals. A value of None is hidden; an end of None
    means that the figure has no interval."""

    values: Sequence[Value]
    low: Sequence[Value]
    high: Sequence[Value]


def format_statistic(statistic: PlannedStatistic, estimates: EstimateColumn) -> FormattedColumn:
    """The column of a statistic, in the order of the cells."""
    form = _transform(statistic)
    value, low, high = (form(numbers) for numbers in (estimates.values, estimates.low, estimates.high))
    if statistic.truncated or statistic.type.is_whole:
        # The figure without noise is an integer, so the ends can be rounded outwards to integers.
        nearest: Callable[[float], int] = trunc if statistic.truncated else round
        return FormattedColumn(_whole_numbers(value, nearest), _whole_numbers(low, floor), _whole_numbers(high, ceil))
    return format_decimals(EstimateColumn(value, low, high))


def format_decimals(estimates: EstimateColumn) -> FormattedColumn:
    """The column of a ratio, or of another number that is not whole: with as many digits as the noise allows."""
    value, low, high = estimates.values, estimates.low, estimates.high
    steps = _rounding_steps(low, high)
    return FormattedColumn(
        _rounded(value, steps, ROUND_HALF_EVEN), _rounded(low, steps, ROUND_FLOOR), _rounded(high, steps, ROUND_CEILING)
    )


def _transform(statistic: PlannedStatistic) -> Callable[[Floats], Floats]:
    """Deviations are measured as variances. A monotonic function keeps the interval valid."""
    form = statistic.form
    if isinstance(form, DeviationForm) and not form.is_variance:
        return lambda numbers: np.sqrt(np.maximum(numbers, 0.0))
    return lambda numbers: numbers


def _whole_numbers(numbers: Floats, towards: Callable[[float], int]) -> list[Value]:
    return [None if n != n else towards(n) for n in numbers.tolist()]


def _rounding_steps(low: Floats, high: Floats) -> list[Decimal | None]:
    """One digit more than the first digit that the noise changes. None: a candidate of a quantile, shown as in its
    list."""
    half = (high - low) / 2
    known = half > 0  # quantiles have no interval
    digits = np.where(known, 1 - np.floor(np.log10(np.where(known, half, 1.0))), MAX_DIGITS)
    clipped = np.clip(digits, 0, MAX_DIGITS).astype(np.int64).tolist()  # never coarser than integers
    return [None if h != h else ROUNDING_STEPS[d] for h, d in zip(half.tolist(), clipped, strict=True)]


def _rounded(numbers: Floats, steps: list[Decimal | None], rounding: str) -> list[Value]:
    """Rounded to these steps; ends are rounded outwards. Zero has no sign."""
    found = (
        None
        if n != n
        else Decimal(repr(n))
        if step is None
        else Decimal(repr(n)).quantize(step, rounding, WIDE_CONTEXT)
        for n, step in zip(numbers.tolist(), steps, strict=True)
    )
    return [abs(d) if d is not None and not d else d for d in found]


@dataclass(frozen=True, slots=True)
class DisplayColumn:
    """One column, row by row. A hidden figure has no value. A figure that is not hidden may have none either: an end of
    an interval that does not exist."""

    values: Sequence[Value]
    hidden: Sequence[bool]
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class DisplayTable:
    """`columns` by id, the ends of intervals included. `shown`: whether the cell of a row is shown. `listed`: whether
    all keys have public lists."""

    columns: dict[int, DisplayColumn]
    shown: Sequence[bool]
    listed: bool


def display_table(
    table: PlannedTable, number: int, measured: PrivateOutputPlan, results: Sequence[Sequence[GroupingSetResult]]
) -> DisplayTable:
    """The displayed table of the planned table with this number. `results`: for each private table, set by set."""
    private, set_index = measured.sets[number]
    private_table, result = measured.tables[private], results[private][set_index]
    columns = _key_columns(table, measured, private_table.sets[set_index], result)
    for statistic in table.statistics:
        columns |= _interval_columns(statistic.ident, _formatted_statistic(statistic, measured, private, result))
    for ident, name in ratio_names(table, measured).items():
        columns |= _interval_columns(ident, format_decimals(_estimates_of(name, measured, private, result)))
    return DisplayTable(columns, result.shown.tolist(), private_table.is_listed(set_index))


def interval_idents(figure: int) -> tuple[int, int, int]:
    """The ids of a figure and of the two ends of its interval."""
    return figure, low_ident(figure), high_ident(figure)


def figure_idents(table: PlannedTable, measured: PrivateOutputPlan) -> list[int]:
    """The ids of all figures of a planned table."""
    return [*(s.ident for s in table.statistics), *ratio_names(table, measured)]


def ratio_names(table: PlannedTable, measured: PrivateOutputPlan) -> dict[int, str]:
    """Ratios of two of the table's own statistics: by id, the name of the private statistic."""
    own = {s.ident for s in table.statistics}
    return {ident: place.name for ident, place in measured.ratios.items() if own.issuperset(place.pair)}


def _key_columns(
    table: PlannedTable, measured: PrivateOutputPlan, order: Sequence[int], result: GroupingSetResult
) -> dict[int, DisplayColumn]:
    columns = list(zip(*result.keys, strict=True)) or [()] * len(order)  # no rows
    by_dimension, none = dict(zip(order, columns, strict=True)), [False] * len(result.keys)
    return {k.ident: DisplayColumn(by_dimension[measured.keys[k.ident]], none, is_key=True) for k in table.keys}


def _formatted_statistic(
    statistic: PlannedStatistic, measured: PrivateOutputPlan, private: int, result: GroupingSetResult
) -> FormattedColumn:
    """The column of a statistic. Statistics that are not read were not measured, and appear as hidden."""
    place = measured.locations.get(statistic.ident)
    # Not measured, because nothing in the output reads it.
    if place is None:
        nothing: list[Value] = [None] * len(result.keys)
        return FormattedColumn(nothing, nothing, nothing)
    return format_statistic(statistic, _estimates_of(place.name, measured, private, result))


def _estimates_of(name: str, measured: PrivateOutputPlan, private: int, result: GroupingSetResult) -> EstimateColumn:
    return result.columns[[s.name for s in measured.tables[private].statistics].index(name)]


def _interval_columns(figure: int, formatted: FormattedColumn) -> dict[int, DisplayColumn]:
    """The figure and its two ends, by id. A hidden figure hides its ends as well."""
    hidden = [value is None for value in formatted.values]
    triple = (formatted.values, formatted.low, formatted.high)
    shown = ([None if h else v for v, h in zip(side, hidden, strict=True)] for side in triple)
    return {i: DisplayColumn(side, hidden) for i, side in zip(interval_idents(figure), shown, strict=True)}
