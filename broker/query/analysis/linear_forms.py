"""What an argument multiplies a number by, and adds to it: written numbers that must not choose how a mean is
rounded."""

from collections.abc import Sequence
from decimal import Decimal

from broker.domain.plans.scalars import Call, Case, Literal, Scalar, ScalarType, columns_in
from broker.query.analysis.aggregate_arguments import is_amount
from broker.query.operations.registry import CASTS
from broker.query.operations.value_bounds import value_range
from broker.query.symbols import SymbolTable

LinearForm = tuple[Decimal, Decimal]
"""(factor, offset) of an argument that is factor times a number plus offset."""
AS_IT_IS: LinearForm = (Decimal(1), Decimal(0))


def linear_form(argument: Scalar) -> LinearForm:
    """Return (factor, offset) where an argument is factor times a number plus offset; (1, 0) if it is not written so.
    The number of a CASE is that of its one branch without a constant; of several branches the largest factor counts."""
    match argument:
        case Call(op=op, args=(inner, *_)) if op in CASTS:
            return linear_form(inner)
        case Call(op="negate", args=(inner,)):
            return _scaled(linear_form(inner), Decimal(-1))
        case Call(op="multiply", args=(Literal(value=int() | Decimal() as by), inner)) if by:
            return _scaled(linear_form(inner), Decimal(by))
        case Call(op="multiply" | "divide" as op, args=(inner, Literal(value=int() | Decimal() as by))) if by:
            return _scaled(linear_form(inner), Decimal(by) if op == "multiply" else 1 / Decimal(by))
        case (
            Call(op="add", args=(inner, Literal(value=int() | Decimal() as by)))
            | Call(op="add", args=(Literal(value=int() | Decimal() as by), inner))
        ):
            return _moved(linear_form(inner), Decimal(by))
        case Call(op="subtract", args=(inner, Literal(value=int() | Decimal() as by))):
            return _moved(linear_form(inner), -Decimal(by))
        case Call(op="subtract", args=(Literal(value=int() | Decimal() as by), inner)):
            return _moved(_scaled(linear_form(inner), Decimal(-1)), Decimal(by))
        case Call(op="coalesce" | "nullif", args=values) | Case(values=values):
            return _of_choice(values)
    return AS_IT_IS


def _of_choice(values: Sequence[Scalar]) -> LinearForm:
    written = {v.value for v in values if isinstance(v, Literal)} - {None}
    forms = [linear_form(v) for v in values if not isinstance(v, Literal)]
    if len(forms) == 1 and not written:
        return forms[0]
    return max((abs(factor) for factor, _ in forms), default=Decimal(1)), Decimal(0)


def _scaled(form: LinearForm, by: Decimal) -> LinearForm:
    return form[0] * by, form[1] * by


def _moved(form: LinearForm, by: Decimal) -> LinearForm:
    return form[0], form[1] + by


def is_scaled(argument: Scalar) -> bool:
    """Whether an argument is computed from a column with a written number that changes its size or place."""
    factor, offset = linear_form(argument)
    return bool(columns_in(argument)) and (abs(factor) != 1 or offset != 0)


def is_plain_amount(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether each person's value is an amount as it is. A factor or offset below an aggregation or a set operation
    cannot be seen above it, so it would choose how the mean of the values is rounded."""
    return is_amount(scalar, symbols) and not is_scaled(symbols.expanded(scalar))


def can_be_negative(argument: Scalar, symbols: SymbolTable) -> bool:
    """Whether some row's value can be below 0, by the catalogue alone. The data must not decide who looks."""
    found = value_range(argument, symbols)
    if found is not None:
        return found[0] < 0
    factor, offset = linear_form(argument)
    read = (symbols.origins[i].variable for i in symbols.base(argument) if i in symbols.origins)
    signed = (v for v in read if v.type.is_number and v.type is not ScalarType.FLAG)
    return factor < 0 or offset < 0 or any(v.low is None or v.low < 0 for v in signed)
