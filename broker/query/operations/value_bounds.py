"""Bounds of values: range, magnitude and decimal places of a number, length of a text."""

from collections.abc import Sequence
from decimal import Decimal

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType
from broker.query.operations.registry import OPERATIONS
from broker.query.operations.result_sizes import LARGEST_NUMBER, LARGEST_WHOLE, OTHER_TEXT_LENGTH, UNBOUNDED
from broker.query.symbols import SymbolTable

ValueRange = tuple[Decimal, Decimal]
RANGE_PRESERVING = frozenset({"to_int", "to_double", "nullif", "total", "finite"})
ROUNDING = frozenset({
    "floor", "ceiling", "truncate", "round", "round_truncated", "rounded_by_cast", "to_decimal", "to_decimal_or_null",
    "remainder",
})  # fmt: skip
DECIMAL_CASTS = frozenset({"to_decimal", "to_decimal_or_null", "text_to_decimal", "native_decimal"})
FLOAT_SLACK = Decimal("1e-9")
"""Binary fractions differ slightly from exact arithmetic."""


def value_range(scalar: Scalar, symbols: SymbolTable) -> ValueRange | None:
    """Least and greatest value that a number can have; None if unbounded."""
    match scalar:
        case Literal(value=int() | Decimal() as value):
            return Decimal(value), Decimal(value)
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return value_range(symbols.definitions[ident], symbols)
        case ColumnRef():
            return _range_of_column(scalar, symbols)
        case Case(values=values):
            return _hull(values, symbols)
        case Call(op=op) if (ends := OPERATIONS[op].values) is not None:
            return Decimal(ends[0]), Decimal(ends[1])
        case Call(op="coalesce" | "greatest" | "least", args=args):
            return _hull(args, symbols)
        case Call(op="text_to_int" | "native_int", args=(_, Literal(value=int() as low), Literal(value=int() as high))):
            return Decimal(min(low, 0)), Decimal(high)  # an empty text is read as 0
        case Call(op=op, args=args):
            return _range_of_call(op, args, symbols)
    return None


def _range_of_column(column: ColumnRef, symbols: SymbolTable) -> ValueRange | None:
    if column.ident in symbols.opaque:
        low, high = symbols.opaque[column.ident].low, symbols.opaque[column.ident].high
        return None if low is None or high is None else (low, high)
    origin = symbols.origin(column)
    if column.type is ScalarType.FLAG:
        return Decimal(0), Decimal(1)
    if origin is None or origin.variable.low is None or origin.variable.high is None:
        return None
    return Decimal(repr(origin.variable.low)), Decimal(repr(origin.variable.high))


def _hull(parts: Sequence[Scalar], symbols: SymbolTable) -> ValueRange | None:
    # NULL is no value, so it does not widen the range
    there = [p for p in parts if not (isinstance(p, Literal) and p.value is None)]
    found = [f for p in there if (f := value_range(p, symbols)) is not None]
    if not found or len(found) < len(there):  # one unbounded part makes the whole unbounded
        return None
    return min(f[0] for f in found), max(f[1] for f in found)


def _range_of_call(op: str, args: tuple[Scalar, ...], symbols: SymbolTable) -> ValueRange | None:
    sides = [value_range(a, symbols) for a in args[:2]]
    first = sides[0]
    if first is None:
        return None
    low, high = first
    if op in RANGE_PRESERVING:
        return low, high
    if op in {"negate", "abs"}:
        return (-high, -low) if op == "negate" else (max(low, -high, Decimal(0)), max(abs(low), abs(high)))
    if op in ROUNDING:
        digits = args[1].value if op == "round" and isinstance(args[1], Literal) else 0
        return _rounded(op, low, high, Decimal(10) ** max(0, -digits) if isinstance(digits, int) else Decimal(1))
    second = sides[1] if len(sides) > 1 else None
    return _pair(op, first, second) if second is not None else None


def _rounded(op: str, low: Decimal, high: Decimal, step: Decimal = Decimal(1)) -> ValueRange | None:
    """Range after rounding. Rounding moves a number by at most one step, toward zero or away from it, and never across
    zero."""
    if op == "floor":
        return low.to_integral_value("ROUND_FLOOR"), high
    if op == "ceiling":
        return low, high.to_integral_value("ROUND_CEILING")
    return low - step if low < 0 else Decimal(0), max(Decimal(0), high + step)


