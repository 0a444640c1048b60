"""Numbers cut to fewer places, and their signs, by dialect. No casts, no arithmetic."""

from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.operations.sizes import is_fixed, scale
from broker.query.refusing import Stop
from broker.query.scalars.arithmetic import check_fits, numbers, settled, wide

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

WHOLES: dict[type[exp.Expr], str] = {exp.Floor: "floor", exp.Ceil: "ceiling"}
MOST_DIGITS = 10


def whole_part(m: "Meaning", node: exp.Expr) -> Scalar:
    """FLOOR and CEILING keep the type of their argument: dividing the result is no division of whole numbers."""
    (value,) = numbers(m, node, node.this)
    check_fits(m, node, value)
    value = settled(m, value)
    return Call(WHOLES[type(node)], (value,), _kept(value))


def absolute(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    return Call("abs", (wide(m, value),), _kept(value))


def sign(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    return Call("sign", (value,), _kept(value) if m.is_tsql else Type.INT)


def _kept(value: Scalar) -> Type:
    return Type.INT if value.type.is_whole else value.type


def rounding(m: "Meaning", node: exp.Expr) -> Scalar:
    """ROUND with a third argument other than 0 truncates."""
    digits = m.whole(node.args["decimals"], "The number of digits") if node.args.get("decimals") else 0
    if not -MOST_DIGITS <= digits <= MOST_DIGITS:
        raise Stop("literal", "ROUND takes -10 to 10 digits.", "Write ROUND(x, 2).", node)
    third = node.args.get("truncate")
    truncates = third is not None and m.whole(third, "The third argument of ROUND") != 0
    return _cut(m, node, digits, "round_truncated" if truncates else "round")


def truncation(m: "Meaning", node: exp.Expr) -> Scalar:
    """DuckDB's TRUNC."""
    digits = m.whole(node.args["decimals"], "The number of digits") if node.args.get("decimals") else 0
    if not 0 <= digits <= MOST_DIGITS:
        raise Stop("literal", "TRUNC takes 0 to 10 digits.", "Write trunc(x, 2).", node)
    return _cut(m, node, digits, "round_truncated")


def _cut(m: "Meaning", node: exp.Expr, digits: int, op: str) -> Scalar:
    (value,) = numbers(m, node, node.this)
    kind = _kept(value)
    if op == "round_truncated" and not is_fixed(value, m.book):
        message = "Truncating a binary fraction is not exact: 4.35 is stored as 4.3499…"
        raise Stop("type", message, "CAST it AS decimal(18, 4) first.", node)
    if digits < 0 or op == "round_truncated":
        check_fits(m, node, value)
    if digits < 0 and is_fixed(value, m.book) and not value.type.is_whole:
        # Nines can be rounded to one digit more than the type has.
        width, places = Literal(38, Type.INT), Literal(scale(value, m.book), Type.INT)
        value = Call("to_decimal", (value, width, places), Type.DECIMAL)
    if isinstance(value, Literal) and value.type is Type.INT:
        value = Call("to_int", (value,), Type.INT)
    return Call(op, (wide(m, value), Literal(digits, Type.INT)), kind)
