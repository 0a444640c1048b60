"""Numbers by dialect: + - * / %, and what T-SQL truncates; rounding, signs, roots, powers and logarithms. Where a row
has no result, because its divisor is 0 or a number does not fit, the result is NULL on that row, and a note says so. No
casts, no text functions."""

from collections.abc import Callable
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
from broker.domain.plans.variable_uses import VariableClass
from broker.query.diagnostics import BindError, written_name
from broker.query.expressions import date_functions
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations import value_bounds
from broker.query.operations.registry import apply
from broker.query.operations.result_sizes import LARGEST_EXPONENT

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
    return _checked_operation(binder, OPS[type(node)], left, right)


def _checked_operation(binder: ExpressionBinder, op: str, left: Scalar, right: Scalar) -> Scalar:
    """Bind arithmetic that the engine can compute on every row. An operation on two literals is computed here."""
    kind = result_type(left, right)
    if NULL in (left, right):
        return NULL
    call = Call(op, (left, right), kind)
    if fits(binder, call):
        if isinstance(left, Literal) and isinstance(right, Literal) and kind in {ScalarType.INT, ScalarType.DECIMAL}:
            return Literal(apply(op, (left.value, right.value)), kind)
        return _widened(binder, Call(op, (as_wide(binder, left), as_wide(binder, right)), kind))
    if kind is ScalarType.INT:
        return binder.or_null(Call(op, (as_wide(binder, left), as_wide(binder, right)), kind), TOO_LARGE)
    # exact numbers could get more digits than the engine has
    return finite(binder, Call(op, (as_double(left), as_double(right)), ScalarType.DOUBLE))


TOO_LARGE = "Rows whose number gets too large"


def fits(binder: ExpressionBinder, value: Scalar) -> bool:
    """Whether a number can be computed on every row. Over groups, the broker computes with exact numbers."""
    return not binder.is_rows or value_bounds.fits(value, binder.symbols)


def finite(binder: ExpressionBinder, call: Call) -> Call:
    """A binary fraction that is NULL where it would be infinite."""
    binder.note_missing(TOO_LARGE)
    return Call("finite", (call,), ScalarType.DOUBLE)


def as_double(value: Scalar) -> Scalar:
    return value if value.type is ScalarType.DOUBLE else Call("to_double", (value,), ScalarType.DOUBLE)


def where(binder: ExpressionBinder, condition: Scalar, value: Scalar, rows: str) -> Case:
    """The value where a condition is true, NULL elsewhere. `rows` names those."""
    binder.note_missing(rows)
    return Case(((condition, value),), NULL, value.type)


