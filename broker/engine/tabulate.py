"""Tabulates a file of person rows with DuckDB into evidence for `broker assess`. Judges nothing.

`broker.disclosure.files.tabulate` says in plain Python what the answer is; a test holds the two equal.
"""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from broker.disclosure.files.positions import Tally, place_evidence
from broker.disclosure.files.tabulation import Asked, TabulatedCell, Tabulation, Wanted, check_asked
from broker.disclosure.repair.tables import Place
from broker.disclosure.rules import MAGNITUDES
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure
from broker.engine.person_file import Connection, opened
from broker.engine.person_table import Table, number_of
from broker.engine.sums import add_up, plain, sums_of

Tell = Callable[[str, int, int], None]


def tabulate(path: Path, asked: Asked, tell: Tell = lambda what, done, total: None) -> Tabulation:
    """Cells, totals and evidence of a CSV or Parquet file. A row without a unit is a person of its own."""
    check_asked(asked)
    steps = 2 + len(asked.measures) + len(asked.ordered)
    texts = {asked.unit, *asked.by, asked.institution}
    with opened(path, asked.columns, [n for n in asked.numbers if n not in texts]) as file:
        tell("reading", 1, steps)
        try:
            numbers = {name: number_of(file, name) for name in asked.numbers}
            table = Table(file, asked, numbers)
            cells = _cells(table, lambda done: tell("counting", done, steps))
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as fault:
            raise Invalid("too-large", "The numbers of a column are too large to add up.") from fault
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.PermissionException) as fault:
            raise Invalid("unreadable", f"{path.name} cannot be read as CSV or Parquet.", str(path)) from fault
        return Tabulation(asked.by, table.categories, asked.totals, asked.wanted, cells, asked.institution)


def _cells(table: Table, tell: Callable[[int], None]) -> tuple[TabulatedCell, ...]:
    if table.least is not None:
        add_up(table)
    counted = _counts(table)
    schools = _institutions(table) if table.asked.institution else {}
    evidence: dict[Wanted, Mapping[Place, StatisticEvidence]] = {}
    for done, name in enumerate(table.asked.measures, 2):
        tell(done)
        evidence |= sums_of(table, name)
    for done, name in enumerate(table.asked.ordered, 2 + len(table.asked.measures)):
        tell(done)
        evidence |= _places(table, name)
    nothing = StatisticEvidence(None, 0, 0)
    asked = dict.fromkeys((*table.asked.wanted, *(Wanted(Measure.SUM, m) for m in table.asked.measures)))
    of_columns = [(w, evidence[w]) for w in asked if w.column is not None]
    told, count = [], Wanted(Measure.COUNT_ROWS)
    of_rows = cache(_of_rows)  # many cells are alike
    for place, (rows, persons, largest, second) in counted.items():
        found = {w: of.get(place, nothing) for w, of in of_columns}
        school = schools.get(place)
        if count in asked:
            found[count] = _with_institutions(of_rows(rows, persons, largest, second), school, None)
        if school is not None:
            found |= {w: _with_institutions(e, school, w.column) for w, e in found.items() if w.measure in MAGNITUDES}
        told.append(_cell(place, rows, persons, school, found))
    return tuple(told)


def _of_rows(rows: int, persons: int, largest: int, second: int) -> StatisticEvidence:
    return StatisticEvidence(rows, rows, persons, largest=largest, second=second)


class _Schools(NamedTuple):
    """Of a cell: how many institutions, the persons of the largest, by column (None: rows) the two largest totals."""

    number: int
    persons: int
    largest: Mapping[str | None, tuple[Any, Any]]


def _cell(
    place: Place, rows: int, persons: int, school: _Schools | None, found: Mapping[Wanted, StatisticEvidence]
) -> TabulatedCell:
    if school is None:
        return TabulatedCell(place, rows, persons, None, found)
    return TabulatedCell(place, rows, persons, school.number, found, school.persons)


