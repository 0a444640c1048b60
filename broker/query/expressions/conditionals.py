"""Conditional expressions: CASE, IIF, CHOOSE, COALESCE, ISNULL, NULLIF, GREATEST, LEAST."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlglot import exp

from broker.domain.plans import scalars
from broker.query.diagnostics import BindError, check_arguments
from broker.query.expressions import predicates
from broker.query.expressions.arithmetic import TOO_LARGE, as_double, common_type, fits
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


def _of_one_type(
    binder: ExpressionBinder, node: exp.Expr, parts: list[scalars.Scalar]
) -> tuple[list[scalars.Scalar], scalars.ScalarType]:
    """Alternative values in one type, and the type. Next to a type of maximal width, the engine would silently drop
    decimal places of other exact numbers; where one scale for all has too many digits, they become binary fractions."""
    kind = common_type([p.type for p in parts], node)
    numbers = [p for p in parts if p.type is scalars.ScalarType.DECIMAL]
    if (
        not binder.is_rows
        or all(_is_narrow(binder, p) for p in numbers)
        or not all(is_exact(p, binder.symbols) for p in parts)
    ):
        return parts, kind
    if not all(fits(binder, p) for p in numbers):
        return [as_double(p) if p.type.is_number else p for p in parts], scalars.ScalarType.DOUBLE
    places = max(max_decimals(p, binder.symbols) for p in numbers)
    return [
        p
        if isinstance(p, scalars.Literal) or not p.type.is_number
        else scalars.as_decimal(p, scalars.MOST_DIGITS, places)
        for p in parts
    ], kind


def _is_narrow(binder: ExpressionBinder, part: scalars.Scalar) -> bool:
    """Whether the engine's type of a number leaves room for other types: a literal, or a catalogue variable."""
    return isinstance(part, scalars.Literal) or binder.symbols.origin(part) is not None


def case(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """CASE with or without an operand."""
    pairs: list[tuple[scalars.Scalar, scalars.Scalar]] = []
    for arm in node.args["ifs"]:
        check_arguments(arm, "this", "true")
        condition = predicates.equal(binder, node.this, arm.this) if node.this else binder.predicate(arm.this)
        if node.this:
            binder.saw_condition(arm, condition)
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
    (*values, rest), kind = _of_one_type(binder, node, [*(v for _, v in pairs), otherwise])
    return scalars.Case(tuple((c, v) for (c, _), v in zip(pairs, values, strict=True)), rest, kind)


def coalesce(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    parts = [binder.value(a) for a in [node.this, *node.expressions]]
    if len(parts) == 1:
        return parts[0]
    if node.args.get("is_null"):
        parts = [parts[0], _as_type_of(binder, parts[0], parts[1])]
    args, kind = _of_one_type(binder, node, parts)
    return scalars.Call("coalesce", tuple(args), kind)


ISNULL_CUTS = "ISNULL gives its second argument the type of the first, as in SQL Server; COALESCE does not."
ISNULL_TEXT = (
    "SQL Server cuts the second argument of ISNULL to the length of the column, which the catalogue does not say. It "
    "is not cut here; write COALESCE to be sure."
)


def _as_type_of(binder: ExpressionBinder, first: scalars.Scalar, second: scalars.Scalar) -> scalars.Scalar:
    """The second argument of T-SQL's ISNULL, which is cast to the type of the first."""
    if scalars.ScalarType.NULL in (first.type, second.type) or not binder.is_rows:  # over groups, nothing is cast
        return second
    if first.type is scalars.ScalarType.TEXT:
        if _length(binder, second, longest=True) > _length(binder, first, longest=False):
            binder.advise(ISNULL_TEXT)
        return second
    if first.type is second.type is not scalars.ScalarType.DECIMAL or not (
        first.type.is_number and second.type.is_number
    ):
        return second
    if first.type.is_whole and not second.type.is_whole:
        binder.advise(ISNULL_CUTS)
        found = scalars.Call("truncate", (second,), scalars.ScalarType.INT)
        return binder.or_null(found, TOO_LARGE) if not fits(binder, second) else found
    if first.type is scalars.ScalarType.DECIMAL and second.type is not scalars.ScalarType.INT:
        places = max_decimals(first, binder.symbols)
        if is_exact(first, binder.symbols) and (
            not is_exact(second, binder.symbols) or max_decimals(second, binder.symbols) > places
        ):
            binder.advise(ISNULL_CUTS)
            if fits(binder, second):
                return scalars.as_decimal(second, scalars.MOST_DIGITS, places)
            binder.note_missing(TOO_LARGE)
            digits = (scalars.integer(scalars.MOST_DIGITS), scalars.integer(places))
            return scalars.Call("to_decimal_or_null", (second, *digits), scalars.ScalarType.DECIMAL)
    return second


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
        same = predicates.equal_scalars(binder, left, right, node)
        return scalars.Case(((same, scalars.NULL),), left, left.type)
    left, right = predicates.comparable_sides(binder, left, right, node)
    return scalars.Call("nullif", (left, right), left.type)


def extreme(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """GREATEST or LEAST of values of one row. NULLs are ignored, as in both dialects. The order of T-SQL's texts
    depends on the server."""
    args, kind = _of_one_type(binder, node, [binder.value(a) for a in [node.this, *node.expressions]])
    if kind is scalars.ScalarType.TEXT and binder.dialect.ignores_case:
        message = "GREATEST and LEAST can be used only with numbers and dates."
        raise BindError("text-order", message, "Use CASE WHEN.", node)
    return scalars.Call(EXTREMES[type(node)], tuple(args), scalars.ScalarType.INT if kind.is_whole else kind)
