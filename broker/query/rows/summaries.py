"""Aggregates below the top γ, in windows and over groups: a node to an `Aggregate`, with what follows of its value. The
statistics of the top γ are not made here."""

from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from broker.domain.relations import Aggregate
from broker.domain.scalars import NULL, Call, Column, Literal, Scalar, Type
from broker.query.book import Book, Home, Opaque
from broker.query.groups import arguments
from broker.query.operations import sizes
from broker.query.refusing import Stop, individual_value, refuse_node
from broker.query.scalars.meaning import Meaning, check_arguments

DEVIATIONS: dict[type[exp.Expr], str] = {
    exp.Stddev: "deviation", exp.StddevSamp: "deviation", exp.StddevPop: "deviation_whole",
    exp.Variance: "variance", exp.VariancePop: "variance_whole",
}  # fmt: skip
NAMED_DEVIATIONS = {"STDEV": "deviation", "STDEVP": "deviation_whole", "VAR": "variance", "VARP": "variance_whole"}
ONE_OF = frozenset({"least", "greatest", "quantile_discrete", "lag", "lead", "first", "last"})
"""Functions whose value is one of the argument's."""

ADDING = frozenset({"sum", "least", "greatest", "lag", "lead", "first", "last"})
"""Functions that make numbers of rows out of numbers of rows."""
PLACES = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cumulative_share", "ntile"})

ENDS: dict[type[exp.Expr], str] = {exp.Min: "least", exp.Max: "greatest"}


@dataclass(frozen=True, slots=True)
class Summary:
    """An aggregate with the columns behind it and, where they follow, the bounds and decimal places of its value."""

    aggregate: Aggregate
    base: frozenset[int]
    low: Decimal | None = None
    high: Decimal | None = None
    decimals: int = 0
    size: Decimal | None = None


def plain(node: exp.Expr) -> exp.Expr:
    """FILTER and COUNT_IF as conditions inside the argument."""
    if isinstance(node, exp.CountIf):
        return exp.Count(this=_when(node.this, exp.Literal.number(1)))
    if not isinstance(node, exp.Filter):
        return node
    inner = node.this
    if not isinstance(inner, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or not isinstance(
        node.expression, exp.Where
    ):
        raise refuse_node(node)
    argument = inner.this
    condition = node.expression.this
    if isinstance(argument, exp.Star):
        return exp.Count(this=_when(condition, exp.Literal.number(1)))
    if isinstance(argument, exp.Distinct) and len(argument.expressions) == 1:
        return type(inner)(this=exp.Distinct(expressions=[_when(condition, argument.expressions[0])]))
    return type(inner)(this=_when(condition, argument))


def _when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])


def fraction_of(node: exp.Expr, rows: Meaning) -> tuple[exp.Expr, Decimal, bool] | None:
    """(argument, fraction, discrete) of a quantile in any of its spellings; None if the node is none."""
    if isinstance(node, exp.Median):
        check_arguments(node, frozenset({"this"}))
        return node.this, Decimal("0.5"), False
    if isinstance(node, exp.WithinGroup):
        inner, order = node.this, node.expression
        if not isinstance(inner, exp.PercentileCont | exp.PercentileDisc):
            raise refuse_node(inner)
        if len(order.expressions) != 1:
            raise Stop("quantile", "A quantile orders by one number.", "Write WITHIN GROUP (ORDER BY x).", node)
        item = order.expressions[0]
        fraction = _fraction(inner.this, rows)
        return item.this, 1 - fraction if item.args.get("desc") else fraction, isinstance(inner, exp.PercentileDisc)
    if isinstance(node, exp.Quantile):
        check_arguments(node, frozenset({"this", "quantile"}))
        return node.this, _fraction(node.args["quantile"], rows), True
    if isinstance(node, exp.PercentileCont | exp.PercentileDisc):
        check_arguments(node, frozenset({"this", "expression"}))
        if node.expression is None:
            raise Stop("quantile", "This quantile has no WITHIN GROUP.", "Write … WITHIN GROUP (ORDER BY x).", node)
        return node.this, _fraction(node.expression, rows), isinstance(node, exp.PercentileDisc)
    return None


