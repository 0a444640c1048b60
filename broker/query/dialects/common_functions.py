"""Functions and operators that T-SQL and DuckDB share, and the terms that describe entries of the allow-list. A further
dialect leaves out the rows that it reads otherwise."""

from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.scalars import NULL, Literal, Scalar, ScalarType, integer
from broker.query.diagnostics import BindError
from broker.query.dialects.base import AllowedFunction
from broker.query.expressions import arithmetic, casts, conditionals, date_functions, predicates, text_functions
from broker.query.expressions.expression_binder import ExpressionBinder

BASIC = "value"
TRUTH, SAME, TEXT, WHOLE, DATE, FLOAT = "predicate", "as its arguments", "text", "whole number", "date", "float"
BOTH_SIDES = "this expression"
MAX_NUMBER_LENGTH = 18


def bind_literal(_: ExpressionBinder, node: exp.Expr) -> Scalar:
    text = str(node.this)
    if node.args.get("is_string") or isinstance(node, exp.National):
        return Literal(text, ScalarType.TEXT)
    if text.isdigit():
        if len(text) > MAX_NUMBER_LENGTH:  # a longer number may not fit 64 bits
            raise BindError("literal", "The number is too long.", "Write a shorter number.", node)
        return integer(int(text))
    digits = text.replace(".", "", 1)
    if digits.isdigit() and len(digits) <= MAX_NUMBER_LENGTH:
        return Literal(Decimal(text), ScalarType.DECIMAL)
    raise BindError(
        "literal", "The number is not written in plain digits.", "Write digits with at most one decimal point.", node
    )


def bind_boolean(_: ExpressionBinder, node: exp.Expr) -> Scalar:
    return Literal(bool(node.this), ScalarType.TRUTH)


def bind_null(_: ExpressionBinder, __: exp.Expr) -> Scalar:
    return NULL


