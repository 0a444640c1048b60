"""Arguments of aggregates: constants, 0/1 values, amounts, and bounds; what an argument multiplies a number by,
and adds to it: written numbers that must not choose how a mean is rounded."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from broker.domain.plans import scalars
from broker.domain.plans.plan import UNSCALED
from broker.domain.plans.scalars import Call, Case, Literal, Scalar, ScalarType, columns_in
from broker.query.operations.registry import CASTS
from broker.query.operations.result_sizes import LARGEST_NUMBER
from broker.query.operations.value_bounds import magnitude, max_decimals, square_fits, sum_fits, value_range
from broker.query.symbols import SymbolTable

ONE, ZERO = scalars.integer(1), scalars.integer(0)
FRACTION_PLACES = 6
"""Decimal places with which binary fractions are added."""
LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negate", *CASTS})


def is_binary(scalar: scalars.Scalar) -> bool:
    """Whether every value of the scalar is 0, 1 or NULL."""
    match scalar:
        case scalars.Literal(value=value):
            return value is None or (not isinstance(value, str) and value in (0, 1))
        case scalars.Case(values=values):
            return all(map(is_binary, values))
        case _:
            return scalar.type is scalars.ScalarType.FLAG


def is_never_null(scalar: scalars.Scalar | None) -> bool:
    """Whether a 0/1 argument is 0 or 1 on every row."""
    match scalar:
        case scalars.Literal(value=value):
            return value is not None
        case scalars.Case(values=values):
            return all(map(is_never_null, values))
    return False


def unscaled(scalar: scalars.Scalar) -> tuple[Any, scalars.Scalar]:
    """Return (constant, rest) with scalar = constant * rest, where rest is a 0/1 scalar. (1, scalar) if there is no
    such split."""
    factor: Any = 1
    rest = scalar
    while isinstance(rest := _as_choice(rest), scalars.Call) and rest.op in {"multiply", *CASTS}:
        constants = [a for a in rest.args[:2] if isinstance(a, scalars.Literal)] if rest.op == "multiply" else []
        if rest.op == "multiply":
            if len(constants) != 1 or constants[0].value is None:
                return 1, scalar
            factor *= constants[0].value
            rest = rest.args[1] if rest.args[0] is constants[0] else rest.args[0]
        else:
            rest = rest.args[0]
    if isinstance(rest, scalars.Case):
        constant, rest = _case_constant(rest)
        factor *= constant
    return (factor, _as_whole_numbers(rest)) if is_binary(rest) else (1, scalar)


def _as_choice(value: scalars.Scalar) -> scalars.Scalar:
    """A product of 0/1 values, and a 0/1 value with another for NULL, as the CASE that it is."""
    match value:
        case Call(op="multiply", args=(Literal(), _) | (_, Literal())):
            return value
        case Call(op="multiply", args=(one, other)) if is_binary(one) and is_binary(other):
            missing = scalars.any_of(scalars.truth_call("is_null", part) for part in (one, other))
            both = scalars.all_of(scalars.truth_call("equal", part, ONE) for part in (one, other))
            return scalars.Case(((missing, scalars.NULL), (both, ONE)), ZERO, scalars.ScalarType.INT)
        case Call(op="coalesce", args=(inner, Literal() as other)) if is_binary(inner) and is_binary(other):
            is_one = scalars.truth_call("equal", inner, ONE)
            missing = scalars.truth_call("is_null", inner)
            return scalars.Case(((missing, other), (is_one, ONE)), ZERO, scalars.ScalarType.INT)
    return value


def _case_constant(case: scalars.Case) -> tuple[Any, scalars.Scalar]:
    """Split a CASE with the values 0, c and NULL into c and a CASE with the values 0, 1 and NULL. (1, case) if
    impossible."""
    if not all(isinstance(v, scalars.Literal) and not isinstance(v.value, str) for v in case.values):
        return 1, case
    # Zero and NULL are not counted: they are the same in both forms.
    constants = {v.value for v in case.values if isinstance(v, scalars.Literal) and v.value}
    if len(constants) != 1:
        return 1, case
    (constant,) = constants
    return constant, case.with_values(_as_binary, scalars.ScalarType.INT)


def _as_binary(value: scalars.Scalar) -> scalars.Scalar:
    assert isinstance(value, scalars.Literal)
    return value if value.value is None else ONE if value.value else ZERO


def _as_whole_numbers(scalar: scalars.Scalar) -> scalars.Scalar:
    """Cast the branches of a 0/1 scalar to whole numbers."""
    match scalar:
        case scalars.Case():
            return scalar.with_values(_as_whole_numbers, scalars.ScalarType.INT)
        case scalars.Literal():
            return _as_binary(scalar)
        case _:
            return scalar


def without_zero_for_missing(scalar: scalars.Scalar) -> scalars.Scalar | None:
    """A value that is 0 where it would be NULL, such as COALESCE(x, 0), without this 0: its sum is the same wherever x
    has a value. None if it is no such value."""
    match scalar:
        case Call(op="coalesce", args=(inner, scalars.Literal(value=0))):
            return inner
        case scalars.Case(whens=((Call(op="is_null", args=(inner,)), scalars.Literal(value=0)),), otherwise=kept):
            return inner if kept == inner else None
        case Call(op="negate" | "to_decimal" | "to_double" | "multiply" | "divide" as op, args=args):
            filled = [(n, a) for n, a in enumerate(args) if not isinstance(a, scalars.Literal)]
            if len(filled) != 1 or (op == "divide" and filled[0][0]):
                return None
            ((place, inner),) = filled
            found = without_zero_for_missing(inner)
            return None if found is None else replace(scalar, args=(*args[:place], found, *args[place + 1 :]))
    return None


def counted_values(case: scalars.Case) -> scalars.Case:
    """Argument of COUNT(CASE …) as a 0/1 CASE: 1 where the chosen value is not NULL."""
    return case.with_values(_presence, scalars.ScalarType.INT)


def _presence(value: scalars.Scalar) -> scalars.Scalar:
    match value:
        case scalars.Literal():
            return ZERO if value.value is None else ONE
        case scalars.Case():
            return counted_values(value)
        case _:
            return scalars.Case(((scalars.truth_call("is_null", value), ZERO),), ONE, scalars.ScalarType.INT)


MOST_SUMMED, MOST_SQUARED, SQUARED_PLACES = 28, 14, 4
"""Digits of exact numbers that can be summed over any rows, and whose squares can be."""


def order_free_number(scalar: scalars.Scalar, symbols: SymbolTable) -> scalars.Scalar:
    """Return a number whose sum does not depend on the order of rows, and fits the engine over any rows. A cast of an
    exact number to float is removed; any other binary fraction is cast to six decimals. A number that may be too large
    for a sum is NULL where it is."""
    # Adding binary fractions is not associative; adding decimals is.
    match scalar:
        case Call(op="to_double", args=(inner, *_)) if inner.type is not ScalarType.DOUBLE:
            return order_free_number(inner, symbols)
    if scalar.type is ScalarType.DOUBLE:
        if magnitude(scalar, symbols) <= LARGEST_NUMBER:
            return scalars.as_decimal(scalar, scalars.MOST_DIGITS, FRACTION_PLACES)
        return _limited(scalar, FRACTION_PLACES, MOST_SUMMED)
    if sum_fits(scalar, symbols):
        return scalar  # exact numbers have the same sum in any order
    return _limited(scalar, min(max_decimals(scalar, symbols), FRACTION_PLACES), MOST_SUMMED)


def square_free_number(scalar: scalars.Scalar, symbols: SymbolTable) -> scalars.Scalar:
    """The same, of a number whose squares are summed."""
    found = order_free_number(scalar, symbols)
    if square_fits(found, symbols):
        return found
    return _limited(found, min(max_decimals(found, symbols), SQUARED_PLACES), MOST_SQUARED)


def _limited(scalar: scalars.Scalar, places: int, digits: int) -> scalars.Scalar:
    size = (scalars.integer(digits), scalars.integer(places))
    return scalars.Call("to_decimal_or_null", (scalar, *size), ScalarType.DECIMAL)


def is_linear_value(scalar: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is a catalogue variable, or a number that is linear in constants in one variable. A person's own
    aggregate of such a value also qualifies."""
    match scalar:
        case scalars.Literal():
            return True
        case scalars.ColumnRef(ident=ident) if ident in symbols.definitions:
            return is_linear_value(symbols.definitions[ident], symbols)
        case scalars.ColumnRef(ident=ident) if ident in symbols.opaque:
            return symbols.opaque[ident].closed
        case scalars.ColumnRef():
            return True
        case scalars.Call(op="divide", args=(scalars.Literal(), _)):  # the reciprocal of a variable is not linear in it
            return False
        case scalars.Call(op="to_decimal" | "to_int") if is_rounded_by_factor(scalar, symbols):
            return False
        case scalars.Call(op=op, args=args) if op in LINEAR:
            # Exactly one part may be a non-constant, or the value mixes several variables.
            written = sum(isinstance(a, scalars.Literal) for a in args)
            return written == len(args) - 1 and all(is_linear_value(a, symbols) for a in args)
        case _:
            return False


