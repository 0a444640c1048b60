"""CAST, TRY_CAST, CONVERT and TRY_CONVERT by dialect. A conversion that fails on a row gives NULL there. No
arithmetic."""

from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import (
    MOST_DIGITS,
    NULL,
    Call,
    Case,
    Literal,
    Scalar,
    ScalarType,
    as_decimal,
    integer,
    truth_call,
)
from broker.query.diagnostics import BindError, check_arguments
from broker.query.expressions import date_functions
from broker.query.expressions.arithmetic import TOO_LARGE, exact_quotient, fits
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.expressions.predicates import spellings, spellings_of
from broker.query.operations.operation import UNKNOWN
from broker.query.operations.possible_values import KnownValues, possible_values
from broker.query.operations.value_bounds import MOST_DECIMALS, is_exact, magnitude, max_decimals, value_range

WHOLE = {
    "TINYINT": (-128, 127), "UTINYINT": (0, 255), "SMALLINT": (-(2**15), 2**15 - 1), "INT": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
}  # fmt: skip
LONG = -(10**18), 10**18
"""Texts of more digits are no numbers here."""
TEXTS = frozenset({"VARCHAR", "NVARCHAR", "TEXT"})
PADDED = frozenset({"CHAR", "NCHAR"})
TYPES = "Use int, float, decimal(p, s), date, bit or varchar(n)."
MAX_DIGITS = 17
DEFAULT_LENGTH = 30
"""Length of varchar without a length in T-SQL's CAST."""


