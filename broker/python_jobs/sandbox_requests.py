"""Turns a checked script, or a private one with its rows, into a sandbox request. Pure: builds frames and starts
nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from broker.domain.errors import Breach
from broker.domain.plans.variable_uses import VariableUse, Years
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault, VaultTable
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.block_tables import years_of
from broker.python_jobs.private_directive import SPARE_SECONDS, ScriptDirective, block_seconds, total_seconds

PYTHON_IMAGE = "python"
ROWS_ENDING = ".arrow"
"""Extension of submitted rows. They leave the container, but only the trusted stage reads them."""


def prepare_script(
    program: str, inputs: Sequence[VariableUse], vault: Vault, job: str, attempt: int, limits: SandboxLimits,
    allowed: tuple[str, ...],
) -> SandboxRequest:  # fmt: skip
    """Request for one attempt at a Python job. Only the script form of the vault is mounted, and only the tables and
    years of the inputs are readable. Raises Breach if an input is not in the vault, because the scope check has
    accepted it."""
    tables = _tables(inputs, vault)
    declared = {path for table in tables for path in table["paths"]}
    # no list is needed if the job may read the whole mount
    narrow = None if declared >= {path for table in vault.tables for path in table.paths} else tuple(sorted(declared))
    content = {
        "kind": PYTHON_IMAGE,
        "tables": tables,
        "narrow": narrow is not None,
        "allowed": [*allowed, ROWS_ENDING],
        "preview": vault.synthetic,
        "settings": asdict(limits),
    }
    frames = (("job", json.dumps(content, sort_keys=True).encode()), ("program", program.encode()))
    return SandboxRequest(job, attempt, PYTHON_IMAGE, vault.script, frames, limits, vault.synthetic, narrow)


def _tables(inputs: Sequence[VariableUse], vault: Vault) -> list[dict[str, Any]]:
    """Tables in order of name, whatever the order of the header."""
    held = {table.name: table for table in vault.tables}
    absent = sorted({use.table for use in inputs} - set(held))
    if absent:
        raise Breach(f"the vault of {vault.project} lacks {', '.join(absent)}")
    return [_table(held[name], years_of(inputs, name)) for name in sorted({use.table for use in inputs})]


def _table(table: VaultTable, years: Years | None) -> dict[str, Any]:
    """A table with the paths of its years. The schema file is always listed, so that a table without rows still has
    columns."""
    schema, _, name = table.name.partition(".")
    paths = [
        p for p, year in zip(table.paths, table.years, strict=True) if year is None or years is None or year in years
    ]
    return {"schema": schema, "name": name, "paths": paths}


BLOCK_START_SECONDS = 60
"""Time to read the rows and import the script's modules, before the first slot."""


def block_limits(directive: ScriptDirective, limits: SandboxLimits, service: ServiceLimits, rows: int) -> SandboxLimits:
    """Limits of the whole sandbox: memory for its threads, for twice the rows while they are read, and time for all
    slots. Every block can use its full limits without ending another one."""
    processes = limits.processes + service.threads * service.block_tasks
    block = service.block_library_bytes + service.block_memory_bytes + service.block_scratch_bytes
    memory = service.threads * block + limits.memory_bytes + 2 * rows
    wall = int(total_seconds(directive, service)) + BLOCK_START_SECONDS
    return replace(limits, wall_seconds=wall, memory_bytes=memory, processes=processes)


def prepare_blocks(
    program: str, directive: ScriptDirective, names: tuple[str, ...], modules: tuple[str, ...], rows: bytes,
    vault: Vault, run: tuple[str, int, SandboxLimits, ServiceLimits],
) -> SandboxRequest:  # fmt: skip
    """Request for the blocks of a private script. `run`: job, attempt, usual limits, service. No folder of the vault is
    mounted: the rows come by standard input."""
    job, attempt, usual, service = run
    limits = block_limits(directive, usual, service, len(rows))
    content = {
        "kind": "blocks",
        "tables": [],
        "names": names,
        "numbers": len(directive.ranges),
        "modules": modules,
        "preview": vault.synthetic,
        "block": {
            "seconds": block_seconds(directive, service),
            "rest_seconds": service.block_rest_milliseconds / 1000,
            "spare_seconds": SPARE_SECONDS,
            "memory_bytes": service.block_memory_bytes,
            "library_bytes": service.block_library_bytes,
            "scratch_bytes": service.block_scratch_bytes,
            "tasks": service.block_tasks,
            "rows_bytes": service.block_rows_bytes,
        },
        "settings": asdict(limits),
    }
    head = json.dumps(content, sort_keys=True).encode()
    frames = (("job", head), ("program", program.encode()), ("rows", rows))
    return SandboxRequest(job, attempt, PYTHON_IMAGE, vault.script, frames, limits, vault.synthetic, apart=True)
