"""A value that is chosen among one person's rows is that person's: the first or last in an order, the one beside the
greatest of another, the most common, one of a list. Equal rows give the same value in any order of the rows. (The world
is drawn in `little_world`; a text here reads the figure `m` of each person.)"""

# ruff: noqa: E501 - one case a line reads as a table

from random import Random

import pytest
from little_world import WORLD, A, answer, answered_in_duckdb
from private_forms import Y, private
from query_kit import codes, compiled, drawn, shown, written

CHOSEN = drawn(r"""
any_value(Sex)                                  | F 2, M 3
first(Sex)                                      | F 2, M 3
any_value(Score ORDER BY Y DESC)                | 1 1, 2 1, 3 1, 7 1, 9 1
first(Score ORDER BY Y DESC)                    | 2 1, 3 1, 7 1, 9 1, - 1
last(LA ORDER BY Y)                             | 1 1, 2 3, 3 1
first(LA ORDER BY Score DESC)                   | 1 1, 2 3, 3 1
first(Score ORDER BY Score NULLS FIRST)         | 2 1, 3 1, 5 1, 7 1, - 1
last(LA ORDER BY Sex, Y DESC)                   | 1 2, 2 2, 3 1
arg_max(LA, Score)                              | 1 1, 2 3, 3 1
arg_min(LA, Score)                              | 1 2, 2 2, 3 1
max_by(Score, Y)                                | 1 1, 2 1, 3 1, 7 1, 9 1
arg_max(LA, Flag)                               | 1 2, 2 2, - 1
arg_max(LA, Score) FILTER (WHERE LA < 2)        | 1 2, - 3
mode(LA)                                        | 1 2, 2 2, 3 1
mode(LA ORDER BY LA)                            | 1 2, 2 2, 3 1
bool_or(Score > 4)                              | 0 3, 1 2
bool_and(Score > 5)                             | 0 4, 1 1
bool_or(Flag = 1)                               | 0 2, 1 2, - 1
bool_or(LA = 2) FILTER (WHERE Sex = 'M')        | 0 1, 1 2, - 2
list(LA ORDER BY Y)[1]                          | 1 2, 2 2, 3 1
list(LA ORDER BY Y)[-1]                         | 1 1, 2 3, 3 1
list_first(list(LA ORDER BY Y))                 | 1 2, 2 2, 3 1
list_extract(array_agg(LA ORDER BY Y), 1)       | 1 2, 2 2, 3 1
len(list(Score))                                | 1 3, 2 2
len(list(Score) FILTER (WHERE LA > 1))          | 1 3, 2 1, - 1
list_max(list(LA))                              | 1 1, 2 3, 3 1
list_aggregate(list(LA), 'min')                 | 1 2, 2 2, 3 1
list_contains(list(LA), 2)                      | 0 2, 1 3
list_contains(list(Score), 9)                   | 0 4, 1 1
list(LA ORDER BY Y)[2]                          | refused: list
list(LA)                                        | refused: individual-value
list_contains(list(LA), LA)                     | refused: function
list_avg(list(LA ORDER BY Y))                   | refused: function
arg_max(LA, Score, 2)                           | refused: clause
arg_max(Score, (Y, LA))                         | 1 1, 2 1, 3 1, 7 1, 9 1
arg_max(LA, (Y, Score))                         | refused: order-by
len(list_distinct(list(LA) FILTER (WHERE LA > 1))) | refused: function
mode(LA ORDER BY Y)                             | refused: order-by
any_value(DISTINCT LA)                          | refused: distinct-aggregate
first(LA ORDER BY Y) FILTER (WHERE LA = 1)      | refused: filter-clause
any_value(UPN)                                  | refused: identifier
string_agg(Sex, ',')                            | refused: individual-value
""")


def of_each(choice: str) -> str:
    return f"SELECT d.m, COUNT(*) AS n FROM (SELECT Key, {choice} AS m FROM a GROUP BY Key) d GROUP BY d.m"


@pytest.mark.parametrize(("choice", "rows"), CHOSEN)
def test_a_value_is_chosen_among_the_rows_of_a_person(choice: str, rows: str) -> None:
    assert answer(of_each(choice), "duckdb").removesuffix(" (looked at)") == rows


