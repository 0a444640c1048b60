"""The closed list of aggregate functions: name, DuckDB text, and the same computation in Python. Released statistics
over persons are measures (`broker.domain.plans.measure`). These functions serve aggregates below the top
aggregation (of one person's rows, or context), windows, and aggregates over groups."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

from broker.domain.plans.measure import Measure
from broker.domain.plans.scalars import Literal, ScalarType, Value
from broker.query.operations.operation import CONTEXT, exact_number


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """An aggregate function. `template` says where a window comes, if not at its end. `fold` receives the values of the
    first argument that are not NULL, and the values of the other arguments on the first row. `measure`: what it is over
    other people's rows, which are then judged like a statistic; None: the result can be one row's own value, so it may
    not run over them."""

    name: str
    template: str
    fold: Callable[[Sequence[Any], Sequence[Any]], Value]
    measure: Measure | None


def _mean(values: Sequence[Any], _: Sequence[Any]) -> Value:
    if not values:
        return None
    with localcontext(CONTEXT):
        return sum((Decimal(exact_number(v)) for v in values), Decimal(0)) / len(values)


def _mean_truncated(values: Sequence[Any], _: Sequence[Any]) -> Value:
    return int(Decimal(sum(values)) / len(values)) if values else None


def _sum(values: Sequence[Any], _: Sequence[Any]) -> Value:
    found: Value = sum(map(exact_number, values))
    return found if values else None


def _quantile(values: Sequence[Any], rest: Sequence[Any]) -> Value:
    """Linear interpolation between the order statistics at (n - 1) q."""
    if not values:
        return None
    ordered = sorted(Decimal(exact_number(v)) for v in values)
    place = (len(values) - 1) * Decimal(exact_number(rest[0]))
    low = int(place.to_integral_value(rounding=ROUND_DOWN))
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _quantile_discrete(values: Sequence[Any], rest: Sequence[Any]) -> Value:
    """The first value whose cumulative share is at least q."""
    if not values:
        return None
    need = Decimal(exact_number(rest[0])) * len(values)
    found: Value = sorted(values)[max(0, int(-(-need // 1)) - 1)]
    return found


def _most_common(values: Sequence[Any], _: Sequence[Any]) -> Value:
    """The least of the most common values."""
    times = Counter(values)
    return min((v for v in times if times[v] == max(times.values())), default=None)


def _only_in_engine(_: Sequence[Any], __: Sequence[Any]) -> Value:
    """An order needs all arguments of each row, so the binder accepts the aggregate on rows only."""
    raise ValueError("an order is computed by the engine alone")


def _moment(whole: bool, squared: bool) -> Callable[[Sequence[Any], Sequence[Any]], Value]:
    def fold(values: Sequence[Any], _: Sequence[Any]) -> Value:
        n = len(values)
        if n < (1 if whole else 2):  # a sample moment of one value does not exist
            return None
        with localcontext(CONTEXT):
            exact = [Decimal(exact_number(v)) for v in values]
            mean = sum(exact, Decimal(0)) / n
            variance = sum(((v - mean) ** 2 for v in exact), Decimal(0)) / (n if whole else n - 1)
            return variance if squared else variance.sqrt()

    return fold


_TABLE = (
    AggregateFunction("count_rows", "COUNT(*)", lambda v, _: len(v), Measure.COUNT_ROWS),
    AggregateFunction("count", "COUNT({0})", lambda v, _: len(v), Measure.COUNT_VALUES),
    AggregateFunction("count_distinct", "COUNT(DISTINCT {0})", lambda v, _: len(Counter(v)), Measure.COUNT_DISTINCT),
    AggregateFunction("sum", "SUM({0})", _sum, Measure.SUM),
    AggregateFunction("mean", "(CAST(SUM({0}){over} AS DOUBLE) / nullif(COUNT({0}){over}, 0))", _mean, Measure.MEAN),
    AggregateFunction(
        "mean_truncated", "CAST(SUM({0}){over} // nullif(COUNT({0}){over}, 0) AS BIGINT)", _mean_truncated, Measure.MEAN
    ),
    AggregateFunction("least", "MIN({0})", lambda v, _: min(v, default=None), None),
    AggregateFunction("greatest", "MAX({0})", lambda v, _: max(v, default=None), None),
    AggregateFunction("most_common", "mode({0} ORDER BY {0})", _most_common, None),
    AggregateFunction("first_of_order", "arg_min_null({0}, create_sort_key({order}))", _only_in_engine, None),
    AggregateFunction("first_present", "arg_min({0}, create_sort_key({order}))", _only_in_engine, None),
    AggregateFunction(
        "first_with_both",
        "arg_min(CASE WHEN {1} IS NOT NULL THEN {0} END, create_sort_key({order}))",
        _only_in_engine,
        None,
    ),
    AggregateFunction("quantile", "quantile_cont(CAST({0} AS DOUBLE), {1})", _quantile, Measure.QUANTILE),
    AggregateFunction("quantile_discrete", "quantile_disc({0}, {1})", _quantile_discrete, Measure.QUANTILE),
    AggregateFunction("deviation", "stddev_samp({0})", _moment(whole=False, squared=False), Measure.DEVIATION),
    AggregateFunction("deviation_whole", "stddev_pop({0})", _moment(whole=True, squared=False), Measure.DEVIATION),
    AggregateFunction("variance", "var_samp({0})", _moment(whole=False, squared=True), Measure.DEVIATION),
    AggregateFunction("variance_whole", "var_pop({0})", _moment(whole=True, squared=True), Measure.DEVIATION),
)
ORDER_SENSITIVE: dict[str, str] = {
    "sum": "sum", "mean": "avg", "deviation": "stddev_samp", "deviation_whole": "stddev_pop", "variance": "var_samp",
    "variance_whole": "var_pop",
}  # fmt: skip
"""Aggregates whose last digits depend on the order in which binary fractions are added. `{name}_in_order` sorts the
values first. (The engine ignores an ORDER BY inside these aggregates.)"""
_SORTED = tuple(
    replace(a, name=f"{a.name}_in_order", template=f"list_aggregate(list_sort(list({{0}}){{over}}), '{function}')")
    for a in _TABLE
    if (function := ORDER_SENSITIVE.get(a.name)) is not None
)
AGGREGATE_FUNCTIONS: dict[str, AggregateFunction] = {a.name: a for a in (*_TABLE, *_SORTED)}

CHOSEN_IN_ORDER = frozenset({"first_of_order", "first_present", "first_with_both"})
"""Aggregates that give a value of one row. After it, the arguments are expressions with how each is sorted."""
CHOSEN = CHOSEN_IN_ORDER | {"most_common"}
ASCENDING, DESCENDING = Literal("ASC NULLS FIRST", ScalarType.TEXT), Literal("DESC NULLS LAST", ScalarType.TEXT)
"""How an expression of such an order is sorted."""

RANK_FUNCTIONS: dict[str, str] = {
    "row_number": "row_number()",
    "rank": "rank()",
    "dense_rank": "dense_rank()",
    "ntile": "ntile({0})",
    "percent_rank": "percent_rank()",
    "cumulative_share": "cume_dist()",
}
"""Window functions that give a row's position among the others."""

NEIGHBOUR_FUNCTIONS: dict[str, str] = {
    "lag": "lag({0}, {1})",
    "lead": "lead({0}, {1})",
    "first": "first_value({0})",
    "last": "last_value({0})",
}
"""Window functions that give another row's own value. Allowed among one person's rows only."""


def aggregate_sql(op: str, args: Sequence[str], over: str = "") -> str:
    """DuckDB text of an aggregate or window function, from rendered arguments and a rendered window."""
    found = AGGREGATE_FUNCTIONS.get(op)
    template = found.template if found is not None else {**RANK_FUNCTIONS, **NEIGHBOUR_FUNCTIONS}[op]
    if op in NEIGHBOUR_FUNCTIONS and len(args) == 3:  # the value where there is no such row
        template = template.replace("{1}", "{1}, {2}")
    text = template.format(*args, over=over, order=", ".join(args[1:]))
    return text if "{over}" in template else text + over