def cast(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """CAST and TRY_CAST."""
    return _cast(binder, node, node.this, node.args["to"], tries=isinstance(node, exp.TryCast))


def convert(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """Bind CONVERT. A style is supported for dates as text."""
    style = node.args.get("style")
    if style is None:
        return _cast(binder, node, node.expression, node.this, bool(node.args.get("safe")))
    value = binder.value(node.expression)
    name, length = _target_type(node, node.this)
    if value.type is not ScalarType.DATE or name not in TEXTS | PADDED:
        message = "CONVERT can have a style only for dates as text."
        raise BindError("cast", message, "Write CONVERT(varchar(10), d, 120).", node)
    return date_functions.as_text(
        node, value, binder.written_integer(style, "The style"), length[0] if length else None, name in PADDED
    )


def _target_type(node: exp.Expr, target: exp.Expr) -> tuple[str, list[int]]:
    if not isinstance(target, exp.DataType):
        raise BindError("cast", "The type of this CAST is not understood.", TYPES, node)
    check_arguments(target, "this", "expressions")
    name = target.this.value if hasattr(target.this, "value") else str(target.this)
    parts = [p.name for p in target.expressions]
    if name in TEXTS and parts == ["MAX"]:
        return "TEXT", [8000]
    if not all(p.isdigit() for p in parts):
        raise BindError("cast", "The length of this type must be a number.", "Write varchar(10).", node)
    return name, [int(p) for p in parts]


def _cast(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr, target: exp.Expr, tries: bool) -> Scalar:
    name, sizes = _target_type(node, target)
    value = binder.value(part)
    if name in TEXTS | PADDED:
        return _to_text(binder, node, value, name, sizes)
    if name == "DATE":
        return date_functions.as_date(binder, node, value)
    if value.type is ScalarType.TEXT:
        return _from_text(binder, node, value, name, sizes, tries)
    if not (value.type.is_number or value.type is ScalarType.NULL):
        raise BindError(
            "cast", "You can cast only numbers to numbers.", "Compare codes as text, or use CASE WHEN.", node
        )
    if name in WHOLE:
        return _to_whole(binder, node, value, name)
    if name == binder.dialect.boolean_type:
        return _to_bit(binder, value)
    if _is_double(binder, name, sizes):
        return Call("to_double", (value,), ScalarType.DOUBLE)
    if name == "DECIMAL":
        return _to_decimal(binder, node, value, sizes)
    raise BindError("cast", "The type of this CAST is not understood.", TYPES, node)


def _is_double(binder: ExpressionBinder, name: str, sizes: list[int]) -> bool:
    """Whether a type is a 64-bit float."""
    # float(25) to float(53) have 64 bits
    is_wide = binder.dialect.has_wide_floats and (not sizes or 24 < sizes[0] <= 53)
    return name == "DOUBLE" or (name == "FLOAT" and is_wide)


def _digits(binder: ExpressionBinder, node: exp.Expr, sizes: list[int]) -> tuple[int, int]:
    """Return (digits, digits after the point) of a decimal type. With one number, there are none after the point."""
    digits, scale = (*(sizes or [binder.dialect.default_decimal_digits or 0]), 0)[:2]
    if len(sizes) > 2 or not 1 <= digits <= 38 or not 0 <= scale <= digits:
        raise BindError("cast", "The type of this CAST is not understood.", "Use decimal(18, 4).", node)
    return digits, scale


def _to_decimal(binder: ExpressionBinder, node: exp.Expr, value: Scalar, sizes: list[int]) -> Scalar:
    digits, scale = _digits(binder, node, sizes)
    scale = min(scale, MOST_DECIMALS)
    # digits before the point must hold the largest value
    if not binder.is_rows or magnitude(value, binder.symbols) < Decimal(10) ** (digits - scale):
        return as_decimal(value, digits, scale)
    binder.note_missing(TOO_LARGE)
    return Call("to_decimal_or_null", (value, integer(digits), integer(scale)), ScalarType.DECIMAL)


def _to_whole(binder: ExpressionBinder, node: exp.Expr, value: Scalar, name: str) -> Scalar:
    found = _made_whole(binder, value)
    if not fits(binder, value):
        found = binder.or_null(found, TOO_LARGE)
    if name in {"TINYINT", "UTINYINT", "SMALLINT"} and binder.is_rows:
        known, (low, high) = value_range(value, binder.symbols), WHOLE[name]
        if known is None or not (low <= known[0] and known[1] <= high):
            binder.note_missing(TOO_LARGE)
            inside = truth_call("at_most", integer(low), found), truth_call("at_most", found, integer(high))
            return Case(((truth_call("and", *inside), found),), NULL, ScalarType.INT)
    return found


def _made_whole(binder: ExpressionBinder, value: Scalar) -> Call:
    if value.type.is_whole or value.type is ScalarType.NULL:
        return Call("to_int", (value,), ScalarType.INT)
    if binder.dialect.truncates_whole_numbers:
        binder.advise(
            "A fraction that is cast to a whole number is truncated, as in T-SQL; write ROUND(x, 0) to round."
        )
        return Call("truncate", (exact_quotient(binder, value),), ScalarType.INT)
    return Call("rounded_by_cast", (value,), ScalarType.INT)


def _to_bit(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """Bind a cast to bit: every value but 0 is 1."""
    is_zero = truth_call("equal", value, integer(0))
    if not binder.dialect.booleans_are_numbers:
        return truth_call("not", is_zero)
    # NULL stays NULL
    arms = ((is_zero, integer(0)), (truth_call("is_null", value), NULL))
    return Case(arms, integer(1), ScalarType.INT)


def _from_text(
    binder: ExpressionBinder, node: exp.Expr, value: Scalar, name: str, sizes: list[int], tries: bool
) -> Scalar:
    """Bind a cast from text to a number: NULL where the text is no number, as TRY_CAST says."""
    result = _read_number(binder, node, value, name, sizes)
    if not tries and not _all_convert(binder, value, result):
        binder.note_missing("Rows whose text is not a number")
    return result


def _read_number(binder: ExpressionBinder, node: exp.Expr, value: Scalar, name: str, sizes: list[int]) -> Call:
    dialect = binder.dialect
    if name in WHOLE:
        low, high = (integer(n) for n in (LONG if name == "BIGINT" else WHOLE[name]))
        return Call(dialect.text_to_whole, (value, low, high), ScalarType.INT)
    if _is_double(binder, name, sizes):
        return Call(dialect.text_to_double, (value,), ScalarType.DOUBLE)
    if name == "DECIMAL":
        digits, scale = _digits(binder, node, sizes)
        if digits - scale <= MAX_DIGITS and scale <= MOST_DECIMALS:
            size = integer(digits), integer(scale)
            return Call(dialect.text_to_decimal, (value, *size), ScalarType.DECIMAL)
    raise BindError("cast", "Text can be cast to int, float and decimal(18, 4).", "Write TRY_CAST(x AS int).", node)


def _all_convert(binder: ExpressionBinder, value: Scalar, result: Call) -> bool:
    """Whether every value of the text is a number: of the literal, or of the only code list."""
    if isinstance(value, Literal):
        return _is_convertible(result, {}, binder)
    base = binder.symbols.base(value)
    listed = [spellings(binder.symbols.origins[ident]) for ident in base]
    if len(listed) != 1 or not listed[0]:  # only one list can be tried value by value
        return False
    (ident,) = base
    return all(_is_convertible(result, {ident: frozenset({code})}, binder) for code in listed[0].values())


def _is_convertible(result: Call, known: KnownValues, binder: ExpressionBinder) -> bool:
    read = possible_values(result.args[0], known, binder.symbols.definitions)
    found = possible_values(result, known, binder.symbols.definitions)
    # an empty text would silently become 0
    return bool(read) and found is not None and found.isdisjoint({None, UNKNOWN}) and "" not in (read or ())


def _to_text(binder: ExpressionBinder, node: exp.Expr, value: Scalar, name: str, sizes: list[int]) -> Scalar:
    """Bind a cast to text. A length cuts the text in T-SQL; DuckDB ignores it."""
    length = (sizes or [DEFAULT_LENGTH])[0] if name != "TEXT" or sizes else 8000
    if value.type.is_whole:
        value = _whole_to_text(binder, value, length)
    elif value.type is ScalarType.DATE:
        value = Call("date_text", (value,), ScalarType.TEXT)
    elif value.type is ScalarType.DECIMAL and is_exact(value, binder.symbols):
        value = Call("to_text", (as_decimal(value, MOST_DIGITS, max_decimals(value, binder.symbols)),), ScalarType.TEXT)
    elif value.type not in {ScalarType.TEXT, ScalarType.NULL}:
        message = "The text of a float depends on the server."
        raise BindError("cast", message, "CAST it AS decimal(10, 2) first.", node)
    if name in PADDED and binder.dialect.casts_cut_text and _min_length(binder, value) < (sizes or [DEFAULT_LENGTH])[0]:
        return Call("padded", (value, integer(length)), ScalarType.TEXT)
    # 8000 characters is the longest T-SQL text, so nothing is cut
    if not binder.dialect.casts_cut_text or length >= 8000:
        return value
    return Call("left", (value, integer(length)), ScalarType.TEXT)


def _whole_to_text(binder: ExpressionBinder, value: Scalar, length: int) -> Scalar:
    """Bind a whole number as text. T-SQL writes a star if it does not fit."""
    text = Call("to_text", (value,), ScalarType.TEXT)
    if binder.dialect.casts_cut_text and binder.is_rows:
        found = value_range(value, binder.symbols) or (
            -magnitude(value, binder.symbols),
            magnitude(value, binder.symbols),
        )
        if max(len(str(int(end))) for end in found) > length:
            size = Call("length", (text,), ScalarType.INT)
            return Case(
                ((truth_call("less", integer(length), size), Literal("*", ScalarType.TEXT)),), text, ScalarType.TEXT
            )
    return text


def _min_length(binder: ExpressionBinder, value: Scalar) -> int:
    """Fewest characters of a text, as far as a code list shows; 0 if unknown."""
    if isinstance(value, Literal) and isinstance(value.value, str):
        return len(value.value)
    listed = spellings_of(binder.symbols, value)
    return min((len(c) for c in listed.values()), default=0) if listed else 0
