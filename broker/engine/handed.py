"""The trusted stage: handed rows and a plan to the request of one container, and its frames back. Opens no rows itself.

Inside, the rows are verified by the statements of `verifying` before anything is computed of them; a problem ends it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from broker.domain.evidence import JobEvidence
from broker.domain.fits import Fit
from broker.domain.handed import HandedRegression, HandedRows, RowsChecked
from broker.domain.plans import Needs, Plan
from broker.domain.ports import HandedTo, Limits, SandboxRequest, Vault, VaultTable
from broker.domain.relations import Relation, Scan, ScanColumn, walk
from broker.domain.scalars import Column, Type
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.fitting import prepare_fit, read_fit
from broker.engine.verified import Frames, asked_of_rows, check_nothing_follows, framed, read_checked, tables_of


@dataclass(frozen=True, slots=True)
class HandedDuckDB:
    """See `broker.domain.ports.HandedEngine`."""

    engine: DuckDBEngine = field(default_factory=DuckDBEngine)

    def prepare(self, plan: Plan, rows: HandedRows, to: HandedTo, limits: Limits, needs: Needs) -> SandboxRequest:
        """The plan's statements as the engine writes them, over the inputs' tables and the rows."""
        asked = self.engine.prepare(plan, without_files(to.vault), to.job, to.attempt, limits, needs)
        ((_, payload),) = asked.frames
        job = json.loads(payload) | handed_job(plan, rows, to)
        return replace(asked, frames=(("job", framed(job, to.content)),), mount=to.vault.evidence)

    def prepare_fit(self, asked: HandedRegression, rows: HandedRows, to: HandedTo, limits: Limits) -> SandboxRequest:
        return prepare_fit(asked, rows, to, limits)

    def read_fit(self, frames: Frames) -> tuple[RowsChecked, Fit | None]:
        return read_fit(frames)

    def read(self, plan: Plan, frames: Frames, needs: Needs) -> tuple[RowsChecked, JobEvidence | None]:
        checked = read_checked(frames)
        rest = frames[1:]
        if checked.problem is not None:
            check_nothing_follows(rest)
            return checked, None
        return checked, self.engine.read(plan, rest, needs)


def handed_job(plan: Plan, rows: HandedRows, to: HandedTo) -> dict[str, Any]:
    """What the job frame says of the rows and of the tables that verify them."""
    asked = asked_of_rows(rows, measured_of(plan, rows), to.parts)
    return {"tables": tables_of(to.vault, rows, to.inputs), "rows": asked}


def without_files(vault: Vault) -> Vault:
    """The vault as the plan over `handed.rows` sees it: with a table that no file holds, and nothing proved."""
    return replace(vault, tables=(*vault.tables, VaultTable("handed.rows", (), ())), proofs={})


def measured_of(plan: Plan, rows: HandedRows) -> list[str]:
    """The columns of which the plan asks a number that is not 0/1 by its type."""
    tables = [t for output in plan.outputs for t in output.tables]
    scans = {c.ident: c.variable for t in tables for c in _scanned(t.contributions)}
    found = {
        scans[s.argument.ident]: None
        for t in tables
        for s in t.statistics
        if isinstance(s.argument, Column) and s.argument.type is not Type.FLAG and s.argument.ident in scans
    }
    return [c.name for c in rows.columns if c.name in found and c.type.is_number]


def _scanned(relation: Relation) -> Iterator[ScanColumn]:
    for part in walk(relation):
        if isinstance(part, Scan):
            yield from part.columns
