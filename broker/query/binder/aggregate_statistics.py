"""Turns aggregates of the top GROUP BY into statistics, and a sum of several branches into a total of protected
parts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import reduce
from typing import Any

from sqlglot import exp

from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import AggregateCall
from broker.domain.plans.plan import DeviationForm, QuantileForm
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, Scalar, ScalarType, columns_in, truth_call
from broker.query.analysis import aggregate_arguments, implied_statistics
from broker.query.analysis.aggregate_arguments import ZERO, can_be_negative
from broker.query.analysis.argument_branches import AmountBranch, ArgumentBranches, TooManyArgumentBranches, branches_of
from broker.query.analysis.closed_list import is_moved, is_on_closed_list
from broker.query.binder import moments, row_aggregation
from broker.query.binder.draft_tables import DraftStatistics
from broker.query.binder.grouped_expressions import is_aggregate
from broker.query.diagnostics import BindError, check_arguments, individual_value_error
from broker.query.expressions.arithmetic import result_type
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations.value_bounds import max_decimals
from broker.query.symbols import SymbolTable

OUTSIDE_CLOSED_LIST = "The argument is arithmetic over a person's row, which has no automatic verdict."
CAN_BE_NEGATIVE = "The amount can be negative, and the dominance rules cannot judge negative contributions."
COMPUTED_WITH_COUNTS = (
    "The number of rows of each person is used in arithmetic other than multiplication by a constant."
)


UNUSUAL_QUANTILE = "A quantile at another share than 0.05, 0.1, 0.15 … 0.95 could reveal a few persons."


def sum_of(value: Scalar, statistics: DraftStatistics, node: exp.Expr) -> Scalar:
    parts = _branches(value, statistics, node)
    if parts is None:
        return _single_amount(Measure.SUM, value, statistics)
    columns, total = _total(parts, statistics)
    # the levels are counted already
    statistics.imply(columns[0], _summed(value, statistics), [a for _, a in parts.levels])
    return total if len(columns) == 1 else statistics.add_total("sum", total, columns)


def mean_of(value: Scalar, statistics: DraftStatistics, truncated: bool, node: exp.Expr) -> Scalar:
    parts = _branches(value, statistics, node)
    if parts is None:
        return _single_amount(Measure.MEAN, value, statistics, truncated)
    columns, total = _total(parts, statistics)
    statistics.imply(columns[0], _summed(value, statistics), [a for _, a in parts.levels])
    counts = [] if parts.amounts else [_level_count(argument, statistics) for _, argument in parts.levels]
    count = _added(counts) if counts else _value_count(_summed(value, statistics), statistics)
    mean: Scalar = Call("divide", (total, count), ScalarType.DOUBLE)
    if truncated:
        mean = Call("truncate", (mean,), ScalarType.INT)
    return statistics.add_total("mean", mean, [*columns, *counts])


def _summed(value: Scalar, statistics: DraftStatistics) -> Scalar:
    return aggregate_arguments.order_free_number(value, statistics.symbols)


def _branches(value: Scalar, statistics: DraftStatistics, node: exp.Expr) -> ArgumentBranches | None:
    """Branches of an argument. None if it is one amount, or is outside the closed list and goes to review anyway."""
    if not statistics.in_parts:
        return None
    argument, symbols = _summed(value, statistics), statistics.symbols
    try:
        found = branches_of(argument, statistics.fixed, lambda s: aggregate_arguments.is_row_count(s, symbols))
    except TooManyArgumentBranches:
        message = "The argument has too many branches to assess each of them."
        raise BindError("too-deep", message, "Group by the variable, or use fewer branches.", node) from None
    counts = [aggregate_arguments.is_row_count(a.value, symbols) for a in found.amounts]
    if not found.levels and counts in ([], [False]):
        return None
    return None if found.amounts and not is_on_closed_list(argument, symbols) else found


def _total(parts: ArgumentBranches, statistics: DraftStatistics) -> tuple[list[ColumnRef], Scalar]:
    """Return the statistics of the parts, and their total: NULL where no part has a row."""
    # the constant 0 adds nothing, so it is no part of the total unless it is the only one
    some = [(c, a) for c, a in parts.levels if c]
    levels = some or ([] if parts.amounts else list(parts.levels))
    counts = [_level_count(argument, statistics) for _, argument in levels]
    sums = [_amount(a, statistics) for a in parts.amounts]
    terms = [
        scaled_column(constant, column, ScalarType.DECIMAL)
        for (constant, _), column in zip(levels, counts, strict=True)
    ]
    amounts = [
        scaled_column(a.times, column, ScalarType.DECIMAL) for a, column in zip(parts.amounts, sums, strict=True)
    ]
    if not parts.levels and len(amounts) == 1:  # a single amount needs no total
        return sums, amounts[0]
    # A branch without rows is NULL, and must not make the whole total NULL.
    total = _added([*terms, *(Call("coalesce", (g, ZERO), g.type) for g in amounts)])
    if not parts.levels:
        nobody = truth_call("is_null", Call("coalesce", tuple(amounts), total.type))
        total = Case(((nobody, NULL),), total, total.type)
    return [*counts, *sums], total


def _amount(amount: AmountBranch, statistics: DraftStatistics) -> ColumnRef:
    counts = aggregate_arguments.is_row_count(amount.value, statistics.symbols)
    return _amount_statistic(Measure.SUM, amount.argument, statistics, counts=counts)


def _added(terms: Sequence[Scalar]) -> Scalar:
    return reduce(lambda a, b: Call("add", (a, b), result_type(a, b)), terms)


def _level_count(argument: Scalar, statistics: DraftStatistics) -> ColumnRef:
    return statistics.add(Measure.ONES, argument, ScalarType.INT)


def _value_count(argument: Scalar, statistics: DraftStatistics) -> ColumnRef:
    if not implied_statistics.can_be_null(argument, statistics.symbols):
        return statistics.add(Measure.COUNT_ROWS, None, ScalarType.INT)
    return statistics.add(Measure.COUNT_VALUES, argument, ScalarType.INT)


def scaled_column(factor: Any, statistic: ColumnRef, kind: ScalarType) -> Scalar:
    if factor == 1:
        return ColumnRef(statistic.ident, statistic.type)
    literal = Literal(factor, ScalarType.INT if isinstance(factor, int) else ScalarType.DECIMAL)
    return Call(
        "multiply", (literal, statistic), kind if kind is ScalarType.DOUBLE else result_type(literal, statistic)
    )


def binary_statistic(measure: Measure, rest: Scalar, statistics: DraftStatistics, kind: ScalarType) -> ColumnRef:
    """Add the statistic of a 0/1 argument. One predicate and its complement are the ones and the rest. Further
    branches, or NULL, are implied cells too."""
    found = statistics.add(measure, rest, kind)
    # the rest of one predicate is its complement, so it needs no cell of its own
    simple = isinstance(rest, Case) and len(rest.whens) == 1 and isinstance(rest.whens[0][1], Literal)
    if not (simple and isinstance(rest, Case) and isinstance(rest.otherwise, Literal) and rest.otherwise != NULL):
        statistics.imply(found, rest)
    return found


def _single_amount(measure: Measure, value: Scalar, statistics: DraftStatistics, truncated: bool = False) -> ColumnRef:
    """Add the statistic of one amount, and the counts of persons that its conditions imply."""
    found = _amount_statistic(measure, value, statistics, truncated)
    statistics.imply(found, _summed(value, statistics))
    return found


def _amount_statistic(
    measure: Measure, value: Scalar, statistics: DraftStatistics, truncated: bool = False, counts: bool = False
) -> ColumnRef:
    """Add the statistic of one amount, the count of rows that change it, and its sum without the constants that would
    hide a large amount."""
    symbols = statistics.symbols
    argument = _summed(value, statistics)
    is_sum = not measure.traits.is_ratio
    if truncated or (is_sum and value.type.is_whole):
        kind = ScalarType.INT
    else:
        kind = ScalarType.DECIMAL if is_sum and value.type is ScalarType.DECIMAL else ScalarType.DOUBLE
    reason = _review_reason(argument, symbols, counts)
    found = statistics.add(measure, argument, kind, truncated=truncated, needs_review=reason, counts=counts)
    adding = implied_statistics.nonzero_rows(argument)
    if adding is not None:
        statistics.add(Measure.COUNT_VALUES, adding, ScalarType.INT, behind=found.ident)
    bare = implied_statistics.without_constants(argument) if statistics.in_parts else None
    if bare is not None:
        statistics.add(Measure.SUM, _summed(bare, statistics), ScalarType.DECIMAL, behind=found.ident)
    return found


def _review_reason(argument: Scalar, symbols: SymbolTable, counts: bool) -> str | None:
    """Why the statistic gets no automatic verdict; None if it gets one. An amount with bounds may be negative, unless
    the text itself chose where its 0 is."""
    if not is_on_closed_list(argument, symbols):
        return OUTSIDE_CLOSED_LIST
    if not counts and any(aggregate_arguments.is_row_count(c, symbols) for c in columns_in(argument)):
        return COMPUTED_WITH_COUNTS
    bounds = aggregate_arguments.argument_bounds(argument, symbols)
    if bounds is not None and None not in bounds and not is_moved(argument):
        return None
    return CAN_BE_NEGATIVE if can_be_negative(argument, symbols) else None


def bind_statistic(node: exp.Expr, row_binder: ExpressionBinder, statistics: DraftStatistics) -> Scalar:
    """Translate an aggregate into an expression over statistics."""
    node = row_aggregation.without_filter(node)
    if any(inner is not node and is_aggregate(inner) for inner in _inner_nodes(node)):
        raise BindError(
            "nested-aggregate",
            "An aggregate is inside another aggregate.",
            "Aggregate in a derived table, and aggregate its columns in the outer SELECT.",
            node,
        )
    if isinstance(node, exp.Count):
        check_arguments(node, "this", "big_int")
        return _count(node, row_binder, statistics)
    if moments.is_moment(node):
        moments.check_known(node, row_binder)
    if isinstance(node, moments.OF_ROWS):
        return bind_statistic(moments.as_other_aggregate(node), row_binder, statistics)
    if moments.is_moment(node):
        return moments.bind_moment(node, row_binder, statistics)
    quantile, deviation = row_aggregation.quantile_of(node, row_binder), row_aggregation.deviation_of(node)
    if quantile is not None:
        argument, form = quantile
        return _quantile(_number(argument, row_binder, node), form, statistics)
    if deviation is not None:
        argument, name = deviation
        return _deviation(_number(argument, row_binder, node), name, statistics)
    if not isinstance(node, exp.Sum | exp.Avg):  # MIN, MAX and others can give one person's own value
        raise individual_value_error(node)
    check_arguments(node, "this")
    value = _number(node.this, row_binder, node)
    if isinstance(node, exp.Sum):
        return _sum(value, statistics, node)
    truncated = row_binder.dialect.truncates_whole_numbers and value.type.is_whole
    return _mean(value, row_binder, statistics, node, truncated)


def statistic_of_call(
    call: AggregateCall, argument: Scalar, row_binder: ExpressionBinder, statistics: DraftStatistics, node: exp.Expr
) -> Scalar:
    """The statistic of a cell that an aggregate below it is, over an argument. Raises BindError if there is none."""
    value = _expanded(argument, row_binder, node)
    match call:
        case AggregateCall(op="count_rows" | "count"):
            return _count_of(value, statistics, node)
        case AggregateCall(op="sum"):
            return _sum(value, statistics, node)
        case AggregateCall(op="mean" | "mean_truncated" as op):
            return _mean(value, row_binder, statistics, node, truncated=op == "mean_truncated")
        case AggregateCall(op="quantile" | "quantile_discrete" as op, args=(_, Literal(value=Decimal() as fraction))):
            return _quantile(value, QuantileForm(fraction, op == "quantile_discrete"), statistics)
        case AggregateCall(op=op) if op.startswith(("deviation", "variance")):
            return _deviation(value, op, statistics)
    raise individual_value_error(node)


def _inner_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Nodes inside an aggregate, without those of its subqueries. The function of a quantile is not another
    aggregate."""
    stack = list(node.iter_expressions())
    if isinstance(node, exp.WithinGroup | exp.Filter):
        stack = [*node.this.iter_expressions(), *(e for e in node.iter_expressions() if e is not node.this)]
    while stack:
        part = stack.pop()
        if not isinstance(part, exp.Query):
            yield part
            stack += part.iter_expressions()


