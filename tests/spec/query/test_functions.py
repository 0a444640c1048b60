"""What each function gives at its edges, and the conditions under which a form that can fail is accepted."""

# ruff: noqa: E501 - one case a line reads as a table

from decimal import Decimal
from typing import Any

import pytest
from query_kit import PROJECT, SERVICE
from scalar_kit import CATALOGUE, checked, day, refused, value

from broker.query import compile_sql
from broker.query.binder.row_aggregation import TRUNCATED

EDGES = [
    ("tsql", "Num % 3", {"Num": -5}, -2),
    ("duckdb", "Num % 3", {"Num": -5}, -2),
    ("tsql", "Pts % 0.75", {"Pts": Decimal("2.00")}, Decimal("0.50")),
    ("tsql", "Num / Small", {"Num": -5, "Small": 2}, -2),
    ("duckdb", "Num // Small", {"Num": -5, "Small": 2}, -2),
    ("duckdb", "Num / Small", {"Num": 7, "Small": 2}, 3.5),
    ("tsql", "Num / NULLIF(Free, 0)", {"Num": 7, "Free": 0}, None),
    ("tsql", "FLOOR(Pts) / 2", {"Pts": Decimal("5.50")}, 2.5),
    ("tsql", "CAST(Pts / 0.10 AS int)", {"Pts": Decimal("0.30")}, 3),
    ("tsql", "ROUND(Num, -1)", {"Num": 15}, 20),
    ("tsql", "ROUND(Wide, -3)", {"Wide": Decimal("999.5000")}, 1000),
    ("tsql", "ROUND(Wide, 1, 1)", {"Wide": Decimal("-2.5900")}, Decimal("-2.5")),
    ("tsql", "ROUND(Wide, 1, 0)", {"Wide": Decimal("-2.5500")}, Decimal("-2.6")),
    ("duckdb", "trunc(Wide, 1)", {"Wide": Decimal("2.5900")}, Decimal("2.5")),
    ("tsql", "COALESCE(CAST(Num AS decimal(38, 0)), Wide)", {"Wide": Decimal("0.2500")}, Decimal("0.25")),
    ("tsql", "Wide * 123456789.12345", {"Wide": Decimal("1000")}, Decimal("123456789123.45")),
    ("tsql", "CASE WHEN Num > 0 THEN 2147483647 ELSE 1 END + 2147483647", {"Num": 1}, 4294967294),
    ("tsql", "CAST(Num AS bit)", {"Num": -5}, 1),
    ("tsql", "CAST(Pts AS decimal)", {"Pts": Decimal("2.50")}, 3),
    ("tsql", "CAST(Code AS int)", {"Code": "01"}, 1),
    ("tsql", "TRY_CAST(Note AS int)", {"Note": "  "}, 0),
    ("tsql", "TRY_CAST(Note AS int)", {"Note": "12.5"}, None),
    ("duckdb", "TRY_CAST(Note AS int)", {"Note": "12.5"}, 13),
    ("tsql", "TRY_CAST(Note AS tinyint)", {"Note": "256"}, None),
    ("tsql", "TRY_CAST(Note AS decimal(9, 2))", {"Note": "-1.005"}, Decimal("-1.01")),
    ("tsql", "TRY_CAST(Note AS float)", {"Note": "1e300"}, 1e300),
    ("tsql", "TRY_CAST(Note AS float)", {"Note": "nan"}, None),
    ("duckdb", "TRY_CAST(Note AS double)", {"Note": "inf"}, None),
    ("tsql", "CONVERT(varchar(7), D, 120)", {"D": day("2018-09-01")}, "2018-09"),
    ("tsql", "CONVERT(char(8), D, 112)", {"D": day("0900-09-01")}, "09000901"),
    ("tsql", "CAST(Note AS varchar(max))", {"Note": "x" * 50}, "x" * 50),
    ("tsql", "CAST(Note AS varchar)", {"Note": "x" * 50}, "x" * 30),
    ("tsql", "REPLACE(Note, 'B', '-')", {"Note": "abB"}, "a--"),
    ("duckdb", "replace(Note, 'B', '-')", {"Note": "abB"}, "ab-"),
    ("tsql", "REPLACE(Note, '.', '-')", {"Note": "a.b"}, "a-b"),
    ("tsql", "CHARINDEX('B', Note)", {"Note": "ab"}, 2),
    ("duckdb", "strpos(Note, 'B')", {"Note": "ab"}, 0),
    ("tsql", "STUFF(Note, 4, 1, 'x')", {"Note": "abc"}, None),
    ("tsql", "CONCAT(Note, NULL, Num)", {"Num": 3}, "3"),
    ("tsql", "CONCAT_WS(',', Note, Sex, Code)", {"Note": "", "Code": "2"}, ",2"),
    ("tsql", "CAST(Wide AS int)", {"Wide": Decimal("-2.7")}, -2),
    ("tsql", "CONVERT(int, Wide)", {"Wide": Decimal("2.7")}, 2),
    ("tsql", "ISNULL(Num, 0)", {"Num": None}, 0),
    ("tsql", "YEAR(D)", {"D": day("2010-03-04")}, 2010),
    ("tsql", "Note + '!'", {"Note": "a"}, "a!"),
    ("tsql", "Note + '!'", {"Note": None}, None),
    ("duckdb", "Note || '!'", {"Note": "a"}, "a!"),
    ("duckdb", "length(Note)", {"Note": "ab "}, 3),
    ("tsql", "LEN(Num)", {"Num": -5}, 2),
    ("tsql", "CASE Sex WHEN 'f' THEN 1 WHEN 'M' THEN 2 ELSE 3 END", {"Sex": "F"}, 1),
    ("tsql", "IIF(Num > 3, 'high', 'low')", {"Num": None}, "low"),
    ("tsql", "'1' + Num", {"Num": 5}, 6),
    ("tsql", "IIF(Note LIKE '[^a-c]_[[]', 1, 0)", {"Note": "Zb[ "}, 1),
    ("tsql", "IIF(Note LIKE 'a!%' ESCAPE '!', 1, 0)", {"Note": "A%"}, 1),
    ("tsql", "IIF(Note LIKE 'a.c', 1, 0)", {"Note": "abc"}, 0),
    ("tsql", "IIF(Note NOT LIKE '[0-9]%', 1, 0)", {"Note": None}, 0),
    ("duckdb", "if(Note ILIKE 'A%', 1, 0)", {"Note": "abc"}, 1),
    ("tsql", "IIF(Note IS NOT DISTINCT FROM 'ABC ', 1, 0)", {"Note": "abc"}, 1),
    ("tsql", "IIF(Note IS NOT DISTINCT FROM NULL, 1, 0)", {"Note": None}, 1),
    ("tsql", "CHOOSE(Num, 'a', 'b')", {"Num": 3}, None),
    ("tsql", "GREATEST(Num, Wide)", {"Wide": Decimal("0.5")}, Decimal("0.5")),
    ("tsql", "DATEPART(weekday, D)", {"D": day("2018-09-02")}, 1),
    ("duckdb", "dayofweek(D)", {"D": day("2018-09-02")}, 0),
    ("tsql", "DATEPART(week, D)", {"D": day("2017-01-08")}, 2),
    ("tsql", "DATEPART(iso_week, D)", {"D": day("2017-01-01")}, 52),
    ("tsql", "DATEDIFF(week, D, '2018-09-02')", {"D": day("2018-09-01")}, 1),
    ("duckdb", "date_diff('week', D, DATE '2018-09-02')", {"D": day("2018-09-01")}, 0),
    ("tsql", "DATEDIFF(year, D, '20180101')", {"D": day("2017-12-31")}, 1),
    ("tsql", "DATEADD(month, 1, D)", {"D": day("2020-01-31")}, day("2020-02-29")),
    ("tsql", "DATEADD(year, 1, D)", {"D": day("9999-01-31")}, None),
    ("tsql", "EOMONTH(D, 1)", {"D": day("2020-01-31")}, day("2020-02-29")),
    ("tsql", "DATENAME(weekday, D)", {"D": day("2018-09-02")}, "Sunday"),
    ("duckdb", "date_part('dow', D)", {"D": day("2018-09-01")}, 6),
    ("duckdb", "D + INTERVAL 1 MONTH", {"D": day("2018-01-31")}, day("2018-02-28")),
    ("duckdb", "date_trunc('month', D)", {"D": day("2018-01-31")}, day("2018-01-01")),
]  # fmt: skip
ZERO, NEGATIVE, NOT_POSITIVE = "whose divisor is 0", "whose number is negative", "whose number is 0 or negative"
LARGE, NO_NUMBER, NO_DATE = "whose number gets too large", "whose text is not a number", "whose date does not exist"
MISSING_ON_THE_ROW: list[tuple[str, str, str, dict[str, Any], dict[str, Any], Any]] = [
    ("tsql", "Num / Free", ZERO, {"Num": 7, "Free": 0}, {"Num": 7, "Free": 2}, 3),
    ("tsql", "Pts / Num", ZERO, {"Pts": Decimal("1.50"), "Num": 0}, {"Pts": Decimal("1.50"), "Num": 3}, 0.5),
    ("tsql", "Num % Free", ZERO, {"Num": 7, "Free": 0}, {"Num": -7, "Free": 4}, -3),
    ("tsql", "CASE WHEN Num <> 0 THEN 1 END / Num", ZERO, {"Num": 0}, {"Num": 1}, 1),
    ("tsql", "SQRT(Num)", NEGATIVE, {"Num": -1}, {"Num": 4}, 2.0),
    ("tsql", "LOG(Num)", NOT_POSITIVE, {"Num": 0}, {"Num": 1}, 0.0),
    ("tsql", "LOG10(Num)", NOT_POSITIVE, {"Num": -10}, {"Num": 100}, 2.0),
    ("tsql", "CASE WHEN Num > 0 OR Small = 1 THEN LOG(Num) END", NOT_POSITIVE, {"Num": -1, "Small": 1}, {"Num": 1}, 0.0),
    ("tsql", "CASE WHEN Num > 0 THEN 1 ELSE LOG(Num) END", NOT_POSITIVE, {"Num": -1}, {"Num": 3}, 1.0),
    ("tsql", "POWER(Ratio, Num)", LARGE, {"Ratio": 0.0, "Num": -2}, {"Ratio": 1.5, "Num": 2}, 2.25),
    ("tsql", "POWER(CAST(Num AS float), -1)", LARGE, {"Num": 0}, {"Num": 2}, 0.5),
    ("tsql", "EXP(Ratio)", LARGE, {"Ratio": 1000.0}, {"Ratio": 0.0}, 1.0),
    ("tsql", "Free * Free * Free * Free", LARGE, {"Free": 2_000_000_000}, {"Free": 3}, 81),
    ("tsql", "CAST(Free AS smallint)", LARGE, {"Free": 40_000}, {"Free": -5}, -5),
    ("tsql", "CAST(Wide AS decimal(3, 1))", LARGE, {"Wide": Decimal("99.95")}, {"Wide": Decimal("99.94")}, Decimal("99.9")),
    ("tsql", "CAST(Mixed AS int)", NO_NUMBER, {"Mixed": "x"}, {"Mixed": "5"}, 5),
    ("tsql", "CAST(Note AS int)", NO_NUMBER, {"Note": "5a"}, {"Note": " 5 "}, 5),
    ("tsql", "DATEADD(year, Free, D)", NO_DATE, {"D": day("2018-09-01"), "Free": 9000}, {"D": day("2020-02-29"), "Free": 1}, day("2021-02-28")),
    ("tsql", "DATEFROMPARTS(2018, Num, 1)", NO_DATE, {"Num": 13}, {"Num": 2}, day("2018-02-01")),
    ("duckdb", "Free * Free * Free", LARGE, {"Free": 4_000_000_000}, {"Free": -3}, -27),
    ("duckdb", "CAST(Note AS int)", NO_NUMBER, {"Note": "5a"}, {"Note": "5"}, 5),
    ("duckdb", "sqrt(Num)", NEGATIVE, {"Num": -1}, {"Num": 9}, 3.0),
]  # fmt: skip
"""Dialect, text, what the plan says about the rows without a result, such a row, another one and its result."""
REFUSED = [
    ("tsql", "TRY_CAST(Note AS decimal(38, 0))", "cast"),
    ("duckdb", "CAST(Ratio AS float)", "cast"),
    ("tsql", "CONVERT(varchar(20), D, 120)", "cast"),
    ("tsql", "LEFT(Note, -1)", "literal"),
    ("tsql", "LEFT(Note, Num)", "literal"),
    ("tsql", "IIF(Note LIKE '[a', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE '[z-a]', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE 'a!' ESCAPE '!', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE Sex, 1, 0)", "like"),
    ("duckdb", "if(Note GLOB 'a', 1, 0)", "function"),
    ("tsql", "IIF(D = '2018-W35-6', 1, 0)", "date-literal"),
    ("tsql", "IIF(D = '2018-02-30', 1, 0)", "date-literal"),
    ("duckdb", "if(D = '20180901', 1, 0)", "date-literal"),
    ("tsql", "IIF(Num = '--5', 1, 0)", "type"),
    ("tsql", "DATEFROMPARTS(2018, 2, 30)", "date-literal"),
    ("tsql", "DATEDIFF(day, Note, D)", "type"),
    ("tsql", "GREATEST(Note, 'a')", "text-order"),
    ("tsql", "Num % 0", "division"),
    ("tsql", "YEAR(CURRENT_TIMESTAMP)", "clock"),
    ("duckdb", "year(current_date)", "clock"),
    ("duckdb", "random()", "random"),
    ("duckdb", "hash(Note)", "hash"),
    ("duckdb", "getenv('HOME')", "session"),
    ("duckdb", "strftime(D, '%Y')", "formatting"),
]  # fmt: skip
NEVER_MISSING = [
    "CASE WHEN Num > 0 THEN LOG(Num) END",
    "CASE WHEN Num >= 1 AND Small = 2 THEN LOG(Num) / Num END",
    "CASE WHEN Num <> 0 THEN Pts / Num END",
    "IIF(Num BETWEEN 1 AND 5, LOG10(Num), 0)",
    "SQRT(Pts * Pts)",
    "1.0 / DATEPART(month, D)",
    "Pts / NULLIF(Num, 0)",
    "Num * Num",
]


