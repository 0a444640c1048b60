"""Arithmetic by dialect: + - * / %, and what T-SQL truncates. No casts, no rounding, no text functions."""

from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import MOST_DIGITS, NULL, Call, Literal, Scalar, ScalarType, as_decimal, integer
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
"""Decimal places to which a quotient of exact numbers is rounded before an operation that is discontinuous at whole
numbers."""


def common_type(kinds: list[ScalarType], node: exp.Expr) -> ScalarType:
    """Common type of several alternative values. Raises BindError if there is none."""
    found = {k for k in kinds if k is not ScalarType.NULL}
    if not found:
        return ScalarType.NULL
    if len(found) == 1:
        return found.pop()
    for kind in (ScalarType.DOUBLE, ScalarType.DECIMAL, ScalarType.INT):  # the widest number type that occurs
        if kind in found and all(k.is_number for k in found):
            return kind
    raise BindError("type", "The branches have different types.", "Give all branches the same type.", node)


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
    """Bind arithmetic that the engine can compute on every row. An operation on two literals is computed here. Raises
    BindError if the result may not fit."""
    kind = result_type(left, right)
    check_fits(binder, node, Call(op, (left, right), kind))
    if NULL in (left, right):
        return NULL
    if isinstance(left, Literal) and isinstance(right, Literal) and kind in {ScalarType.INT, ScalarType.DECIMAL}:
        return Literal(apply(op, (left.value, right.value)), kind)
    return _widened(binder, Call(op, (as_wide(binder, left), as_wide(binder, right)), kind))


def as_wide(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """Cast a whole number to 64 bits. The engine gives literals only 32."""
    if isinstance(value, Literal) or not value.type.is_whole or is_64_bit(value, binder.symbols):
        return value
    return Call("to_int", (value,), ScalarType.INT)


def _widened(binder: ExpressionBinder, call: Call) -> Call:
    """Widen one side of a decimal operation if its result can have more than 18 digits: the engine would compute it in
    18."""
    left, right = call.args
    if (
        not binder.is_rows  # over groups, the broker computes with exact numbers
        or call.type is not ScalarType.DECIMAL
        or not all(is_exact(s, binder.symbols) for s in call.args)
    ):
        return call
    if magnitude(call, binder.symbols) * Decimal(10) ** max_decimals(call, binder.symbols) < NARROW:
        return call
    wide = as_decimal(left, MOST_DIGITS, max_decimals(left, binder.symbols))
    return Call(call.op, (wide, right), call.type)


def _plus_text(binder: ExpressionBinder, node: exp.Expr, left: Scalar, right: Scalar) -> Scalar:
    """Bind T-SQL's +, which joins two texts. If one side is a number, a text is read as a number."""
    if {left.type, right.type} <= {ScalarType.TEXT, ScalarType.NULL}:
        return checked_length(binder, node, Call("concat", (left, right), ScalarType.TEXT))
    sides = [_as_number(s) for s in (left, right)]
    if all(s.type.is_whole for s in sides):
        return _checked_operation(binder, node, "add", sides[0], sides[1])
    raise BindError("type", "You cannot join text and a number with +.", "CAST the number AS varchar(10) first.", node)


def _as_number(side: Scalar) -> Scalar:
    # nine digits fit 32 bits
    is_digits = isinstance(side, Literal) and isinstance(side.value, str) and 0 < len(side.value) <= 9
    if is_digits and isinstance(side, Literal) and NUMBER_TEXT.issuperset(str(side.value)):
        return integer(int(str(side.value)))
    return side


def check_fits(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> None:
    if binder.is_rows and not fits(value, binder.symbols):
        message = "The numbers can get too large or have too many decimals, which would end the job."
        # the failure of the engine would reveal that such a row exists
        raise BindError("overflow", message, "Use smaller constants with fewer decimal places.", node)


def checked_length(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> Scalar:
    """Return a text that T-SQL does not cut off. Raises BindError if it can get too long."""
    if binder.is_rows and max_length(value, binder.symbols) > LONGEST_TEXT:
        message = f"The text can get longer than {LONGEST_TEXT} characters, where T-SQL cuts it off."
        raise BindError("too-long-text", message, "Join fewer texts, or cut them with LEFT(x, 20).", node)
    return value


def division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """T-SQL divides whole numbers and truncates; DuckDB gives a fraction."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    if binder.dialect.truncates_whole_numbers and left.type.is_whole and right.type.is_whole:
        binder.advise(
            "A whole number divided by a whole number is truncated, as in T-SQL; write 1.0 * x / y for a fraction."
        )
        return Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT)
    return Call("divide", (left, right), ScalarType.DOUBLE)


def whole_division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's // of whole numbers."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    if not (left.type.is_whole and right.type.is_whole):
        raise BindError("type", "// can be used only with whole numbers.", "Write floor(x / y).", node)
    return Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT)


def check_divisor(binder: ExpressionBinder, node: exp.Expr, divisor: Scalar) -> None:
    if not (binder.division_is_safe(divisor) or value_bounds.is_nonzero(divisor, binder.symbols, binder.facts)):
        message = "A division by zero would end the job."
        raise BindError("division", message, "Write x / NULLIF(y, 0).", node)


def remainder(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """The remainder, with the sign of the dividend in both dialects. For exact numbers only, and never of a
    quasi-identifier."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    check_divisor(binder, node, right)
    for origin in (binder.symbols.origins[i] for side in (left, right) for i in binder.symbols.base(side)):
        if origin.variable.cls is VariableClass.QUASI:
            message = (
                f"{origin.full_name} is a quasi-identifier, and remainders would divide people into arbitrary groups."
            )
            raise BindError(
                "modulo", message, "Compare the variable with written values or ranges.", node, origin.full_name
            )
    if left.type.is_whole and right.type.is_whole:
        return Call("remainder", (as_wide(binder, left), right), ScalarType.INT)
    if not all(is_exact(s, binder.symbols) for s in (left, right)):
        message = "The remainder of a binary fraction is not exact."
        raise BindError("type", message, "CAST both sides AS decimal(18, 4) first.", node)
    check_fits(binder, node, left)
    check_fits(binder, node, right)
    # one common scale, so that neither side loses places
    places = max(max_decimals(left, binder.symbols), max_decimals(right, binder.symbols))
    sides = tuple(as_decimal(s, MOST_DIGITS, places) for s in (left, right))
    return Call("remainder", sides, ScalarType.DECIMAL)


def negation(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    if isinstance(value, Literal) and isinstance(value.value, int | Decimal):
        return Literal(-value.value, value.type)
    # -1 is no 0/1 value
    return Call("negate", (as_wide(binder, value),), ScalarType.INT if value.type is ScalarType.FLAG else value.type)


def exact_quotient(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """Turn a quotient of exact numbers into an exact number: 0.3 / 0.1 is 3 in T-SQL, but less than 3 as a binary
    fraction."""
    is_exact_here = binder.dialect.has_exact_quotients and binder.is_rows and value.type is ScalarType.DOUBLE
    if not (is_exact_here and _is_quotient(binder, value) and fits(value, binder.symbols)):
        return value
    return as_decimal(value, MOST_DIGITS, QUOTIENT_PLACES)


def _is_quotient(binder: ExpressionBinder, value: Scalar) -> bool:
    """Whether a binary fraction is computed only from divisions of exact numbers."""
    match value:
        case Call(op="divide" | "add" | "subtract" | "multiply" | "negate" | "abs", args=args):
            return all(_is_quotient(binder, a) for a in args)
    return is_exact(value, binder.symbols)
