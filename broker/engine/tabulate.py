"""Tabulates a file of person rows with DuckDB into evidence for `broker assess`. Judges nothing.

`broker.disclosure.tabulate` says in plain Python what the answer is; a test holds the two equal.
"""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from broker.disclosure.evaluate import WIDE
from broker.disclosure.microdata import TabulatedCell, Tabulation, Wanted
from broker.disclosure.positions import Tally, place_evidence
from broker.disclosure.tables import Place
from broker.disclosure.tabulate import Asked, check_asked
from broker.disclosure.wording import MISSING
from broker.domain.errors import Invalid
from broker.domain.outputs import StatisticEvidence
from broker.domain.plans import Measure
from broker.engine.person_file import Connection, PersonFile, literal, opened

NUMBER = "DECIMAL(38,10)"
"""What is added up: exact to ten digits after the point."""
NARROW = "DECIMAL(18,4)"
"""The same where all numbers of a column are small enough: half as long to add up."""
Tell = Callable[[str, int, int], None]
Row = tuple[Any, ...]


def tabulate(path: Path, asked: Asked, tell: Tell = lambda what, done, total: None) -> Tabulation:
    """Cells, totals and evidence of a CSV or Parquet file. A row without a unit is a person of its own."""
    check_asked(asked)
    steps = 2 + len(asked.measures) + len(asked.ordered)
    texts = {asked.unit, *asked.by, asked.institution}
    with opened(path, asked.columns, [n for n in asked.numbers if n not in texts]) as file:
        tell("reading", 1, steps)
        numbers = {name: _number(file, name) for name in asked.numbers}
        try:
            table = _Table(file, asked, numbers)
            cells = _cells(table, lambda done: tell("counting", done, steps))
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as fault:
            raise Invalid("too-large", "The numbers of a column are too large to add up.") from fault
        return Tabulation(asked.by, table.categories, asked.totals, asked.wanted, cells, asked.institution)


def _number(file: PersonFile, name: str) -> str:
    """A column's numbers, in the narrowest type that holds all of them exactly."""
    column = file.names[name]
    if name in file.whole or (name in file.floating and _is_short(file, column)):
        return column if name in file.whole else f"{column}::{NARROW}"
    column = f"{column}::VARCHAR"
    wide, narrow = (f"try_cast({column} AS {kind})" for kind in (NUMBER, NARROW))
    query = f"SELECT min(rowid) FILTER ({wide} IS NULL), bool_and({narrow} IS NOT DISTINCT FROM {wide}) FROM file"
    first, is_narrow = file.con.execute(f"{query} WHERE {column} IS NOT NULL").fetchall()[0]
    if first is None:
        return f"{column}::{NARROW if is_narrow else NUMBER}"
    value = file.con.execute(f"SELECT try_cast({column} AS DOUBLE) FROM file WHERE rowid = {first}").fetchall()[0][0]
    if value is not None and abs(value) < float("inf"):
        raise Invalid("too-large", f"Column {name!r} has a number that is too large to add up.", f"row {first + 1}")
    raise Invalid("bad-number", f"Column {name!r} has a value that is no number.", f"row {first + 1}")


def _is_short(file: PersonFile, column: str) -> bool:
    """Whether each floating number is a decimal of at most fifteen figures, four after the point, which is then how it
    is written: no other such decimal has it as its nearest number."""
    query = f"SELECT bool_and(abs({column}) < 1e11 AND {column} = try_cast({column} AS {NARROW})::DOUBLE) FROM file"
    return bool(file.con.execute(query).fetchall()[0][0])


class _Table:
    """The file as the view `rows`: keys k0…, the person p, the columns v0…, and the institution."""

    def __init__(self, file: PersonFile, asked: Asked, numbers: Mapping[str, str]) -> None:
        self.con, self.asked = file.con, asked
        self.categories = tuple(_make_type(file, i, name) for i, name in enumerate(asked.by))
        self.columns = {n: f"v{i}" for i, n in enumerate(dict.fromkeys((*asked.measures, *asked.ordered)))}
        unit = file.names[asked.unit]
        keys = ", ".join(
            f"coalesce({file.names[c]}, {literal(MISSING)})::key{i} AS k{i}" for i, c in enumerate(asked.by)
        )
        amounts = "".join(f", {numbers.get(n, file.names[n])} AS {v}" for n, v in self.columns.items())
        school = file.names[asked.institution] if asked.institution else "NULL"
        person = f"coalesce('p' || {unit}, 'r' || rowid)"
        distinct, valued = file.con.execute(f"SELECT count(DISTINCT {unit}), count({unit}) FROM file").fetchall()[0]
        self.once = distinct == valued
        """Whether each person has one row: then nobody is looked for twice."""
        person = "rowid" if self.once else person
        self.con.execute(
            f"CREATE TEMP TABLE rows AS SELECT {keys}, {person} AS p, {school} AS school{amounts} FROM file"
        )
        self.keys = ", ".join(f"k{i}" for i in range(len(asked.by)))
        self.groups = f"CUBE ({self.keys})" if asked.totals else self.keys

    def by_place(self, query: str) -> dict[Place, Row]:
        """The rest of each row by its place."""
        width = len(self.asked.by)
        return {row[:width]: row[width:] for row in self.con.execute(query).fetchall()}


def _make_type(file: PersonFile, number: int, name: str) -> tuple[str, ...]:
    """The categories in order of text, the missing one last; as a type of their own rows are put together faster."""
    query = f"SELECT DISTINCT coalesce({file.names[name]}, {literal(MISSING)}) FROM file"
    found = sorted((str(row[0]) for row in file.con.execute(query).fetchall()), key=lambda n: (n == MISSING, n))
    listed = ", ".join(map(literal, found or [MISSING]))
    file.con.execute(f"CREATE TYPE key{number} AS ENUM ({listed})")
    return tuple(found)


