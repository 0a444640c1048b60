"""Sorts the files of a script by name: requests with rows, files, and claims of acro. Pure; opens no rows."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.domain.jobs.script_files import DOCUMENT, MEDIA_TYPES, PARQUET, PNG, RawFile, TextTable
from broker.policy.service_limits import ServiceLimits

MAX_CLAIMS, MAX_CLAIM_TEXT = 100, 500
CLAIM_FIELDS = ("status", "type", "summary", "exception", "command")
"""Fields of an entry that are shown, as short texts."""
Claims = Mapping[str, Mapping[str, str]]


def acro_claims(content: bytes | None) -> Claims:
    """Claims of acro by file name, from its sanitised JSON. Unreadable content claims nothing."""
    results = _json_object(content or b"").get("results")
    entries = list(results.values())[:MAX_CLAIMS] if isinstance(results, dict) else []
    return {name: _claim_texts(entry) for entry in entries if isinstance(entry, dict) for name in _claimed_files(entry)}


def _json_object(content: bytes) -> Mapping[str, Any]:
    """The object that a file of a script says; empty if it says anything else."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _claimed_files(entry: Mapping[str, Any]) -> Iterator[str]:
    files = entry.get("files")
    for file in files if isinstance(files, list) else []:
        name = file.get("name") if isinstance(file, dict) else None
        if isinstance(name, str) and len(name) <= MAX_CLAIM_TEXT:
            yield name.rpartition("/")[2]  # without acro's folder


def _claim_texts(entry: Mapping[str, Any]) -> dict[str, str]:
    found = {key: entry.get(key) for key in CLAIM_FIELDS}
    return {
        key: " ".join(value[:MAX_CLAIM_TEXT].split())  # a claim is text of a script, so its length is limited
        for key, value in found.items()
        if isinstance(value, str) and value
    }


FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,50}\.[a-z0-9]{1,8}", re.ASCII)
"""File names with one extension and without hidden files. No path, shell, header or page can misread them."""
REQUEST_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,50})\.(table|regression|figure)\.json", re.ASCII)
ROWS_SUFFIX = ".rows.arrow"
ABOUT_SUFFIX = ".about.json"
CLAIMS_FILE = "results.json"
RESERVED_FILES = frozenset({"manifest.json", CLAIMS_FILE, "ro-crate-metadata.json"})
"""Names of files that the broker itself writes next to released files."""
MAX_DESCRIPTION = 500
UNDECLARED = "undeclared"
OutputFrame = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request file with its rows. `kind` is `table`, `regression` or `figure`; a figure has no rows."""

    name: str
    kind: str
    request: bytes
    rows: bytes

    @property
    def names(self) -> tuple[str, str]:
        """Names of its two files."""
        return f"{self.name}.{self.kind}.json", self.name + ROWS_SUFFIX

    @property
    def released_name(self) -> str:
        return f"{self.name}.{'svg' if self.kind == 'figure' else 'csv'}"


@dataclass(frozen=True, slots=True)
class WithheldFile:
    """A file that nobody reads, with the reason and its size in bytes. `name` is one that staff may see."""

    name: str
    problem: str
    size: int


@dataclass(frozen=True, slots=True)
class RawOutputs:
    """Sorted outputs. `files` are declared and within the size limits. `documents` are JSON files that are read with
    them, under their original names. `withheld` is everything else."""

    requests: tuple[RawRequest, ...]
    files: tuple[RawFile, ...]
    documents: tuple[RawFile, ...]
    withheld: tuple[WithheldFile, ...]

    def requests_only(self) -> "RawOutputs":
        """The outputs without files: only what the broker computes."""
        names = {r.names[0] for r in self.requests}
        return RawOutputs(self.requests, (), tuple(d for d in self.documents if d.name in names), ())


def sort_outputs(frames: Sequence[OutputFrame], declared: Sequence[str], service: ServiceLimits) -> RawOutputs:
    """Sort the files of a script. `declared`: the outputs of the header, by the names under which they are released."""
    named, withheld = _named_contents(frames)
    spelled = {name.casefold(): name for name in declared}
    every = [r for name in sorted(named) if (r := _raw_request(name, named)) is not None]
    requests = [r for r in every if r.name.casefold() in {name.rpartition(".")[0] for name in spelled}]
    withheld += [
        WithheldFile(r.released_name, UNDECLARED, len(r.request) + len(r.rows)) for r in every if r not in requests
    ]
    request_files = {r.names[0] for r in requests}
    abouts = {n for n in named if n.endswith(ABOUT_SUFFIX) and n.removesuffix(ABOUT_SUFFIX) in named}
    others = sorted(named.keys() - {n for r in every for n in r.names} - abouts - {CLAIMS_FILE})
    received = (_raw_file(name, n, named, spelled, service) for n, name in enumerate(others, start=1))
    sorted_out = list(_within_job(received, service.max_job_file_bytes))
    files = tuple(one for one in sorted_out if isinstance(one, RawFile))
    file_names = {file.name for file in files}
    said = {n for n in abouts if spelled.get(released_name(n.removesuffix(ABOUT_SUFFIX)).casefold()) in file_names}
    read = sorted(request_files | said | ({CLAIMS_FILE} & named.keys()))
    # a larger document is not read
    documents = (RawFile(n, DOCUMENT, named[n]) for n in read if len(named[n]) <= service.max_document_bytes)
    withheld += [one for one in sorted_out if isinstance(one, WithheldFile)]
    return RawOutputs(tuple(requests), files, tuple(documents), tuple(withheld))


def _named_contents(frames: Sequence[OutputFrame]) -> tuple[dict[str, bytes], list[WithheldFile]]:
    """Contents by name, and files whose name is not allowed."""
    found: dict[str, bytes] = {}
    withheld = []
    # sorted by content, so that the numbering does not depend on the script's order
    for number, payload in enumerate(sorted(payload for kind, payload in frames if kind == "file"), start=1):
        head, _, content = payload.partition(b"\n")
        name = frame_name(head)
        if name is None or name in found:
            withheld.append(_withheld_name(number, content))
        else:
            found[name] = content
    return found, withheld


def _withheld_name(number: int, content: bytes) -> WithheldFile:
    """A file whose name is not allowed. The name is not shown either, because it can carry data."""
    return WithheldFile(f"withheld-{number}", "name", len(content))


def frame_name(head: bytes) -> str | None:
    """The name in the head of a frame, if the library or a file may use it; None otherwise."""
    said = _json_object(head[:1024])
    name = said.get("name")
    if not isinstance(name, str) or len(said) > 1:  # no other key is allowed
        return None
    bare = name.removesuffix(ABOUT_SUFFIX)
    is_submitted = (
        REQUEST_NAME.fullmatch(name)
        or FILE_NAME.fullmatch(name.removesuffix(ROWS_SUFFIX) + ".x")
        or name == CLAIMS_FILE
    )
    return name if is_submitted or (FILE_NAME.fullmatch(bare) and bare not in RESERVED_FILES) else None


def released_name(name: str) -> str:
    """Name under which a file is released. A table is always released as text that checkers can read."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.csv" if f"{dot}{ending}".lower() == PARQUET else name


