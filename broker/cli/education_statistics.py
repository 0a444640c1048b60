"""Published tables out of data files of *explore education statistics*. A listing says which rows and columns of a file
are the figures of which recipe."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from broker.cli.output.console import read_input
from broker.domain.csv_text import write_csv
from broker.domain.errors import Invalid
from broker.domain.stated_values import Condition, Distinct

SYMBOLS = frozenset({"c", "k", "low", "u", "x", "z", ":", "~", ""})
"""What stands in a file for a figure that is not shown: confidential, rounds to 0, unreliable, not available, not
applicable, and older signs of these. None of them tells the figure."""

Named = Condition(bool, "{key!r} needs at least one entry.")


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table to register. `file` and `recipe` are names of files, from the folder of the listing. `rows`: by column of
    the file, the one value of the table's rows. `columns`: by column of the recipe, the column of the file. `codes`: by
    column of the recipe, the code of each label in the file."""

    name: str
    file: str
    recipe: str
    columns: Annotated[dict[str, str], Named]
    rows: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    rounding: str = ""
    dialect: str = "duckdb"


@dataclass(frozen=True, slots=True)
class Listing:
    """The tables of one publication: who published them and where, and the snapshot that they were made from."""

    source: str
    snapshot: str
    tables: Annotated[tuple[ListedTable, ...], Named, Distinct("table", "name")]


def table_requests(listing: Listing, folder: Path) -> Iterator[dict[str, str]]:
    """What is asked of the broker for each table. Raises Invalid, with the table's name, for the first table whose
    files do not fit its entry."""
    for table in listing.tables:
        try:
            figures = _figures(table, read_input(str(folder / table.file)))
            recipe = read_input(str(folder / table.recipe))
        except Invalid as error:
            raise Invalid(error.code, f"Table {table.name!r}: {error}", error.pointer) from error
        yield {
            "name": table.name, "source": listing.source, "snapshot": listing.snapshot, "dialect": table.dialect,
            "rounding": table.rounding, "recipe": recipe, "figures": figures,
        }  # fmt: skip


def _figures(table: ListedTable, text: str) -> str:
    """The rows of the table in the recipe's columns, as comma-separated text: codes for labels, and nothing for a
    figure that is not shown."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    there = reader.fieldnames or []
    for name in (*table.rows, *table.columns.values()):
        if name not in there:
            raise _wrong(table, f"{table.file} has no column {name!r}; it has {', '.join(there)}.")
    try:
        every = list(reader)
    except csv.Error as error:
        raise _wrong(table, f"{table.file} is not valid CSV after line {reader.line_num}.") from error
    if any(None in row or None in row.values() for row in every):
        raise _wrong(table, f"{table.file} has a line with more or fewer values than columns.")
    rows = [row for row in every if all(row[name] == value for name, value in table.rows.items())]
    if not rows:
        raise _wrong(table, f"{table.file} has no row with {', '.join(f'{k} = {v}' for k, v in table.rows.items())}.")
    return write_csv(
        table.columns, ([_cell(table, name, row[own]) for name, own in table.columns.items()] for row in rows)
    ).decode()


def _cell(table: ListedTable, name: str, text: str) -> str:
    codes = table.codes.get(name)
    if codes is None:
        return "" if text in SYMBOLS else text
    if text not in codes:
        raise _wrong(table, f"{table.columns[name]} is {text!r}, and `codes` of {name} have no code for it.")
    return codes[text]


def _wrong(table: ListedTable, sentence: str) -> Invalid:
    return Invalid("listing", sentence, table.file)
