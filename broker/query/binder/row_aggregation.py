"""Aggregation of rows below the top level: aggregate calls with their bounds, and grouping by keys."""

from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.operators import Aggregate, AggregateCall
from broker.domain.plans.plan import QuantileForm
from broker.domain.plans.scalars import NULL, Call, ColumnRef, Literal, Scalar, ScalarType
from broker.domain.plans.variable_uses import Usage
from broker.query.analysis import aggregate_arguments
from broker.query.analysis.group_key_domains import record_fine_keys
from broker.query.analysis.row_multiplicity import RANKS
from broker.query.binder.bind_state import ClauseBinder
from broker.query.binder.grouped_expressions import MOMENTS, is_aggregate, key_nodes, resolve_key_alias
from broker.query.binder.row_choices import bind_choice
from broker.query.bound_relations import BoundRows
from broker.query.diagnostics import SETS, BindError, check_arguments, individual_value_error, unsupported_node
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations import value_bounds
from broker.query.operations.aggregate_functions import CHOSEN, CHOSEN_IN_ORDER
from broker.query.operations.registry import CASTS
from broker.query.symbols import OpaqueColumn, SourceRows, SymbolTable

DEVIATIONS: dict[type[exp.Expr], str] = {
    exp.Stddev: "deviation", exp.StddevSamp: "deviation", exp.StddevPop: "deviation_whole",
    exp.Variance: "variance", exp.VariancePop: "variance_whole",
}  # fmt: skip
NAMED_DEVIATIONS = {"STDEV": "deviation", "STDEVP": "deviation_whole", "VAR": "variance", "VARP": "variance_whole"}
ONE_OF = frozenset({"least", "greatest", "quantile_discrete", "lag", "lead", "first", "last"}) | CHOSEN
"""Functions whose value is one of the argument's values."""

ORDERED = frozenset(
    {"lag", "lead", "first", "last", "row_number", "rank", "dense_rank", "ntile", "percent_rank", "cumulative_share"}
)
"""Functions that also read the order of the rows."""

ADDING = frozenset({"sum", "least", "greatest", "lag", "lead", "first", "last"}) | CHOSEN
"""Functions that turn numbers of rows into numbers of rows."""

EXTREMES: dict[type[exp.Expr], str] = {exp.Min: "least", exp.Max: "greatest"}


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """An aggregate with the columns that it reads and, if they can be derived, the bounds and decimal places of its
    value."""

    aggregate: AggregateCall
    base: frozenset[int]
    low: Decimal | None = None
    high: Decimal | None = None
    decimals: int = 0
    size: Decimal | None = None


def without_filter(node: exp.Expr) -> exp.Expr:
    """Rewrite FILTER and COUNT_IF as a condition inside the argument."""
    if isinstance(node, exp.CountIf):
        return exp.Count(this=_when(node.this, exp.Literal.number(1)))
    if not isinstance(node, exp.Filter):
        return node
    if not isinstance(node.expression, exp.Where):
        raise unsupported_node(node)
    inner, condition = without_filter(node.this), node.expression.this
    if isinstance(inner.this, exp.Star):
        return exp.Count(this=_when(condition, exp.Literal.number(1)))
    found = inner.copy()
    holder = _argument_holder(found, node)
    if isinstance(holder.this, exp.Distinct) and len(holder.this.expressions) == 1:
        holder.this.set("expressions", [_when(condition, holder.this.expressions[0])])
    else:
        holder.set("this", _when(condition, holder.this))
    return found


def _argument_holder(aggregate: exp.Expr, node: exp.Filter) -> exp.Expr:
    """The part of an aggregate that has its argument. Raises BindError for an aggregate that does not leave out rows
    without a value."""
    if not is_aggregate(aggregate) or not isinstance(aggregate.this, exp.Expr):
        raise unsupported_node(node)
    if isinstance(aggregate, exp.WithinGroup):
        argument: exp.Expr = aggregate.expression.expressions[0]
        return argument
    if not isinstance(aggregate.this, exp.Order):
        return aggregate
    if isinstance(aggregate, exp.First | exp.Last):
        raise unsupported_node(node)
    return aggregate.this