FINE_STEPS = 1000
"""With so many rounded values between its bounds, what a cast rounds in all rows is small beside the step of a mean."""


def is_rounded_by_factor(cast: scalars.Call, symbols: SymbolTable) -> bool:
    """Whether a cast rounds a computed number so coarsely that a written number in it chooses which rows are rounded
    up."""
    inner = cast.args[0]
    if inner.type.is_whole or isinstance(symbols.expanded(inner), scalars.ColumnRef):
        return False
    places = max_decimals(cast, symbols)
    if inner.type is not scalars.ScalarType.DOUBLE and places >= max_decimals(inner, symbols):
        return False
    found, fine = value_range(inner, symbols), FINE_STEPS * Decimal(1).scaleb(-places)
    if found is None:
        # without bounds, a written factor that leaves enough places of its number rounds nothing
        return abs(linear_form(symbols.expanded(inner))[0]) < fine
    return found[1] - found[0] < fine


def is_amount(scalar: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether each person's value is an amount or a plain count. The text writes no number into it, and it is not
    computed from 0/1 columns or from row counts."""
    if not is_linear_value(scalar, symbols):
        return False
    found = symbols.expanded(scalar)
    return (
        scalar == scalars.NULL
        or isinstance(found, scalars.ColumnRef)
        or bool(scalars.column_ids(found) and not row_counts_in(found, symbols))
    )


def is_row_count(scalar: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is the number of a person's rows."""
    return (
        isinstance(scalar, scalars.ColumnRef) and scalar.ident in symbols.opaque and symbols.opaque[scalar.ident].counts
    )


def row_counts_in(scalar: scalars.Scalar, symbols: SymbolTable) -> tuple[scalars.ColumnRef, ...]:
    """Columns of a scalar that are 0/1 columns or row counts."""
    return tuple(c for c in scalars.columns_in(scalar) if c.type is scalars.ScalarType.FLAG or is_row_count(c, symbols))


def argument_bounds(scalar: scalars.Scalar, symbols: SymbolTable) -> tuple[scalars.Value, scalars.Value] | None:
    """Least and greatest value of the argument on one row; None if the catalogue does not bound it."""
    found = value_range(scalar, symbols)
    if found is None:
        return None
    return (int(found[0]), int(found[1])) if scalar.type.is_whole else found


LinearForm = tuple[Decimal, Decimal]
"""(factor, offset) of an argument that is factor times a number plus offset."""


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
        case Call(op="multiply" | "divide", args=args) if all(map(scalars.column_ids, args[:2])):
            factor, offset = linear_form(args[0])  # the factor of two amounts is that of the first
            return UNSCALED if offset else (factor, offset)
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
    return UNSCALED


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
