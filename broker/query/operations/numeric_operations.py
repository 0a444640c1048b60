"""Number operations that cannot fail on any row: a result that does not exist is NULL. No dialects, no other values."""

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from math import ceil, floor, trunc
from typing import Any

from broker.query.operations.operation import CONTEXT, UNKNOWN, Fold, Operation, exact_number, unknown_fold

WHOLE_TEXT = " *[+-]?[0-9]{1,18} *"
EXACT_TEXT = r" *[+-]?([0-9]{1,18}\.?[0-9]{0,18}|\.[0-9]{1,18}) *"
FLOAT_TEXT = r" *[+-]?([0-9]{1,200}\.?[0-9]{0,18}|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})? *"
_EMPTY = "trim({0}, ' ') = ''"


_WHOLE_TEXT, _EXACT_TEXT, _FLOAT_TEXT = (
    t.replace("{", "{{").replace("}", "}}") for t in (WHOLE_TEXT, EXACT_TEXT, FLOAT_TEXT)
)


def arithmetic(work: Callable[[Any, Any], Any]) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        with localcontext(CONTEXT):
            return work(exact_number(v[0]), exact_number(v[1]))

    return fold


def _divide(a: Any, b: Any) -> Any:
    return None if b == 0 else Decimal(a) / Decimal(b)


def _divide_truncated(a: Any, b: Any) -> Any:
    return None if b == 0 else trunc(Decimal(a) / Decimal(b))


def _remainder(a: Any, b: Any) -> Any:
    """Remainder with the sign of the dividend."""
    return None if b == 0 else a - b * trunc(Decimal(a) / Decimal(b))


def _rounding(mode: str) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        exact = Decimal(exact_number(v[0]))
        rounded = exact.quantize(Decimal(1).scaleb(-v[1]), rounding=mode, context=CONTEXT)
        return int(rounded) if isinstance(v[0], int) else rounded

    return fold


def _to_decimal(v: Sequence[Any]) -> Any:
    return Decimal(exact_number(v[0])).quantize(Decimal(1).scaleb(-v[2]), rounding=ROUND_HALF_UP, context=CONTEXT)


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
    return _text_to_int(v) if re.fullmatch("-?[0-9]{1,9}", v[0]) else UNKNOWN


def _pair(name: str, text: str, fold: Fold) -> Operation:
    return Operation(name, text, fold, min_arguments=2, max_arguments=2)


def _triple(name: str, text: str, fold: Fold) -> Operation:
    return Operation(name, text, fold, min_arguments=3, max_arguments=3)


NUMERIC_OPERATIONS = (
    _pair("add", "({0} + {1})", arithmetic(lambda a, b: a + b)),
    _pair("subtract", "({0} - {1})", arithmetic(lambda a, b: a - b)),
    _pair("multiply", "({0} * {1})", arithmetic(lambda a, b: a * b)),
    _pair("divide", "({0} / nullif({1}, 0))", arithmetic(_divide)),
    _pair("divide_truncated", "({0} // nullif({1}, 0))", arithmetic(_divide_truncated)),
    _pair("remainder", "({0} % nullif({1}, 0))", arithmetic(_remainder)),
    Operation("negate", "(- {0})", lambda v: -v[0]),
    Operation("abs", "abs({0})", lambda v: abs(v[0])),
    Operation("sign", "CAST(sign({0}) AS BIGINT)", lambda v: (v[0] > 0) - (v[0] < 0)),
    Operation("floor", "CAST(floor({0}) AS BIGINT)", lambda v: floor(exact_number(v[0]))),
    Operation("ceiling", "CAST(ceil({0}) AS BIGINT)", lambda v: ceil(exact_number(v[0]))),
    _pair("round", "round({0}, {1})", _rounding(ROUND_HALF_UP)),
    _pair("round_truncated", "trunc({0}, {1})", _rounding(ROUND_DOWN)),
    Operation("truncate", "CAST(trunc({0}) AS BIGINT)", lambda v: trunc(exact_number(v[0]))),
    Operation("to_int", "CAST({0} AS BIGINT)", lambda v: int(v[0])),
    Operation("to_double", "CAST({0} AS DOUBLE)", lambda v: exact_number(v[0])),
    _triple("to_decimal", "CAST({0} AS DECIMAL({1}, {2}))", _to_decimal),
    _triple(
        "text_to_int",
        f"(CASE WHEN {_EMPTY} THEN 0 WHEN regexp_full_match({{0}}, '{_WHOLE_TEXT}') "
        "AND TRY_CAST({0} AS BIGINT) BETWEEN {1} AND {2} THEN TRY_CAST({0} AS BIGINT) END)",
        _text_to_int,
    ),
    _triple(
        "text_to_decimal",
        f"(CASE WHEN regexp_full_match({{0}}, '{_EXACT_TEXT}') THEN TRY_CAST({{0}} AS DECIMAL({{1}}, {{2}})) END)",
        _text_to_decimal,
    ),
    Operation(
        "text_to_double",
        f"(CASE WHEN {_EMPTY} THEN 0 WHEN regexp_full_match({{0}}, "
        f"'{_FLOAT_TEXT}') AND isfinite(TRY_CAST({{0}} AS DOUBLE)) THEN TRY_CAST({{0}} AS DOUBLE) END)",
        unknown_fold,
    ),
    _triple(
        "native_int",
        "(CASE WHEN TRY_CAST({0} AS BIGINT) BETWEEN {1} AND {2} THEN TRY_CAST({0} AS BIGINT) END)",
        _native_int,
    ),
    _triple("native_decimal", "TRY_CAST({0} AS DECIMAL({1}, {2}))", unknown_fold),
    Operation(
        "native_double", "(CASE WHEN isfinite(TRY_CAST({0} AS DOUBLE)) THEN TRY_CAST({0} AS DOUBLE) END)", unknown_fold
    ),
    _pair("power", "pow({0}, {1})", unknown_fold),
    Operation("sqrt", "sqrt(CASE WHEN {0} >= 0 THEN {0} END)", unknown_fold),
    Operation("exp", "exp({0})", unknown_fold),
    Operation("ln", "ln(CASE WHEN {0} > 0 THEN {0} END)", unknown_fold),
    _pair("log", "(ln(CASE WHEN {1} > 0 THEN {1} END) / ln({0}))", unknown_fold),
    Operation("log10", "log10(CASE WHEN {0} > 0 THEN {0} END)", unknown_fold),
    Operation("log2", "log2(CASE WHEN {0} > 0 THEN {0} END)", unknown_fold),
)