def _when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])


def quantile_of(node: exp.Expr, expression_binder: ExpressionBinder) -> tuple[exp.Expr, QuantileForm] | None:
    """Return (argument, form) of a quantile in any of its spellings; None if the node is not a quantile."""
    if isinstance(node, exp.Median):
        check_arguments(node, "this")
        return node.this, QuantileForm(Decimal("0.5"), False)
    if isinstance(node, exp.WithinGroup):
        inner, order = node.this, node.expression
        if not isinstance(inner, exp.PercentileCont | exp.PercentileDisc):
            raise unsupported_node(inner)
        if len(order.expressions) != 1:
            raise BindError(
                "quantile", "A quantile needs one number to order by.", "Write WITHIN GROUP (ORDER BY x).", node
            )
        item = order.expressions[0]
        fraction = _fraction(inner.this, expression_binder)
        # a quantile from the top is the complementary one from below
        fraction = 1 - fraction if item.args.get("desc") else fraction
        return item.this, QuantileForm(fraction, isinstance(inner, exp.PercentileDisc))
    if isinstance(node, exp.Quantile):
        check_arguments(node, "this", "quantile")
        fraction = _fraction(node.args["quantile"], expression_binder)
        return node.this, QuantileForm(fraction, expression_binder.dialect.quantile_is_discrete)
    if isinstance(node, exp.PercentileCont | exp.PercentileDisc):
        check_arguments(node, "this", "expression")
        if node.expression is None:
            raise BindError(
                "quantile", "This quantile has no WITHIN GROUP.", "Write … WITHIN GROUP (ORDER BY x).", node
            )
        fraction = _fraction(node.expression, expression_binder)
        return node.this, QuantileForm(fraction, isinstance(node, exp.PercentileDisc))
    return None


def _fraction(node: exp.Expr, expression_binder: ExpressionBinder) -> Decimal:
    if isinstance(node, exp.Array):
        message, advice = (
            "Several quantiles are one list.",
            "Write one for each column: QUANTILE_CONT(x, 0.5) AS median.",
        )
        raise BindError("list", message, advice, node)
    found = expression_binder.scalar(node)
    if not isinstance(found, Literal) or not isinstance(found.value, int | Decimal) or not 0 <= found.value <= 1:
        raise BindError(
            "literal", "The fraction of a quantile must be a number from 0 to 1.", "Write 0.5 for the median.", node
        )
    return Decimal(found.value)


def deviation_of(node: exp.Expr) -> tuple[exp.Expr, str] | None:
    """Return (argument, name) of a standard deviation or variance; None if the node is neither."""
    if type(node) in DEVIATIONS:
        check_arguments(node, "this")
        return node.this, DEVIATIONS[type(node)]
    if isinstance(node, exp.Anonymous) and node.name.upper() in NAMED_DEVIATIONS and len(node.expressions) == 1:
        return node.expressions[0], NAMED_DEVIATIONS[node.name.upper()]
    return None


