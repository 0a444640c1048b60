"""Files of a script on their way to release: as they were left, as they were rebuilt, and how much of one is read. No
I/O."""

from dataclasses import dataclass

PARQUET, PNG, CSV = ".parquet", ".png", ".csv"
MEDIA_TYPES = {
    CSV: "text/csv",
    PARQUET: "text/csv",
    ".json": "application/json",
    ".txt": "text/plain",
    PNG: "image/png",
}
"""Media type of each kind of file when released, by its extension."""
DOCUMENT = "document"
"""Kind of the JSON files that the library `npd` writes next to files, and that the broker reads."""


@dataclass(frozen=True, slots=True)
class FileCaps:
    """Limits of one file for reading and writing. A file that exceeds one is withheld. Policy sets each limit.

    - `values`: cells of a table with its header, values of a JSON file, lines of a text or numbers in it
    - `cell`: characters of one cell, or of one text in a JSON file
    - `depth`: nesting of lists and objects
    - `made_bytes`: size of the rebuilt file
    - `pixels`: pixels of a picture as it was left; `side`: its longer side when released"""

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

    @property
    def cells(self) -> int:
        """Number of cells, with the header."""
        return len(self.columns) * (1 + len(self.rows))


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file to rebuild: the name under which it is released, its kind (an extension of `MEDIA_TYPES`, or `DOCUMENT`),
    and its bytes, which are opened inside a container only."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RebuiltFile:
    """A rebuilt file: the content to release, and the table in it, if there is one. `problem`: why it cannot be
    released, with a sentence. `size`: size of the original file."""

    name: str
    media_type: str
    size: int
    content: bytes | None
    sheet: TextTable | None = None
    problem: str | None = None
    sentence: str = ""
