"""Finds extract files in a folder by table and year, and reports problems. No value of a row appears in a problem."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from broker.domain.errors import Invalid
from broker.policy.data_catalogue import Catalogue, CatalogueTable

SENTENCES: dict[str, str] = {
    "unknown-file": "is nothing that the catalogue knows",
    "unknown-table": "names no table of the catalogue",
    "unknown-year": "is a year that the catalogue does not have for this table",
    "two-files": "is there twice for one year",
    "no-data": "holds no table of the catalogue",
    "unreadable": "cannot be read",
    "missing-column": "is missing",
    "unknown-column": "is not in the catalogue",
    "column-twice": "stands twice, in different case",
    "type": "has values of another type",
    "code": "has values outside its code list",
    "code-year": "has codes that do not exist in this year",
    "low": "has values below the catalogue's lowest",
    "high": "has values above the catalogue's highest",
    "missing": "is empty where the catalogue allows no missing value",
    "year": "has another year than its file",
    "key": "has keys with blanks, control characters or more than 64 characters",
    "rows-per-person": "has persons with more rows a year than the catalogue allows",
    "most": "has more different values than the catalogue allows",
    "unique-key": "has values that occur more than once",
}


@dataclass(frozen=True, slots=True)
class ExtractProblem:
    """One rule that a file breaks. `count` is the number of values, rows or persons of `column` (None: the whole
    file)."""

    file: str
    column: str | None
    rule: str
    count: int

    @property
    def sentence(self) -> str:
        place = self.file if self.column is None else f"{self.file}: {self.column}"
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{place} {SENTENCES[self.rule]}{times} [{self.rule}]"


class IngestRefused(Invalid):
    """The extracts cannot become a snapshot. Carries every problem of every file."""

    def __init__(self, problems: tuple[ExtractProblem, ...]) -> None:
        message = "; ".join(p.sentence for p in problems[:20])
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        super().__init__("ingest-refused", message + more + ".", problems[0].file)
        self.problems = problems


SYNTHETIC_MARK = "synthetic.json"
"""The file by which a producer declares that everything in the folder is synthetic."""

WITHOUT_YEAR = "all"
"""Replaces the year in the file name of a table without years."""

SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class Extract:
    """One file of one table and year; `name` is its path within the source folder."""

    table: CatalogueTable
    year: int | None
    path: Path
    name: str

    @property
    def label(self) -> str:
        return WITHOUT_YEAR if self.year is None else str(self.year)


def find_extracts(source: Path, catalogue: Catalogue) -> tuple[list[Extract], list[ExtractProblem]]:
    """Every extract, ordered by table and year, and a problem for everything else in the folder."""
    extracts: dict[tuple[str, str], Extract] = {}
    problems: list[ExtractProblem] = []
    for folder in sorted(source.iterdir()):
        if folder.name == SYNTHETIC_MARK and folder.is_file():
            continue
        table = catalogue.find(folder.name) if folder.is_dir() else None
        if table is None:
            rule = "unknown-table" if folder.is_dir() else "unknown-file"
            problems.append(ExtractProblem(folder.name, None, rule, 1))
            continue
        for path in sorted(folder.iterdir()):
            found = _extract(path, table)
            if isinstance(found, ExtractProblem):
                problems.append(found)
            # A CSV and a Parquet file of one year, for example.
            elif (table.full_name, found.label) in extracts:
                problems.append(ExtractProblem(found.name, None, "two-files", 1))
            else:
                extracts[table.full_name, found.label] = found
    if not extracts and not problems:
        problems.append(ExtractProblem(source.name, None, "no-data", 1))
    return [extracts[key] for key in sorted(extracts)], problems


def _extract(path: Path, table: CatalogueTable) -> Extract | ExtractProblem:
    name = f"{path.parent.name}/{path.name}"
    # int() also accepts other digits.
    is_label = path.stem == WITHOUT_YEAR if table.year is None else path.stem.isdecimal() and path.stem.isascii()
    if not is_label or not path.is_file() or path.suffix not in SUFFIXES:
        return ExtractProblem(name, None, "unknown-file", 1)
    if table.year is None:
        return Extract(table, None, path, name)
    year = int(path.stem)
    if year not in table.year.years or path.stem != str(year):  # "02022" is no year
        return ExtractProblem(name, None, "unknown-year", 1)
    return Extract(table, year, path, name)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