def _pair(op: str, first: ValueRange, second: ValueRange) -> ValueRange | None:
    if op == "add":
        return first[0] + second[0], first[1] + second[1]
    if op == "subtract":
        return first[0] - second[1], first[1] - second[0]
    # only a constant divisor keeps the range known
    if op == "multiply" or (op in {"divide", "divide_truncated"} and second[0] == second[1] != 0):
        ends = [a * b if op == "multiply" else a / b for a in first for b in second]
        low, high = min(ends) - (0 if min(ends) >= 0 else FLOAT_SLACK), max(ends) + FLOAT_SLACK
        return _rounded(op, low, high) if op == "divide_truncated" else (low, high)
    return None


def is_nonnegative(scalar: Scalar, symbols: SymbolTable, facts: list[Scalar]) -> bool:
    found = value_range(scalar, symbols)
    if (found is not None and found[0] >= 0) or (isinstance(scalar, Call) and scalar.op == "abs"):
        return True
    return any(low >= 0 for low, _ in _lower_bounds(scalar, facts)) or (
        isinstance(scalar, Call) and scalar.op == "nullif" and is_nonnegative(scalar.args[0], symbols, facts)
    )


def is_positive(scalar: Scalar, symbols: SymbolTable, facts: list[Scalar]) -> bool:
    found = value_range(scalar, symbols)
    if (found is not None and found[0] > 0) or _is_known_positive(scalar, facts):
        return True
    return is_nonnegative(scalar, symbols, facts) and _is_known_nonzero(scalar, facts)


def is_nonzero(scalar: Scalar, symbols: SymbolTable, facts: list[Scalar]) -> bool:
    """Whether a number is never 0. It may be NULL."""
    found = value_range(scalar, symbols)
    if found is not None and not found[0] <= 0 <= found[1]:
        return True
    return _is_known_nonzero(scalar, facts) or _is_known_positive(scalar, facts)


def _is_known_positive(scalar: Scalar, facts: list[Scalar]) -> bool:
    return any(low > 0 or (strict and low >= 0) for low, strict in _lower_bounds(scalar, facts))


def _is_known_nonzero(scalar: Scalar, facts: list[Scalar]) -> bool:
    if isinstance(scalar, Call) and scalar.op == "nullif" and _is_zero(scalar.args[1]):
        return True
    for fact in facts:
        match fact:
            case Call(op="not", args=(Call(op="equal", args=(left, right)),)) if left == scalar and _is_zero(right):
                return True
    return False


def _is_zero(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) and scalar.value is not None and scalar.type.is_number and scalar.value == 0


def _lower_bounds(scalar: Scalar, facts: list[Scalar]) -> list[tuple[Decimal, bool]]:
    """Lower bounds of a number from the conditions around it. True: the bound itself is excluded."""
    found = []
    for fact in facts:
        match fact:
            case Call(op="less" | "at_most" as op, args=(Literal(value=int() | Decimal() as low), other)):
                if other == scalar:
                    found.append((Decimal(low), op == "less"))
    return found


DEFAULT_MAGNITUDES = {ScalarType.FLAG: Decimal(1), ScalarType.INT: Decimal(2) ** 31}
DEFAULT_MAGNITUDE = Decimal(10) ** 12

MOST_DECIMALS = 18
"""Most decimal places of exact arithmetic. With whole parts up to LARGEST_NUMBER, values fit the engine's 38 digits."""

WIDEST_WHOLE = Decimal(10) ** 38
"""Above the widest numbers of the engine, which have 38 digits."""

MOST_ROWS = Decimal(10) ** 9
"""More rows than a sum can ever have."""

LONGEST_TEXT = 8000
"""Most characters of a T-SQL text, and so the most to which one row may grow."""

FREE_TEXT_LENGTH = 255
"""Assumed maximum length of a text without a code list."""


def magnitude(scalar: Scalar, symbols: SymbolTable) -> Decimal:
    """Upper bound of the absolute value of a number."""
    match scalar:
        case Literal(value=int() | Decimal() as value):
            return abs(Decimal(value))
        case Literal():
            return Decimal(0)
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            if ident not in symbols.sizes:  # saved, because nested definitions would be computed again and again
                symbols.sizes[ident] = magnitude(symbols.definitions[ident], symbols)
            return symbols.sizes[ident]
        case ColumnRef():
            return _magnitude_of_column(scalar, symbols)
        case Case(values=values):
            return max(magnitude(v, symbols) for v in values)
        case Call(op=op, args=args):
            return min(UNBOUNDED, OPERATIONS[op].magnitude([magnitude(a, symbols) for a in args], args))


