"""The closed list of arguments that have an automatic verdict: a catalogue number, linear in constants, a CASE of
these, and what a text may combine of two amounts of one row."""

from dataclasses import replace

from broker.domain.plans import scalars
from broker.domain.plans.scalars import Call, Literal, ScalarType, columns_in
from broker.policy.data_catalogue import Variable
from broker.query.analysis.aggregate_arguments import (
    can_be_negative,
    is_amount,
    is_linear_value,
    is_plain_amount,
    is_rounded_by_factor,
    is_scaled,
    linear_form,
)
from broker.query.operations.registry import CASTS
from broker.query.symbols import SymbolTable


def is_on_closed_list(scalar: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether an argument is on the closed list: a catalogue number, linear in constants, or a CASE of these."""
    match scalar:
        case scalars.Case(values=values):
            return all(isinstance(v, scalars.Literal) or is_on_closed_list(v, symbols) for v in values)
        case scalars.Call(op="coalesce", args=args):
            return is_linear_value(args[0], symbols) and all(isinstance(a, scalars.Literal) for a in args[1:])
        case scalars.Call(op="to_decimal") if is_rounded_by_factor(scalar, symbols):
            return False
        case scalars.Call(op="to_decimal" | "to_double" | "to_decimal_or_null", args=args):
            return is_on_closed_list(args[0], symbols)
        case scalars.Call(op="to_int", args=(inner, *_)) if inner.type.is_whole:
            return is_on_closed_list(inner, symbols)
        case scalars.Call(op="multiply" | "divide", args=(scalars.Call() as inner, scalars.Literal())):
            return is_on_closed_list(inner, symbols)
        case scalars.Call(op="least" | "greatest", args=(inner, scalars.Literal())):
            return is_on_closed_list(inner, symbols)  # one limit for everybody
        case scalars.Call(op="add" | "subtract") if _adds_amounts(scalar, symbols):
            return True
        case scalars.Call(op="multiply" | "divide") if _combines_amounts(scalar, symbols):
            return True
        case scalars.Call(op="days_between" | "months_between" | "years_between", args=(first, last)):
            return _is_own_date(first, symbols) and _is_own_date(last, symbols)
        case _:
            return (
                scalar.type.is_number and not isinstance(scalar, scalars.Literal) and is_linear_value(scalar, symbols)
            )


def _adds_amounts(combined: scalars.Call, symbols: SymbolTable) -> bool:
    """Whether a number is the sum or the difference of two amounts of one row, or 0 for a missing one. Neither has a
    written factor: digits of one could hide below those of the other."""
    parts = [_without_default(part) for part in combined.args]
    return all(
        is_plain_amount(part, symbols) and not isinstance(part, scalars.Literal) and not _is_of_codes(part, symbols)
        for part in parts
    )


def _combines_amounts(combined: scalars.Call, symbols: SymbolTable) -> bool:
    """Whether a number is the product or the quotient of two amounts of one row that cannot be negative, or the
    quotient of a sum or difference of such. Only the first may have a written factor, which is that of the whole."""
    first, second = (_without_zero(part, symbols) for part in combined.args[:2])
    inner = _without_factor(first)
    is_sum = combined.op == "divide" and isinstance(inner, Call) and inner.op in {"add", "subtract"}
    parts = [*(map(_without_default, inner.args) if is_sum and isinstance(inner, Call) else (first,)), second]
    return (
        all(is_amount(part, symbols) and not can_be_negative(part, symbols) for part in parts)
        and not any(_is_of_codes(part, symbols) for part in parts)
        and not any(symbols.origins[i].variable.listed for part in parts for i in symbols.base(part))
        and linear_form(symbols.expanded(parts[0]))[1] == 0
        and not any(is_scaled(symbols.expanded(part)) for part in (parts if is_sum else parts[1:]))
    )


def _without_factor(scalar: scalars.Scalar) -> scalars.Scalar:
    while isinstance(scalar, Call) and scalar.op in {"multiply", *CASTS}:
        filled = [arg for arg in scalar.args if not isinstance(arg, Literal)]
        if len(filled) != 1:
            return scalar
        (scalar,) = filled
    return scalar


def _without_default(scalar: scalars.Scalar) -> scalars.Scalar:
    """The number of which COALESCE has 0 where it is missing."""
    match scalar:
        case Call(op="coalesce", args=(inner, Literal(value=0))):
            return inner
    return scalar


def _is_own_date(scalar: scalars.Scalar, symbols: SymbolTable) -> bool:
    expanded = symbols.expanded(scalar)
    if not isinstance(expanded, scalars.ColumnRef) or expanded.type is not ScalarType.DATE:
        return False
    origin = symbols.origins.get(expanded.ident)
    return origin is not None and symbols.is_person(origin.scan)


def _is_of_codes(part: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether an amount is a flag or a code."""
    is_flag = any(column.type is ScalarType.FLAG for column in columns_in(symbols.expanded(part)))
    return is_flag or any(_is_code(symbols.origins[i].variable) for i in symbols.base(part))


def _is_code(variable: Variable) -> bool:
    """Whether the numbers of a variable are codes. A number of a list is none in a sum; in a product, others could know
    it, so that it would weigh an amount."""
    return variable.codes is not None or variable.register_key is not None


def _without_zero(divisor: scalars.Scalar, symbols: SymbolTable) -> scalars.Scalar:
    """The number of which NULLIF leaves out 0."""
    match divisor:
        case Call(op="nullif", args=(inner, Literal(value=0))):
            return inner
        case Call(op=op, args=(inner, *_)) if op in CASTS and isinstance(inner, Call) and inner.op == "nullif":
            return replace(divisor, args=(_without_zero(inner, symbols), *divisor.args[1:]))
    return divisor


def is_moved(argument: scalars.Scalar) -> bool:
    """Whether a written number moves an amount or changes its sign, in any branch."""
    match argument:
        case scalars.Case(values=values) | Call(op="coalesce" | "nullif", args=values):
            return any(map(is_moved, values))
        case Literal(value=value):
            return bool(value)
    factor, offset = linear_form(argument)
    return factor < 0 or offset != 0
