"""Opens a CSV or Parquet file of person rows as a table of the columns asked for. Counts and judges nothing."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as parquet

from broker.domain.errors import Invalid

Connection = duckdb.DuckDBPyConnection
HARDENING = ("allow_community_extensions=false", "enable_external_access=false", "lock_configuration=true")
WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
"""Column types that are added up as they are."""
FLOATING = frozenset({"DOUBLE"})
NUMBERED = "file_row_number"
"""What the engine calls a row's number."""


@dataclass(frozen=True, slots=True)
class PersonFile:
    """A connection with the file as the table (or, of Parquet, the view) `file`. `names` gives each column that was
    asked for its name there; it is text as it would be written by hand, missing is NULL, unless it is one of the
    `whole` or the `floating` numbers, which stay what they are. `row` is the number of a row, from 0."""

    con: Connection
    names: Mapping[str, str]
    whole: frozenset[str]
    floating: frozenset[str]
    row: str


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def opened(path: Path, wanted: Iterable[str], numbers: Iterable[str] = ()) -> Iterator[PersonFile]:
    """The file with its `wanted` columns, of which `numbers` are not needed as text."""
    if not path.is_file():
        raise Invalid("no-file", f"There is no file {path}.", str(path))
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as con:
        try:
            _seal(con, path)
            described = [
                (str(n), str(k)) for n, k, *_ in con.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()
            ]
            places = _places(_spelt(con, path, [n for n, _ in described]), wanted)
            names = {n: f"c{i}" for i, n in enumerate(places)}
            kinds = {n: described[place][1] for n, place in places.items()}
            whole, floating = (frozenset(n for n in numbers if kinds[n] in some) for some in (WHOLE, FLOATING))
            texts = [
                f"{_column(described[places[n]][0], kinds[n], n in whole, n in floating)} AS {c}"
                for n, c in names.items()
            ]
            row = _make(con, path, ", ".join(texts), may_number=NUMBERED not in (n.lower() for n, _ in described))
        except duckdb.Error as fault:
            raise Invalid("unreadable", f"{path.name} cannot be read as CSV or Parquet.", str(path)) from fault
        yield PersonFile(con, names, whole, floating, row)


def _seal(con: Connection, path: Path) -> None:
    """From here on nothing but the file is in reach, whatever its name or its columns' names make of a statement."""
    for setting in (f"allowed_paths = [{literal(str(path))}]", *HARDENING):
        con.execute(f"SET {setting}")


def _spelt(con: Connection, path: Path, engine: Sequence[str]) -> Sequence[str]:
    """The columns' names as the file spells them: the engine gives the second of a name, capitals aside, another."""
    if _is_parquet(path):
        found: Sequence[str] = parquet.read_schema(path).names
    else:
        first = con.execute(f"SELECT * FROM {_source(path, header=False)} LIMIT 1").fetchall()
        if not first:
            raise Invalid("unreadable", f"{path.name} is empty: its first line names the columns.", str(path))
        found = [name or made for name, made in zip(first[0], engine, strict=False)]
    return found if len(found) == len(engine) else engine


def _places(spelt: Sequence[str], wanted: Iterable[str]) -> dict[str, int]:
    """Where each wanted column stands. One of two of a name would be chosen for whoever asked."""
    found = list(dict.fromkeys(wanted))
    missing = [n for n in found if n not in spelt]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(spelt)}.")
    twice = [n for n in found if spelt.count(n) > 1]
    if twice:
        raise Invalid("two-columns", f"The file has two columns called {twice[0]!r}: give each a name of its own.")
    return {n: spelt.index(n) for n in found}


def _make(con: Connection, path: Path, columns: str, may_number: bool) -> str:
    """Parquet is read as often as it is asked, column by column, where its rows can be numbered beside its own columns;
    what else there is once. Gives the row's number."""
    if _is_parquet(path) and may_number:
        source = f"read_parquet({literal(str(path))}, hive_partitioning = false, {NUMBERED} = true)"
        con.execute(f"CREATE VIEW file AS SELECT {columns}, {NUMBERED} AS number FROM {source}")
        return "number"
    con.execute(f"CREATE TABLE file AS SELECT {columns} FROM {_source(path)}")
    return "rowid"


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in {".parquet", ".pq"}


def _source(path: Path, header: bool = True) -> str:
    if _is_parquet(path):
        return f"read_parquet({literal(str(path))}, hive_partitioning = false)"
    # No line is left out, whatever the lines below look like: the first is the header.
    options = f"all_varchar = true, header = {header}, skip = 0, comment = '', delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv({literal(str(path))}, {options})"


def _column(name: str, kind: str, is_whole: bool, is_floating: bool) -> str:
    if is_floating:
        return _number(quoted(name))
    return (
        f"{quoted(name)}::BIGINT" if is_whole else _text(quoted(name), kind)
    )  # the least of a narrow type has no size


def _text(column: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return f"CASE {column} WHEN true THEN 'True' WHEN false THEN 'False' END"
    if kind in {"FLOAT", "DOUBLE"}:
        return f"{_number(column)}::VARCHAR"
    return f"nullif({column}::VARCHAR, '')"


def _number(column: str) -> str:
    """A floating number, or NULL for what is none. The engine answers isnan from the least and the greatest value that
    a Parquet file tells of itself, which leave NaN out."""
    return f"(CASE WHEN isfinite({column}) OR isinf({column}) THEN {column} END)"
