"""Reads the rows that a script handed over, verifies them against the vault, and makes them the table `handed.rows`.

Trusted code on untrusted bytes: every statement was written by the broker, the rows only ever are values. What is found
leaves as counts, one column a question; where one of the problems is counted, nothing else is computed.
"""

import itertools

import pyarrow as pa
import pyarrow.compute as pc

FILE = "handed_file"
COUNTS = ("rows", "persons", "without_person", "few")
PROBLEMS = ("unreadable", "apart", "columns", "values", "unknown", "repeated", "mismatch", "binary", "model")
MOST_ROWS = 20_000_000


def answer(found: dict[str, int]) -> pa.Table:
    """The counts as a table of one row; what was not asked is 0."""
    return pa.table({name: pa.array([int(found.get(name) or 0)], pa.int64()) for name in (*COUNTS, *PROBLEMS)})


def fails(found: dict[str, int]) -> bool:
    return any(found.get(name) for name in PROBLEMS)


def take(connection, rows: bytes, asked: dict) -> dict[str, int]:
    """Make `handed.rows`; the counts. `asked`: {"columns": [..], "steps": [{"make": [SQL], "counts": {name: SQL}}]},
    and {"person": column, "parts": [bytes of each, ..]} where the rows of several outputs come one after the other."""
    tables = [read(part) for part in cut(rows, asked.get("parts") or [len(rows)])]
    if any(table is None for table in tables):
        return {"unreadable": 1}
    flats = [flat(table) for table in tables]
    if any(table is None for table in flats):
        return {"columns": 1}
    plain, apart = beside(flats, asked.get("person"))
    if apart:
        return {"apart": apart}
    if sorted(plain.column_names) != sorted(asked["columns"]):
        return {"columns": 1}
    connection.register(FILE, plain)
    found: dict[str, int] = {}
    for step in asked["steps"]:
        for statement in step["make"]:
            connection.execute(statement)
        for name, sql in step["counts"].items():
            ((found[name],),) = connection.execute(sql).fetchall()
        if fails(found):
            break
    return found


def cut(rows: bytes, parts: list[int]) -> list[bytes]:
    ends = list(itertools.accumulate(parts))
    return [rows[end - size : end] for size, end in zip(parts, ends, strict=True)]


def beside(tables: list[pa.Table], person: str | None) -> tuple[pa.Table, int]:
    """All columns of tables that are of the same people row by row, and agree where they have a column in common; and
    which tables are not, by the bits of a number."""
    first, apart = tables[0], 0
    for number, table in enumerate(tables[1:], start=1):
        common = set(first.column_names) & set(table.column_names)
        same = table.num_rows == first.num_rows and person in common
        if not same or not all(first.column(name).equals(table.column(name)) for name in common):
            apart |= 1 << number
            continue
        for name in table.column_names:
            if name not in common:
                first = first.append_column(name, table.column(name))
    return first, apart


def read(rows: bytes) -> pa.Table | None:
    """The table of an Arrow file, its buffers checked; None where it is none."""
    try:
        with pa.ipc.open_file(pa.BufferReader(rows)) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        return None
    return table if table.num_rows <= MOST_ROWS else None


def flat(table: pa.Table) -> pa.Table | None:
    """Columns of plain types, categories as their texts and what is not a number as missing; None where one is not."""
    if len(set(table.column_names)) < len(table.column_names):
        return None
    columns = [_flat(table.column(name)) for name in table.column_names]
    return None if any(c is None for c in columns) else pa.table(columns, names=table.column_names)


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    kind = column.type
    simple = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal, pa.types.is_string)
    more = (pa.types.is_large_string, pa.types.is_date, pa.types.is_timestamp, pa.types.is_null)
    return column if any(test(kind) for test in (*simple, *more)) else None
