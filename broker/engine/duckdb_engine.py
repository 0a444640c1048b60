"""The DuckDB engine: a plan and a vault to the request of one sandboxed job. It opens no data and runs nothing."""

import json
from collections.abc import Iterator, Sequence

from broker.domain.errors import Breach
from broker.domain.outputs import OutputEvidence
from broker.domain.plans import Plan
from broker.domain.ports import Limits, SandboxRequest, Vault, VaultTable
from broker.domain.relations import Filter, Join, Project, Relation, Scan
from broker.domain.variables import Years
from broker.engine.frames import read_output
from broker.query import render


class DuckDBEngine:
    """See `broker.domain.ports.Engine`."""

    def prepare(self, plan: Plan, vault: Vault, job: str, attempt: int, limits: Limits) -> SandboxRequest:
        """The `sql` image with the vault's evidence rendering, and of that only the tables and years that are read."""
        frame = {
            "kind": "sql",
            "tables": [_mounted(vault, table, years) for table, years in sorted(tables_read(plan).items())],
            "statements": [{"name": output.name, "sql": render(output)} for output in plan.outputs],
            "settings": {name: getattr(limits, name) for name in Limits.__slots__},
        }
        payload = json.dumps(frame, sort_keys=True).encode()
        frames = (("job", payload),)
        return SandboxRequest(job, attempt, "sql", vault.evidence, frames, limits, vault.synthetic)

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]]) -> tuple[OutputEvidence, ...]:
        kinds = [kind for kind, _ in frames]
        if kinds[-1:] == ["status"]:
            kinds.pop()
        if kinds != ["table"] * len(plan.outputs):
            raise Breach("The sandbox returned other frames than one table for each output.")
        return tuple(read_output(output, frame[1]) for output, frame in zip(plan.outputs, frames, strict=False))


def tables_read(plan: Plan) -> dict[str, Years | None]:
    """Every table that the plan scans, with the years of all its scans; None for a table without a year axis."""
    found: dict[str, Years | None] = {}
    for output in plan.outputs:
        for scan in _scans(output.contributions):
            before = found.get(scan.table, frozenset())
            found[scan.table] = None if scan.years is None or before is None else before | scan.years
    return found


def _scans(relation: Relation) -> Iterator[Scan]:
    match relation:
        case Scan():
            yield relation
        case Filter(child=child) | Project(child=child):
            yield from _scans(child)
        case Join(left=left, right=right):
            yield from _scans(left)
            yield from _scans(right)


def _mounted(vault: Vault, name: str, years: Years | None) -> dict[str, object]:
    """A table as the launcher mounts it: its schema file first, then the files of the years."""
    table = next((t for t in vault.tables if t.name == name), None)
    if table is None:
        raise Breach(f"The plan reads {name}, which the vault of {vault.project} does not hold.")
    schema, _, bare = name.partition(".")
    return {"schema": schema, "name": bare, "paths": list(_paths(table, years))}


def _paths(table: VaultTable, years: Years | None) -> Iterator[str]:
    for number, (path, year) in enumerate(zip(table.paths, table.years, strict=True)):
        if number == 0 or (year is None if years is None else year in years):
            yield path