def bind_aggregate(node: exp.Expr, expression_binder: ExpressionBinder, own: bool) -> BoundAggregate:
    """Bind an aggregate. With `own`, all its rows belong to one person, or they are groups. Otherwise they belong to
    several people, and an aggregate that can return one row's own value is refused."""
    node = without_filter(node)
    if isinstance(node, exp.Count):
        return _bind_count(node, expression_binder)
    symbols = expression_binder.symbols
    if type(node) in EXTREMES and own:  # among several people, the least value is one person's own
        check_arguments(node, "this")
        value = _bind_value(node.this, expression_binder)
        # the extreme of 0 and 1 says whether any row, or every row, is 1
        kind = ScalarType.FLAG if aggregate_arguments.is_binary(symbols.expanded(value)) else value.type
        return _bounded_aggregate(EXTREMES[type(node)], (value,), kind, symbols)
    choice = bind_choice(node, expression_binder) if own else None
    if choice is not None:
        return _bounded_aggregate(choice.op, choice.args, choice.type, symbols)
    quantile = quantile_of(node, expression_binder)
    if quantile is not None:
        argument, form = quantile
        value = bind_number(argument, expression_binder)
        op, kind = ("quantile_discrete", value.type) if form.discrete else ("quantile", ScalarType.DOUBLE)
        return _bounded_aggregate(op, (value, Literal(form.fraction, ScalarType.DECIMAL)), kind, symbols)
    deviation = deviation_of(node)
    if deviation is not None:
        return _deviation(deviation[1], bind_number(deviation[0], expression_binder), expression_binder)
    if not isinstance(node, exp.Sum | exp.Avg):
        raise unsupported_node(node) if isinstance(node, MOMENTS) else individual_value_error(node)
    check_arguments(node, "this")
    value = bind_number(node.this, expression_binder)
    if isinstance(node, exp.Sum):
        return _sum(aggregate_arguments.order_free_number(value, symbols), symbols)
    # the engine fails on overflow, and the failure would depend on the data
    if expression_binder.is_rows and not value_bounds.sum_fits(value, symbols):
        value = aggregate_arguments.order_free_number(value, symbols)
    if expression_binder.dialect.truncates_whole_numbers and value.type.is_whole:
        expression_binder.advise(TRUNCATED)
        return _bounded_aggregate("mean_truncated", (value,), ScalarType.INT, symbols)
    return _bounded_aggregate("mean", (value,), ScalarType.DOUBLE, symbols)


TRUNCATED = "AVG of whole numbers is truncated, as in T-SQL; write AVG(1.0 * x) for a fraction."


def _bind_value(node: exp.Expr, expression_binder: ExpressionBinder) -> Scalar:
    if isinstance(node, exp.Distinct):
        message = "DISTINCT inside an aggregate other than COUNT drops rows with the same value."
        raise BindError("distinct-aggregate", message, "Remove DISTINCT.", node)
    return expression_binder.value(node)


def bind_number(node: exp.Expr, expression_binder: ExpressionBinder) -> Scalar:
    value = _bind_value(node, expression_binder)
    if not value.type.is_number:
        raise BindError(
            "type", "This aggregate needs a number.", "Count codes with SUM(CASE WHEN … THEN 1 ELSE 0 END).", node
        )
    return value


def _bind_count(node: exp.Count, expression_binder: ExpressionBinder) -> BoundAggregate:
    check_arguments(node, "this", "big_int")
    inner, symbols = node.this, expression_binder.symbols
    if isinstance(inner, exp.Star):
        return BoundAggregate(AggregateCall("count_rows", (), ScalarType.INT), frozenset(), size=value_bounds.MOST_ROWS)
    op = "count"
    if isinstance(inner, exp.Distinct):
        op, inner = "count_distinct", distinct_argument(inner, node)
    inner = inner.unnest()
    value = expression_binder.link_key(inner) or expression_binder.value(inner)
    base = frozenset(i for i in symbols.base(value) if not symbols.origins[i].is_hidden)
    return BoundAggregate(AggregateCall(op, (value,), ScalarType.INT), base, size=value_bounds.MOST_ROWS)


def distinct_argument(distinct: exp.Distinct, node: exp.Expr) -> exp.Expr:
    """Argument of COUNT(DISTINCT …)."""
    check_arguments(distinct, "expressions")
    if len(distinct.expressions) != 1:
        raise BindError("distinct", "COUNT(DISTINCT …) takes one argument.", "Count one variable.", node)
    argument: exp.Expr = distinct.expressions[0]
    return argument


def _deviation(op: str, value: Scalar, expression_binder: ExpressionBinder) -> BoundAggregate:
    """Bind a deviation or variance. It is computed from squares, so the squares must fit and give its size."""
    symbols = expression_binder.symbols
    if expression_binder.is_rows and not value_bounds.square_fits(value, symbols):
        value = aggregate_arguments.square_free_number(value, symbols)
    # a deviation does not lie within the range of its values
    found = _bounded_aggregate(op, (value,), ScalarType.DOUBLE, symbols, bounded=False)
    size = 2 * value_bounds.magnitude(value, symbols) ** (2 if op.startswith("variance") else 1)
    return replace(found, size=size)


