"""Between which values a number lies on every row, and what the conditions around it add. Sound for any tree: where
nothing is known the answer is None. No syntax, no text."""

from decimal import Decimal

from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.book import Book
from broker.query.kinds import conjuncts_of

Range = tuple[Decimal, Decimal]
PARTS: dict[str, tuple[int, int]] = {
    "year": (1, 9999), "month": (1, 12), "day": (1, 31), "quarter": (1, 4), "day_of_year": (1, 366),
    "week_iso": (1, 53), "week_from_sunday": (1, 54), "weekday_from_0": (0, 6), "weekday_from_1": (1, 7),
    "weekday_iso": (1, 7), "sign": (-1, 1),
}  # fmt: skip
KEEP = frozenset({"to_int", "to_double", "nullif"})
FLOAT_SLACK = Decimal("1e-9")
"""Binary fractions are not quite what exact arithmetic says."""


def between(scalar: Scalar, book: Book) -> Range | None:
    """The least and the greatest value that a number can have."""
    match scalar:
        case Literal(value=int() | Decimal() as value):
            return Decimal(value), Decimal(value)
        case Column(ident=ident) if ident in book.definitions:
            return between(book.definitions[ident], book)
        case Column():
            return _of_column(scalar, book)
        case Case(whens=whens, otherwise=otherwise):
            return _hull([*(v for _, v in whens), otherwise], book)
        case Call(op=op) if op in PARTS:
            low, high = PARTS[op]
            return Decimal(low), Decimal(high)
        case Call(op="coalesce" | "greatest" | "least", args=args):
            return _hull(list(args), book)
        case Call(op="text_to_int" | "native_int", args=(_, Literal(value=int() as low), Literal(value=int() as high))):
            return Decimal(min(low, 0)), Decimal(high)
        case Call(op=op, args=args):
            return _of_call(op, args, book)
    return None


def _of_column(column: Column, book: Book) -> Range | None:
    if column.ident in book.opaque:
        low, high = book.opaque[column.ident].low, book.opaque[column.ident].high
        return None if low is None or high is None else (low, high)
    origin = book.origin(column)
    if column.type is Type.FLAG:
        return Decimal(0), Decimal(1)
    if origin is None or origin.variable.low is None or origin.variable.high is None:
        return None
    return Decimal(repr(origin.variable.low)), Decimal(repr(origin.variable.high))


def _hull(parts: list[Scalar], book: Book) -> Range | None:
    there = [p for p in parts if not (isinstance(p, Literal) and p.value is None)]
    found = [f for p in there if (f := between(p, book)) is not None]
    if not found or len(found) < len(there):
        return None
    return min(f[0] for f in found), max(f[1] for f in found)


def _of_call(op: str, args: tuple[Scalar, ...], book: Book) -> Range | None:
    sides = [between(a, book) for a in args[:2]]
    first = sides[0]
    if first is None:
        return None
    low, high = first
    if op in KEEP:
        return low, high
    if op in {"negate", "abs"}:
        ends = (-high, -low) if op == "negate" else (max(low, -high, Decimal(0)), max(abs(low), abs(high)))
        return ends
    if op in {"floor", "ceiling", "truncate", "round", "round_truncated", "to_decimal", "remainder"}:
        digits = args[1].value if op == "round" and isinstance(args[1], Literal) else 0
        return _rounded(op, low, high, Decimal(10) ** max(0, -digits) if isinstance(digits, int) else Decimal(1))
    second = sides[1] if len(sides) > 1 else None
    return _pair(op, first, second) if second is not None else None


def _rounded(op: str, low: Decimal, high: Decimal, step: Decimal = Decimal(1)) -> Range | None:
    """Cutting moves a number toward zero, or away from it by at most one step, and never across it."""
    if op == "floor":
        return low.to_integral_value("ROUND_FLOOR"), high
    if op == "ceiling":
        return low, high.to_integral_value("ROUND_CEILING")
    return low - step if low < 0 else Decimal(0), max(Decimal(0), high + step)


def _pair(op: str, first: Range, second: Range) -> Range | None:
    if op == "add":
        return first[0] + second[0], first[1] + second[1]
    if op == "subtract":
        return first[0] - second[1], first[1] - second[0]
    if op == "multiply" or (op in {"divide", "divide_truncated"} and second[0] == second[1] != 0):
        ends = [a * b if op == "multiply" else a / b for a in first for b in second]
        low, high = min(ends) - (0 if min(ends) >= 0 else FLOAT_SLACK), max(ends) + FLOAT_SLACK
        return _rounded(op, low, high) if op == "divide_truncated" else (low, high)
    return None


def is_at_least_zero(scalar: Scalar, book: Book, facts: list[Scalar]) -> bool:
    found = between(scalar, book)
    if (found is not None and found[0] >= 0) or (isinstance(scalar, Call) and scalar.op == "abs"):
        return True
    return any(low >= 0 for low, _ in _lows(scalar, facts)) or (
        isinstance(scalar, Call) and scalar.op == "nullif" and is_at_least_zero(scalar.args[0], book, facts)
    )


def is_above_zero(scalar: Scalar, book: Book, facts: list[Scalar]) -> bool:
    found = between(scalar, book)
    if found is not None and found[0] > 0:
        return True
    if any(low > 0 or (strict and low >= 0) for low, strict in _lows(scalar, facts)):
        return True
    return is_at_least_zero(scalar, book, facts) and _is_not_zero(scalar, facts)


def is_not_zero(scalar: Scalar, book: Book, facts: list[Scalar]) -> bool:
    """Whether a number is never 0; NULL it may be."""
    found = between(scalar, book)
    if found is not None and not found[0] <= 0 <= found[1]:
        return True
    return _is_not_zero(scalar, facts) or any(low > 0 or (strict and low >= 0) for low, strict in _lows(scalar, facts))


def _is_not_zero(scalar: Scalar, facts: list[Scalar]) -> bool:
    if isinstance(scalar, Call) and scalar.op == "nullif" and _is_zero(scalar.args[1]):
        return True
    for fact in facts:
        match fact:
            case Call(op="not", args=(Call(op="equal", args=(left, right)),)) if left == scalar and _is_zero(right):
                return True
    return False


def _is_zero(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) and scalar.value is not None and scalar.type.is_number and scalar.value == 0


def _lows(scalar: Scalar, facts: list[Scalar]) -> list[tuple[Decimal, bool]]:
    """Lower bounds that the conditions around a number give it, and whether the bound itself is left out."""
    found = []
    for fact in facts:
        match fact:
            case Call(op="less" | "at_most" as op, args=(Literal(value=int() | Decimal() as low), other)):
                if other == scalar:
                    found.append((Decimal(low), op == "less"))
    return found


def facts_of(condition: Scalar) -> list[Scalar]:
    """What holds where a condition is true."""
    return list(conjuncts_of(condition))
