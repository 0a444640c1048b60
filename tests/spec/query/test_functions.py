"""What each function gives at its edges, and the conditions under which a form that can fail is accepted."""

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
    ("tsql", "LEN(Num)", {"Num": -5}, 2),
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
REFUSED = [
    ("tsql", "SQRT(Num)", "domain"),
    ("tsql", "IIF(Num > -1, SQRT(Num), 0)", "domain"),
    ("tsql", "CASE WHEN Num > 0 OR Small = 1 THEN LOG(Num) END", "domain"),
    ("tsql", "CASE WHEN Num > 0 THEN 1 ELSE LOG(Num) END", "domain"),
    ("tsql", "CASE WHEN Num <> 0 THEN 1 END / Num", "division"),
    ("tsql", "POWER(Ratio, Num)", "literal"),
    ("tsql", "POWER(CAST(Num AS float), -1)", "domain"),
    ("tsql", "CAST(Mixed AS int)", "cast"),
    ("tsql", "CAST('20x' AS int)", "cast"),
    ("tsql", "TRY_CAST(Note AS bigint)", "cast"),
    ("tsql", "TRY_CAST(Note AS decimal(38, 0))", "cast"),
    ("duckdb", "CAST(Ratio AS float)", "cast"),
    ("tsql", "CAST(D AS varchar(10))", "cast"),
    ("tsql", "CONVERT(varchar(20), D, 120)", "cast"),
    ("tsql", "LEFT(Note, -1)", "literal"),
    ("tsql", "LEFT(Note, Num)", "literal"),
    ("tsql", "IIF(Note LIKE '[a', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE '[z-a]', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE 'a!' ESCAPE '!', 1, 0)", "like"),
    ("tsql", "IIF(Note LIKE Sex, 1, 0)", "like"),
    ("duckdb", "if(Note SIMILAR TO 'a', 1, 0)", "function"),
    ("tsql", "ISNULL(Num, 0.5)", "isnull"),
    ("tsql", "ISNULL(Flag, 9)", "isnull"),
    ("tsql", "IIF(D = '2018-W35-6', 1, 0)", "date-literal"),
    ("tsql", "IIF(D = '2018-02-30', 1, 0)", "date-literal"),
    ("duckdb", "if(D = '20180901', 1, 0)", "date-literal"),
    ("tsql", "IIF(Num = '--5', 1, 0)", "type"),
    ("tsql", "DATEADD(year, Free, D)", "overflow"),
    ("tsql", "DATEFROMPARTS(2018, 2, 30)", "date-literal"),
    ("tsql", "DATEFROMPARTS(2018, Num, 1)", "domain"),
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
SAFE = [
    "CASE WHEN Num > 0 THEN LOG(Num) END",
    "CASE WHEN Num >= 1 AND Small = 2 THEN LOG(Num) / Num END",
    "CASE WHEN Num <> 0 THEN Pts / Num END",
    "IIF(Num BETWEEN 1 AND 5, LOG10(Num), 0)",
    "LOG(NULLIF(Pts, 0))",
    "LOG(Ratio + 1)",
    "SQRT(Pts * Pts)",
    "1.0 / DATEPART(month, D)",
    "POWER(Ratio, -0.5)",
]


@pytest.mark.parametrize(("dialect", "text", "row", "expected"), EDGES)
def test_at_the_edges(dialect: str, text: str, row: dict[str, Any], expected: Any) -> None:
    assert value(text, row, dialect) == expected


@pytest.mark.parametrize(("dialect", "text", "code"), REFUSED)
def test_refused_with_the_form_to_write(dialect: str, text: str, code: str) -> None:
    assert set(refused(text, dialect)) == {code}
    assert all(r.advice for r in checked(text, dialect).refusals)


@pytest.mark.parametrize("text", SAFE)
def test_what_no_row_can_break_is_accepted(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize("text", ["DAY(Born)", "DATEDIFF(day, Born, '2018-09-01')", "DATEADD(day, 1, Born)"])
def test_a_quasi_identifier_is_compared_and_not_computed_with(text: str) -> None:
    query = f"SELECT COUNT(*) AS n FROM s WHERE {text} = {'D' if 'ADD' in text else 1}"
    assert [r.code for r in compile_sql(query, "tsql", CATALOGUE, PROJECT, SERVICE).refusals] == ["quasi-arithmetic"]


def test_truncation_is_advised_once() -> None:
    plan = compile_sql("SELECT AVG(Num) AS a, AVG(Small) AS b FROM s", "tsql", CATALOGUE, PROJECT, SERVICE).plan
    assert plan is not None
    assert [a for a in plan.advice if "truncated" in a] == [TRUNCATED]
