"""Numbers by dialect: + - * / % and what T-SQL truncates. No casts, no rounding, no text functions."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import NULL, Call, Literal, Scalar, Type
from broker.domain.variables import VariableClass
from broker.query.operations import ranges
from broker.query.operations.sizes import LONGEST, fits, is_fixed, is_wide, largest, longest, scale
from broker.query.operations.table import apply
from broker.query.refusing import Stop
from broker.query.scalars import dates

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

OPS: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}
NUMBER_TEXT = frozenset("0123456789")
NARROW = Decimal(10) ** 18
SETTLED = 10
"""Decimal places to which a quotient of exact numbers is rounded before anything jumps at a whole number."""


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
    if isinstance(node.expression, exp.Interval):
        return dates.moved_by_interval(m, node)
    left, right = m.value(node.this), m.value(node.expression)
    if Type.DATE in (left.type, right.type) and not m.is_tsql:
        return dates.plus_or_minus(m, node, left, right)
    if isinstance(node, exp.Add) and m.is_tsql and Type.TEXT in (left.type, right.type):
        return _plus_text(m, node, left, right)
    left, right = checked(node, [left, right])
    return _checked(m, node, OPS[type(node)], left, right)


def _checked(m: "Meaning", node: exp.Expr, op: str, left: Scalar, right: Scalar) -> Scalar:
    """Arithmetic that the engine can compute on every row; of two written numbers it is done at once."""
    kind = result_type(left, right)
    check_fits(m, node, Call(op, (left, right), kind))
    if NULL in (left, right):
        return NULL
    if isinstance(left, Literal) and isinstance(right, Literal) and kind in {Type.INT, Type.DECIMAL}:
        return Literal(apply(op, (left.value, right.value)), kind)
    return _widened(m, Call(op, (wide(m, left), wide(m, right)), kind))


def wide(m: "Meaning", value: Scalar) -> Scalar:
    """A whole number in 64 bits: written numbers alone have 32 in the engine."""
    if isinstance(value, Literal) or not value.type.is_whole or is_wide(value, m.book):
        return value
    return Call("to_int", (value,), Type.INT)


def _widened(m: "Meaning", call: Call) -> Call:
    """Decimals of up to 18 digits are computed in 18 digits by the engine: where the result can have more, one side is
    made wider first."""
    left, right = call.args
    if not m.is_rows or call.type is not Type.DECIMAL or not all(is_fixed(s, m.book) for s in call.args):
        return call
    if largest(call, m.book) * Decimal(10) ** scale(call, m.book) < NARROW:
        return call
    places = Literal(scale(left, m.book), Type.INT)
    return Call(call.op, (Call("to_decimal", (left, Literal(38, Type.INT), places), Type.DECIMAL), right), call.type)


def _plus_text(m: "Meaning", node: exp.Expr, left: Scalar, right: Scalar) -> Scalar:
    """T-SQL's + joins two texts; beside a number a text becomes a number."""
    if {left.type, right.type} <= {Type.TEXT, Type.NULL}:
        result = Call("concat", (left, right), Type.TEXT)
        check_length(m, node, result)
        return result
    sides = [_as_number(s) for s in (left, right)]
    if all(s.type.is_whole for s in sides):
        return _checked(m, node, "add", sides[0], sides[1])
    raise Stop("type", "Text and a number cannot be joined by +.", "CAST the number AS varchar(10) first.", node)


def _as_number(side: Scalar) -> Scalar:
    is_digits = isinstance(side, Literal) and isinstance(side.value, str) and 0 < len(side.value) <= 9
    if is_digits and isinstance(side, Literal) and NUMBER_TEXT.issuperset(str(side.value)):
        return Literal(int(str(side.value)), Type.INT)
    return side


def check_fits(m: "Meaning", node: exp.Expr, value: Scalar) -> None:
    if m.is_rows and not fits(value, m.book):
        message = "The numbers can become too large or too fine, which would end the job."
        raise Stop("overflow", message, "Use smaller constants with fewer decimal places.", node)


