"""Tables in the form of a delivery: columns, deliberate defects, and Parquet files. Generates no values."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from broker.domain.errors import Breach, Invalid
from broker.policy.data_catalogue import CatalogueTable
from broker.synth.draws import Array, Rng, pick

Columns = dict[str, pa.Array]


def coded(codes: Sequence[str], index: Array, missing: Array | None = None) -> pa.Array:
    """Codes by position; NULL for a negative position or a true `missing`. Raises Breach if codes repeat."""
    if len(set(codes)) != len(codes):  # arrow writes a dictionary with repeated codes differently each time
        raise Breach(f"codes appear twice: {sorted(codes)}")
    gone = index < 0 if missing is None else (index < 0) | missing
    positions = pa.array(np.where(gone, 0, index).astype(np.int32), mask=gone)
    return pa.DictionaryArray.from_arrays(positions, pa.array(list(codes), pa.string()))


def drawn_codes(rng: Rng, shares: Mapping[str, float], n: int, missing: Array | None = None) -> pa.Array:
    """Codes, each drawn with the probability of its share; NULL for a true `missing`."""
    return coded(list(shares), pick(rng, list(shares.values()), n), missing)


def same(text: str, n: int) -> pa.Array:
    """One text in every row."""
    return coded([text], np.zeros(n, dtype=np.int8))


def flag(values: Array, missing: Array | None = None) -> pa.Array:
    """0 or 1."""
    return pa.array(values.astype(np.int8), mask=missing)


def whole(values: Array, missing: Array | None = None) -> pa.Array:
    """Integers."""
    return pa.array(values.astype(np.int32), mask=missing)


def number(values: Array, digits: int = 2, missing: Array | None = None) -> pa.Array:
    """Numbers rounded to the digits of a delivery."""
    return pa.array(np.round(values.astype(np.float64), digits), mask=missing)


def day(days: Array, missing: Array | None = None) -> pa.Array:
    """Dates from days since 1970."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def days_of(year: int, month: int, date: int) -> int:
    """A calendar day as days since 1970."""
    return int(np.datetime64(f"{year:04d}-{month:02d}-{date:02d}", "D").astype(np.int64))


def blank_unless(are_known: bool, columns: Columns) -> Columns:
    """The columns if they are known in a year; otherwise the same columns with NULL in every row."""
    return columns if are_known else {name: pa.nulls(len(c), c.type) for name, c in columns.items()}


def duplicates(rng: Rng, n: int, share: float) -> Array:
    """Indexes of rows that appear a second time; no row twice."""
    return np.sort(rng.permutation(n)[: max(1, round(n * share)) if n else 0])


def record_status(rng: Rng, n: int, duplicated: Array) -> Array:
    """Status for `n` rows followed by their duplicates: 0 for a single row, 1-20 for a main record, 101-120 for a
    duplicate."""
    kind = rng.integers(1, 21, len(duplicated))
    status = np.zeros(n + len(duplicated), dtype=np.int32)
    status[duplicated] = kind
    status[n:] = 100 + kind
    return status


def blank_keys(rng: Rng, keys: pa.Array, share: float) -> pa.Array:
    """Remove a share of the keys: half of them become NULL, half empty text."""
    draw = rng.random(len(keys))
    emptied = pc.if_else(pa.array(draw < share / 2), "", keys)
    return pc.if_else(pa.array((draw >= share / 2) & (draw < share)), pa.scalar(None, pa.string()), emptied)


def untidy(rng: Rng, column: pa.Array, share: float = 0.003) -> pa.Array:
    """Write a share of the codes in lower case with a trailing blank, as real deliveries do; the code list still
    identifies them."""
    codes = column.dictionary.to_pylist()
    positions = column.indices.to_numpy(zero_copy_only=False)
    gone = np.isnan(positions) if positions.dtype.kind == "f" else np.zeros(len(positions), dtype=bool)
    places = np.where(gone, 0, positions).astype(np.int32)
    places[rng.random(len(places)) < share] += len(codes)
    both = pa.array(codes + [f"{code.lower()} " for code in codes], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=gone), both)


MARK = "synthetic.json"


def prepare(out: Path) -> None:
    """Create the folder. Raises Invalid unless it is new or empty, because deliveries are never mixed."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Invalid("synth.folder_not_empty", f"{out} exists and is not an empty folder.", str(out))
    out.mkdir(parents=True, exist_ok=True)


def write_table(out: Path, table: CatalogueTable, year: int | None, make: Callable[[], Columns]) -> int:
    """Make and write one file and return its number of rows. The year column is written as the catalogue writes years.
    Raises Invalid if columns and catalogue differ."""
    columns = make()
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
    """Mark the folder as synthetic and record how to make it again. Written last: without the mark a delivery is
    incomplete."""
    content = {"synthetic": True, "generator": "broker.synth 1", **facts}
    (out / MARK).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
