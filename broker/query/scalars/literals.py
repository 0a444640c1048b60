"""Values that are written out. No columns, no functions."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import NULL, Literal, Scalar, Type
from broker.query.refusing import Stop

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

LONGEST = 18


def literal(_: "Meaning", node: exp.Expr) -> Scalar:
    text = str(node.this)
    if node.args.get("is_string") or isinstance(node, exp.National):
        return Literal(text, Type.TEXT)
    if text.isdigit():
        if len(text) > LONGEST:
            raise Stop("literal", "The number is too long.", "Write a shorter number.", node)
        return Literal(int(text), Type.INT)
    digits = text.replace(".", "", 1)
    if digits.isdigit() and len(digits) <= LONGEST:
        return Literal(Decimal(text), Type.DECIMAL)
    raise Stop("literal", "The number is not written plainly.", "Write digits with at most one point.", node)


def boolean(_: "Meaning", node: exp.Expr) -> Scalar:
    return Literal(bool(node.this), Type.TRUTH)


def null(_: "Meaning", __: exp.Expr) -> Scalar:
    return NULL


def column(m: "Meaning", node: exp.Expr) -> Scalar:
    return m.column(node)


def bracket(m: "Meaning", node: exp.Expr) -> Scalar:
    return m.scalar(node.this)
