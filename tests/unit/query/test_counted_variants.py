"""The rows whose people are counted, beside brute force: each way to meet a text by itself, and each way to fail one of
its conditions alone."""

from collections.abc import Callable, Iterator
from itertools import product

import duckdb
import pytest
from hypothesis import given, strategies as st

from broker.domain.plans.plan import CountedRows
from broker.policy.public_sizes import PublicSizes
from broker.query import SelectivityThreshold, compile_sql, render_counted
from tests.spec.query.query_kit import CATALOGUE, PROJECT, SERVICE

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


def counted(where: str, select: str = "COUNT(*) AS n") -> tuple[CountedRows, ...] | None:
    """None where the broker does not count."""
    text = f"SELECT {select} FROM npd.a AS a WHERE a.Y = '2017/2018' AND {where}"
    reach = SelectivityThreshold(PublicSizes(), LEAST)
    found = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=reach)
    assert found.plan is not None, found.refusals
    (output,) = found.plan.outputs
    return output.counted if all(part.counted for part in output.small_parts) else None


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """One person of each kind, by number."""
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA npd")
        table = CATALOGUE.table("npd.a")
        assert table is not None
        names = ", ".join(f'"{v.name}" VARCHAR' for v in table.variables)
        con.execute(f'CREATE TABLE npd.a ({names}, "__p" INTEGER)')
        for number, (sex, flag, score) in enumerate(PEOPLE):
            con.execute(
                'INSERT INTO npd.a ("Y", "Sex", "Flag", "Score", "__p") VALUES (?, ?, ?, ?, ?)',
                ["2017/2018", sex, str(flag), str(score), number],
            )
        con.execute('ALTER TABLE npd.a ALTER "Flag" TYPE BIGINT')
        con.execute('ALTER TABLE npd.a ALTER "Score" TYPE BIGINT')
        yield con


def people_in(con: duckdb.DuckDBPyConnection, rows: CountedRows) -> frozenset[Person]:
    """Who is counted: those without whom fewer are."""
    found = set()
    for number, person in enumerate(PEOPLE):
        con.execute("BEGIN")
        con.execute('DELETE FROM npd.a WHERE "__p" <> ?', [number])
        ((_, persons),) = con.execute(render_counted([rows], 1)).fetchall()
        con.execute("ROLLBACK")
        found |= {person} if persons else set()
    return frozenset(found)


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
def test_who_is_counted_is_selected_or_excluded(engine: duckdb.DuckDBPyConnection, where: str) -> None:
    """A selection is a part of the people of the text; whoever is excluded is none of them. Together they are all whom
    the text selects, and whoever fails it."""
    rows = counted(where)
    if not rows:
        return
    selected = {p for p in PEOPLE if holds(where, p)}
    inside, outside = set(), set()
    for one in rows:
        people = people_in(engine, one)
        if one.kept is None:
            assert people <= selected
            inside |= people
        else:
            assert not people & selected
            outside |= people
    assert inside == selected


@given(conditions=st.lists(st.sampled_from(sorted(LEAVES)), min_size=2, max_size=3, unique=True))
def test_whoever_fails_one_condition_alone_is_counted(engine: duckdb.DuckDBPyConnection, conditions: list[str]) -> None:
    on_score = sum("Score" in one for one in conditions)
    rows = counted(" AND ".join(conditions))
    if on_score > 1 or not rows:  # conditions on one variable are one
        return
    sets = [people_in(engine, one) for one in rows if one.kept is not None]
    for failing in conditions:
        alone = {p for p in PEOPLE if not LEAVES[failing](p) and all(LEAVES[c](p) for c in conditions if c != failing)}
        assert alone in [set(found) for found in sets], failing


CASES = {
    "a condition on one variable": ("a.Sex = 'M'", 0),
    "two variables: each selection, and each exclusion": ("a.Sex = 'M' AND a.Flag = 1", 3),
    "two codes: the rarest of them": ("a.Flag = 1 AND a.Score IN (1, 2)", 5),
    "a choice inside a comparison is not counted": ("CASE WHEN a.Flag = 1 THEN a.Score ELSE 1 END + 0 = 1", None),
    "two variables in one comparison are not counted": ("a.Score + a.Flag = 2", None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_counted(name: str) -> None:
    where, many = CASES[name]
    found = counted(where)
    assert (None if found is None else len(found)) == many
