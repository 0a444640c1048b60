"""What scalars and aggregates of a plan mean, in plain Python and by definition: nothing of the query room is used.

Numbers are exact fractions. What has no meaning here raises `NoReferenceValue`, and the query is counted and left out.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, sqrt, trunc
from typing import Any

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar

Row = Mapping[int, Any]


class NoReferenceValue(Exception):
    """An operation that this reference does not know."""


def exact(value: Any) -> Any:
    return Fraction(str(value)) if isinstance(value, Decimal | float) else value


def _round_half_away(x: Any, places: int) -> Any:
    scaled = Fraction(x) * 10**places
    whole = floor(abs(scaled) + Fraction(1, 2))
    found = Fraction(whole if scaled >= 0 else -whole, 1) / Fraction(10) ** places
    return int(found) if isinstance(x, int) else found


def _text(x: Any) -> str:
    if isinstance(x, int | str):
        return str(x)
    raise NoReferenceValue("to_text")


def _folded(x: str) -> str:
    return x.rstrip(" ").lower()


def _quotient(a: Any, b: Any) -> Any:
    return None if b == 0 else Fraction(a) / Fraction(b)


STRICT: dict[str, Callable[..., Any]] = {
    "equal": lambda a, b: a == b,
    "equal_text": lambda a, b: _folded(a) == _folded(b),
    "less": lambda a, b: a < b,
    "at_most": lambda a, b: a <= b,
    "not": lambda a: not a,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": _quotient,
    "divide_truncated": lambda a, b: None if b == 0 else trunc(Fraction(a) / Fraction(b)),
    "remainder": lambda a, b: None if b == 0 else a - b * trunc(Fraction(a) / Fraction(b)),
    "negate": lambda a: -a,
    "abs": abs,
    "floor": floor,
    "ceiling": ceil,
    "round": _round_half_away,
    "truncate": trunc,
    "to_int": lambda a: int(a) if isinstance(a, str) else _round_half_away(a, 0) if a == trunc(a) else _no("to_int"),
    "to_double": lambda a: Fraction(a),
    "to_decimal": lambda a, _, places: _round_half_away(Fraction(a), places),
    "to_text": _text,
    "concat": lambda a, b: a + b,
    "left": lambda a, n: a[:n],
    "right": lambda a, n: a[-n:] if n else "",
    "substring": lambda a, start, n: a[max(0, start - 1) : max(0, start - 1 + n)],
    "upper": str.upper,
    "lower": str.lower,
    "trim": lambda a: a.strip(" "),
    "length": len,
    "length_trimmed": lambda a: len(a.rstrip(" ")),
    "year": lambda a: a.year,
    "month": lambda a: a.month,
}  # fmt: skip


def _no(name: str) -> Any:
    raise NoReferenceValue(name)


def _like(text: str, pattern: str) -> bool:
    """`%` and `_` only."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_like(text[i:], pattern[1:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _like(text[1:], pattern[1:])


STRICT["like"] = _like
STRICT["like_any_case"] = lambda a, b: _like(a.lower(), b.lower())


def value(scalar: Scalar, row: Row) -> Any:
    """The value of a scalar on one row; NULL is None."""
    match scalar:
        case ColumnRef(ident=ident):
            return row.get(ident)
        case Literal(value=literal):
            return exact(literal)
        case Case(whens=whens, otherwise=otherwise):
            return value(next((then for when, then in whens if value(when, row) is True), otherwise), row)
        case Call(op=op, args=args):
            return _called(op, [value(a, row) for a in args])
    raise NoReferenceValue(type(scalar).__name__)


def _called(op: str, args: list[Any]) -> Any:
    match op:
        case "and":
            return False if False in args else None if None in args else True
        case "or":
            return True if True in args else None if None in args else False
        case "is_null":
            return args[0] is None
        case "coalesce":
            return next((a for a in args if a is not None), None)
        case "nullif":
            return None if args[0] == args[1] else args[0]
    if op not in STRICT:
        raise NoReferenceValue(op)
    return None if None in args else STRICT[op](*args)


def order_key(of: Any) -> tuple[bool, Any]:
    """NULL is the lowest of all."""
    return (of is not None, 0 if of is None else _folded(of) if isinstance(of, str) else of)


def sorted_rows(rows: Sequence[Row], order: Sequence[tuple[Scalar, bool]]) -> list[Row]:
    """Rows in order; (expression, descending), the first taking precedence."""
    found = list(rows)
    for scalar, descending in reversed(order):
        found.sort(key=lambda r: order_key(value(scalar, r)), reverse=descending)
    return found


def _mean(v: list[Any]) -> Any:
    return Fraction(sum(v)) / len(v) if v else None


def _quantile(v: list[Any], q: Any) -> Any:
    ordered, place = sorted(map(Fraction, v)), (len(v) - 1) * Fraction(q)
    low = floor(place)
    high = min(low + 1, len(v) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _spread(v: list[Any], whole: bool) -> Any:
    if len(v) < (1 if whole else 2):
        return None
    mean = Fraction(sum(v)) / len(v)
    return sum((x - mean) ** 2 for x in v) / (len(v) if whole else len(v) - 1)


def _root(x: Any) -> Any:
    return None if x is None else sqrt(x)


AGGREGATES: dict[str, Callable[[list[Any], Sequence[Any]], Any]] = {
    "count": lambda v, _: len(v),
    "count_distinct": lambda v, _: len(set(v)),
    "sum": lambda v, _: sum(v) if v else None,
    "mean": lambda v, _: _mean(v),
    "mean_truncated": lambda v, _: trunc(_mean(v)) if v else None,
    "least": lambda v, _: min(v, key=order_key, default=None),
    "greatest": lambda v, _: max(v, key=order_key, default=None),
    "most_common": lambda v, _: min(v, key=lambda x: (-v.count(x), order_key(x)), default=None),
    "quantile": lambda v, rest: _quantile(v, rest[0]) if v else None,
    "quantile_discrete": lambda v, rest: sorted(v)[max(0, ceil(Fraction(rest[0]) * len(v)) - 1)] if v else None,
    "deviation": lambda v, _: _root(_spread(v, whole=False)),
    "deviation_whole": lambda v, _: _root(_spread(v, whole=True)),
    "variance": lambda v, _: _spread(v, whole=False),
    "variance_whole": lambda v, _: _spread(v, whole=True),
}


LEAVES_OUT: dict[str, Callable[[Sequence[Any]], bool]] = {
    "first_of_order": lambda _: False,
    "first_present": lambda v: v[0] is None,
    "first_with_both": lambda v: v[0] is None or v[1] is None,
}
"""Aggregates that give the value of one row, by the rows that they leave out."""


def _first_of(op: str, args: Sequence[Scalar], rows: Sequence[Row]) -> Any:
    order = [(key, str(value(how, {})).startswith("DESC")) for key, how in zip(args[1::2], args[2::2], strict=True)]
    left = [r for r in rows if not LEAVES_OUT[op]([value(a, r) for a in args])]
    return value(args[0], sorted_rows(left, order)[0]) if left else None


def aggregate(op: str, args: Sequence[Scalar], rows: Sequence[Row]) -> Any:
    """One aggregate over the rows of a group, NULLs left out."""
    if op == "count_rows":
        return len(rows)
    if op in LEAVES_OUT:
        return _first_of(op, args, rows)
    if op not in AGGREGATES:
        raise NoReferenceValue(op)
    found = [x for r in rows if (x := value(args[0], r)) is not None]
    return AGGREGATES[op](found, [value(a, rows[0]) for a in args[1:]] if rows else [])
