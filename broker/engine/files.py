"""A script's files to one container of trusted code, and what they became. Opens none.

Their bytes were written by whoever wrote the script. So nothing of them is parsed in the broker: the container has no
data mounted, no network and limits, as a script has. What it tells is read strictly, and a table is written here.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import get_type_hints

from broker.domain.csv_text import written_csv
from broker.domain.errors import Breach
from broker.domain.files import CSV, DOCUMENT, MEDIA, PNG, FileCaps, LeftFile, MadeFile, Sheet
from broker.domain.ports import Collecting, SandboxEnd, SandboxRequest, SandboxResult
from broker.engine.verified import Frames, framed

IMAGE = "files"
NOTHING: tuple[str, ...] = ()
"""What it may read of the vault."""
HEAD = 4096
BEGINS = b"\x89PNG\r\n\x1a\n"
LIMIT = "Opening it took too much time or memory."


@dataclass(frozen=True, slots=True)
class Head:
    """What the container says of a file before its bytes: why there are none, how many there are, whether a table
    follows them."""

    problem: str
    sentence: str
    made: int
    sheet: bool


class ContainerCollector:
    """See `broker.domain.ports.Collector`."""

    def collect(
        self, files: Sequence[LeftFile], how: Collecting, run: Callable[[SandboxRequest], SandboxResult]
    ) -> tuple[MadeFile, ...]:
        if not files:
            return ()
        result = run(request(files, how))
        if result.end is not SandboxEnd.ENDED:
            return tuple(stays(file, "limit", LIMIT) for file in files)
        return read(result.frames, files, how.caps)


def request(files: Sequence[LeftFile], how: Collecting) -> SandboxRequest:
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
    frames = (("job", framed(job, b"".join(file.content for file in files))),)
    return SandboxRequest(how.job, how.attempt, IMAGE, how.mount, frames, how.limits, how.synthetic, NOTHING)


def read(frames: Frames, files: Sequence[LeftFile], caps: FileCaps) -> tuple[MadeFile, ...]:
    told = [payload for kind, payload in frames if kind == "file"]
    if len(told) != len(files) or any(kind not in {"file", "status"} for kind, _ in frames):
        raise Breach("The files' container returned other frames than one a file.")
    return tuple(_made(payload, file, caps) for payload, file in zip(told, files, strict=True))


def stays(file: LeftFile, problem: str, sentence: str) -> MadeFile:
    return MadeFile(file.name, MEDIA.get(file.kind, ""), len(file.content), None, None, problem, sentence)


def _made(payload: bytes, file: LeftFile, caps: FileCaps) -> MadeFile:
    head, _, body = payload.partition(b"\n")
    said = _head(head)
    if said.problem:
        return stays(file, said.problem, said.sentence)
    content, beside = body[: said.made], body[said.made :]
    sheet = _sheet(beside, caps) if said.sheet else None
    if file.kind == CSV or MEDIA.get(file.kind) == MEDIA[CSV]:
        content = b"" if sheet is None else written_csv(sheet.columns, sheet.rows)
    wrong = not content or len(content) > caps.made_bytes or (beside and sheet is None)
    if wrong or (file.kind == PNG and not content.startswith(BEGINS)):
        raise Breach("The files' container returned what no file becomes.")
    return MadeFile(file.name, MEDIA.get(file.kind, DOCUMENT), len(file.content), content, sheet)


def _head(head: bytes) -> Head:
    try:
        said = json.loads(head[:HEAD])
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or {key: type(value) for key, value in said.items()} != get_type_hints(Head):
        raise Breach("The files' container said other things of a file than it was asked.")
    return Head(**said)


def _sheet(text: bytes, caps: FileCaps) -> Sheet:
    """A table as the broker's own code wrote it in the container, of no more than that may have."""
    rows = list(_rows(text, caps))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Breach("The files' container returned no table.")
    return Sheet(rows[0], tuple(rows[1:]))


def _rows(text: bytes, caps: FileCaps) -> Iterator[tuple[str, ...]]:
    left = caps.values
    try:
        for row in csv.reader(io.StringIO(text.decode(), newline=""), strict=True):
            left -= len(row)
            if left < 0:
                raise Breach("The files' container returned a table that is too large.")
            yield tuple(row)
    except (csv.Error, UnicodeDecodeError) as fault:
        raise Breach("The files' container returned no table.") from fault
