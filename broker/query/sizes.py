"""How large a number can become: arithmetic that could overflow would tell of one row by ending the job. No syntax.

Values are within the catalogue's bounds where it gives them; whole numbers are computed in 64 bits.
"""

from decimal import Decimal

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.book import Book

MOST = Decimal(10) ** 17
FREE = {Type.FLAG: Decimal(1), Type.INT: Decimal(2) ** 31}
OTHERWISE = Decimal(10) ** 12


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
            return sizes[0] / sizes[1] if isinstance(args[1], Literal) and sizes[1] else sizes[0] * 10**6
        case "round" | "floor" | "ceiling":
            return sizes[0] + 1
        case "coalesce":
            return max(sizes)
        case _:
            return sizes[0]
