"""MAX or MIN of a window over other people is the statistic of a cell where the window's partition is the cell, or its
part that a condition names. In any other place it is refused: it would choose among people. (The values themselves are
those of the engine in `test_same_as_the_engine`.)"""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from query_kit import codes, drawn, planned

OF_CELLS = drawn("""
SELECT LA, MAX(n) AS n FROM (SELECT LA, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA                                              | count
SELECT LA, MIN(n) AS n FROM (SELECT LA, AVG(1.0 * Score) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA                                      | mean
SELECT LA, MAX(n) AS n FROM (SELECT LA, AVG(Score) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA                                            | mean
SELECT LA, MAX(n) AS n FROM (SELECT LA, STDEV(Score) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA                                          | deviation
SELECT LA, MAX(n) AS n FROM (SELECT LA, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA    | quantile
SELECT LA, MAX(CASE WHEN Sex = 'M' THEN n END) AS n FROM (SELECT LA, Sex, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA | quantile
SELECT LA, MAX(n) AS n FROM (SELECT LA, SUM(Score) OVER (PARTITION BY LA) AS n, COUNT(*) OVER (PARTITION BY LA) AS c FROM a) d WHERE c > 1 AND LA < 3 GROUP BY LA | sum
""")


@pytest.mark.parametrize(("text", "measure"), OF_CELLS)
def test_a_window_over_the_cell_is_its_statistic(text: str, measure: str) -> None:
    shown = [s for t in planned(text).tables if t.shown for s in t.statistics if s.implied_by is None]
    assert measure in {s.measure.value for s in shown}


@pytest.mark.parametrize("text", [text for text, _ in OF_CELLS if "WHERE" not in text])
def test_nothing_is_left_that_depends_on_other_people(text: str) -> None:
    assert all(t.shown for t in planned(text).tables)


def test_a_condition_on_the_window_still_depends_on_other_people() -> None:
    (text,) = [text for text, _ in OF_CELLS if "WHERE" in text]
    assert [t.shown for t in planned(text).tables] == [True, False]


CHOSEN = drawn("""
SELECT LA, MAX(n) AS n FROM (SELECT LA, Score, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d WHERE Score > 1 GROUP BY LA
SELECT LA, MAX(n) AS n FROM (SELECT LA, COUNT(*) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA
SELECT LA, Sex, MAX(n) AS n FROM (SELECT LA, Sex, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA, Sex
SELECT LA, MAX(n) AS n FROM (SELECT LA, SUM(Score) OVER (PARTITION BY LA ORDER BY Y) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(n) AS n FROM (SELECT LA, RANK() OVER (PARTITION BY LA ORDER BY Score) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(n + Score) AS n FROM (SELECT LA, Score, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Sex = 'M' THEN n END) AS n FROM (SELECT LA, Sex, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Sex = 'M' THEN n ELSE 0 END) AS n FROM (SELECT LA, Sex, COUNT(*) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Sex = 'M' OR Sex = 'F' THEN n END) AS n FROM (SELECT LA, Sex, COUNT(*) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Note = 'x' THEN n END) AS n FROM (SELECT LA, Note, COUNT(*) OVER (PARTITION BY LA, Note) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(CASE WHEN Score = 2 THEN n END) AS n FROM (SELECT LA, Score, COUNT(*) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY LA
SELECT LA, MAX(n) AS n FROM (SELECT [Key], LA, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d WHERE EXISTS (SELECT 1 FROM b WHERE b.[Key] = d.[Key]) GROUP BY LA
SELECT a.LA, MAX(d.n) AS n FROM a JOIN (SELECT [Key], LA, COUNT(*) OVER (PARTITION BY LA) AS n FROM a) d ON d.[Key] = a.[Key] GROUP BY a.LA
SELECT LA, MAX(n) AS n FROM (SELECT LA, COUNT(*) OVER (PARTITION BY [Key]) AS n FROM a) d GROUP BY LA
SELECT LA, Sex, MAX(n) AS n FROM (SELECT LA, Sex, COUNT(*) OVER (PARTITION BY LA, Sex) AS n FROM a) d GROUP BY ROLLUP (LA, Sex)
""")


@pytest.mark.parametrize("text", [text for (text,) in CHOSEN])
def test_any_other_window_would_be_chosen_among_people(text: str) -> None:
    assert "individual-value" in codes(text)


def test_two_figures_are_not_packed_into_one() -> None:
    text = "SELECT LA, MAX(n + 1000 * m) AS n FROM (SELECT LA, COUNT(*) OVER (PARTITION BY LA) AS n, AVG(1.0 * Score) OVER (PARTITION BY LA) AS m FROM a) d GROUP BY LA"
    assert codes(text) == ["packed-arithmetic"]
