"""The largest errors of computed values, by those of the figures that they are computed from. Reads released values
only."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import product

from broker.domain.plans.scalars import Value
from broker.postprocessing.exact_arithmetic import Number, absolute, as_number
from broker.query.operations.operation import UnknownValue
from broker.query.operations.registry import apply

QUOTIENTS = frozenset({"divide", "divide_truncated"})
MONOTONE = QUOTIENTS | {
    "add", "subtract", "multiply", "negate", "abs", "round", "round_truncated", "floor", "ceiling", "truncate",
    "to_int", "to_double", "to_decimal", "to_decimal_or_null", "greatest", "least", "sqrt", "exp", "ln", "log10",
    "log2",
}  # fmt: skip
"""Operations whose result is farthest from the released one where each argument is at an end of its interval."""

DECIDED_APART = frozenset({"equal", "same", "less", "at_most", "nullif"})
"""Operations that are decided, whatever the exact values are, where the intervals of their arguments do not meet."""


def error_of_operation(
    op: str, values: Sequence[Value], errors: Sequence[Number | None], found: Value
) -> Number | None:
    """How far the result of an operation may be from `found`, its result on released `values`, if each of these is
    wrong by no more than its error. None: not known."""
    if None in errors:
        return None
    if not any(errors):
        return 0
    ends = [(v,) if not e else _ends(v, e) for v, e in zip(values, errors, strict=True)]
    if op in DECIDED_APART and _are_apart(*ends):
        return errors[0] if op == "nullif" else 0
    if op not in MONOTONE or not all(ends) or (op in QUOTIENTS and _holds_zero(ends[1])):
        return None
    results = [apply(op, corner) for corner in product(*ends)]
    if not all(map(_is_number, (found, *results))):
        return None
    return max(absolute(as_number(r) - as_number(found)) for r in results)


def _ends(value: Value, error: Number) -> tuple[Number, ...]:
    return (as_number(value) - error, as_number(value) + error) if _is_number(value) else ()


def _is_number(value: Value | UnknownValue) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _are_apart(left: Sequence[Value], right: Sequence[Value]) -> bool:
    if not left or not right or not all(map(_is_number, (*left, *right))):
        return False
    first, second = [as_number(v) for v in left], [as_number(v) for v in right]
    return max(first) < min(second) or max(second) < min(first)


def _holds_zero(interval: Sequence[Value]) -> bool:
    found = [as_number(v) for v in interval if v is not None]
    return not found or min(found) <= 0 <= max(found)


def digits_within(error: Number) -> int:
    """The decimal places of a figure with this error: the last one is worth at most half of the error."""
    return -(Decimal(error) / 2).adjusted()


STATED_FIGURES = 2


def stated_error(error: Number) -> Decimal:
    """The error as it is stated: two figures, rounded up."""
    exact = Decimal(error)
    unit = Decimal(1).scaleb(exact.adjusted() - STATED_FIGURES + 1)
    return (exact / unit).to_integral_value(ROUND_CEILING) * unit if exact else Decimal(0)