def _fraction(node: exp.Expr, rows: Meaning) -> Decimal:
    found = rows.scalar(node)
    if not isinstance(found, Literal) or not isinstance(found.value, int | Decimal) or not 0 <= found.value <= 1:
        raise Stop("literal", "A quantile's fraction is a number from 0 to 1.", "Write 0.5 for the median.", node)
    return Decimal(found.value)


def deviation_of(node: exp.Expr) -> tuple[exp.Expr, str] | None:
    """(argument, name) of a standard deviation or variance; None if the node is none."""
    if type(node) in DEVIATIONS:
        check_arguments(node, frozenset({"this"}))
        return node.this, DEVIATIONS[type(node)]
    if isinstance(node, exp.Anonymous) and node.name.upper() in NAMED_DEVIATIONS and len(node.expressions) == 1:
        return node.expressions[0], NAMED_DEVIATIONS[node.name.upper()]
    return None


def summary(node: exp.Expr, rows: Meaning, own: bool) -> Summary:
    """An aggregate over rows that all belong to one person (`own`) or to groups, or over other people's rows: then a
    value that can be one row's own is refused."""
    node = plain(node)
    if isinstance(node, exp.Count):
        return _count(node, rows)
    book = rows.book
    if type(node) in ENDS and own:
        check_arguments(node, frozenset({"this"}))
        value = _value(node.this, rows)
        return _summary(ENDS[type(node)], (value,), value.type, book)
    quantile = fraction_of(node, rows)
    if quantile is not None:
        value = number_of(quantile[0], rows)
        of = Literal(quantile[1], Type.DECIMAL)
        op, kind = ("quantile_discrete", value.type) if quantile[2] else ("quantile", Type.DOUBLE)
        return _summary(op, (value, of), kind, book)
    deviation = deviation_of(node)
    if deviation is not None:
        return _spread(deviation[1], number_of(deviation[0], rows), rows, node)
    if not isinstance(node, exp.Sum | exp.Avg):
        raise individual_value(node)
    check_arguments(node, frozenset({"this"}))
    value = number_of(node.this, rows)
    if isinstance(node, exp.Sum):
        return _total(arguments.exact(value), book)
    if rows.is_rows and not sizes.sum_fits(arguments.exact(value), book):
        raise Stop("overflow", *TOO_LARGE, node)
    if rows.is_tsql and value.type.is_whole:
        rows.advise(TRUNCATED)
        return _summary("mean_truncated", (value,), Type.INT, book)
    return _summary("mean", (value,), Type.DOUBLE, book)


TRUNCATED = "AVG of whole numbers is truncated, as in T-SQL; write AVG(1.0 * x) for a fraction."


def _value(node: exp.Expr, rows: Meaning) -> Scalar:
    if isinstance(node, exp.Distinct):
        message = "DISTINCT inside an aggregate other than COUNT drops rows that share a value."
        raise Stop("distinct-aggregate", message, "Leave DISTINCT out.", node)
    return rows.value(node)


def number_of(node: exp.Expr, rows: Meaning) -> Scalar:
    value = _value(node, rows)
    if not value.type.is_number:
        raise Stop(
            "type", "This aggregate needs numbers.", "Count codes with SUM(CASE WHEN … THEN 1 ELSE 0 END).", node
        )
    return value


def _count(node: exp.Count, rows: Meaning) -> Summary:
    check_arguments(node, frozenset({"this", "big_int"}))
    inner, book = node.this, rows.book
    if isinstance(inner, exp.Star):
        return Summary(Aggregate("count_rows", (), Type.INT), frozenset(), size=sizes.ROWS)
    op = "count"
    if isinstance(inner, exp.Distinct):
        check_arguments(inner, frozenset({"expressions"}))
        if len(inner.expressions) != 1:
            raise Stop("distinct", "COUNT(DISTINCT …) takes one argument.", "Count one variable.", node)
        op, inner = "count_distinct", inner.expressions[0]
    inner = inner.unnest()
    value: Scalar = (
        rows.raw_column(inner) if is_key(inner, rows) and isinstance(inner, exp.Column) else rows.value(inner)
    )
    base = frozenset(i for i in book.base(value) if not book.origins[i].is_hidden)
    return Summary(Aggregate(op, (value,), Type.INT), base, size=sizes.ROWS)


