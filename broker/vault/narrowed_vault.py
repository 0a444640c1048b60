"""Narrowed vaults: a script rendering with only what its job declared, built once and removed when unused."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from broker.domain.errors import Unavailable
from broker.domain.plans.variable_uses import VariableUse, Years
from broker.domain.ports import Vault, VaultTable
from broker.vault.build_once import MANIFEST, build_once, remove_older, seal

FOLDER = "narrow"
RETENTION_SECONDS = 86_400
"""How long a narrowed vault is stored after the last job was mounted on it: longer than any job runs or waits for
it."""

MOST_ROWS = 1 << 16
"""The number of rows held in memory at a time."""

HeldVariables = Mapping[str, Years | None]
"""The variables of one table, each with its years; None: all of them."""


def narrow_vault(vault: Vault, uses: Sequence[VariableUse]) -> Vault:
    """See `broker.domain.ports.Vaults`."""
    held = {table.name: found for table in vault.tables if (found := _held(uses, table.name))}
    tables = tuple(_table(table, held[table.name]) for table in vault.tables if table.name in held)
    root = vault.script.parent / FOLDER
    try:
        root.mkdir(exist_ok=True, mode=0o711)
        made = build_once(root, _name(held), lambda folder: _make(folder / "script", vault, tables, held))
        os.utime(made.folder / MANIFEST)  # still used: see `remove_older`
    except FileNotFoundError as gone:
        raise Unavailable("The vault of the job's data does not exist.") from gone
    remove_older(root, time.time() - RETENTION_SECONDS)
    return replace(vault, script=made.folder / "script", tables=tables)


def _held(uses: Sequence[VariableUse], table: str) -> HeldVariables:
    found: dict[str, Years | None] = {}
    for use in uses:
        if use.table == table and use.variable is not None:
            known = found.get(use.variable, frozenset())
            found[use.variable] = None if known is None or use.years is None else known | use.years
    return found


def _table(table: VaultTable, held: HeldVariables) -> VaultTable:
    """The table with the years in which any of its variables is held. The schema file is always included."""
    remaining = [
        (path, year)
        for path, year in zip(table.paths, table.years, strict=True)
        if year is None or any(_is_held(years, year) for years in held.values())
    ]
    return VaultTable(table.name, tuple(path for path, _ in remaining), tuple(year for _, year in remaining))


def _is_held(years: Years | None, year: int | None) -> bool:
    return year is None or years is None or year in years


def _name(held: Mapping[str, HeldVariables]) -> str:
    """A name that is equal for equal content within one vault."""
    parts = {t: {v: None if y is None else sorted(y) for v, y in found.items()} for t, found in held.items()}
    return "n" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _make(
    script: Path, vault: Vault, tables: Sequence[VaultTable], held: Mapping[str, HeldVariables]
) -> Mapping[str, object]:
    for table in tables:
        for path, year in zip(table.paths, table.years, strict=True):
            target = script / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(vault.script / path, target, held[table.name], year)
    seal(script.parent)  # like the vault
    return {}


def _copy(source: Path, target: Path, held: HeldVariables, year: int | None) -> None:
    """Write the same rows anew in the same order, so that not even statistics of other columns remain. All files of a
    table have the same columns; a variable that is not held in this year is NULL in every row."""
    with parquet.ParquetFile(source) as file:
        fields = [field for field in file.schema_arrow if field.name in held]
        read = [field.name for field in fields if _is_held(held[field.name], year)]
        schema = pa.schema([pa.field(field.name, field.type) for field in fields])
        with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
            for rows in file.iter_batches(MOST_ROWS, columns=read):
                columns = [rows[f.name] if f.name in read else pa.nulls(len(rows), f.type) for f in schema]
                writer.write_batch(pa.record_batch(columns, schema=schema))
