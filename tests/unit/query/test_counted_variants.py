"""The rows whose people are counted, beside brute force: each way to meet a text by itself, and each way to fail one of
its conditions alone."""

# ruff: noqa: E501 - one text a line reads as a table

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, strategies as st

from broker.domain.plans.plan import CountedRows
from broker.policy.files import load_policies
from broker.policy.public_sizes import PublicSizes
from broker.query import SelectivityThreshold, compile_sql, render_counted
from tests.spec.query.query_kit import CATALOGUE, PROJECT, SERVICE

POLICIES = load_policies(Path(__file__).parents[3] / "policies")
Person = tuple[str, int, int]
"""Sex, Flag, Score."""
PEOPLE: list[Person] = list(product(("M", "F"), (0, 1), (1, 2, 3)))
LEAST = 30

LEAVES: dict[str, Callable[[Person], bool]] = {
    "a.Sex = 'M'": lambda p: p[0] == "M",
    "a.Flag = 1": lambda p: p[1] == 1,
    "a.Score <= 1": lambda p: p[2] <= 1,
    "a.Score IN (1, 3)": lambda p: p[2] in (1, 3),
}


@cache
def counted(where: str, select: str = "COUNT(*) AS n") -> tuple[CountedRows, ...] | None:
    """None where the broker does not count."""
    text = f"SELECT {select} FROM npd.a AS a WHERE a.Y = '2017/2018' AND {where}"
    reach = SelectivityThreshold(PublicSizes(), LEAST)
    found = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=reach)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    return output.counted if all(part.counted for part in output.small_parts) else None


Engine = duckdb.DuckDBPyConnection
COLUMNS = '"Y" VARCHAR, "Key" VARCHAR, "LA" VARCHAR, "Sex" VARCHAR, "Flag" BIGINT, "Score" BIGINT, "__p" INTEGER'


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Of each kind of person a schema where only they are, by number; and `npd`, where nobody is."""
    with duckdb.connect() as con:
        con.execute("PRAGMA disable_optimizer")  # of a table of one row, it takes most of the time
        for schema in ("npd", *(f"only_{number}" for number in range(len(PEOPLE)))):
            con.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.a ({COLUMNS})")
        for number, (sex, flag, score) in enumerate(PEOPLE):
            con.execute(f"INSERT INTO only_{number}.a VALUES ('2017/2018', NULL, NULL, '{sex}', {flag}, {score}, 0)")
        yield con


def people_in(con: Engine, rows: Sequence[CountedRows]) -> list[set[Person]]:
    """Who is counted in each: those who are counted where nobody else is."""
    found = [set[Person]() for _ in rows]
    text = render_counted(rows, 1)
    for number, person in enumerate(PEOPLE):
        alone = text.replace('"npd"."a"', f"only_{number}.a")
        for of, persons in con.execute(alone).fetchall():
            found[of] |= {person} if persons else set()
    return found


FORMULAS = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} AND {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})"),
        inner.map(lambda one: f"NOT ({one})"),
    ),
    max_leaves=4,
)


def holds(formula: str, person: Person) -> bool:
    """A formula as Python reads it."""
    for text, leaf in LEAVES.items():
        formula = formula.replace(text, str(leaf(person)))
    return bool(eval(formula.replace("AND", "and").replace("OR", "or").replace("NOT", "not")))


@given(where=FORMULAS)
def test_who_is_counted_is_selected_or_excluded(engine: Engine, where: str) -> None:
    """A selection is a part of the people of the text; whoever is excluded is none of them. Together they are all whom
    the text selects, and whoever fails it."""
    rows = counted(where)
    if not rows:
        return
    selected = {p for p in PEOPLE if holds(where, p)}
    inside, outside = set(), set()
    for one, people in zip(rows, people_in(engine, rows), strict=True):
        if one.kept is None:
            assert people <= selected
            inside |= people
        else:
            assert not people & selected
            outside |= people
    assert inside == selected


def some_of(conditions: Iterable[str], *sizes: int) -> list[tuple[str, ...]]:
    return [found for size in sizes for found in combinations(conditions, size)]


OF_SEVERAL_VARIABLES = [c for c in some_of(LEAVES, 2, 3) if sum("Score" in one for one in c) < 2]


@pytest.mark.parametrize("conditions", OF_SEVERAL_VARIABLES)
def test_whoever_fails_one_condition_alone_is_counted(engine: Engine, conditions: tuple[str, ...]) -> None:
    rows = counted(" AND ".join(conditions))
    assert rows
    sets = people_in(engine, [one for one in rows if one.kept is not None])
    for failing in conditions:
        alone = {p for p in PEOPLE if not LEAVES[failing](p) and all(LEAVES[c](p) for c in conditions if c != failing)}
        assert alone in sets, failing


OF_THREE = ["a.Flag = 1", "a.Score <= 1", "a.Sex = 'M'"]


@pytest.mark.parametrize("further", some_of(OF_THREE, 2, 3))
@pytest.mark.parametrize("around", some_of(OF_THREE, 0, 1, 2))
def test_the_people_between_two_figures_are_counted(engine: Engine, around, further) -> None:
    """Where a figure stands beside one that has more conditions: whom each further condition leaves out."""
    where = " AND ".join(["1 = 1", *around])
    rows = counted(where, f"COUNT(*) AS n, COUNT(CASE WHEN {' AND '.join(further)} THEN 1 END) AS m")
    assert rows
    sets = people_in(engine, rows)
    whole = [p for p in PEOPLE if all(LEAVES[c](p) for c in around)]
    for failing in set(further) - set(around):
        left = {p for p in whole if not LEAVES[failing](p)}
        assert left in sets, failing


HAS_ROWS = (
    "EXISTS (SELECT 1 FROM npd.b AS b WHERE b.Key = a.Key AND b.Y = '2017/2018' AND (b.Kind = 'X' OR b.Days = 3))"
)


def test_an_exists_that_has_to_hold_is_divided() -> None:
    """By its alternatives, as the same conditions on the person's own row are."""
    found, on_row = counted(f"a.Sex = 'M' AND {HAS_ROWS}"), counted("a.Sex = 'M' AND (a.Flag = 1 OR a.Score = 3)")
    assert found
    assert on_row
    assert len(found) > len(on_row), "and those who have no such row"


