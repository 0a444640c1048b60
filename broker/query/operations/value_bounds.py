"""Bounds of values: range, magnitude and decimal places of a number, length of a text."""

from decimal import Decimal

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType
from broker.query.bound_relations import conjuncts_of
from broker.query.symbols import SymbolTable

ValueRange = tuple[Decimal, Decimal]
PART_RANGES: dict[str, tuple[int, int]] = {
    "year": (1, 9999), "month": (1, 12), "day": (1, 31), "quarter": (1, 4), "day_of_year": (1, 366),
    "week_iso": (1, 53), "week_from_sunday": (1, 54), "weekday_from_0": (0, 6), "weekday_from_1": (1, 7),
    "weekday_iso": (1, 7), "sign": (-1, 1),
}  # fmt: skip
RANGE_PRESERVING = frozenset({"to_int", "to_double", "nullif"})
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
        case Case(whens=whens, otherwise=otherwise):
            return _hull([*(v for _, v in whens), otherwise], symbols)
        case Call(op=op) if op in PART_RANGES:
            low, high = PART_RANGES[op]
            return Decimal(low), Decimal(high)
        case Call(op="coalesce" | "greatest" | "least", args=args):
            return _hull(list(args), symbols)
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


def _hull(parts: list[Scalar], symbols: SymbolTable) -> ValueRange | None:
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
        ends = (-high, -low) if op == "negate" else (max(low, -high, Decimal(0)), max(abs(low), abs(high)))
        return ends
    if op in {"floor", "ceiling", "truncate", "round", "round_truncated", "to_decimal", "remainder"}:
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
    if found is not None and found[0] > 0:
        return True
    if any(low > 0 or (strict and low >= 0) for low, strict in _lower_bounds(scalar, facts)):
        return True
    return is_nonnegative(scalar, symbols, facts) and _is_known_nonzero(scalar, facts)


def is_nonzero(scalar: Scalar, symbols: SymbolTable, facts: list[Scalar]) -> bool:
    """Whether a number is never 0. It may be NULL."""
    found = value_range(scalar, symbols)
    if found is not None and not found[0] <= 0 <= found[1]:
        return True
    return _is_known_nonzero(scalar, facts) or any(
        low > 0 or (strict and low >= 0) for low, strict in _lower_bounds(scalar, facts)
    )


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


def known_facts(condition: Scalar) -> list[Scalar]:
    """Facts that hold where a condition is true."""
    return list(conjuncts_of(condition))


LARGEST_NUMBER = Decimal(10) ** 17
DEFAULT_MAGNITUDES = {ScalarType.FLAG: Decimal(1), ScalarType.INT: Decimal(2) ** 31}
DEFAULT_MAGNITUDE = Decimal(10) ** 12
UNBOUNDED = Decimal(10) ** 100_000
"""Magnitude of a quotient by a fraction: nothing bounds it, and no chain of small constants can make it small."""

MOST_DECIMALS = 18
"""Most decimal places of exact arithmetic. With whole parts up to LARGEST_NUMBER, values fit the engine's 38 digits."""

MOST_ROWS = Decimal(10) ** 9
"""More rows than a sum can ever have."""

SMALL_MAGNITUDE = Decimal(10) ** 7
"""Larger than any part of a date, any difference of two dates and any length."""

SMALL_OPS = frozenset(
    {*PART_RANGES, "length", "length_trimmed", "position", "position_any_case", "years_between", "quarters_between",
     "months_between", "days_between", "sundays_between", "whole_weeks_between", "ln", "log", "log2", "log10"}
)  # fmt: skip
NARROW_OPS = frozenset(
    {"add", "subtract", "multiply", "divide_truncated", "remainder", "negate", "abs", "round", "round_truncated",
     "coalesce", "nullif", "greatest", "least"}
)  # fmt: skip
"""Operations on whole numbers whose result has the width of their arguments."""

LARGEST_EXPONENT = 39
"""e to this power is below LARGEST_NUMBER."""

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
        case Case(whens=whens, otherwise=otherwise):
            return max(magnitude(v, symbols) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op) if op in SMALL_OPS:
            return SMALL_MAGNITUDE
        case Call(op=op, args=args):
            return min(UNBOUNDED, _magnitude_of_call(op, [magnitude(a, symbols) for a in args], args))


def _magnitude_of_column(column: ColumnRef, symbols: SymbolTable) -> Decimal:
    if column.ident in symbols.sizes:
        return symbols.sizes[column.ident]
    origin = symbols.origin(column)
    if column.type is ScalarType.FLAG or origin is None or origin.variable.low is None or origin.variable.high is None:
        return DEFAULT_MAGNITUDES.get(column.type, DEFAULT_MAGNITUDE)
    return max(abs(Decimal(repr(origin.variable.low))), abs(Decimal(repr(origin.variable.high))))


