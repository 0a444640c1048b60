"""The T-SQL dialect, as SQL Server 2022 reads it with its usual collation."""

from sqlglot import exp
from sqlglot.parsers.tsql import TSQLParser

from broker.query.dialects.base import BRACKETS, DOUBLE_QUOTES, Dialect, token_pattern
from broker.query.dialects.common_functions import BOTH_SIDES, COMMON, DATE, FLOAT, SAME, TEXT, WHOLE, function
from broker.query.dialects.step_limited_parser import StepLimitedParser
from broker.query.expressions import arithmetic, casts, conditionals, date_functions, number_formats, text_functions

FUNCTIONS = (
    function("ISNULL(x, y)", exp.Coalesce, conditionals.coalesce, "this expressions is_null", SAME),
    function("IIF(p, x, y)", exp.If, conditionals.iif, "this true false", SAME),
    function("CHOOSE(i, x, y, …)", exp.Anonymous, conditionals.choose, "this expressions", SAME, name="CHOOSE"),
    function("ROUND(x, n, 1)", exp.Round, arithmetic.rounding, "this decimals truncate", SAME, "n, 1"),
    function("LOG(x)", exp.Ln, arithmetic.natural_logarithm, "this", FLOAT),
    function("LOG(x, b), LOG10(x)", exp.Log, arithmetic.logarithm, BOTH_SIDES, FLOAT, "b"),
    function("CONVERT(type, x)", exp.Convert, casts.convert, BOTH_SIDES, "that type"),
    function("CONVERT(varchar(n), d, style)", exp.Convert, casts.convert, BOTH_SIDES + " style", TEXT, "style"),
    function("TRY_CONVERT(type, x)", exp.Convert, casts.convert, BOTH_SIDES + " safe", "that type"),
    function("STUFF(x, n, m, a)", exp.Stuff, text_functions.stuff, "this start length expression", TEXT, "n, m, a"),
    function("CHARINDEX(a, x)", exp.StrPosition, text_functions.position, "this substr", WHOLE, "a"),
    function("DATEPART(part, d)", exp.Extract, date_functions.extract, BOTH_SIDES, WHOLE, "part"),
    function("DATENAME(part, d)", exp.TimeToStr, date_functions.name_of_part, "this format", TEXT, "part"),
    function(
        "DATEDIFF(part, d, e)", exp.DateDiff, date_functions.difference, BOTH_SIDES + " unit big_int", WHOLE, "part"
    ),
    function("DATEADD(part, n, d)", exp.DateAdd, date_functions.add_to_date, BOTH_SIDES + " unit", DATE, "part"),
    function("DATEFROMPARTS(y, m, d)", exp.DateFromParts, date_functions.from_parts, "year month day", DATE),
    function("DATETRUNC(part, d)", exp.TimestampTrunc, date_functions.truncated, "this unit", DATE, "part"),
    function(
        "FORMAT(x, 'N1')", exp.NumberToStr, number_formats.formatted_figure, "this format culture", FLOAT, "the format"
    ),
    function("EOMONTH(d, n)", exp.LastDay, date_functions.other_form, "this", DATE),
)


class StepLimitedTsqlParser(StepLimitedParser, TSQLParser):
    """The parser of T-SQL, with a step limit."""


TSQL = Dialect(
    name="tsql",
    functions=COMMON + FUNCTIONS,
    sqlglot_name="tsql",
    tokens=token_pattern(DOUBLE_QUOTES, BRACKETS),
    parser=StepLimitedTsqlParser,
    product="SQL Server",
    has_batches=True,
    has_procedures=True,
    begins_with_from=False,
    marks_temporary_tables=True,
    counts_rows_without_star=False,
    database="npd",
    default_schema=None,
    clauses_see_aliases=False,
    on_zero_divisor="would end the query",
    truncates_whole_numbers=True,
    has_exact_quotients=True,
    results_have_argument_type=True,
    boolean_type="BIT",
    booleans_are_numbers=True,
    relates_variables=False,
    chooses_among_rows=False,
    quantile_is_discrete=True,
    has_wide_floats=True,
    default_decimal_digits=18,
    text_to_whole="text_to_int",
    text_to_double="text_to_double",
    text_to_decimal="text_to_decimal",
    ignores_case=True,
    casts_cut_text=True,
    plus_joins_texts=True,
    converts_text_arguments=True,
    substring_needs_length=True,
    trim="trim_blanks",
    length="length_trimmed",
    reads_plain_dates=True,
    moves_dates_by_plus=False,
    date_parts={
        "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "DAYOFYEAR": "day_of_year",
        "DAYOFWEEK": "weekday_from_1", "WEEKDAY": "weekday_from_1", "WEEK": "week_from_sunday", "WEEKISO": "week_iso",
        "ISO_WEEK": "week_iso",
    },
    weeks_between="sundays_between",
)  # fmt: skip
