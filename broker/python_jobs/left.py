"""What a script left, sorted: requests with their rows, descriptions of files, and plain files. Pure; opens no rows.

Names and bytes were made by a researcher's code. What is no whole pair of request and rows stays a plain file, and the
collector judges it as it judges every other.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.python_jobs.claims import FILE, Claims, claims_of

REQUEST = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,50})\.(table|regression|figure)\.json", re.ASCII)
ROWS = ".rows.arrow"
ABOUT = ".about.json"
LONGEST = 500
Frame = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class LeftRequest:
    """`kind` is `table`, `regression` or `figure`; a figure has no rows."""

    name: str
    kind: str
    request: bytes
    rows: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """`files` are frames for the collector; `described` are the script's words about files, by name, `claims`
    those of its own acro."""

    requests: tuple[LeftRequest, ...]
    files: tuple[Frame, ...]
    described: Mapping[str, str]
    claims: Claims = field(default_factory=dict)


def sort_left(frames: Sequence[Frame]) -> Left:
    files = [(_name(payload), payload) for kind, payload in frames if kind == "file"]
    contents = {name: payload.partition(b"\n")[2] for name, payload in files if name is not None}
    requests = tuple(r for name in sorted(contents) if (r := _request(name, contents)) is not None)
    taken = {n for r in requests for n in (f"{r.name}.{r.kind}.json", r.name + ROWS)}
    abouts = {n for n in contents if n.endswith(ABOUT) and n.removesuffix(ABOUT) in contents}
    kept = [p for name, p in files if name is None or name not in taken | abouts | {FILE}]
    described = {n.removesuffix(ABOUT): _description(contents[n]) for n in abouts}
    return Left(requests, tuple(("file", p) for p in kept), described, claims_of(contents.get(FILE)))


def named(frame: Frame) -> tuple[str | None, bytes]:
    """A file's name, as the frame says it, and its content."""
    return _name(frame[1]), frame[1].partition(b"\n")[2]


def _name(payload: bytes) -> str | None:
    try:
        said = json.loads(payload.partition(b"\n")[0][:1024])
    except (ValueError, RecursionError):
        return None
    name = said.get("name") if isinstance(said, dict) else None
    return name if isinstance(name, str) else None


def _request(name: str, contents: Mapping[str, bytes]) -> LeftRequest | None:
    found = REQUEST.fullmatch(name)
    if found is None or (found[2] != "figure" and found[1] + ROWS not in contents):
        return None
    rows = b"" if found[2] == "figure" else contents[found[1] + ROWS]
    return LeftRequest(found[1], found[2], contents[name], rows)


def _description(content: bytes) -> str:
    """The library's `{"description": text}`; anything else describes nothing."""
    try:
        said = json.loads(content[: 8 * LONGEST])
    except (ValueError, RecursionError):
        return ""
    text = said.get("description") if isinstance(said, dict) else None
    return text if isinstance(text, str) and len(text) <= LONGEST and text.isprintable() else ""
