"""The comparison with the release history makes no hole that depends on a few persons: tables of nearly everybody of a
known population show the same rows and the same holes for nobody, one and nine, and counts that add up to it."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from broker.workflow.release_history import known_populations
from tests.attacks.decoders import towns
from tests.attacks.decoders.end_to_end import Brokers, Seen
from tests.attacks.decoders.judges import holes, rows_by_key
from tests.attacks.decoders.towns import BASE, KEY, YEAR, Child

SEED, PUPILS = 1, 500
CENSUS = f"spring_census_{YEAR}"
FEW = {"nobody": 0, "one": 1, "nine": 9}

pytestmark = pytest.mark.long


def tidy(con: Any) -> None:
    """Nobody has two rows, and nobody is without a phase or in a year group that few are in."""
    con.execute(f"DELETE FROM {CENSUS} WHERE rowid NOT IN (SELECT min(rowid) FROM {CENSUS} GROUP BY {KEY})")
    con.execute(f"UPDATE {CENSUS} SET NCyearActual = '3' WHERE NCyearActual IN ('X', 'N1', 'N2')")
    con.execute(f"UPDATE {CENSUS} SET NCyearActual = '11' WHERE NCyearActual IN ('12', '13')")
    con.execute(f"UPDATE {CENSUS} SET PHASE = 'PS' WHERE PHASE IS NULL OR PHASE <> 'SS'")


def way(change: str, few: int) -> towns.Way:
    """A tidy town with a change of a few."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        con.execute(f"{change} WHERE {KEY} IN (SELECT {KEY} FROM {CENSUS} WHERE PHASE = 'PS' ORDER BY 1 LIMIT {few})")

    return changed


CHANGES = {
    "few": f"UPDATE {CENSUS} SET PHASE = 'XX', NCyearActual = 'X'",
    "twice": f"INSERT INTO {CENSUS} FROM {CENSUS}",
    "at two schools": f"INSERT INTO {CENSUS} SELECT * REPLACE ((SELECT max(URN) FROM places) AS URN) FROM {CENSUS}",
}


def one_area(few: int) -> towns.Way:
    """A tidy town of one local authority with two year groups, of which the third has mostly girls. A few of its pupils
    are of a rare group, and no other pupil is."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        con.execute(f"UPDATE {CENSUS} SET LA = {schools[0][1]}, NCyearActual = '4', PHASE = 'SS'")
        con.execute(f"UPDATE {CENSUS} SET NCyearActual = '3', PHASE = 'PS' WHERE URN = {schools[0][0]}")
        boys = f"SELECT {KEY} FROM {CENSUS} WHERE NCyearActual = '3' ORDER BY 1 DESC LIMIT 20"
        gender = f"CASE WHEN {KEY} IN ({boys}) THEN 'M' ELSE 'F' END"
        con.execute(f"UPDATE {CENSUS} SET Gender = {gender} WHERE NCyearActual = '3'")
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WOTH' WHERE EthnicGroupMinor = 'WIRT'")
        some = f"SELECT {KEY} FROM {CENSUS} WHERE NCyearActual = '3' ORDER BY 1 LIMIT {few}"
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WIRT', PHASE = 'SS' WHERE {KEY} IN ({some})")

    return changed


def rare_boys(rare: int, few: int) -> towns.Way:
    """A tidy town in which so many boys are of a rare group, and a few girls have two rows."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WOTH' WHERE EthnicGroupMinor = 'WIRT'")
        boys, girls = (f"SELECT {KEY} FROM {CENSUS} WHERE Gender = '{g}' AND PHASE = 'PS' ORDER BY 1" for g in "MF")
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WIRT' WHERE {KEY} IN ({boys} LIMIT {rare})")
        con.execute(f"INSERT INTO {CENSUS} FROM {CENSUS} WHERE {KEY} IN ({girls} LIMIT {few})")

    return changed