NO_AUTOMATIC_VERDICT = "{} can be one person's own value, or reveal a few persons, so it has no automatic verdict."


USUAL_QUANTILE = Decimal("0.05")
"""Quantiles at multiples of this share are usual. Others could search for the place of one person among others."""


def _quantile(value: Scalar, form: QuantileForm, statistics: DraftStatistics) -> ColumnRef:
    kind, review_reason = value.type if form.discrete else ScalarType.DOUBLE, None
    if not is_on_closed_list(value, statistics.symbols):
        review_reason = OUTSIDE_CLOSED_LIST
    elif form.fraction % USUAL_QUANTILE or not 0 < form.fraction < 1:
        review_reason = UNUSUAL_QUANTILE
    return statistics.add_with_implied(Measure.QUANTILE, value, kind, needs_review=review_reason, form=form)


def _deviation(argument: Scalar, name: str, statistics: DraftStatistics) -> ColumnRef:
    value = aggregate_arguments.square_free_number(argument, statistics.symbols)
    form = DeviationForm(name.endswith("whole"), name.startswith("variance"), max_decimals(value, statistics.symbols))
    bounds, review_reason = aggregate_arguments.argument_bounds(value, statistics.symbols), None
    if not is_on_closed_list(value, statistics.symbols):
        review_reason = OUTSIDE_CLOSED_LIST
    elif bounds is None or None in bounds:
        review_reason = NO_AUTOMATIC_VERDICT.format("A deviation")
    found = statistics.add_with_implied(
        Measure.DEVIATION, value, ScalarType.DOUBLE, needs_review=review_reason, form=form
    )
    if aggregate_arguments.is_binary(value):  # it tells how many are 1
        statistics.add(Measure.ONES, value, ScalarType.INT, behind=found.ident)
    return found