@pytest.mark.parametrize("choice", [c for c, rows in CHOSEN if not rows.startswith("refused")])
def test_the_order_of_the_rows_chooses_nothing(choice: str) -> None:
    found = written(shown(of_each(choice), WORLD, "duckdb"))
    for seed in range(4):
        mixed = Random(seed).sample(A, len(A))
        assert written(shown(of_each(choice), WORLD | {"npd.a": mixed}, "duckdb")) == found


FIGURES = (
    "any_value(LA)", "first(LA ORDER BY Y)", "arg_max(LA, Score)", "mode(LA)", "bool_or(Flag = 1)", "list(LA)[1]",
    "list_max(list(LA))",
)  # fmt: skip
OF_MANY = (
    "SELECT {} AS m FROM a",
    "SELECT Sex, {} AS m FROM a GROUP BY Sex",
    "SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex ORDER BY {}",
    "SELECT COUNT(*) AS n FROM (SELECT LA, {} OVER (PARTITION BY Sex) AS m FROM a) d WHERE m = 1",
    "SELECT COUNT(*) AS n FROM a JOIN (SELECT Sex, {} AS m FROM a GROUP BY Sex) d ON d.Sex = a.Sex WHERE d.m = 1",
    "SELECT COUNT(*) AS n FROM a WHERE LA = (SELECT {} FROM a c WHERE c.Sex = a.Sex)",
)
"""Where a choice would be among many people; a window is no part of a list."""


@pytest.mark.parametrize("text", [t.format(f) for t in OF_MANY for f in FIGURES if "OVER" not in t or f[-1] != "]"])
def test_no_value_is_chosen_among_the_rows_of_many_people(text: str) -> None:
    found = codes(text, "duckdb")
    assert found
    assert set(found) <= {"individual-value", "function", "list"}


test_windows_of_one_person_choose_too = answered_in_duckdb("""
SELECT SUM(m) AS s FROM (SELECT arg_max(Score, Y) OVER (PARTITION BY Key) AS m FROM a) d             | 32
SELECT SUM(m) AS s FROM (SELECT mode(LA) OVER (PARTITION BY Key) AS m FROM a) d                      | 12
SELECT SUM(m) AS s FROM (SELECT first(Score) OVER (PARTITION BY Key ORDER BY Y) AS m FROM a) d       | 24
SELECT SUM(m) AS s FROM (SELECT last(Score) OVER (PARTITION BY Key ORDER BY Y) AS m FROM a) d        | refused: window-order
SELECT SUM(m) AS s FROM (SELECT first(Score) FILTER (WHERE LA = 1) OVER (PARTITION BY Key ORDER BY Y) AS m FROM a) d | refused: filter-clause
""")


def test_an_order_that_the_text_computes_goes_to_a_person() -> None:
    """An order by a written condition chooses a row as CASE in the value would."""
    plain = "SELECT SUM(d.m) AS s FROM (SELECT Key, first(Score ORDER BY {}) AS m FROM a GROUP BY Key) d"
    assert not compiled(plain.format("Y, LA DESC"), "duckdb").review
    assert compiled(plain.format("CASE WHEN LA = 2 THEN 0 ELSE 1 END"), "duckdb").review


@pytest.mark.parametrize(
    "figure", ["avg(d.m::INT)", "sum(d.m::INT)", "avg(coalesce(d.m, false)::INT)", "count_if(d.m)"]
)
def test_a_flag_of_each_person_needs_no_review(figure: str) -> None:
    """Whether any of a person's rows meets a condition is a flag of theirs, as MAX of a CASE is."""
    found = compiled(f"SELECT {figure} AS s FROM (SELECT Key, bool_or(Score > 4) AS m FROM a GROUP BY Key) d", "duckdb")
    assert found.plan is not None
    assert not found.review


def test_sql_server_has_none_of_them() -> None:
    text = "SELECT COUNT(*) AS n FROM (SELECT [Key], ANY_VALUE(Sex) AS m FROM a GROUP BY [Key]) d"
    assert codes(text) == ["function"]


