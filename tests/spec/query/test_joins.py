"""Joins of tables: persons on equal link keys and equal person numbers, public tables on any condition."""

from typing import Any

import pytest
from query_kit import codes, compiled, planned, run, shown

from broker.domain.plans.operators import Join, JoinHow
from broker.query.analysis import row_multiplicity

A = [
    {"p": 1, "Key": "k1", "Y": "2017/2018", "Sex": "M", "LA": 1, "Score": 5},
    {"p": 2, "Key": "k2", "Y": "2017/2018", "Sex": "F", "LA": 2, "Score": 7},
    {"p": 3, "Key": None, "Y": "2017/2018", "Sex": "F", "LA": 1, "Score": 9},
]
B = [
    {"p": 1, "Key": "k1", "Y": "2017/2018", "Kind": "X", "Wave": 1, "Days": 3},
    {"p": 1, "Key": "k1", "Y": "2017/2018", "Kind": "Z", "Wave": 0, "Days": 4},
    {"p": 4, "Key": None, "Y": "2017/2018", "Kind": "X", "Wave": 1, "Days": 9},
]
LAS = [{"LA": 1, "Region": "N"}, {"LA": 2, "Region": "S"}, {"LA": 3, "Region": "S"}]
T: dict[str, Any] = {"npd.a": A, "npd.b": B, "ref.las": LAS}


def test_rows_without_a_key_join_nothing() -> None:
    assert shown("SELECT COUNT(*) AS n, SUM(b.Days) AS d FROM a JOIN b ON a.Key = b.Key", T) == [(2, 7)]


def test_persons_are_counted_once_however_many_rows_they_have() -> None:
    (cell,) = run("SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key", T)
    assert (cell.rows, cell.persons, cell.population) == (2, 1, 1)


def test_rows_of_two_persons_never_join_even_with_equal_keys() -> None:
    wrong = {**T, "npd.b": [{**B[0], "p": 77}]}
    assert shown("SELECT COUNT(*) AS n FROM a JOIN b ON a.Key = b.Key", wrong) == [(0,)]


@pytest.mark.parametrize(
    "text",
    [
        "a LEFT JOIN b ON a.Key = b.Key",
        "b RIGHT JOIN a ON a.Key = b.Key",
        "a LEFT JOIN (SELECT Key, Days FROM b) AS b ON b.Key = a.Key",
    ],
)
def test_an_outer_join_retains_its_side_and_a_null_key_is_a_match_flag(text: str) -> None:
    query = f"SELECT COUNT(*) AS n, COUNT(b.Days) AS d, SUM(CASE WHEN b.Key IS NULL THEN 1 ELSE 0 END) AS u FROM {text}"
    (cell,) = run(query, T)
    assert cell.shown == (4, 2, 2)
    assert cell.persons == 3


def test_public_rows_on_the_left_retain_cells_without_persons() -> None:
    query = "SELECT l.LA, COUNT(*) AS n, COUNT(a.Score) AS s FROM ref.las AS l LEFT JOIN a ON a.LA = l.LA GROUP BY l.LA"
    found = run(query, T)
    assert [(c.keys, c.rows, c.persons) for c in found] == [((1,), 2, 2), ((2,), 1, 1), ((3,), 1, 0)]


def test_keys_may_be_equal_in_where_and_through_a_third_table() -> None:
    assert shown("SELECT COUNT(*) AS n FROM a, b WHERE b.Key = a.Key", T) == [(2,)]
    text = "SELECT COUNT(*) AS n FROM b AS x, b AS y, a WHERE a.Key = x.Key AND a.Key = y.Key"
    assert shown(text, T) == [(4,)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a JOIN b ON a.Key = b.Key OR a.LA = 1", "link-key"),
        ("a JOIN b ON a.Y = b.Y", "person-join"),
        ("a JOIN b ON a.Key <> b.Key", "link-key"),
        ("a JOIN swc.staff AS s ON s.LA = a.LA", "person-join"),
        ("a JOIN swc.staff AS s ON s.StaffKey = a.Key", "link-key"),
        ("a, b WHERE a.Key = b.Key OR a.LA = 2", "link-key"),
        ("a LEFT JOIN b ON a.Y = b.Y WHERE a.LA = 1", "person-join"),
        ("a, b AS x, b AS y WHERE x.Key = y.Key", "person-join"),
        ("b AS x, b AS y, a WHERE x.Key = y.Key", "person-join"),
    ],
)
def test_other_meetings_of_persons_are_refused(text: str, code: str) -> None:
    assert code in codes(f"SELECT COUNT(*) AS n FROM {text}")


def test_the_second_use_of_a_cte_is_a_scan_of_its_own() -> None:
    query = (
        "WITH c AS (SELECT Key, Y FROM a) SELECT COUNT(*) AS n FROM c AS x JOIN c AS y ON x.Key = y.Key "
        "WHERE x.Y = '2017/2018' AND y.Y = '2018/2019'"
    )
    (use,) = [u for u in compiled(query).uses if u.variable == "Y"]
    assert use.years == {2017, 2018}


def _join_of(text: str) -> Join:
    plan = compiled(f"SELECT COUNT(*) AS n FROM {text}").plan
    assert plan is not None
    relation = plan.outputs[0].tables[0].contributions
    assert isinstance(relation, Join)
    return relation


def test_a_cross_join_with_a_public_table_is_written_as_one() -> None:
    assert _join_of("a CROSS JOIN ref.las AS l").how is JoinHow.CROSS


@pytest.mark.parametrize(("how", "both"), [("JOIN", False), ("LEFT JOIN", False), ("FULL JOIN", True)])
def test_a_row_that_may_be_of_either_side_has_the_person_number_of_both(how: str, both: bool) -> None:
    """Elsewhere the person of a row is the one of the side that is never padded."""
    relation = _join_of(f"a {how} b ON a.Key = b.Key")
    assert (relation.both is not None) == both


BY_EACH_OTHER = (
    "(SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA)",
    "(SELECT LA FROM (SELECT LA, ROW_NUMBER() OVER (ORDER BY LA) AS r FROM ref.las) l WHERE LA = r)",
    "(SELECT l.LA FROM ref.las l WHERE l.LA = (SELECT MAX(m.LA) FROM ref.las m WHERE m.LA = l.LA))",
)


@pytest.mark.parametrize("public", BY_EACH_OTHER)
def test_public_rows_that_only_join_each_other_multiply_the_rows_of_people(public: str) -> None:
    """Three times a count, rounded, tells more than the count rounded: a person looks."""
    (looked,) = planned(f"SELECT COUNT(*) AS n FROM a CROSS JOIN {public} d").tables[0].statistics
    assert looked.needs_review == row_multiplicity.PUBLIC_JOIN


def test_public_rows_that_a_person_leads_to_do_not() -> None:
    text = (
        "SELECT COUNT(*) AS n FROM a JOIN (SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA) d ON d.LA = a.LA"
    )
    (counted,) = planned(text).tables[0].statistics
    assert counted.needs_review is None
