"""Number operations that cannot fail on any row: a result that does not exist is NULL. No dialects, no other values."""

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from functools import partial
from math import ceil, floor, trunc
from typing import Any

from broker.query.operations import operation, result_sizes as sizes

WHOLE_TEXT = " *[+-]?[0-9]{1,18} *"
EXACT_TEXT = r" *[+-]?([0-9]{1,18}\.?[0-9]{0,18}|\.[0-9]{1,18}) *"
FLOAT_TEXT = r" *[+-]?([0-9]{1,200}\.?[0-9]{0,18}|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})? *"
_EMPTY = "trim({0}, ' ') = ''"
FINITE = "nullif(nullif(nullif({0}, 'Infinity'::DOUBLE), '-Infinity'::DOUBLE), 'NaN'::DOUBLE)"
"""A binary fraction; NULL where it is no number, or infinite."""


_WHOLE_TEXT, _EXACT_TEXT, _FLOAT_TEXT = (
    t.replace("{", "{{").replace("}", "}}") for t in (WHOLE_TEXT, EXACT_TEXT, FLOAT_TEXT)
)


def arithmetic(work: Callable[[Any, Any], Any]) -> operation.Fold:
    def fold(v: Sequence[Any]) -> Any:
        with localcontext(operation.CONTEXT):
            return work(operation.exact_number(v[0]), operation.exact_number(v[1]))

    return fold


def _divide(a: Any, b: Any) -> Any:
    return None if b == 0 else Decimal(a) / Decimal(b)


def _divide_truncated(a: Any, b: Any) -> Any:
    return None if b == 0 else trunc(Decimal(a) / Decimal(b))


def _remainder(a: Any, b: Any) -> Any:
    """Remainder with the sign of the dividend."""
    return None if b == 0 else a - b * trunc(Decimal(a) / Decimal(b))


def _rounding(mode: str) -> operation.Fold:
    def fold(v: Sequence[Any]) -> Any:
        exact = Decimal(operation.exact_number(v[0]))
        rounded = exact.quantize(Decimal(1).scaleb(-v[1]), rounding=mode, context=operation.CONTEXT)
        return int(rounded) if isinstance(v[0], int) else rounded

    return fold


def _to_decimal(v: Sequence[Any]) -> Any:
    return Decimal(operation.exact_number(v[0])).quantize(
        Decimal(1).scaleb(-v[2]), rounding=ROUND_HALF_UP, context=operation.CONTEXT
    )


def _to_decimal_or_null(v: Sequence[Any]) -> Any:
    found = _to_decimal(v)
    return found if abs(found) < Decimal(10) ** (v[1] - v[2]) else None


def _rounded_by_cast(v: Sequence[Any]) -> Any:
    """The engine rounds exact numbers half away from zero, and binary fractions half to even."""
    return operation.UNKNOWN if isinstance(v[0], float) else int(Decimal(v[0]).to_integral_value(ROUND_HALF_UP))


def _text_to_int(v: Sequence[Any]) -> Any:
    plain = v[0].strip(" ")
    if not plain:
        return 0
    value = int(plain) if re.fullmatch(WHOLE_TEXT, v[0]) else None
    return value if value is not None and v[1] <= value <= v[2] else None


def _text_to_decimal(v: Sequence[Any]) -> Any:
    if not re.fullmatch(EXACT_TEXT, v[0]):
        return None
    value = _to_decimal([Decimal(v[0].strip(" ")), v[1], v[2]])
    return value if abs(value) < Decimal(10) ** (v[1] - v[2]) else None


def _native_int(v: Sequence[Any]) -> Any:
    # a longer text may be read by the engine in ways that this fold does not know
    return _text_to_int(v) if re.fullmatch("-?[0-9]{1,9}", v[0]) else operation.UNKNOWN


def _number(
    name: str, text: str, fold: operation.Fold, magnitude: sizes.Magnitude, arguments: int, *,
    kind: operation.OperationKind, exact_fold: bool, has_argument_width: bool, values: tuple[int, int] | None = None,
) -> operation.Operation:  # fmt: skip
    """An operation whose result is a number."""
    return operation.Operation(
        *(name, text, fold), kind=kind, exact_fold=exact_fold, error_free=False, has_argument_width=has_argument_width,
        values=values, magnitude=magnitude, length=sizes.longest, arguments=arguments,
    )  # fmt: skip


