"""The `fit` image: verifies handed rows and fits a model. No researcher's code runs here.

Answers what it counted of the rows, then the model as JSON. A fault's text can quote data: it never leaves.
"""

import json

import duckdb
import handed
import launcher
import limits
import model
import narrowing
import numpy as np
import pyarrow as pa
import sealing
from design import NoModel
from hardened import connect


def run(channel: launcher.Channel, job: dict, rows: bytes) -> None:
    connection = connect(job, [narrowing.sources(table) for table in job["tables"]])
    found = handed.take(connection, rows, job["rows"])
    fitted = None
    if not handed.fails(found):
        try:
            fitted = model.fit(frame_of(connection), job["model"])
        except NoModel:
            found["model"] = 1
    channel.send("table", stream(handed.answer(found)))
    if fitted is not None:
        channel.send("table", json.dumps(fitted, allow_nan=False).encode())


def frame_of(connection) -> dict[str, np.ndarray]:
    """The rows as columns: numbers as floats with missing ones as such, texts and dates as objects."""
    table = connection.sql("SELECT * FROM handed.rows").to_arrow_table()
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(column: pa.ChunkedArray) -> np.ndarray:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64()).to_numpy()
    return np.array(column.to_pylist(), dtype=object)


def stream(table: pa.Table) -> bytes:
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue().to_pybytes()


def word_of(fault: BaseException) -> str:
    if isinstance(fault, launcher.Done):
        return fault.word
    return "memory_limit" if isinstance(fault, (MemoryError, duckdb.OutOfMemoryException)) else "engine_error"


def main() -> None:
    sealing.seal()
    channel = launcher.Channel()
    channel.ready("fit")
    job, rows = launcher.job_and_rows(channel.receive(1)[0][1])
    narrowing.narrowed(job)
    limits.limit(job["settings"], limits.own_tasks(), 1 << 30)
    launcher.watch(channel, job["settings"]["wall_seconds"])
    try:
        run(channel, job, rows)
    except BaseException as fault:
        channel.last(word_of(fault))
    channel.last("ended")


if __name__ == "__main__":
    main()