def _magnitude_of_call(op: str, sizes: list[Decimal], args: tuple[Scalar, ...]) -> Decimal:
    match op:
        case "add" | "subtract":
            return sum(sizes, Decimal(0))
        case "multiply":
            return sizes[0] * sizes[1]
        case "divide" | "divide_truncated":
            if isinstance(args[1], Literal):
                return sizes[0] / sizes[1] if sizes[1] else Decimal(0)
            # a divisor that is a whole number other than 0 is at least 1
            return sizes[0] if args[1].type.is_whole else UNBOUNDED
        case "floor" | "ceiling":
            return sizes[0] + 1
        case "round":
            return sizes[0] + max(Decimal(1), Decimal(10) ** -_literal_int(args[1]))
        case "coalesce" | "greatest" | "least":
            return max(sizes)
        case "text_to_int" | "native_int":
            return max(sizes[1], sizes[2])
        case "text_to_decimal" | "native_decimal":
            return Decimal(10) ** (_literal_int(args[1]) - _literal_int(args[2]))
        case "text_to_double" | "native_double":
            return UNBOUNDED
        case _:
            return _magnitude_of_curve(op, sizes, args)


def _magnitude_of_curve(op: str, sizes: list[Decimal], args: tuple[Scalar, ...]) -> Decimal:
    """Magnitude after non-linear operations; all others keep the magnitude of their first argument."""
    match op, args:
        case "sqrt", _:
            return max(Decimal(1), sizes[0])
        case "exp", _:
            return LARGEST_NUMBER if sizes[0] <= LARGEST_EXPONENT else UNBOUNDED
        case "power", _ if sizes[0] > LARGEST_NUMBER:
            return UNBOUNDED
        case "power", (_, Literal(value=int() | Decimal() as exponent)) if 0 <= exponent <= LARGEST_EXPONENT:
            return max(Decimal(1), sizes[0]) ** -int(-exponent // 1)
        case "power", _:
            return UNBOUNDED
    return sizes[0]


def _literal_int(scalar: Scalar) -> int:
    return scalar.value if isinstance(scalar, Literal) and isinstance(scalar.value, int) else 0


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
        case Case(whens=whens, otherwise=otherwise):
            return max(max_decimals(v, symbols) for v in [*(v for _, v in whens), otherwise])
        case Call(op="to_decimal" | "text_to_decimal" | "native_decimal", args=(_, _, Literal(value=int() as places))):
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
        case Case(whens=whens, otherwise=otherwise):
            return all(is_exact(v, symbols) for v in [*(v for _, v in whens), otherwise])
        case Call(op="to_decimal" | "text_to_decimal" | "native_decimal"):
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
        case Case(whens=whens, otherwise=otherwise):
            return any(is_64_bit(v, symbols) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op, args=args) if op in NARROW_OPS:
            return any(is_64_bit(a, symbols) for a in args)
    return True


def fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can compute a number on every row without overflow."""
    return magnitude(scalar, symbols) <= LARGEST_NUMBER and max_decimals(scalar, symbols) <= MOST_DECIMALS


def sum_fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can sum a number over any rows without overflow."""
    size = magnitude(scalar, symbols)
    return (
        size <= LARGEST_NUMBER and size * Decimal(10) ** max_decimals(scalar, symbols) * MOST_ROWS < Decimal(10) ** 38
    )


def square_fits(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether the engine can sum the squares of an exact number over any rows, as whole numbers."""
    return (magnitude(scalar, symbols) * Decimal(10) ** max_decimals(scalar, symbols)) ** 2 * MOST_ROWS < Decimal(
        10
    ) ** 38


def max_length(scalar: Scalar, symbols: SymbolTable) -> int:
    """Upper bound of the length of a text, in characters."""
    match scalar:
        case Literal(value=value):
            return len(value) if isinstance(value, str) else 20
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return max_length(symbols.definitions[ident], symbols)
        case ColumnRef():
            origin = symbols.origin(scalar)
            codes = origin.variable.codes if origin is not None else None
            return max((len(c) for c in codes), default=0) if codes is not None else FREE_TEXT_LENGTH
        case Case(whens=whens, otherwise=otherwise):
            return max(max_length(v, symbols) for v in [*(v for _, v in whens), otherwise])
        case Call(op=op, args=args):
            return _max_call_length(op, args, [max_length(a, symbols) for a in args])


def _max_call_length(op: str, args: tuple[Scalar, ...], sizes: list[int]) -> int:
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
            return min(sizes[0], _literal_int(args[1]))
        case "coalesce":
            return max(sizes)
        case "upper" | "lower":
            return sizes[0]
    return max(sizes, default=20) if args and args[0].type is ScalarType.TEXT else 20