_exact = partial(_number, kind=operation.OperationKind.OTHER, exact_fold=True)
_cast = partial(_number, magnitude=sizes.of_first, kind=operation.OperationKind.CAST, has_argument_width=False)
_parsed = partial(_number, kind=operation.OperationKind.OTHER, exact_fold=True, has_argument_width=False)
"""A number that is read from a text."""


def _whole(name: str, text: str, work: Callable[[Any], int], magnitude: sizes.Magnitude) -> operation.Operation:
    """A number made whole."""
    return _exact(name, text, lambda v: work(operation.exact_number(v[0])), magnitude, 1, has_argument_width=False)


def _curve(
    name: str,
    text: str,
    work: Callable[..., Decimal | operation.UnknownValue | None],
    magnitude: sizes.Magnitude,
    arguments: int = 1,
) -> operation.Operation:
    """A function that is not linear. The engine gives a binary fraction."""

    def fold(v: Sequence[Any]) -> Any:
        with localcontext(operation.CONTEXT):
            return work(*(Decimal(operation.exact_number(n)) for n in v))

    return _number(
        *(name, text, fold, magnitude, arguments),
        kind=operation.OperationKind.OTHER, exact_fold=False, has_argument_width=False,
    )  # fmt: skip


def _square_root(a: Decimal) -> Decimal | None:
    return a.sqrt() if a >= 0 else None


def _natural_logarithm(a: Decimal) -> Decimal | None:
    return a.ln() if a > 0 else None


def _logarithm(base: Decimal, a: Decimal) -> Decimal | None:
    return a.ln() / base.ln() if a > 0 else None


def _power(a: Decimal, exponent: Decimal) -> Decimal | operation.UnknownValue:
    """The engine gives infinity, or no number, where a power does not exist."""
    if exponent == 0:
        return Decimal(1)
    exists = exponent > 0 if a == 0 else a > 0 or exponent == exponent.to_integral_value()
    return a**exponent if exists else operation.UNKNOWN


