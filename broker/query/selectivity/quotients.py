"""The quotient of two columns that a condition compares with a number."""

from decimal import Decimal

from broker.domain.plans import scalars
from broker.query.operations.registry import CASTS

FRACTION_CASTS = CASTS - {"to_int"}


def compared_quotient(value: scalars.Scalar, other: scalars.Scalar) -> tuple[Decimal, int, int] | None:
    """The number, and the numerator and denominator of the quotient, that a comparison of two sides is about: `0.1` and
    `a / b`, or `0.1 * b` and `a`. Without a division, whoever has 0 in both columns can meet it too, so that a size of
    the quotient is still a least size."""
    if isinstance(value, scalars.Literal):
        times, (factor, top, bottom) = value.value, _divided(other)
    else:
        (times, bottom), (factor, top) = _scaled(_without_casts(value)), _scaled(_without_casts(other))
    # a negative factor would reverse the comparison
    if not isinstance(times, int | Decimal) or factor <= 0 or (times < 0 and not isinstance(value, scalars.Literal)):
        return None
    if not isinstance(top, scalars.ColumnRef) or not isinstance(bottom, scalars.ColumnRef):
        return None
    return times / factor, top.ident, bottom.ident


def _divided(scalar: scalars.Scalar) -> tuple[Decimal, scalars.Scalar, scalars.Scalar]:
    """The factor, numerator and denominator of a quotient; for any other scalar, literals."""
    match _without_casts(scalar):
        case scalars.Call(op="divide", args=(numerator, denominator)):
            bottom = _without_casts(denominator)
            match bottom:  # NULLIF(x, 0) only avoids a division by zero
                case scalars.Case(
                    whens=((scalars.Call(op="equal", args=(tested, scalars.Literal(value=0))), scalars.Literal()),),
                    otherwise=other,
                ) if tested == other:
                    bottom = _without_casts(other)
            return (*_scaled(_without_casts(numerator)), bottom)
    return Decimal(1), scalars.NULL, scalars.NULL


def _scaled(scalar: scalars.Scalar) -> tuple[Decimal, scalars.Scalar]:
    """Split a number into a written factor and the rest."""
    match scalar:
        case scalars.Call(op="multiply", args=(scalars.Literal(value=int() | Decimal() as factor), other)):
            return Decimal(factor), _without_casts(other)
        case scalars.Call(op="multiply", args=(other, scalars.Literal(value=int() | Decimal() as factor))):
            return Decimal(factor), _without_casts(other)
    return Decimal(1), scalar


def _without_casts(scalar: scalars.Scalar) -> scalars.Scalar:
    while isinstance(scalar, scalars.Call) and scalar.op in FRACTION_CASTS:
        scalar = scalar.args[0]
    return scalar
