"""The comparison with the release history makes no hole that depends on a few persons: tables of nearly everybody of a
known population show the same rows and the same holes for nobody, one and nine, and counts that add up to it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest

from broker.workflow.release_history import known_populations
from tests.attacks.decoders.end_to_end import Brokers, Seen
from tests.attacks.decoders.judges import holes, rows_by_key
from tests.attacks.decoders.towns import KEY, YEAR, Child, Way, build_town, lasting_folder, without_cap

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


Change = Callable[[Any, Sequence[tuple[int, int]], int], None]
"""Of a tidy town with some schools, and of how many pupils."""


def of_primary_pupils(change: str) -> Change:
    some = f"WHERE {KEY} IN (SELECT {KEY} FROM {CENSUS} WHERE PHASE = 'PS' ORDER BY 1 LIMIT"
    return lambda con, schools, few: con.execute(f"{change} {some} {few})")


def one_area(con: Any, schools: Sequence[tuple[int, int]], few: int) -> None:
    """One local authority with two year groups, of which the third has mostly girls. A few of its pupils are of a rare
    group, and no other pupil is."""
    con.execute(f"UPDATE {CENSUS} SET LA = {schools[0][1]}, NCyearActual = '4', PHASE = 'SS'")
    con.execute(f"UPDATE {CENSUS} SET NCyearActual = '3', PHASE = 'PS' WHERE URN = {schools[0][0]}")
    boys = f"SELECT {KEY} FROM {CENSUS} WHERE NCyearActual = '3' ORDER BY 1 DESC LIMIT 20"
    gender = f"CASE WHEN {KEY} IN ({boys}) THEN 'M' ELSE 'F' END"
    con.execute(f"UPDATE {CENSUS} SET Gender = {gender} WHERE NCyearActual = '3'")
    con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WOTH' WHERE EthnicGroupMinor = 'WIRT'")
    some = f"SELECT {KEY} FROM {CENSUS} WHERE NCyearActual = '3' ORDER BY 1 LIMIT {few}"
    con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WIRT', PHASE = 'SS' WHERE {KEY} IN ({some})")


def rare_boys(rare: int) -> Change:
    """So many boys are of a rare group, and a few girls have two rows."""

    def changed(con: Any, schools: Sequence[tuple[int, int]], few: int) -> None:
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WOTH' WHERE EthnicGroupMinor = 'WIRT'")
        boys, girls = (f"SELECT {KEY} FROM {CENSUS} WHERE Gender = '{g}' AND PHASE = 'PS' ORDER BY 1" for g in "MF")
        con.execute(f"UPDATE {CENSUS} SET EthnicGroupMinor = 'WIRT' WHERE {KEY} IN ({boys} LIMIT {rare})")
        con.execute(f"INSERT INTO {CENSUS} FROM {CENSUS} WHERE {KEY} IN ({girls} LIMIT {few})")

    return changed


def without_score(con: Any, schools: Sequence[tuple[int, int]], few: int) -> None:
    """A few have no score."""
    con.execute(f"UPDATE {CENSUS} SET IDACIScore = 0.2 WHERE IDACIScore IS NULL")
    of_primary_pupils(f"UPDATE {CENSUS} SET IDACIScore = NULL")(con, schools, few)


def of_another_source(con: Any, schools: Sequence[tuple[int, int]], few: int) -> None:
    """The absence data have the pupils of the census, those with free meals, and a few others."""
    absence = f"absence_{YEAR}"
    con.execute(f"DELETE FROM {absence} WHERE rowid NOT IN (SELECT min(rowid) FROM {absence} GROUP BY {KEY})")
    for one, other in ((absence, CENSUS), (CENSUS, absence)):
        con.execute(f"DELETE FROM {one} WHERE {KEY} IS NULL OR {KEY} NOT IN (SELECT {KEY} FROM {other})")
    con.execute(f"UPDATE {CENSUS} SET FSMeligible = (hash({KEY}) % 3 = 0)::INT")
    con.execute(f"UPDATE {absence} SET FSMeligible = c.FSMeligible FROM {CENSUS} c WHERE c.{KEY} = {absence}.{KEY}")
    others = f"SELECT * REPLACE ('OTHER' || row_number() OVER (ORDER BY {KEY}) AS {KEY}) FROM {absence}"
    con.execute(f"INSERT INTO {absence} {others} WHERE FSMeligible = 1 ORDER BY {KEY} LIMIT {few}")


AT_TWO_SCHOOLS = f"INSERT INTO {CENSUS} SELECT * REPLACE ((SELECT max(URN) FROM places) AS URN) FROM {CENSUS}"
ROWS: Mapping[str, Change] = {
    "few": of_primary_pupils(f"UPDATE {CENSUS} SET PHASE = 'XX', NCyearActual = 'X'"),
    "twice": of_primary_pupils(f"INSERT INTO {CENSUS} FROM {CENSUS}"),
    "at two schools": of_primary_pupils(AT_TWO_SCHOOLS),
}
CHANGES = ROWS | {
    "in one area": one_area, "without a score": without_score, "beside 5": rare_boys(5), "beside 9": rare_boys(9),
    "of another source": of_another_source,
}  # fmt: skip


def way(change: Change, few: int) -> Way:
    def changed(con: Any, child: Child, schools: Sequence[tuple[int, int]]) -> None:
        tidy(con)
        change(con, schools, few)

    return changed


WAYS = {f"{few} {what}": way(change, n) for few, n in FEW.items() for what, change in CHANGES.items()}


@cache
def brokers() -> Brokers:
    """One town for all tests here."""
    folder = lasting_folder("history-holes")
    return Brokers(without_cap(build_town(folder, SEED, PUPILS, WAYS)), folder / "brokers")


def seen_in(change: str, selects: Sequence[str]) -> list[Seen]:
    """What is seen of jobs one after the other in the towns of nobody, one and nine: in all of them the same states,
    rows and holes, and something is shown in each table."""
    texts = tuple(f"-- output: t0\nSELECT {select}" for select in selects)
    seen = [brokers().ran(f"{few} {change}", texts) for few in FEW]
    assert seen[0].states == seen[1].states == seen[2].states
    for number, select in enumerate(selects):
        patterns = [holes(table_of(s, number, select)) for s in seen]
        assert patterns[0] == patterns[1] == patterns[2]
        assert any(not all(hidden[keys_of(select) :]) for _, hidden in patterns[0]) or select in HIDDEN
    return seen


def keys_of(select: str) -> int:
    return len(select.partition(" GROUP BY ")[2].split(",")) if " GROUP BY " in select else 0


def table_of(seen: Seen, number: int, select: str) -> Mapping[tuple[str, ...], list[tuple[str, ...]]]:
    return rows_by_key(seen.told.get(f"table {number} t0", ""), range(keys_of(select)))


OF_YEAR = "FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019'"
OTHERS, SCORE = "a.EthnicGroupMinor <> 'WIRT'", "a.IDACIScore"
PRIMARY = "SUM(CASE WHEN a.PHASE = 'PS' THEN 1 ELSE 0 END)"
BY_CELL, BUT = "GROUP BY a.LA, a.NCyearActual", f"{OF_YEAR} AND {OTHERS}"
BY_GENDER = f"a.LA, a.NCyearActual, a.Gender, COUNT(*) AS n {{of}} {BY_CELL}, a.Gender"
PERSONS = f"COUNT(DISTINCT a.{KEY})"
ROWS_AND_PERSONS: Mapping[str, tuple[str, ...]] = {
    "everybody": (f"COUNT(*) AS n {OF_YEAR}",),
    "everybody but a few": (f"COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X'",),
    "everybody by a code that all have": (f"a.LA, COUNT(*) AS n {OF_YEAR} GROUP BY a.LA",),
    "everybody by a code that a few have": (f"a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE",),
    "the same with the total": (f"a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY ROLLUP (a.PHASE)",),
    "everybody but a few by a code": (f"a.LA, COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X' GROUP BY a.LA",),
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
        f"a.LA, COUNT(*) AS n, {PRIMARY} AS m {OF_YEAR} GROUP BY a.LA",
        f"a.LA, COUNT(DISTINCT CASE WHEN a.PHASE = 'PS' THEN a.{KEY} END) AS m {OF_YEAR} GROUP BY a.LA",
    ),
}


@pytest.mark.parametrize("change", ROWS)
@pytest.mark.parametrize("what", ROWS_AND_PERSONS)
def test_invariant_9_holes_of_rows_and_persons_are_the_same_for_nobody_one_and_nine(what: str, change: str) -> None:
    seen_in(change, ROWS_AND_PERSONS[what])


YEAR_3, GIRLS, BOYS = (f"{OF_YEAR} AND {c}" for c in ("a.NCyearActual = '3'", "a.Gender = 'F'", "a.Gender = 'M'"))
SHARE_OF_MEALS = "AVG(CASE WHEN a.FSMeligible = 1 THEN 1.0 ELSE 0 END)"
NOT_3 = "CASE WHEN a.NCyearActual <> '3' OR a.EthnicGroupMinor = 'WIRT' THEN 1.0 ELSE 0 END"
WIDE = f"{OF_YEAR} AND (a.NCyearActual = '3' OR a.Gender = 'F')"
GIRLS_BUT = f"COUNT(*) AS n {GIRLS} AND {OTHERS}"
SERIES: Mapping[str, tuple[str, ...]] = {
    "a cell of a reference population": (f"a.LA, a.NCyearActual, COUNT(*) AS n {BUT} {BY_CELL}",),
    "several that make it up": (BY_GENDER.format(of=BUT),),
    "several measures": (
        f"""a.LA, a.NCyearActual, AVG({SCORE}) AS s, AVG(CASE WHEN a.Gender = 'F' THEN 1.0 ELSE 0 END) AS p,
        {PERSONS} AS q {BUT} {BY_CELL}""",
    ),
    "by the code itself": (
        f"a.LA, a.NCyearActual, a.EthnicGroupMinor, COUNT(*) AS n {OF_YEAR} {BY_CELL}, a.EthnicGroupMinor",
    ),
    "by another code": (f"a.LA, a.NCyearActual, a.PHASE, COUNT(*) AS n {OF_YEAR} {BY_CELL}, a.PHASE",),
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


HIDDEN = {""}
"""Tables of which nothing is shown."""


@pytest.mark.parametrize("what", SERIES)
def test_invariant_9_a_series_shows_the_same_holes_for_nobody_one_and_nine(what: str) -> None:
    seen_in("in one area", SERIES[what])


def test_invariant_9_figures_of_other_cells_stay() -> None:
    """A few are counted with the cells that they are missing from, not with those of another year group."""
    found = [s.told["table 0 t0"].splitlines() for s in seen_in("in one area", SERIES["several that make it up"])]
    others = [[line for line in lines if ",4," in line] for lines in found]
    assert others[1:] == others[:1] * 2


BY_YEAR, GIRLS_OF_3 = "GROUP BY a.NCyearActual", f"{YEAR_3} AND a.Gender = 'F'"
BOYS_BUT, BY_BOTH = f"{BOYS} AND {OTHERS}", "GROUP BY a.Gender, a.PHASE"
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
    """And nine persons more move a count of the last one by two steps at most."""
    change, selects = SERIES_OF_WAYS[what]
    keys, (nobody, *more) = keys_of(selects[-1]), seen_in(change, selects)
    rows, *others = (table_of(s, len(selects) - 1, selects[-1]) for s in (nobody, *more))
    for (key, (row,)), other in product(rows.items(), others):
        for one, another in zip(row[keys:], other[key][0][keys:], strict=True):
            assert one == another or abs(float(one) - float(another)) <= 10, (key, one, another)


BY_TWO, TWICE = "a.Gender, a.FSMeligible", "CROSS APPLY (VALUES (1), (2)) AS v (i)"
SUMS: Mapping[str, tuple[str, str]] = {
    "counts of all, and of all but a few": (BY_GENDER.format(of=OF_YEAR), BY_GENDER.format(of=BUT)),
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
    """Tables of all and of all but a few: no hole tells in which cell these persons are."""
    with patch.object(known_populations, "populations_of_sources", lambda *_: []):
        seen_in("in one area", SUMS[what][::order])


SAME: Mapping[str, tuple[str, str]] = {
    "everybody": ("few", f"COUNT(*) AS n {OF_YEAR}"),
    "everybody but a few": ("few", f"COUNT(*) AS n {OF_YEAR} AND a.NCyearActual <> 'X'"),
    "everybody and a condition": (
        "few", f"COUNT(*) AS n, SUM(CASE WHEN a.NCyearActual = 'X' THEN 0 ELSE 1 END) AS m {OF_YEAR}"
    ),
    "a condition near a reference population": ("in one area", f"COUNT(*) AS n, {PRIMARY} AS m {OF_YEAR}"),
    "values that are shown as rows": ("without a score", SERIES_OF_WAYS["values and rows"][1][0]),
}  # fmt: skip


@pytest.mark.parametrize("what", SAME)
def test_a_total_of_nearly_everybody_is_that_of_everybody(what: str) -> None:
    """And a number of values is that of rows, where a few have none."""
    change, select = SAME[what]
    (table,) = {s.told["table 0 t0"] for s in seen_in(change, (select,))}
    assert change != "few" or table.splitlines()[1].startswith("495")


def test_an_equal_table_of_a_job_is_compared_as_it_left() -> None:
    """The second table of the job nearly is the first one, which left before."""
    by_phase = f"-- output: t0\nSELECT a.PHASE, COUNT(*) AS n {OF_YEAR} GROUP BY a.PHASE"
    by_area = f"-- output: t1\nSELECT a.LA, COUNT(*) AS n {OF_YEAR} AND a.PHASE <> 'XX' GROUP BY a.LA"
    seen = [brokers().ran(f"{few} few", (by_phase, f"{by_phase}\n;\n{by_area}")) for few in FEW]
    patterns = [holes(rows_by_key(s.told["table 1 t1"], [0])) for s in seen]
    assert patterns[0] == patterns[1] == patterns[2]
    assert any(not hidden[1] for _, hidden in patterns[0])
