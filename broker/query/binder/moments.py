"""Statistics of two variables, and of the shape of one: correlation, covariance, regression, skewness and kurtosis."""

from sqlglot import exp

from broker.domain.plans.plan import MomentFunction
from broker.domain.plans.scalars import NULL, Case, Scalar, truth_call
from broker.query.analysis import aggregate_arguments
from broker.query.binder.draft_tables import DraftStatistics
from broker.query.binder.row_aggregation import bind_number
from broker.query.diagnostics import BindError, check_arguments, written_name
from broker.query.expressions.expression_binder import ExpressionBinder

TWO_VARIABLES: dict[type[exp.Expr], MomentFunction] = {
    exp.Corr: MomentFunction.CORRELATION,
    exp.CovarSamp: MomentFunction.COVARIANCE,
    exp.CovarPop: MomentFunction.COVARIANCE_WHOLE,
    exp.RegrSlope: MomentFunction.SLOPE,
    exp.RegrIntercept: MomentFunction.INTERCEPT,
    exp.RegrR2: MomentFunction.R_SQUARED,
    exp.RegrSxx: MomentFunction.SQUARES_OF_OTHER,
    exp.RegrSyy: MomentFunction.SQUARES,
    exp.RegrSxy: MomentFunction.PRODUCTS,
}
ONE_VARIABLE: dict[type[exp.Expr], MomentFunction] = {
    exp.Skewness: MomentFunction.SKEWNESS,
    exp.Kurtosis: MomentFunction.KURTOSIS,
}
NAMED = {"KURTOSIS_POP": MomentFunction.KURTOSIS_WHOLE}
"""Functions that the parser has no class for."""
OF_ROWS = (exp.RegrCount, exp.RegrAvgx, exp.RegrAvgy)
REVIEWED = "A statistic of two variables, or of a shape, can reveal a few persons, so it has no automatic verdict."


def is_moment(node: exp.Expr) -> bool:
    return type(node) in TWO_VARIABLES or isinstance(node, OF_ROWS) or _shape_of(node) is not None


def _shape_of(node: exp.Expr) -> MomentFunction | None:
    return NAMED.get(node.name.upper()) if isinstance(node, exp.Anonymous) else ONE_VARIABLE.get(type(node))


def as_other_aggregate(node: exp.Expr) -> exp.Expr:
    """REGR_COUNT, REGR_AVGX and REGR_AVGY as COUNT and AVG over the rows that have both variables."""
    y, x = node.this, node.expression
    if isinstance(node, exp.RegrCount):
        return exp.Count(this=_where_present(y, _where_present(x, exp.Literal.number(1))))
    return exp.Avg(this=_where_present(y, x) if isinstance(node, exp.RegrAvgx) else _where_present(x, y))


def _where_present(test: exp.Expr, value: exp.Expr) -> exp.Expr:
    present = exp.Not(this=exp.Is(this=test.copy(), expression=exp.Null()))
    return exp.Case(ifs=[exp.If(this=present, true=value.copy())])


def check_known(node: exp.Expr, row_binder: ExpressionBinder) -> None:
    """Raises BindError in a dialect without these functions."""
    if not row_binder.dialect.relates_variables:
        message = f"{written_name(node)} is no function of {row_binder.dialect.product}."
        raise BindError("function", message, "Write the sums: AVG(x * y) - AVG(x) * AVG(y).", node)


def bind_moment(node: exp.Expr, row_binder: ExpressionBinder, statistics: DraftStatistics) -> Scalar:
    """Add the statistic, with the means or counts that it implies of each variable."""
    shape = _shape_of(node)
    if shape is not None:
        arguments = node.expressions if isinstance(node, exp.Anonymous) else [node.this]
        if len(arguments) != 1:
            raise BindError("syntax", f"{written_name(node)} needs one number.", "Write SKEWNESS(x).", node)
        return statistics.add_moment(_number(arguments[0], row_binder, node), None, shape, REVIEWED)
    check_arguments(node, "this", "expression")
    if node.expression is None:
        raise BindError("syntax", f"{written_name(node)} needs two numbers.", "Write CORR(y, x).", node)
    y, x = (_number(part, row_binder, node) for part in (node.this, node.expression))
    # a row counts only if it has both
    both = _if_present(x, y), _if_present(y, x)
    return statistics.add_moment(*both, TWO_VARIABLES[type(node)], REVIEWED)


def _number(argument: exp.Expr, row_binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    value = row_binder.symbols.expanded(bind_number(argument, row_binder))
    row_binder.symbols.check_weight(value, node)
    return aggregate_arguments.square_free_number(value, row_binder.symbols)


def _if_present(test: Scalar, value: Scalar) -> Scalar:
    return Case(((truth_call("not", truth_call("is_null", test)), value),), NULL, value.type)