@pytest.mark.parametrize(("dialect", "text", "row", "expected"), EDGES)
def test_at_the_edges(dialect: str, text: str, row: dict[str, Any], expected: Any) -> None:
    assert value(text, row, dialect) == expected


@pytest.mark.parametrize(("dialect", "text", "code"), REFUSED)
def test_refused_with_the_form_to_write(dialect: str, text: str, code: str) -> None:
    assert set(refused(text, dialect)) == {code}
    assert all(r.advice for r in checked(text, dialect).refusals)


def notes(text: str, dialect: str = "tsql") -> list[str]:
    plan = checked(text, dialect).plan
    assert plan is not None
    return [note for note in plan.advice if note.startswith("Rows whose ")]


@pytest.mark.parametrize(("dialect", "text", "rows", "failing", "other", "expected"), MISSING_ON_THE_ROW)
def test_a_row_that_would_end_the_query_counts_as_missing(
    dialect: str, text: str, rows: str, failing: dict[str, Any], other: dict[str, Any], expected: Any
) -> None:
    assert value(text, failing, dialect) is None
    assert value(text, other, dialect) == expected
    ends = "SQL Server would end the query" if dialect == "tsql" else "DuckDB would end the query"
    assert f"Rows {rows} count as missing; {ends}." in notes(text, dialect)


@pytest.mark.parametrize("text", NEVER_MISSING)
def test_what_no_row_can_break_has_no_note(text: str) -> None:
    assert notes(text) == []


@pytest.mark.parametrize("text", ["DAY(Born)", "DATEDIFF(day, Born, '2018-09-01')", "DATEADD(day, 1, Born)"])
def test_a_quasi_identifier_is_compared_and_not_computed_with(text: str) -> None:
    compared = "'2018-09-02'" if "ADD" in text else "1"
    query = f"SELECT COUNT(*) AS n FROM s WHERE {text} = {compared}"
    assert [r.code for r in compile_sql(query, "tsql", CATALOGUE, PROJECT, SERVICE).refusals] == ["quasi-arithmetic"]


def test_truncation_is_advised_once() -> None:
    found = compile_sql("SELECT AVG(Num) AS a, AVG(Small) AS b FROM s", "tsql", CATALOGUE, PROJECT, SERVICE)
    assert found.plan is not None
    assert [a for a in found.plan.advice if "truncated" in a] == [TRUNCATED]