def is_key(node: exp.Expr, rows: Meaning) -> bool:
    """Whether a node plainly names a link key."""
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return False
    return rows.book.key_domain(rows.names.column(node).ident) is not None


TOO_LARGE = (
    "The sum can become too large or too fine, which would end the job.",
    "Use smaller constants with fewer decimal places.",
)


def _spread(op: str, value: Scalar, rows: Meaning, node: exp.Expr) -> Summary:
    """A deviation or variance: computed from squares, which must fit, and as large as they are."""
    book = rows.book
    if rows.is_rows and not sizes.square_fits(arguments.exact(value), book):
        raise Stop("overflow", *TOO_LARGE, node)
    found = _summary(op, (value,), Type.DOUBLE, book, bounded=False)
    size = 2 * sizes.largest(value, book) ** (2 if op.startswith("variance") else 1)
    return replace(found, size=size)


def _total(value: Scalar, book: Book) -> Summary:
    if not sizes.sum_fits(value, book):
        raise Stop("overflow", *TOO_LARGE)
    kind = Type.INT if value.type.is_whole else value.type
    size = sizes.largest(value, book) * sizes.ROWS
    return Summary(Aggregate("sum", (value,), kind), book.base(value), None, None, sizes.scale(value, book), size)


def _summary(op: str, args: tuple[Scalar, ...], kind: Type, book: Book, bounded: bool = True) -> Summary:
    value = args[0]
    found = arguments.bounds(value, book) if bounded and kind.is_number else None
    low, high = (Decimal(str(b)) for b in found) if found is not None else (None, None)
    size = sizes.largest(value, book) if kind.is_number else None
    return Summary(Aggregate(op, args, kind), book.base(value), low, high, sizes.scale(value, book), size)


def opaque(found: Summary, book: Book, home: Home, shared: bool) -> Column:
    """The column that an aggregate gives to the rows above."""
    shared = shared or any(book.is_shared(a) for a in found.aggregate.args)
    nullable = not found.aggregate.op.startswith("count")
    op, args = found.aggregate.op, found.aggregate.args
    counts, of_counts = _counts(op, args, book)
    made = Opaque(
        found.base, home, (), None, found.low, found.high, found.decimals, nullable, shared,
        closed=counts or (not of_counts and op not in PLACES and all(arguments.is_amount(a, book) for a in args[:1])),
        counts=counts,
        like=args[0] if op in ONE_OF and args else None,
    )  # fmt: skip
    column = book.new_opaque(found.aggregate.type, made)
    if found.size is not None:
        book.sizes[column.ident] = found.size
    return column


def _counts(op: str, args: tuple[Scalar, ...], book: Book) -> tuple[bool, bool]:
    """Whether an aggregate is a number of rows, and whether it is made of 0 and 1 or of such numbers."""
    if op.startswith("count"):
        return all(arguments.is_amount(a, book) or isinstance(a, Literal) for a in args), True
    value = book.expanded(args[0]) if args else NULL
    while isinstance(value, Call) and value.op in {"to_int", "to_decimal", "to_double"}:
        value = value.args[0]
    found = arguments.counts_in(value, book)
    return op in ADDING and value in found, bool(found)


def coalesced_key(scalar: Scalar, book: Book) -> str | None:
    """The domain of COALESCE over link keys of one domain: still a link key."""
    if not isinstance(scalar, Call) or scalar.op != "coalesce":
        return None
    domains = {book.key_domain(a.ident) if isinstance(a, Column) else None for a in scalar.args}
    return domains.pop() if len(domains) == 1 else None
