"""The one writer of comma-separated values: every table that leaves the broker is written here. Pure."""

import csv
import io
from collections.abc import Iterable

from broker.domain.formulas import inert


def written_csv(columns: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = True) -> bytes:
    """UTF-8 with a header and lines that end in a line feed; no cell is a formula to a spreadsheet. Without `numbers`
    all cells are words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([inert(cell, numbers=numbers) for cell in row] for row in (columns, *rows))
    return text.getvalue().encode()
