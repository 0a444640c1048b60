"""Numbers by dialect: + - * / % and what T-SQL truncates. No casts, no rounding, no text functions."""

from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import NULL, Call, Literal, Scalar, ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.query.diagnostics import BindError
from broker.query.expressions import date_functions
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations import value_bounds
from broker.query.operations.registry import apply
from broker.query.operations.value_bounds import (
    LONGEST_TEXT,
    fits,
    is_64_bit,
    is_exact,
    magnitude,
    max_decimals,
    max_length,
)

OPS: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "subtract", exp.Mul: "multiply"}
NUMBER_TEXT = frozenset("0123456789")
NARROW = Decimal(10) ** 18
QUOTIENT_PLACES = 10
"""Decimal places to which a quotient of exact numbers is rounded before anything jumps at a whole number."""


def common_type(kinds: list[ScalarType], node: exp.Expr) -> ScalarType:
    """The type of a value that is one of several."""
    found = {k for k in kinds if k is not ScalarType.NULL}
    if not found:
        return ScalarType.NULL
    if len(found) == 1:
        return found.pop()
    for kind in (ScalarType.DOUBLE, ScalarType.DECIMAL, ScalarType.INT):
        if kind in found and all(k.is_number for k in found):
            return kind
    raise BindError("type", "The branches are of different types.", "Give all branches one type.", node)


def bind_numbers(binder: ExpressionBinder, node: exp.Expr, *parts: exp.Expr) -> list[Scalar]:
    return checked_numbers(node, [binder.value(p) for p in parts])


def checked_numbers(node: exp.Expr, found: list[Scalar]) -> list[Scalar]:
    if not all(f.type.is_number or f.type is ScalarType.NULL for f in found):
        raise BindError("type", "Arithmetic needs numbers.", "Use a variable that is a number.", node)
    return found


def result_type(left: Scalar, right: Scalar) -> ScalarType:
    kinds = {left.type, right.type}
    if ScalarType.DOUBLE in kinds:
        return ScalarType.DOUBLE
    return ScalarType.DECIMAL if ScalarType.DECIMAL in kinds else ScalarType.INT