def _with_institutions(evidence: StatisticEvidence, school: _Schools | None, column: str | None) -> StatisticEvidence:
    if school is None or not evidence.rows:
        return evidence
    largest, second = school.largest[column]
    return replace(evidence, institution_largest=largest, institution_second=second)


def _counts(table: Table) -> dict[Place, tuple[int, int, int, int]]:
    """Rows, persons, and the rows of the two persons who have most."""
    if table.least is not None:
        query = f"SELECT {table.keys}, n, n, 1, least(1, n - 1) FROM cells"
    elif table.once:
        query = f"SELECT {table.keys}, count(*), count(*), 1, least(1, count(*) - 1) FROM rows GROUP BY {table.groups}"
    else:
        people = f"SELECT {table.keys}, p, count(*) AS n FROM rows GROUP BY {table.groups}, p"
        query = (
            f"SELECT {table.keys}, sum(n)::BIGINT, count(*), max(n), coalesce(list_extract(max(n, 2), 2), 0) "
            f"FROM ({people}) GROUP BY {table.keys}"
        )
    found = table.by_place(query)
    return {place: (int(n), p, most, second) for place, (n, p, most, second) in found.items() if n}


def _institutions(table: Table) -> dict[Place, _Schools]:
    """Of all rows; `school` is NULL where a row has none."""
    persons = "count(*)" if table.once else "count(DISTINCT p)"
    sizes = "".join(f", coalesce(sum(abs({table.columns[n]})), 0) AS x{i}" for i, n in enumerate(table.asked.measures))
    inner = (
        f"SELECT {table.keys}, school, {persons} AS n, count(*) AS r{sizes} FROM rows GROUP BY {table.groups}, school"
    )
    wanted = ["r", *(f"x{i}" for i in range(len(table.asked.measures)))]
    largest = ", ".join(f"max({x}, 2) FILTER (school IS NOT NULL)" for x in wanted)
    query = f"SELECT {table.keys}, count(school), coalesce(max(n) FILTER (school IS NOT NULL), 0), {largest} "
    found = table.by_place(f"{query} FROM ({inner}) GROUP BY {table.keys}")
    names: list[str | None] = [None, *table.asked.measures]
    return {
        place: _Schools(number, most, {n: _pair(v) for n, v in zip(names, lists, strict=True)})
        for place, (number, most, *lists) in found.items()
    }


def _pair(largest: list[Any] | None) -> tuple[Any, Any]:
    found = [plain(v) for v in largest or []]
    return (*found, 0, 0)[:2]


def _places(table: Table, name: str) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    """Of the quantiles, deviations, extremes and modes of a column, from how often each value is there."""
    value = table.columns[name]
    persons = "count(*)" if table.once else "count(DISTINCT p)"
    where = f"FROM rows WHERE {value} IS NOT NULL"
    each = f"SELECT {table.keys}, p, count(*) AS n {where} GROUP BY {table.groups}, p"
    several = f"SELECT {table.keys}, count(*), max(n) FROM ({each}) GROUP BY {table.keys}"
    single = f"SELECT {table.keys}, count(*), 1 {where} GROUP BY {table.groups}"
    whole = table.by_place(single if table.once else several)
    wanted = [w for w in table.asked.places if w.column == name]
    found: dict[Wanted, dict[Place, StatisticEvidence]] = {w: {} for w in wanted}
    query = f"SELECT {table.keys}, {value} AS t, count(*), {persons} {where} GROUP BY {table.groups}, t ORDER BY ALL"
    for place, tally in _by_place(table.con, query, len(table.asked.by)):
        for asked in wanted:
            persons, most = whole[place]
            found[asked][place] = place_evidence(asked, tally, persons, most, table.asked.needs)
    return found


def _by_place(con: Connection, query: str, width: int) -> Iterator[tuple[Place, list[Tally]]]:
    for place, rows in groupby(con.execute(query).fetchall(), key=lambda row: row[:width]):
        yield place, [Tally(plain(value), n, persons) for *_, value, n, persons in rows]
