"""The engine's side of rows that a script submits: requests for their tables and regressions, and the answers."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar, get_args

from broker.domain.errors import Breach
from broker.domain.evidence import JobEvidence, ModelFit, ModelFitCell, ModelFitColumn, ModelFitGroup
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataSchema, ScriptRegression
from broker.domain.plans.operators import Relation, Scan, ScanColumn, walk
from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.domain.ports import SandboxLimits, SandboxRequest, SubmittedMicrodata, Vault, VaultTable
from broker.engine import script_rows_verification
from broker.engine.duckdb_engine import DuckDBEngine

FIT_IMAGE = "fit"
MOST_PARTS = 20_000
LONGEST_NAME = 1000
COLUMN_KINDS = frozenset({"constant", "level", "number"})
FitPart = TypeVar("FitPart", ModelFitColumn, ModelFitGroup, ModelFitCell, ModelFit)


def model_of(regression: ScriptRegression, rows: MicrodataSchema) -> dict[str, Any]:
    """The formula as data. A column of text or dates always has levels, even if the formula does not say so."""
    named = {c.name for c in rows.columns if c.type in {ScalarType.TEXT, ScalarType.DATE}}
    formula = regression.formula
    return {
        "family": regression.family.value,
        "outcome": formula.outcome,
        "terms": [[{"column": f.column, "levels": f.levels or f.column in named} for f in t] for t in formula.terms],
        "constant": formula.constant,
        "absorbed": list(formula.absorbed),
        "cluster": regression.cluster,
    }


def _fit(payload: bytes) -> ModelFit:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise Breach("The fit's answer is no JSON.") from fault
    lists: dict[str, type] = {"columns": ModelFitColumn, "groups": ModelFitGroup, "cells": ModelFitCell}
    if not isinstance(found, dict) or not all(isinstance(found.get(k), list) for k in lists):
        raise Breach("The fit's answer has other parts than it should.")
    parts = {key: tuple(_part(kind, one) for one in found[key][: MOST_PARTS + 1]) for key, kind in lists.items()}
    fit = _part(ModelFit, found | parts)
    if (
        not fit.columns
        or max(map(len, parts.values())) > MOST_PARTS
        or not all(c.kind in COLUMN_KINDS for c in fit.columns)
    ):
        raise Breach("The fit's answer has no columns, or more than it can have.")
    counted = [c.persons for c in fit.columns] + [g.persons for g in fit.groups] + [c.persons for c in fit.cells]
    # Rules compare these numbers with thresholds, so they must be possible.
    if max(counted) > fit.persons or fit.persons > fit.rows:
        raise Breach("The fit counts more persons than it has.")
    return fit


def _part(kind: type[FitPart], found: object) -> FitPart:
    """A part with exactly the expected attributes and types; counts are not negative, figures are finite. Raises Breach
    otherwise."""
    if not isinstance(found, Mapping) or set(found) != {f.name for f in fields(kind)}:
        raise Breach("The fit's answer has other fields than it should.")
    for part in fields(kind):
        if not _has_type(part.type, found[part.name]):
            raise Breach(f"The fit's answer has a {part.name} that cannot be.")
    return kind(**found)


def _has_type(wanted: object, value: object) -> bool:
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0  # bool is an int
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is str:
        return isinstance(value, str) and len(value) <= LONGEST_NAME
    return isinstance(value, tuple) and all(isinstance(v, get_args(wanted)[0]) for v in value)


class DuckDBScriptRows:
    """See `broker.domain.ports.MicrodataEngine`."""

    def prepare(
        self, plan: Plan, rows: MicrodataSchema, to: SubmittedMicrodata, limits: SandboxLimits, needs: EvidenceNeeds
    ) -> SandboxRequest:
        """The plan's statements as the engine writes them, over the inputs' tables and the script's rows."""
        request = DuckDBEngine().prepare(plan, with_script_rows(to.vault), to.job, to.attempt, limits, needs)
        return over_script_rows(request, plan, rows, to)

    def prepare_fit(
        self, regression: ScriptRegression, rows: MicrodataSchema, to: SubmittedMicrodata, limits: SandboxLimits
    ) -> SandboxRequest:
        job = {
            "kind": FIT_IMAGE,
            "tables": script_rows_verification.input_tables(to.vault, rows, to.inputs),
            "rows": script_rows_verification.rows_request(rows, ()),
            "model": model_of(regression, rows),
            "settings": asdict(limits),
        }
        frames = (("job", script_rows_verification.framed_job(job, to.content)),)
        return SandboxRequest(to.job, to.attempt, FIT_IMAGE, to.vault.evidence, frames, limits, to.vault.synthetic)

    def read_fit(self, frames: script_rows_verification.Frames) -> tuple[MicrodataCheck, ModelFit | None]:
        checked = script_rows_verification.read_checked(frames)
        if checked.problem is not None:
            script_rows_verification.check_nothing_follows(frames[1:])
            return checked, None
        # The first frame is the check of the rows.
        if [kind for kind, _ in frames[1:]] not in (["table"], ["table", "status"]):
            raise Breach("The fit returned other frames than one for its model.")
        return checked, _fit(frames[1][1])

    def read(
        self, plan: Plan, frames: script_rows_verification.Frames, needs: EvidenceNeeds
    ) -> tuple[MicrodataCheck, JobEvidence | None]:
        checked = script_rows_verification.read_checked(frames)
        if checked.problem is not None:
            script_rows_verification.check_nothing_follows(frames[1:])
            return checked, None
        return checked, DuckDBEngine().read(plan, frames[1:], needs)


def over_script_rows(
    request: SandboxRequest, plan: Plan, rows: MicrodataSchema, to: SubmittedMicrodata
) -> SandboxRequest:
    """The request with the rows after its frame, and with the tables that verify them instead of the plan's."""
    ((_, payload),) = request.frames  # exactly one frame
    verified = script_rows_verification.rows_request(rows, measured_columns(plan, rows), to.parts)
    job = json.loads(payload) | {
        "tables": script_rows_verification.input_tables(to.vault, rows, to.inputs),
        "rows": verified,
    }
    return replace(
        request, frames=(("job", script_rows_verification.framed_job(job, to.content)),), mount=to.vault.evidence
    )


def with_script_rows(vault: Vault) -> Vault:
    """The vault as a plan over `handed.rows` sees it: with one more table that no file holds, and without proofs."""
    return replace(vault, tables=(*vault.tables, VaultTable("handed.rows", (), ())), proofs={})


def measured_columns(plan: Plan, rows: MicrodataSchema) -> list[str]:
    """Columns of which the plan requests a number, unless their type is 0/1."""
    tables = [t for output in plan.outputs for t in output.tables]
    scans = {c.ident: c.variable for t in tables for c in _scanned(t.contributions)}
    found = {
        scans[s.argument.ident]: None
        for t in tables
        for s in t.statistics
        if isinstance(s.argument, ColumnRef) and s.argument.type is not ScalarType.FLAG and s.argument.ident in scans
    }
    return [c.name for c in rows.columns if c.name in found and c.type.is_number]


def _scanned(relation: Relation) -> Iterator[ScanColumn]:
    for part in walk(relation):
        if isinstance(part, Scan):
            yield from part.columns