@pytest.mark.parametrize(("what", "where", "many"), [
    ("a condition on one variable", "a.Sex = 'M'", 0),
    ("two variables: the selection, and each exclusion", "a.Sex = 'M' AND a.Flag = 1", 3),
    ("two codes: each of them", "a.Flag = 1 AND a.Score IN (1, 2)", 5),
    ("one condition twice", "a.Sex = 'M' AND a.Flag = 1 AND a.Flag = 1", 3),
    ("alternatives: each whole, each alone, neither", "(a.Sex = 'M' OR a.Flag = 1)", 7),
])  # fmt: skip
def test_how_many_variants(what: str, where: str, many: int) -> None:
    found = counted(where)
    assert found is not None
    assert len(found) == many, what


def rows_of(con: Engine, rows: list[tuple[str, str, int, int]], text: str) -> list[int]:
    """The people of each of the counted rows, where (year, sex, flag, person) are all rows. Three are enough."""
    reach = SelectivityThreshold(PublicSizes(), 3)
    found = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=reach)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    assert output.counted
    con.execute("BEGIN")
    con.executemany(
        'INSERT INTO npd.a ("Y", "Sex", "Flag", "__p", "Key") VALUES (?, ?, ?, ?, ?)', [[*r, str(r[3])] for r in rows]
    )
    persons = [n for _, n in con.execute(render_counted(output.counted, 1)).fetchall()]
    con.execute("ROLLBACK")
    return persons


YEAR = "2017/2018"
IN_A_YEAR = f"SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.Y = '{YEAR}' AND a.Sex = 'M' AND a.Flag = 1"
EACH_WAY = [
    (YEAR, sex, flag, 10 * number + person)
    for number, (sex, flag) in enumerate(product("MF", (0, 1)))
    for person in range(3)
]


def test_who_has_another_row_is_not_left_out(engine: Engine) -> None:
    """Enough people are there each way. One of the three boys without a mark has it in another row."""
    assert rows_of(engine, EACH_WAY, IN_A_YEAR) == [3, 3, 3]
    boy = next(p for _, sex, flag, p in EACH_WAY if (sex, flag) == ("M", 0))
    assert sorted(rows_of(engine, [*EACH_WAY, (YEAR, "M", 1, boy)], IN_A_YEAR)) == [2, 3, 3]


IN_TWO_YEARS = "SELECT a.Y, COUNT(*) AS n FROM npd.a AS a WHERE a.Y IN ('2017/2018', '2018/2019') AND a.Sex = 'M' AND a.Flag = 1 GROUP BY a.Y"