def check_length(m: "Meaning", node: exp.Expr, value: Scalar) -> None:
    if m.is_rows and longest(value, m.book) > LONGEST:
        message = f"The text can become longer than {LONGEST} characters, where T-SQL cuts it."
        raise Stop("too-long-text", message, "Join fewer texts, or cut them with LEFT(x, 20).", node)


def division(m: "Meaning", node: exp.Expr) -> Scalar:
    """T-SQL divides whole numbers to a truncated whole number; DuckDB to a fraction."""
    left, right = numbers(m, node, node.this, node.expression)
    check_divisor(m, node, right)
    if m.is_tsql and left.type.is_whole and right.type.is_whole:
        m.advise(
            "A whole number divided by a whole number is truncated, as in T-SQL; write 1.0 * x / y for a fraction."
        )
        return Call("divide_truncated", (wide(m, left), right), Type.INT)
    return Call("divide", (left, right), Type.DOUBLE)


def whole_division(m: "Meaning", node: exp.Expr) -> Scalar:
    """DuckDB's //, for whole numbers."""
    left, right = numbers(m, node, node.this, node.expression)
    check_divisor(m, node, right)
    if not (left.type.is_whole and right.type.is_whole):
        raise Stop("type", "// is understood for whole numbers only.", "Write floor(x / y).", node)
    return Call("divide_truncated", (wide(m, left), right), Type.INT)


def check_divisor(m: "Meaning", node: exp.Expr, divisor: Scalar) -> None:
    if not (m.division_is_safe(divisor) or ranges.is_not_zero(divisor, m.book, m.facts)):
        message = "A division by zero would end the job."
        raise Stop("division", message, "Write x / NULLIF(y, 0).", node)


def remainder(m: "Meaning", node: exp.Expr) -> Scalar:
    """The remainder has the dividend's sign in both dialects. Exact numbers only, never of a quasi-identifier."""
    left, right = numbers(m, node, node.this, node.expression)
    check_divisor(m, node, right)
    for origin in (m.book.origins[i] for side in (left, right) for i in m.book.base(side)):
        if origin.variable.cls is VariableClass.QUASI:
            message = f"{origin.full_name} is a quasi-identifier: remainders cut people into arbitrary groups."
            raise Stop("modulo", message, "Compare it with written values or ranges.", node, origin.full_name)
    if left.type.is_whole and right.type.is_whole:
        return Call("remainder", (wide(m, left), right), Type.INT)
    if not all(is_fixed(s, m.book) for s in (left, right)):
        message = "The remainder of a binary fraction is not exact."
        raise Stop("type", message, "CAST both sides AS decimal(18, 4) first.", node)
    check_fits(m, node, left)
    check_fits(m, node, right)
    digits = Literal(38, Type.INT), Literal(max(scale(left, m.book), scale(right, m.book)), Type.INT)
    sides = tuple(Call("to_decimal", (s, *digits), Type.DECIMAL) for s in (left, right))
    return Call("remainder", sides, Type.DECIMAL)


def negation(m: "Meaning", node: exp.Expr) -> Scalar:
    (value,) = numbers(m, node, node.this)
    if isinstance(value, Literal) and isinstance(value.value, int | Decimal):
        return Literal(-value.value, value.type)
    return Call("negate", (wide(m, value),), Type.INT if value.type is Type.FLAG else value.type)


def settled(m: "Meaning", value: Scalar) -> Scalar:
    """A quotient of exact numbers as an exact number: 0.3 / 0.1 is 3 in T-SQL, but below 3 as a binary fraction."""
    if not (m.is_tsql and m.is_rows and value.type is Type.DOUBLE and _is_quotient(m, value)):
        return value
    if not fits(value, m.book):
        return value
    return Call("to_decimal", (value, Literal(38, Type.INT), Literal(SETTLED, Type.INT)), Type.DECIMAL)


def _is_quotient(m: "Meaning", value: Scalar) -> bool:
    """Whether a binary fraction comes from dividing exact numbers and from nothing else."""
    match value:
        case Call(op="divide" | "add" | "subtract" | "multiply" | "negate" | "abs", args=args):
            return all(_is_quotient(m, a) for a in args)
    return is_fixed(value, m.book)
