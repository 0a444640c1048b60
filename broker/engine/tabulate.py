"""Tabulates a file of person rows with DuckDB into evidence for `broker assess`. Judges nothing.

`broker.disclosure.tabulate` says in plain Python what the answer is; a test holds the two equal.
"""

# ruff: noqa: S608 - SQL is put together from quoted names and literals

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from broker.disclosure.microdata import TabulatedCell, Tabulation, Wanted
from broker.disclosure.tables import Place
from broker.disclosure.tabulate import Asked
from broker.disclosure.wording import MISSING
from broker.domain.errors import Invalid
from broker.domain.outputs import StatisticEvidence
from broker.domain.plans import Measure
from broker.engine.person_file import Connection, literal, opened, quoted

NUMBER = "DECIMAL(38,10)"
"""What is added up: exact to ten digits after the point."""

PER_MEASURE = 8
"""Figures of one measure in a row of `_cells`."""


def tabulate(path: Path, asked: Asked) -> Tabulation:
    """Cells, totals and evidence of a CSV or Parquet file. A row without a unit is a person of its own."""
    measures = tuple(dict.fromkeys((*asked.sums, *asked.means)))
    wanted: list[Wanted] = [(Measure.COUNT_ROWS, None)] if asked.count or not measures else []
    wanted += [(Measure.SUM, m) for m in asked.sums] + [(Measure.MEAN, m) for m in asked.means]
    with opened(path) as (con, columns):
        _check_names(columns, asked)
        for measure in measures:
            _check_numbers(con, measure)
        rows = _summed(con, asked, measures)
        schools = _institutions(con, asked) if asked.institution else {}
        cells = tuple(_told(row, asked, tuple(wanted), measures, schools) for row in rows)
        categories = tuple(_categories(con, number) for number in range(len(asked.by)))
    return Tabulation(asked.by, categories, asked.totals, tuple(wanted), cells)


def _summed(con: Connection, asked: Asked, measures: tuple[str, ...]) -> list[tuple[Any, ...]]:
    try:
        _make_rows(con, asked, measures)
        return _cells(con, asked, measures)
    except duckdb.OutOfRangeException as fault:
        raise Invalid("too-large", "The numbers of a column are too large to add up.") from fault


def _check_names(columns: tuple[str, ...], asked: Asked) -> None:
    names = [asked.unit, *asked.by, *asked.sums, *asked.means, *([asked.institution] if asked.institution else [])]
    missing = [n for n in names if n not in columns]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(columns)}.")
    if not asked.by or len(set(asked.by)) < len(asked.by):
        raise Invalid("bad-by", "Name one or more different columns to group by.")


def _check_numbers(con: Connection, measure: str) -> None:
    column = quoted(measure)
    query = f'SELECT min("__row") FROM file WHERE {column} IS NOT NULL AND try_cast({column} AS {NUMBER}) IS NULL'
    first = con.execute(query).fetchall()[0][0]
    if first is not None:
        raise Invalid("bad-number", f"Column {measure!r} has a value that is no number.", f"row {first}")


def _make_rows(con: Connection, asked: Asked, measures: tuple[str, ...]) -> None:
    """The table `people` has a row for each person of each cell and total; g tells which keys are summed over."""
    keys = ", ".join(f"coalesce({quoted(c)}, {literal(MISSING)}) AS k{i}" for i, c in enumerate(asked.by))
    amounts = "".join(f", {quoted(m)}::{NUMBER} AS a{i}" for i, m in enumerate(measures))
    school = quoted(asked.institution) if asked.institution else "NULL"
    unit = f"""coalesce('p' || {quoted(asked.unit)}, 'r' || "__row")"""
    con.execute(f"CREATE TEMP TABLE rows AS SELECT {keys}, {unit} AS p, {school} AS school{amounts} FROM file")
    sums = "".join(f", sum(a{i}) AS t{i}, count(a{i}) AS n{i}" for i in range(len(measures)))
    names, groups = _keys(asked)
    con.execute(f"CREATE TEMP TABLE people AS SELECT {names}, p, count(*) AS n{sums} FROM rows GROUP BY {groups}, p")


def _keys(asked: Asked) -> tuple[str, str]:
    names = ", ".join(f"k{i}" for i in range(len(asked.by)))
    return f"{names}, grouping({names}) AS g", f"CUBE ({names})" if asked.totals else names


def _institutions(con: Connection, asked: Asked) -> dict[Place, int]:
    names, groups = _keys(asked)
    found = con.execute(f"SELECT {names}, count(DISTINCT school) FROM rows GROUP BY {groups}").fetchall()
    return {row[: len(asked.by)]: row[-1] for row in found}


def _cells(con: Connection, asked: Asked, measures: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Rows of keys, rows, persons, and for each measure its eight figures."""
    names = ", ".join(f"k{i}" for i in range(len(asked.by)))
    figures = "".join(
        f", sum(n{i}), count(*) FILTER (t{i} <> 0), count(t{i}), sum(t{i}), max(abs(t{i})), "
        f"list_extract(max(abs(t{i}), 2), 2), min(t{i}), max(t{i})"
        for i in range(len(measures))
    )
    return con.execute(
        f"SELECT {names}, sum(n), count(*){figures} FROM people GROUP BY {names}, g ORDER BY ALL"
    ).fetchall()


def _told(
    row: tuple[Any, ...], asked: Asked, wanted: tuple[Wanted, ...], measures: tuple[str, ...], schools: dict[Place, int]
) -> TabulatedCell:
    width = len(asked.by)
    place, rows, persons = row[:width], int(row[width]), int(row[width + 1])
    found: dict[Wanted, StatisticEvidence] = {}
    for measure, column in wanted:
        if column is None:
            found[measure, column] = StatisticEvidence(rows, rows, persons)
        else:
            start = width + 2 + PER_MEASURE * measures.index(column)
            found[measure, column] = _evidence(measure, *row[start : start + PER_MEASURE])
    return TabulatedCell(place, rows, persons, schools[place] if asked.institution else None, found)


def _evidence(
    measure: Measure,
    rows: int,
    non_zero: int,
    persons: int,
    total: Decimal | None,
    largest: Any,
    second: Any,
    low: Any,
    high: Any,
) -> StatisticEvidence:
    if total is None:
        return StatisticEvidence(None, 0, 0)
    return StatisticEvidence(
        value=_plain(total) if measure is Measure.SUM else total / Decimal(int(rows)),
        rows=int(rows),
        persons=non_zero if measure is Measure.SUM else persons,
        largest=_plain(largest),
        second=_plain(second or Decimal(0)),
        low=_plain(low),
        high=_plain(high),
        total=_plain(total),
    )


def _plain(value: Decimal) -> Decimal | int:
    """Whole numbers as such."""
    return int(value) if value == value.to_integral_value() else value.normalize()


def _categories(con: Connection, number: int) -> tuple[str, ...]:
    """In order of text, the missing category last."""
    found = con.execute(f"SELECT DISTINCT k{number} FROM rows").fetchall()
    return tuple(sorted((str(row[0]) for row in found), key=lambda name: (name == MISSING, name)))
