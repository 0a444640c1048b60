"""Sizes of results, from those of the arguments: the magnitude of a number, and the length of a text."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from broker.domain.plans.scalars import Literal, Scalar, ScalarType

Size = TypeVar("Size", int, Decimal)
"""A length or a magnitude."""
Magnitude = Callable[[Sequence[Decimal], Sequence[Scalar]], Decimal]
"""Upper bound of the absolute value of a result, from the magnitudes of the arguments and the arguments."""
Length = Callable[[Sequence[int], Sequence[Scalar]], int]
"""Upper bound of the length of a text in characters, from the lengths of the arguments and the arguments."""

LARGEST_NUMBER = Decimal(10) ** 17
LARGEST_WHOLE = Decimal(2) ** 63
"""No whole number of 64 bits is larger."""
UNBOUNDED = Decimal(10) ** 100_000
"""Magnitude of a quotient by a fraction: nothing bounds it, and no chain of small constants can make it small."""

SMALL_MAGNITUDE = Decimal(10) ** 7
"""Larger than any part of a date, any difference of two dates and any length."""

LARGEST_EXPONENT = 39
"""e to this power is below LARGEST_NUMBER."""

OTHER_TEXT_LENGTH = 20
"""Most characters of a number or date as text."""


def of_first(sizes: Sequence[Size], _: Sequence[Scalar]) -> Size:
    return sizes[0]


def of_total(sizes: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    """Of a number that is NULL where it does not fit the engine's type."""
    return min(sizes[0], LARGEST_WHOLE) if args[0].type.is_whole else sizes[0]


def of_largest(sizes: Sequence[Size], _: Sequence[Scalar]) -> Size:
    return max(sizes)


def small(_: Sequence[Decimal], __: Sequence[Scalar]) -> Decimal:
    return SMALL_MAGNITUDE


def unbounded(_: Sequence[Decimal], __: Sequence[Scalar]) -> Decimal:
    return UNBOUNDED


def of_sum(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    return sum(sizes, Decimal(0))


def of_product(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    return sizes[0] * sizes[1]


def of_quotient(sizes: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    if isinstance(args[1], Literal):
        return sizes[0] / sizes[1] if sizes[1] else Decimal(0)
    # a divisor that is a whole number other than 0 is at least 1
    return sizes[0] if args[1].type.is_whole else UNBOUNDED


def of_next_whole(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    return sizes[0] + 1


def of_rounded(sizes: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    return sizes[0] + max(Decimal(1), Decimal(10) ** -_literal_int(args[1]))


def within_limits(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    """Of a number that is parsed between two limits, the second and third argument."""
    return max(sizes[1], sizes[2])


def of_digits(_: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    """Of a decimal that is parsed with a number of digits and places, the second and third argument."""
    return Decimal(10) ** (_literal_int(args[1]) - _literal_int(args[2]))


def within_type(sizes: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    """Of a decimal that is NULL where it does not fit its digits and places, the second and third argument."""
    return min(sizes[0], of_digits(sizes, args))


def of_square_root(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    return max(Decimal(1), sizes[0])


def of_exponential(sizes: Sequence[Decimal], _: Sequence[Scalar]) -> Decimal:
    return LARGEST_NUMBER if sizes[0] <= LARGEST_EXPONENT else UNBOUNDED


def of_power(sizes: Sequence[Decimal], args: Sequence[Scalar]) -> Decimal:
    if sizes[0] > LARGEST_NUMBER:
        return UNBOUNDED
    match args[1]:
        case Literal(value=int() | Decimal() as exponent) if 0 <= exponent <= LARGEST_EXPONENT:
            return max(Decimal(1), sizes[0]) ** -int(-exponent // 1)
    return UNBOUNDED


def _literal_int(scalar: Scalar) -> int:
    return scalar.value if isinstance(scalar, Literal) and isinstance(scalar.value, int) else 0


def longest(sizes: Sequence[int], args: Sequence[Scalar]) -> int:
    """The longest argument of a function of texts."""
    return max(sizes) if args[0].type is ScalarType.TEXT else OTHER_TEXT_LENGTH


def joined(sizes: Sequence[int], _: Sequence[Scalar]) -> int:
    return sum(sizes)


def joined_by_first(sizes: Sequence[int], _: Sequence[Scalar]) -> int:
    return sum(sizes) + sizes[0] * len(sizes)


def inserted(sizes: Sequence[int], _: Sequence[Scalar]) -> int:
    """Of a text with the fourth argument written into it."""
    return sizes[0] + sizes[3]


def replaced(sizes: Sequence[int], _: Sequence[Scalar]) -> int:
    return sizes[0] * max(1, sizes[2])


def to_length(_: Sequence[int], args: Sequence[Scalar]) -> int:
    """Of a text that is cut or filled to a number of characters, the second argument."""
    return _literal_int(args[1])


def cut(sizes: Sequence[int], args: Sequence[Scalar]) -> int:
    """Of a text that is cut to a number of characters, the second argument."""
    return min(sizes[0], _literal_int(args[1]))
