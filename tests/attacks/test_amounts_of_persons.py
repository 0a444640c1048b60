"""What a mean tells of one child's extreme amount, where each child's number is a total, a window or a subquery: no more
than the mean of the same variable tells."""

# ruff: noqa: E501 - one attack a line reads as a table

import math
from collections.abc import Mapping
from functools import cache

import pytest

from tests.attacks.decoders.kit import Kit, kit_of
from tests.attacks.decoders.towns import ABSENCE, KEY, Way, setting
from tests.proof_size import size

pytestmark = pytest.mark.long

AMOUNT, Y = "a.UnauthorisedAbsence_6HalfTerms", "a.AcademicYear = '2018/2019'"
LAST, PUPILS = 8, 600
SEEDS = range(LAST + 1 - size("AMOUNT_TOWNS", 4), LAST + 1)
NONE, MANY, KNOWN = "missed none", "missed 60", "missed 100"
SECRETS = {"a.SENprovision = 'K'": "missed 100, with support", "a.FSMeligible = 1": "missed 100, with free meals"}


def missed(sessions: int) -> Way:
    most = f"GREATEST(OverallAbsence_6HalfTerms, {sessions})"
    return setting(f"UnauthorisedAbsence_6HalfTerms = {sessions}, OverallAbsence_6HalfTerms = {most}", "absence_2018")


def _both(one: Way, other: Way) -> Way:
    return lambda *given: (one(*given), other(*given))[0]


DIFFERENT: Mapping[str, Way] = {
    NONE: missed(0),
    MANY: missed(60),
    KNOWN: missed(100),
    "missed 100, with support": _both(missed(100), setting("SENprovision = 'K'")),
    "missed 100, with free meals": _both(missed(100), setting("FSMeligible = 1")),
}


@cache
def kits() -> dict[int, Kit]:
    """Towns with a child who misses far more sessions without leave than others, once for all tests."""
    return {seed: kit_of(seed, PUPILS, DIFFERENT) for seed in SEEDS}


def _of(inner: str) -> str:
    return f"SELECT AVG(1.0 * d.y) AS n FROM ({inner}) AS d"


BY_YEAR = f"OVER (PARTITION BY a.{KEY} ORDER BY a.AcademicYear)"
BRANCH = f"SELECT {AMOUNT} AS y FROM {ABSENCE} AS a WHERE a.AcademicYear"
TOTALS = f"SELECT a.{KEY} AS k, SUM({AMOUNT}) AS y FROM {ABSENCE} AS a WHERE {Y}{{rest}} GROUP BY a.{KEY}"
MEANS = {
    "totals": _of(TOTALS.format(rest="")),
    "a sum of totals": f"SELECT SUM(d.y) AS n FROM ({TOTALS.format(rest='')}) AS d",
    "totals beside each row": _of(f"SELECT SUM({AMOUNT}) OVER (PARTITION BY a.{KEY}) AS y FROM {ABSENCE} AS a WHERE {Y}"),
    "the first row": _of(f"SELECT FIRST_VALUE({AMOUNT}) {BY_YEAR} AS y FROM {ABSENCE} AS a WHERE {Y}"),
    "a subquery": _of(f"SELECT (SELECT SUM(b.UnauthorisedAbsence_6HalfTerms) FROM {ABSENCE} AS b WHERE b.{KEY} = a.{KEY} AND b.AcademicYear = '2018/2019') AS y FROM {ABSENCE} AS a WHERE {Y}"),
    "stacked rows": _of(f"{BRANCH} = '2017/2018' UNION ALL {BRANCH} = '2018/2019'"),
    "applied rows": f"SELECT v.name, AVG(1.0 * v.y) AS n FROM {ABSENCE} AS a CROSS APPLY (VALUES ('u', {AMOUNT}), ('p', a.SessionsPossible_6HalfTerms)) AS v (name, y) WHERE {Y} GROUP BY v.name",
}  # fmt: skip


def seen(select: str, one: str, other: str) -> int:
    """In how many towns what leaves differs between two ways."""
    return sum(table_of(kit, select, one) != table_of(kit, select, other) for kit in kits().values())


def table_of(kit: Kit, select: str, way: str) -> str:
    plan = kit.plan(f"-- output: t\n{select}")
    assert plan is not None, select
    (left,) = kit.left(plan, way, kit.asked(plan)[way])
    return left.table


@pytest.mark.parametrize("name", MEANS)
def test_a_child_who_missed_many_sessions_is_seen_as_seldom_as_in_the_mean_of_rows(name: str) -> None:
    """What the catalogue allows moves a mean by at most two steps, so 60 of 400 sessions move it by 0.3 of one."""
    assert seen(MEANS[name], NONE, MANY) <= _most(2 * 60 / 400)


@pytest.mark.parametrize("secret", SECRETS)
def test_whether_a_known_child_is_in_a_group_does_not_follow_from_totals(secret: str) -> None:
    assert seen(_of(TOTALS.format(rest=f" AND {secret}")), KNOWN, SECRETS[secret]) <= _most(2 * 100 / 400)


def _most(chance: float) -> float:
    """In as many towns, at this chance in each; never in all of them."""
    towns = len(kits())
    return min(towns - 1, chance * towns + 2 * math.sqrt(chance * (1 - chance) * towns))