def test_each_year_has_enough_people(engine: Engine) -> None:
    later = [("2018/2019", sex, flag, p + 100) for _, sex, flag, p in EACH_WAY]
    assert rows_of(engine, [*EACH_WAY, *later], IN_TWO_YEARS) == [3, 3, 3]
    one_left_out = [r for r in later if r[1:3] != ("M", 0)] + [("2018/2019", "M", 0, 999)]
    assert sorted(rows_of(engine, [*EACH_WAY, *one_left_out], IN_TWO_YEARS)) == [1, 3, 3]
    nobody = [r for r in later if r[1:3] != ("M", 0)]
    assert sorted(rows_of(engine, [*EACH_WAY, *nobody], IN_TWO_YEARS)) == [0, 3, 3]


STACKED = f"""SELECT t.k, COUNT(*) AS n FROM (SELECT 'x' AS k, a.LA AS la FROM npd.a AS a WHERE a.Y = '{YEAR}' AND a.Sex = 'M' AND a.Flag = 1
UNION ALL SELECT 'y', a.LA FROM npd.a AS a WHERE a.Y = '2018/2019') AS t GROUP BY t.k"""


def test_branches_of_a_union_are_counted_apart(engine: Engine) -> None:
    """Who is in the other branch does not hide that one person is selected."""
    one = [r for r in EACH_WAY if r[1:3] != ("M", 1)] + [(YEAR, "M", 1, 999)]
    others = [("2018/2019", "F", 0, p) for p in range(200, 260)]
    assert 1 in rows_of(engine, [*one, *others], STACKED)


BOTH = "SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.Y = '2017/2018' AND {}"
OF_OTHERS = "SELECT 1 FROM npd.b AS b WHERE b.Key = a.Key AND b.Y = '2017/2018' AND {}"
EITHER, BOTH_OF_OTHERS = (OF_OTHERS.format(c) for c in ("(b.Kind = 'X' OR b.Days = 3)", "b.Kind = 'X' AND b.Days = 3"))
PERSON = {
    "a choice in a comparison": BOTH.format("a.Sex = 'M' AND CASE WHEN a.Flag = 1 THEN a.Score ELSE 1 END + 0 = 1"),
    "a limit in a comparison": BOTH.format("a.Sex = 'M' AND COALESCE(a.Score, 1) + 0 = 1"),
    "arithmetic with one variable": BOTH.format("a.Sex = 'M' AND a.Score % 2 = 1"),
    "part of a text": BOTH.format("a.Flag = 1 AND a.Sex LIKE 'M%'"),
    "two variables in one comparison": BOTH.format("a.Flag = 1 AND a.Score + a.LA = 2"),
    "two variables with few values": BOTH.format("a.Sex = 'M' AND a.LA <= a.Flag"),
    "a key of a public table without a list": "SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019' AND a.LA = 336 AND a.OnRoll = 1 AND a.FSMeligible = 1",
    "a school": "SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019' AND a.URN <> 100001 AND a.FSMeligible = 1",
    "an area, by its public table": "SELECT COUNT(*) AS n FROM npd.spring_census AS a JOIN ref.schools AS s ON s.URN = a.URN WHERE a.AcademicYear = '2018/2019' AND s.LA = 336 AND a.FSMeligible = 1",
    "a school that nobody is in": "SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019' AND a.FSMeligible = 1 AND NOT EXISTS (SELECT 1 FROM npd.absence AS b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2018/2019' AND b.URN = 100001)",
    "EXISTS with alternatives, among alternatives": BOTH.format(f"(a.Sex = 'M' OR EXISTS ({EITHER}))"),
    "EXISTS with alternatives, in no row": BOTH.format(f"a.Sex = 'M' AND NOT EXISTS ({EITHER})"),
    "EXISTS in a CASE": f"SELECT SUM(CASE WHEN a.Sex = 'M' AND EXISTS ({BOTH_OF_OTHERS}) THEN 1 ELSE 0 END) AS n FROM npd.a AS a WHERE a.Y = '2017/2018'",
    "EXISTS of listed codes in a CASE": f"SELECT SUM(CASE WHEN a.Sex = 'M' AND EXISTS ({OF_OTHERS.format('b.Days IN (1, 2)')}) THEN 1 ELSE 0 END) AS n FROM npd.a AS a WHERE a.Y = '2017/2018'",
    "years among alternatives": "SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.Y IN ('2017/2018', '2018/2019') AND (a.Flag = 1 OR (a.Sex = 'M' AND a.Y = '2017/2018'))",
    "a group by what is made of the year": "SELECT t.y, COUNT(*) AS n FROM (SELECT a.Key, LEFT(a.Y, 4) AS y, MAX(a.Score) AS s FROM npd.a AS a WHERE a.Y IN ('2017/2018', '2018/2019') AND a.Sex = 'M' AND a.Flag = 1 GROUP BY a.Key, LEFT(a.Y, 4)) AS t GROUP BY t.y",
    "own figures of two variables": "SELECT COUNT(*) AS n FROM (SELECT a.Key, MAX(a.Sex) AS x, MAX(CASE WHEN a.Flag = 1 THEN a.Score END) AS s FROM npd.a AS a WHERE a.Y = '2017/2018' GROUP BY a.Key) AS t WHERE t.x = 'M' AND t.s = 2",
    "own figures over a union": "SELECT COUNT(*) AS n FROM (SELECT u.k, MAX(u.s) AS s, MAX(u.x) AS x FROM (SELECT a.Key AS k, a.Score AS s, a.Sex AS x FROM npd.a AS a WHERE a.Y = '2017/2018' UNION ALL SELECT a.Key, a.Score, a.Sex FROM npd.a AS a WHERE a.Y = '2018/2019') AS u GROUP BY u.k) AS t WHERE t.x = 'M' AND t.s = 2",
    "text of two variables, beside a counted condition": "SELECT CONCAT(a.Sex, a.Score) AS k, COUNT(*) AS n FROM npd.a AS a WHERE a.Y = '2017/2018' AND a.Sex = 'M' AND a.Flag = 1 GROUP BY CONCAT(a.Sex, a.Score)",
    "conditions on other people": "SELECT COUNT(*) AS n FROM npd.a AS a JOIN (SELECT b.LA, COUNT(*) AS m FROM npd.a AS b WHERE b.Y = '2017/2018' AND b.Sex = 'M' AND b.Flag = 1 GROUP BY b.LA) AS s ON s.LA = a.LA WHERE a.Y = '2017/2018' AND a.Sex = 'M' AND a.Score = 2",
    "other people's figures": "SELECT COUNT(*) AS n FROM npd.a AS a JOIN (SELECT b.LA, AVG(1.0 * b.Score) AS m FROM npd.a AS b WHERE b.Y = '2017/2018' AND b.Sex = 'M' AND b.Flag = 1 GROUP BY b.LA) AS s ON s.LA = a.LA WHERE a.Y = '2017/2018' AND s.m > 3 AND a.Sex = 'M'",
}
"""Nothing of these is counted."""


