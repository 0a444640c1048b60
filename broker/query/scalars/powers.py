"""Roots, powers and logarithms: binary fractions, accepted only where no row is outside their domain. No rounding."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.operations import ranges
from broker.query.operations.sizes import LARGEST_EXPONENT
from broker.query.refusing import Stop
from broker.query.scalars.arithmetic import check_fits, numbers

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

BASES = {10: "log10", 2: "log2"}


def root(m: "Meaning", node: exp.Expr) -> Scalar:
    value = _number(m, node, node.this)
    if not ranges.is_at_least_zero(value, m.book, m.facts):
        _refuse_domain(node, "The root of a negative number", "CASE WHEN x >= 0 THEN SQRT(x) END")
    return Call("sqrt", (value,), Type.DOUBLE)


def exponential(m: "Meaning", node: exp.Expr) -> Scalar:
    value = _number(m, node, node.this)
    found = ranges.between(value, m.book)
    if m.is_rows and (found is None or found[1] > LARGEST_EXPONENT or found[0] < -LARGEST_EXPONENT):
        message = f"EXP of more than {LARGEST_EXPONENT} can become too large, which would end the job."
        raise Stop("overflow", message, "Divide the variable by a constant first: EXP(x / 100.0).", node)
    return Call("exp", (value,), Type.DOUBLE)


def natural(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call("ln", (_above_zero(m, node, node.this),), Type.DOUBLE)


def logarithm(m: "Meaning", node: exp.Expr) -> Scalar:
    """LOG(x, b) and LOG10(x); DuckDB's log(x) has the base 10."""
    if node.args.get("expression") is None:
        return Call("log10", (_above_zero(m, node, node.this),), Type.DOUBLE)
    base = m.value(node.this)
    if not isinstance(base, Literal) or not isinstance(base.value, int | Decimal) or not base.value > 1:
        raise Stop("literal", "The base of a logarithm must be a number above 1.", "Write LOG10(x).", node)
    value = _above_zero(m, node, node.expression)
    op = BASES.get(int(base.value)) if base.type is Type.INT else None
    return Call(op, (value,), Type.DOUBLE) if op else Call("log", (base, value), Type.DOUBLE)


def power(m: "Meaning", node: exp.Expr) -> Scalar:
    """T-SQL's POWER has the type of its first argument, so it truncates or rounds: only floats are followed."""
    value = _number(m, node, node.this)
    exponent = m.value(node.expression)
    if not isinstance(exponent, Literal) or not isinstance(exponent.value, int | Decimal):
        raise Stop("literal", "The exponent must be written out.", "Write POWER(CAST(x AS float), 2).", node)
    if m.is_tsql and value.type is not Type.DOUBLE:
        message = "POWER of a whole number or decimal is cut to the type of x in T-SQL."
        raise Stop("cast", message, "Write POWER(CAST(x AS float), 2), or x * x.", node)
    if exponent.value < 0 and not ranges.is_above_zero(value, m.book, m.facts):
        _refuse_domain(node, "A negative power of zero", "CASE WHEN x > 0 THEN POWER(CAST(x AS float), -1) END")
    if exponent.value != int(exponent.value) and not ranges.is_at_least_zero(value, m.book, m.facts):
        _refuse_domain(node, "A root of a negative number", "CASE WHEN x >= 0 THEN POWER(CAST(x AS float), 0.5) END")
    result = Call("power", (value, exponent), Type.DOUBLE)
    if exponent.value >= 0:
        check_fits(m, node, result)
    return result


def _number(m: "Meaning", node: exp.Expr, part: exp.Expr) -> Scalar:
    return numbers(m, node, part)[0]


def _above_zero(m: "Meaning", node: exp.Expr, part: exp.Expr) -> Scalar:
    value = _number(m, node, part)
    if not ranges.is_above_zero(value, m.book, m.facts):
        _refuse_domain(node, "The logarithm of zero or less", "LOG(NULLIF(x, 0)), or CASE WHEN x > 0 THEN LOG(x) END")
    return value


def _refuse_domain(node: exp.Expr, what: str, form: str) -> None:
    raise Stop("domain", f"{what} would end the job.", f"Write {form}.", node)
