"""Tabulates a file of person rows with DuckDB into evidence for `broker assess`. Judges nothing."""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import MAGNITUDES, Measure
from broker.domain.progress import Progress, no_progress
from broker.domain.rounding_grid import WIDE_CONTEXT
from broker.engine.person_table import Connection, PersonTable, Row, number_sql, open_person_file
from broker.evidence import tabulation
from broker.evidence.tabulation import CellCoordinates

EvidenceOfCells = dict[tabulation.StatisticRequest, dict[CellCoordinates, StatisticEvidence]]


def sums_of(table: PersonTable, name: str) -> EvidenceOfCells:
    """Evidence of a column's sum and mean. Persons with equal totals are grouped first: there are fewer groups than
    persons, and the most common total is needed."""
    value = table.columns[name]
    if table.least is not None:
        return _of_both(name, table.by_place(_single_sums(table.keys, value, table.least)))
    if table.one_row_each:
        inner = f"SELECT {table.keys}, {value} AS t, count(*) AS c FROM rows WHERE {value} IS NOT NULL GROUP BY ALL"
        total = f"SELECT {table.keys}, t, sum(c)::BIGINT AS c FROM ({inner}) GROUP BY {table.groups}, t"
        amounts = f"SELECT *, c AS n FROM ({total if table.request.totals else inner})"
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
    return _of_both(name, table.by_place(query))


def add_up(table: PersonTable) -> None:
    """For files with one row for each person: create the table `cells` with each cell's rows and everything that its
    sums need, for every column in one pass. Values are hashed into 63 bits; the number of set bits is a lower bound of
    the number of different values."""
    parts = "".join(
        f", count({v}) AS n_{v}, count(*) FILTER ({v} <> 0) AS some_{v}, sum({v}) AS total_{v}, "
        f"max(abs({v}), 2) AS most_{v}, min({v}) AS low_{v}, max({v}) AS high_{v}, "
        f"bit_count(bit_or(1::BIGINT << (hash({v}) % 63)::INT) FILTER ({v} IS NOT NULL)) AS places_{v}"
        for v in (table.columns[name] for name in table.request.measures)
    )
    table.con.execute(f"CREATE TEMP TABLE cells AS SELECT {table.keys}, count(*) AS n{parts} FROM rows GROUP BY ALL")


def _single_sums(keys: str, v: str, least: int) -> str:
    """Sums of one column from `cells`. The most common value is counted only in cells with no more than `least` set
    bits."""
    alike = f"SELECT {keys}, {v} AS t, count(*) AS c FROM rows SEMI JOIN doubtful USING ({keys}) GROUP BY ALL"
    return (
        f"WITH doubtful AS (SELECT {keys} FROM cells WHERE places_{v} <= {least}), "
        f"common AS (SELECT {keys}, max(c) AS c FROM ({alike}) WHERE t IS NOT NULL GROUP BY {keys}) "
        f"SELECT {keys}, n_{v}, some_{v}, n_{v}, total_{v}, most_{v}[1], most_{v}[2], low_{v}, high_{v}, "
        f"coalesce(c, n_{v} - places_{v} + 1) FROM cells LEFT JOIN common USING ({keys})"
    )


def _of_both(name: str, found: Mapping[CellCoordinates, Row]) -> EvidenceOfCells:
    both = {place: _evidence(*row) for place, row in found.items() if row[0]}
    return {
        tabulation.StatisticRequest(Measure.SUM, name): {place: total for place, (total, _) in both.items()},
        tabulation.StatisticRequest(Measure.MEAN, name): {place: mean for place, (_, mean) in both.items()},
    }


def _evidence(
    rows: Any, some: Any, persons: Any, total: Any, largest: Any, second: Any, low: Any, high: Any, common: Any
) -> tuple[StatisticEvidence, StatisticEvidence]:
    """Evidence of the sum and of the mean."""
    found, mean = plain_number(total), Decimal(total) / Decimal(int(rows))
    shared = (plain_number(largest), plain_number(second or 0), plain_number(low), plain_number(high), found)
    others = int(persons) - int(common)
    return (
        StatisticEvidence(found, int(rows), int(some or 0), 0, 0, *shared, others=others),
        StatisticEvidence(mean, int(rows), int(persons), 0, 0, *shared, others=others),
    )


