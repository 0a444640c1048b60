"""The `files` image: opens what a script left, and makes it anew. No data are mounted, and no researcher's code runs.

Answers one frame a file, in order: what became of it in one line of JSON, then the bytes. A format that is no text is
opened in a process of its own, and what that one tells is made anew in another: whoever took the first over could say
no more than a text, or pixels, of the script's own.
"""

import json
import time
from collections.abc import Iterator
from functools import partial

import launcher
import limits
import narrowing
import parquet
import picture
import sealing
from opening import Room, apart

from broker.domain.csv_text import write_csv
from broker.domain.errors import Invalid
from broker.domain.jobs.script_files import CSV, DOCUMENT, PARQUET, PNG, FileCaps
from broker.python_jobs.sanitised_files import sanitise_document, sanitise_file

SPARE = 4096
"""Bytes in front of what a file came to."""
OPENING = 0.9
"""The part of a job's time in which files are opened: what came of them until then leaves in the rest."""
SLOW = 4
"""By the clock a file may take so many times what it may take of a processor: others work beside it."""


def run(channel: launcher.Channel, job: dict, content: bytes) -> None:
    caps, left = FileCaps(**job["caps"]), job["settings"]["output_bytes"]
    end = time.monotonic() + OPENING * job["seconds"]["job"]
    for kind, piece in pieces(job["files"], content):
        until = min(end, time.monotonic() + SLOW * job["seconds"]["file"])
        answer = opened(channel, job, caps, kind, piece, until) or told("limit", "Opening it took too much.")
        if len(answer) > left:
            answer = told("size", "The files of this job come to too much.")
        left -= len(answer)
        channel.send("file", answer)


def pieces(files: list[dict], content: bytes) -> Iterator[tuple[str, memoryview]]:
    rest = memoryview(content)
    for file in files:
        yield file["kind"], rest[: file["bytes"]]
        rest = rest[file["bytes"] :]


def opened(
    channel: launcher.Channel, job: dict, caps: FileCaps, kind: str, piece: memoryview, until: float
) -> bytes | None:
    """What became of one file; None where a process of its own did not come to an end."""
    done = partial(apart, channel, Room(until, job["seconds"]["file"], job["memory"]))
    if kind == PNG:
        pixels = done(partial(picture.pixels, piece, caps.pixels, caps.side), 3 * caps.side**2 + SPARE)
        return told("type") if not pixels else done(lambda: told(made=picture.drawn(pixels)), caps.made_bytes + SPARE)
    if kind == PARQUET:
        text = done(partial(parquet.text_of, piece, job["caps"]), 4 * caps.made_bytes)
        return told("type") if not text else done(partial(remade, CSV, text, job["digits"], caps), most(caps))
    return done(partial(remade, kind, bytes(piece), job["digits"], caps), most(caps))


def most(caps: FileCaps) -> int:
    """A file, and the table in it beside."""
    return 2 * caps.made_bytes + SPARE


def remade(kind: str, content: bytes, digits: int, caps: FileCaps) -> bytes:
    try:
        if kind == DOCUMENT:
            return told(made=sanitise_document(content, caps))
        made = sanitise_file(kind, content, digits, caps)
    except Invalid as wrong:
        return told(wrong.code, wrong.message)
    if made.sheet is None:
        return told(made=made.content)
    beside = made.content if kind == CSV else write_csv(made.sheet.columns, made.sheet.rows)
    return told(made=b"" if kind == CSV else made.content, sheet=beside)


def told(problem: str = "", sentence: str = "", made: bytes = b"", sheet: bytes | None = None) -> bytes:
    """Of a CSV the table is all that there is; of a JSON that is one, it stands beside."""
    head = {"problem": problem, "sentence": sentence, "made": len(made), "sheet": sheet is not None}
    return json.dumps(head).encode() + b"\n" + made + (sheet or b"")


def main() -> None:
    sealing.seal()
    channel = launcher.Channel()
    channel.ready("files")
    job, content = launcher.job_and_rows(channel.receive(1)[0][1])
    narrowing.narrowed(job)
    limits.limit(job["settings"], limits.own_tasks())
    launcher.watch(channel, job["settings"]["wall_seconds"])
    try:
        run(channel, job, content)
    except MemoryError:
        channel.last("memory_limit")
    except BaseException:
        channel.last("engine_error")
    channel.last("ended")


if __name__ == "__main__":
    main()
