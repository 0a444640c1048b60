"""How an attacker lets one child's second row count many times: joins on the key and counts of each person, in which two
rows become four or sixteen while everybody else keeps one. What leaves tells neither that a child has two rows, nor an
attribute of a child who is known to have two."""

# ruff: noqa: E501 - one attack a line reads as a table

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from broker.disclosure.rounded_counts import round_rows
from broker.domain.plans.plan import RowGrowth
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import nearest_multiple
from tests.attacks.decoders.differences import HARMLESS
from tests.attacks.decoders.judges import InProcess
from tests.attacks.decoders.kit import Kit, checked, kit_of
from tests.attacks.decoders.towns import ABSENCE, BASE, CENSUS, KEY, WAYS, Child, Way, setting

EVERY_DAY, PUPILS = range(1, 3), 600
MISSED, FREE_MEALS, NEEDS = "a.OverallAbsence_6HalfTerms", "a.FSMeligible = 1", "a.SENprovision = 'K'"
Y, YEARS = "a.AcademicYear = '2018/2019'", "IN ('2016/2017', '2017/2018', '2018/2019')"


def joined(alias: str, table: str) -> str:
    return f" JOIN {table} AS {alias} ON {alias}.{KEY} = a.{KEY} AND {alias}.AcademicYear = a.AcademicYear"


def counted(rows: str, where: str = Y) -> str:
    """A count of each person's rows, as a column of each row."""
    return f"(SELECT COUNT(*) OVER (PARTITION BY a.{KEY}) AS y {rows} WHERE {where}) AS d"


ALONE = f"FROM {ABSENCE} AS a"
TWO = ALONE + joined("c", CENSUS)
THREE = TWO + joined("b", ABSENCE)
FOUR = THREE + joined("e", CENSUS)
FIVE = FOUR + joined("f", CENSUS)
WRITTEN = " CROSS APPLY (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS v (i)"
EACH = f"(SELECT a.{KEY} AS k, COUNT(*) AS y {FOUR} WHERE {Y} GROUP BY a.{KEY}) AS d"

MULTIPLIED = {
    "a row": (1, f"SELECT COUNT(*) AS n {ALONE} WHERE {Y}"),
    "two tables": (2, f"SELECT COUNT(*) AS n {TWO} WHERE {Y}"),
    "two tables by an attribute": (2, f"SELECT COUNT(*) AS n {TWO} WHERE {Y} AND {NEEDS}"),
    "two tables by another": (2, f"SELECT COUNT(*) AS n {TWO} WHERE {Y} AND {FREE_MEALS}"),
    "three tables": (4, f"SELECT COUNT(*) AS n {THREE} WHERE {Y} AND {NEEDS}"),
    "four tables": (8, f"SELECT COUNT(*) AS n {FOUR} WHERE {Y}"),
    "four tables by an attribute": (8, f"SELECT COUNT(*) AS n {FOUR} WHERE {Y} AND {NEEDS}"),
    "four tables by another": (8, f"SELECT COUNT(*) AS n {FOUR} WHERE {Y} AND {FREE_MEALS}"),
    "four tables and written rows": (8, f"SELECT COUNT(*) AS n {FOUR}{WRITTEN} WHERE {Y}"),
    "a key": (8, f"SELECT a.SENprovision, COUNT(*) AS n {FOUR} WHERE {Y} GROUP BY a.SENprovision"),
    "ones": (8, f"SELECT SUM(CASE WHEN {NEEDS} THEN 1 ELSE 0 END) AS n {FOUR} WHERE {Y}"),
    "a share": (8, f"SELECT AVG(CASE WHEN {NEEDS} THEN 1.0 ELSE 0 END) AS n {FOUR} WHERE {Y}"),
    "the rows of a sum": (8, f"SELECT SUM(a.SessionsPossible_6HalfTerms) AS n {FOUR} WHERE {Y} AND {FREE_MEALS}"),
    "a mean": (8, f"SELECT AVG(1.0 * {MISSED}) AS n {FOUR} WHERE {Y}"),
    "a count of each, added up": (8, f"SELECT SUM(d.y) AS n FROM {counted(TWO)}"),
    "a count of each, by an attribute": (8, f"SELECT SUM(d.y) AS n FROM {counted(TWO, f'{Y} AND {NEEDS}')}"),
    "a count of each person, added up": (8, f"SELECT SUM(d.y) AS n FROM {EACH}"),
}  # fmt: skip
TO_A_PERSON = {
    "five tables": f"SELECT COUNT(*) AS n {FIVE} WHERE {Y}",
    "a count of each person, joined again": f"SELECT SUM(d.y) AS n {FOUR} JOIN {EACH} ON d.k = a.{KEY} WHERE {Y}",
    "a count of each, joined again": f"SELECT SUM(d.y) AS n {TWO} JOIN {EACH} ON d.k = a.{KEY} WHERE {Y}",
}  # fmt: skip
FIRST = f"SELECT a.{KEY} AS k, ROW_NUMBER() OVER (PARTITION BY a.{KEY} ORDER BY a.URN) AS r"
ORDINARY = {
    "rows of several years": f"SELECT COUNT(*) AS n {ALONE} WHERE a.AcademicYear {YEARS}",
    "persons of a join": f"SELECT COUNT(DISTINCT a.{KEY}) AS n {FOUR} WHERE {Y}",
    "each person's total": f"SELECT AVG(1.0 * d.y) AS n FROM (SELECT a.{KEY} AS k, SUM({MISSED}) AS y {ALONE} WHERE {Y} GROUP BY a.{KEY}) AS d",
    "each person's most, joined": f"SELECT AVG(1.0 * d.y) AS n FROM {CENSUS} AS c JOIN (SELECT a.{KEY} AS k, MAX({MISSED}) AS y {ALONE} WHERE {Y} GROUP BY a.{KEY}) AS d ON d.k = c.{KEY} WHERE c.AcademicYear = '2018/2019'",
    "years of each person, joined": f"SELECT COUNT(*) AS n FROM (SELECT DISTINCT a.{KEY} AS k, a.AcademicYear AS t {ALONE} WHERE a.AcademicYear {YEARS}) AS d JOIN (SELECT c.{KEY} AS k, c.AcademicYear AS t, COUNT(*) AS w FROM {CENSUS} AS c WHERE c.AcademicYear {YEARS} GROUP BY c.{KEY}, c.AcademicYear) AS e ON e.k = d.k AND e.t = d.t",
    "first rows, joined": f"SELECT COUNT(*) AS n FROM ({FIRST} {ALONE} WHERE {Y}) AS d JOIN ({FIRST} FROM {CENSUS} AS a WHERE {Y}) AS e ON e.k = d.k WHERE d.r = 1 AND e.r = 1",
    "a table that is looked up": f"SELECT COUNT(*) AS n {ALONE} WHERE {Y} AND EXISTS (SELECT 1 FROM {CENSUS} AS c WHERE c.{KEY} = a.{KEY} AND c.AcademicYear = '2018/2019')",
    "branches of a union": f"SELECT COUNT(*) AS n FROM (SELECT a.{KEY} AS k {ALONE} WHERE {Y} UNION ALL SELECT a.{KEY} FROM {CENSUS} AS a WHERE {Y}) AS d",
}  # fmt: skip


