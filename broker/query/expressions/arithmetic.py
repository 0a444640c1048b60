"""Numbers by dialect: + - * / %, and what T-SQL truncates; rounding, signs, roots, powers and logarithms, accepted only
inside their domain. No casts, no text functions."""

from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import MOST_DIGITS, NULL, Call, Literal, Scalar, ScalarType, as_decimal, integer
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
        return _checked_operation(binder, node, "add", sides[0], sides[1])
    raise BindError("type", "You cannot join text and a number with +.", "CAST the number AS varchar(10) first.", node)


def _as_number(side: Scalar) -> Scalar:
    # nine digits fit 32 bits
    is_digits = isinstance(side, Literal) and isinstance(side.value, str) and 0 < len(side.value) <= 9
    if is_digits and isinstance(side, Literal) and NUMBER_TEXT.issuperset(str(side.value)):
        return integer(int(str(side.value)))
    return side


def check_fits(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> None:
    if binder.is_rows and not value_bounds.fits(value, binder.symbols):
        message = "The numbers can get too large or have too many decimals, which would end the job."
        # the failure of the engine would reveal that such a row exists
        raise BindError("overflow", message, "Use smaller constants with fewer decimal places.", node)


def checked_length(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> Scalar:
    """Return a text that T-SQL does not cut off. Raises BindError if it can get too long."""
    if binder.is_rows and value_bounds.max_length(value, binder.symbols) > value_bounds.LONGEST_TEXT:
        message = f"The text can get longer than {value_bounds.LONGEST_TEXT} characters, where T-SQL cuts it off."
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
    if not all(value_bounds.is_exact(s, binder.symbols) for s in (left, right)):
        message = "The remainder of a binary fraction is not exact."
        raise BindError("type", message, "CAST both sides AS decimal(18, 4) first.", node)
    check_fits(binder, node, left)
    check_fits(binder, node, right)
    # one common scale, so that neither side loses places
    places = max(value_bounds.max_decimals(left, binder.symbols), value_bounds.max_decimals(right, binder.symbols))
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
    if not value_bounds.is_nonnegative(value, binder.symbols, binder.facts):
        _refuse_domain(node, "The root of a negative number", "CASE WHEN x >= 0 THEN SQRT(x) END")
    return Call("sqrt", (value,), ScalarType.DOUBLE)


def exponential(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    value = _bind_number(binder, node, node.this)
    found = value_bounds.value_range(value, binder.symbols)
    if binder.is_rows and (found is None or found[1] > LARGEST_EXPONENT or found[0] < -LARGEST_EXPONENT):
        message = f"EXP of more than {LARGEST_EXPONENT} can get too large, which would end the job."
        raise BindError("overflow", message, "Divide the variable by a constant first: EXP(x / 100.0).", node)
    return Call("exp", (value,), ScalarType.DOUBLE)


def natural_logarithm(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return Call("ln", (_bind_positive_number(binder, node, node.this),), ScalarType.DOUBLE)


def logarithm(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """LOG(x, b) and LOG10(x). DuckDB's log(x) has base 10."""
    if node.args.get("expression") is None:
        return Call("log10", (_bind_positive_number(binder, node, node.this),), ScalarType.DOUBLE)
    base = binder.value(node.this)
    if not isinstance(base, Literal) or not isinstance(base.value, int | Decimal) or not base.value > 1:
        raise BindError("literal", "The base of a logarithm must be a number above 1.", "Write LOG10(x).", node)
    value = _bind_positive_number(binder, node, node.expression)
    # the engine has separate functions for these bases
    op = BASES.get(int(base.value)) if base.type is ScalarType.INT else None
    return Call(op, (value,), ScalarType.DOUBLE) if op else Call("log", (base, value), ScalarType.DOUBLE)


def power(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """POWER. In T-SQL, the result has the type of the first argument, so it is truncated or rounded: only floats are
    accepted there."""
    value = _bind_number(binder, node, node.this)
    exponent = binder.value(node.expression)
    if not isinstance(exponent, Literal) or not isinstance(exponent.value, int | Decimal):
        raise BindError("literal", "The exponent must be a written number.", "Write POWER(CAST(x AS float), 2).", node)
    if binder.dialect.results_have_argument_type and value.type is not ScalarType.DOUBLE:
        message = f"In T-SQL, {written_name(node)} of a whole number or decimal is cut to the type of x."
        raise BindError("cast", message, "Write POWER(CAST(x AS float), 2), or x * x.", node)
    if exponent.value < 0 and not value_bounds.is_positive(value, binder.symbols, binder.facts):
        _refuse_domain(node, "A negative power of zero", "CASE WHEN x > 0 THEN POWER(CAST(x AS float), -1) END")
    if exponent.value != int(exponent.value) and not value_bounds.is_nonnegative(value, binder.symbols, binder.facts):
        _refuse_domain(node, "A root of a negative number", "CASE WHEN x >= 0 THEN POWER(CAST(x AS float), 0.5) END")
    result = Call("power", (value, exponent), ScalarType.DOUBLE)
    if exponent.value >= 0:
        check_fits(binder, node, result)
    return result


def _bind_number(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    return bind_numbers(binder, node, part)[0]


def _bind_positive_number(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    value = _bind_number(binder, node, part)
    if not value_bounds.is_positive(value, binder.symbols, binder.facts):
        _refuse_domain(node, "The logarithm of zero or less", "LOG(NULLIF(x, 0)), or CASE WHEN x > 0 THEN LOG(x) END")
    return value


def _refuse_domain(node: exp.Expr, what: str, form: str) -> None:
    raise BindError("domain", f"{what} would end the job.", f"Write {form}.", node)


WHOLES: dict[type[exp.Expr], str] = {exp.Floor: "floor", exp.Ceil: "ceiling"}
MAX_DIGITS = 10


def whole_part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """FLOOR and CEILING. The result has the type of the argument, so dividing it is not a division of whole numbers."""
    (value,) = bind_numbers(binder, node, node.this)
    check_fits(binder, node, value)
    value = exact_quotient(binder, value)  # floor jumps at whole numbers, so the argument must be exact there
    return Call(WHOLES[type(node)], (value,), _result_type(value))


def absolute(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    (value,) = bind_numbers(binder, node, node.this)
    return Call("abs", (as_wide(binder, value),), _result_type(value))


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
    kind = _result_type(value)
    if op == "round_truncated" and not value_bounds.is_exact(value, binder.symbols):
        message = "Truncating a binary fraction is not exact: 4.35 is stored as 4.3499…"
        raise BindError("type", message, "CAST it AS decimal(18, 4) first.", node)
    if digits < 0 or op == "round_truncated":
        check_fits(binder, node, value)
    if digits < 0 and value_bounds.is_exact(value, binder.symbols) and not value.type.is_whole:
        # A number of nines can be rounded to one digit more than its type has.
        value = as_decimal(value, MOST_DIGITS, value_bounds.max_decimals(value, binder.symbols))
    if isinstance(value, Literal) and value.type is ScalarType.INT:  # the engine gives literals 32 bits only
        value = Call("to_int", (value,), ScalarType.INT)
    return Call(op, (as_wide(binder, value), integer(digits)), kind)
