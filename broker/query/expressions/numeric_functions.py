"""Rounding, signs, roots, powers and logarithms by dialect, accepted only inside their domain."""

from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import MOST_DIGITS, Call, Literal, Scalar, ScalarType, as_decimal, integer
from broker.query.diagnostics import BindError, written_name
from broker.query.expressions.arithmetic import as_wide, bind_numbers, check_fits, exact_quotient
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations import value_bounds
from broker.query.operations.result_sizes import LARGEST_EXPONENT
from broker.query.operations.value_bounds import is_exact, max_decimals

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
    if op == "round_truncated" and not is_exact(value, binder.symbols):
        message = "Truncating a binary fraction is not exact: 4.35 is stored as 4.3499…"
        raise BindError("type", message, "CAST it AS decimal(18, 4) first.", node)
    if digits < 0 or op == "round_truncated":
        check_fits(binder, node, value)
    if digits < 0 and is_exact(value, binder.symbols) and not value.type.is_whole:
        # A number of nines can be rounded to one digit more than its type has.
        value = as_decimal(value, MOST_DIGITS, max_decimals(value, binder.symbols))
    if isinstance(value, Literal) and value.type is ScalarType.INT:  # the engine gives literals 32 bits only
        value = Call("to_int", (value,), ScalarType.INT)
    return Call(op, (as_wide(binder, value), integer(digits)), kind)