NUMERIC_OPERATIONS = (
    _exact("add", "({0} + {1})", arithmetic(lambda a, b: a + b), sizes.of_sum, 2, has_argument_width=True),
    _exact("subtract", "({0} - {1})", arithmetic(lambda a, b: a - b), sizes.of_sum, 2, has_argument_width=True),
    _exact("multiply", "({0} * {1})", arithmetic(lambda a, b: a * b), sizes.of_product, 2, has_argument_width=True),
    _number("divide", "({0} / nullif({1}, 0))", arithmetic(_divide), sizes.of_quotient, 2,
            kind=operation.OperationKind.OTHER, exact_fold=False, has_argument_width=False),
    _exact("divide_truncated", "({0} // nullif({1}, 0))", arithmetic(_divide_truncated), sizes.of_quotient, 2,
           has_argument_width=True),
    _exact("remainder", "({0} % nullif({1}, 0))", arithmetic(_remainder), sizes.of_first, 2, has_argument_width=True),
    _exact("negate", "(- {0})", lambda v: -v[0], sizes.of_first, 1, has_argument_width=True),
    _number("abs", "abs({0})", lambda v: abs(v[0]), sizes.of_first, 1,
            kind=operation.OperationKind.CHOICE, exact_fold=True, has_argument_width=True),
    _number("sign", "CAST(sign({0}) AS BIGINT)", lambda v: (v[0] > 0) - (v[0] < 0), sizes.small, 1,
            kind=operation.OperationKind.OTHER, exact_fold=True, has_argument_width=False, values=(-1, 1)),
    _whole("floor", "CAST(floor({0}) AS BIGINT)", floor, sizes.of_next_whole),
    _whole("ceiling", "CAST(ceil({0}) AS BIGINT)", ceil, sizes.of_next_whole),
    _exact("round", "round({0}, {1})", _rounding(ROUND_HALF_UP), sizes.of_rounded, 2, has_argument_width=True),
    _exact("round_truncated", "trunc({0}, {1})", _rounding(ROUND_DOWN), sizes.of_first, 2, has_argument_width=True),
    _whole("truncate", "CAST(trunc({0}) AS BIGINT)", trunc, sizes.of_first),
    _cast("to_int", "CAST({0} AS BIGINT)", lambda v: int(v[0]), arguments=1, exact_fold=True),
    _cast("to_double", "CAST({0} AS DOUBLE)", lambda v: operation.exact_number(v[0]), arguments=1, exact_fold=False),
    _cast("to_decimal", "CAST({0} AS DECIMAL({1}, {2}))", _to_decimal, arguments=3, exact_fold=True),
    _number("to_decimal_or_null", "TRY_CAST({0} AS DECIMAL({1}, {2}))", _to_decimal_or_null, sizes.within_type, 3,
            kind=operation.OperationKind.OTHER, exact_fold=True, has_argument_width=False),
    _number("finite", FINITE, operation.unknown_fold, sizes.of_first, 1,
            kind=operation.OperationKind.OTHER, exact_fold=False, has_argument_width=False),
    _cast("rounded_by_cast", "CAST({0} AS BIGINT)", _rounded_by_cast, arguments=1, exact_fold=True),
    _parsed(
        "text_to_int",
        f"(CASE WHEN {_EMPTY} THEN 0 WHEN regexp_full_match({{0}}, '{_WHOLE_TEXT}') "
        "AND TRY_CAST({0} AS BIGINT) BETWEEN {1} AND {2} THEN TRY_CAST({0} AS BIGINT) END)",
        *(_text_to_int, sizes.within_limits, 3),
    ),
    _parsed(
        "text_to_decimal",
        f"(CASE WHEN regexp_full_match({{0}}, '{_EXACT_TEXT}') THEN TRY_CAST({{0}} AS DECIMAL({{1}}, {{2}})) END)",
        *(_text_to_decimal, sizes.of_digits, 3),
    ),
    _parsed(
        "text_to_double",
        f"(CASE WHEN {_EMPTY} THEN 0 WHEN regexp_full_match({{0}}, "
        f"'{_FLOAT_TEXT}') AND isfinite(TRY_CAST({{0}} AS DOUBLE)) THEN TRY_CAST({{0}} AS DOUBLE) END)",
        *(operation.unknown_fold, sizes.unbounded, 1),
    ),
    _parsed(
        "native_int",
        "(CASE WHEN TRY_CAST({0} AS BIGINT) BETWEEN {1} AND {2} THEN TRY_CAST({0} AS BIGINT) END)",
        *(_native_int, sizes.within_limits, 3),
    ),
    _parsed("native_decimal", "TRY_CAST({0} AS DECIMAL({1}, {2}))", operation.unknown_fold, sizes.of_digits, 3),
    _parsed(
        "native_double", "(CASE WHEN isfinite(TRY_CAST({0} AS DOUBLE)) THEN TRY_CAST({0} AS DOUBLE) END)",
        *(operation.unknown_fold, sizes.unbounded, 1),
    ),
    _curve("power", "pow({0}, {1})", _power, sizes.of_power, 2),
    _curve("sqrt", "sqrt(CASE WHEN {0} >= 0 THEN {0} END)", _square_root, sizes.of_square_root),
    _curve("exp", "exp({0})", Decimal.exp, sizes.of_exponential),
    _curve("ln", "ln(CASE WHEN {0} > 0 THEN {0} END)", _natural_logarithm, sizes.small),
    _curve("log", "(ln(CASE WHEN {1} > 0 THEN {1} END) / ln({0}))", _logarithm, sizes.small, 2),
    _curve("log10", "log10(CASE WHEN {0} > 0 THEN {0} END)", partial(_logarithm, Decimal(10)), sizes.small),
    _curve("log2", "log2(CASE WHEN {0} > 0 THEN {0} END)", partial(_logarithm, Decimal(2)), sizes.small),
)  # fmt: skip
