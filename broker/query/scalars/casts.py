"""CAST, TRY_CAST, CONVERT and TRY_CONVERT by dialect. A conversion that can fail on a row is refused, or gives NULL
where the form says so. No arithmetic."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import NULL, Call, Case, Literal, Scalar, Type
from broker.query.operations.fold import Known, possible
from broker.query.operations.ranges import between
from broker.query.operations.sizes import FINEST, largest
from broker.query.operations.table import UNKNOWN
from broker.query.refusing import Stop, check_arguments
from broker.query.scalars import dates
from broker.query.scalars.arithmetic import check_fits, settled
from broker.query.scalars.comparing import spellings, spellings_of, truth

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

WHOLE = {
    "TINYINT": (-128, 127), "UTINYINT": (0, 255), "SMALLINT": (-(2**15), 2**15 - 1), "INT": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
}  # fmt: skip
TEXTS = frozenset({"VARCHAR", "NVARCHAR", "TEXT"})
PADDED = frozenset({"CHAR", "NCHAR"})
TYPES = "Use int, float, decimal(p, s), date, bit or varchar(n)."
MOST_DIGITS = 17
UNSIZED = 30
"""The length of varchar without one in T-SQL's CAST."""


def cast(m: "Meaning", node: exp.Expr) -> Scalar:
    return _cast(m, node, node.this, node.args["to"], tries=False)


def try_cast(m: "Meaning", node: exp.Expr) -> Scalar:
    return _cast(m, node, node.this, node.args["to"], tries=True)


def convert(m: "Meaning", node: exp.Expr) -> Scalar:
    """CONVERT; a style is understood for dates as text."""
    style = node.args.get("style")
    if style is None:
        return _cast(m, node, node.expression, node.this, bool(node.args.get("safe")))
    value = m.value(node.expression)
    name, length = _target(node, node.this)
    if value.type is not Type.DATE or name not in TEXTS | PADDED:
        message = "Styles of CONVERT are understood for dates as text only."
        raise Stop("cast", message, "Write CONVERT(varchar(10), d, 120).", node)
    return dates.as_text(node, value, m.whole(style, "The style"), length[0] if length else None, name in PADDED)


def _target(node: exp.Expr, target: exp.Expr) -> tuple[str, list[int]]:
    if not isinstance(target, exp.DataType):
        raise Stop("cast", "The type of this CAST is not understood.", TYPES, node)
    check_arguments(target, frozenset({"this", "expressions"}))
    name = target.this.value if hasattr(target.this, "value") else str(target.this)
    parts = [p.name for p in target.expressions]
    if name in TEXTS and parts == ["MAX"]:
        return "TEXT", [8000]
    if not all(p.isdigit() for p in parts):
        raise Stop("cast", "The length of this type must be a number.", "Write varchar(10).", node)
    return name, [int(p) for p in parts]


def _cast(m: "Meaning", node: exp.Expr, part: exp.Expr, target: exp.Expr, tries: bool) -> Scalar:
    name, sizes = _target(node, target)
    value = m.value(part)
    if name in TEXTS | PADDED:
        return _to_text(m, node, value, name, sizes)
    if name == "DATE":
        return dates.as_date(m, node, value)
    if value.type is Type.TEXT:
        return _from_text(m, node, value, name, sizes, tries)
    if not (value.type.is_number or value.type is Type.NULL):
        raise Stop("cast", "Only numbers can be cast to numbers.", "Compare codes as text, or use CASE WHEN.", node)
    if name in WHOLE:
        return _to_whole(m, node, value, name)
    if name == ("BIT" if m.is_tsql else "BOOLEAN"):
        return _to_bit(m, value)
    if _is_double(m, name, sizes):
        return Call("to_double", (value,), Type.DOUBLE)
    if name == "DECIMAL":
        return _to_decimal(m, node, value, sizes)
    raise Stop("cast", "The type of this CAST is not understood.", TYPES, node)


def _is_double(m: "Meaning", name: str, sizes: list[int]) -> bool:
    """T-SQL's float has 64 bits, DuckDB's 32, which would lose digits."""
    return name == "DOUBLE" or (name == "FLOAT" and m.is_tsql and (not sizes or 24 < sizes[0] <= 53))


def _digits(m: "Meaning", node: exp.Expr, sizes: list[int]) -> tuple[int, int]:
    """A bare decimal has no decimal places in T-SQL."""
    digits, scale = (*(sizes or [18]), 0)[:2] if m.is_tsql or len(sizes) < 2 else sizes
    if len(sizes) > 2 or (not sizes and not m.is_tsql) or not 1 <= digits <= 38 or not 0 <= scale <= digits:
        raise Stop("cast", "The type of this CAST is not understood.", "Use decimal(18, 4).", node)
    return digits, scale


def _to_decimal(m: "Meaning", node: exp.Expr, value: Scalar, sizes: list[int]) -> Scalar:
    digits, scale = _digits(m, node, sizes)
    if m.is_rows and (largest(value, m.book) >= Decimal(10) ** (digits - scale) or scale > FINEST):
        raise Stop("cast", "The number may not fit, which would end the job.", "Use decimal(18, 4).", node)
    return Call("to_decimal", (value, Literal(digits, Type.INT), Literal(scale, Type.INT)), Type.DECIMAL)