def _magnitude_of_column(column: ColumnRef, symbols: SymbolTable) -> Decimal:
    if column.ident in symbols.sizes:
        return symbols.sizes[column.ident]
    origin = symbols.origin(column)
    if column.type is ScalarType.FLAG or origin is None or origin.variable.low is None or origin.variable.high is None:
        return DEFAULT_MAGNITUDES.get(column.type, DEFAULT_MAGNITUDE)
    return max(abs(Decimal(repr(origin.variable.low))), abs(Decimal(repr(origin.variable.high))))


def max_decimals(scalar: Scalar, symbols: SymbolTable) -> int:
    """Upper bound of the decimal places of an exact number; 0 for a whole number or a binary fraction."""
    if scalar.type is not ScalarType.DECIMAL:
        return 0
    match scalar:
        case Literal(value=Decimal() as value):
            return max(0, -int(value.as_tuple().exponent))
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return max_decimals(symbols.definitions[ident], symbols)
        case ColumnRef(ident=ident) if ident in symbols.opaque:
            return symbols.opaque[ident].decimals
        case ColumnRef():
            origin = symbols.origin(scalar)
            return (origin.variable.decimals or 0) if origin is not None else 0
        case Case(values=values):
            return max(max_decimals(v, symbols) for v in values)
        case Call(op=op, args=(_, _, Literal(value=int() as places))) if op in DECIMAL_CASTS:
            return places
        case Call(op=op, args=args):
            found = [max_decimals(a, symbols) for a in args]
            # products add their places; sums have the most of either side
            return sum(found) if op == "multiply" else max(found)
    return 0


def is_exact(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine holds a number exactly. A variable without fixed decimal places is a binary fraction in the
    vault."""
    if scalar.type is ScalarType.DOUBLE:
        return False
    match scalar:
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return is_exact(symbols.definitions[ident], symbols)
        case ColumnRef():
            origin = symbols.origin(scalar)
            return scalar.type.is_whole or (origin is not None and origin.variable.decimals is not None)
        case Case(values=values):
            return all(is_exact(v, symbols) for v in values)
        case Call(op=op) if op in DECIMAL_CASTS:
            return True
        case Call(args=args, type=kind):
            return kind.is_whole or all(is_exact(a, symbols) for a in args)
    return True


def is_64_bit(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine computes a whole number in 64 bits. It reads every variable in 64 bits, but literals in 32."""
    match scalar:
        case Literal():
            return False
        case ColumnRef(ident=ident):
            return ident not in symbols.definitions or is_64_bit(symbols.definitions[ident], symbols)
        case Case(values=values):
            return any(is_64_bit(v, symbols) for v in values)
        case Call(op=op, args=args) if OPERATIONS[op].has_argument_width:
            return any(is_64_bit(a, symbols) for a in args)
    return True


def fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can compute a number on every row without overflow."""
    return magnitude(scalar, symbols) <= LARGEST_NUMBER and max_decimals(scalar, symbols) <= MOST_DECIMALS


def sum_fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can sum a number over any rows without overflow."""
    largest = LARGEST_WHOLE if scalar.type.is_whole else LARGEST_NUMBER
    return magnitude(scalar, symbols) <= largest and _steps(scalar, symbols) * MOST_ROWS < WIDEST_WHOLE


def square_fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can sum the squares of an exact number over any rows, as whole numbers."""
    return _steps(scalar, symbols) ** 2 * MOST_ROWS < WIDEST_WHOLE


def _steps(scalar: Scalar, symbols: SymbolTable) -> Decimal:
    """Upper bound of the absolute value of a number as a whole number of its last decimal place."""
    return magnitude(scalar, symbols) * Decimal(10) ** max_decimals(scalar, symbols)


def max_length(scalar: Scalar, symbols: SymbolTable) -> int:
    """Upper bound of the length of a text, in characters."""
    match scalar:
        case Literal(value=value):
            return len(value) if isinstance(value, str) else OTHER_TEXT_LENGTH
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return max_length(symbols.definitions[ident], symbols)
        case ColumnRef():
            origin = symbols.origin(scalar)
            codes = origin.variable.codes if origin is not None else None
            return max((len(c) for c in codes), default=0) if codes is not None else FREE_TEXT_LENGTH
        case Case(values=values):
            return max(max_length(v, symbols) for v in values)
        case Call(op=op, args=args):
            return OPERATIONS[op].length([max_length(a, symbols) for a in args], args)