def _sum(value: Scalar, symbols: SymbolTable) -> BoundAggregate:
    kind = ScalarType.INT if value.type.is_whole else value.type
    size = value_bounds.magnitude(value, symbols) * value_bounds.MOST_ROWS
    decimals = value_bounds.max_decimals(value, symbols)
    return BoundAggregate(AggregateCall("sum", (value,), kind), symbols.base(value), None, None, decimals, size)


def _bounded_aggregate(
    op: str, args: tuple[Scalar, ...], kind: ScalarType, symbols: SymbolTable, bounded: bool = True
) -> BoundAggregate:
    value = args[0]
    found = aggregate_arguments.argument_bounds(value, symbols) if bounded and kind.is_number else None
    low, high = (Decimal(str(b)) for b in found) if found is not None else (None, None)
    size = value_bounds.magnitude(value, symbols) if kind.is_number else None
    return BoundAggregate(
        AggregateCall(op, args, kind), symbols.base(value), low, high, value_bounds.max_decimals(value, symbols), size
    )


def _made_of(found: BoundAggregate, symbols: SymbolTable) -> tuple[Scalar, ...]:
    """The arguments of a function that tells nothing but what they tell. A position in an order, or a running total in
    an order by another variable, also tells of that."""
    op, args = found.aggregate.op, found.aggregate.args
    reads_more = op in ORDERED | CHOSEN_IN_ORDER or not found.base <= frozenset().union(*map(symbols.base, args))
    return () if reads_more else args


def aggregate_column(
    found: BoundAggregate, symbols: SymbolTable, source_rows: SourceRows, shared: bool, may_be_empty: bool
) -> ColumnRef:
    """Add the column that an aggregate gives to the rows above."""
    shared = shared or any(symbols.is_shared(a) for a in found.aggregate.args)
    # a count of nothing is 0, every other aggregate of nothing is NULL
    nullable = not found.aggregate.op.startswith("count")
    op, args = found.aggregate.op, found.aggregate.args
    counts, of_counts = _row_counts(op, args, symbols)
    has_default = op in {"lag", "lead"} and len(args) > 2
    made = OpaqueColumn(
        found.base, source_rows, (), None, found.low, found.high, found.decimals, nullable, shared,
        closed=not has_default and (counts or (not of_counts and _is_amount(op, args, symbols))),
        counts=counts and not has_default,
        like=args[0] if op in ONE_OF and args and not has_default else None,
        may_be_empty=may_be_empty or op in CHOSEN_IN_ORDER,
        made_of=_made_of(found, symbols),
    )  # fmt: skip
    column = symbols.new_opaque(found.aggregate.type, made)
    if found.size is not None:
        symbols.sizes[column.ident] = found.size
    return column


MEDIAN = Decimal("0.5")


def _is_amount(op: str, args: tuple[Scalar, ...], symbols: SymbolTable) -> bool:
    """Whether a person's aggregate is an amount that no written number steers. A rank is none. The catalogue does not
    bound a deviation, and another fraction than the median's would move the value of one person."""
    if op in RANKS or op.startswith(("deviation", "variance")):
        return False
    if op.startswith("quantile") and args[1] != Literal(MEDIAN, ScalarType.DECIMAL):
        return False
    if op in CHOSEN_IN_ORDER and not all(isinstance(symbols.expanded(a), ColumnRef | Literal) for a in args[1:]):
        return False
    return all(aggregate_arguments.is_plain_amount(a, symbols) for a in args[:1])


def _row_counts(op: str, args: tuple[Scalar, ...], symbols: SymbolTable) -> tuple[bool, bool]:
    """Return (whether an aggregate is a number of rows, whether it is computed from 0/1 columns or numbers of rows)."""
    if op.startswith("count"):
        return all(aggregate_arguments.is_amount(a, symbols) or isinstance(a, Literal) for a in args), True
    value = symbols.expanded(args[0]) if args else NULL
    # a cast does not change what a value counts
    while isinstance(value, Call) and value.op in CASTS:
        value = value.args[0]
    found = aggregate_arguments.row_counts_in(value, symbols)
    return op in ADDING and value in found, bool(found)


