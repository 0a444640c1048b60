"""Which amounts and quantiles the rules judge by themselves, and which a checker reviews."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest

from broker.query.binder.aggregate_statistics import CAN_BE_NEGATIVE, OUTSIDE_CLOSED_LIST, UNUSUAL_QUANTILE
from tests.spec.query.query_kit import compiled, drawn

WHY = {
    "itself": None, "can be negative": CAN_BE_NEGATIVE, "closed list": OUTSIDE_CLOSED_LIST, "quantile": UNUSUAL_QUANTILE,
}  # fmt: skip
OWN = "(SELECT Key, SUM(Score) AS s, COUNT(*) AS n, SUM(Points) AS p, MAX(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) AS f, MAX(Flag) AS g FROM a WHERE Y = '2017/2018' GROUP BY Key) AS t"

# a figure of rows | whether it leaves by itself, or why it does not
OF_ROWS = drawn("""
a variable                                     | itself          | SUM(Score)
two amounts added                              | itself          | AVG(Score + Points)
two amounts multiplied                         | itself          | AVG(Score * Points)
a quotient of two amounts                      | itself          | AVG(1.0 * Score / Points)
a quotient that leaves out 0                   | itself          | AVG(Score / NULLIF(Points, 0))
a percentage                                   | itself          | AVG(100.0 * Score / NULLIF(Points, 0))
half a sum                                     | itself          | AVG((Score + Points) / 2)
a difference                                   | itself          | AVG(Score - Points)
a sum of differences                           | itself          | SUM(Score - Points)
a deviation of a difference                    | itself          | STDEV(Score - Points)
a sum with 0 for what is missing               | itself          | AVG(COALESCE(Score, 0) + COALESCE(Points, 0))
a sum with another number for what is missing  | closed list     | AVG(COALESCE(Score, 7) + Points)
a difference with a factor                     | closed list     | AVG(Score - 0.001 * Points)
a difference of three                          | closed list     | AVG(Score - Points - Score)
a difference with a flag                       | closed list     | AVG(Score - Flag)
a growth of a number with bounds               | itself          | AVG(100.0 * (Score - Points) / NULLIF(Points, 0))
the median growth                              | itself          | PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY 100.0 * (Score - Points) / NULLIF(Points, 0))
a growth of multiples                          | closed list     | PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY (Score - 2 * Points) / NULLIF(Points, 0))
a factor below 0                               | can be negative | AVG(-1 * Score)
a written limit                                | can be negative | SUM(Score - 10)
a written limit in a branch                    | can be negative | AVG(CASE WHEN Sex = 'M' THEN Score - 10 ELSE Score END)
a deviation                                    | itself          | STDEV(Score)
a variance of a multiple                       | itself          | VARP(2.5 * Score)
a deviation of a flag                          | itself          | STDEV(Flag)
a deviation of a product                       | closed list     | STDEV(Score * Flag)
a number packed beside another one             | closed list     | SUM(Score + 1000 * Points)
a number packed before another one             | closed list     | SUM(1000 * Score + Points)
a factor below the fraction line               | closed list     | AVG(Score / (1000 * Points))
a number added below it                        | closed list     | AVG(Score / (Points + 0.001))
a number added to a product                    | closed list     | AVG((Score + 7) * Points)
an amount times a flag                         | closed list     | SUM(Score * Flag)
an amount times a code                         | closed list     | SUM(Score * LA)
three amounts                                  | closed list     | AVG(Score * Points * Score)
the median                                     | itself          | PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score)
a twentieth                                    | itself          | PERCENTILE_DISC(0.05) WITHIN GROUP (ORDER BY Score)
a hundredth                                    | quantile        | PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY Score)
a share between                                | quantile        | PERCENTILE_CONT(0.5001) WITHIN GROUP (ORDER BY Score)
the least                                      | quantile        | PERCENTILE_CONT(0) WITHIN GROUP (ORDER BY Score)
a quantile of a difference                     | itself          | PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score - Points)
""")


@pytest.mark.parametrize(("name", "why", "figure"), OF_ROWS)
def test_an_amount_of_a_row(name: str, why: str, figure: str) -> None:
    assert reasons(f"SELECT Sex, {figure} AS x FROM a WHERE Y = '2017/2018' GROUP BY Sex") == {WHY[why]}, name


OF_PERSONS = drawn("""
a sum                                          | itself          | AVG(1.0 * s)
half of it                                     | itself          | SUM(s / 2.0)
a rate                                         | itself          | AVG(1.0 * s / NULLIF(p, 0))
whether any row is                             | itself          | SUM(f)
a share of persons                             | itself          | AVG(1.0 * f)
two flags                                      | itself          | SUM(f * g)
a flag or 0                                    | itself          | AVG(1.0 * COALESCE(f, 0))
a millionth, which a cast rounds               | closed list     | SUM(s / 100000000.0)
a number of rows times an amount               | closed list     | SUM(n * s)
""")


@pytest.mark.parametrize(("name", "why", "figure"), OF_PERSONS)
def test_a_figure_of_each_person(name: str, why: str, figure: str) -> None:
    assert reasons(f"SELECT {figure} AS x FROM {OWN}") == {WHY[why]}, name


def reasons(text: str) -> set[str | None]:
    """Of the statistics that the text itself asks for."""
    found = compiled(f"-- output: t\n{text}")
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    own = [s for t in output.tables for s in t.statistics if s.implied_by is None and s.ident == t.statistics[0].ident]
    return {s.needs_review for s in own}


def test_limits_of_an_amount_are_the_same_for_everybody() -> None:
    found = compiled("SELECT avg(least(Score, 10)) AS x FROM a WHERE Y = '2017/2018'", "duckdb")
    assert found.plan is not None
    assert found.review == ()
