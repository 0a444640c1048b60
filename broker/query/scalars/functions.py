"""The closed list of what people may write, a table for each dialect: name, the parser's class, handler, kind of
result, which arguments must be written out. Every function here gives the same for the same row, always."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Scalar
from broker.query.scalars import (
    arithmetic,
    casts,
    choosing,
    comparing,
    dates,
    literals,
    patterns,
    powers,
    rounding,
    texts,
)

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

BASIC = "value"
TRUTH, SAME, TEXT, WHOLE, DATE, FLOAT = "predicate", "as its arguments", "text", "whole number", "date", "float"


@dataclass(frozen=True, slots=True)
class Function:
    """`name` is that of a function without a class of its own; `literals` says which arguments must be written out."""

    written: str
    node: type[exp.Expr]
    handler: Callable[["Meaning", exp.Expr], Scalar]
    args: frozenset[str]
    result: str
    literals: str = ""
    name: str | None = None
    deterministic: bool = True


def _f(
    written: str, node: type[exp.Expr], handler: Callable[["Meaning", exp.Expr], Scalar], args: str, result: str,
    literals: str = "", name: str | None = None,
) -> Function:  # fmt: skip
    return Function(written, node, handler, frozenset(args.split()), result, literals, name)


TWO = "this expression"
COMMON = (
    _f("x", exp.Column, literals.column, "this table db catalog", BASIC),
    _f("'text', 12, 1.5", exp.Literal, literals.literal, "this is_string", BASIC),
    _f("N'text'", exp.National, literals.literal, "this", BASIC),
    _f("TRUE, FALSE", exp.Boolean, literals.boolean, "this", BASIC),
    _f("NULL", exp.Null, literals.null, "", BASIC),
    _f("(x)", exp.Paren, literals.bracket, "this", SAME),
    _f("CASE WHEN … THEN … ELSE … END", exp.Case, choosing.case, "this ifs default", SAME),
    _f("COALESCE(x, y, …)", exp.Coalesce, choosing.coalesce, "this expressions is_nvl", SAME),
    _f("NULLIF(x, y)", exp.Nullif, choosing.nullif, TWO, SAME),
    _f("GREATEST(x, y, …)", exp.Greatest, choosing.extreme, "this expressions ignore_nulls", SAME),
    _f("LEAST(x, y, …)", exp.Least, choosing.extreme, "this expressions ignore_nulls", SAME),
    _f("x = y", exp.EQ, comparing.equal_node, TWO, TRUTH),
    _f("x <> y", exp.NEQ, comparing.unequal_node, TWO, TRUTH),
    _f("x < y", exp.LT, comparing.ordered_node, TWO, TRUTH),
    _f("x <= y", exp.LTE, comparing.ordered_node, TWO, TRUTH),
    _f("x > y", exp.GT, comparing.ordered_node, TWO, TRUTH),
    _f("x >= y", exp.GTE, comparing.ordered_node, TWO, TRUTH),
    _f("x IS NOT DISTINCT FROM y", exp.NullSafeEQ, comparing.same_node, TWO, TRUTH),
    _f("x IS DISTINCT FROM y", exp.NullSafeNEQ, comparing.distinct_node, TWO, TRUTH),
    _f("x BETWEEN y AND z", exp.Between, comparing.between, "this low high", TRUTH),
    _f("x IN (…)", exp.In, comparing.membership, "this expressions", TRUTH),
    _f("x IS NULL", exp.Is, comparing.is_null, TWO, TRUTH),
    _f("x LIKE p", exp.Like, patterns.like, TWO + " negate", TRUTH, "pattern"),
    _f("x LIKE p ESCAPE c", exp.Escape, patterns.escaped, TWO, TRUTH, "pattern, escape"),
    _f("AND", exp.And, comparing.connective, TWO, TRUTH),
    _f("OR", exp.Or, comparing.connective, TWO, TRUTH),
    _f("NOT", exp.Not, comparing.negation, "this", TRUTH),
    _f("x + y", exp.Add, arithmetic.binary, TWO, SAME),
    _f("x - y", exp.Sub, arithmetic.binary, TWO, SAME),
    _f("x * y", exp.Mul, arithmetic.binary, TWO, SAME),
    _f("x / y", exp.Div, arithmetic.division, TWO + " typed safe", SAME),
    _f("x % y", exp.Mod, arithmetic.remainder, TWO, SAME),
    _f("-x", exp.Neg, arithmetic.negation, "this", SAME),
    _f("ABS(x)", exp.Abs, rounding.absolute, "this", SAME),
    _f("SIGN(x)", exp.Sign, rounding.sign, "this", SAME),
    _f("FLOOR(x)", exp.Floor, rounding.whole_part, "this", SAME),
    _f("CEILING(x)", exp.Ceil, rounding.whole_part, "this", SAME),
    _f("ROUND(x, n)", exp.Round, rounding.rounding, "this decimals", SAME, "n"),
    _f("SQRT(x)", exp.Sqrt, powers.root, "this", FLOAT),
    _f("EXP(x)", exp.Exp, powers.exponential, "this", FLOAT),
    _f("POWER(x, n)", exp.Pow, powers.power, TWO, FLOAT, "n"),
    _f("CAST(x AS type)", exp.Cast, casts.cast, "this to", "that type"),
    _f("TRY_CAST(x AS type)", exp.TryCast, casts.try_cast, "this to safe", "that type"),
    _f("UPPER(x)", exp.Upper, texts.change, "this", TEXT),
    _f("LOWER(x)", exp.Lower, texts.change, "this", TEXT),
    _f("TRIM(x)", exp.Trim, texts.trim, "this", TEXT),
    _f("LTRIM(x)", exp.Trim, texts.trim, "this position", TEXT),
    _f("RTRIM(x)", exp.Trim, texts.trim, "this position", TEXT),
    _f("LEN(x)", exp.Length, texts.length, "this", WHOLE),
    _f("LEFT(x, n)", exp.Left, texts.side, TWO, TEXT, "n"),
    _f("RIGHT(x, n)", exp.Right, texts.side, TWO, TEXT, "n"),
    _f("SUBSTRING(x, n, m)", exp.Substring, texts.substring, "this start length", TEXT, "n, m"),
    _f("REPLACE(x, a, b)", exp.Replace, texts.replace, "this expression replacement", TEXT, "a, b"),
    _f("CONCAT(x, y, …)", exp.Concat, texts.concat_all, "expressions safe coalesce", TEXT),
    _f("CONCAT_WS(s, x, y, …)", exp.ConcatWs, texts.concat_by, "expressions safe coalesce", TEXT, "s"),
    _f("YEAR(d)", exp.Year, dates.part, "this", WHOLE),
    _f("MONTH(d)", exp.Month, dates.part, "this", WHOLE),
    _f("DAY(d)", exp.Day, dates.part, "this", WHOLE),
)
TSQL = (
    _f("ISNULL(x, y)", exp.Coalesce, choosing.coalesce, "this expressions is_null", SAME),
    _f("IIF(p, x, y)", exp.If, choosing.iif, "this true false", SAME),
    _f("CHOOSE(i, x, y, …)", exp.Anonymous, choosing.choose, "this expressions", SAME, name="CHOOSE"),
    _f("ROUND(x, n, 1)", exp.Round, rounding.rounding, "this decimals truncate", SAME, "n, 1"),
    _f("LOG(x)", exp.Ln, powers.natural, "this", FLOAT),
    _f("LOG(x, b), LOG10(x)", exp.Log, powers.logarithm, TWO, FLOAT, "b"),
    _f("CONVERT(type, x)", exp.Convert, casts.convert, TWO, "that type"),
    _f("CONVERT(varchar(n), d, style)", exp.Convert, casts.convert, TWO + " style", TEXT, "style"),
    _f("TRY_CONVERT(type, x)", exp.Convert, casts.convert, TWO + " safe", "that type"),
    _f("STUFF(x, n, m, a)", exp.Stuff, texts.stuff, "this start length expression", TEXT, "n, m, a"),
    _f("CHARINDEX(a, x)", exp.StrPosition, texts.position, "this substr", WHOLE, "a"),
    _f("DATEPART(part, d)", exp.Extract, dates.extract, TWO, WHOLE, "part"),
    _f("DATENAME(part, d)", exp.TimeToStr, dates.name_of_part, "this format", TEXT, "part"),
    _f("DATEDIFF(part, d, e)", exp.DateDiff, dates.difference, TWO + " unit big_int", WHOLE, "part"),
    _f("DATEADD(part, n, d)", exp.DateAdd, dates.moved, TWO + " unit", DATE, "part"),
    _f("DATEFROMPARTS(y, m, d)", exp.DateFromParts, dates.from_parts, "year month day", DATE),
    _f("DATETRUNC(part, d)", exp.TimestampTrunc, dates.start, "this unit", DATE, "part"),
    _f("EOMONTH(d, n)", exp.LastDay, dates.end_of_month, "this", DATE),
)
DUCKDB = (
    _f("if(p, x, y)", exp.If, choosing.iif, "this true false", SAME),
    _f("x ILIKE p", exp.ILike, patterns.like, TWO + " negate", TRUTH, "pattern"),
    _f("x || y", exp.DPipe, texts.concat, TWO + " safe", TEXT),
    _f("x // y", exp.IntDiv, arithmetic.whole_division, TWO, WHOLE),
    _f("trunc(x, n)", exp.Trunc, rounding.truncation, "this decimals", SAME, "n"),
    _f("ln(x)", exp.Ln, powers.natural, "this", FLOAT),
    _f("log(x), log10(x), log2(x)", exp.Log, powers.logarithm, TWO, FLOAT),
    _f("strpos(x, a)", exp.StrPosition, texts.position, "this substr", WHOLE, "a"),
    _f("starts_with(x, a)", exp.StartsWith, texts.test, TWO, TRUTH, "a"),
    _f("ends_with(x, a)", exp.EndsWith, texts.test, TWO, TRUTH, "a"),
    _f("contains(x, a)", exp.Contains, texts.test, TWO, TRUTH, "a"),
    _f("quarter(d)", exp.Quarter, dates.part, "this", WHOLE),
    _f("week(d)", exp.Week, dates.part, "this", WHOLE),
    _f("dayofmonth(d)", exp.DayOfMonth, dates.part, "this", WHOLE),
    _f("dayofweek(d)", exp.DayOfWeek, dates.part, "this", WHOLE),
    _f("isodow(d)", exp.DayOfWeekIso, dates.part, "this", WHOLE),
    _f("dayofyear(d)", exp.DayOfYear, dates.part, "this", WHOLE),
    _f("extract(part FROM d)", exp.Extract, dates.extract, TWO, WHOLE, "part"),
    _f("date_part(part, d)", exp.Anonymous, dates.date_part, "this expressions", WHOLE, "part", "DATE_PART"),
    _f("datepart(part, d)", exp.Anonymous, dates.date_part, "this expressions", WHOLE, "part", "DATEPART"),
    _f("date_diff(part, d, e)", exp.DateDiff, dates.difference, TWO + " unit date_part_boundary", WHOLE, "part"),
    _f("date_trunc(part, d)", exp.TimestampTrunc, dates.start, "this unit", DATE, "part"),
    _f("date_add(d, INTERVAL n part)", exp.DateAdd, dates.moved, TWO, DATE, "n, part"),
    _f("make_date(y, m, d)", exp.DateFromParts, dates.from_parts, "year month day", DATE),
    _f("last_day(d)", exp.LastDay, dates.end_of_month, "this", DATE),
    _f("monthname(d)", exp.Monthname, dates.month_name, "this", TEXT),
    _f("dayname(d)", exp.Dayname, dates.weekday_name, "this", TEXT),
)
TABLES: dict[str, tuple[Function, ...]] = {"tsql": COMMON + TSQL, "duckdb": COMMON + DUCKDB}