def as_wide(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """Cast a whole number to 64 bits. The engine gives literals only 32."""
    if isinstance(value, Literal) or not value.type.is_whole or value_bounds.is_64_bit(value, binder.symbols):
        return value
    return Call("to_int", (value,), ScalarType.INT)


def _widened(binder: ExpressionBinder, call: Call) -> Call:
    """Widen one side of a decimal operation if its result can have more than 18 digits: the engine would compute it in
    18."""
    left, right = call.args
    if (
        not binder.is_rows  # over groups, the broker computes with exact numbers
        or call.type is not ScalarType.DECIMAL
        or not all(value_bounds.is_exact(s, binder.symbols) for s in call.args)
    ):
        return call
    if (
        value_bounds.magnitude(call, binder.symbols) * Decimal(10) ** value_bounds.max_decimals(call, binder.symbols)
        < NARROW
    ):
        return call
    wide = as_decimal(left, MOST_DIGITS, value_bounds.max_decimals(left, binder.symbols))
    return Call(call.op, (wide, right), call.type)


def _plus_text(binder: ExpressionBinder, node: exp.Expr, left: Scalar, right: Scalar) -> Scalar:
    """Bind T-SQL's +, which joins two texts. If one side is a number, a text is read as a number."""
    if {left.type, right.type} <= {ScalarType.TEXT, ScalarType.NULL}:
        return checked_length(binder, node, Call("concat", (left, right), ScalarType.TEXT))
    sides = [_as_number(s) for s in (left, right)]
    if all(s.type.is_whole for s in sides):
        return _checked_operation(binder, "add", sides[0], sides[1])
    raise BindError("type", "You cannot join text and a number with +.", "CAST the number AS varchar(10) first.", node)


def _as_number(side: Scalar) -> Scalar:
    # nine digits fit 32 bits
    is_digits = isinstance(side, Literal) and isinstance(side.value, str) and 0 < len(side.value) <= 9
    if is_digits and isinstance(side, Literal) and NUMBER_TEXT.issuperset(str(side.value)):
        return integer(int(str(side.value)))
    return side


def checked_length(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> Scalar:
    """Return a text that T-SQL does not cut off. Raises BindError if it can get too long."""
    if binder.is_rows and value_bounds.max_length(value, binder.symbols) > value_bounds.LONGEST_TEXT:
        message = f"The text can get longer than {value_bounds.LONGEST_TEXT} characters, where T-SQL cuts it off."
        raise BindError("too-long-text", message, "Join fewer texts, or cut them with LEFT(x, 20).", node)
    return value


def division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """T-SQL divides whole numbers and truncates; DuckDB gives a fraction."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    right = nonzero(binder, node, right)
    if binder.dialect.truncates_whole_numbers and left.type.is_whole and right.type.is_whole:
        binder.advise(
            "A whole number divided by a whole number is truncated, as in T-SQL; write 1.0 * x / y for a fraction."
        )
        return _whole_result(binder, left, Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT))
    return Call("divide", (left, right), ScalarType.DOUBLE)


def _whole_result(binder: ExpressionBinder, value: Scalar, call: Call) -> Call:
    """A call that fails for the least whole number of 64 bits alone, because its opposite has no 64 bits."""
    return call if not value.type.is_whole or fits(binder, value) else binder.or_null(call, TOO_LARGE)


def whole_division(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's // of whole numbers. Of other numbers it is the quotient without its fraction."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    right = nonzero(binder, node, right)
    if left.type.is_whole and right.type.is_whole:
        return _whole_result(binder, left, Call("divide_truncated", (as_wide(binder, left), right), ScalarType.INT))
    return Call("floor", (Call("divide", (left, right), ScalarType.DOUBLE),), ScalarType.DOUBLE)


def nonzero(binder: ExpressionBinder, node: exp.Expr, divisor: Scalar) -> Scalar:
    """The divisor, NULL on the rows where it is 0. Over groups, the broker divides protected values, and gives NULL."""
    if isinstance(divisor, Literal) and divisor.value is not None and not divisor.value:
        raise BindError("division", "This divides every row by zero.", "Write another divisor.", node)
    if not binder.is_rows or value_bounds.is_nonzero(divisor, binder.symbols, binder.facts):
        return divisor
    binder.advise(
        f"Rows whose divisor is 0 count as missing; {binder.dialect.product} {binder.dialect.on_zero_divisor}."
    )
    return Call("nullif", (divisor, integer(0)), divisor.type)


def remainder(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """The remainder, with the sign of the dividend in both dialects. Never of a quasi-identifier."""
    left, right = bind_numbers(binder, node, node.this, node.expression)
    right = nonzero(binder, node, right)
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
    if not all(value_bounds.is_exact(s, binder.symbols) and fits(binder, s) for s in (left, right)):
        if binder.dialect.truncates_whole_numbers:
            message = "T-SQL has no remainder of a float."
            raise BindError("type", message, "CAST both sides AS decimal(18, 4) first.", node)
        return finite(binder, Call("remainder", (as_double(left), as_double(right)), ScalarType.DOUBLE))
    # one common scale, so that neither side loses places
    places = max(value_bounds.max_decimals(left, binder.symbols), value_bounds.max_decimals(right, binder.symbols))
    sides = tuple(as_decimal(s, MOST_DIGITS, places) for s in (left, right))
    return Call("remainder", sides, ScalarType.DECIMAL)


def negation(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    if isinstance(value, Literal) and isinstance(value.value, int | Decimal):
        return Literal(-value.value, value.type)
    # -1 is no 0/1 value
    kind = ScalarType.INT if value.type is ScalarType.FLAG else value.type
    return _whole_result(binder, value, Call("negate", (as_wide(binder, value),), kind))


def exact_quotient(binder: ExpressionBinder, value: Scalar) -> Scalar:
    """Turn a quotient of exact numbers into an exact number: 0.3 / 0.1 is 3 in T-SQL, but less than 3 as a binary
    fraction."""
    is_exact_here = binder.dialect.has_exact_quotients and binder.is_rows and value.type is ScalarType.DOUBLE
    if not (is_exact_here and _is_quotient(binder, value) and value_bounds.fits(value, binder.symbols)):
        return value
    return as_decimal(value, MOST_DIGITS, QUOTIENT_PLACES)


def _is_quotient(binder: ExpressionBinder, value: Scalar) -> bool:
    """Whether a binary fraction is computed only from divisions of exact numbers."""
    match value:
        case Call(op="divide" | "add" | "subtract" | "multiply" | "negate" | "abs", args=args):
            return all(_is_quotient(binder, a) for a in args)
    return value_bounds.is_exact(value, binder.symbols)


BASES = {10: "log10", 2: "log2"}


def square_root(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    value = _bind_number(binder, node, node.this)
    root = Call("sqrt", (value,), ScalarType.DOUBLE)
    if not binder.is_rows or value_bounds.is_nonnegative(value, binder.symbols, binder.facts):
        return root
    return where(binder, truth_call("at_most", integer(0), value), root, "Rows whose number is negative")


def exponential(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    value = _bind_number(binder, node, node.this)
    found, call = value_bounds.value_range(value, binder.symbols), Call("exp", (value,), ScalarType.DOUBLE)
    if not binder.is_rows or (found is not None and found[0] >= -LARGEST_EXPONENT and found[1] <= LARGEST_EXPONENT):
        return call
    return finite(binder, call)


def natural_logarithm(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return _logarithm(binder, node, node.this, lambda value: Call("ln", (value,), ScalarType.DOUBLE))


def logarithm(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """LOG(x, b) and LOG10(x). DuckDB's log(x) has base 10."""
    if node.args.get("expression") is None:
        return _logarithm(binder, node, node.this, lambda value: Call("log10", (value,), ScalarType.DOUBLE))
    base = binder.value(node.this)
    if not isinstance(base, Literal) or not isinstance(base.value, int | Decimal) or not base.value > 1:
        raise BindError("literal", "The base of a logarithm must be a number above 1.", "Write LOG10(x).", node)
    # the engine has separate functions for these bases
    op = BASES.get(int(base.value)) if base.type is ScalarType.INT else None
    args = () if op else (base,)
    return _logarithm(binder, node, node.expression, lambda value: Call(op or "log", (*args, value), ScalarType.DOUBLE))


def _logarithm(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr, of: Callable[[Scalar], Scalar]) -> Scalar:
    value = _bind_number(binder, node, part)
    if not binder.is_rows or value_bounds.is_positive(value, binder.symbols, binder.facts):
        return of(value)
    return where(binder, truth_call("less", integer(0), value), of(value), "Rows whose number is 0 or negative")


def power(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """POWER. NULL where it does not exist: of a negative number to a fraction, of 0 to a negative number. In T-SQL the
    result has the type of the first argument: of a whole number it is truncated, of a decimal rounded."""
    value, exponent = bind_numbers(binder, node, node.this, node.expression)
    result = Call("power", (value, exponent), ScalarType.DOUBLE)
    if binder.is_rows and not (_is_plain_exponent(exponent) and fits(binder, result)):
        result = finite(binder, Call("power", (as_double(value), as_double(exponent)), ScalarType.DOUBLE))
    if not binder.dialect.results_have_argument_type or value.type is ScalarType.DOUBLE:
        return result
    binder.advise(f"{written_name(node)} of a whole number or decimal is cut to the type of x, as in T-SQL.")
    if value.type.is_whole:
        return binder.or_null(Call("truncate", (result,), ScalarType.INT), TOO_LARGE)
    places = value_bounds.max_decimals(value, binder.symbols)
    return Call("to_decimal_or_null", (result, integer(MOST_DIGITS), integer(places)), ScalarType.DECIMAL)


def _is_plain_exponent(exponent: Scalar) -> bool:
    """Whether every number has this power."""
    return isinstance(exponent, Literal) and isinstance(exponent.value, int) and exponent.value >= 0


def _bind_number(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    return bind_numbers(binder, node, part)[0]


WHOLES: dict[type[exp.Expr], str] = {exp.Floor: "floor", exp.Ceil: "ceiling"}
MAX_DIGITS = 10


def whole_part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """FLOOR and CEILING. The result has the type of the argument, so dividing it is not a division of whole numbers."""
    (value,) = bind_numbers(binder, node, node.this)
    is_small = fits(binder, value)
    value = exact_quotient(binder, value)  # floor jumps at whole numbers, so the argument must be exact there
    found = Call(WHOLES[type(node)], (value,), _result_type(value))
    return found if is_small else binder.or_null(found, TOO_LARGE)


def absolute(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    return _whole_result(binder, value, Call("abs", (as_wide(binder, value),), _result_type(value)))


def sign(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    return Call("sign", (value,), _result_type(value) if binder.dialect.results_have_argument_type else ScalarType.INT)


def _result_type(value: Scalar) -> ScalarType:
    return ScalarType.INT if value.type.is_whole else value.type


def rounding(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """ROUND. It truncates if the third argument is not 0."""
    digits = binder.written_integer(node.args["decimals"], "The number of digits") if node.args.get("decimals") else 0
    if not -MAX_DIGITS <= digits <= MAX_DIGITS:
        raise BindError("literal", "ROUND takes -10 to 10 digits.", "Write ROUND(x, 2).", node)
    third = node.args.get("truncate")
    truncates = third is not None and binder.written_integer(third, "The third argument of ROUND") != 0
    return _rounded(binder, node, digits, "round_truncated" if truncates else "round")


def truncation(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's TRUNC."""
    digits = binder.written_integer(node.args["decimals"], "The number of digits") if node.args.get("decimals") else 0
    if not 0 <= digits <= MAX_DIGITS:
        raise BindError("literal", "TRUNC takes 0 to 10 digits.", "Write trunc(x, 2).", node)
    return _rounded(binder, node, digits, "round_truncated")


def _rounded(binder: ExpressionBinder, node: exp.Expr, digits: int, op: str) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    kind, is_small = _result_type(value), fits(binder, value)
    if digits < 0 and value_bounds.is_exact(value, binder.symbols) and not value.type.is_whole:
        # A number of nines can be rounded to one digit more than its type has.
        value = as_decimal(value, MOST_DIGITS, value_bounds.max_decimals(value, binder.symbols))
    if isinstance(value, Literal) and value.type is ScalarType.INT:  # the engine gives literals 32 bits only
        value = Call("to_int", (value,), ScalarType.INT)
    found = Call(op, (as_wide(binder, value), integer(digits)), kind)
    return found if is_small or digits >= 0 else binder.or_null(found, TOO_LARGE)
