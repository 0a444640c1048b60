"""Arguments of aggregates: constants taken out, 0/1 recognised, the closed list, bounds. Pure functions of scalars; no
syntax, and nothing of what an argument implies."""

from decimal import Decimal
from typing import Any

from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, Value
from broker.query.book import Book
from broker.query.operations import UNKNOWN, apply

ONE, ZERO = Literal(1, Type.INT), Literal(0, Type.INT)
LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negate", "to_double", "to_decimal", "to_int"})


def is_truth(scalar: Scalar) -> bool:
    """Whether a scalar is 0, 1 or NULL and nothing else."""
    match scalar:
        case Literal(value=value):
            return value is None or (not isinstance(value, str) and value in (0, 1))
        case Case(whens=whens, otherwise=otherwise):
            return all(is_truth(v) for _, v in whens) and is_truth(otherwise)
        case _:
            return scalar.type is Type.FLAG


def is_never_null(scalar: Scalar | None) -> bool:
    """Whether a 0/1 argument is 0 or 1 on every row."""
    match scalar:
        case Literal(value=value):
            return value is not None
        case Case(whens=whens, otherwise=otherwise):
            return all(is_never_null(v) for _, v in whens) and is_never_null(otherwise)
    return False


def unscaled(scalar: Scalar) -> tuple[Any, Scalar]:
    """(constant, rest) with scalar = constant * rest, for 0/1 rests; (1, scalar) where there is no such reading."""
    factor: Any = 1
    rest = scalar
    while isinstance(rest, Call) and rest.op in {"multiply", "to_double", "to_decimal", "to_int"}:
        constants = [a for a in rest.args[:2] if isinstance(a, Literal)] if rest.op == "multiply" else []
        if rest.op == "multiply":
            if len(constants) != 1 or constants[0].value is None:
                return 1, scalar
            factor *= constants[0].value
            rest = rest.args[1] if rest.args[0] is constants[0] else rest.args[0]
        else:
            rest = rest.args[0]
    if isinstance(rest, Case):
        constant, rest = _case_constant(rest)
        factor *= constant
    return (factor, _plain(rest)) if is_truth(rest) else (1, scalar)


def _case_constant(case: Case) -> tuple[Any, Scalar]:
    """CASE with the values 0, c and NULL is c times a CASE with 0, 1 and NULL."""
    values = [v for _, v in case.whens] + [case.otherwise]
    if not all(isinstance(v, Literal) and not isinstance(v.value, str) for v in values):
        return 1, case
    constants = {v.value for v in values if isinstance(v, Literal) and v.value}
    if len(constants) != 1:
        return 1, case
    (constant,) = constants
    whens = tuple((c, _mark(v)) for c, v in case.whens)
    return constant, Case(whens, _mark(case.otherwise), Type.INT)


def _mark(value: Scalar) -> Scalar:
    assert isinstance(value, Literal)
    return value if value.value is None else ONE if value.value else ZERO


def _plain(scalar: Scalar) -> Scalar:
    """0/1 values as whole numbers."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return Case(tuple((c, _plain(v)) for c, v in whens), _plain(otherwise), Type.INT)
        case Literal():
            return _mark(scalar)
        case _:
            return scalar


def counted(case: Case) -> Case:
    """COUNT of a CASE as a 0/1 argument: 1 where the chosen value is not NULL."""
    return Case(tuple((c, _is_there(v)) for c, v in case.whens), _is_there(case.otherwise), Type.INT)


def _is_there(value: Scalar) -> Scalar:
    match value:
        case Literal():
            return ZERO if value.value is None else ONE
        case Case():
            return counted(value)
        case _:
            return Case(((Call("is_null", (value,), Type.TRUTH), ZERO),), ONE, Type.INT)


def exact(scalar: Scalar) -> Scalar:
    """A number whose sum does not depend on the order of rows: a cast of an exact number to float is left out, any
    other binary fraction is taken to six decimals."""
    if isinstance(scalar, Call) and scalar.op == "to_double" and scalar.args[0].type is not Type.DOUBLE:
        return scalar.args[0]
    if scalar.type is not Type.DOUBLE:
        return scalar
    return Call("to_decimal", (scalar, Literal(38, Type.INT), Literal(6, Type.INT)), Type.DECIMAL)


def is_closed(scalar: Scalar) -> bool:
    """Whether an argument is on the closed list: a catalogue number, linear in constants, or CASE of such."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return all(_is_branch(v) for _, v in whens) and _is_branch(otherwise)
        case Call(op="coalesce", args=args):
            return _is_linear(args[0]) and all(isinstance(a, Literal) for a in args[1:])
        case Call(op="to_decimal" | "to_double", args=args):
            return is_closed(args[0])
        case _:
            return _is_linear(scalar)


def _is_branch(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) or is_closed(scalar)


def _is_linear(scalar: Scalar) -> bool:
    match scalar:
        case Column():
            return scalar.type.is_number
        case Call(op=op, args=args) if op in LINEAR:
            return sum(_is_linear(a) for a in args) == 1 and sum(isinstance(a, Literal) for a in args) == len(args) - 1
        case _:
            return False


def bounds(scalar: Scalar, book: Book) -> tuple[Value, Value] | None:
    """The least and the greatest value of one row's argument, where the catalogue tells."""
    match scalar:
        case Literal(value=value):
            return None if value is None or isinstance(value, str) else (value, value)
        case Column(ident=ident):
            if ident in book.definitions:
                return bounds(book.definitions[ident], book)
            return _catalogue_bounds(scalar, book)
        case Case(whens=whens, otherwise=otherwise):
            return _hull([v for _, v in whens] + [otherwise], book)
        case Call(op="coalesce", args=args):
            return _hull(list(args), book)
        case Call(op=op, args=args) if op in LINEAR:
            return _linear_bounds(op, args, book)
    return None


def _catalogue_bounds(column: Column, book: Book) -> tuple[Value, Value] | None:
    origin = book.origin(column)
    if column.type is Type.FLAG:
        return 0, 1
    if origin is None or origin.variable.low is None or origin.variable.high is None:
        return None
    low, high = Decimal(repr(origin.variable.low)), Decimal(repr(origin.variable.high))
    return (int(low), int(high)) if column.type is Type.INT else (low, high)


def _hull(parts: list[Scalar], book: Book) -> tuple[Value, Value] | None:
    found = [bounds(p, book) for p in parts if p != NULL]
    if not found or None in found:
        return None
    ends: list[Any] = [end for pair in found if pair for end in pair]
    return min(ends), max(ends)


def _linear_bounds(op: str, args: tuple[Scalar, ...], book: Book) -> tuple[Value, Value] | None:
    found = [bounds(a, book) for a in args]
    if None in found:
        return None
    ends: list[Any] = [apply(op, [pair[side] for pair in found if pair]) for side in (0, 1)]
    if op == "subtract" and isinstance(args[0], Literal):
        ends.reverse()
    return None if UNKNOWN in ends or None in ends else (min(ends), max(ends))
