"""A CSV or Parquet file of person rows as a table of keys, person, institution and numbers, ready to be grouped."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as parquet

from broker.domain.errors import Invalid
from broker.domain.plans.scalars import MISSING_LABEL
from broker.engine.hardened_duckdb import literal, quoted
from broker.evidence.tabulation import CellCoordinates, TabulationRequest

Connection = duckdb.DuckDBPyConnection
HARDENING = ("allow_community_extensions=false", "enable_external_access=false", "lock_configuration=true")
WHOLE_TYPES = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
"""Column types that are summed as they are."""
FLOATING_TYPES = frozenset({"DOUBLE"})
ROW_NUMBER = "file_row_number"
"""The engine's name for the number of a row."""


@dataclass(frozen=True, slots=True)
class PersonFile:
    """A connection with the file as the table `file` (for Parquet, a view). `names` maps each requested column to its
    name there. Columns are text as written by hand, with NULL for missing values, except for `whole` and `floating`
    numbers, which keep their type. `row` is the name of the row number, from 0."""

    con: Connection
    names: Mapping[str, str]
    whole: frozenset[str]
    floating: frozenset[str]
    row: str


@contextmanager
def open_person_file(path: Path, wanted: Iterable[str], numbers: Iterable[str] = ()) -> Iterator[PersonFile]:
    """Open the file with its `wanted` columns; `numbers` are not needed as text. Raises Invalid if it cannot be
    read."""
    if not path.is_file():
        raise Invalid("no-file", f"There is no file {path}.", str(path))
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as con:
        try:
            _seal(con, path)
            described = [
                (str(n), str(k)) for n, k, *_ in con.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()
            ]
            places = _places(_spelled_names(con, path, [n for n, _ in described]), wanted)
            names = {n: f"c{i}" for i, n in enumerate(places)}
            kinds = {n: described[place][1] for n, place in places.items()}
            whole, floating = (
                frozenset(n for n in numbers if kinds[n] in some) for some in (WHOLE_TYPES, FLOATING_TYPES)
            )
            texts = [
                f"{_column(described[places[n]][0], kinds[n], n in whole, n in floating)} AS {c}"
                for n, c in names.items()
            ]
            row = _make(con, path, ", ".join(texts), may_number=ROW_NUMBER not in (n.lower() for n, _ in described))
        except duckdb.Error as fault:
            raise Invalid("unreadable", f"{path.name} cannot be read as CSV or Parquet.", str(path)) from fault
        yield PersonFile(con, names, whole, floating, row)


def _seal(con: Connection, path: Path) -> None:
    """From here on the connection can reach nothing but the file, whatever the names of the file and its columns do to
    a statement."""
    for setting in (f"allowed_paths = [{literal(str(path))}]", *HARDENING):
        con.execute(f"SET {setting}")


def _spelled_names(con: Connection, path: Path, engine: Sequence[str]) -> Sequence[str]:
    """Column names as the file spells them: the engine renames the second of two names that are equal when case is
    ignored."""
    if _is_parquet(path):
        found: Sequence[str] = parquet.read_schema(path).names
    else:
        first = con.execute(f"SELECT * FROM {_source(path, header=False)} LIMIT 1").fetchall()
        if not first:
            raise Invalid("unreadable", f"{path.name} is empty: its first line names the columns.", str(path))
        found = [name or made for name, made in zip(first[0], engine, strict=False)]
    return found if len(found) == len(engine) else engine


def _places(names: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
    """The index of each wanted column. Raises Invalid for a repeated name: otherwise one of the two columns would be
    chosen silently."""
    found = list(dict.fromkeys(wanted))  # a column may be used twice
    missing = [n for n in found if n not in names]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(names)}.")
    twice = [n for n in found if names.count(n) > 1]
    if twice:
        raise Invalid("two-columns", f"The file has two columns called {twice[0]!r}: give each a name of its own.")
    return {n: names.index(n) for n in found}


def _make(con: Connection, path: Path, columns: str, may_number: bool) -> str:
    """Create `file` and return the name of its row number. Parquet becomes a view that reads single columns on demand,
    if its rows can be numbered; any other file is read once."""
    if _is_parquet(path) and may_number:
        source = f"read_parquet({literal(str(path))}, hive_partitioning = false, {ROW_NUMBER} = true)"
        con.execute(f"CREATE VIEW file AS SELECT {columns}, {ROW_NUMBER} AS number FROM {source}")
        return "number"
    con.execute(f"CREATE TABLE file AS SELECT {columns} FROM {_source(path)}")
    return "rowid"


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in {".parquet", ".pq"}


def _source(path: Path, header: bool = True) -> str:
    if _is_parquet(path):
        return f"read_parquet({literal(str(path))}, hive_partitioning = false)"
    # Fixed options, so that no line is skipped whatever the data look like: the first line is the header.
    options = f"all_varchar = true, header = {header}, skip = 0, comment = '', delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv({literal(str(path))}, {options})"


def _column(name: str, kind: str, is_whole: bool, is_floating: bool) -> str:
    if is_floating:
        return _number(quoted(name))
    return (
        f"{quoted(name)}::BIGINT" if is_whole else _text(quoted(name), kind)
    )  # abs() of a narrow type's smallest value would overflow