def plain_number(value: Any) -> Any:
    """A whole decimal as an integer; text stays unchanged."""
    if not isinstance(value, Decimal):
        return value
    whole = int(value)
    return whole if whole == value else value.normalize(WIDE_CONTEXT)


def tabulate(
    path: Path, request: tabulation.TabulationRequest, report: Progress = no_progress
) -> tabulation.Tabulation:
    """Cells, totals and evidence of a CSV or Parquet file. A row without a unit counts as a person of its own. Raises
    Invalid for a file that cannot be used."""
    tabulation.check_request(request)
    steps = 2 + len(request.measures) + len(request.ordered)  # reading and counting, then each column
    texts = {request.unit, *request.by, request.institution}  # these must stay text, also if used as numbers
    with open_person_file(path, request.columns, [n for n in request.numbers if n not in texts]) as file:
        report("reading", 1, steps)
        try:
            numbers = {name: number_sql(file, name) for name in request.numbers}
            table = PersonTable(file, request, numbers)
            cells = _cells(table, lambda done: report("counting", done, steps))
        # Sums that overflow, or numbers that the type of sums cannot hold.
        except (duckdb.OutOfRangeException, duckdb.ConversionException) as fault:
            raise Invalid("too-large", "The numbers of a column are too large to add up.") from fault
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.PermissionException) as fault:
            raise Invalid("unreadable", f"{path.name} cannot be read as CSV or Parquet.", str(path)) from fault
        return tabulation.Tabulation(
            request.by, table.categories, request.totals, request.wanted, cells, request.institution
        )


def _cells(table: PersonTable, report: Callable[[int], None]) -> tuple[tabulation.TabulatedCell, ...]:
    if table.least is not None:
        add_up(table)
    counted = _counts(table)
    schools = _institutions(table) if table.request.institution else {}
    evidence: EvidenceOfCells = {}
    for done, name in enumerate(table.request.measures, 2):
        report(done)
        evidence |= sums_of(table, name)
    for done, name in enumerate(table.request.ordered, 2 + len(table.request.measures)):
        report(done)
        evidence |= _places(table, name)
    nothing = StatisticEvidence(None, 0, 0)
    # The evidence of a mean needs its sum as well (rule M8).
    wanted = dict.fromkeys(
        (*table.request.wanted, *(tabulation.StatisticRequest(Measure.SUM, m) for m in table.request.measures))
    )
    of_columns = [(w, evidence[w]) for w in wanted if w.column is not None]
    cells, count = [], tabulation.StatisticRequest(Measure.COUNT_ROWS)
    of_rows = cache(_of_rows)  # many cells are alike
    for place, (rows, persons, largest, second) in counted.items():
        found = {w: of.get(place, nothing) for w, of in of_columns}
        school = schools.get(place)
        if count in wanted:
            found[count] = _with_institutions(of_rows(rows, persons, largest, second), school, None)
        if school is not None:
            found |= {w: _with_institutions(e, school, w.column) for w, e in found.items() if w.measure in MAGNITUDES}
        number, most = (None, None) if school is None else (school.number, school.persons)
        cells.append(tabulation.TabulatedCell(place, rows, persons, number, found, most))
    return tuple(cells)


def _of_rows(rows: int, persons: int, largest: int, second: int) -> StatisticEvidence:
    return StatisticEvidence(rows, rows, persons, largest=largest, second=second)


class _InstitutionTotals(NamedTuple):
    """For one cell: the number of institutions, the persons of the largest, and by column (None: rows) the two largest
    totals."""

    number: int
    persons: int
    largest: Mapping[str | None, tuple[Any, Any]]


def _with_institutions(
    evidence: StatisticEvidence, school: _InstitutionTotals | None, column: str | None
) -> StatisticEvidence:
    if school is None or not evidence.rows:
        return evidence
    largest, second = school.largest[column]
    return replace(evidence, institution_largest=largest, institution_second=second)


