"""Reads the rows that a script handed over, verifies them against the vault, and makes them the table `handed.rows`.

Trusted code on untrusted bytes: every statement was written by the broker, the rows only ever are values. What is found
leaves as counts, one column a question; where one of the problems is counted, nothing else is computed.
"""

import pyarrow as pa
import pyarrow.compute as pc

FILE = "handed_file"
COUNTS = ("rows", "persons", "without_person", "few")
PROBLEMS = ("unreadable", "columns", "values", "unknown", "repeated", "mismatch", "binary", "model")
MOST_ROWS = 20_000_000


def answer(found: dict[str, int]) -> pa.Table:
    """The counts as a table of one row; what was not asked is 0."""
    return pa.table({name: pa.array([int(found.get(name) or 0)], pa.int64()) for name in (*COUNTS, *PROBLEMS)})


def fails(found: dict[str, int]) -> bool:
    return any(found.get(name) for name in PROBLEMS)


def take(connection, rows: bytes, asked: dict) -> dict[str, int]:
    """Make `handed.rows`; the counts. `asked`: {"columns": [..], "steps": [{"make": [SQL], "counts": {name: SQL}}]}."""
    table = read(rows)
    if table is None:
        return {"unreadable": 1}
    plain = None if sorted(table.column_names) != sorted(asked["columns"]) else flat(table)
    if plain is None:
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
