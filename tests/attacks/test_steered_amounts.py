"""How an attacker steers what a sum or mean gives away: by a written factor, by the sign of one child's amount, by a
range with a gap, by one amount above all others. Nothing that leaves may tell one child's amount or attribute."""

# ruff: noqa: E501 - one attack a line reads as a table

import math
from collections.abc import Collection
from decimal import Decimal
from functools import cache
from itertools import product

import pytest

from broker.domain.plans.measure import Measure
from broker.postprocessing.max_errors import digits_within
from tests.attacks.decoders.differences import HARMLESS, Difference
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import EndToEnd, InProcess
from tests.attacks.decoders.kit import Kit, kit_of as kit_of_town
from tests.attacks.decoders.towns import ABSENCE, BASE, KEY, WAYS, lasting_folder, setting, without_cap

pytestmark = pytest.mark.long

AMOUNT, Y = "a.OverallAbsence_6HalfTerms", "a.AcademicYear = '2018/2019'"
YEARS = "a.AcademicYear IN ('2016/2017', '2017/2018', '2018/2019')"
SEEDS, PUPILS = range(1, 9), 600
MISSED = {f"missed {sessions}": sessions for sessions in (60, 150, 300)}
DEPRIVED = {f"deprived {score}": score for score in (0.03, 0.06)}
AT_MOST_RIGHT = 0.6


@cache
def kit_of(seed: int) -> Kit:
    """A town with a child who misses more sessions than anybody else, too."""
    ways = {way: WAYS[way] for way in ("special needs", "free meals", "two rows")}
    ways |= {way: setting(f"OverallAbsence_6HalfTerms = {n}", "absence") for way, n in MISSED.items()}
    ways |= {way: setting(f"IDACI_S_home = {score}", "absence") for way, score in DEPRIVED.items()}
    return kit_of_town(seed, PUPILS, ways)


def kits() -> dict[int, Kit]:
    return {seed: kit_of(seed) for seed in SEEDS}


def rows_of(kit: Kit, where: str) -> int:
    (found,) = kit._rows[BASE]._con.execute(f"SELECT count(*) FROM {ABSENCE} AS a WHERE {where}").fetchone()
    return int(found)


def text(select: str) -> str:
    return f"-- output: t\n{select}"


def moved(kit: Kit, asked: str, among: Collection[str] = ()) -> dict[str, Difference]:
    """What differs by each way that the child touches a text, or by some: nothing beyond an edge of rounding."""
    found = InProcess(kit).differences((asked,)) or {}
    found = {way: one for way, one in found.items() if not among or way in among}
    assert {way: one.told for way, one in found.items() if one.kind not in HARMLESS} == {}, (kit.town.child.key, asked)
    return found


