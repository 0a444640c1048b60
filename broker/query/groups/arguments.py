"""Arguments of aggregates: constants taken out, 0/1 recognised, the closed list, bounds. Pure functions of scalars; no
syntax, and nothing of what an argument implies."""

from decimal import Decimal
from typing import Any

from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, Value, columns_in, columns_of
from broker.query.book import Book
from broker.query.operations.ranges import between

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


def decimal(literal: Literal) -> Decimal:
    """A written number as a decimal."""
    return Decimal(str(literal.value))


def exact(scalar: Scalar) -> Scalar:
    """A number whose sum does not depend on the order of rows: a cast of an exact number to float is left out, any
    other binary fraction is taken to six decimals."""
    if isinstance(scalar, Call) and scalar.op == "to_double" and scalar.args[0].type is not Type.DOUBLE:
        return scalar.args[0]
    if scalar.type is not Type.DOUBLE:
        return scalar
    return Call("to_decimal", (scalar, Literal(38, Type.INT), Literal(6, Type.INT)), Type.DECIMAL)


def is_closed(scalar: Scalar, book: Book) -> bool:
    """Whether an argument is on the closed list: a catalogue number, linear in constants, or CASE of such."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return all(_is_branch(v, book) for _, v in whens) and _is_branch(otherwise, book)
        case Call(op="coalesce", args=args):
            return is_plain(args[0], book) and all(isinstance(a, Literal) for a in args[1:])
        case Call(op="to_decimal" | "to_double", args=args):
            return is_closed(args[0], book)
        case _:
            return scalar.type.is_number and not isinstance(scalar, Literal) and is_plain(scalar, book)


def _is_branch(scalar: Scalar, book: Book) -> bool:
    return isinstance(scalar, Literal) or is_closed(scalar, book)


def is_plain(scalar: Scalar, book: Book) -> bool:
    """Whether a value is a catalogue variable, or a number linear in constants of one; a person's own aggregate of such
    is one too."""
    match scalar:
        case Literal():
            return True
        case Column(ident=ident) if ident in book.definitions:
            return is_plain(book.definitions[ident], book)
        case Column(ident=ident) if ident in book.opaque:
            return book.opaque[ident].closed
        case Column():
            return True
        case Call(op=op, args=args) if op in LINEAR:
            written = sum(isinstance(a, Literal) for a in args)
            return written == len(args) - 1 and all(is_plain(a, book) for a in args)
        case _:
            return False


def is_amount(scalar: Scalar, book: Book) -> bool:
    """Whether a value of each person is an amount, or a plain count: no number that the text writes, and nothing that
    is computed from 0 and 1 or from numbers of rows."""
    if not is_plain(scalar, book):
        return False
    found = book.expanded(scalar)
    return scalar == NULL or isinstance(found, Column) or bool(columns_of(found) and not counts_in(found, book))


def is_count(scalar: Scalar, book: Book) -> bool:
    """Whether a value is a number of a person's rows."""
    return isinstance(scalar, Column) and scalar.ident in book.opaque and book.opaque[scalar.ident].counts


def counts_in(scalar: Scalar, book: Book) -> tuple[Column, ...]:
    """The columns of a scalar that are 0 and 1, or numbers of rows."""
    return tuple(c for c in columns_in(scalar) if c.type is Type.FLAG or is_count(c, book))


def bounds(scalar: Scalar, book: Book) -> tuple[Value, Value] | None:
    """The least and the greatest value of one row's argument, where the catalogue tells."""
    found = between(scalar, book)
    if found is None:
        return None
    return (int(found[0]), int(found[1])) if scalar.type.is_whole else found