def factors(select: str) -> set[int]:
    found = checked(select)
    assert found.plan is not None
    assert not found.review
    tables = (t for o in found.plan.outputs for t in o.tables)
    return {s.growth.factor for t in tables for s in t.statistics if s.implied_by is None}


@pytest.mark.parametrize("name", MULTIPLIED)
def test_the_plan_says_how_often_a_second_row_counts(name: str) -> None:
    factor, select = MULTIPLIED[name]
    assert factors(select) == {factor}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_rows_are_not_multiplied(name: str) -> None:
    assert factors(ORDINARY[name]) == {1}


@pytest.mark.parametrize("name", TO_A_PERSON)
def test_a_checker_reviews_it_whatever_the_data_are(name: str) -> None:
    assert checked(TO_A_PERSON[name]).review


RULES = DisclosureRules(name="npd", source="test", t=10)
AT_MOST = 0.45


@pytest.mark.parametrize("tables", [1, 2, 3, 4])
def test_one_child_moves_a_count_by_at_most_one_step(tables: int) -> None:
    """One child has two rows in each table, and so does one other person in thirty."""
    many, factor, seen, tried = 2**tables, 2 ** (tables - 1), 0, 0
    for persons in range(40, 400):
        rows = persons + (many - 1) * (persons // 30)
        one, two = (
            round_rows(rows, persons, RULES, RowGrowth(factor)),
            round_rows(rows + many - 1, persons, RULES, RowGrowth(factor)),
        )
        assert abs(one - two) <= RULES.round_base * factor
        seen, tried = seen + (one != two), tried + 1
    assert seen <= AT_MOST * tried


@pytest.mark.parametrize(("factor", "base"), [(1, 3), (1, 5), (2, 5), (4, 5), (8, 5)])
def test_second_rows_are_rounded_as_if_alone(factor: int, base: int) -> None:
    """And so are rows that joins multiply: a pad that leaves them alone is no new try, however many persons it leaves
    out."""
    step, rules = base * factor, replace(RULES, round_base=base)
    for persons in range(step, 500):
        for beyond in range(1, (persons + 3) // 4) if factor == 1 else range(0, persons // 3, 5):
            alone = nearest_multiple(persons, step) + nearest_multiple(beyond, step)
            assert round_rows(persons + beyond, persons, rules, RowGrowth(factor)) == alone


def with_two_rows(assignment: str) -> Way:
    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        WAYS["two rows"](con, child, schools)
        setting(assignment)(con, child, schools)

    return changed


ONE_ROW = "one row"
CHILDREN = {
    BASE: WAYS["two rows"],
    ONE_ROW: WAYS[BASE],
    "special needs": with_two_rows("SENprovision = 'K'"),
    "free meals": with_two_rows("FSMeligible = 1"),
}
"""A child who is known to have two rows in the year, and what may be secret of that child."""


@cache
def kit(seed: int) -> Kit:
    return kit_of(seed, PUPILS, CHILDREN)


@pytest.mark.parametrize("seed", [*EVERY_DAY, *(pytest.param(n, marks=pytest.mark.long) for n in range(3, 9))])
def test_a_child_with_two_rows_is_not_disclosed(seed: int) -> None:
    """Figures move at rounding edges alone, by one step."""
    judge = InProcess(kit(seed))
    for name, (_, select) in MULTIPLIED.items():
        found = judge.differences((f"-- output: t\n{select}",))
        assert found is not None, name
        assert {way: d.told for way, d in found.items() if d.kind not in HARMLESS} == {}, name