def _counts(table: PersonTable) -> dict[CellCoordinates, tuple[int, int, int, int]]:
    """Rows, persons, and the rows of the two persons with most rows, by cell."""
    if table.least is not None:
        query = f"SELECT {table.keys}, n, n, 1, least(1, n - 1) FROM cells"
    elif table.one_row_each:
        query = f"SELECT {table.keys}, count(*), count(*), 1, least(1, count(*) - 1) FROM rows GROUP BY {table.groups}"
    else:
        people = f"SELECT {table.keys}, p, count(*) AS n FROM rows GROUP BY {table.groups}, p"
        query = (
            f"SELECT {table.keys}, sum(n)::BIGINT, count(*), max(n), coalesce(list_extract(max(n, 2), 2), 0) "
            f"FROM ({people}) GROUP BY {table.keys}"
        )
    found = table.by_place(query)
    return {place: (int(n), p, most, second) for place, (n, p, most, second) in found.items() if n}


def _institutions(table: PersonTable) -> dict[CellCoordinates, _InstitutionTotals]:
    """Totals of institutions over all rows; `school` is NULL for a row without an institution."""
    persons = "count(*)" if table.one_row_each else "count(DISTINCT p)"
    sizes = "".join(
        f", coalesce(sum(abs({table.columns[n]})), 0) AS x{i}" for i, n in enumerate(table.request.measures)
    )
    inner = (
        f"SELECT {table.keys}, school, {persons} AS n, count(*) AS r{sizes} FROM rows GROUP BY {table.groups}, school"
    )
    wanted = ["r", *(f"x{i}" for i in range(len(table.request.measures)))]
    largest = ", ".join(f"max({x}, 2) FILTER (school IS NOT NULL)" for x in wanted)
    query = f"SELECT {table.keys}, count(school), coalesce(max(n) FILTER (school IS NOT NULL), 0), {largest} "
    found = table.by_place(f"{query} FROM ({inner}) GROUP BY {table.keys}")
    names: list[str | None] = [None, *table.request.measures]
    return {
        place: _InstitutionTotals(number, most, {n: _pair(v) for n, v in zip(names, lists, strict=True)})
        for place, (number, most, *lists) in found.items()
    }


def _pair(largest: list[Any] | None) -> tuple[Any, Any]:
    found = [plain_number(v) for v in largest or []]
    return (*found, 0, 0)[:2]  # fewer than two institutions


def _places(table: PersonTable, name: str) -> EvidenceOfCells:
    """Evidence of the quantiles, deviations, extremes and modes of a column, from the frequency of each value."""
    value = table.columns[name]
    persons = "count(*)" if table.one_row_each else "count(DISTINCT p)"
    where = f"FROM rows WHERE {value} IS NOT NULL"
    each = f"SELECT {table.keys}, p, count(*) AS n {where} GROUP BY {table.groups}, p"
    several = f"SELECT {table.keys}, count(*), max(n) FROM ({each}) GROUP BY {table.keys}"
    single = f"SELECT {table.keys}, count(*), 1 {where} GROUP BY {table.groups}"
    whole = table.by_place(single if table.one_row_each else several)
    wanted = [w for w in table.request.places if w.column == name]
    found: EvidenceOfCells = {w: {} for w in wanted}
    query = f"SELECT {table.keys}, {value} AS t, count(*), {persons} {where} GROUP BY {table.groups}, t ORDER BY ALL"
    for place, tally in _by_place(table.con, query, len(table.request.by)):
        for statistic in wanted:
            persons, most = whole[place]
            found[statistic][place] = tabulation.distribution_evidence(
                statistic, tally, persons, most, table.request.needs
            )
    return found


def _by_place(con: Connection, query: str, width: int) -> Iterator[tuple[CellCoordinates, list[tabulation.ValueTally]]]:
    for place, rows in groupby(con.execute(query).fetchall(), key=lambda row: row[:width]):
        yield place, [tabulation.ValueTally(plain_number(value), n, persons) for *_, value, n, persons in rows]
