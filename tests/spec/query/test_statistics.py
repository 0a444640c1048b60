"""Released statistics: each aggregate, the cells that it implies, and the aggregates that need a review."""

# ruff: noqa: E501 - one case a line reads as a table

from typing import Any

import pytest
from query_kit import compiled, drawn, planned, run

from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Project, Sort
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import ColumnRef


def output(column: str) -> PlannedTable:
    (table,) = planned(f"SELECT {column} AS x FROM a").tables
    return table


def people(*rows: tuple[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a by person."""
    return [{"p": p, "Key": f"k{p}", "Y": "2017/2018", "LA": 1, **row} for p, row in rows]


# an aggregate | its measures, and with `<` those that it implies
AGGREGATES = drawn("""
COUNT(*)                                                                 | count
COUNT(1)                                                                 | count
SUM(1)                                                                   | count
COUNT(Score)                                                             | count_values, gap<
COUNT(DISTINCT Key)                                                      | count_persons
COUNT(DISTINCT CASE WHEN Score > 1 THEN Key END)                         | count_persons, ones<
COUNT(DISTINCT LA)                                                       | count_distinct
COUNT(LA)                                                                | count_values
SUM(Flag)                                                                | ones
SUM(1.0 * Flag)                                                          | ones
AVG(1.0 * Flag)                                                          | share
SUM(Flag) / NULLIF(AVG(1.0 * Flag), 0)                                   | ones, share, gap<
AVG(CAST(Flag AS float))                                                 | share
AVG(CASE WHEN Score > 1 THEN 100.0 ELSE 0 END)                           | share
SUM(CASE WHEN Score > 1 THEN 1 ELSE 0 END)                               | ones
SUM(CASE WHEN Score > 1 THEN 1 END)                                      | ones, ones<
COUNT(CASE WHEN Score > 1 THEN 1 END)                                    | ones
COUNT(CASE WHEN Score > 1 THEN LA END)                                   | ones
SUM(CASE WHEN Sex = 'M' THEN 1 WHEN Score > 1 THEN 1 ELSE 0 END)         | ones, ones<, ones<, ones<
SUM(Score)                                                               | sum, count_values<
SUM(COALESCE(Score, 0))                                                  | sum, count_values<
SUM(CASE WHEN Sex = 'M' THEN Score ELSE 0 END)                           | sum, count_values<, ones<
AVG(2.0 * Score + 1)                                                     | mean, count_values<, sum<
100.0 * SUM(Score) / NULLIF(COUNT(*), 0)                                 | sum, count_values<, count
SUM(Score) - SUM(LA)                                                     | sum, count_values<, sum, count_values<
ROUND(AVG(1.0 * Score), 1)                                               | mean, count_values<
SUM(Score) / NULLIF(AVG(1.0 * Score), 0)                                 | sum, count_values<, mean, count_values<, gap<
""")


@pytest.mark.parametrize(("column", "measures"), AGGREGATES)
def test_each_aggregate_with_what_it_implies(column: str, measures: str) -> None:
    found = output(column).statistics
    assert ", ".join(s.measure.value + ("<" if s.implied_by else "") for s in found) == measures
    shown = {s.ident for s in found if s.implied_by is None}
    assert all(s.implied_by in shown for s in found if s.implied_by)


@pytest.mark.parametrize("column", [
    "SUM(1 + CASE WHEN LA = 1 THEN 0.001 * Score ELSE 0 END)", "SUM(Score + 0.001 * LA)", "SUM(Score * LA)",
    "AVG(1.0 * ABS(Score - 17))", "SUM(ROUND(Points, 0))", "COUNT(DISTINCT LA)",
])  # fmt: skip
def test_other_arithmetic_over_a_row_goes_to_a_person(column: str) -> None:
    found = compiled(f"SELECT {column} AS x FROM a")
    assert found.plan is not None, found.refusals
    assert found.review
    assert found.review == found.plan.review


def test_one_childs_branch_is_a_cell_of_its_own() -> None:
    """The low digits of a sum cannot carry one child's score unseen: its branch is an implied count of one."""
    query = "SELECT SUM(CASE WHEN LA = 1 THEN 1 + 0.001 * Score ELSE 1 END) AS x FROM a"
    (cell,) = run(query, {"npd.a": people(*((p, {"LA": 1 if p == 1 else 2, "Score": 17}) for p in range(1, 21)))})
    implied = [s.ident for s in planned(query).tables[0].statistics if s.implied_by and s.measure is Measure.ONES]
    assert [(cell.evidence[i]["persons"], cell.evidence[i]["rest"]) for i in implied] == [(1, 19)]


def test_evidence_of_a_share_counts_both_sides() -> None:
    flags = [1, 1, 0, None, 0, 0]
    rows = people(*((i // 2, {"Flag": flag}) for i, flag in enumerate(flags)))
    (cell,) = run("SELECT AVG(1.0 * Flag) AS x FROM a", {"npd.a": rows})
    (found,) = cell.evidence.values()
    assert found == {"value": 0.4, "rows": 2, "persons": 1, "rest": 2, "rest_rows": 3, "total": 2}


def test_evidence_of_a_sum_has_the_largest_persons() -> None:
    scores = [(1, 5), (1, 5), (2, -7), (3, None), (4, 0)]
    rows = people(*((p, {"Score": score}) for p, score in scores))
    (cell,) = run("SELECT SUM(Score) AS x FROM a", {"npd.a": rows})
    found, not_nothing = cell.evidence.values()
    assert not_nothing == {"value": 3, "rows": 3, "persons": 2}
    assert found == {
        "value": 3, "rows": 4, "persons": 2, "largest": 10, "second": 7, "low": -7, "high": 10, "total": 3,
        "others": 1, "sizes": 17,
    }  # fmt: skip


def test_bounds_follow_the_catalogue() -> None:
    statistic = output("AVG(1.0 - 2 * Score)").statistics[0]
    assert statistic.measure is Measure.MEAN
    assert statistic.bounds == pytest.approx((-39, 1))


def test_keys_have_lists_from_codes_labels_and_filters() -> None:
    query = (
        "SELECT Sex, LA, LEFT(Y, 4) AS y, CASE WHEN Score > 3 THEN 'high' ELSE 'low' END AS band, COUNT(*) AS n FROM a "
        "WHERE Sex = 'f' AND LA <> 2 AND Y > '2017/2018' GROUP BY Sex, LA, LEFT(Y, 4), CASE WHEN Score > 3 THEN 'high' ELSE 'low' END"
    )
    (table,) = planned(query).tables
    assert [k.domain for k in table.keys] == [("F",), (1, 3), ("2018", "2019"), ("high", "low")]
    assert [k.variable for k in table.keys] == ["npd.a.Sex", "npd.a.LA", None, None]


def test_rows_are_ordered_by_output_columns() -> None:
    output = planned("SELECT LA, COUNT(*) AS n FROM a GROUP BY LA ORDER BY COUNT(*) DESC, a.LA")
    (table,) = output.tables
    count, la = (ColumnRef(i.ident, i.type) for i in (*table.statistics, *table.keys))
    assert isinstance(output.program, Sort)
    assert output.program.order == ((count, True), (la, False))
    assert not isinstance(output.program.child, Project)


@pytest.mark.parametrize("function", ["VAR", "STDEV", "VARP", "STDEVP"])
@pytest.mark.parametrize(("scores", "is_null"), [([None, None], True), ([None], True), ([3, 3], False)])
def test_a_deviation_of_nothing_is_nothing(function: str, scores: list[int | None], is_null: bool) -> None:
    rows = people(*((p, {"Score": score}) for p, score in enumerate(scores, 1)))
    (cell,) = run(f"SELECT COUNT(*) AS n, {function}(Score) AS d FROM a", {"npd.a": rows})
    values = [e["value"] for e in cell.evidence.values() if e["value"] is None or isinstance(e["value"], float)]
    assert [v is None for v in values] == [is_null]
