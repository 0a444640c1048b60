"""Exact arithmetic after aggregation, on exact or protected values. Knows no rule and never guesses the result of an
operation."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

from broker.domain.errors import Breach
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, Value
from broker.domain.rounding_grid import WIDE_CONTEXT
from broker.query.operations.operation import UnknownValue
from broker.query.operations.registry import OPERATIONS, apply

Number = int | Decimal
LARGEST_NUMBER = 10**38
"""No whole number or decimal of an engine is larger."""
LONGEST_TEXT = 4000


def evaluate(scalar: Scalar, values: Mapping[int, Value]) -> Value:
    """Value of a scalar, given the values of keys and statistics by id. NULL follows SQL's three-valued logic. The
    operations are those of `broker.query`, so that the broker computes what was planned. Raises Breach if an operation
    has no exact value in Python: the plan is then wrong."""
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


MISSING_WHERE_UNDEFINED = frozenset({"power", "exp"})
"""Operations whose result is missing where it does not exist, or is too large."""


def call_operation(op: str, args: list[Value]) -> Value:
    """Value of an operation on known values, from the table of `broker.query`. Raises Breach for an unknown operation
    or a result that is not exact."""
    if op in {"and", "or"}:
        # AND is the minimum of false < NULL < true, OR the maximum
        rank: dict[Value, int] = {False: 0, None: 1, True: 2}
        return (min if op == "and" else max)(args, key=rank.__getitem__)
    if op not in OPERATIONS:
        raise Breach(f"The operation {op!r} is not in the closed list.")
    found: Value | UnknownValue = apply(op, args)
    if op in MISSING_WHERE_UNDEFINED and (isinstance(found, UnknownValue) or _is_too_large(found)):
        return None
    if isinstance(found, UnknownValue):
        raise Breach(f"The operation {op!r} has no exact value over released statistics.")
    if _is_too_large(found):
        raise Breach(f"The operation {op!r} gives a value that no engine would hold.")
    return found


def _is_too_large(value: Value) -> bool:
    """Whether a value is too large. Repeated squares, or a text joined to itself, would soon fill the memory."""
    if isinstance(value, int | Decimal | float):
        return not -LARGEST_NUMBER <= value <= LARGEST_NUMBER
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def as_number(value: Value) -> Number:
    """A number as int or Decimal. Raises Breach for text and dates, which a correct plan never passes."""
    match value:
        case bool() | int():
            return int(value)
        case Decimal():
            return value
        case float():
            return Decimal(repr(value))  # the shortest text of a float, which is how it is displayed
        case _:
            raise Breach("A statistic's evidence is no number.")


def nearest_quotient(amount: int, base: int) -> int:
    """The amount divided by the base, rounded half up to a whole number; exact."""
    return (2 * amount + base) // (2 * base)


def nearest_multiple(amount: int, base: int) -> int:
    """The amount rounded half up to a multiple of the base; exact."""
    return nearest_quotient(amount, base) * base


def absolute(value: Value) -> Number:
    """Absolute value of a number."""
    found = as_number(value)
    return -found if found < 0 else found


def rounded(value: Number, digits: int) -> Number:
    """Round half away from zero, to `digits` decimal places (negative: to tens, hundreds). An int stays an int."""
    if isinstance(value, int) and digits >= 0:
        return value
    number = Decimal(value)
    needed = number.adjusted() + digits + 2
    wide = WIDE_CONTEXT if needed <= WIDE_CONTEXT.prec else Context(prec=needed, rounding=ROUND_HALF_UP)
    scaled = number.scaleb(digits, wide).quantize(Decimal(1), context=wide).scaleb(-digits, wide)
    return int(scaled) if isinstance(value, int) or digits <= 0 else scaled


SIGNIFICANT_FIGURES = 4
"""Fewest significant figures of a value that is computed from protected figures. More would only look exact."""


def to_significant_figures(value: Value) -> Value:
    """A computed value with the figures that are useful to a reader. Other values are unchanged: a statistic of a table
    is already rounded."""
    if not isinstance(value, (Decimal, float)) or value == 0:
        return value
    exact = Decimal(value)
    if not exact.is_finite():
        return value
    return rounded(exact, max(SIGNIFICANT_FIGURES - 1, SIGNIFICANT_FIGURES - 1 - exact.adjusted()))
