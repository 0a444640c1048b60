"""The stored form of an assessment and its table records, for staff: JSON from which an equal value is read back."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from broker.disclosure.judged_tables import JudgedRow, JudgedTable
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import (
    AssessedRow,
    Assessment,
    Finding,
    JudgedStatistic,
    SuppressionAudit,
    TableRecord,
    Verdict,
)
from broker.domain.plans.plan import GroupKey
from broker.domain.plans.scalars import Value, value_from_json, value_to_json

EVIDENCE_DEFAULTS = {f.name: f.default for f in fields(StatisticEvidence)}
RecordedCell = tuple[tuple[Value, ...], int, int, tuple[JudgedStatistic, ...]]


def table_record(table: JudgedTable) -> TableRecord:
    """Record each observed cell, shown or not. Listed rows in which nobody was found have no evidence and are left
    out."""
    return TableRecord(
        keys=tuple(_key_name(k) for k in table.planned.keys),
        statistics=tuple((s.ident, s.measure.value) for s in table.planned.statistics),
        cells=tuple(c for row in table.rows if (c := _recorded_cell(row)) is not None),
        shown=table.planned.shown,
    )


def _key_name(key: GroupKey) -> str:
    return key.variable or f"key {key.ident}"


def _recorded_cell(row: JudgedRow) -> RecordedCell | None:
    cell = row.row.cell
    if cell is None:
        return None
    judged = []
    for ident, evidence in cell.statistics.items():
        shown = row.line.cells.get(ident)
        if shown is not None:
            decision = (
                tuple(sorted(shown.rules)),
                shown.verdict,
                shown.hidden,
                None if shown.hidden else shown.released,
            )
            judged.append(JudgedStatistic(ident, evidence, *decision))
    return cell.keys, cell.rows, cell.persons, tuple(judged)


def record_to_json(record: TableRecord) -> dict[str, Any]:
    """The complete record: `record_from_json` returns an equal value. Evidence at its default value is left out."""
    return {
        "keys": list(record.keys),
        "statistics": [list(s) for s in record.statistics],
        "cells": [
            [[value_to_json(v) for v in k], r, p, [_judged_to_json(j) for j in s]] for k, r, p, s in record.cells
        ],
        "shown": record.shown,
    }


def record_from_json(document: Mapping[str, Any]) -> TableRecord:
    return TableRecord(
        keys=tuple(document["keys"]),
        statistics=tuple((i, m) for i, m in document["statistics"]),
        cells=tuple(
            (tuple(map(value_from_json, k)), r, p, tuple(map(_judged_from_json, s))) for k, r, p, s in document["cells"]
        ),
        shown=document["shown"],
    )


def evidence_to_json(evidence: StatisticEvidence) -> dict[str, Any]:
    values = {name: getattr(evidence, name) for name in EVIDENCE_DEFAULTS}
    return {
        n: value_to_json(v)
        for n, v in values.items()
        if v != EVIDENCE_DEFAULTS[n] or type(v) is not type(EVIDENCE_DEFAULTS[n])  # 0 and False are equal
    }


def _judged_to_json(judged: JudgedStatistic) -> list[Any]:
    values = [judged.statistic, evidence_to_json(judged.evidence)]
    return [*values, list(judged.rules), judged.verdict.value, judged.hidden, value_to_json(judged.released)]


def _judged_from_json(document: list[Any]) -> JudgedStatistic:
    statistic, found, rules, verdict, hidden, *released = document
    values: dict[str, Any] = {n: value_from_json(v) for n, v in found.items()}
    decision = (tuple(rules), Verdict(verdict), hidden, *map(value_from_json, released))
    return JudgedStatistic(statistic, StatisticEvidence(**values), *decision)


def assessment_to_json(assessment: Assessment) -> dict[str, Any]:
    """The complete assessment: `assessment_from_json` returns an equal value."""
    return {
        "name": assessment.name,
        "columns": list(assessment.columns),
        "key_count": assessment.key_count,
        "rows": [_row_to_json(r) for r in assessment.rows],
        "findings": [_finding_to_json(f) for f in assessment.findings],
        "verdict": assessment.verdict.value,
        "small": assessment.small,
        "symbols": [list(s) for s in assessment.symbols],
        "notes": list(assessment.notes),
        "tables": [record_to_json(t) for t in assessment.tables],
        "behind": [list(b) for b in assessment.column_statistics],  # the stored name
        "audit": None if assessment.audit is None else asdict(assessment.audit),
    }


def assessment_from_json(document: Mapping[str, Any]) -> Assessment:
    try:
        return Assessment(
            name=document["name"],
            columns=tuple(document["columns"]),
            key_count=document["key_count"],
            rows=tuple(_row_from_json(r) for r in document["rows"]),
            findings=tuple(_finding_from_json(f) for f in document["findings"]),
            verdict=Verdict(document["verdict"]),
            small=document["small"],
            symbols=tuple((s[0], s[1]) for s in document["symbols"]),
            notes=tuple(document["notes"]),
            tables=tuple(map(record_from_json, document.get("tables", ()))),
            column_statistics=tuple(tuple(b) for b in document.get("behind", ())),
            audit=SuppressionAudit(**document["audit"]) if document.get("audit") else None,
        )
    # Whatever is wrong with a stored document, callers see one error.
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Invalid("bad-assessment", "A stored assessment cannot be read.") from error


def _row_to_json(row: AssessedRow) -> dict[str, Any]:
    return {
        "keys": [value_to_json(v) for v in row.keys],
        "exact": [value_to_json(v) for v in row.exact],
        "released": [value_to_json(v) for v in row.released],
        "suppressed": list(row.suppressed),
        "verdicts": [v.value for v in row.verdicts],
        "rules": [list(r) for r in row.rules],
        "persons": row.persons,
    }


def _row_from_json(document: Mapping[str, Any]) -> AssessedRow:
    return AssessedRow(
        keys=tuple(map(value_from_json, document["keys"])),
        exact=tuple(map(value_from_json, document["exact"])),
        released=tuple(map(value_from_json, document["released"])),
        suppressed=tuple(document["suppressed"]),
        verdicts=tuple(Verdict(v) for v in document["verdicts"]),
        rules=tuple(tuple(r) for r in document["rules"]),
        persons=document["persons"],
    )


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "figures": [list(f) for f in finding.figures],
        "cell": None if finding.cell is None else [value_to_json(v) for v in finding.cell],
        "column": finding.column,
    }


def _finding_from_json(document: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=document["rule"],
        verdict=Verdict(document["verdict"]),
        sentence=document["sentence"],
        figures=tuple((f[0], f[1]) for f in document["figures"]),
        cell=None if document["cell"] is None else tuple(map(value_from_json, document["cell"])),
        column=document["column"],
    )
