"""Numbers and casts by dialect: what T-SQL truncates is its own operation. No text functions, no comparisons."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.refusing import Stop
from broker.query.sizes import fits, largest

if TYPE_CHECKING:
    from broker.query.meaning import Meaning

OPS: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}
UNARY: dict[type[exp.Expr], str] = {exp.Abs: "abs", exp.Floor: "floor", exp.Ceil: "ceiling"}
WHOLE = frozenset({"INT", "BIGINT", "SMALLINT", "TINYINT", "UTINYINT"})
TEXTS = frozenset({"VARCHAR", "NVARCHAR", "TEXT", "CHAR", "NCHAR"})


def common_type(kinds: list[Type], node: exp.Expr) -> Type:
    """The type of a value that is one of several."""
    found = {k for k in kinds if k is not Type.NULL}
    if not found:
        return Type.NULL
    if len(found) == 1:
        return found.pop()
    for kind in (Type.DOUBLE, Type.DECIMAL, Type.INT):
        if kind in found and all(k.is_number for k in found):
            return kind
    raise Stop("type", "The branches are of different types.", "Give all branches one type.", node)


def numbers(m: "Meaning", node: exp.Expr, *parts: exp.Expr) -> list[Scalar]:
    return checked(node, [m.value(p) for p in parts])


def checked(node: exp.Expr, found: list[Scalar]) -> list[Scalar]:
    if not all(f.type.is_number or f.type is Type.NULL for f in found):
        raise Stop("type", "Arithmetic needs numbers.", "Use a variable that is a number.", node)
    return found


def result_type(left: Scalar, right: Scalar) -> Type:
    kinds = {left.type, right.type}
    if Type.DOUBLE in kinds:
        return Type.DOUBLE
    return Type.DECIMAL if Type.DECIMAL in kinds else Type.INT


def binary(m: "Meaning", node: exp.Expr) -> Scalar:
    left, right = m.value(node.this), m.value(node.expression)
    if isinstance(node, exp.Add) and m.is_tsql and Type.TEXT in (left.type, right.type):
        if left.type is right.type:
            return Call("concat", (left, right), Type.TEXT)
        raise Stop("type", "Text and a number cannot be joined by +.", "CAST the number AS varchar(10) first.", node)
    left, right = checked(node, [left, right])
    result = Call(OPS[type(node)], (left, right), result_type(left, right))
    _check_fits(m, node, result)
    return result


def _check_fits(m: "Meaning", node: exp.Expr, value: Scalar) -> None:
    if m.is_rows and not fits(value, m.book):
        message = "The numbers can become too large or too fine, which would end the job."
        raise Stop("overflow", message, "Use smaller constants with fewer decimal places.", node)


def division(m: "Meaning", node: exp.Expr) -> Scalar:
    """T-SQL divides whole numbers to a truncated whole number; DuckDB to a fraction."""
    left, right = numbers(m, node, node.this, node.expression)
    if not m.division_is_safe(right):
        message = "A division by zero would end the job."
        raise Stop("division", message, "Write x / NULLIF(y, 0).", node)
    if m.is_tsql and left.type.is_whole and right.type.is_whole:
        return Call("divide_truncated", (left, right), Type.INT)
    return Call("divide", (left, right), Type.DOUBLE)


def negation(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    if isinstance(value, Literal) and isinstance(value.value, int | Decimal):
        return Literal(-value.value, value.type)
    return Call("negate", (value,), Type.INT if value.type is Type.FLAG else value.type)


def unary(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    op = UNARY[type(node)]
    if op != "abs":
        _check_fits(m, node, value)
    kept = Type.INT if value.type.is_whole else value.type
    return Call(op, (value,), kept if op == "abs" else Type.INT)


def rounding(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    digits = m.whole(node.args["decimals"], "The number of digits") if node.args.get("decimals") else 0
    if not 0 <= digits <= 10:
        raise Stop("literal", "ROUND takes 0 to 10 digits.", "Write ROUND(x, 2).", node)
    return Call("round", (value, Literal(digits, Type.INT)), Type.INT if value.type.is_whole else value.type)


def cast(m: "Meaning", node: exp.Expr) -> Scalar:
    return _cast(m, node, m.value(node.this), node.args["to"])


def convert(m: "Meaning", node: exp.Expr) -> Scalar:
    return _cast(m, node, m.value(node.expression), node.this)


def _cast(m: "Meaning", node: exp.Expr, value: Scalar, target: exp.Expr) -> Scalar:
    if not isinstance(target, exp.DataType):
        raise Stop(
            "cast", "The type of this CAST is not understood.", "Use int, float, decimal(p, s) or varchar(n).", node
        )
    name = target.this.value if hasattr(target.this, "value") else str(target.this)
    sizes = [int(p.name) for p in target.expressions if p.name.isdigit()]
    if name in TEXTS:
        return _to_text(m, node, value, sizes)
    if not value.type.is_number:
        raise Stop("cast", "Only numbers can be cast to numbers.", "Compare codes as text, or use CASE WHEN.", node)
    if name in WHOLE:
        return _to_whole(m, node, value)
    if name == "DOUBLE" or (name == "FLOAT" and m.is_tsql and (not sizes or sizes[0] > 24)):
        return Call("to_double", (value,), Type.DOUBLE)
    if name == "DECIMAL" and len(sizes) == 2 and sizes[0] <= 38 and sizes[1] <= sizes[0]:
        digits, scale = sizes
        if m.is_rows and largest(value, m.book) >= Decimal(10) ** (digits - scale):
            raise Stop("cast", "The number may not fit, which would end the job.", "Use decimal(18, 4).", node)
        return Call("to_decimal", (value, Literal(digits, Type.INT), Literal(scale, Type.INT)), Type.DECIMAL)
    raise Stop("cast", "The type of this CAST is not understood.", "Use int, float, decimal(p, s) or varchar(n).", node)


def _to_whole(m: "Meaning", node: exp.Expr, value: Scalar) -> Scalar:
    if value.type.is_whole:
        return Call("to_int", (value,), Type.INT)
    _check_fits(m, node, value)
    if m.is_tsql:
        return Call("truncate", (value,), Type.INT)
    raise Stop("cast", "DuckDB rounds a fraction that is cast.", "Write FLOOR(x), CEIL(x) or ROUND(x, 0).", node)


def _to_text(m: "Meaning", node: exp.Expr, value: Scalar, sizes: list[int]) -> Scalar:
    """A length cuts in T-SQL; DuckDB ignores it."""
    if value.type.is_whole:
        if m.is_tsql and (sizes or [30])[0] < 11:
            origin = m.book.origin(value)
            high = origin.variable.high if origin else None
            low = origin.variable.low if origin else None
            if high is None or low is None or max(len(str(int(high))), len(str(int(low)))) > sizes[0]:
                raise Stop("cast", "The number may not fit.", "Use varchar(20).", node)
        return Call("to_text", (value,), Type.TEXT)
    if value.type is not Type.TEXT:
        raise Stop("cast", "Only whole numbers and text can be cast to text.", "Group by the number itself.", node)
    return Call("left", (value, Literal((sizes or [30])[0], Type.INT)), Type.TEXT) if m.is_tsql else value
