"""The DuckDB dialect: its functions and every decision in which it differs from the others."""

from sqlglot import exp
from sqlglot.parsers.duckdb import DuckDBParser

from broker.query.dialects.base import DOUBLE_QUOTES, Dialect, token_pattern
from broker.query.dialects.common_functions import BOTH_SIDES, COMMON, DATE, FLOAT, SAME, TEXT, TRUTH, WHOLE, function
from broker.query.dialects.step_limited_parser import StepLimitedParser
from broker.query.expressions import arithmetic, conditionals, date_functions, number_formats, text_functions

FUNCTIONS = (
    function("if(p, x, y)", exp.If, conditionals.iif, "this true false", SAME),
    function("x ILIKE p", exp.ILike, text_functions.like, BOTH_SIDES + " negate", TRUTH, "pattern"),
    function("x || y", exp.DPipe, text_functions.concat, BOTH_SIDES + " safe", TEXT),
    function("x // y", exp.IntDiv, arithmetic.whole_division, BOTH_SIDES, WHOLE),
    function("trunc(x, n)", exp.Trunc, arithmetic.truncation, "this decimals", SAME, "n"),
    function("ln(x)", exp.Ln, arithmetic.natural_logarithm, "this", FLOAT),
    function("log(x), log10(x), log2(x)", exp.Log, arithmetic.logarithm, BOTH_SIDES, FLOAT),
    function("strpos(x, a)", exp.StrPosition, text_functions.position, "this substr", WHOLE, "a"),
    function("starts_with(x, a)", exp.StartsWith, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    function("ends_with(x, a)", exp.EndsWith, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    function("contains(x, a)", exp.Contains, text_functions.text_test, BOTH_SIDES, TRUTH, "a"),
    function("regexp_matches(x, p)", exp.RegexpLike, text_functions.matched, BOTH_SIDES, TRUTH, "p"),
    function("regexp_full_match(x, p)", exp.RegexpFullMatch, text_functions.matched, BOTH_SIDES, TRUTH, "p"),
    function("x SIMILAR TO p", exp.SimilarTo, text_functions.matched, BOTH_SIDES, TRUTH, "p"),
    function(
        "regexp_extract(x, p, n)",
        exp.RegexpExtract,
        text_functions.extracted,
        BOTH_SIDES + " group null_if_pos_overflow",
        TEXT,
        "p, n",
    ),
    function(
        "split_part(x, a, n)", exp.SplitPart, text_functions.split_part, "this delimiter part_index", TEXT, "a, n"
    ),
    function("quarter(d)", exp.Quarter, date_functions.part, "this", WHOLE),
    function("week(d)", exp.Week, date_functions.part, "this", WHOLE),
    function("dayofmonth(d)", exp.DayOfMonth, date_functions.part, "this", WHOLE),
    function("dayofweek(d)", exp.DayOfWeek, date_functions.part, "this", WHOLE),
    function("isodow(d)", exp.DayOfWeekIso, date_functions.part, "this", WHOLE),
    function("dayofyear(d)", exp.DayOfYear, date_functions.part, "this", WHOLE),
    function("extract(part FROM d)", exp.Extract, date_functions.extract, BOTH_SIDES, WHOLE, "part"),
    function(
        "date_part(part, d)", exp.Anonymous, date_functions.date_part, "this expressions", WHOLE, "part", "DATE_PART"
    ),
    function(
        "datepart(part, d)", exp.Anonymous, date_functions.date_part, "this expressions", WHOLE, "part", "DATEPART"
    ),
    function(
        "date_diff(part, d, e)",
        exp.DateDiff,
        date_functions.difference,
        BOTH_SIDES + " unit date_part_boundary",
        WHOLE,
        "part",
    ),
    function("date_trunc(part, d)", exp.TimestampTrunc, date_functions.truncated, "this unit", DATE, "part"),
    function("date_add(d, INTERVAL n part)", exp.DateAdd, date_functions.add_to_date, BOTH_SIDES, DATE, "n, part"),
    function("make_date(y, m, d)", exp.DateFromParts, date_functions.from_parts, "year month day", DATE),
    function("bar(x, a, b, n)", exp.Anonymous, number_formats.bar, "this expressions", SAME, name="BAR"),
    function("last_day(d)", exp.LastDay, date_functions.other_form, "this", DATE),
    function("monthname(d)", exp.Monthname, date_functions.other_form, "this", TEXT),
    function("dayname(d)", exp.Dayname, date_functions.other_form, "this", TEXT),
)


class StepLimitedDuckDBParser(StepLimitedParser, DuckDBParser):
    """The parser of DuckDB, with a step limit."""

    def _parse_simplified_pivot(self, is_unpivot: bool | None = None) -> exp.Pivot:
        """Parse PIVOT … ON … with the clauses after it, which the base class does not know."""
        found = super()._parse_simplified_pivot(is_unpivot)
        for clause, parse in (
            ("order", self._parse_order),
            ("limit", self._parse_limit),
            ("offset", self._parse_offset),
        ):
            found.set(clause, parse())
        return found


DUCKDB = Dialect(
    name="duckdb",
    functions=COMMON + FUNCTIONS,
    sqlglot_name="duckdb",
    tokens=token_pattern(DOUBLE_QUOTES),
    parser=StepLimitedDuckDBParser,
    product="DuckDB",
    has_batches=False,
    has_procedures=False,
    begins_with_from=True,
    marks_temporary_tables=False,
    counts_rows_without_star=True,
    database="memory",
    default_schema="main",
    clauses_see_aliases=True,
    on_zero_divisor="would give infinity, or end the query",
    truncates_whole_numbers=False,
    has_exact_quotients=False,
    results_have_argument_type=False,
    boolean_type="BOOLEAN",
    booleans_are_numbers=False,
    relates_variables=True,
    chooses_among_rows=True,
    quantile_is_discrete=True,
    has_wide_floats=False,
    default_decimal_digits=None,
    text_to_whole="native_int",
    text_to_double="native_double",
    text_to_decimal="native_decimal",
    ignores_case=False,
    casts_cut_text=False,
    plus_joins_texts=False,
    converts_text_arguments=False,
    substring_needs_length=False,
    trim="trim",
    length="length",
    reads_plain_dates=False,
    moves_dates_by_plus=True,
    date_parts={
        "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "DAYOFYEAR": "day_of_year",
        "DOY": "day_of_year", "DAYOFWEEK": "weekday_from_0", "DOW": "weekday_from_0", "WEEKDAY": "weekday_from_0",
        "ISODOW": "weekday_iso", "WEEK": "week_iso", "WEEKOFYEAR": "week_iso",
    },
    weeks_between="whole_weeks_between",
)  # fmt: skip
