"""The allow-list of functions and operators, a table for each dialect, with the handler of each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.plans.scalars import NULL, Literal, Scalar, ScalarType
from broker.query.diagnostics import BindError
from broker.query.expressions import (
    arithmetic,
    casts,
    conditionals,
    date_functions,
    numeric_functions,
    predicates,
    text_functions,
)

if TYPE_CHECKING:
    from broker.query.expressions.expression_binder import ExpressionBinder

MAX_NUMBER_LENGTH = 18


def bind_literal(_: "ExpressionBinder", node: exp.Expr) -> Scalar:
    text = str(node.this)
    if node.args.get("is_string") or isinstance(node, exp.National):
        return Literal(text, ScalarType.TEXT)
    if text.isdigit():
        if len(text) > MAX_NUMBER_LENGTH:
            raise BindError("literal", "The number is too long.", "Write a shorter number.", node)
        return Literal(int(text), ScalarType.INT)
    digits = text.replace(".", "", 1)
    if digits.isdigit() and len(digits) <= MAX_NUMBER_LENGTH:
        return Literal(Decimal(text), ScalarType.DECIMAL)
    raise BindError("literal", "The number is not written plainly.", "Write digits with at most one point.", node)


def bind_boolean(_: "ExpressionBinder", node: exp.Expr) -> Scalar:
    return Literal(bool(node.this), ScalarType.TRUTH)


def bind_null(_: "ExpressionBinder", __: exp.Expr) -> Scalar:
    return NULL


def bind_column(binder: "ExpressionBinder", node: exp.Expr) -> Scalar:
    return binder.column(node)


def bind_brackets(binder: "ExpressionBinder", node: exp.Expr) -> Scalar:
    return binder.scalar(node.this)


BASIC = "value"
TRUTH, SAME, TEXT, WHOLE, DATE, FLOAT = "predicate", "as its arguments", "text", "whole number", "date", "float"


@dataclass(frozen=True, slots=True)
class AllowedFunction:
    """`name` is that of a function without a class of its own; `literals` says which arguments must be written out."""

    form: str
    node: type[exp.Expr]
    handler: Callable[["ExpressionBinder", exp.Expr], Scalar]
    args: frozenset[str]
    result: str
    literals: str = ""
    name: str | None = None
    deterministic: bool = True


def _function(
    form: str, node: type[exp.Expr], handler: Callable[["ExpressionBinder", exp.Expr], Scalar], args: str, result: str,
    literals: str = "", name: str | None = None,
) -> AllowedFunction:  # fmt: skip
    return AllowedFunction(form, node, handler, frozenset(args.split()), result, literals, name)


BOTH_SIDES = "this expression"
COMMON = (
    _function("x", exp.Column, bind_column, "this table db catalog", BASIC),
    _function("'text', 12, 1.5", exp.Literal, bind_literal, "this is_string", BASIC),
    _function("N'text'", exp.National, bind_literal, "this", BASIC),
    _function("TRUE, FALSE", exp.Boolean, bind_boolean, "this", BASIC),
    _function("NULL", exp.Null, bind_null, "", BASIC),
    _function("(x)", exp.Paren, bind_brackets, "this", SAME),
    _function("CASE WHEN … THEN … ELSE … END", exp.Case, conditionals.case, "this ifs default", SAME),
    _function("COALESCE(x, y, …)", exp.Coalesce, conditionals.coalesce, "this expressions is_nvl", SAME),
    _function("NULLIF(x, y)", exp.Nullif, conditionals.nullif, BOTH_SIDES, SAME),
    _function("GREATEST(x, y, …)", exp.Greatest, conditionals.extreme, "this expressions ignore_nulls", SAME),
    _function("LEAST(x, y, …)", exp.Least, conditionals.extreme, "this expressions ignore_nulls", SAME),
    _function("x = y", exp.EQ, predicates.equal_node, BOTH_SIDES, TRUTH),
    _function("x <> y", exp.NEQ, predicates.unequal_node, BOTH_SIDES, TRUTH),
    _function("x < y", exp.LT, predicates.ordered_node, BOTH_SIDES, TRUTH),
    _function("x <= y", exp.LTE, predicates.ordered_node, BOTH_SIDES, TRUTH),
    _function("x > y", exp.GT, predicates.ordered_node, BOTH_SIDES, TRUTH),
    _function("x >= y", exp.GTE, predicates.ordered_node, BOTH_SIDES, TRUTH),
    _function("x IS NOT DISTINCT FROM y", exp.NullSafeEQ, predicates.same_node, BOTH_SIDES, TRUTH),
    _function("x IS DISTINCT FROM y", exp.NullSafeNEQ, predicates.distinct_node, BOTH_SIDES, TRUTH),
    _function("x BETWEEN y AND z", exp.Between, predicates.between, "this low high", TRUTH),
    _function("x IN (…)", exp.In, predicates.membership, "this expressions", TRUTH),
    _function("x IS NULL", exp.Is, predicates.is_null, BOTH_SIDES, TRUTH),
    _function("x LIKE p", exp.Like, text_functions.like, BOTH_SIDES + " negate", TRUTH, "pattern"),
    _function("x LIKE p ESCAPE c", exp.Escape, text_functions.escaped, BOTH_SIDES, TRUTH, "pattern, escape"),
    _function("AND", exp.And, predicates.connective, BOTH_SIDES, TRUTH),
    _function("OR", exp.Or, predicates.connective, BOTH_SIDES, TRUTH),
    _function("NOT", exp.Not, predicates.negation, "this", TRUTH),
    _function("x + y", exp.Add, arithmetic.binary, BOTH_SIDES, SAME),
    _function("x - y", exp.Sub, arithmetic.binary, BOTH_SIDES, SAME),
    _function("x * y", exp.Mul, arithmetic.binary, BOTH_SIDES, SAME),
    _function("x / y", exp.Div, arithmetic.division, BOTH_SIDES + " typed safe", SAME),
    _function("x % y", exp.Mod, arithmetic.remainder, BOTH_SIDES, SAME),
    _function("-x", exp.Neg, arithmetic.negation, "this", SAME),
    _function("ABS(x)", exp.Abs, numeric_functions.absolute, "this", SAME),
    _function("SIGN(x)", exp.Sign, numeric_functions.sign, "this", SAME),
    _function("FLOOR(x)", exp.Floor, numeric_functions.whole_part, "this", SAME),
    _function("CEILING(x)", exp.Ceil, numeric_functions.whole_part, "this", SAME),
    _function("ROUND(x, n)", exp.Round, numeric_functions.rounding, "this decimals", SAME, "n"),
    _function("SQRT(x)", exp.Sqrt, numeric_functions.square_root, "this", FLOAT),
    _function("EXP(x)", exp.Exp, numeric_functions.exponential, "this", FLOAT),
    _function("POWER(x, n)", exp.Pow, numeric_functions.power, BOTH_SIDES, FLOAT, "n"),
    _function("CAST(x AS type)", exp.Cast, casts.cast, "this to", "that type"),
    _function("TRY_CAST(x AS type)", exp.TryCast, casts.try_cast, "this to safe", "that type"),
    _function("UPPER(x)", exp.Upper, text_functions.change_case, "this", TEXT),
    _function("LOWER(x)", exp.Lower, text_functions.change_case, "this", TEXT),
    _function("TRIM(x)", exp.Trim, text_functions.trim, "this", TEXT),
    _function("LTRIM(x)", exp.Trim, text_functions.trim, "this position", TEXT),
    _function("RTRIM(x)", exp.Trim, text_functions.trim, "this position", TEXT),
    _function("LEN(x)", exp.Length, text_functions.length, "this", WHOLE),
    _function("LEFT(x, n)", exp.Left, text_functions.left_or_right, BOTH_SIDES, TEXT, "n"),
    _function("RIGHT(x, n)", exp.Right, text_functions.left_or_right, BOTH_SIDES, TEXT, "n"),
    _function("SUBSTRING(x, n, m)", exp.Substring, text_functions.substring, "this start length", TEXT, "n, m"),
    _function("REPLACE(x, a, b)", exp.Replace, text_functions.replace, "this expression replacement", TEXT, "a, b"),
    _function("CONCAT(x, y, …)", exp.Concat, text_functions.concat_all, "expressions safe coalesce", TEXT),
    _function("CONCAT_WS(s, x, y, …)", exp.ConcatWs, text_functions.concat_by, "expressions safe coalesce", TEXT, "s"),
    _function("YEAR(d)", exp.Year, date_functions.part, "this", WHOLE),
    _function("MONTH(d)", exp.Month, date_functions.part, "this", WHOLE),
    _function("DAY(d)", exp.Day, date_functions.part, "this", WHOLE),
)
TSQL = (
    _function("ISNULL(x, y)", exp.Coalesce, conditionals.coalesce, "this expressions is_null", SAME),
    _function("IIF(p, x, y)", exp.If, conditionals.iif, "this true false", SAME),
    _function("CHOOSE(i, x, y, …)", exp.Anonymous, conditionals.choose, "this expressions", SAME, name="CHOOSE"),
    _function("ROUND(x, n, 1)", exp.Round, numeric_functions.rounding, "this decimals truncate", SAME, "n, 1"),
    _function("LOG(x)", exp.Ln, numeric_functions.natural_logarithm, "this", FLOAT),
    _function("LOG(x, b), LOG10(x)", exp.Log, numeric_functions.logarithm, BOTH_SIDES, FLOAT, "b"),
    _function("CONVERT(type, x)", exp.Convert, casts.convert, BOTH_SIDES, "that type"),
    _function("CONVERT(varchar(n), d, style)", exp.Convert, casts.convert, BOTH_SIDES + " style", TEXT, "style"),
    _function("TRY_CONVERT(type, x)", exp.Convert, casts.convert, BOTH_SIDES + " safe", "that type"),
    _function("STUFF(x, n, m, a)", exp.Stuff, text_functions.stuff, "this start length expression", TEXT, "n, m, a"),
    _function("CHARINDEX(a, x)", exp.StrPosition, text_functions.position, "this substr", WHOLE, "a"),
    _function("DATEPART(part, d)", exp.Extract, date_functions.extract, BOTH_SIDES, WHOLE, "part"),
    _function("DATENAME(part, d)", exp.TimeToStr, date_functions.name_of_part, "this format", TEXT, "part"),
    _function(
        "DATEDIFF(part, d, e)", exp.DateDiff, date_functions.difference, BOTH_SIDES + " unit big_int", WHOLE, "part"
    ),
    _function("DATEADD(part, n, d)", exp.DateAdd, date_functions.add_to_date, BOTH_SIDES + " unit", DATE, "part"),
    _function("DATEFROMPARTS(y, m, d)", exp.DateFromParts, date_functions.from_parts, "year month day", DATE),
    _function("DATETRUNC(part, d)", exp.TimestampTrunc, date_functions.truncated, "this unit", DATE, "part"),
    _function("EOMONTH(d, n)", exp.LastDay, date_functions.end_of_month, "this", DATE),
)
DUCKDB = (
    _function("if(p, x, y)", exp.If, conditionals.iif, "this true false", SAME),
    _function("x ILIKE p", exp.ILike, text_functions.like, BOTH_SIDES + " negate", TRUTH, "pattern"),
    _function("x || y", exp.DPipe, text_functions.concat, BOTH_SIDES + " safe", TEXT),
    _function("x // y", exp.IntDiv, arithmetic.whole_division, BOTH_SIDES, WHOLE),
    _function("trunc(x, n)", exp.Trunc, numeric_functions.truncation, "this decimals", SAME, "n"),
    _function("ln(x)", exp.Ln, numeric_functions.natural_logarithm, "this", FLOAT),
    _function("log(x), log10(x), log2(x)", exp.Log, numeric_functions.logarithm, BOTH_SIDES, FLOAT),
    _function("strpos(x, a)", exp.StrPosition, text_functions.position, "this substr", WHOLE, "a"),
    _function("starts_with(x, a)", exp.StartsWith, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    _function("ends_with(x, a)", exp.EndsWith, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    _function("contains(x, a)", exp.Contains, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    _function("quarter(d)", exp.Quarter, date_functions.part, "this", WHOLE),
    _function("week(d)", exp.Week, date_functions.part, "this", WHOLE),
    _function("dayofmonth(d)", exp.DayOfMonth, date_functions.part, "this", WHOLE),
    _function("dayofweek(d)", exp.DayOfWeek, date_functions.part, "this", WHOLE),
    _function("isodow(d)", exp.DayOfWeekIso, date_functions.part, "this", WHOLE),
    _function("dayofyear(d)", exp.DayOfYear, date_functions.part, "this", WHOLE),
    _function("extract(part FROM d)", exp.Extract, date_functions.extract, BOTH_SIDES, WHOLE, "part"),
    _function(
        "date_part(part, d)", exp.Anonymous, date_functions.date_part, "this expressions", WHOLE, "part", "DATE_PART"
    ),
    _function(
        "datepart(part, d)", exp.Anonymous, date_functions.date_part, "this expressions", WHOLE, "part", "DATEPART"
    ),
    _function(
        "date_diff(part, d, e)",
        exp.DateDiff,
        date_functions.difference,
        BOTH_SIDES + " unit date_part_boundary",
        WHOLE,
        "part",
    ),
    _function("date_trunc(part, d)", exp.TimestampTrunc, date_functions.truncated, "this unit", DATE, "part"),
    _function("date_add(d, INTERVAL n part)", exp.DateAdd, date_functions.add_to_date, BOTH_SIDES, DATE, "n, part"),
    _function("make_date(y, m, d)", exp.DateFromParts, date_functions.from_parts, "year month day", DATE),
    _function("last_day(d)", exp.LastDay, date_functions.end_of_month, "this", DATE),
    _function("monthname(d)", exp.Monthname, date_functions.month_name, "this", TEXT),
    _function("dayname(d)", exp.Dayname, date_functions.weekday_name, "this", TEXT),
)
FUNCTIONS: dict[str, tuple[AllowedFunction, ...]] = {"tsql": COMMON + TSQL, "duckdb": COMMON + DUCKDB}


Handler = Callable[["ExpressionBinder", exp.Expr], Scalar]
HandlerRule = tuple[Handler, frozenset[str]]


def _by_class(table: Iterable[AllowedFunction]) -> dict[type[exp.Expr], HandlerRule]:
    """Several functions of one class share its handler, and its arguments are those of all of them."""
    found: dict[type[exp.Expr], HandlerRule] = {}
    for f in table:
        if f.name is None:
            _, args = found.get(f.node, (f.handler, frozenset()))
            found[f.node] = (f.handler, args | f.args)
    return found


HANDLERS: dict[str, dict[type[exp.Expr], HandlerRule]] = {
    dialect: _by_class(table) for dialect, table in FUNCTIONS.items()
}
"""The allow-list: a class that is not here is refused by name, and so is an argument."""

NAMED_HANDLERS: dict[str, dict[str, HandlerRule]] = {
    dialect: {f.name: (f.handler, f.args) for f in table if f.name is not None} for dialect, table in FUNCTIONS.items()
}
"""Functions that the parser has no class for."""


def handler_of(node: exp.Expr, dialect: str) -> HandlerRule | None:
    if type(node) is exp.Anonymous:
        return NAMED_HANDLERS[dialect].get(node.name.upper())
    return HANDLERS[dialect].get(type(node))
