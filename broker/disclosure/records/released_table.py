"""A released table read back from its bytes: keys, figures, hidden ones; as Parquet, as points. Sees nothing else."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.domain.errors import Invalid

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """`keys` are the places of columns that say what a row is about, `figures` those of numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[int, ...]
    figures: tuple[int, ...]
    symbols: Mapping[str, str]

    def is_hidden(self, place: int, value: str) -> bool:
        return place not in self.keys and value in self.symbols

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.rows]


def read_released(content: bytes, symbols: Mapping[str, str], keys: frozenset[str] | None) -> ReleasedTable:
    """`keys` names the columns that the plan has as keys; where it is not known, they are the columns before the first
    that holds a hidden figure or is not the first and holds numbers. Raises Invalid for what is no CSV."""
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("no-table", "This output is no table.", "") from error
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise Invalid("no-table", "This output is no table.", "")
    columns, rows = tuple(lines[0]), tuple(tuple(line) for line in lines[1:])
    numbers = [i for i in range(len(columns)) if _is_number([r[i] for r in rows], symbols)]
    if keys is None:
        first = next((i for i in numbers if i), len(columns))
        places = tuple(range(first))
    else:
        places = tuple(i for i, name in enumerate(columns) if name in keys)
    return ReleasedTable(columns, rows, places, tuple(i for i in numbers if i not in places), symbols)


def _is_number(values: list[str], symbols: Mapping[str, str]) -> bool:
    return all(v == "" or v in symbols or NUMBER.fullmatch(v) for v in values)


def released_parquet(table: ReleasedTable, about: Mapping[str, str]) -> bytes:
    """The same table for programs: figures as numbers; a hidden one is null, and `name.symbol` beside it says why.
    `about` goes with the file. The same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays: dict[str, Any] = {}
    for place, name in enumerate(table.columns):
        values = table.column(place)
        hidden = [table.is_hidden(place, v) for v in values]
        shown = [None if h or v == "" else v for v, h in zip(values, hidden, strict=True)]
        arrays[name] = _typed(shown)
        if any(hidden):
            arrays[f"{name}.symbol"] = pa.array([v if h else None for v, h in zip(values, hidden, strict=True)])
    made = pa.table(arrays).replace_schema_metadata({f"npd-broker.{k}": v for k, v in about.items()})
    file = io.BytesIO()
    pq.write_table(made, file)
    return file.getvalue()


def _typed(values: list[str | None]) -> Any:
    """Codes with a leading nought stay text."""
    import pyarrow as pa

    there = [v for v in values if v is not None]
    if there and all(WHOLE.fullmatch(v) for v in there):
        return pa.array([None if v is None else int(v) for v in values], pa.int64())
    if there and all(NUMBER.fullmatch(v) for v in there):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array(values, pa.string())


def points_of(table: ReleasedTable, x: int, y: int, colour: int | None) -> list[dict[str, Any]]:
    """One point for each row whose figure is shown."""
    whole = all(WHOLE.fullmatch(v) for v in table.column(x))
    found = []
    for row in table.rows:
        if table.is_hidden(y, row[y]) or not row[y]:
            continue
        point: dict[str, Any] = {"x": int(row[x]) if whole else row[x], "y": float(row[y])}
        found.append(point if colour is None else point | {"colour": row[colour]})
    return found