def _to_whole(m: "Meaning", node: exp.Expr, value: Scalar, name: str) -> Scalar:
    check_fits(m, node, value)
    if name in {"TINYINT", "UTINYINT", "SMALLINT"} and m.is_rows:
        found = between(value, m.book)
        if found is None or not (WHOLE[name][0] <= found[0] and found[1] <= WHOLE[name][1]):
            raise Stop("cast", "The number may not fit, which would end the job.", "CAST it AS int.", node)
    if value.type.is_whole or value.type is Type.NULL:
        return Call("to_int", (value,), Type.INT)
    if m.is_tsql:
        m.advise("A fraction that is cast to a whole number is truncated, as in T-SQL; write ROUND(x, 0) to round.")
        return Call("truncate", (settled(m, value),), Type.INT)
    raise Stop("cast", "DuckDB rounds a fraction that is cast.", "Write FLOOR(x), CEIL(x) or ROUND(x, 0).", node)


def _to_bit(m: "Meaning", value: Scalar) -> Scalar:
    """Everything but 0 is 1."""
    is_zero = truth("equal", value, Literal(0, Type.INT))
    if not m.is_tsql:
        return truth("not", is_zero)
    arms = ((is_zero, Literal(0, Type.INT)), (truth("is_null", value), NULL))
    return Case(arms, Literal(1, Type.INT), Type.INT)


def _from_text(m: "Meaning", node: exp.Expr, value: Scalar, name: str, sizes: list[int], tries: bool) -> Scalar:
    """Text to a number: by CAST only if every code of the list is one, by TRY_CAST always."""
    result = _read_number(m, node, value, name, sizes)
    if not tries and not _all_convert(m, value, result):
        message = "A text that is not a number would end the job."
        raise Stop("cast", message, "Write TRY_CAST(x AS int), which gives NULL; or compare codes as text.", node)
    return result


def _read_number(m: "Meaning", node: exp.Expr, value: Scalar, name: str, sizes: list[int]) -> Call:
    prefix = "text" if m.is_tsql else "native"
    if name in WHOLE and name != "BIGINT":
        low, high = (Literal(n, Type.INT) for n in WHOLE[name])
        if prefix == "native":
            return Call("native_int", (value, low, high), Type.INT)
        return Call("text_to_int", (value, low, high), Type.INT)
    if _is_double(m, name, sizes):
        return Call(f"{prefix}_to_double" if m.is_tsql else "native_double", (value,), Type.DOUBLE)
    if name == "DECIMAL":
        digits, scale = _digits(m, node, sizes)
        if digits - scale <= MOST_DIGITS and scale <= FINEST:
            op = "text_to_decimal" if m.is_tsql else "native_decimal"
            return Call(op, (value, Literal(digits, Type.INT), Literal(scale, Type.INT)), Type.DECIMAL)
    raise Stop("cast", "Text can be cast to int, float and decimal(18, 4).", "Write TRY_CAST(x AS int).", node)


def _all_convert(m: "Meaning", value: Scalar, result: Call) -> bool:
    """Whether each value that the text can have is a number: the one that is written, or each code of a list."""
    if isinstance(value, Literal):
        return _converts(result, {}, m)
    base = m.book.base(value)
    listed = [spellings(m.book.origins[ident]) for ident in base]
    if len(listed) != 1 or not listed[0]:
        return False
    (ident,) = base
    return all(_converts(result, {ident: frozenset({code})}, m) for code in listed[0].values())


def _converts(result: Call, known: Known, m: "Meaning") -> bool:
    read = possible(result.args[0], known, m.book.definitions)
    found = possible(result, known, m.book.definitions)
    return bool(read) and found is not None and found.isdisjoint({None, UNKNOWN}) and "" not in (read or ())


def _to_text(m: "Meaning", node: exp.Expr, value: Scalar, name: str, sizes: list[int]) -> Scalar:
    """A length cuts in T-SQL; DuckDB ignores it."""
    length = (sizes or [UNSIZED])[0] if name != "TEXT" or sizes else 8000
    if name in PADDED and m.is_tsql and _shortest(m, value) < (sizes or [UNSIZED])[0]:
        raise Stop("cast", "char(n) fills a text up with blanks.", "Use varchar(n).", node)
    if value.type.is_whole:
        return _whole_to_text(m, node, value, length)
    if value.type is Type.DATE:
        raise Stop("cast", "How a date is written depends on the server.", "Write CONVERT(varchar(10), d, 120).", node)
    if value.type not in {Type.TEXT, Type.NULL}:
        raise Stop("cast", "Only whole numbers and text can be cast to text.", "Group by the number itself.", node)
    if not m.is_tsql or length >= 8000:
        return value
    return Call("left", (value, Literal(length, Type.INT)), Type.TEXT)


def _whole_to_text(m: "Meaning", node: exp.Expr, value: Scalar, length: int) -> Scalar:
    """T-SQL writes a star, or fails, where a number does not fit."""
    if m.is_tsql and m.is_rows:
        found = between(value, m.book) or (-largest(value, m.book), largest(value, m.book))
        if max(len(str(int(end))) for end in found) > length:
            raise Stop("cast", "The number may not fit.", "Use varchar(20).", node)
    return Call("to_text", (value,), Type.TEXT)


def _shortest(m: "Meaning", value: Scalar) -> int:
    """The least number of characters of a text, as far as a code list tells."""
    if isinstance(value, Literal) and isinstance(value.value, str):
        return len(value.value)
    listed = spellings_of(m.book, value)
    return min((len(c) for c in listed.values()), default=0) if listed else 0
