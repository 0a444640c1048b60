"""Regressions of handed rows: the request of the image `fit`, and its answer read strictly. Judges and fits nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar, get_args

from broker.domain.errors import Breach
from broker.domain.fits import Fit, FitCell, FitColumn, FitGroup
from broker.domain.handed import HandedRegression, HandedRows, RowsChecked
from broker.domain.ports import HandedTo, Limits, SandboxRequest
from broker.domain.scalars import Type
from broker.engine.verified import Frames, asked_of_rows, check_nothing_follows, framed, read_checked, tables_of

IMAGE = "fit"
MOST = 20_000
LONGEST_NAME = 1000
KINDS = frozenset({"constant", "level", "number"})
Part = TypeVar("Part", FitColumn, FitGroup, FitCell, Fit)


def prepare_fit(asked: HandedRegression, rows: HandedRows, to: HandedTo, limits: Limits) -> SandboxRequest:
    job = {
        "kind": IMAGE,
        "tables": tables_of(to.vault, rows, to.inputs),
        "rows": asked_of_rows(rows, ()),
        "model": model_of(asked, rows),
        "settings": asdict(limits),
    }
    frames = (("job", framed(job, to.content)),)
    return SandboxRequest(to.job, to.attempt, IMAGE, to.vault.evidence, frames, limits, to.vault.synthetic)


def model_of(asked: HandedRegression, rows: HandedRows) -> dict[str, Any]:
    """The formula as data. A column of text or dates has levels, whether the formula says so or not."""
    named = {c.name for c in rows.columns if c.type in {Type.TEXT, Type.DATE}}
    formula = asked.formula
    return {
        "family": asked.family.value,
        "outcome": formula.outcome,
        "terms": [[{"column": f.column, "levels": f.levels or f.column in named} for f in t] for t in formula.terms],
        "constant": formula.constant,
        "absorbed": list(formula.absorbed),
        "cluster": asked.cluster,
    }


def read_fit(frames: Frames) -> tuple[RowsChecked, Fit | None]:
    checked = read_checked(frames)
    if checked.problem is not None:
        check_nothing_follows(frames[1:])
        return checked, None
    if [kind for kind, _ in frames[1:]] not in (["table"], ["table", "status"]):
        raise Breach("The fit returned other frames than one for its model.")
    return checked, _fit(frames[1][1])


def _fit(payload: bytes) -> Fit:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise Breach("The fit's answer is no JSON.") from fault
    lists: dict[str, type] = {"columns": FitColumn, "groups": FitGroup, "cells": FitCell}
    if not isinstance(found, dict) or not all(isinstance(found.get(k), list) for k in lists):
        raise Breach("The fit's answer has other parts than it should.")
    parts = {key: tuple(_part(kind, one) for one in found[key][: MOST + 1]) for key, kind in lists.items()}
    fit = _part(Fit, found | parts)
    if not fit.columns or max(map(len, parts.values())) > MOST or not all(c.kind in KINDS for c in fit.columns):
        raise Breach("The fit's answer has no columns, or more than it can have.")
    counted = [c.persons for c in fit.columns] + [g.persons for g in fit.groups] + [c.persons for c in fit.cells]
    if max(counted) > fit.persons or fit.persons > fit.rows:
        raise Breach("The fit counts more persons than it has.")
    return fit


def _part(kind: type[Part], found: object) -> Part:
    """A part with exactly its fields, each of its type; counts are never below zero, figures are finite."""
    if not isinstance(found, Mapping) or set(found) != {f.name for f in fields(kind)}:
        raise Breach("The fit's answer has other fields than it should.")
    for field in fields(kind):
        if not _is(field.type, found[field.name]):
            raise Breach(f"The fit's answer has a {field.name} that cannot be.")
    return kind(**found)


def _is(wanted: object, value: object) -> bool:
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is str:
        return isinstance(value, str) and len(value) <= LONGEST_NAME
    return isinstance(value, tuple) and all(isinstance(v, get_args(wanted)[0]) for v in value)