def coalesced_link_key(scalar: Scalar, symbols: SymbolTable) -> str | None:
    """Key domain of a COALESCE over link keys of one domain, which is still a link key; None otherwise."""
    if not isinstance(scalar, Call) or scalar.op != "coalesce":
        return None
    domains = {symbols.key_domain(a.ident) if isinstance(a, ColumnRef) else None for a in scalar.args}
    return domains.pop() if len(domains) == 1 else None


CONTEXT = "A value depends on people outside the cell."


class RowAggregation:
    """The aggregates of one aggregation, each once, as columns of the rows above it."""

    def __init__(self, rows: BoundRows, expression_binder: ClauseBinder, keys: dict[Scalar, ColumnRef]) -> None:
        self.rows, self.expression_binder, self.keys = rows, expression_binder, keys
        symbols = expression_binder.symbols
        links = [k for k in keys if isinstance(k, ColumnRef) and symbols.key_domain(k.ident) is not None]
        self.of_person = bool(links) and rows.person is not None  # Only a group with a link key belongs to one person.
        self.own = self.of_person or rows.person is None or rows.is_correlated
        self.person = symbols.new_id() if self.of_person else None
        self.columns: dict[BoundAggregate, ColumnRef] = {}

    def aggregate(self, node: exp.Expr) -> Scalar:
        found = bind_aggregate(node, self.expression_binder, self.own)
        if found not in self.columns:
            symbols, source_rows = self.expression_binder.symbols, SourceRows(self.rows.scans, self.person)
            self.columns[found] = aggregate_column(
                found, symbols, source_rows, shared=not self.own, may_be_empty=not self.keys
            )
        return self.columns[found]

    def aggregated(self) -> BoundRows:
        counted = self.rows.person if self.of_person or not self.own else None
        aggregates = tuple((column.ident, found.aggregate) for found, column in self.columns.items())
        keys = tuple((column.ident, expression) for expression, column in self.keys.items())
        relation = Aggregate(self.rows.relation, keys, aggregates, counted, self.person)
        return BoundRows(relation, self.person, self.rows.scans, is_correlated=self.rows.is_correlated)


def grouping_keys(
    select: exp.Select, expression_binder: ClauseBinder, source_rows: SourceRows
) -> dict[Scalar, ColumnRef]:
    """Keys of a plain GROUP BY. A key that is a column keeps its id, so that a link key stays one."""
    group = select.args.get("group")
    keys: dict[Scalar, ColumnRef] = {}
    if group is None:
        return keys
    expression_binder.binder.check_clauses(group, "expressions", "all")
    for node in key_nodes(group, select):
        if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
            raise BindError(SETS[0], "GROUPING SETS can be used only in the outermost SELECT.", SETS[2], node)
        node = resolve_key_alias(node, select, expression_binder)
        found = expression_binder.try_bind(
            node, Usage.GROUPED, lambda n: expression_binder.link_key(n.unnest()) or expression_binder.value(n)
        )
        if found is None:
            expression_binder.lacks_keys = True
        elif found not in keys:
            keys[found] = output_column(found, expression_binder.symbols, source_rows)
    record_fine_keys(keys, expression_binder.symbols)
    return keys


def output_column(scalar: Scalar, symbols: SymbolTable, source_rows: SourceRows) -> ColumnRef:
    """Column under which a value is known above an aggregation or set operation, which hides the expression behind it.
    A variable keeps its id, so that a link key stays one."""
    if isinstance(scalar, ColumnRef) and (scalar.ident in symbols.origins or scalar.ident in symbols.opaque):
        return scalar
    domain = symbols.key_domain(scalar.ident) if isinstance(scalar, ColumnRef) else None
    shared, closed = symbols.is_shared(scalar), aggregate_arguments.is_plain_amount(scalar, symbols)
    made = OpaqueColumn(symbols.base(scalar), source_rows, (scalar,), domain, shared=shared, closed=closed)
    column = symbols.new_opaque(scalar.type, made)
    symbols.sizes[column.ident] = value_bounds.magnitude(scalar, symbols) if scalar.type.is_number else Decimal(0)
    return column
