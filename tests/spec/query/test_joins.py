"""Joins of tables: persons on equal link keys and equal person numbers, public tables on any condition. (How many rows
and people each kind of join has: `test_evidence_of_forms`.)"""

# ruff: noqa: E501 - one case a line reads as a table

import pytest
from little_world import WORLD, B, answered, refused
from query_kit import planned, shown

from broker.query.analysis import row_multiplicity

# an outer join retains its side, and a key that is NULL says that nothing was met; keys may be equal in WHERE too
test_rows_that_meet_by_their_keys = answered("""
SELECT COUNT(*) AS n, SUM(b.Days) AS d FROM a JOIN b ON a.Key = b.Key                                                                 | 5 19
SELECT COUNT(*) AS n, COUNT(b.Days) AS d, SUM(CASE WHEN b.Key IS NULL THEN 1 ELSE 0 END) AS u FROM a LEFT JOIN b ON a.Key = b.Key     | 9 5 4
SELECT COUNT(*) AS n, COUNT(b.Days) AS d, SUM(CASE WHEN b.Key IS NULL THEN 1 ELSE 0 END) AS u FROM b RIGHT JOIN a ON a.Key = b.Key    | 9 5 4
SELECT COUNT(*) AS n, COUNT(b.Days) AS d, SUM(CASE WHEN b.Key IS NULL THEN 1 ELSE 0 END) AS u FROM a LEFT JOIN (SELECT Key, Days FROM b) AS b ON b.Key = a.Key | 9 5 4
SELECT COUNT(*) AS n FROM a, b WHERE b.Key = a.Key                                                                                    | 5
SELECT COUNT(*) AS n FROM b AS x, b AS y, a WHERE a.Key = x.Key AND a.Key = y.Key                                                     | 9
""")

test_other_meetings_of_persons_are_refused = refused("""
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key OR a.LA = 1                | link-key
SELECT COUNT(*) AS n FROM a JOIN b ON a.Y = b.Y                                | person-join
SELECT COUNT(*) AS n FROM a JOIN b ON a.Key <> b.Key                           | link-key
SELECT COUNT(*) AS n FROM a JOIN swc.staff AS s ON s.LA = a.LA                 | person-join
SELECT COUNT(*) AS n FROM a JOIN swc.staff AS s ON s.StaffKey = a.Key          | link-key
SELECT COUNT(*) AS n FROM a, b WHERE a.Key = b.Key OR a.LA = 2                 | link-key
SELECT COUNT(*) AS n FROM a LEFT JOIN b ON a.Y = b.Y WHERE a.LA = 1            | person-join
SELECT COUNT(*) AS n FROM a, b AS x, b AS y WHERE x.Key = y.Key                | person-join
SELECT COUNT(*) AS n FROM b AS x, b AS y, a WHERE x.Key = y.Key                | person-join
""")


def test_rows_of_two_persons_never_join_even_with_equal_keys() -> None:
    wrong = {**WORLD, "npd.b": [{**B[0], "p": 77}]}
    assert shown("SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key", wrong) == [(0,)]


@pytest.mark.parametrize("public", [
    "(SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA)",
    "(SELECT LA FROM (SELECT LA, ROW_NUMBER() OVER (ORDER BY LA) AS r FROM ref.las) l WHERE LA = r)",
    "(SELECT l.LA FROM ref.las l WHERE l.LA = (SELECT MAX(m.LA) FROM ref.las m WHERE m.LA = l.LA))",
])  # fmt: skip
def test_public_rows_that_only_join_each_other_multiply_the_rows_of_people(public: str) -> None:
    """Three times a count, rounded, tells more than the count rounded: a person looks."""
    (looked,) = planned(f"SELECT COUNT(*) AS n FROM a CROSS JOIN {public} d").tables[0].statistics
    assert looked.needs_review == row_multiplicity.PUBLIC_JOIN


def test_public_rows_that_a_person_leads_to_do_not() -> None:
    public = "(SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA)"
    (counted,) = planned(f"SELECT COUNT(*) AS n FROM a JOIN {public} d ON d.LA = a.LA").tables[0].statistics
    assert counted.needs_review is None