def bind_column(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return binder.column(node)


def bind_brackets(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return binder.scalar(node.this)


def function(
    form: str, node: type[exp.Expr], handler: Callable[[ExpressionBinder, exp.Expr], Scalar], args: str, result: str,
    literals: str = "", name: str | None = None,
) -> AllowedFunction:  # fmt: skip
    """Build an entry of an allow-list. `args`: names of the node's arguments, separated by blanks."""
    return AllowedFunction(form, node, handler, frozenset(args.split()), result, literals, name)


COMMON = (
    function("x", exp.Column, bind_column, "this table db catalog", BASIC),
    function("'text', 12, 1.5", exp.Literal, bind_literal, "this is_string", BASIC),
    function("N'text'", exp.National, bind_literal, "this", BASIC),
    function("TRUE, FALSE", exp.Boolean, bind_boolean, "this", BASIC),
    function("NULL", exp.Null, bind_null, "", BASIC),
    function("(x)", exp.Paren, bind_brackets, "this", SAME),
    function("CASE WHEN … THEN … ELSE … END", exp.Case, conditionals.case, "this ifs default", SAME),
    function("COALESCE(x, y, …)", exp.Coalesce, conditionals.coalesce, "this expressions is_nvl", SAME),
    function("NULLIF(x, y)", exp.Nullif, conditionals.nullif, BOTH_SIDES, SAME),
    function("GREATEST(x, y, …)", exp.Greatest, conditionals.extreme, "this expressions ignore_nulls", SAME),
    function("LEAST(x, y, …)", exp.Least, conditionals.extreme, "this expressions ignore_nulls", SAME),
    function("x = y", exp.EQ, predicates.equal_node, BOTH_SIDES, TRUTH),
    function("x <> y", exp.NEQ, predicates.unequal_node, BOTH_SIDES, TRUTH),
    function("x < y", exp.LT, predicates.ordered_node, BOTH_SIDES, TRUTH),
    function("x <= y", exp.LTE, predicates.ordered_node, BOTH_SIDES, TRUTH),
    function("x > y", exp.GT, predicates.ordered_node, BOTH_SIDES, TRUTH),
    function("x >= y", exp.GTE, predicates.ordered_node, BOTH_SIDES, TRUTH),
    function("x IS NOT DISTINCT FROM y", exp.NullSafeEQ, predicates.same_node, BOTH_SIDES, TRUTH),
    function("x IS DISTINCT FROM y", exp.NullSafeNEQ, predicates.distinct_node, BOTH_SIDES, TRUTH),
    function("x BETWEEN y AND z", exp.Between, predicates.between, "this low high", TRUTH),
    function("x IN (…)", exp.In, predicates.membership, "this expressions", TRUTH),
    function("x IS NULL", exp.Is, predicates.is_null, BOTH_SIDES, TRUTH),
    function("x LIKE p", exp.Like, text_functions.like, BOTH_SIDES + " negate", TRUTH, "pattern"),
    function("x LIKE p ESCAPE c", exp.Escape, text_functions.escaped, BOTH_SIDES, TRUTH, "pattern, escape"),
    function("AND", exp.And, predicates.connective, BOTH_SIDES, TRUTH),
    function("OR", exp.Or, predicates.connective, BOTH_SIDES, TRUTH),
    function("NOT", exp.Not, predicates.negation, "this", TRUTH),
    function("x + y", exp.Add, arithmetic.binary, BOTH_SIDES, SAME),
    function("x - y", exp.Sub, arithmetic.binary, BOTH_SIDES, SAME),
    function("x * y", exp.Mul, arithmetic.binary, BOTH_SIDES, SAME),
    function("x / y", exp.Div, arithmetic.division, BOTH_SIDES + " typed safe", SAME),
    function("x % y", exp.Mod, arithmetic.remainder, BOTH_SIDES, SAME),
    function("-x", exp.Neg, arithmetic.negation, "this", SAME),
    function("ABS(x)", exp.Abs, arithmetic.absolute, "this", SAME),
    function("SIGN(x)", exp.Sign, arithmetic.sign, "this", SAME),
    function("FLOOR(x)", exp.Floor, arithmetic.whole_part, "this", SAME),
    function("CEILING(x)", exp.Ceil, arithmetic.whole_part, "this", SAME),
    function("ROUND(x, n)", exp.Round, arithmetic.rounding, "this decimals", SAME, "n"),
    function("SQRT(x)", exp.Sqrt, arithmetic.square_root, "this", FLOAT),
    function("EXP(x)", exp.Exp, arithmetic.exponential, "this", FLOAT),
    function("POWER(x, n)", exp.Pow, arithmetic.power, BOTH_SIDES, FLOAT, "n"),
    function("CAST(x AS type)", exp.Cast, casts.cast, "this to", "that type"),
    function("TRY_CAST(x AS type)", exp.TryCast, casts.cast, "this to safe", "that type"),
    function("UPPER(x)", exp.Upper, text_functions.change_case, "this", TEXT),
    function("LOWER(x)", exp.Lower, text_functions.change_case, "this", TEXT),
    function("TRIM(x)", exp.Trim, text_functions.trim, "this", TEXT),
    function("LTRIM(x)", exp.Trim, text_functions.trim, "this position", TEXT),
    function("RTRIM(x)", exp.Trim, text_functions.trim, "this position", TEXT),
    function("LEN(x)", exp.Length, text_functions.length, "this", WHOLE),
    function("LEFT(x, n)", exp.Left, text_functions.left_or_right, BOTH_SIDES, TEXT, "n"),
    function("RIGHT(x, n)", exp.Right, text_functions.left_or_right, BOTH_SIDES, TEXT, "n"),
    function("SUBSTRING(x, n, m)", exp.Substring, text_functions.substring, "this start length", TEXT, "n, m"),
    function("REPLACE(x, a, b)", exp.Replace, text_functions.replace, "this expression replacement", TEXT, "a, b"),
    function("CONCAT(x, y, …)", exp.Concat, text_functions.concat_all, "expressions safe coalesce", TEXT),
    function("CONCAT_WS(s, x, y, …)", exp.ConcatWs, text_functions.concat_by, "expressions safe coalesce", TEXT, "s"),
    function("YEAR(d)", exp.Year, date_functions.part, "this", WHOLE),
    function("MONTH(d)", exp.Month, date_functions.part, "this", WHOLE),
    function("DAY(d)", exp.Day, date_functions.part, "this", WHOLE),
)
"""Each row means what its handler does. Other engines read some of them otherwise. In Spark, for example, CONCAT is
NULL where an argument is, CAST gives NULL where it fails, and a backslash escapes in LIKE and in every text."""