def _cells(table: _Table, tell: Callable[[int], None]) -> tuple[TabulatedCell, ...]:
    counted = _counts(table)
    schools = _institutions(table) if table.asked.institution else {}
    evidence: dict[Wanted, Mapping[Place, StatisticEvidence]] = {}
    for done, name in enumerate(table.asked.measures, 2):
        tell(done)
        evidence |= _sums(table, name)
    for done, name in enumerate(table.asked.ordered, 2 + len(table.asked.measures)):
        tell(done)
        evidence |= _places(table, name)
    nothing = StatisticEvidence(None, 0, 0)
    asked = dict.fromkeys((*table.asked.wanted, *(Wanted(Measure.SUM, m) for m in table.asked.measures)))
    told, count = [], Wanted(Measure.COUNT_ROWS)
    for place, (rows, persons, largest, second) in sorted(counted.items(), key=str):
        found = {w: evidence[w].get(place, nothing) for w in asked if w.column is not None}
        school = schools.get(place)
        if count in asked:
            first = StatisticEvidence(rows, rows, persons, largest=largest, second=second)
            found[count] = _with_institutions(first, school, None)
        if school is not None:
            found = {w: _with_institutions(e, school, w.column) for w, e in found.items() if w.measure in TOTALLED} | {
                w: e for w, e in found.items() if w.measure not in TOTALLED
            }
        told.append(_cell(place, rows, persons, school, found))
    return tuple(told)


TOTALLED = frozenset({Measure.SUM, Measure.MEAN})


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


def _counts(table: _Table) -> dict[Place, tuple[int, int, int, int]]:
    """Rows, persons, and the rows of the two persons who have most."""
    if table.once:
        query = f"SELECT {table.keys}, count(*), count(*), 1, least(1, count(*) - 1) FROM rows GROUP BY {table.groups}"
    else:
        people = f"SELECT {table.keys}, p, count(*) AS n FROM rows GROUP BY {table.groups}, p"
        query = (
            f"SELECT {table.keys}, sum(n)::BIGINT, count(*), max(n), coalesce(list_extract(max(n, 2), 2), 0) "
            f"FROM ({people}) GROUP BY {table.keys}"
        )
    found = table.by_place(query)
    return {place: (int(n), p, most, second) for place, (n, p, most, second) in found.items() if n}


def _institutions(table: _Table) -> dict[Place, _Schools]:
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
    found = [_plain(v) for v in largest or []]
    return (*found, 0, 0)[:2]


def _sums(table: _Table, name: str) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    """Of sum and mean of a column. Persons with the same total are put together first: they are fewer, and the most
    common total is wanted."""
    value = table.columns[name]
    if table.once:
        inner = f"SELECT {table.keys}, {value} AS t, count(*) AS c FROM rows WHERE {value} IS NOT NULL GROUP BY ALL"
        total = f"SELECT {table.keys}, t, sum(c)::BIGINT AS c FROM ({inner}) GROUP BY {table.groups}, t"
        amounts = f"SELECT *, c AS n FROM ({total if table.asked.totals else inner})"
    else:
        people = (
            f"SELECT {table.keys}, p, sum({value}) AS t, count({value}) AS n FROM rows WHERE {value} IS NOT NULL "
            f"GROUP BY {table.groups}, p"
        )
        amounts = f"SELECT {table.keys}, t, count(*) AS c, sum(n) AS n FROM ({people}) GROUP BY {table.keys}, t"
    query = (
        f"SELECT {table.keys}, sum(n), sum(c) FILTER (t <> 0), sum(c), sum(t * c), max(abs(t)), "
        "greatest(list_extract(max(abs(t), 2), 2), max(abs(t)) FILTER (c > 1)), min(t), max(t), max(c) "
        f"FROM ({amounts}) GROUP BY {table.keys}"
    )
    found = table.by_place(query)
    both = {place: _evidence(*row) for place, row in found.items() if row[0]}
    return {
        Wanted(Measure.SUM, name): {place: total for place, (total, _) in both.items()},
        Wanted(Measure.MEAN, name): {place: mean for place, (_, mean) in both.items()},
    }


def _evidence(
    rows: Any, some: Any, persons: Any, total: Any, largest: Any, second: Any, low: Any, high: Any, common: Any
) -> tuple[StatisticEvidence, StatisticEvidence]:
    """Of the sum and of the mean."""
    found, mean = _plain(total), Decimal(total) / Decimal(int(rows))
    shared = (_plain(largest), _plain(second or 0), _plain(low), _plain(high), found)
    others = int(persons) - int(common)
    return (
        StatisticEvidence(found, int(rows), int(some or 0), 0, 0, *shared, others=others),
        StatisticEvidence(mean, int(rows), int(persons), 0, 0, *shared, others=others),
    )


def _places(table: _Table, name: str) -> dict[Wanted, dict[Place, StatisticEvidence]]:
    """Of the quantiles, deviations, extremes and modes of a column, from how often each value is there."""
    value = table.columns[name]
    persons = "count(*)" if table.once else "count(DISTINCT p)"
    where = f"FROM rows WHERE {value} IS NOT NULL"
    each = f"SELECT {table.keys}, p, count(*) AS n {where} GROUP BY {table.groups}, p"
    whole = table.by_place(f"SELECT {table.keys}, count(*), max(n) FROM ({each}) GROUP BY {table.keys}")
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
        yield place, [Tally(_plain(value), n, persons) for *_, value, n, persons in rows]


def _plain(value: Any) -> Any:
    """Whole numbers as such; text is left as it is."""
    if not isinstance(value, Decimal):
        return value
    whole = int(value)
    return whole if whole == value else value.normalize(WIDE)