def _number(argument: exp.Expr, row_binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return _expanded(row_aggregation.bind_number(argument, row_binder), row_binder, node)


def _expanded(value: Scalar, row_binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """An argument with its derived columns expanded, so that the rules judge the expression that is computed."""
    row_binder.symbols.check_weight(value, node)
    return row_binder.symbols.expanded(value)


def _count(node: exp.Expr, row_binder: ExpressionBinder, statistics: DraftStatistics) -> Scalar:
    inner = node.this
    if isinstance(inner, exp.Star):
        check_arguments(inner)
        return statistics.add(Measure.COUNT_ROWS, None, ScalarType.INT)
    if isinstance(inner, exp.Distinct):
        return _count_distinct(row_aggregation.distinct_argument(inner, node).unnest(), row_binder, statistics)
    if isinstance(inner, exp.Case):
        inner = _counted_case(inner, row_binder)
    key = row_binder.link_key(inner.unnest())
    value = key if key is not None else _expanded(row_binder.value(inner), row_binder, inner)
    return _count_of(value, statistics, node)


def _count_of(value: Scalar, statistics: DraftStatistics, node: exp.Expr) -> Scalar:
    if isinstance(value, Literal):  # COUNT(1) counts rows, like COUNT(*)
        if value.value is None:
            raise BindError("constant-column", "COUNT(NULL) is always 0.", "Remove it.", node)
        return statistics.add(Measure.COUNT_ROWS, None, ScalarType.INT)
    if isinstance(value, Case):
        ones = aggregate_arguments.counted_values(value)
        found = statistics.add(Measure.ONES, ones, ScalarType.INT)
        if len(ones.whens) > 1:
            statistics.imply(found, ones)
        return found
    return statistics.add_with_implied(Measure.COUNT_VALUES, value, ScalarType.INT)


def _counted_case(case: exp.Case, row_binder: ExpressionBinder) -> exp.Case:
    """Rewrite a counted CASE: where a branch gives a link key, count whether the key is present."""
    found = case.copy()
    branches = [(arm, "true") for arm in found.args["ifs"]] + [(found, "default")]
    for holder, name in branches:
        node = holder.args.get(name)
        if node is not None and row_binder.is_link_key(node.unnest()):
            missing = exp.Is(this=node.unnest().copy(), expression=exp.Null())
            one = exp.Literal.number(1)
            holder.set(name, exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=one))
    return found


def _count_distinct(node: exp.Expr, row_binder: ExpressionBinder, statistics: DraftStatistics) -> Scalar:
    """A link key counts persons, also in CASE WHEN … THEN key END. Any other variable counts its values."""
    key = row_binder.link_key(node)
    if key is not None:
        return statistics.add(Measure.COUNT_PERSONS, key, ScalarType.INT)
    if isinstance(node, exp.Case) and not node.this and not node.args.get("default") and len(node.args["ifs"]) == 1:
        arm = node.args["ifs"][0]
        key = row_binder.link_key(arm.args["true"].unnest())
        if key is not None:
            condition = row_binder.symbols.expanded(row_binder.predicate(arm.this))
            argument = Case(((condition, key),), NULL, key.type)
            return statistics.add_with_implied(Measure.COUNT_PERSONS, argument, ScalarType.INT)
    value = _expanded(row_binder.value(node), row_binder, node)
    review_reason = "COUNT(DISTINCT …) counts a variable other than the link key, so it counts values and not persons."
    return statistics.add_with_implied(Measure.COUNT_DISTINCT, value, ScalarType.INT, needs_review=review_reason)


def _sum(value: Scalar, statistics: DraftStatistics, node: exp.Expr) -> Scalar:
    found = _sum_or_count(value, statistics, node)
    # a sum of fractions stays one where a count gives it: T-SQL truncates quotients of whole numbers
    return found if value.type.is_whole or not found.type.is_whole else replace(found, type=value.type)


def _sum_or_count(value: Scalar, statistics: DraftStatistics, node: exp.Expr) -> Scalar:
    kind = ScalarType.INT if value.type.is_whole else value.type
    counted = aggregate_arguments.without_zero_for_missing(value)
    if counted is not None:  # how many have no value changes nothing, and is not for the rules to judge
        found = _sum(counted, statistics, node)
        return Call("coalesce", (found, ZERO), found.type)
    factor, rest = aggregate_arguments.unscaled(value)
    if isinstance(rest, Literal):  # the sum of a constant is a multiple of the number of rows
        count = statistics.add(Measure.COUNT_ROWS, None, ScalarType.INT)
        return scaled_column(factor * (rest.value or 0), count, kind)
    if aggregate_arguments.is_binary(rest):
        return scaled_column(factor, binary_statistic(Measure.ONES, rest, statistics, ScalarType.INT), kind)
    return sum_of(value, statistics, node)


def _mean(
    value: Scalar, row_binder: ExpressionBinder, statistics: DraftStatistics, node: exp.Expr, truncated: bool
) -> Scalar:
    factor, rest = aggregate_arguments.unscaled(value)
    if isinstance(rest, Literal):
        raise BindError("constant-column", "The mean of a constant says nothing about the data.", "Remove it.", node)
    if aggregate_arguments.is_binary(rest):
        if truncated:
            message = "AVG of whole numbers is truncated in T-SQL, so this mean of 0 and 1 is 0 or 1."
            raise BindError("truncated-share", message, "Write AVG(1.0 * x).", node)
        return scaled_column(
            factor, binary_statistic(Measure.SHARE, rest, statistics, ScalarType.DOUBLE), ScalarType.DOUBLE
        )
    if truncated:
        row_binder.advise(row_aggregation.TRUNCATED)
    return mean_of(value, statistics, truncated, node)
