"""A script's files on their way out: as they were left, as they are made anew, and how much of one is read. No I/O."""

from dataclasses import dataclass

PARQUET, PNG, CSV = ".parquet", ".png", ".csv"
MEDIA_TYPES = {
    CSV: "text/csv",
    PARQUET: "text/csv",
    ".json": "application/json",
    ".txt": "text/plain",
    PNG: "image/png",
}
"""What each kind of file leaves as, by its ending."""
UNKNOWN_MEDIA_TYPE = "application/octet-stream"
DOCUMENT = "document"
"""The kind of what the library `npd` leaves beside files: JSON that the broker reads."""


@dataclass(frozen=True, slots=True)
class FileCaps:
    """How much of one file is read and written: whatever has one more of anything stays. Policy says each.

    values     cells of a table with its header, values of a JSON, lines of a text or numbers in it
    cell       characters of one cell, or of one text in a JSON
    depth      lists and objects within one another
    made_bytes what a file may come to when it is made anew
    pixels     of a picture as it was left; `side` of it as it leaves
    """

    rows: int
    columns: int
    values: int
    cell: int
    depth: int
    made_bytes: int
    pixels: int
    side: int


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts and numbers as they are written, in the broker's order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RawFile:
    """One that is to be made anew: the name that it leaves under, what it is (an ending of `MEDIA`, or `DOCUMENT`), and
    its bytes, which nobody opens outside a container."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RebuiltFile:
    """A file made anew: what could leave, and the table in it, if it is one. `problem` is why nothing can leave, with a
    sentence; `size` is that of the file as it was left."""

    name: str
    media_type: str
    size: int
    content: bytes | None
    sheet: TextTable | None = None
    problem: str | None = None
    sentence: str = ""