def binary(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    if isinstance(node.expression, exp.Interval):
        return date_functions.add_interval(binder, node)
    left, right = binder.value(node.this), binder.value(node.expression)
    if ScalarType.DATE in (left.type, right.type) and binder.dialect.moves_dates_by_plus:
        return date_functions.plus_or_minus(binder, node, left, right)
    if isinstance(node, exp.Add) and binder.dialect.plus_joins_texts and ScalarType.TEXT in (left.type, right.type):
        return _plus_text(binder, node, left, right)
    left, right = checked_numbers(node, [left, right])
    return _checked_operation(binder, node, OPS[type(node)], left, right)


def _checked_operation(binder: ExpressionBinder, node: exp.Expr, op: str, left: Scalar, right: Scalar) -> Scalar:
    """Arithmetic that the engine can compute on every row; of two written numbers it is done at once."""
    kind = result_type(left, right)
    check_fits(binder, node, Call(op, (left, right), kind))
    if NULL in (left, right):
        return NULL
    if isinstance(left, Literal) and isinstance(right, Literal) and kind in {ScalarType.INT, ScalarType.DECIMAL}:
        return Literal(apply(op, (left.value, right.value)), kind)
    return _widened(binder, Call(op, (as_wide(binder, left), as_wide(binder, right)), kind))


def as_wide(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """A whole number in 64 bits: written numbers alone have 32 in the engine."""
    if isinstance(value, Literal) or not value.type.is_whole or is_64_bit(value, binder.symbols):
        return value
    return Call("to_int", (value,), ScalarType.INT)


def _widened(binder: ExpressionBinder, call: Call) -> Call:
    """Decimals of up to 18 digits are computed in 18 digits by the engine: where the result can have more, one side is
    made wider first."""
    left, right = call.args
    if (
        not binder.is_rows
        or call.type is not ScalarType.DECIMAL
        or not all(is_exact(s, binder.symbols) for s in call.args)
    ):
        return call
    if magnitude(call, binder.symbols) * Decimal(10) ** max_decimals(call, binder.symbols) < NARROW:
        return call
    places = Literal(max_decimals(left, binder.symbols), ScalarType.INT)
    return Call(
        call.op, (Call("to_decimal", (left, Literal(38, ScalarType.INT), places), ScalarType.DECIMAL), right), call.type
    )


def _plus_text(binder: ExpressionBinder, node: exp.Expr, left: Scalar, right: Scalar) -> Scalar:
    """T-SQL's + joins two texts; beside a number a text becomes a number."""
    if {left.type, right.type} <= {ScalarType.TEXT, ScalarType.NULL}:
        result = Call("concat", (left, right), ScalarType.TEXT)
        check_length(binder, node, result)
        return result
    sides = [_as_number(s) for s in (left, right)]
    if all(s.type.is_whole for s in sides):
        return _checked_operation(binder, node, "add", sides[0], sides[1])
    raise BindError("type", "Text and a number cannot be joined by +.", "CAST the number AS varchar(10) first.", node)


def _as_number(side: Scalar) -> Scalar:
    is_digits = isinstance(side, Literal) and isinstance(side.value, str) and 0 < len(side.value) <= 9
    if is_digits and isinstance(side, Literal) and NUMBER_TEXT.issuperset(str(side.value)):
        return Literal(int(str(side.value)), ScalarType.INT)
    return side


def check_fits(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> None:
    if binder.is_rows and not fits(value, binder.symbols):
        message = "The numbers can become too large or too fine, which would end the job."
        raise BindError("overflow", message, "Use smaller constants with fewer decimal places.", node)


def check_length(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> None:
    if binder.is_rows and max_length(value, binder.symbols) > LONGEST_TEXT:
        message = f"The text can become longer than {LONGEST_TEXT} characters, where T-SQL cuts it."
        raise BindError("too-long-text", message, "Join fewer texts, or cut them with LEFT(x, 20).", node)


def division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """T-SQL divides whole numbers to a truncated whole number; DuckDB to a fraction."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    if binder.dialect.truncates_whole_numbers and left.type.is_whole and right.type.is_whole:
        binder.advise(
            "A whole number divided by a whole number is truncated, as in T-SQL; write 1.0 * x / y for a fraction."
        )
        return Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT)
    return Call("divide", (left, right), ScalarType.DOUBLE)


def whole_division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's //, for whole numbers."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    if not (left.type.is_whole and right.type.is_whole):
        raise BindError("type", "// is understood for whole numbers only.", "Write floor(x / y).", node)
    return Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT)


def check_divisor(binder: ExpressionBinder, node: exp.Expr, divisor: Scalar) -> None:
    if not (binder.division_is_safe(divisor) or value_bounds.is_nonzero(divisor, binder.symbols, binder.facts)):
        message = "A division by zero would end the job."
        raise BindError("division", message, "Write x / NULLIF(y, 0).", node)


def remainder(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """The remainder has the dividend's sign in both dialects. Exact numbers only, never of a quasi-identifier."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    for origin in (binder.symbols.origins[i] for side in (left, right) for i in binder.symbols.base(side)):
        if origin.variable.cls is VariableClass.QUASI:
            message = f"{origin.full_name} is a quasi-identifier: remainders cut people into arbitrary groups."
            raise BindError("modulo", message, "Compare it with written values or ranges.", node, origin.full_name)
    if left.type.is_whole and right.type.is_whole:
        return Call("remainder", (as_wide(binder, left), right), ScalarType.INT)
    if not all(is_exact(s, binder.symbols) for s in (left, right)):
        message = "The remainder of a binary fraction is not exact."
        raise BindError("type", message, "CAST both sides AS decimal(18, 4) first.", node)
    check_fits(binder, node, left)
    check_fits(binder, node, right)
    digits = (
        Literal(38, ScalarType.INT),
        Literal(max(max_decimals(left, binder.symbols), max_decimals(right, binder.symbols)), ScalarType.INT),
    )
    sides = tuple(Call("to_decimal", (s, *digits), ScalarType.DECIMAL) for s in (left, right))
    return Call("remainder", sides, ScalarType.DECIMAL)


def negation(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    if isinstance(value, Literal) and isinstance(value.value, int | Decimal):
        return Literal(-value.value, value.type)
    return Call("negate", (as_wide(binder, value),), ScalarType.INT if value.type is ScalarType.FLAG else value.type)


def exact_quotient(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """A quotient of exact numbers as an exact number: 0.3 / 0.1 is 3 in T-SQL, but below 3 as a binary fraction."""
    is_exact_here = binder.dialect.has_exact_quotients and binder.is_rows and value.type is ScalarType.DOUBLE
    if not (is_exact_here and _is_quotient(binder, value) and fits(value, binder.symbols)):
        return value
    return Call(
        "to_decimal", (value, Literal(38, ScalarType.INT), Literal(QUOTIENT_PLACES, ScalarType.INT)), ScalarType.DECIMAL
    )


def _is_quotient(binder: ExpressionBinder, value: Scalar) -> bool:
    """Whether a binary fraction comes from dividing exact numbers and from nothing else."""
    match value:
        case Call(op="divide" | "add" | "subtract" | "multiply" | "negate" | "abs", args=args):
            return all(_is_quotient(binder, a) for a in args)
    return is_exact(value, binder.symbols)