test_lists_that_the_text_writes = answered_in_duckdb("""
SELECT LA, quantile_cont(Score, [0.25, 0.5])[2] AS m FROM a GROUP BY LA           | 1 6, 2 3, 3 2
SELECT LA, (quantile_disc(Score, [0.25, 0.5]))[1] AS m FROM a GROUP BY LA         | 1 5, 2 1, 3 2
SELECT LA, (quantile_cont(Score, [0.25, 0.5]) FILTER (WHERE Sex = 'M'))[2] AS m FROM a GROUP BY LA | 1 5, 2 6, 3 2
SELECT LA, (percentile_cont([0.5]) WITHIN GROUP (ORDER BY Score))[1] AS m FROM a GROUP BY LA | 1 6, 2 3, 3 2
SELECT LA, quantile_cont(Score, [0.25, 0.5])[3] AS m FROM a GROUP BY LA           | refused: list
SELECT LA, quantile_cont(Score, [0.25, 0.5])[0] AS m FROM a GROUP BY LA           | refused: list
SELECT LA, quantile_cont(Score, [0.25, 0.5]) AS m FROM a GROUP BY LA              | 1 5.5 6, 2 2 3, 3 2 2
SELECT LA, ROUND(quantile_cont(Score, [0.25, 0.5]), 1) AS m FROM a GROUP BY LA    | refused: list
SELECT LA, list_avg(list(Score)) AS m FROM a GROUP BY LA                          | 1 6, 2 4.333, 3 2
SELECT COUNT(*) AS n FROM a WHERE LA IN [1, 2]                                    | 6
SELECT k, COUNT(*) AS n FROM a CROSS JOIN (SELECT unnest([1, -2]) AS k) t GROUP BY k | -2 7, 1 7
SELECT t.k, COUNT(*) AS n FROM a CROSS JOIN unnest([1, -2]) AS t(k) GROUP BY t.k  | -2 7, 1 7
SELECT t.k, COUNT(*) AS n FROM unnest([1, 2]) AS t(k) JOIN a ON a.LA = t.k GROUP BY t.k | 1 2, 2 4
SELECT COUNT(*) AS n FROM a CROSS JOIN unnest([1, 2]) WITH ORDINALITY AS t(k, o)  | refused: table-function
WITH t AS (SELECT unnest(['M', 'X']) AS k) SELECT COUNT(*) AS n FROM a JOIN t ON t.k = a.Sex | 4
SELECT COUNT(*) AS n FROM a CROSS JOIN (SELECT unnest([LA]) AS k FROM a) t        | refused: function
SELECT COUNT(*) AS n FROM a WHERE Sex[1] = 1                                      | refused: list
SELECT COUNT(*) AS n FROM a WHERE LA = [1, [2]][1]                                | refused: list
SELECT COUNT(*) AS n FROM a WHERE LA = x[1][1]                                    | refused: list
""")


@pytest.mark.parametrize(
    "text", ["SELECT " + "[1]" * 5000 + " AS n", "SELECT " + "[1] + " * 5000 + "1 AS n", "SELECT " + "[" * 5000]
)
def test_lists_do_not_exhaust_the_check(text: str) -> None:
    assert set(codes(text, "duckdb")) <= {"list", "too-deep", "too-long"}


@pytest.mark.parametrize(
    "choice",
    ["arg_max(Score, Y)", "first(Score ORDER BY Y)", "any_value(Score)", "mode(Score)", "list(Score ORDER BY Y)[1]"],
)
def test_a_chosen_value_is_within_the_bounds_of_its_variable(choice: str) -> None:
    text = f"SELECT AVG(d.m) AS m FROM (SELECT Key, {choice} AS m FROM a WHERE {Y} GROUP BY Key) d"
    (argument,) = private(text, "duckdb").tables[0].arguments
    assert (argument.clamp.low, argument.clamp.high) == (0, 20)


test_filter_leaves_out_rows_of_any_aggregate = answered_in_duckdb("""
SELECT LA, median(Score) FILTER (WHERE Sex = 'M') AS m FROM a GROUP BY LA                                        | 1 5, 2 6, 3 2
SELECT LA, percentile_cont(0.5) WITHIN GROUP (ORDER BY Score) FILTER (WHERE Sex = 'M') AS m FROM a GROUP BY LA   | 1 5, 2 6, 3 2
SELECT LA, quantile_cont(Score, 0.5) FILTER (WHERE Sex = 'M') AS m FROM a GROUP BY LA                            | 1 5, 2 6, 3 2
SELECT LA, var_samp(Score) FILTER (WHERE Sex = 'M') AS m FROM a GROUP BY LA                                      | 1 -, 2 18, 3 -
SELECT LA, count_if(Score > 2) FILTER (WHERE Sex = 'M') AS m FROM a GROUP BY LA                                  | 1 1, 2 2, 3 0
SELECT SUM(d.m) AS s FROM (SELECT Key, median(Score) FILTER (WHERE LA > 1) AS m FROM a GROUP BY Key) d           | 15 (looked at)
""")
