"""A checked script and a vault to a sandbox request. Pure: builds frames, reads no file and starts nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from broker.domain.errors import Breach
from broker.domain.ports import Limits, SandboxRequest, Vault, VaultTable
from broker.domain.variables import Use, Years

IMAGE = "python"
ROWS = ".arrow"
"""Rows that are handed over; they leave the container and go no further than the trusted stage."""


def prepare(
    program: str,
    inputs: Sequence[Use],
    vault: Vault,
    job: str,
    attempt: int,
    limits: Limits,
    allowed: tuple[str, ...],
) -> SandboxRequest:
    """One attempt at a Python job. Only the script rendering of the vault is mounted, and of its tables and years only
    those of the inputs can be read. Breach if an input is not in the vault: the scope check has let it through."""
    tables = _tables(inputs, vault)
    declared = {path for table in tables for path in table["paths"]}
    narrow = None if declared >= {path for table in vault.tables for path in table.paths} else tuple(sorted(declared))
    content = {
        "kind": IMAGE,
        "tables": tables,
        "narrow": narrow is not None,
        "allowed": [*allowed, ROWS],
        "preview": vault.synthetic,
        "settings": asdict(limits),
    }
    frames = (("job", json.dumps(content, sort_keys=True).encode()), ("program", program.encode()))
    return SandboxRequest(job, attempt, IMAGE, vault.script, frames, limits, vault.synthetic, narrow)


def _tables(inputs: Sequence[Use], vault: Vault) -> list[dict[str, Any]]:
    """In order of name, whatever the order of the header."""
    held = {table.name: table for table in vault.tables}
    absent = sorted({use.table for use in inputs} - set(held))
    if absent:
        raise Breach(f"the vault of {vault.project} lacks {', '.join(absent)}")
    return [_table(held[name], _years(inputs, name)) for name in sorted({use.table for use in inputs})]


def _years(inputs: Sequence[Use], table: str) -> Years | None:
    """The years of all inputs of one table; None when one of them has no years."""
    years = [use.years for use in inputs if use.table == table]
    return None if any(y is None for y in years) else frozenset().union(*(y for y in years if y is not None))


def _table(table: VaultTable, years: Years | None) -> dict[str, Any]:
    """The schema file is always listed, so that a table of no rows still has its columns."""
    schema, _, name = table.name.partition(".")
    paths = [
        p for p, year in zip(table.paths, table.years, strict=True) if year is None or years is None or year in years
    ]
    return {"schema": schema, "name": name, "paths": paths}