def without_score(few: int) -> towns.Way:
    """A tidy town in which a few have no score."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        con.execute(f"UPDATE {CENSUS} SET IDACIScore = 0.2 WHERE IDACIScore IS NULL")
        way(f"UPDATE {CENSUS} SET IDACIScore = NULL", few)(con, child, schools)

    return changed


def of_another_source(few: int) -> towns.Way:
    """A tidy town whose absence data have the pupils of the census, those with free meals, and a few others."""

    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        absence = f"absence_{YEAR}"
        con.execute(f"DELETE FROM {absence} WHERE rowid NOT IN (SELECT min(rowid) FROM {absence} GROUP BY {KEY})")
        for one, other in ((absence, CENSUS), (CENSUS, absence)):
            con.execute(f"DELETE FROM {one} WHERE {KEY} IS NULL OR {KEY} NOT IN (SELECT {KEY} FROM {other})")
        con.execute(f"UPDATE {CENSUS} SET FSMeligible = (hash({KEY}) % 3 = 0)::INT")
        con.execute(f"UPDATE {absence} SET FSMeligible = c.FSMeligible FROM {CENSUS} c WHERE c.{KEY} = {absence}.{KEY}")
        others = f"SELECT * REPLACE ('OTHER' || row_number() OVER (ORDER BY {KEY}) AS {KEY}) FROM {absence}"
        con.execute(f"INSERT INTO {absence} {others} WHERE FSMeligible = 1 ORDER BY {KEY} LIMIT {few}")

    return changed


WAYS = {f"{few} {change}": way(text, n) for few, n in FEW.items() for change, text in CHANGES.items()}
WAYS |= {f"{few} in one area": one_area(n) for few, n in FEW.items()}
WAYS |= {f"{few} without a score": without_score(n) for few, n in FEW.items()}
WAYS |= {f"{few} beside {rare}": rare_boys(rare, n) for few, n in FEW.items() for rare in (5, 9)}


WAYS |= {f"{few} of another source": of_another_source(n) for few, n in FEW.items()}


@cache
def brokers() -> Brokers:
    """One town for all tests here, and for whoever takes a defence out."""
    folder = Path(tempfile.mkdtemp(prefix="history-holes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with patch.object(towns, "WAYS", {BASE: towns.WAYS[BASE]} | WAYS):
        town = towns.without_cap(towns.build_town(folder, SEED, PUPILS, tuple(WAYS)))
    return Brokers(town, folder / "brokers")


OF_YEAR = "FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019'"
TEXTS: Mapping[str, str] = {
    "everybody": f"SELECT COUNT(*) AS n {OF_YEAR}",
    "everybody but a few": f"SELECT COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X'",
    "everybody by a code that all have": f"SELECT a.LA, COUNT(*) AS n {OF_YEAR} GROUP BY a.LA",
    "everybody by a code that a few have": f"SELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE",
    "the same with the total": f"SELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY ROLLUP (a.PHASE)",
    "everybody but a few by a code": f"SELECT a.LA, COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X' GROUP BY a.LA",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", TEXTS)
def test_invariant_9_holes_of_the_history_are_the_same_for_nobody_one_and_nine(what: str, change: str) -> None:
    seen = [brokers().ran(f"{few} {change}", (f"-- output: t0\n{TEXTS[what]}",)) for few in FEW]
    keys = [0] if " GROUP BY " in TEXTS[what] else []
    patterns = [holes(rows_by_key(s.told.get("table 0 t0", ""), keys)) for s in seen]
    assert patterns[0] == patterns[1] == patterns[2]


OTHERS = "a.EthnicGroupMinor <> 'WIRT'"
PRIMARY = "SUM(CASE WHEN a.PHASE = 'PS' THEN 1 ELSE 0 END)"
BY_CELL, BUT = "GROUP BY a.LA, a.NCyearActual", f"{OF_YEAR} AND {OTHERS}"
BUT_A_FEW: Mapping[str, str] = {
    "a cell of a reference population": f"COUNT(*) AS n {BUT} {BY_CELL}",
    "several that make it up": f"a.Gender, COUNT(*) AS n {BUT} {BY_CELL}, a.Gender",
    "several measures": f"""AVG(a.IDACIScore) AS s, AVG(CASE WHEN a.Gender = 'F' THEN 1.0 ELSE 0 END) AS p,
        COUNT(DISTINCT a.{KEY}) AS q {BUT} {BY_CELL}""",
    "by the code itself": f"a.EthnicGroupMinor, COUNT(*) AS n {OF_YEAR} {BY_CELL}, a.EthnicGroupMinor",
    "by another code": f"a.PHASE, COUNT(*) AS n {OF_YEAR} {BY_CELL}, a.PHASE",
}
BY_GENDER = f"SELECT a.LA, a.NCyearActual, a.Gender, COUNT(*) AS n {{of}} {BY_CELL}, a.Gender"


@pytest.mark.parametrize("what", BUT_A_FEW)
def test_invariant_9_nobody_one_and_nine_of_a_reference_population_show_the_same_holes(what: str) -> None:
    texts = (f"-- output: t0\nSELECT a.LA, a.NCyearActual, {BUT_A_FEW[what]}",)
    assert_alike([brokers().ran(f"{few} in one area", texts) for few in FEW], "table 0 t0")


def test_invariant_9_nobody_one_and_nine_of_an_earlier_release_show_the_same_holes() -> None:
    """The earlier table has all pupils by local authority, year group and gender, the later one all but a few."""
    texts = tuple(f"-- output: t0\n{BY_GENDER.format(of=of)}" for of in (OF_YEAR, BUT))
    with patch.object(known_populations, "populations_of_sources", lambda *_: []):
        seen = [brokers().ran(f"{few} in one area", texts) for few in FEW]
    assert_alike(seen, "table 1 t0")


PERSONS = f"COUNT(DISTINCT a.{KEY})"
AND_PERSONS: Mapping[str, tuple[str, ...]] = {
    "rows, then persons": (f"COUNT(*) AS n {OF_YEAR}", f"{PERSONS} AS n {OF_YEAR}"),
    "persons, then rows": (f"{PERSONS} AS n {OF_YEAR}", f"COUNT(*) AS n {OF_YEAR}"),
    "rows by phase, then persons by authority": (
        f"a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE",
        f"a.LA, {PERSONS} AS n {OF_YEAR} GROUP BY a.LA",
    ),
    "persons by school, then by authority": (
        f"a.URN, {PERSONS} AS n {OF_YEAR} GROUP BY a.URN",
        f"a.LA, {PERSONS} AS n {OF_YEAR} GROUP BY a.LA",
    ),
    "rows, then persons who are a condition": (
        f"a.LA, COUNT(*) AS n, SUM(CASE WHEN a.PHASE = 'PS' THEN 1 ELSE 0 END) AS m {OF_YEAR} GROUP BY a.LA",
        f"a.LA, COUNT(DISTINCT CASE WHEN a.PHASE = 'PS' THEN a.{KEY} END) AS m {OF_YEAR} GROUP BY a.LA",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", AND_PERSONS)
def test_invariant_9_persons_after_rows_show_the_same_holes_for_nobody_one_and_nine(what: str, change: str) -> None:
    texts = tuple(f"-- output: t0\nSELECT {select}" for select in AND_PERSONS[what])
    seen = [brokers().ran(f"{few} {change}", texts) for few in FEW]
    assert seen[0].states == seen[1].states == seen[2].states
    for number, text in enumerate(texts):
        assert_alike(seen, f"table {number} t0", keys=text.count(" GROUP BY "))


YEAR_3, GIRLS, BOYS = (f"{OF_YEAR} AND {c}" for c in ("a.NCyearActual = '3'", "a.Gender = 'F'", "a.Gender = 'M'"))
SHARE_OF_MEALS = "AVG(CASE WHEN a.FSMeligible = 1 THEN 1.0 ELSE 0 END)"
NOT_3 = "CASE WHEN a.NCyearActual <> '3' OR a.EthnicGroupMinor = 'WIRT' THEN 1.0 ELSE 0 END"
WIDE = f"{OF_YEAR} AND (a.NCyearActual = '3' OR a.Gender = 'F')"
GIRLS_BUT = f"COUNT(*) AS n {GIRLS} AND {OTHERS}"
SERIES: Mapping[str, tuple[str, ...]] = {
    "a count beside a share that is hidden": (
        f"a.LA, a.NCyearActual, a.Gender, COUNT(*) AS n, {SHARE_OF_MEALS} AS m {BUT} {BY_CELL}, a.Gender",
    ),
    "the rest of a share": (f"AVG({NOT_3}) AS m {WIDE}",),
    "a count less a condition": (f"COUNT(*) AS n, SUM({NOT_3}) AS m {WIDE}",),
    "boys, then girls": (f"COUNT(*) AS n {BOYS}", GIRLS_BUT),
    "boys and girls of all, then girls": (
        f"COUNT(*) AS n, SUM(CASE WHEN a.Gender = 'M' THEN 1 ELSE 0 END) AS m {OF_YEAR}",
        GIRLS_BUT,
    ),
    "girls, then boys and girls of all": (
        GIRLS_BUT,
        f"COUNT(*) AS n, SUM(CASE WHEN a.Gender = 'M' THEN 1 ELSE 0 END) AS m {OF_YEAR}",
    ),
    "girls, then a mean of all girls": (GIRLS_BUT, f"COUNT(*) AS n, AVG(a.IDACIScore) AS m {GIRLS}"),
    "girls by year, then their share": (
        f"a.NCyearActual, {GIRLS_BUT} GROUP BY a.NCyearActual",
        f"a.NCyearActual, AVG(CASE WHEN a.Gender = 'F' THEN 1.0 ELSE 0 END) AS m {OF_YEAR} GROUP BY a.NCyearActual",
    ),
    "rows with and without a value, with their totals": (
        f"a.LA, a.NCyearActual, COUNT(*) AS n, AVG(a.IDACIScore) AS m {BUT} GROUP BY ROLLUP (a.LA, a.NCyearActual)",
    ),
    "by gender, then by year group": (
        f"a.Gender, COUNT(*) AS n {OF_YEAR} GROUP BY a.Gender",
        f"a.NCyearActual, a.Gender, COUNT(*) AS n {BUT} GROUP BY a.NCyearActual, a.Gender",
    ),
    "a sum, then a deviation": (
        f"SUM(a.IDACIScore) AS n {GIRLS} AND {OTHERS}",
        f"STDDEV_SAMP(a.IDACIScore) AS s {GIRLS}",
    ),
    "girls, boys, then both": (
        f"COUNT(*) AS n {YEAR_3} AND a.Gender = 'F' AND {OTHERS}",
        f"COUNT(*) AS n {YEAR_3} AND a.Gender = 'M' AND {OTHERS}",
        f"a.Gender, COUNT(*) AS n {YEAR_3} AND {OTHERS} GROUP BY a.Gender",
    ),
}


@pytest.mark.parametrize("what", SERIES)
def test_invariant_9_a_series_shows_the_same_holes_for_nobody_one_and_nine(what: str) -> None:
    texts = tuple(f"-- output: t0\nSELECT {select}" for select in SERIES[what])
    seen = [brokers().ran(f"{few} in one area", texts) for few in FEW]
    assert seen[0].states == seen[1].states == seen[2].states
    for number, text in enumerate(texts):
        keys = text.partition(" GROUP BY ")[2].count(",") + (" GROUP BY " in text)
        patterns = [holes(rows_by_key(s.told.get(f"table {number} t0", ""), range(keys))) for s in seen]
        assert patterns[0] == patterns[1] == patterns[2]


def test_invariant_9_a_condition_near_a_reference_population_shows_the_same_holes() -> None:
    texts = (f"-- output: t0\nSELECT COUNT(*) AS n, {PRIMARY} AS m {OF_YEAR}",)
    seen = [brokers().ran(f"{few} in one area", texts) for few in FEW]
    assert_alike(seen, "table 0 t0", keys=0)
    assert len({s.told["table 0 t0"] for s in seen}) == 1


def test_invariant_9_figures_of_other_cells_stay() -> None:
    """A few are counted with the cells that they are missing from, not with those of another year group."""
    text = f"-- output: t0\n{BY_GENDER.format(of=BUT)}"
    found = [brokers().ran(f"{few} in one area", (text,)).told["table 0 t0"].splitlines() for few in FEW]
    others = [[line for line in lines if ",4," in line] for lines in found]
    assert others[1:] == others[:1] * 2


BY_YEAR, GIRLS_OF_3 = "GROUP BY a.NCyearActual", f"{YEAR_3} AND a.Gender = 'F'"
BOYS_BUT, BY_BOTH = f"{BOYS} AND {OTHERS}", "GROUP BY a.Gender, a.PHASE"
SCORE = "a.IDACIScore"
WITH_MEALS, WITHOUT = (f"{OF_YEAR} AND a.FSMeligible = {n}" for n in (1, 0))
SERIES_OF_WAYS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "a mean, the mean of all but a few, then the count": (
        "in one area",
        (
            f"a.NCyearActual, AVG({SCORE}) AS m {OF_YEAR} {BY_YEAR}",
            f"a.NCyearActual, AVG({SCORE}) AS m {BUT} {BY_YEAR}",
            f"COUNT({SCORE}) AS n {OF_YEAR}",
        ),
    ),
    "a total and a part that fix each other": (
        "in one area",
        (GIRLS_BUT, f"a.FSMeligible, COUNT(*) AS n {GIRLS_OF_3} GROUP BY a.FSMeligible",
         f"a.NCyearActual, COUNT(*) AS n {GIRLS} {BY_YEAR}"),
    ),
    "a total and a part that fix each other, then everybody but a part": (
        "in one area",
        (GIRLS_BUT, f"a.FSMeligible, COUNT(*) AS n {GIRLS_OF_3} GROUP BY a.FSMeligible",
         f"a.NCyearActual, COUNT(*) AS n {GIRLS} {BY_YEAR}",
         f"COUNT(*) AS n {OF_YEAR} AND (a.Gender = 'M' OR a.NCyearActual = '3')"),
    ),
    "another source, then two parts of everybody": (
        "of another source",
        (f"COUNT(*) AS n {WITH_MEALS.replace('spring_census', 'absence')}", f"COUNT(*) AS n {WITH_MEALS}",
         f"a.Gender, COUNT(*) AS n {WITHOUT} GROUP BY a.Gender"),
    ),
    "what a population leaves of rows": ("beside 9", (f"COUNT(*) AS n {GIRLS}", f"COUNT(*) AS n {BOYS_BUT}")),
    "what a population leaves of persons that count rows": (
        "beside 9", (f"COUNT(*) AS n {GIRLS}", f"{PERSONS} AS n {GIRLS}", f"{PERSONS} AS n {BOYS_BUT}")
    ),
    "rows by gender, then by both": (
        "beside 5",
        (f"COUNT(*) AS n {GIRLS}", f"COUNT(*) AS n {BOYS_BUT}", f"a.Gender, a.PHASE, COUNT(*) AS n {BUT} {BY_BOTH}"),
    ),
    "persons by gender, then by both": (
        "beside 5",
        (f"COUNT(*) AS n {GIRLS}", f"{PERSONS} AS n {GIRLS}", f"{PERSONS} AS n {BOYS_BUT}",
         f"a.Gender, a.PHASE, {PERSONS} AS n {BUT} {BY_BOTH}"),
    ),
    "values and rows": ("without a score", (f"a.LA, COUNT(*) AS n, COUNT({SCORE}) AS m {OF_YEAR} GROUP BY a.LA",)),
    "values, their sum and mean": (
        "without a score",
        (f"a.LA, COUNT({SCORE}) AS n, SUM({SCORE}) AS s, AVG({SCORE}) AS m {OF_YEAR} GROUP BY a.LA",),
    ),
    "rows and a condition, then rows of a part": (
        "twice",
        (
            f"a.Gender, COUNT(*) AS n, {PRIMARY} AS m {OF_YEAR} GROUP BY a.Gender",
            f"a.FSMeligible, COUNT(*) AS n {BOYS} GROUP BY a.FSMeligible",
        ),
    ),
    "a share, then persons of a part": (
        "twice",
        (
            f"a.Gender, AVG(CASE WHEN a.PHASE = 'PS' THEN 1.0 ELSE 0 END) AS m {OF_YEAR} GROUP BY a.Gender",
            f"a.FSMeligible, {PERSONS} AS n {BOYS} GROUP BY a.FSMeligible",
        ),
    ),
    "rows, then persons and rows by a part": (
        "beside 5", (f"COUNT(*) AS n {GIRLS}", f"a.PHASE, COUNT(*) AS n, {PERSONS} AS p {GIRLS} GROUP BY a.PHASE")
    ),
    "persons and rows, then both by a part": (
        "twice",
        (f"COUNT(*) AS n, {PERSONS} AS p {GIRLS}", f"a.PHASE, COUNT(*) AS n, {PERSONS} AS p {GIRLS} GROUP BY a.PHASE"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SERIES_OF_WAYS)
def test_invariant_9_a_series_of_near_tables_shows_the_same_holes_for_nobody_one_and_nine(what: str) -> None:
    change, selects = SERIES_OF_WAYS[what]
    texts = tuple(f"-- output: t0\nSELECT {select}" for select in selects)
    seen = [brokers().ran(f"{few} {change}", texts) for few in FEW]
    assert seen[0].states == seen[1].states == seen[2].states
    for number, select in enumerate(selects):
        keys = select.partition(" GROUP BY ")[2].count(",") + (" GROUP BY " in select)
        assert_alike(seen, f"table {number} t0", keys)
    figures = [s.told[f"table {len(selects) - 1} t0"].splitlines()[1:] for s in seen]
    assert_within_two_steps(*(rows_by_key("\n".join(["", *f]), range(keys)) for f in figures), keys=keys)


def assert_within_two_steps(*towns_seen: Mapping[tuple[str, ...], list[tuple[str, ...]]], keys: int) -> None:
    """Nine persons more move a count by two steps at most."""
    for key, rows in towns_seen[0].items():
        for other in towns_seen[1:]:
            for one, another in zip(rows[0][keys:], other[key][0][keys:], strict=True):
                assert one == another or abs(float(one) - float(another)) <= 10, (key, one, another)


BY_TWO, TWICE = "a.Gender, a.FSMeligible", "CROSS APPLY (VALUES (1), (2)) AS v (i)"
SUMS: Mapping[str, tuple[str, str]] = {
    "means by two keys of all but a few, and by one of all": (
        f"{BY_TWO}, AVG({SCORE}) AS m {BUT} GROUP BY {BY_TWO}",
        f"a.Gender, AVG({SCORE}) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "sums by two keys of all but a few, and by one of all": (
        f"{BY_TWO}, SUM({SCORE}) AS m {BUT} GROUP BY {BY_TWO}",
        f"a.Gender, SUM({SCORE}) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "means of all but a few, and sums of all": (
        f"a.Gender, AVG({SCORE}) AS m {BUT} GROUP BY a.Gender",
        f"a.Gender, SUM({SCORE}) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "means of all but a few, and twice the means of all": (
        f"a.Gender, AVG({SCORE}) AS m {BUT} GROUP BY a.Gender",
        f"a.Gender, AVG(2 * {SCORE}) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "a condition of all but a few, and sums of whoever meets it": (
        f"a.Gender, SUM(CASE WHEN a.FSMeligible = 1 THEN 1 ELSE 0 END) AS m {BUT} GROUP BY a.Gender",
        f"a.Gender, SUM(CASE WHEN a.FSMeligible = 1 THEN {SCORE} ELSE 0 END) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "sevenths of all but a few, and sixths of all": (
        f"a.Gender, SUM({SCORE} / 7.0) AS m {BUT} GROUP BY a.Gender",
        f"a.Gender, SUM({SCORE} / 6.0) AS m {OF_YEAR} GROUP BY a.Gender",
    ),
    "counts of all but a few, and of the rows of all made twice": (
        f"a.Gender, COUNT(*) AS m {BUT} GROUP BY a.Gender",
        f"a.Gender, COUNT(*) AS m {OF_YEAR.replace('AS a', f'AS a {TWICE}')} GROUP BY a.Gender",
    ),
}


@pytest.mark.parametrize("order", [1, -1], ids=["in this order", "the other way round"])
@pytest.mark.parametrize("what", SUMS)
def test_invariant_9_sums_that_differ_by_a_few_show_the_same_holes(what: str, order: int) -> None:
    """They count these persons, too, or leave them out: no hole tells in which cell they are."""
    texts = tuple(f"-- output: t0\nSELECT {select}" for select in SUMS[what][::order])
    with patch.object(known_populations, "populations_of_sources", lambda *_: []):
        seen = [brokers().ran(f"{few} in one area", texts) for few in FEW]
    assert seen[0].states == seen[1].states == seen[2].states
    for number, text in enumerate(texts):
        assert_alike(seen, f"table {number} t0", keys=text.partition(" GROUP BY ")[2].count(",") + 1)


def test_values_that_are_shown_as_rows_stay_equal_to_them() -> None:
    """A few have no score. Neither count tells of them."""
    change, (select,) = SERIES_OF_WAYS["values and rows"]
    seen = [brokers().ran(f"{few} {change}", (f"-- output: t0\nSELECT {select}",)) for few in FEW]
    assert len({s.told["table 0 t0"] for s in seen}) == 1


def test_an_equal_table_of_a_job_is_compared_as_it_left() -> None:
    """The second table of the job nearly is the first one, which left before."""
    by_phase = f"-- output: t0\nSELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE"
    by_area = f"-- output: t1\nSELECT a.LA, COUNT(*) AS n {OF_YEAR} AND a.PHASE <> 'XX' GROUP BY a.LA"
    seen = [brokers().ran(f"{few} few", (by_phase, f"{by_phase}\n;\n{by_area}")) for few in FEW]
    assert_alike(seen, "table 1 t1", keys=1)


def assert_alike(seen: Sequence[Seen], table: str, keys: int = 2) -> None:
    """Something is shown, by all in the same rows and columns."""
    patterns = [holes(rows_by_key(s.told.get(table, ""), range(keys))) for s in seen]
    assert patterns[0] == patterns[1] == patterns[2]
    assert any(not all(hidden[keys:]) for _, hidden in patterns[0])


SHOWN = (
    TEXTS["everybody"],
    TEXTS["everybody but a few"],
    f"SELECT COUNT(*) AS n, SUM(CASE WHEN a.NCyearActual = 'X' THEN 0 ELSE 1 END) AS m {OF_YEAR}",
)


@pytest.mark.parametrize("text", SHOWN)
def test_a_total_of_nearly_everybody_is_that_of_everybody(text: str) -> None:
    seen = [brokers().ran(f"{few} few", (f"-- output: t0\n{text}",)) for few in FEW]
    figures = [s.told["table 0 t0"].splitlines()[1].split(",") for s in seen]
    assert figures[0][0] == "495"
    assert figures[1:] == figures[:1] * 2
