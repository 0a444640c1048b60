"""Aggregates that choose among one person's rows: a value in the first row of an order, the most common value, and
whether a condition holds in some or in all rows. Equal rows of an order follow by the value itself, so that the same
rows always give the same value."""

from collections.abc import Iterable, Sequence

from sqlglot import exp

from broker.domain.plans.operators import AggregateCall, SortKeys
from broker.domain.plans.plan import KEY_STATISTIC
from broker.domain.plans.scalars import Case, ColumnRef, Scalar, ScalarType, integer, truth_call
from broker.domain.plans.variable_uses import Usage
from broker.query.analysis.aggregate_arguments import is_binary
from broker.query.analysis.implied_statistics import can_be_null
from broker.query.diagnostics import BindError, check_arguments, written_name
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations.aggregate_functions import ASCENDING, DESCENDING
from broker.query.symbols import SymbolTable

CONDITIONS: dict[type[exp.Expr], str] = {exp.LogicalOr: "greatest", exp.LogicalAnd: "least"}
IN_ORDER = (exp.AnyValue, exp.First, exp.Last)
BY_ANOTHER: dict[type[exp.Expr], bool] = {exp.ArgMin: False, exp.ArgMax: True}
CHOICES = (*CONDITIONS, *IN_ORDER, *BY_ANOTHER, exp.Mode)


def order_terms(item: exp.Expr, value: Scalar, symbols: SymbolTable) -> SortKeys:
    """Return (expression, descending) pairs for one item of ORDER BY. NULL sorts lowest, as in T-SQL. If the item or
    its dialect sorts it elsewhere, a test for missing values comes first."""
    check_arguments(item, "this", "desc", "nulls_first")
    descending, first = bool(item.args.get("desc")), bool(item.args.get("nulls_first"))
    # the engine sorts NULL lowest, so this order needs no extra term
    if first is not descending or not can_be_null(value, symbols):
        return ((value, descending),)
    missing = Case(((truth_call("is_null", value), integer(1)),), integer(0), ScalarType.INT)
    return ((missing, first), (value, descending))


def order_of_keys(
    expression_binder: ExpressionBinder, limit: exp.Expr, columns: Sequence[ColumnRef]
) -> list[tuple[Scalar, bool]]:
    """The order in which TOP takes groups that a text does not order: that of their keys."""
    symbols, options = expression_binder.symbols, limit.args.get("limit_options")
    keys = [c for c in columns if symbols.labels.get(c.ident) == KEY_STATISTIC]
    if not keys or (options is not None and options.args.get("with_ties")):
        raise BindError("limit", "TOP without ORDER BY can select any row.", "Add ORDER BY.", limit)
    for key in keys:
        symbols.record_use(key, Usage.ORDERED)
    expression_binder.advise(FIRST_KEYS)
    return [(key, False) for key in keys]


FIRST_KEYS = (
    "A limit without ORDER BY takes the first groups in the order of their keys. Write ORDER BY to choose others."
)


def bind_choice(node: exp.Expr, binder: ExpressionBinder) -> AggregateCall | None:
    """Bind an aggregate that chooses among rows; None for any other. Raises BindError where the
    dialect has none, and for an order that has no effect."""
    if not isinstance(node, CHOICES):
        return None
    if not binder.dialect.chooses_among_rows:
        message = f"{written_name(node)} is no function of {binder.dialect.product}."
        raise BindError("function", message, "Number the rows with ROW_NUMBER(), and keep 1.", node)
    check_arguments(node, "this", *(("expression",) if type(node) in BY_ANOTHER else ()))
    if type(node) in CONDITIONS:
        return AggregateCall(CONDITIONS[type(node)], (_truth(node.this, binder),), ScalarType.FLAG)
    argument = _without_own_order(node) if isinstance(node, exp.Mode) else node.this
    if isinstance(argument, exp.Order):
        if not isinstance(node, IN_ORDER):
            raise _other_order(node)
        return _first_in_order(node, argument, binder)
    value = _plain_value(argument, binder)
    if isinstance(node, exp.Mode):
        return _computed_on_rows("most_common", node, binder, value)
    if type(node) in BY_ANOTHER:
        return _by_another(node, value, binder)
    return _call("least", value)  # any row may be chosen: the least value has no ties


def _call(op: str, value: Scalar, *more: Scalar) -> AggregateCall:
    return AggregateCall(op, (value, *more), value.type)


def _computed_on_rows(op: str, node: exp.Expr, binder: ExpressionBinder, value: Scalar, *more: Scalar) -> AggregateCall:
    """A call that the engine computes. Raises BindError over groups, whose figures the broker computes."""
    if not binder.is_rows:
        message = f"{written_name(node)} cannot choose among groups."
        raise BindError("above", message, "Number the groups in a derived table with ROW_NUMBER(), and keep 1.", node)
    return _call(op, value, *more)


def _plain_value(node: exp.Expr, binder: ExpressionBinder) -> Scalar:
    if isinstance(node, exp.Distinct):
        message = "DISTINCT inside this aggregate changes nothing."
        raise BindError("distinct-aggregate", message, "Remove DISTINCT.", node)
    return binder.value(node)


def _first_in_order(node: exp.Expr, order: exp.Order, binder: ExpressionBinder) -> AggregateCall:
    """The value in the first row of an order, or in the last. ANY_VALUE leaves out rows where the value is missing."""
    value = _plain_value(order.this, binder)
    terms = [t for i in order.expressions for t in order_terms(i, binder.value(i.this), binder.symbols)]
    backwards = isinstance(node, exp.Last)
    keys = [(key, descending is not backwards) for key, descending in terms]
    op = "first_present" if isinstance(node, exp.AnyValue) else "first_of_order"
    return _computed_on_rows(op, node, binder, value, *_sort_key([*keys, (value, False)]))


def _by_another(node: exp.Expr, value: Scalar, binder: ExpressionBinder) -> AggregateCall:
    """The value in the row with the least or greatest value of another. A row without one of the two is left out."""
    written = node.expression.expressions if isinstance(node.expression, exp.Tuple) else [node.expression]
    others = [_plain_value(one, binder) for one in written]
    if len(others) > 1 and any(can_be_null(other, binder.symbols) for other in others):
        message = f"{written_name(node)} by several values needs them in all rows."
        raise BindError("order-by", message, "Write FIRST(x ORDER BY y, z).", node)
    keys = _sort_key([*((other, BY_ANOTHER[type(node)]) for other in others), (value, False)])
    return _computed_on_rows("first_with_both", node, binder, value, *keys)


def _truth(node: exp.Expr, binder: ExpressionBinder) -> Scalar:
    """A condition as 0, 1 or NULL."""
    found = binder.value(node)
    return found if is_binary(found) else binder.number_of(binder.predicate(node))


def _sort_key(keys: Iterable[tuple[Scalar, bool]]) -> Iterable[Scalar]:
    """Arguments of the engine's key of an order: each expression, and how it is sorted."""
    for key, descending in keys:
        yield key
        yield DESCENDING if descending else ASCENDING


def _without_own_order(node: exp.Expr) -> exp.Expr:
    """The argument of MODE. That the least of equally common values is taken may be written: MODE(x ORDER BY x)."""
    argument: exp.Expr = node.this
    if not isinstance(argument, exp.Order) or len(argument.expressions) != 1:
        return argument
    (item,) = argument.expressions
    return argument.this if item.this == argument.this and not item.args.get("desc") else argument


def _other_order(node: exp.Expr) -> BindError:
    message = f"{written_name(node)} takes the least of several values, whatever the order."
    return BindError("order-by", message, "Remove ORDER BY from its brackets.", node)
