"""The `sql` image: runs statements that the broker wrote on a hardened DuckDB. No researcher's code ever runs here.

Answers one Arrow stream a statement, in order. An engine's error text can quote data, so it never leaves: one word.
"""

import io

import cut
import duckdb
import handed
import launcher
import limits
import narrowing
import pyarrow as pa
import sealing
from hardened import harden, views

BATCH = 65536


class Capped(io.RawIOBase):
    """A buffer that refuses to grow beyond what the job may give out."""

    def __init__(self, left: int) -> None:
        self.left, self.parts = left, []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise launcher.Done("output_limit")
        self.parts.append(bytes(data))
        return len(data)


def asked_of(connection, statement: dict) -> str:
    """The text that gives a statement's result: after a first look, that of the second where something is in doubt."""
    if "first" not in statement:
        return statement["sql"]
    connection.execute("CREATE OR REPLACE TEMP TABLE bounds AS " + statement["first"])
    ((doubt,),) = connection.execute(statement["doubt"]).fetchall()
    return statement["second" if doubt else "sql"]


def stream(connection, sql: str, left: int) -> bytes:
    """One statement's result as an Arrow stream of at most `left` bytes."""
    return written(connection.execute(sql).to_arrow_reader(BATCH), left)


def written(batches, left: int) -> bytes:
    target = Capped(left)
    with pa.ipc.new_stream(target, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return b"".join(target.parts)


def run(channel: launcher.Channel, job: dict, rows: bytes) -> None:
    connection = duckdb.connect(":memory:")
    files = [path for table in job["tables"] for path in narrowing.sources(table)]
    harden(connection, job["settings"], files)
    views(connection, job["tables"])
    left = job["settings"]["output_bytes"]
    if "rows" in job:
        found = handed.take(connection, rows, job["rows"])
        channel.send("table", written(handed.answer(found).to_reader(), left))
        if handed.fails(found):
            return
    if "cut" in job:
        channel.send("table", cut.cut(connection, job["cut"], left))
    for statement in job["statements"]:
        result = stream(connection, asked_of(connection, statement), left)
        left -= len(result)
        channel.send("table", result)


def word_of(fault: BaseException) -> str:
    if isinstance(fault, launcher.Done):
        return fault.word
    if isinstance(fault, (MemoryError, duckdb.OutOfMemoryException)):
        return "memory_limit"
    return "time_limit" if isinstance(fault, duckdb.InterruptException) else "engine_error"


def main() -> None:
    sealing.seal()
    channel = launcher.Channel()
    channel.ready("sql")
    job, rows = launcher.job_and_rows(channel.receive(1)[0][1])
    narrowing.narrowed(job)  # a second wall where the kernel has it: DuckDB itself opens only files that it was told
    limits.limit(job["settings"], limits.own_tasks())
    launcher.watch(channel, job["settings"]["wall_seconds"])
    try:
        run(channel, job, rows)
    except BaseException as fault:
        channel.last(word_of(fault))
    channel.last("ended")


if __name__ == "__main__":
    main()