@pytest.mark.parametrize("text", PERSON.values(), ids=PERSON)
def test_what_goes_to_a_person_whatever_the_data_are(text: str) -> None:
    is_of_shipped = "npd.spring_census" in text
    project = POLICIES.project("P0421") if is_of_shipped else PROJECT
    assert project is not None
    catalogue, reach = POLICIES.catalogue if is_of_shipped else CATALOGUE, SelectivityThreshold(PublicSizes(), LEAST)
    found = compile_sql(text, "tsql", catalogue, project, SERVICE, 10, reach=reach)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    assert output.small_parts
    assert not output.counted
    assert set(found.review) >= {part.placed for part in output.small_parts}


@pytest.mark.parametrize("path", ["a.Flag = 1 AND a.Score = 2", "a.Flag IN (0, 1) AND (a.Score = 2 OR a.Sex = 'M')"])
def test_a_path_of_a_case_is_divided_as_a_filter_is(path: str) -> None:
    """Of conditions together, and with an alternative on the path."""
    inside, outside = counted(path), counted("a.LA = 1", f"SUM(CASE WHEN {path} THEN 1 ELSE 0 END) AS n")
    assert inside
    assert outside
    assert len(outside) > len(inside), "those of the path, and those of the rest"


def test_two_figures_that_differ_by_few_go_to_a_person() -> None:
    """Also where the people of each are counted."""
    figures = ("a.Sex = 'M' AND a.Score BETWEEN 1 AND 3", "a.Sex = 'M' AND a.Score BETWEEN 2 AND 3")
    columns = ", ".join(f"SUM(CASE WHEN {one} THEN 1 ELSE 0 END) AS n{i}" for i, one in enumerate(figures))
    assert counted("a.LA = 1", columns) is None
