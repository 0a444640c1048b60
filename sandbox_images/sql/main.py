"""The `sql` image: runs statements that the broker wrote on a hardened DuckDB. No researcher's code ever runs here.

Answers one Arrow stream a statement, in order. An engine's error text can quote data, so it never leaves: one word.
"""

import cut
import handed
import launcher
import limits
import narrowing
import sealing
from hardened import arrow_stream, connect, result_statement, stream_of, word_of


def run(channel: launcher.Channel, job: dict, rows: bytes) -> None:
    connection = connect(job, [narrowing.sources(table) for table in job["tables"]])
    left = job["settings"]["output_bytes"]
    if "rows" in job:
        found = handed.take(connection, rows, job["rows"])
        channel.send("table", stream_of(handed.answer(found).to_reader(), left))
        if handed.fails(found):
            return
    if "cut" in job:
        channel.send("table", cut.cut(connection, job["cut"], left))
    for statement in job["statements"]:
        result = arrow_stream(connection, result_statement(connection, statement), left)
        left -= len(result)
        channel.send("table", result)


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
