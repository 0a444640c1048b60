"""The trusted stage: handed rows and a plan to the request of one container, and its frames back. Opens no rows itself.

Inside, the rows are verified by the statements of `verifying` before anything is computed of them; a problem ends it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.domain.errors import Breach
from broker.domain.handed import HandedRows, RowsChecked, RowsProblem
from broker.domain.outputs import JobEvidence
from broker.domain.plans import Needs, Plan
from broker.domain.ports import HandedTo, Limits, SandboxRequest, Vault, VaultTable
from broker.domain.relations import Relation, Scan, ScanColumn, walk
from broker.domain.scalars import Column, Type
from broker.domain.variables import Use, Years
from broker.engine.duckdb_engine import DuckDBEngine, mounted
from broker.engine.frames import arrow_table
from broker.engine.verifying import steps_of

COUNTS = ("rows", "persons", "without_person", "few")
Frames = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class HandedDuckDB:
    """See `broker.domain.ports.HandedEngine`."""

    engine: DuckDBEngine = field(default_factory=DuckDBEngine)

    def prepare(self, plan: Plan, rows: HandedRows, to: HandedTo, limits: Limits, needs: Needs) -> SandboxRequest:
        """The plan's statements as the engine writes them, over the inputs' tables and the rows."""
        asked = self.engine.prepare(plan, _beside(to.vault), to.job, to.attempt, limits, needs)
        ((_, payload),) = asked.frames
        job = json.loads(payload) | _job(rows, to, measured_of(plan, rows))
        return replace(asked, frames=(("job", framed(job, to.content)),), mount=to.vault.evidence)

    def read(self, plan: Plan, frames: Frames, needs: Needs) -> tuple[RowsChecked, JobEvidence | None]:
        checked = read_checked(frames)
        rest = frames[1:]
        if checked.problem is not None:
            _check_nothing_follows(rest)
            return checked, None
        return checked, self.engine.read(plan, rest, needs)


def framed(job: Mapping[str, Any], content: bytes) -> bytes:
    """JSON in one line, then the rows."""
    return json.dumps(job, sort_keys=True).encode() + b"\n" + content


def _job(rows: HandedRows, to: HandedTo, measured: Sequence[str]) -> dict[str, Any]:
    return {"tables": tables_of(to.vault, rows, to.inputs), "rows": asked_of_rows(rows, measured)}


def asked_of_rows(rows: HandedRows, measured: Sequence[str]) -> dict[str, Any]:
    names = [rows.person.name, *(c.name for c in rows.columns)]
    return {"columns": names, "steps": steps_of(rows, measured)}


def tables_of(vault: Vault, rows: HandedRows, inputs: Iterable[Use]) -> list[dict[str, object]]:
    """The inputs that rows are verified by, in the inputs' years, as the launcher mounts them."""
    needed = {k.table for k in rows.keys} | {c.table for c in rows.columns if c.variable is not None}
    years: dict[str, Years | None] = {}
    for use in inputs:
        if use.table in needed:
            before = years.get(use.table, frozenset())
            years[use.table] = None if use.years is None or before is None else before | use.years
    return [mounted(vault, table, years[table]) for table in sorted(years)]


def _beside(vault: Vault) -> Vault:
    """The vault as the plan over `handed.rows` sees it: with a table that no file holds, and nothing proved."""
    return replace(vault, tables=(*vault.tables, VaultTable("handed.rows", (), ())), proofs={})


def measured_of(plan: Plan, rows: HandedRows) -> list[str]:
    """The columns of which the plan asks a number that is not 0/1 by its type."""
    (output,) = plan.outputs
    scans = {c.ident: c.variable for t in output.tables for c in _scanned(t.contributions)}
    found = {
        scans[s.argument.ident]: None
        for t in output.tables
        for s in t.statistics
        if isinstance(s.argument, Column) and s.argument.type is not Type.FLAG and s.argument.ident in scans
    }
    return [c.name for c in rows.columns if c.name in found and c.type.is_number]


def _scanned(relation: Relation) -> Iterator[ScanColumn]:
    for part in walk(relation):
        if isinstance(part, Scan):
            yield from part.columns


def read_checked(frames: Frames) -> RowsChecked:
    """The counts of the first frame: one row, whole numbers, none below zero."""
    if not frames or frames[0][0] != "table":
        raise Breach("The sandbox did not say what it found of the rows.")
    table = arrow_table(frames[0][1])
    names = [*COUNTS, *RowsProblem]
    if table.schema.names != names or table.num_rows != 1 or {str(t) for t in table.schema.types} != {"int64"}:
        raise Breach("The sandbox said other things of the rows than it was asked.")
    (row,) = table.to_pylist()
    if any(not isinstance(n, int) or n < 0 for n in row.values()):
        raise Breach("The sandbox counted what cannot be.")
    problem = next((p for p in RowsProblem if row[p]), None)
    times = row[problem] if problem is not None else 0
    return RowsChecked(row["rows"], row["persons"], row["without_person"], problem, times, row["few"])


def _check_nothing_follows(frames: Frames) -> None:
    if [kind for kind, _ in frames] not in ([], ["status"]):
        raise Breach("The sandbox computed figures of rows that have a problem.")
