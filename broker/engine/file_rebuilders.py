"""Rebuilds a script's files: in a container of trusted code, or in this process for rehearsals."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import get_type_hints

from broker.domain.csv_text import write_csv
from broker.domain.errors import Breach, Invalid
from broker.domain.jobs.script_files import CSV, DOCUMENT, MEDIA_TYPES, PNG, FileCaps, RawFile, RebuiltFile, TextTable
from broker.domain.ports import RebuildRequest, SandboxEnd, SandboxRequest, SandboxRunner
from broker.engine.script_rows_verification import Frames, framed_job
from broker.python_jobs.sanitised_files import sanitise_document, sanitise_file

FILES_IMAGE = "files"
NO_VAULT_FILES: tuple[str, ...] = ()
"""The vault files that the container may read: none."""
LONGEST_HEAD = 4096
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LIMIT_SENTENCE = "Opening it took too much time or memory."
JOB_VALUES_SENTENCE = "With this file, the files of the job have more values than those of one job may have."
WORD = re.compile(rb"[^\s,;|:=\[\]{}]+")
"""A value of a text or JSON file, as its lines are split for flags."""


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the container reports about a file before its bytes: a problem if there are none, their number, and whether
    a table follows."""

    problem: str
    sentence: str
    made: int
    sheet: bool


class ContainerRebuilder:
    """See `broker.domain.ports.FileRebuilder`."""

    def rebuild(self, files: Sequence[RawFile], how: RebuildRequest, runner: SandboxRunner) -> tuple[RebuiltFile, ...]:
        if not files:
            return ()
        result = runner.run(container_request(files, how))
        if result.end is not SandboxEnd.ENDED:
            return tuple(rejected_file(file, "limit", LIMIT_SENTENCE) for file in files)
        return read_files(result.frames, files, how.caps, how.job_values)


def container_request(files: Sequence[RawFile], how: RebuildRequest) -> SandboxRequest:
    job = {
        "kind": "files",
        "tables": [],
        "files": [{"kind": file.kind, "bytes": len(file.content)} for file in files],
        "caps": asdict(how.caps),
        "digits": how.digits,
        "seconds": {"file": how.file_seconds, "job": how.limits.wall_seconds},
        "memory": how.file_memory_bytes,
        "settings": asdict(how.limits),
    }
    frames = (("job", framed_job(job, b"".join(file.content for file in files))),)
    return SandboxRequest(
        how.job, how.attempt, FILES_IMAGE, how.mount, frames, how.limits, how.synthetic, NO_VAULT_FILES
    )


def read_files(frames: Frames, files: Sequence[RawFile], caps: FileCaps, job_values: int) -> tuple[RebuiltFile, ...]:
    """The rebuilt files. A file for whose values the job's `job_values` leave no room is rejected; smaller ones after
    it still go. Raises Breach for an answer that the container's own code would not give."""
    payloads = [payload for kind, payload in frames if kind == "file"]
    # The container's answer is not trusted more than a file.
    if len(payloads) != len(files) or any(kind not in {"file", "status"} for kind, _ in frames):
        raise Breach("The files' container returned other frames than one a file.")
    answers = iter(payloads)
    return _within_job(files, job_values, lambda file, left: _rebuilt_file(next(answers), file, caps, left))


def _within_job(
    files: Sequence[RawFile], values: int, rebuilt: Callable[[RawFile, int], RebuiltFile]
) -> tuple[RebuiltFile, ...]:
    """`rebuilt` of each file and of the values that the files before it leave to the job. It raises Invalid for a file
    that cannot be released."""
    made: list[RebuiltFile] = []
    for file in files:
        try:
            one = rebuilt(file, values)
            number = _values(one)
            if number > values:
                raise Invalid("size", JOB_VALUES_SENTENCE)
        except Invalid as wrong:
            one, number = rejected_file(file, wrong.code, wrong.message), 0
        values -= number
        made.append(one)
    return tuple(made)


