"""Writes what is handed over: a request as JSON, and rows as an Arrow file beside it. Decides nothing."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from npd.errors import NpdError
from npd.place import Place

VERSION = 1


@dataclass(frozen=True)
class Handed:
    """An output that was handed over; `name` is what a figure of it refers to."""

    name: str
    kind: str
    request: dict[str, Any]
    columns: tuple[str, ...] = ()
    """Of a table: its keys and figures, in order."""

    def __repr__(self) -> str:
        return f"<npd output {self.name}: a {self.kind} that the broker makes>"


def hand_over(place: Place, handed: Handed, rows: pa.Table | None = None) -> Handed:
    """The rows first: a request without its rows is never there."""
    if place.out is not None:
        try:
            if rows is not None:
                _write_rows(place, handed.name, rows)
            request = {"version": VERSION, "kind": handed.kind, "name": handed.name, **handed.request}
            _write_json(place, f"{handed.name}.{handed.kind}.json", request)
        except OSError as fault:
            raise NpdError(f"{handed.name} cannot be written to {place.out}: {fault.strerror or fault}.") from fault
    place.done[handed.name] = handed
    return handed


def hand_over_file(place: Place, name: str, about: dict[str, Any]) -> None:
    if place.out is not None:
        _write_json(place, f"{name}.about.json", {"version": VERSION, "kind": "file", "name": name, **about})
    place.done[name.rpartition(".")[0]] = name


def _write_rows(place: Place, name: str, rows: pa.Table) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    plain = rows.replace_schema_metadata()
    with pa.ipc.new_file(str(place.out / f"{name}.rows.arrow"), plain.schema, options=options) as writer:
        writer.write_table(plain)


def _write_json(place: Place, name: str, content: dict[str, Any]) -> None:
    (place.out / name).write_text(json.dumps(content, ensure_ascii=True), encoding="utf-8")
