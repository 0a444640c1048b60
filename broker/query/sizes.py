"""How large and how fine a number can become: arithmetic that overflows would tell of one row by ending the job. No
syntax.

Values are within the catalogue's bounds where it gives them; whole numbers are computed in 64 bits.
"""

from decimal import Decimal

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.book import Book

MOST = Decimal(10) ** 17
FREE = {Type.FLAG: Decimal(1), Type.INT: Decimal(2) ** 31}
OTHERWISE = Decimal(10) ** 12
BEYOND = Decimal(10) ** 60
"""What a division by a fraction can come to: nothing bounds it."""

FINEST = 18
"""The most decimal places of exact arithmetic: with whole parts up to MOST they fit the engine's 38 digits."""

ROWS = Decimal(10) ** 9
"""More rows than a sum ever has."""


def largest(scalar: Scalar, book: Book) -> Decimal:
    """An upper bound of the absolute value of a number."""
    match scalar:
        case Literal(value=int() | Decimal() as value):
            return abs(Decimal(value))
        case Literal():
            return Decimal(0)
        case Column(ident=ident) if ident in book.definitions:
            if ident not in book.sizes:
                book.sizes[ident] = largest(book.definitions[ident], book)
            return book.sizes[ident]
        case Column():
            return _of_column(scalar, book)
        case Case(whens=whens, otherwise=otherwise):
            return max(largest(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op="length" | "length_trimmed" | "year" | "month"):
            return Decimal(10) ** 5
        case Call(op=op, args=args):
            return _of_call(op, [largest(a, book) for a in args], args)


def _of_column(column: Column, book: Book) -> Decimal:
    origin = book.origin(column)
    if column.type is Type.FLAG or origin is None or origin.variable.low is None or origin.variable.high is None:
        return FREE.get(column.type, OTHERWISE)
    return max(abs(Decimal(repr(origin.variable.low))), abs(Decimal(repr(origin.variable.high))))


def _of_call(op: str, sizes: list[Decimal], args: tuple[Scalar, ...]) -> Decimal:
    match op:
        case "add" | "subtract":
            return sum(sizes, Decimal(0))
        case "multiply":
            return sizes[0] * sizes[1]
        case "divide" | "divide_truncated":
            if isinstance(args[1], Literal):
                return sizes[0] / sizes[1] if sizes[1] else Decimal(0)
            return sizes[0] if args[1].type.is_whole else BEYOND
        case "round" | "floor" | "ceiling":
            return sizes[0] + 1
        case "coalesce":
            return max(sizes)
        case _:
            return sizes[0]


def scale(scalar: Scalar, book: Book) -> int:
    """An upper bound of the decimal places of an exact number; none of a whole number or a binary fraction."""
    if scalar.type is not Type.DECIMAL:
        return 0
    match scalar:
        case Literal(value=Decimal() as value):
            return max(0, -int(value.as_tuple().exponent))
        case Column(ident=ident) if ident in book.definitions:
            return scale(book.definitions[ident], book)
        case Column():
            origin = book.origin(scalar)
            return (origin.variable.decimals or 0) if origin is not None else 0
        case Case(whens=whens, otherwise=otherwise):
            return max(scale(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op="to_decimal", args=(_, _, Literal(value=int() as places))):
            return places
        case Call(op=op, args=args):
            found = [scale(a, book) for a in args]
            return sum(found) if op == "multiply" else max(found)
    return 0


def fits(scalar: Scalar, book: Book) -> bool:
    """Whether the engine can compute a number on every row."""
    return largest(scalar, book) <= MOST and scale(scalar, book) <= FINEST


def sum_fits(scalar: Scalar, book: Book) -> bool:
    """Whether the engine can add a number up over any rows."""
    size = largest(scalar, book)
    return size <= MOST and size * Decimal(10) ** scale(scalar, book) * ROWS < Decimal(10) ** 38