def _values(file: RebuiltFile) -> int:
    if file.sheet is not None:
        return file.sheet.cells
    if file.content is None or file.media_type == MEDIA_TYPES[PNG]:
        return 0
    return sum(1 for _ in WORD.finditer(file.content))


def rejected_file(file: RawFile, problem: str, sentence: str) -> RebuiltFile:
    return RebuiltFile(file.name, MEDIA_TYPES.get(file.kind, ""), len(file.content), None, None, problem, sentence)


def _rebuilt_file(payload: bytes, file: RawFile, caps: FileCaps, left: int) -> RebuiltFile:
    head, _, body = payload.partition(b"\n")
    said = _head(head)
    if said.problem:
        return rejected_file(file, said.problem, said.sentence)
    content, sheet_text = body[: said.made], body[said.made :]
    sheet = _sheet(sheet_text, caps, left) if said.sheet else None
    if file.kind == CSV or MEDIA_TYPES.get(file.kind) == MEDIA_TYPES[CSV]:  # the broker writes every table itself
        content = b"" if sheet is None else write_csv(sheet.columns, sheet.rows)
    wrong = not content or len(content) > caps.made_bytes or (sheet_text and sheet is None)
    if wrong or (file.kind == PNG and not content.startswith(PNG_SIGNATURE)):
        raise Breach("The files' container returned what no file becomes.")
    return RebuiltFile(file.name, MEDIA_TYPES.get(file.kind, DOCUMENT), len(file.content), content, sheet)


def _head(head: bytes) -> FileHead:
    try:
        said = json.loads(head[:LONGEST_HEAD])  # bounded: the head is untrusted
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or {key: type(value) for key, value in said.items()} != get_type_hints(FileHead):
        raise Breach("The files' container returned other facts about a file than were requested.")
    return FileHead(**said)


def _sheet(text: bytes, caps: FileCaps, left: int) -> TextTable:
    """A table as the broker's own code wrote it in the container. Raises Breach if it is larger than `caps` allows, or
    is no table, and Invalid("size") if it has more cells than are `left` to the job."""
    rows = list(_rows(text, caps, left))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Breach("The files' container returned no table.")
    return TextTable(rows[0], tuple(rows[1:]))


def _rows(text: bytes, caps: FileCaps, left: int) -> Iterator[tuple[str, ...]]:
    cells = 0
    try:
        for row in csv.reader(io.StringIO(text.decode(), newline=""), strict=True):
            # Counted while reading: a huge table must not fill the memory first.
            cells += len(row)
            if cells > caps.values:
                raise Breach("The files' container returned a table that is too large.")
            if cells > left:
                raise Invalid("size", JOB_VALUES_SENTENCE)
            yield tuple(row)
    except (csv.Error, UnicodeDecodeError) as fault:
        raise Breach("The files' container returned no table.") from fault


PARQUET_SENTENCE = "A Parquet file is opened in a container only, and here is none."


class InProcessRebuilder:
    """See `broker.domain.ports.FileRebuilder`. A picture becomes an empty file, because nothing reads it in a
    rehearsal."""

    def rebuild(self, files: Sequence[RawFile], how: RebuildRequest, runner: SandboxRunner) -> tuple[RebuiltFile, ...]:
        return _within_job(files, how.job_values, lambda file, _: rebuild_in_process(file, how))


def rebuild_in_process(file: RawFile, how: RebuildRequest) -> RebuiltFile:
    size, media = len(file.content), MEDIA_TYPES.get(file.kind, DOCUMENT)
    match file.kind:
        case "document":
            return RebuiltFile(file.name, media, size, sanitise_document(file.content, how.caps))
        case ".png":
            return RebuiltFile(file.name, media, size, b"")
        case ".parquet":
            return rejected_file(file, "type", PARQUET_SENTENCE)
    made = sanitise_file(file.kind, file.content, how.digits, how.caps)
    return RebuiltFile(file.name, media, size, made.content, made.sheet)
