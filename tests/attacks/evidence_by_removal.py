"""The influence of one person on the cells of a query, against the evidence: each query runs again without the person.
No queries are made here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.query.sql.person_evidence import EVIDENCE_FIELDS, PersonEvidence
from tests.attacks.evidence_shapes import World
from tests.oracles.whole_statement import render
from tests.spec.query.query_kit import CATALOGUE

OWN = frozenset(
    {Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.GAP, Measure.ONES, Measure.SUM}
)
"""Measures to which each person adds an amount of their own: whoever stands behind one changes it."""
NEEDS = EvidenceNeeds(1)
Keys = tuple[Any, ...]
Place = tuple[int, Keys, int, str]
"""A table of the output, a cell of it, a statistic of that, and which of its figures: its value, or
of a share the counts of ones and of the rest."""
ONES, REST = "ones", "rest"


@dataclass(frozen=True)
class RemovalEvidence:
    """By place the figure of a statistic, how many persons are said to stand behind it, and who they are."""

    figures: dict[Place, Any]
    counted: dict[Place, int]
    behind: dict[Place, frozenset[int]]


def evidence_of(con: duckdb.DuckDBPyConnection, tables: Sequence[PlannedTable], who: bool = True) -> RemovalEvidence:
    figures: dict[Place, Any] = {}
    counted: dict[Place, int] = {}
    behind: dict[Place, set[int]] = {}
    for number, table in enumerate(tables):
        for keys, row in _rows(con, render(table, NEEDS), table):
            for place, value, persons in _figures(number, keys, table, row):
                figures[place], counted[place] = value, persons
        for keys, row in _rows(con, _by_person(table), table) if who else ():
            for place, _, stands in _figures(number, keys, table, row):
                if stands:
                    behind.setdefault(place, set()).add(row["p"])
    return RemovalEvidence(figures, counted, {k: frozenset(v) for k, v in behind.items()})


def _by_person(table: PlannedTable) -> str:
    """The statement with a row for each cell and person, in which each count of persons is 0 or 1."""
    people = PersonEvidence(table, NEEDS.min_persons)
    keys = [*(f"k{i}" for i in range(len(table.keys))), "p"]
    columns = [*keys, *(f"{t} AS s{s.ident}_{n}" for s in table.statistics for n, t in people.fields(s))]
    parts, by = ",\n".join(people.common_tables()), ", ".join(keys)
    return f"WITH {parts}\nSELECT {', '.join(columns)} FROM people WHERE p IS NOT NULL GROUP BY {by}"


def _figures(number: int, keys: Keys, table: PlannedTable, row: dict[str, Any]) -> Iterator[tuple[Place, Any, int]]:
    for s in table.statistics:
        one = f"s{s.ident}_"
        if s.measure is not Measure.SHARE:
            yield (number, keys, s.ident, "value"), row[f"{one}value"], row[f"{one}persons"]
        if REST in EVIDENCE_FIELDS[s.measure]:
            yield (number, keys, s.ident, ONES), row[f"{one}rows"], row[f"{one}persons"]
            yield (number, keys, s.ident, REST), row[f"{one}rest_rows"], row[f"{one}rest"]


def _rows(con: duckdb.DuckDBPyConnection, text: str, table: PlannedTable) -> Iterator[tuple[Keys, dict[str, Any]]]:
    cursor = con.execute(text)
    names = [d[0] for d in cursor.description]
    for row in cursor.fetchall():
        by_name = dict(zip(names, row, strict=True))
        yield tuple(by_name[f"k{i}"] for i in range(len(table.keys))), by_name


@dataclass(frozen=True)
class Finding:
    """A person moved a figure and does not stand behind it, or stands behind and moves nothing."""

    what: str
    person: int
    place: Place
    before: Any
    after: Any


def judged(
    tables: Sequence[PlannedTable], person: int, before: RemovalEvidence, after: RemovalEvidence, removed: bool
) -> Iterator[Finding]:
    """Of one person removed, or changed. What depends on other people has the person in a table that it implies."""
    hidden = {i for i, t in enumerate(tables) if not t.shown}
    context = {i for told in (before, after) for (i, *_), some in told.behind.items() if i in hidden and person in some}
    for place in sorted(before.figures.keys() | after.figures.keys() | before.behind.keys(), key=repr):
        was, now = before.figures.get(place), after.figures.get(place)
        stands = person in before.behind.get(place, ()) or person in after.behind.get(place, ())
        moves = not _same(was, now)
        if moves and not stands and not context - {place[0]}:
            yield Finding("moves without evidence", person, place, was, now)
        own = next(s.measure for s in tables[place[0]].statistics if s.ident == place[2]) in OWN
        if removed and (own or place[3] != "value") and stands and not moves and not hidden:
            yield Finding("evidence without a move", person, place, was, now)


def _same(one: Any, other: Any) -> bool:
    """A sum of nothing and of zeros are protected alike; means are exact to some places."""
    return abs(float(one or 0) - float(other or 0)) <= 1e-9 * max(1.0, abs(float(one or 0)))


def miscounted(found: RemovalEvidence) -> list[Place]:
    """Places at which the evidence counts others than stand there."""
    return [p for p, n in found.counted.items() if n != len(found.behind.get(p, ()))]


def put(con: duckdb.DuckDBPyConnection, world: World) -> None:
    """Another world under the same connection."""
    for table in CATALOGUE.tables:
        rows = world.get(table.full_name, [])
        name = f'"{table.schema_name}"."{table.name}"'
        con.execute(f"TRUNCATE {name}")
        names = [*(v.name for v in table.variables), *(["p"] if table.link_key else [])]
        if rows:
            one = f"({', '.join('?' * len(names))})"
            values = [r.get(n) for r in rows for n in names]
            con.execute(f"INSERT INTO {name} VALUES {', '.join([one] * len(rows))}", values)


@contextmanager
def without(con: duckdb.DuckDBPyConnection, person: int) -> Iterator[None]:
    """The world without one person, while the context is open."""
    con.execute("BEGIN")
    try:
        for name in ("npd.a", "npd.b"):
            con.execute(f'DELETE FROM {name} WHERE "__p" = {person}')
        yield
    finally:
        con.execute("ROLLBACK")
