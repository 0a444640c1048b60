"""The grid of rounding steps: 1, 2 and 5 times a power of ten. Each step has a number: 0 is 1, 1 is 2, 2 is 5, 3 is 10,
and -1 is 0.5."""

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache

UNITS = (1, 2, 5)
SLACK = Decimal("1e-6")
"""Bounds of an amount with a factor are a little wide, and must not choose another step."""
COMPARED_DIGITS = 10
"""The decimal places with which values are rounded to a step: a float of 13.899999999999999 is 13.9."""
WIDE_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


@cache
def step(number: int) -> Decimal:
    return Decimal(UNITS[number % 3]).scaleb(number // 3)


def as_power_of_ten(number: int) -> tuple[int, int]:
    """A factor and an exponent: the step is 10 to this exponent, divided by the factor. So an amount is rounded to the
    step as the amount times the factor is to a power of ten, which is exact in decimals."""
    return (1, 5, 2)[number % 3], number // 3 + (number % 3 > 0)


def nearest(amount: Decimal, number: int) -> Decimal:
    """The multiple of a step that is nearest to an amount; of two, the one farther from 0."""
    factor, exponent = as_power_of_ten(number)
    wide = WIDE_CONTEXT
    whole = wide.multiply(amount, Decimal(factor)).scaleb(-exponent, wide).quantize(Decimal(1), context=wide)
    return wide.multiply(whole, step(number))


def first_step(least: Decimal) -> Decimal:
    """The smallest step that is not below `least`; 0 for 0."""
    return Decimal(0) if least <= 0 else step(first_number(least))


def first_number(least: Decimal) -> int:
    """The number of the smallest step that is not below `least`, which is above 0."""
    start, enough = 3 * least.adjusted(), least * (1 - SLACK)
    return next(n for n in range(start, start + 4) if step(n) >= enough)


FIGURES_OF_WIDTH = 3


def digits_of_width(width: Decimal | None, most: int) -> int:
    """The decimal places of a mean of amounts that are so far apart at most: `most`, or more where amounts are small,
    down to a thousandth of the power of ten of their width."""
    return max(most, FIGURES_OF_WIDTH - width.adjusted()) if width else most
