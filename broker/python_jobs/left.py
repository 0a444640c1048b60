"""What a script left, sorted by name: requests with their rows, what is said of files, and files. Pure; opens nothing.

Names and bytes were made by a researcher's code. A file that the header does not name, or that is too large, stays
where it is before anything reads it; what is no whole pair of request and rows stays, too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.files import DOCUMENT, MEDIA, PARQUET, PNG, LeftFile
from broker.policy.service import Service

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,50}\.[a-z0-9]{1,8}", re.ASCII)
"""One ending, no hidden files, nothing that a path, a shell, a header or a page could read as its own."""
REQUEST = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,50})\.(table|regression|figure)\.json", re.ASCII)
ROWS = ".rows.arrow"
ABOUT = ".about.json"
CLAIMS = "results.json"
RESERVED = frozenset({"manifest.json", CLAIMS, "ro-crate-metadata.json"})
"""Names of what the broker itself writes beside released files."""
LONGEST = 500
UNDECLARED = "undeclared"
Frame = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class LeftRequest:
    """`kind` is `table`, `regression` or `figure`; a figure has no rows."""

    name: str
    kind: str
    request: bytes
    rows: bytes

    @property
    def names(self) -> tuple[str, str]:
        """Of its two files."""
        return f"{self.name}.{self.kind}.json", self.name + ROWS

    @property
    def leaves_as(self) -> str:
        return f"{self.name}.{'svg' if self.kind == 'figure' else 'csv'}"


@dataclass(frozen=True, slots=True)
class Stayed:
    """A file that nobody reads: why, and of how many bytes. `name` is one that may be shown to staff."""

    name: str
    problem: str
    size: int


@dataclass(frozen=True, slots=True)
class Left:
    """`files` are declared and small enough; `documents` are JSON that is read beside them, by the name that each was
    left under; `stayed` is everything else."""

    requests: tuple[LeftRequest, ...]
    files: tuple[LeftFile, ...]
    documents: tuple[LeftFile, ...]
    stayed: tuple[Stayed, ...]

    def without_files(self) -> "Left":
        """What the broker computes of, and nothing else."""
        names = {r.names[0] for r in self.requests}
        return Left(self.requests, (), tuple(d for d in self.documents if d.name in names), ())


def sort_left(frames: Sequence[Frame], declared: Sequence[str], service: Service) -> Left:
    """`declared` are the outputs of the header, by the names that they leave under."""
    named, stayed = _named(frames)
    spelled = {name.casefold(): name for name in declared}
    every = [r for name in sorted(named) if (r := _request(name, named)) is not None]
    requests = [r for r in every if r.name.casefold() in {name.rpartition(".")[0] for name in spelled}]
    stayed += [Stayed(r.leaves_as, UNDECLARED, len(r.request) + len(r.rows)) for r in every if r not in requests]
    asked = {r.names[0] for r in requests}
    abouts = {n for n in named if n.endswith(ABOUT) and n.removesuffix(ABOUT) in named}
    others = sorted(named.keys() - {n for r in every for n in r.names} - abouts - {CLAIMS})
    sorted_out = [_file(name, n, named, spelled, service) for n, name in enumerate(others, start=1)]
    files = tuple(one for one in sorted_out if isinstance(one, LeftFile))
    kept = {file.name for file in files}
    said = {n for n in abouts if spelled.get(leaves_as(n.removesuffix(ABOUT)).casefold()) in kept}
    read = sorted(asked | said | ({CLAIMS} & named.keys()))
    documents = (LeftFile(n, DOCUMENT, named[n]) for n in read if len(named[n]) <= service.max_document_bytes)
    stayed += [one for one in sorted_out if isinstance(one, Stayed)]
    return Left(tuple(requests), files, tuple(documents), tuple(stayed))


def _named(frames: Sequence[Frame]) -> tuple[dict[str, bytes], list[Stayed]]:
    """Contents by name, and those without a name that any file may have."""
    found: dict[str, bytes] = {}
    stayed = []
    for number, payload in enumerate(sorted(payload for kind, payload in frames if kind == "file"), start=1):
        head, _, content = payload.partition(b"\n")
        name = name_of(head)
        if name is None or name in found:
            stayed.append(_nameless(number, content))
        else:
            found[name] = content
    return found, stayed


def _nameless(number: int, content: bytes) -> Stayed:
    """A name that may not be used may not be shown either: it can carry data."""
    return Stayed(f"withheld-{number}", "name", len(content))


def name_of(head: bytes) -> str | None:
    """The name that a frame says, if it is one that the library or a file may have."""
    try:
        said = json.loads(head[:1024])
    except (ValueError, RecursionError):
        return None
    name = said.get("name") if isinstance(said, dict) and set(said) == {"name"} else None
    if not isinstance(name, str):
        return None
    bare = name.removesuffix(ABOUT)
    handed = REQUEST.fullmatch(name) or NAME.fullmatch(name.removesuffix(ROWS) + ".x") or name == CLAIMS
    return name if handed or (NAME.fullmatch(bare) and bare not in RESERVED) else None


def leaves_as(name: str) -> str:
    """A table leaves as text, which checkers can read as it is, whatever it was written as."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.csv" if f"{dot}{ending}".lower() == PARQUET else name


def _request(name: str, named: Mapping[str, bytes]) -> LeftRequest | None:
    found = REQUEST.fullmatch(name)
    if found is None or (found[2] != "figure" and found[1] + ROWS not in named):
        return None
    rows = b"" if found[2] == "figure" else named[found[1] + ROWS]
    return LeftRequest(found[1], found[2], named[name], rows)


def _file(
    name: str, number: int, named: Mapping[str, bytes], spelled: Mapping[str, str], service: Service
) -> LeftFile | Stayed:
    """A Parquet file that has a CSV of its name beside it stays: both would be one output."""
    content, ending, leaving = named[name], f".{name.rpartition('.')[2]}", leaves_as(name)
    if not NAME.fullmatch(name):
        return _nameless(len(named) + number, content)
    if ending not in service.allowed_files or ending not in MEDIA or (leaving != name and leaving in named):
        return Stayed(name, "type", len(content))
    if leaving.casefold() not in spelled:
        return Stayed(name, UNDECLARED, len(content))
    if len(content) > (service.max_file_bytes if ending in {PARQUET, PNG} else service.max_text_bytes):
        return Stayed(name, "size", len(content))
    return LeftFile(spelled[leaving.casefold()], ending, content)


def description_of(content: bytes) -> str:
    """The library's `{"description": text}`; anything else describes nothing."""
    try:
        said = json.loads(content[: 8 * LONGEST])
    except (ValueError, RecursionError):
        return ""
    text = said.get("description") if isinstance(said, dict) else None
    return text if isinstance(text, str) and len(text) <= LONGEST and text.isprintable() else ""
