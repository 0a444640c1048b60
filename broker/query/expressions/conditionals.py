"""Conditional expressions: CASE, IIF, CHOOSE, COALESCE, ISNULL, NULLIF, GREATEST, LEAST."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlglot import exp

from broker.domain.plans import scalars
from broker.query.diagnostics import BindError, check_arguments
from broker.query.expressions import predicates
from broker.query.expressions.arithmetic import check_fits, common_type
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations.value_bounds import is_exact, max_decimals

EXTREMES: dict[type[exp.Expr], str] = {exp.Greatest: "greatest", exp.Least: "least"}


@contextmanager
def _assuming(binder: ExpressionBinder, condition: scalars.Scalar) -> Iterator[None]:
    """Inside this context the condition holds, so a division or root that it makes safe is accepted."""
    before = len(binder.facts)
    binder.facts += scalars.conjuncts_of(condition)
    try:
        yield
    finally:
        del binder.facts[before:]


def _with_common_scale(binder: ExpressionBinder, node: exp.Expr, parts: list[scalars.Scalar]) -> list[scalars.Scalar]:
    """Cast alternative exact numbers to one scale. Next to a type of maximal width, the engine would silently drop
    decimal places of the others."""
    numbers = [p for p in parts if p.type is scalars.ScalarType.DECIMAL]
    if (
        not binder.is_rows
        or all(_is_narrow(binder, p) for p in numbers)
        or not all(is_exact(p, binder.symbols) for p in parts)
    ):
        return parts
    for part in numbers:
        check_fits(binder, node, part)
    places = max(max_decimals(p, binder.symbols) for p in numbers)
    return [
        p
        if isinstance(p, scalars.Literal) or not p.type.is_number
        else scalars.as_decimal(p, scalars.MOST_DIGITS, places)
        for p in parts
    ]


def _is_narrow(binder: ExpressionBinder, part: scalars.Scalar) -> bool:
    """Whether the engine's type of a number leaves room for other types: a literal, or a catalogue variable."""
    return isinstance(part, scalars.Literal) or binder.symbols.origin(part) is not None


def case(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """CASE with or without an operand."""
    pairs: list[tuple[scalars.Scalar, scalars.Scalar]] = []
    for arm in node.args["ifs"]:
        check_arguments(arm, "this", "true")
        condition = predicates.equal(binder, node.this, arm.this) if node.this else binder.predicate(arm.this)
        with _assuming(binder, condition):  # a branch is computed only where its condition holds
            pairs.append((condition, binder.value(arm.args["true"])))
    otherwise = binder.value(node.args["default"]) if node.args.get("default") else scalars.NULL
    return _built_case(binder, pairs, otherwise, node)


def iif(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    condition = binder.predicate(node.this)
    with _assuming(binder, condition):
        value = binder.value(node.args["true"])
    otherwise = binder.value(node.args["false"]) if node.args.get("false") else scalars.NULL
    return _built_case(binder, [(condition, value)], otherwise, node)


def choose(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """CHOOSE(i, a, b, …). NULL if i is no position."""
    if len(node.expressions) < 2:
        raise BindError("literal", "CHOOSE needs a number and values.", "Write CHOOSE(x, 'a', 'b').", node)
    index = binder.value(node.expressions[0])
    if not index.type.is_whole:
        raise BindError(
            "type", "The first argument of CHOOSE must be a whole number.", "Use CASE x WHEN … THEN … END.", node
        )
    pairs = []
    for place, part in enumerate(node.expressions[1:], 1):
        pairs.append((scalars.truth_call("equal", index, scalars.integer(place)), binder.value(part)))
    return _built_case(binder, pairs, scalars.NULL, node)


def _built_case(
    binder: ExpressionBinder,
    pairs: Sequence[tuple[scalars.Scalar, scalars.Scalar]],
    otherwise: scalars.Scalar,
    node: exp.Expr,
) -> scalars.Scalar:
    kind = common_type([v.type for _, v in pairs] + [otherwise.type], node)
    *values, rest = _with_common_scale(binder, node, [*(v for _, v in pairs), otherwise])
    return scalars.Case(tuple((c, v) for (c, _), v in zip(pairs, values, strict=True)), rest, kind)


def coalesce(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    args = tuple(binder.value(a) for a in [node.this, *node.expressions])
    if len(args) == 1:
        return args[0]
    kind = common_type([a.type for a in args], node)
    if node.args.get("is_null"):
        _check_isnull(binder, node, args[0], args[1])
    return scalars.Call("coalesce", tuple(_with_common_scale(binder, node, list(args))), kind)


def _check_isnull(binder: ExpressionBinder, node: exp.Expr, first: scalars.Scalar, second: scalars.Scalar) -> None:
    """Refuse T-SQL's ISNULL if it would change its second argument, which it casts to the type of the first."""
    if scalars.ScalarType.NULL in (first.type, second.type) or not binder.is_rows:  # over groups, nothing is cast
        return
    if first.type is scalars.ScalarType.TEXT:
        is_unchanged = _length(binder, second, longest=True) <= _length(binder, first, longest=False)
    elif first.type is scalars.ScalarType.FLAG:
        is_unchanged = second.type is scalars.ScalarType.FLAG or (
            isinstance(second, scalars.Literal) and second.value in (0, 1)
        )
    elif first.type is scalars.ScalarType.DECIMAL and second.type is scalars.ScalarType.DECIMAL:
        is_unchanged = is_exact(first, binder.symbols) and max_decimals(second, binder.symbols) <= max_decimals(
            first, binder.symbols
        )
    else:
        # from the narrowest type to the widest
        order = [scalars.ScalarType.FLAG, scalars.ScalarType.INT, scalars.ScalarType.DECIMAL, scalars.ScalarType.DOUBLE]
        is_unchanged = first.type is second.type or order.index(second.type) < order.index(first.type)
    if not is_unchanged:
        message = "ISNULL cuts its second argument to the type of the first argument."
        raise BindError("isnull", message, "Write COALESCE(x, y).", node)


def _length(binder: ExpressionBinder, value: scalars.Scalar, longest: bool) -> int:
    """Most characters of a text (`longest`), or the least length that its column can have. T-SQL has no length below
    1."""
    if isinstance(value, scalars.Literal) and isinstance(value.value, str):
        return max(1, len(value.value))
    listed = predicates.spellings_of(binder.symbols, value)
    unknown = 8000 if longest else 1  # longest varchar of T-SQL
    return max((len(c) for c in listed.values()), default=unknown) if listed else unknown


def nullif(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    left, right = binder.value(node.this), binder.value(node.expression)
    if left.type is scalars.ScalarType.TEXT and not predicates.is_binary_equality(binder, left, right):
        raise BindError("text-compare", "NULLIF on text without a code list is not understood.", "Use CASE WHEN.", node)
    left, right = predicates.comparable_sides(binder, left, right, node)
    return scalars.Call("nullif", (left, right), left.type)


def extreme(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """GREATEST or LEAST of numbers or dates of one row. NULLs are ignored, as in both dialects."""
    args = tuple(binder.value(a) for a in [node.this, *node.expressions])
    kind = common_type([a.type for a in args], node)
    if not (kind.is_number or kind is scalars.ScalarType.DATE):
        message = "GREATEST and LEAST can be used only with numbers and dates."
        raise BindError("text-order", message, "Use CASE WHEN.", node)
    args = tuple(_with_common_scale(binder, node, list(args)))
    return scalars.Call(EXTREMES[type(node)], args, scalars.ScalarType.INT if kind.is_whole else kind)
