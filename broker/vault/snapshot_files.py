"""Snapshots on disk: their folders and descriptions, and the value lists of their public registers."""

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from broker.domain.errors import Unknown
from broker.domain.plans.scalars import Value
from broker.domain.ports import Snapshot
from broker.policy.data_catalogue import Catalogue, TableKind
from broker.vault.duckdb_access import connection, parquet_of, quote
from broker.vault.extract_files import WITHOUT_YEAR


def register_values(snapshot: Path, catalogue: Catalogue) -> dict[str, tuple[Value, ...]]:
    """{`schema.table.variable`: sorted values} for each variable whose catalogue entry names a register column.

    `snapshot` is the snapshot's folder. Registers that the snapshot lacks give no list.
    """
    wanted = {
        f"{t.full_name}.{v.name}": v.register_key
        for t in catalogue.tables
        for v in t.variables
        if v.register_key is not None
    }
    lists = {column: _values(snapshot, catalogue, column) for column in sorted(set(wanted.values()))}
    return {variable: values for variable, column in wanted.items() if (values := lists[column])}


def _values(snapshot: Path, catalogue: Catalogue, column: str) -> tuple[Value, ...]:
    table_name, _, variable_name = column.rpartition(".")
    table = catalogue.find(table_name)
    variable = table.find(variable_name) if table else None
    if table is None or variable is None or table.kind is not TableKind.PUBLIC:
        return ()
    path = snapshot / table.full_name / f"{WITHOUT_YEAR}.parquet"
    if not path.is_file():
        return ()
    with connection(snapshot / "none") as con:
        found = quote(variable.name)
        rows = con.execute(
            f"SELECT DISTINCT {found} FROM {parquet_of(path)} WHERE {found} IS NOT NULL ORDER BY 1"
        ).fetchall()
    return tuple(_value(row[0]) for row in rows)


def _value(value: object) -> Value:
    assert isinstance(value, (int, float, Decimal, str, date))
    return value


DESCRIPTION_FILE = "snapshot.json"


def snapshot_folder(data: Path, ident: str) -> Path:
    """The folder of an existing snapshot. Raises Unknown if there is none."""
    folder = data / "snapshots" / ident
    # An ident must not lead to another folder.
    if "/" in ident or ident.startswith(".") or not (folder / DESCRIPTION_FILE).is_file():
        raise Unknown("snapshot", ident)
    return folder


def write_description(folder: Path, snapshot: Snapshot) -> None:
    content = asdict(replace(snapshot, path="")) | {"created": snapshot.created.isoformat()}
    (folder / DESCRIPTION_FILE).write_text(json.dumps(content, sort_keys=True), encoding="utf-8")


def read_snapshot(data: Path, ident: str) -> Snapshot:
    """A snapshot that was made before."""
    folder = snapshot_folder(data, ident)
    content = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    content |= {"created": datetime.fromisoformat(content["created"]), "path": str(folder)}
    return Snapshot(**content)


def remove_snapshot(data: Path, ident: str) -> None:
    """Remove the files of a snapshot; a missing one is ignored. The folder is renamed first, so that nobody finds half
    of it."""
    gone = data / "snapshots" / f".half-{ident}"
    with suppress(Unknown):
        os.replace(snapshot_folder(data, ident), gone)
    shutil.rmtree(gone, ignore_errors=True)
