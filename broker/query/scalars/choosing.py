"""Expressions that choose one of several values: CASE, IIF, CHOOSE, COALESCE, ISNULL, NULLIF, GREATEST, LEAST."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import NULL, Call, Case, Literal, Scalar, Type
from broker.query.operations.ranges import facts_of
from broker.query.operations.sizes import is_fixed, scale
from broker.query.refusing import Stop, check_arguments
from broker.query.scalars import comparing
from broker.query.scalars.arithmetic import check_fits, common_type

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

MOST: dict[type[exp.Expr], str] = {exp.Greatest: "greatest", exp.Least: "least"}


@contextmanager
def _where(m: "Meaning", condition: Scalar) -> Iterator[None]:
    """Inside, the condition holds: a division or a root that it makes safe is accepted."""
    before = len(m.facts)
    m.facts += facts_of(condition)
    try:
        yield
    finally:
        del m.facts[before:]


def _one_scale(m: "Meaning", node: exp.Expr, parts: list[Scalar]) -> list[Scalar]:
    """Exact numbers that stand for each other, with one number of decimal places: beside a type as wide as it can be,
    the engine would silently drop places of the others."""
    numbers = [p for p in parts if p.type is Type.DECIMAL]
    if not m.is_rows or all(_is_narrow(m, p) for p in numbers) or not all(is_fixed(p, m.book) for p in parts):
        return parts
    for part in numbers:
        check_fits(m, node, part)
    digits = Literal(38, Type.INT), Literal(max(scale(p, m.book) for p in numbers), Type.INT)
    return [
        p if isinstance(p, Literal) or not p.type.is_number else Call("to_decimal", (p, *digits), Type.DECIMAL)
        for p in parts
    ]


def _is_narrow(m: "Meaning", part: Scalar) -> bool:
    """Whether the engine's type of a number leaves room for others: a literal, or a variable of the catalogue."""
    return isinstance(part, Literal) or m.book.origin(part) is not None


def case(m: "Meaning", node: exp.Expr) -> Scalar:
    """CASE with and without an operand."""
    pairs: list[tuple[Scalar, Scalar]] = []
    for arm in node.args["ifs"]:
        check_arguments(arm, frozenset({"this", "true"}))
        condition = comparing.equal(m, node.this, arm.this) if node.this else m.predicate(arm.this)
        with _where(m, condition):
            pairs.append((condition, m.value(arm.args["true"])))
    otherwise = m.value(node.args["default"]) if node.args.get("default") else NULL
    return _built(m, pairs, otherwise, node)


def iif(m: "Meaning", node: exp.Expr) -> Scalar:
    condition = m.predicate(node.this)
    with _where(m, condition):
        value = m.value(node.args["true"])
    otherwise = m.value(node.args["false"]) if node.args.get("false") else NULL
    return _built(m, [(condition, value)], otherwise, node)


def choose(m: "Meaning", node: exp.Expr) -> Scalar:
    """CHOOSE(i, a, b, …): NULL where i is none of the places."""
    if len(node.expressions) < 2:
        raise Stop("literal", "CHOOSE takes a number and values.", "Write CHOOSE(x, 'a', 'b').", node)
    index = m.value(node.expressions[0])
    if not index.type.is_whole:
        raise Stop("type", "CHOOSE needs a whole number first.", "Use CASE x WHEN … THEN … END.", node)
    pairs = []
    for place, part in enumerate(node.expressions[1:], 1):
        pairs.append((comparing.truth("equal", index, Literal(place, Type.INT)), m.value(part)))
    return _built(m, pairs, NULL, node)


def _built(m: "Meaning", pairs: Sequence[tuple[Scalar, Scalar]], otherwise: Scalar, node: exp.Expr) -> Scalar:
    kind = common_type([v.type for _, v in pairs] + [otherwise.type], node)
    *values, rest = _one_scale(m, node, [*(v for _, v in pairs), otherwise])
    return Case(tuple((c, v) for (c, _), v in zip(pairs, values, strict=True)), rest, kind)


def coalesce(m: "Meaning", node: exp.Expr) -> Scalar:
    args = tuple(m.value(a) for a in [node.this, *node.expressions])
    if len(args) == 1:
        return args[0]
    kind = common_type([a.type for a in args], node)
    if m.is_tsql and node.args.get("is_null"):
        _check_isnull(m, node, args[0], args[1])
    return Call("coalesce", tuple(_one_scale(m, node, list(args))), kind)


def _check_isnull(m: "Meaning", node: exp.Expr, first: Scalar, second: Scalar) -> None:
    """T-SQL's ISNULL turns its second argument into the type of the first: refused where that changes it."""
    if Type.NULL in (first.type, second.type) or not m.is_rows:
        return
    if first.type is Type.TEXT:
        kept = _length(m, second, most=True) <= _length(m, first, most=False)
    elif first.type is Type.FLAG:
        kept = second.type is Type.FLAG or (isinstance(second, Literal) and second.value in (0, 1))
    elif first.type is Type.DECIMAL and second.type is Type.DECIMAL:
        kept = is_fixed(first, m.book) and scale(second, m.book) <= scale(first, m.book)
    else:
        order = [Type.FLAG, Type.INT, Type.DECIMAL, Type.DOUBLE]
        kept = first.type is second.type or order.index(second.type) < order.index(first.type)
    if not kept:
        message = "ISNULL cuts its second argument to the type of the first."
        raise Stop("isnull", message, "Write COALESCE(x, y).", node)


def _length(m: "Meaning", value: Scalar, most: bool) -> int:
    """The most characters of a text, or the least length that its column can have; T-SQL has no shorter than 1."""
    if isinstance(value, Literal) and isinstance(value.value, str):
        return max(1, len(value.value))
    listed = comparing.spellings_of(m.book, value)
    unknown = 8000 if most else 1
    return max((len(c) for c in listed.values()), default=unknown) if listed else unknown


def nullif(m: "Meaning", node: exp.Expr) -> Scalar:
    left, right = m.value(node.this), m.value(node.expression)
    if left.type is Type.TEXT and not comparing.is_exact(m, left, right):
        raise Stop("text-compare", "NULLIF on text without a code list is not understood.", "Use CASE WHEN.", node)
    left, right = comparing.alike(m, left, right, node)
    return Call("nullif", (left, right), left.type)


def extreme(m: "Meaning", node: exp.Expr) -> Scalar:
    """GREATEST and LEAST of one row's numbers or dates, leaving NULLs out, as both dialects do."""
    args = tuple(m.value(a) for a in [node.this, *node.expressions])
    kind = common_type([a.type for a in args], node)
    if not (kind.is_number or kind is Type.DATE):
        message = "GREATEST and LEAST are understood for numbers and dates."
        raise Stop("text-order", message, "Use CASE WHEN.", node)
    args = tuple(_one_scale(m, node, list(args)))
    return Call(MOST[type(node)], args, Type.INT if kind.is_whole else kind)
