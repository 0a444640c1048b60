"""The one closed list of operations: name, DuckDB text, and the same meaning in Python. No dialects, no names.

An operation that is not in this table cannot be planned, folded or rendered. `fold` gets the arguments' values
and must agree with `template` on every one of them; where it cannot, it answers UNKNOWN, which is always safe.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from math import ceil, floor, trunc
from typing import Any

from broker.domain.scalars import Value


class Unknown:
    """The answer of a fold that does not know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
Fold = Callable[[Sequence[Any]], Any]
CONTEXT = Context(prec=38, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Operation:
    """`template` has {0} {1} … or, for many arguments, a joining word between bars. `strict`: NULL in, NULL out."""

    name: str
    template: str
    fold: Fold
    strict: bool = True
    least: int = 1
    most: int = 1


def number(value: Any) -> Any:
    """A value for exact arithmetic: whole numbers stay, fractions become decimals."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def _arithmetic(work: Callable[[Any, Any], Any]) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        with localcontext(CONTEXT):
            return work(number(v[0]), number(v[1]))

    return fold


def _divide(a: Any, b: Any) -> Any:
    return None if b == 0 else Decimal(a) / Decimal(b)


def _divide_truncated(a: Any, b: Any) -> Any:
    return None if b == 0 else trunc(Decimal(a) / Decimal(b))


def _round(v: Sequence[Any]) -> Any:
    exact = Decimal(number(v[0]))
    rounded = exact.quantize(Decimal(1).scaleb(-v[1]), rounding=ROUND_HALF_UP, context=CONTEXT)
    return int(rounded) if isinstance(v[0], int) else rounded


def _to_decimal(v: Sequence[Any]) -> Any:
    return Decimal(number(v[0])).quantize(Decimal(1).scaleb(-v[2]), rounding=ROUND_HALF_UP, context=CONTEXT)


def _same_text(v: Any) -> Any:
    return v.rstrip(" ").lower() if isinstance(v, str) and v.isascii() else UNKNOWN


def _equal_text(v: Sequence[Any]) -> Any:
    a, b = _same_text(v[0]), _same_text(v[1])
    return UNKNOWN if a is UNKNOWN or b is UNKNOWN else a == b


def _ordered(test: Callable[[Any, Any], bool]) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        if isinstance(v[0], str) and not (v[0].isascii() and v[1].isascii()):
            return UNKNOWN
        return test(number(v[0]), number(v[1]))

    return fold


def _text(v: Sequence[Any]) -> Any:
    return str(v[0]) if isinstance(v[0], int | str) and not isinstance(v[0], bool) else UNKNOWN


def _ascii(work: Callable[[str], Any]) -> Fold:
    return lambda v: work(v[0]) if v[0].isascii() else UNKNOWN


def _unknown(_: Sequence[Any]) -> Any:
    return UNKNOWN


def _year(v: Sequence[Any]) -> Any:
    return v[0].year if isinstance(v[0], date) else UNKNOWN


def _month(v: Sequence[Any]) -> Any:
    return v[0].month if isinstance(v[0], date) else UNKNOWN


def _coalesce(v: Sequence[Any]) -> Any:
    return next((x for x in v if x is not None), None)


_MANY = 100_000
_TABLE = (
    Operation("equal", "({0} = {1})", lambda v: number(v[0]) == number(v[1]), most=2, least=2),
    Operation("equal_text", "(lower(rtrim({0})) = lower(rtrim({1})))", _equal_text, most=2, least=2),
    Operation("less", "({0} < {1})", _ordered(lambda a, b: a < b), most=2, least=2),
    Operation("at_most", "({0} <= {1})", _ordered(lambda a, b: a <= b), most=2, least=2),
    Operation("like", "({0} LIKE {1})", _unknown, most=2, least=2),
    Operation("like_any_case", "(lower({0}) LIKE lower({1}))", _unknown, most=2, least=2),
    Operation("is_null", "({0} IS NULL)", lambda v: v[0] is None, strict=False),
    Operation("and", "| AND |", _unknown, strict=False, least=2, most=_MANY),
    Operation("or", "| OR |", _unknown, strict=False, least=2, most=_MANY),
    Operation("not", "(NOT {0})", lambda v: not v[0]),
    Operation("add", "({0} + {1})", _arithmetic(lambda a, b: a + b), least=2, most=2),
    Operation("subtract", "({0} - {1})", _arithmetic(lambda a, b: a - b), least=2, most=2),
    Operation("multiply", "({0} * {1})", _arithmetic(lambda a, b: a * b), least=2, most=2),
    Operation("divide", "({0} / nullif({1}, 0))", _arithmetic(_divide), least=2, most=2),
    Operation("divide_truncated", "({0} // nullif({1}, 0))", _arithmetic(_divide_truncated), least=2, most=2),
    Operation("negate", "(- {0})", lambda v: -v[0]),
    Operation("abs", "abs({0})", lambda v: abs(v[0])),
    Operation("floor", "CAST(floor({0}) AS BIGINT)", lambda v: floor(number(v[0]))),
    Operation("ceiling", "CAST(ceil({0}) AS BIGINT)", lambda v: ceil(number(v[0]))),
    Operation("round", "round({0}, {1})", _round, least=2, most=2),
    Operation("truncate", "CAST(trunc({0}) AS BIGINT)", lambda v: trunc(number(v[0]))),
    Operation("to_int", "CAST({0} AS BIGINT)", lambda v: int(v[0])),
    Operation("to_double", "CAST({0} AS DOUBLE)", lambda v: number(v[0])),
    Operation("to_decimal", "CAST({0} AS DECIMAL({1}, {2}))", _to_decimal, least=3, most=3),
    Operation("to_text", "CAST({0} AS VARCHAR)", _text),
    Operation("coalesce", "coalesce|, |", _coalesce, strict=False, least=2, most=_MANY),
    Operation("nullif", "nullif({0}, {1})", lambda v: None if v[0] == v[1] else v[0], strict=False, least=2, most=2),
    Operation("concat", "({0} || {1})", lambda v: v[0] + v[1], least=2, most=2),
    Operation("left", "left({0}, {1})", lambda v: v[0][: v[1]], least=2, most=2),
    Operation("right", "right({0}, {1})", lambda v: v[0][-v[1] :] if v[1] else "", least=2, most=2),
    Operation("substring", "substring({0}, {1}, {2})", lambda v: v[0][v[1] - 1 : v[1] - 1 + v[2]], least=3, most=3),
    Operation("upper", "upper({0})", _ascii(str.upper)),
    Operation("lower", "lower({0})", _ascii(str.lower)),
    Operation("trim", "trim({0})", lambda v: v[0].strip(" ")),
    Operation("length", "length({0})", _ascii(len)),
    Operation("length_trimmed", "length(rtrim({0}))", _ascii(lambda s: len(s.rstrip(" ")))),
    Operation("year", "year({0})", _year),
    Operation("month", "month({0})", _month),
)
OPERATIONS: dict[str, Operation] = {o.name: o for o in _TABLE}


def apply(op: str, values: Sequence[Value]) -> Any:
    """The operation's value on known arguments; UNKNOWN where Python and the engine could differ."""
    operation = OPERATIONS[op]
    if operation.strict and any(v is None for v in values):
        return None
    try:
        return operation.fold(values)
    except (TypeError, ArithmeticError, ValueError, AttributeError):
        return UNKNOWN


def text_for(op: str, args: Sequence[str]) -> str:
    """The operation's DuckDB text over already rendered arguments."""
    operation = OPERATIONS[op]
    if not operation.least <= len(args) <= operation.most:
        raise ValueError(f"{op} takes {operation.least} to {operation.most} arguments, not {len(args)}")
    if operation.most < _MANY:
        return operation.template.format(*args)
    head, _, rest = operation.template.partition("|")
    return f"{head}({rest.removesuffix('|').join(args)})"
