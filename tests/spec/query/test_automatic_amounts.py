"""Which amounts and quantiles the rules judge by themselves, and which a checker reviews."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest

from broker.query.binder.aggregate_statistics import CAN_BE_NEGATIVE, OUTSIDE_CLOSED_LIST, UNUSUAL_QUANTILE
from tests.spec.query.query_kit import compiled

ITSELF = None
OWN = "(SELECT Key, SUM(Score) AS s, COUNT(*) AS n, SUM(Points) AS p, MAX(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) AS f, MAX(Flag) AS g FROM a WHERE Y = '2017/2018' GROUP BY Key) AS t"

OF_ROWS = {
    "a variable": ("SUM(Score)", ITSELF),
    "two amounts added": ("AVG(Score + Points)", ITSELF),
    "two amounts multiplied": ("AVG(Score * Points)", ITSELF),
    "a quotient of two amounts": ("AVG(1.0 * Score / Points)", ITSELF),
    "a quotient that leaves out 0": ("AVG(Score / NULLIF(Points, 0))", ITSELF),
    "a percentage": ("AVG(100.0 * Score / NULLIF(Points, 0))", ITSELF),
    "half a sum": ("AVG((Score + Points) / 2)", ITSELF),
    "a difference": ("AVG(Score - Points)", ITSELF),
    "a sum of differences": ("SUM(Score - Points)", ITSELF),
    "a deviation of a difference": ("STDEV(Score - Points)", ITSELF),
    "a sum with 0 for what is missing": ("AVG(COALESCE(Score, 0) + COALESCE(Points, 0))", ITSELF),
    "a sum with another number for what is missing": ("AVG(COALESCE(Score, 7) + Points)", OUTSIDE_CLOSED_LIST),
    "a difference with a factor": ("AVG(Score - 0.001 * Points)", OUTSIDE_CLOSED_LIST),
    "a difference of three": ("AVG(Score - Points - Score)", OUTSIDE_CLOSED_LIST),
    "a difference with a flag": ("AVG(Score - Flag)", OUTSIDE_CLOSED_LIST),
    "a growth of a number with bounds": ("AVG(100.0 * (Score - Points) / NULLIF(Points, 0))", ITSELF),
    "the median growth": ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY 100.0 * (Score - Points) / NULLIF(Points, 0))", ITSELF),
    "a growth of multiples": ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY (Score - 2 * Points) / NULLIF(Points, 0))", OUTSIDE_CLOSED_LIST),
    "a factor below 0": ("AVG(-1 * Score)", CAN_BE_NEGATIVE),
    "a written limit": ("SUM(Score - 10)", CAN_BE_NEGATIVE),
    "a written limit in a branch": ("AVG(CASE WHEN Sex = 'M' THEN Score - 10 ELSE Score END)", CAN_BE_NEGATIVE),
    "a deviation": ("STDEV(Score)", ITSELF),
    "a variance of a multiple": ("VARP(2.5 * Score)", ITSELF),
    "a deviation of a flag": ("STDEV(Flag)", ITSELF),
    "a deviation of a product": ("STDEV(Score * Flag)", OUTSIDE_CLOSED_LIST),
    "a number packed beside another one": ("SUM(Score + 1000 * Points)", OUTSIDE_CLOSED_LIST),
    "a number packed before another one": ("SUM(1000 * Score + Points)", OUTSIDE_CLOSED_LIST),
    "a factor below the fraction line": ("AVG(Score / (1000 * Points))", OUTSIDE_CLOSED_LIST),
    "a number added below it": ("AVG(Score / (Points + 0.001))", OUTSIDE_CLOSED_LIST),
    "a number added to a product": ("AVG((Score + 7) * Points)", OUTSIDE_CLOSED_LIST),
    "an amount times a flag": ("SUM(Score * Flag)", OUTSIDE_CLOSED_LIST),
    "an amount times a code": ("SUM(Score * LA)", OUTSIDE_CLOSED_LIST),
    "three amounts": ("AVG(Score * Points * Score)", OUTSIDE_CLOSED_LIST),
    "the median": ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score)", ITSELF),
    "a twentieth": ("PERCENTILE_DISC(0.05) WITHIN GROUP (ORDER BY Score)", ITSELF),
    "a hundredth": ("PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY Score)", UNUSUAL_QUANTILE),
    "a share between": ("PERCENTILE_CONT(0.5001) WITHIN GROUP (ORDER BY Score)", UNUSUAL_QUANTILE),
    "the least": ("PERCENTILE_CONT(0) WITHIN GROUP (ORDER BY Score)", UNUSUAL_QUANTILE),
    "a quantile of a difference": ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score - Points)", ITSELF),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ROWS)
def test_an_amount_of_a_row(name: str) -> None:
    figure, why = OF_ROWS[name]
    assert reasons(f"SELECT Sex, {figure} AS x FROM a WHERE Y = '2017/2018' GROUP BY Sex") == {why}


OF_PERSONS = {
    "a sum": ("AVG(1.0 * s)", ITSELF),
    "half of it": ("SUM(s / 2.0)", ITSELF),
    "a rate": ("AVG(1.0 * s / NULLIF(p, 0))", ITSELF),
    "whether any row is": ("SUM(f)", ITSELF),
    "a share of persons": ("AVG(1.0 * f)", ITSELF),
    "two flags": ("SUM(f * g)", ITSELF),
    "a flag or 0": ("AVG(1.0 * COALESCE(f, 0))", ITSELF),
    "a millionth, which a cast rounds": ("SUM(s / 100000000.0)", OUTSIDE_CLOSED_LIST),
    "a number of rows times an amount": ("SUM(n * s)", OUTSIDE_CLOSED_LIST),
}


@pytest.mark.parametrize("name", OF_PERSONS)
def test_a_figure_of_each_person(name: str) -> None:
    figure, why = OF_PERSONS[name]
    assert reasons(f"SELECT {figure} AS x FROM {OWN}") == {why}


def reasons(text: str) -> set[str | None]:
    """Of the statistics that the text itself asks for."""
    found = compiled(f"-- output: t\n{text}")
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    return {
        s.needs_review
        for t in output.tables
        for s in t.statistics
        if s.implied_by is None and s.ident == t.statistics[0].ident
    }


def test_limits_of_an_amount_are_the_same_for_everybody() -> None:
    found = compiled("SELECT avg(least(Score, 10)) AS x FROM a WHERE Y = '2017/2018'", "duckdb")
    assert found.plan is not None
    assert found.review == ()
