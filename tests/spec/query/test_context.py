"""Context: a value in a person's row that depends on other people. A group of fewer than `least` people is null to the
rows that join it. Each group is an implied table, never shown, computed before the rows are chosen. The output needs a
review."""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import WORLD, answer, refused
from query_kit import cells, database, drawn, planned

# means by LA: 1 -> 6 (2 people), 2 -> 4.33 (3 people), 3 -> 2 (1 person); of all: 4.5

# what is asked | groups of at least 1 person | of at least 3
ASKED = drawn(r"""
SELECT COUNT(*) AS n FROM a JOIN (SELECT LA, AVG(1.0 * Score) AS m FROM a GROUP BY LA) d ON d.LA = a.LA WHERE a.Score > d.m | 2 | 1
SELECT COUNT(*) AS n FROM a JOIN (SELECT LA, AVG(1.0 * Score) AS m FROM a GROUP BY LA) d ON d.LA = a.LA | 7 | 4
SELECT COUNT(*) AS n, COUNT(d.m) AS m FROM a LEFT JOIN (SELECT LA, AVG(1.0 * Score) AS m FROM a GROUP BY LA) d ON d.LA = a.LA | 7 7 | 7 4
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c)                            | 3 | 3
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c WHERE c.Y = '2018/2019')    | 0 | 0
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c WHERE c.LA = a.LA)          | 2 | 1
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM a c WHERE c.LA = a.LA) > 1                        | 6 | 4
SELECT COUNT(*) AS n FROM a, (SELECT AVG(1.0 * Score) AS m FROM a) d WHERE a.Score > d.m                  | 3 | 3
SELECT COUNT(*) AS n FROM a WHERE LA IN (SELECT c.LA FROM a c GROUP BY c.LA HAVING COUNT(*) > 1)          | 6 | 4
SELECT COUNT(*) AS n FROM a WHERE LA NOT IN (SELECT c.LA FROM a c GROUP BY c.LA HAVING COUNT(*) > 1)      | 1 | 3
SELECT COUNT(*) AS n FROM a WHERE LA IN (SELECT c.LA FROM a c)                                            | 7 | 4
SELECT COUNT(*) AS n FROM a WHERE Sex IN (SELECT c.Sex FROM a c WHERE c.LA = a.LA GROUP BY c.Sex)         | 7 | 0
SELECT COUNT(*) AS n FROM (SELECT Score, AVG(1.0 * Score) OVER (PARTITION BY LA) AS m FROM a) d WHERE d.Score > d.m | 2 | 1
SELECT COUNT(*) AS n, COUNT(d.m) AS m FROM (SELECT COUNT(*) OVER (PARTITION BY LA) AS m FROM a) d         | 7 7 | 7 4
SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (PARTITION BY LA ORDER BY Score) AS t FROM a) d GROUP BY d.t | 1 4, 2 3 | 1 2, 2 2, - 3
SELECT d.t, COUNT(*) AS n FROM (SELECT RANK() OVER (PARTITION BY Sex ORDER BY Score DESC) AS t FROM a) d GROUP BY d.t | 1 2, 2 2, 3 2, 4 1 | 1 1, 2 1, 3 1, 4 1, - 3
""")


@pytest.mark.parametrize(("text", "of_one", "of_three"), ASKED)
def test_a_small_group_is_null_to_the_rows_that_join_it(text: str, of_one: str, of_three: str) -> None:
    assert answer(text, least=1) == f"{of_one} (looked at)"
    assert answer(text, least=3) == f"{of_three} (looked at)"


@pytest.mark.parametrize("text", [text for text, *_ in ASKED])
def test_every_figure_with_context_needs_a_review(text: str) -> None:
    shown = [t for t in planned(text).tables if t.shown]
    assert all(s.needs_review for t in shown for s in t.statistics)


# what is asked | the groups behind it: their keys and people, from the rows before any of them is left out
BEHIND = drawn(r"""
SELECT COUNT(*) AS n FROM a JOIN (SELECT LA, AVG(1.0 * Score) AS m FROM a GROUP BY LA) d ON d.LA = a.LA WHERE a.Score > d.m AND a.LA = 1 | 1: 2, 2: 3, 3: 1
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c WHERE c.LA = a.LA AND c.Flag = 1) | 1: 1, 2: 2
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(1.0 * c.Score) FROM a c WHERE c.Sex = 'M') | : 3
SELECT COUNT(*) AS n FROM a WHERE LA IN (SELECT c.LA FROM a c GROUP BY c.LA HAVING COUNT(*) > 2) | 1: 2, 2: 3, 3: 1
SELECT COUNT(*) AS n FROM (SELECT LA, AVG(1.0 * Score) OVER (PARTITION BY Sex) AS m FROM a) d WHERE d.LA = 3 AND d.m > 0 | F: 2, M: 3
""")


@pytest.mark.parametrize(("text", "groups"), BEHIND)
def test_the_groups_behind_a_value_are_judged_and_not_shown(text: str, groups: str) -> None:
    output = planned(text)
    (number,) = [i for i, t in enumerate(output.tables) if not t.shown]
    found = cells(output, database(WORLD), number)
    assert ", ".join(f"{' '.join(map(str, c.keys))}: {c.persons}" for c in found) == groups


test_what_would_be_another_persons_value_is_refused = refused(r"""
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT MAX(c.Score) FROM a c WHERE c.LA = a.LA)                | individual-value
SELECT COUNT(*) AS n FROM a JOIN (SELECT LA, MIN(Score) AS m FROM a GROUP BY LA) d ON d.LA = a.LA         | individual-value
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM a c WHERE c.Score < a.Score) > 3                  | correlated
SELECT COUNT(*) AS n FROM a WHERE (SELECT COUNT(*) FROM a c WHERE c.LA = a.LA AND c.Score < a.Score) > 0  | correlated
SELECT COUNT(*) AS n FROM a WHERE (SELECT SUM(c.Score + a.LA) FROM a c WHERE c.LA = a.LA) > 0             | correlated
SELECT COUNT(*) AS n FROM a WHERE Sex IN (SELECT c.Sex FROM a c WHERE c.LA = a.LA)                        | correlated
SELECT COUNT(*) AS n FROM a WHERE EXISTS (SELECT DISTINCT c.Sex FROM a c WHERE c.LA = a.LA)               | correlated
SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT c.Score FROM a c WHERE c.LA = a.LA)                     | scalar-subquery
SELECT COUNT(*) AS n FROM a WHERE Score IN (SELECT TOP 3 c.Score FROM a c ORDER BY c.Score)               | limit
""")
