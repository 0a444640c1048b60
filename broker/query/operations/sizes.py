"""How large and how fine a number can become, and how long a text: what overflows would tell of one row by ending the
job. No syntax.

Values are within the catalogue's bounds where it gives them; whole numbers are computed in 64 bits.
"""

from decimal import Decimal

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.book import Book
from broker.query.operations.ranges import PARTS

MOST = Decimal(10) ** 17
FREE = {Type.FLAG: Decimal(1), Type.INT: Decimal(2) ** 31}
OTHERWISE = Decimal(10) ** 12
BEYOND = Decimal(10) ** 100_000
"""What a division by a fraction can come to: nothing bounds it, and no chain of small constants makes it small."""

FINEST = 18
"""The most decimal places of exact arithmetic: with whole parts up to MOST they fit the engine's 38 digits."""

ROWS = Decimal(10) ** 9
"""More rows than a sum ever has."""

SMALL = Decimal(10) ** 7
"""More than any part of a date, any difference of two dates and any length."""

SMALL_OPS = frozenset(
    {*PARTS, "length", "length_trimmed", "position", "position_any_case", "years_between", "quarters_between",
     "months_between", "days_between", "sundays_between", "whole_weeks_between", "ln", "log", "log2", "log10"}
)  # fmt: skip
NARROW_OPS = frozenset(
    {"add", "subtract", "multiply", "divide_truncated", "remainder", "negate", "abs", "round", "round_truncated",
     "coalesce", "nullif", "greatest", "least"}
)  # fmt: skip
"""Operations on whole numbers whose result has the width of their arguments."""

LARGEST_EXPONENT = 39
"""e to this is below MOST."""

LONGEST = 8000
"""The most characters of a T-SQL text, which is also what one row may be blown up to."""

FREE_TEXT = 255
"""What a text without a code list is taken to be at most."""


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
        case Call(op=op) if op in SMALL_OPS:
            return SMALL
        case Call(op=op, args=args):
            return min(BEYOND, _of_call(op, [largest(a, book) for a in args], args))


def _of_column(column: Column, book: Book) -> Decimal:
    if column.ident in book.sizes:
        return book.sizes[column.ident]
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
        case "floor" | "ceiling":
            return sizes[0] + 1
        case "round":
            return sizes[0] + max(Decimal(1), Decimal(10) ** -_whole(args[1]))
        case "coalesce" | "greatest" | "least":
            return max(sizes)
        case "text_to_int" | "native_int":
            return max(sizes[1], sizes[2])
        case "text_to_decimal" | "native_decimal":
            return Decimal(10) ** (_whole(args[1]) - _whole(args[2]))
        case "text_to_double" | "native_double":
            return BEYOND
        case _:
            return _of_curve(op, sizes, args)


