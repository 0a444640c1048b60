"""Comparisons of two figures of a person are one variable more, whose people are counted. What could name a value of
each of the two is none."""

from collections.abc import Callable, Iterator

import duckdb
import pytest

from broker.domain.plans.plan import PlannedOutput
from broker.policy.public_sizes import PublicSizes
from broker.query import SelectivityThreshold, compile_sql, render_counted
from tests.spec.query.query_kit import CATALOGUE, PROJECT, SERVICE

Figures = tuple[int, int]
"""The sum of a person's scores, and the number of their rows."""
PEOPLE: dict[int, Figures] = {1: (0, 1), 2: (4, 1), 3: (5, 2), 4: (12, 3), 5: (20, 1), 6: (1, 4)}

COUNTED: dict[str, Callable[[int, int], bool]] = {
    "t.s >= t.n": lambda s, n: s >= n,
    "t.s >= 4 * t.n": lambda s, n: s >= 4 * n,
    "10 * t.n > t.s": lambda s, n: 10 * n > s,
    "1.0 * t.s / NULLIF(t.n, 0) < 2.5": lambda s, n: s / n < 2.5,
    "t.s - t.n >= 3": lambda s, n: s - n >= 3,
    "t.n + 3 <= t.s": lambda s, n: s - n >= 3,
    "t.s + t.n <= 5": lambda s, n: s + n <= 5,
    "NOT (t.s + t.n <= 5)": lambda s, n: s + n > 5,
}


def output(where: str, rows: bool = False, least: int = 2) -> PlannedOutput:
    derived = "(SELECT Key, SUM(Score) AS s, COUNT(*) AS n FROM npd.a WHERE Y = '2017/2018' GROUP BY Key) AS t"
    source = f"npd.a AS a WHERE a.Y = '2017/2018' AND {where}" if rows else f"{derived} WHERE {where}"
    text = f"SELECT COUNT(*) AS n FROM {source}"
    found = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=SelectivityThreshold(PublicSizes(), least))
    assert found.plan is not None, found.refusals
    (only,) = found.plan.outputs
    return only


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute('CREATE SCHEMA npd; CREATE TABLE npd.a ("Y" VARCHAR, "Key" VARCHAR, "Score" BIGINT, "__p" INTEGER)')
        for person, (total, many) in PEOPLE.items():
            for row in range(many):
                score = 0 if row else total
                con.execute("INSERT INTO npd.a VALUES ('2017/2018', ?, ?, ?)", [f"k{person}", score, person])
        yield con


@pytest.mark.parametrize("where", COUNTED)
def test_the_people_on_both_sides_are_counted(engine: duckdb.DuckDBPyConnection, where: str) -> None:
    found = output(where, least=100)
    assert found.small_parts
    assert all(part.counted for part in found.small_parts)
    met = {p for p, (s, n) in PEOPLE.items() if COUNTED[where](s, n)}
    persons = [n for _, n in engine.execute(render_counted(found.counted, 1)).fetchall()]
    assert persons == [len(met), len(PEOPLE) - len(met)]


@pytest.mark.parametrize("where", [
    "t.s = t.n", "t.s = 2 * t.n + 1", "t.s + 10 * t.n <= 21", "t.s - 2 * t.n >= 3", "t.s * t.n <= 4",
    "ABS(t.s - t.n) <= 1", "t.s % 2 >= t.n", "a.Score >= a.Flag", "a.Flag + a.LA <= 1", "a.Score - a.LA >= 1",
])  # fmt: skip
def test_what_could_name_values_of_two_goes_to_a_person(where: str) -> None:
    """So do variables `a` of rows, which have few values."""
    assert not all(part.counted for part in output(where, rows=where.startswith("a.")).small_parts)


def test_two_bounds_are_one_variable() -> None:
    """A difference between two numbers is counted as a whole, and a person has to be outside on either side."""
    found = output("t.s - t.n BETWEEN 3 AND 5")
    assert all(part.counted for part in found.small_parts)
    assert len(found.counted) == 3  # those between, those below, those above