def _raw_request(name: str, named: Mapping[str, bytes]) -> RawRequest | None:
    found = REQUEST_NAME.fullmatch(name)
    if found is None or (found[2] != "figure" and found[1] + ROWS_SUFFIX not in named):
        return None
    rows = b"" if found[2] == "figure" else named[found[1] + ROWS_SUFFIX]
    return RawRequest(found[1], found[2], named[name], rows)


def _raw_file(
    name: str, number: int, named: Mapping[str, bytes], spelled: Mapping[str, str], service: ServiceLimits
) -> RawFile | WithheldFile:
    """Sort one file. A Parquet file next to a CSV of the same name is withheld, because both would be one output."""
    content, ending, leaving = named[name], f".{name.rpartition('.')[2]}", released_name(name)
    if not FILE_NAME.fullmatch(name):
        return _withheld_name(len(named) + number, content)
    if ending not in service.allowed_files or ending not in MEDIA_TYPES or (leaving != name and leaving in named):
        return WithheldFile(name, "type", len(content))
    if leaving.casefold() not in spelled:
        return WithheldFile(name, UNDECLARED, len(content))
    if len(content) > (service.max_file_bytes if ending in {PARQUET, PNG} else service.max_text_bytes):
        return WithheldFile(name, "size", len(content))
    return RawFile(spelled[leaving.casefold()], ending, content)


def _within_job(files: Iterable[RawFile | WithheldFile], most: int) -> Iterator[RawFile | WithheldFile]:
    """Withhold the files for which `most` bytes of all files of the job leave no room. Smaller ones after them still
    go."""
    left = most
    for file in files:
        if isinstance(file, RawFile) and len(file.content) > left:
            yield WithheldFile(file.name, "size", len(file.content))
            continue
        left -= len(file.content) if isinstance(file, RawFile) else 0
        yield file


def file_description(content: bytes) -> str:
    """Description in the library's `{"description": text}`; "" for anything else."""
    # reads no more than a valid description needs
    text = _json_object(content[: 8 * MAX_DESCRIPTION]).get("description")
    return text if isinstance(text, str) and len(text) <= MAX_DESCRIPTION and text.isprintable() else ""


MAX_SHOWN_TEXT = 80


def sheet_facts(sheet: TextTable) -> dict[str, object]:
    columns = list(zip(*sheet.rows, strict=True)) if sheet.rows else [()] * len(sheet.columns)
    found = [_column_facts(name, cells) for name, cells in zip(sheet.columns, columns, strict=True)]
    return {"table": True, "rows": len(sheet.rows), "columns": found}


def _column_facts(name: str, cells: Sequence[str]) -> dict[str, object]:
    """Number of filled and distinct cells, and the minimum and maximum: by number if all cells are numbers, otherwise
    by spelling."""
    filled = [cell for cell in cells if cell]
    numeric = all(_is_number(cell) for cell in filled)
    ordered = sorted(filled, key=float if numeric else None)
    low, high = (ordered[0][:MAX_SHOWN_TEXT], ordered[-1][:MAX_SHOWN_TEXT]) if ordered else (None, None)
    return {"name": name[:MAX_SHOWN_TEXT], "filled": len(filled), "distinct": len(set(filled)), "min": low, "max": high}


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