def _of_curve(op: str, sizes: list[Decimal], args: tuple[Scalar, ...]) -> Decimal:
    """Growth that is not linear; everything else keeps the size of its first argument."""
    match op, args:
        case "sqrt", _:
            return max(Decimal(1), sizes[0])
        case "exp", _:
            return MOST if sizes[0] <= LARGEST_EXPONENT else BEYOND
        case "power", _ if sizes[0] > MOST:
            return BEYOND
        case "power", (_, Literal(value=int() | Decimal() as exponent)) if 0 <= exponent <= LARGEST_EXPONENT:
            return max(Decimal(1), sizes[0]) ** -int(-exponent // 1)
        case "power", _:
            return BEYOND
    return sizes[0]


def _whole(scalar: Scalar) -> int:
    return scalar.value if isinstance(scalar, Literal) and isinstance(scalar.value, int) else 0


def scale(scalar: Scalar, book: Book) -> int:
    """An upper bound of the decimal places of an exact number; none of a whole number or a binary fraction."""
    if scalar.type is not Type.DECIMAL:
        return 0
    match scalar:
        case Literal(value=Decimal() as value):
            return max(0, -int(value.as_tuple().exponent))
        case Column(ident=ident) if ident in book.definitions:
            return scale(book.definitions[ident], book)
        case Column(ident=ident) if ident in book.opaque:
            return book.opaque[ident].decimals
        case Column():
            origin = book.origin(scalar)
            return (origin.variable.decimals or 0) if origin is not None else 0
        case Case(whens=whens, otherwise=otherwise):
            return max(scale(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op="to_decimal" | "text_to_decimal" | "native_decimal", args=(_, _, Literal(value=int() as places))):
            return places
        case Call(op=op, args=args):
            found = [scale(a, book) for a in args]
            return sum(found) if op == "multiply" else max(found)
    return 0


def is_fixed(scalar: Scalar, book: Book) -> bool:
    """Whether the engine holds a number exactly: a variable without fixed digits is a binary fraction in the vault."""
    if scalar.type is Type.DOUBLE:
        return False
    match scalar:
        case Column(ident=ident) if ident in book.definitions:
            return is_fixed(book.definitions[ident], book)
        case Column():
            origin = book.origin(scalar)
            return scalar.type.is_whole or (origin is not None and origin.variable.decimals is not None)
        case Case(whens=whens, otherwise=otherwise):
            return all(is_fixed(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op="to_decimal" | "text_to_decimal" | "native_decimal"):
            return True
        case Call(args=args, type=kind):
            return kind.is_whole or all(is_fixed(a, book) for a in args)
    return True


def is_wide(scalar: Scalar, book: Book) -> bool:
    """Whether the engine computes a whole number in 64 bits: every variable is read so, written numbers are not."""
    match scalar:
        case Literal():
            return False
        case Column(ident=ident):
            return ident not in book.definitions or is_wide(book.definitions[ident], book)
        case Case(whens=whens, otherwise=otherwise):
            return any(is_wide(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op, args=args) if op in NARROW_OPS:
            return any(is_wide(a, book) for a in args)
    return True


def fits(scalar: Scalar, book: Book) -> bool:
    """Whether the engine can compute a number on every row."""
    return largest(scalar, book) <= MOST and scale(scalar, book) <= FINEST


def sum_fits(scalar: Scalar, book: Book) -> bool:
    """Whether the engine can add a number up over any rows."""
    size = largest(scalar, book)
    return size <= MOST and size * Decimal(10) ** scale(scalar, book) * ROWS < Decimal(10) ** 38


def square_fits(scalar: Scalar, book: Book) -> bool:
    """Whether the engine can add up the squares of an exact number over any rows, as whole numbers."""
    return (largest(scalar, book) * Decimal(10) ** scale(scalar, book)) ** 2 * ROWS < Decimal(10) ** 38


def longest(scalar: Scalar, book: Book) -> int:
    """An upper bound of the characters of a text."""
    match scalar:
        case Literal(value=value):
            return len(value) if isinstance(value, str) else 20
        case Column(ident=ident) if ident in book.definitions:
            return longest(book.definitions[ident], book)
        case Column():
            origin = book.origin(scalar)
            codes = origin.variable.codes if origin is not None else None
            return max((len(c) for c in codes), default=0) if codes is not None else FREE_TEXT
        case Case(whens=whens, otherwise=otherwise):
            return max(longest(v, book) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op, args=args):
            return _longest_call(op, args, [longest(a, book) for a in args])


def _longest_call(op: str, args: tuple[Scalar, ...], sizes: list[int]) -> int:
    match op:
        case "concat" | "concat_all":
            return sum(sizes)
        case "concat_by":
            return sum(sizes) + sizes[0] * len(sizes)
        case "stuff":
            return sizes[0] + sizes[3]
        case "replace" | "replace_any_case":
            return sizes[0] * max(1, sizes[2])
        case "left" | "right":
            return min(sizes[0], _whole(args[1]))
        case "coalesce":
            return max(sizes)
        case "upper" | "lower":
            return sizes[0]
    return max(sizes, default=20) if args and args[0].type is Type.TEXT else 20
