"""Finds extracts in a folder by table and year. Reads names only, never content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from broker.policy.catalogue import Catalogue
from broker.policy.tables import Table
from broker.vault.problems import Problem

SYNTHETIC_MARK = "synthetic.json"
"""The file by which a producer says that everything in the folder is synthetic."""

WHOLE = "all"
"""What stands for the year in the file name of a table without a year axis."""

SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class Extract:
    """One file of one table and year; `name` is its path in the source folder."""

    table: Table
    year: int | None
    path: Path
    name: str

    @property
    def label(self) -> str:
        return WHOLE if self.year is None else str(self.year)


def find_extracts(source: Path, catalogue: Catalogue) -> tuple[list[Extract], list[Problem]]:
    """Every extract, ordered by table and year, and a problem for everything else that lies there."""
    extracts: dict[tuple[str, str], Extract] = {}
    problems: list[Problem] = []
    for folder in sorted(source.iterdir()):
        if folder.name == SYNTHETIC_MARK and folder.is_file():
            continue
        table = catalogue.find(folder.name) if folder.is_dir() else None
        if table is None:
            rule = "unknown-table" if folder.is_dir() else "unknown-file"
            problems.append(Problem(folder.name, None, rule, 1))
            continue
        for path in sorted(folder.iterdir()):
            found = _extract(path, table)
            if isinstance(found, Problem):
                problems.append(found)
            elif (table.full_name, found.label) in extracts:
                problems.append(Problem(found.name, None, "two-files", 1))
            else:
                extracts[table.full_name, found.label] = found
    if not extracts and not problems:
        problems.append(Problem(source.name, None, "no-data", 1))
    return [extracts[key] for key in sorted(extracts)], problems


def _extract(path: Path, table: Table) -> Extract | Problem:
    name = f"{path.parent.name}/{path.name}"
    if not path.is_file() or path.suffix not in SUFFIXES:
        return Problem(name, None, "unknown-file", 1)
    if table.year is None:
        return Extract(table, None, path, name) if path.stem == WHOLE else Problem(name, None, "unknown-file", 1)
    if not path.stem.isdecimal() or not path.stem.isascii():
        return Problem(name, None, "unknown-file", 1)
    year = int(path.stem)
    if year not in table.year.years or path.stem != str(year):
        return Problem(name, None, "unknown-year", 1)
    return Extract(table, year, path, name)


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
