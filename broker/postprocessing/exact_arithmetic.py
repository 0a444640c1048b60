"""Exact arithmetic after aggregation, on exact or protected values; knows no rule and never guesses an operation."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

from broker.domain.errors import Breach
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, Value
from broker.query.operations.operation import UnknownValue
from broker.query.operations.registry import OPERATIONS, apply

Number = int | Decimal
LARGEST_NUMBER = 10**38
"""Beyond it no whole number or decimal of an engine goes."""
LONGEST_TEXT = 4000
WIDE_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def evaluate(scalar: Scalar, values: Mapping[int, Value]) -> Value:
    """The value of a scalar over key values and statistics by id; NULL as in SQL's three-valued logic.

    The operations are those of `broker.query`, so that what was planned is what is computed. One that has no
    exact value in Python is a fault of the plan, never a guess.
    """
    match scalar:
        case ColumnRef(ident=ident):
            if ident not in values:
                raise Breach(f"The plan's output refers to column {ident}, which is neither a key nor a statistic.")
            return values[ident]
        case Literal(value=value):
            return value
        case Case(whens=whens, otherwise=otherwise):
            chosen = next((v for c, v in whens if evaluate(c, values) is True), otherwise)
            return evaluate(chosen, values)
        case Call(op=op, args=args):
            return call_operation(op, [evaluate(a, values) for a in args])


def call_operation(op: str, args: list[Value]) -> Value:
    """An operation on known values, by the table of `broker.query`."""
    if op in {"and", "or"}:
        rank: dict[Value, int] = {False: 0, None: 1, True: 2}
        return (min if op == "and" else max)(args, key=rank.__getitem__)
    if op not in OPERATIONS:
        raise Breach(f"The operation {op!r} is not in the closed list.")
    found: Value | UnknownValue = apply(op, args)
    if isinstance(found, UnknownValue):
        raise Breach(f"The operation {op!r} has no exact value over released statistics.")
    if _is_too_large(found):
        raise Breach(f"The operation {op!r} gives a value that no engine would hold.")
    return found


def _is_too_large(value: Value) -> bool:
    """Squares of squares, or a text joined to itself, would soon fill the memory."""
    if isinstance(value, int | Decimal | float):
        return not -LARGEST_NUMBER <= value <= LARGEST_NUMBER
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def as_number(value: Value) -> Number:
    """A number as int or Decimal; text and dates are a fault of the plan."""
    match value:
        case bool() | int():
            return int(value)
        case Decimal():
            return value
        case float():
            return Decimal(repr(value))
        case _:
            raise Breach("A statistic's evidence is no number.")


def absolute(value: Value) -> Number:
    """How large a number is, without its sign."""
    found = as_number(value)
    return -found if found < 0 else found


def rounded(value: Number, digits: int) -> Number:
    """Half away from zero, to `digits` after the point (negative: tens, hundreds); an int stays an int."""
    if isinstance(value, int) and digits >= 0:
        return value
    scaled = (
        Decimal(value)
        .scaleb(digits, WIDE_CONTEXT)
        .quantize(Decimal(1), context=WIDE_CONTEXT)
        .scaleb(-digits, WIDE_CONTEXT)
    )
    return int(scaled) if isinstance(value, int) or digits <= 0 else scaled


SIGNIFICANT_FIGURES = 4
"""Significant figures, at least, of what is computed from protected figures: more would only look exact."""


def to_significant_figures(value: Value) -> Value:
    """A computed value with the figures that a reader can use; a statistic of a table has its digits already."""
    if not isinstance(value, (Decimal, float)) or value == 0:
        return value
    exact = Decimal(value)
    return (
        rounded(exact, max(SIGNIFICANT_FIGURES - 1, SIGNIFICANT_FIGURES - 1 - exact.adjusted()))
        if exact.is_finite()
        else value
    )
