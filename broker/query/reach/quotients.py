"""Comparisons of a quotient of two numbers, such as a rate, as comparisons of one variable. Pure; no sizes."""

from dataclasses import dataclass
from decimal import Decimal

from broker.domain.scalars import Call, Column, Literal, Scalar

CASTS = frozenset({"to_decimal", "to_double"})


@dataclass(frozen=True, slots=True)
class Quotient:
    """`factor` times one column divided by another."""

    factor: Decimal
    above: int
    below: int


def quotient_of(scalar: Scalar) -> Quotient | None:
    match _bare(scalar):
        case Call(op="divide", args=(above, below)):
            factor, top = _scaled(_bare(above))
            bottom = _bare(below)
            if isinstance(bottom, Call) and bottom.op == "nullif" and _is_zero(bottom.args[1]):
                bottom = _bare(bottom.args[0])
            if factor > 0 and isinstance(top, Column) and isinstance(bottom, Column):
                return Quotient(factor, top.ident, bottom.ident)
    return None


def _scaled(scalar: Scalar) -> tuple[Decimal, Scalar]:
    """A number as a written factor and the rest."""
    match scalar:
        case Call(op="multiply", args=(Literal(value=int() | Decimal() as factor), other)):
            return Decimal(factor), _bare(other)
        case Call(op="multiply", args=(other, Literal(value=int() | Decimal() as factor))):
            return Decimal(factor), _bare(other)
    return Decimal(1), scalar


def _bare(scalar: Scalar) -> Scalar:
    while isinstance(scalar, Call) and scalar.op in CASTS:
        scalar = scalar.args[0]
    return scalar


def _is_zero(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) and scalar.value == 0