def _text(column: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return f"CASE {column} WHEN true THEN 'True' WHEN false THEN 'False' END"
    if kind in {"FLOAT", "DOUBLE"}:
        return f"{_number(column)}::VARCHAR"
    return f"nullif({column}::VARCHAR, '')"


def _number(column: str) -> str:
    """A floating number, or NULL if it is none. The engine answers isnan from the smallest and largest value recorded
    in a Parquet file, which leave out NaN."""
    return f"(CASE WHEN isfinite({column}) OR isinf({column}) THEN {column} END)"


EXACT_TYPE = "DECIMAL(38,10)"
"""The type of sums: exact to ten decimal places."""
NARROW = "DECIMAL(18,4)"
"""The same if all numbers of a column are small enough: half as long, so faster to sum."""
Row = tuple[Any, ...]


def number_sql(file: PersonFile, name: str) -> str:
    """A column's numbers, in the narrowest type that holds all of them exactly. Raises Invalid for a value that is not
    a number."""
    column = file.names[name]
    if name in file.whole or (name in file.floating and _is_short(file, column)):
        return column if name in file.whole else f"{column}::{NARROW}"
    column = f"{column}::VARCHAR"
    wide, narrow = (f"try_cast({column} AS {kind})" for kind in (EXACT_TYPE, NARROW))
    query = f"SELECT min({file.row}) FILTER ({wide} IS NULL), bool_and({narrow} IS NOT DISTINCT FROM {wide}) FROM file"
    first, is_narrow = file.con.execute(f"{query} WHERE {column} IS NOT NULL").fetchall()[0]
    if first is None:
        return f"{column}::{NARROW if is_narrow else EXACT_TYPE}"
    value = file.con.execute(f"SELECT try_cast({column} AS DOUBLE) FROM file WHERE {file.row} = {first}").fetchall()[0][
        0
    ]
    # A number, but outside the exact type.
    if value is not None and abs(value) < float("inf"):
        raise Invalid("too-large", f"Column {name!r} has a number that is too large to add up.", f"row {first + 1}")
    raise Invalid("bad-number", f"Column {name!r} has a value that is no number.", f"row {first + 1}")


def _is_short(file: PersonFile, column: str) -> bool:
    """Whether each floating number is a decimal of at most 15 digits, four of them decimal places. It is then written
    that way, because no other such decimal has it as its nearest float."""
    query = f"SELECT bool_and(abs({column}) < 1e11 AND {column} = try_cast({column} AS {NARROW})::DOUBLE) FROM file"
    return bool(file.con.execute(query).fetchall()[0][0])


class PersonTable:
    """The file as `rows`: keys k0…, the person p, the columns v0…, and the institution.

    If each person has one row, `rows` is a view that reads the file for each grouping, with the file's own text.
    Otherwise rows are first grouped by person, so they are stored once, with short numbers as keys.
    """

    def __init__(self, file: PersonFile, request: TabulationRequest, numbers: Mapping[str, str]) -> None:
        self.con, self.request = file.con, request
        unit = file.names[request.unit]
        self.one_row_each = _has_one_row_each(file, unit)
        """Whether each person has one row, so that nobody can be counted twice."""
        self.least = (
            request.needs.min_persons
            if self.one_row_each and request.needs is not None and not request.totals
            else None
        )
        """The number of different values of a cell that is enough to skip counting its most common value; None: always
        count."""
        self.categories, keys = zip(
            *(_key(file, i, name, self.one_row_each) for i, name in enumerate(request.by)), strict=True
        )
        self.columns = {n: f"v{i}" for i, n in enumerate(dict.fromkeys((*request.measures, *request.ordered)))}
        amounts = "".join(f", {numbers.get(n, file.names[n])} AS {v}" for n, v in self.columns.items())
        school = file.names[request.institution] if request.institution else "NULL"
        person = "NULL" if self.one_row_each else f"coalesce('p' || {unit}, 'r' || {file.row})"
        kind = "VIEW" if self.one_row_each else "TABLE"
        columns = f"{', '.join(keys)}, {person} AS p, {school} AS school{amounts}"
        self.con.execute(f"CREATE TEMP {kind} rows AS SELECT {columns} FROM file")
        self.keys = ", ".join(f"k{i}" for i in range(len(request.by)))
        self.groups = f"CUBE ({self.keys})" if request.totals else self.keys

    def by_place(self, query: str) -> dict[CellCoordinates, Row]:
        """The values of each row by its coordinates."""
        width = len(self.request.by)
        return {row[:width]: row[width:] for row in self.con.execute(query).fetchall()}


def _has_one_row_each(file: PersonFile, unit: str) -> bool:
    """Whether no unit occurs twice. Two units with one hash count as equal: that only costs time."""
    hashes = file.con.execute(f"SELECT hash({unit}) AS h FROM file WHERE {unit} IS NOT NULL").fetchnumpy()["h"]
    hashes.sort()
    # Sorted, so equal hashes are neighbours.
    return not (hashes[1:] == hashes[:-1]).any()


def _key(file: PersonFile, number: int, name: str, is_text: bool) -> tuple[tuple[str, ...], str]:
    """The categories in text order, the missing one last; and the SQL of the key, as text or as an enum type. Text of
    the file is grouped by the file's own dictionary, so it is changed only if there is a missing value."""
    column = file.names[name]
    listed = [row[0] for row in file.con.execute(f"SELECT DISTINCT {column} FROM file").fetchall()]
    filled = f"coalesce({column}, {literal(MISSING_LABEL)})" if None in listed else column
    # The missing category last.
    found = sorted({MISSING_LABEL if c is None else c for c in listed}, key=lambda n: (n == MISSING_LABEL, n))
    if is_text:
        return tuple(found), f"{filled} AS k{number}"
    file.con.execute(f"CREATE TYPE key{number} AS ENUM ({', '.join(map(literal, found))})")
    return tuple(found), f"{filled}::key{number} AS k{number}"