def test_a_factor_does_not_move_a_mean_across_an_edge_each_time() -> None:
    """A mean of months by school, with a factor for which one child's rows are up to ten units of the last digit."""
    tried = seen = 0
    for kit in kits().values():
        for attribute, way in (("a.SENprovision = 'K'", "special needs"), ("a.FSMeligible = 1", "free meals")):
            where = f"{YEARS} AND {attribute}"
            n = rows_of(kit, f"{where} AND a.URN = {kit.town.child.urn}")
            for most in (12, 21, 36):
                factor = (Decimal("9.9") * (5 * ((2 * n + 5) // 10)) / most).quantize(Decimal("0.1"))
                asked = text(
                    f"SELECT a.URN, AVG({factor} * a.MonthOfBirth) AS m FROM {ABSENCE} AS a WHERE {where} GROUP BY a.URN"
                )
                found = moved(kit, asked, {way}).get(way)
                if found is not None and found.changes:
                    tried += 1
                    seen += bool(found.moved)
    assert tried >= 20
    chance = 2 * AT_MOST_RIGHT - 1
    assert seen <= chance * tried + 3 * math.sqrt(chance * (1 - chance) * tried)


def test_a_factor_reveals_no_more_of_a_mean() -> None:
    """What leaves with a factor is the factor times what leaves without one, to its digits."""
    rows = f"FROM {ABSENCE} AS a WHERE {YEARS} GROUP BY a.NCyearActual, a.FSMeligible"
    for seed, kit in kits().items():
        without = _means(kit, f"SELECT a.NCyearActual, a.FSMeligible, AVG(1.0 * a.MonthOfBirth) AS m {rows}")
        for factor in (Decimal("30.9"), Decimal("29.5"), Decimal("13.7")):
            scaled = _means(kit, f"SELECT a.NCyearActual, a.FSMeligible, AVG({factor} * a.MonthOfBirth) AS m {rows}")
            shown = [(factor * mean, *scaled[key]) for key, (mean, _) in without.items() if mean is not None]
            assert len(shown) > 10
            for expected, mean, error in shown:
                digit = max(Decimal(1), Decimal(1).scaleb(-digits_within(error)))
                assert mean is not None
                assert abs(expected - mean) <= digit / 2, (seed, factor)


def _means(kit: Kit, select: str) -> dict[str, tuple[Decimal | None, Decimal]]:
    """Each mean of a table, by its keys, with its largest error before its last digits are left out. None: hidden."""
    plan = kit.plan(text(select))
    assert plan is not None
    (left,) = kit.left(plan, BASE, kit.asked(plan)[BASE])
    cells = {keys: f for (_, keys, _), f in left.figures.items() if f.measure == Measure.MEAN}
    errors = {",".join(map(str, keys)): Decimal(str(f.max_error)) for keys, f in cells.items() if f.max_error}
    lines = [line.rpartition(",") for line in left.table.splitlines()[1:]]
    return {key: (None if mean == "c" else Decimal(mean), errors.get(key, Decimal(0))) for key, _, mean in lines}


TO_A_PERSON = {
    "a factor inside each person's total": f"SELECT AVG(1.0 * d.w) AS m FROM (SELECT a.{KEY} AS k, SUM(30.9 * {AMOUNT}) AS w FROM {ABSENCE} AS a WHERE {Y} GROUP BY a.{KEY}) AS d",
    "a factor below DISTINCT": f"SELECT AVG(d.y) AS m FROM (SELECT DISTINCT a.{KEY} AS k, 74.37 * {AMOUNT} AS y FROM {ABSENCE} AS a WHERE {Y} AND a.SENprovision = 'K') AS d",
    "a factor in a key": f"SELECT AVG(d.y) AS m FROM (SELECT a.{KEY} AS k, 74.37 * {AMOUNT} AS y FROM {ABSENCE} AS a WHERE {Y} GROUP BY a.{KEY}, 74.37 * {AMOUNT}) AS d",
    "a factor in applied rows": f"SELECT v.name, AVG(v.y) AS m FROM {ABSENCE} AS a CROSS APPLY (VALUES ('o', 74.37 * {AMOUNT}), ('p', 1.0 * a.SessionsPossible_6HalfTerms)) AS v (name, y) WHERE {Y} GROUP BY v.name",
    "a limit in a key": f"SELECT AVG(1.0 * d.y) AS m FROM (SELECT a.{KEY} AS k, 115 - {AMOUNT} AS y FROM {ABSENCE} AS a WHERE {Y} GROUP BY a.{KEY}, 115 - {AMOUNT}) AS d",
    "a reciprocal": f"SELECT AVG(70.36 / a.MonthOfBirth) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "a cast that rounds": f"SELECT AVG(CAST(0.026 * {AMOUNT} + 0.9 AS decimal(18, 0))) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "a cast that rounds a quotient": f"SELECT AVG(CAST({AMOUNT} / 38.46 AS decimal(18, 1))) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "another quantile than the median": f"SELECT AVG(d.y) AS m FROM (SELECT a.{KEY} AS k, PERCENTILE_CONT(0.872) WITHIN GROUP (ORDER BY {AMOUNT}) AS y FROM {ABSENCE} AS a WHERE {YEARS} GROUP BY a.{KEY}) AS d",
    "the variance of one person's years": f"SELECT AVG(d.y) AS m FROM (SELECT a.{KEY} AS k, VAR({AMOUNT}) AS y FROM {ABSENCE} AS a WHERE {YEARS} GROUP BY a.{KEY}) AS d",
    "an amount that one child alone has below 0": f"SELECT SUM(CASE WHEN a.URN = {{urn}} THEN a.YearOfBirth - 2003 END) AS m FROM {ABSENCE} AS a WHERE {Y} AND a.SENprovision = 'K'",
    "a limit that one child alone exceeds": f"SELECT SUM(120 - {AMOUNT}) AS m FROM {ABSENCE} AS a WHERE {Y} AND a.URN = {{urn}}",
    "small amounts and large ones": f"SELECT SUM(CASE WHEN a.URN = {{urn}} THEN {AMOUNT} END) AS n FROM {ABSENCE} AS a WHERE {Y} AND ({AMOUNT} <= 4 OR {AMOUNT} >= 150)",
    "chosen amounts below a conversion": f"SELECT AVG(CAST(CASE WHEN a.FSMeligible = 1 OR {AMOUNT} IN (3, 150) THEN {AMOUNT} END AS float)) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "chosen amounts in a second branch": f"SELECT SUM(CASE WHEN a.MonthOfBirth = 5 THEN {AMOUNT} WHEN a.FSMeligible = 1 OR {AMOUNT} IN (3, 150) THEN 2.0 * {AMOUNT} END) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "all but a band of amounts": f"SELECT SUM({AMOUNT}) AS n FROM {ABSENCE} AS a WHERE {Y} AND NOT ({AMOUNT} > 4 AND {AMOUNT} < 150)",
}


@pytest.mark.parametrize("name", TO_A_PERSON)
def test_a_checker_reviews_it_whatever_the_data_are(name: str) -> None:
    kit = kit_of(min(SEEDS))
    asked = text(TO_A_PERSON[name].format(urn=kit.town.child.urn))
    assert kit.plan(asked) is None
    assert kit.is_accepted(asked)


LEAVES = {
    "a band of amounts": f"SELECT SUM({AMOUNT}) AS n FROM {ABSENCE} AS a WHERE {Y} AND {AMOUNT} > 4 AND {AMOUNT} <= 150",
    "all but large amounts": f"SELECT SUM({AMOUNT}) AS n FROM {ABSENCE} AS a WHERE {Y} AND NOT {AMOUNT} > 150",
    "a factor": f"SELECT AVG(2.5 * {AMOUNT}) AS n FROM {ABSENCE} AS a WHERE {Y}",
    "variables in applied rows": f"SELECT v.name, AVG(v.y) AS m FROM {ABSENCE} AS a CROSS APPLY (VALUES ('o', 1.0 * {AMOUNT}), ('p', 1.0 * a.SessionsPossible_6HalfTerms)) AS v (name, y) WHERE {Y} GROUP BY v.name",
    "amounts of a code below a conversion": f"SELECT AVG(CAST(CASE WHEN a.SENprovision = 'K' THEN {AMOUNT} END AS float)) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "casts of numbers as they are": f"SELECT AVG(CAST({AMOUNT} AS decimal(10, 2))) AS m, AVG(CAST(1.0 * {AMOUNT} AS float)) AS n FROM {ABSENCE} AS a WHERE {Y}",
    "a percentage with two decimals": f"SELECT AVG(CAST(100.0 * {AMOUNT} / 380 AS decimal(10, 2))) AS m FROM {ABSENCE} AS a WHERE {Y}",
    "each person's median": f"SELECT AVG(d.y) AS m FROM (SELECT a.{KEY} AS k, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {AMOUNT}) AS y FROM {ABSENCE} AS a WHERE {YEARS} GROUP BY a.{KEY}) AS d",
    "a mean of persons' totals": f"SELECT AVG(1.0 * d.w) AS m FROM (SELECT a.{KEY} AS k, SUM({AMOUNT}) AS w FROM {ABSENCE} AS a WHERE {Y} GROUP BY a.{KEY}) AS d",
}


@pytest.mark.parametrize("name", LEAVES)
def test_ordinary_sums_and_means_leave_by_themselves(name: str) -> None:
    kit = kit_of(min(SEEDS))
    assert kit.plan(text(LEAVES[name].format(urn=kit.town.child.urn))) is not None


DIFFERENCE = f"{AMOUNT} - a.AuthorisedAbsence_6HalfTerms"
TWO_KEYS = "a.SENprovision, a.NCyearActual"
ALIKE = {
    "sums and means of differences, which are below 0 for some": [
        f"SELECT a.URN, a.SENprovision, SUM({DIFFERENCE}) AS s, AVG(1.0 * {DIFFERENCE}) AS m FROM {ABSENCE} AS a "
        f"WHERE {Y} GROUP BY a.URN, a.SENprovision"
    ],
    "three linked tables of sums": [
        f"SELECT {k}, SUM({AMOUNT}) AS n FROM {ABSENCE} AS a WHERE {Y} GROUP BY {k}"
        for k in ("a.NCyearActual", "a.SENprovision", "a.NCyearActual, a.SENprovision")
    ],
    "totals of small shares of many schools": [
        f"SELECT a.URN, SUM(a.IDACI_S_home) AS f FROM {ABSENCE} AS a WHERE {Y} AND a.IDACI_S_home < 0.05 "
        "GROUP BY ROLLUP (a.URN)"
    ],
    "totals of small shares of many years": [
        f"SELECT a.NCyearActual, a.FSMeligible, SUM(a.IDACI_S_home) AS f FROM {ABSENCE} AS a "
        f"WHERE {Y} AND a.IDACI_S_home < 0.12 GROUP BY CUBE (a.NCyearActual, a.FSMeligible)"
    ],
    "an amount that is much the same for everybody, of which a child with two rows has twice the largest": [
        f"SELECT COUNT(*) AS n FROM {ABSENCE} AS a WHERE {Y} AND a.FSMeligible = 1",
        f"SELECT {TWO_KEYS}, AVG(1.0 * a.SessionsPossible_6HalfTerms) AS m FROM {ABSENCE} AS a WHERE {Y} "
        f"GROUP BY {TWO_KEYS}",
    ],
}
"""How much one child adds decides no hole, and moves no figure by more than an edge of rounding."""


@pytest.mark.parametrize("what", ALIKE)
def test_what_is_hidden_does_not_depend_on_one_childs_amount(what: str) -> None:
    asked = "\n;\n".join(f"-- output: t{n}\n{select}" for n, select in enumerate(ALIKE[what]))
    among = {"two rows"} if "two rows" in what else {*MISSED, *DEPRIVED}
    touched = [moved(kit, asked, among) for kit in kits().values()]
    assert any(touched)
    assert "two rows" not in what or all("two rows" in found for found in touched)


BY_SCHOOL = f"FROM {ABSENCE} AS a WHERE {Y} GROUP BY CUBE (a.URN, a.SENprovision)"
MONTHS_LEFT_OUT = ("1, 5, 6, 7, 10", "11", "13")
FACTORS = {"a.IDACI_S_home": (0.67, 0.71, 0.756, 0.781), "a.YearOfBirth": (0.0025, 0.0045)}


def test_a_factor_steers_no_hole() -> None:
    """Sums of a share between 0 and 1, and of amounts far from 0, beside their totals: no factor makes a hole depend on
    one child."""
    tried = 0
    factors = [(amount, factor) for amount, some in FACTORS.items() for factor in some]
    for seed, (amount, factor), months in product((1, 3, 5), factors, MONTHS_LEFT_OUT):
        rows = BY_SCHOOL.replace(Y, f"{Y} AND a.MonthOfBirth NOT IN ({months})")
        tried += len(moved(kit_of(seed), text(f"SELECT a.URN, a.SENprovision, SUM({factor} * {amount}) AS f {rows}")))
    assert tried >= 40


def test_one_child_with_two_rows_gives_no_cell_a_factor_of_its_own() -> None:
    """The same sums twice as large, in a second job: the comparison with the first hides nothing because one child is
    in two schools."""
    kit = kit_of(3)
    sums = [text(f"SELECT a.URN, a.SENprovision, SUM({factor} * {AMOUNT}) AS f {BY_SCHOOL}") for factor in (1, 2)]
    judge = EndToEnd(kit, Brokers(without_cap(kit.town), lasting_folder("steered")))
    found = judge.differences(tuple(sums))
    assert found is not None
    assert found["two rows"].kind in HARMLESS


TEN_ROWS = f"FROM {ABSENCE} AS a CROSS JOIN (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) AS v (i) WHERE {Y}"
TEN_TIMES = {
    "one side": f"SELECT SUM(CASE WHEN a.SENprovision = 'K' THEN 1 ELSE 0 END) AS f, COUNT(*) AS n {TEN_ROWS}",
    "a flag": f"SELECT a.SENprovision, SUM(a.FSMeligible) AS f {TEN_ROWS} GROUP BY a.SENprovision",
    "a share": f"SELECT a.FSMeligible, AVG(CASE WHEN a.SENprovision = 'K' THEN 1.0 ELSE 0 END) AS f {TEN_ROWS} GROUP BY a.FSMeligible",
}


@pytest.mark.parametrize("name", TEN_TIMES)
def test_rows_that_the_text_writes_hide_no_count(name: str) -> None:
    """Everybody has ten rows. With 20 persons or 21, none of them can have most of the rows."""
    tried = 0
    months = ("9, 3, 6, 4, 2, 11, 7", "10, 1, 8", "8, 11, 9, 1, 5", "1, 2, 3, 4, 5, 6, 7")
    for seed, some in product((3, 4, 5), months):
        left_out = TEN_TIMES[name].replace("WHERE", f"WHERE a.MonthOfBirth NOT IN ({some}) AND")
        tried += len(moved(kit_of(seed), text(left_out)))
    assert tried >= 6
