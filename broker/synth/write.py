"""Writes the tables as a delivery: Parquet, one folder a table, columns in the catalogue's order. Invents nothing."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from broker.domain.errors import Invalid
from broker.policy.tables import Table
from broker.synth.columns import Columns, same

MARK = "synthetic.json"


def prepare(out: Path) -> None:
    """The folder must be new or empty: a delivery is never mixed with another."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Invalid("synth.folder_not_empty", f"{out} exists and is not an empty folder.", str(out))
    out.mkdir(parents=True, exist_ok=True)


def write_table(out: Path, table: Table, year: int | None, columns: Columns) -> int:
    """One file; the year column is filled from the catalogue's own way of writing years. Returns the rows."""
    rows = len(next(iter(columns.values())))
    if table.year is not None and year is not None:
        columns = columns | {table.year.variable: _year_column(table.year.format.write(year), rows)}
    missing = [v.name for v in table.variables if v.name not in columns]
    unknown = [name for name in columns if table.find(name) is None]
    if missing or unknown:
        raise Invalid(
            "synth.catalogue_differs", f"{table.full_name}: no values for {missing}, no catalogue entry for {unknown}."
        )
    folder = out / table.full_name
    folder.mkdir(exist_ok=True)
    target = folder / f"{'all' if year is None else year}.parquet"
    arrow = pa.table({v.name: columns[v.name] for v in table.variables})
    # without arrow's own schema, coded columns read back as plain text
    pq.write_table(arrow, target, compression="zstd", compression_level=1, store_schema=False, row_group_size=250_000)
    return rows


def _year_column(value: str | int, rows: int) -> pa.Array:
    return same(value, rows) if isinstance(value, str) else pa.repeat(pa.scalar(value, pa.int32()), rows)


def write_mark(out: Path, **facts: object) -> None:
    """Marks the folder as synthetic and says how to make it again. Written last: without it a delivery is not whole."""
    content = {"synthetic": True, "generator": "broker.synth 1", **facts}
    (out / MARK).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
