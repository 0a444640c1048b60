"""The stored form of an assessment and its table records, for staff: JSON from which an equal value is read back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from broker.disclosure.judged_tables import JudgedRow, JudgedTable
from broker.domain import findings
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import GroupKey
from broker.domain.plans.scalars import Value, value_from_json, value_to_json

STORED_NAMES = {"column_statistics": "behind"}
"""Fields that are stored under another name."""
EVIDENCE_DEFAULTS = {f.name: f.default for f in fields(StatisticEvidence)}
RecordedCell = tuple[tuple[Value, ...], int, int, tuple[findings.JudgedStatistic, ...]]


def table_record(table: JudgedTable) -> findings.TableRecord:
    """Record each observed cell, shown or not. Listed rows in which nobody was found have no evidence and are left
    out."""
    return findings.TableRecord(
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
            rules, released = tuple(sorted(shown.rules)), None if shown.hidden else shown.released
            judged.append(findings.JudgedStatistic(ident, evidence, rules, shown.verdict, shown.hidden, released))
    return cell.keys, cell.rows, cell.persons, tuple(judged)


def _record_from_json(document: Mapping[str, Any]) -> findings.TableRecord:
    cells = tuple((_part_from_json(k), r, p, tuple(map(_judged_from_json, s))) for k, r, p, s in document["cells"])
    return findings.TableRecord(cells=cells, **_fields_from_json(findings.TableRecord, document, "cells"))


def evidence_to_json(evidence: StatisticEvidence) -> dict[str, Any]:
    values = {name: getattr(evidence, name) for name in EVIDENCE_DEFAULTS}
    return {
        n: value_to_json(v)
        for n, v in values.items()
        if v != EVIDENCE_DEFAULTS[n] or type(v) is not type(EVIDENCE_DEFAULTS[n])  # 0 and False are equal
    }


def _judged_from_json(document: list[Any]) -> findings.JudgedStatistic:
    statistic, found, rules, verdict, hidden, *released = document
    values: dict[str, Any] = {n: value_from_json(v) for n, v in found.items()}
    if (exponent := values.pop("bin", None)) is not None:
        values["step_number"] = 3 * exponent  # records of earlier versions: steps were powers of ten
    decision = (tuple(rules), findings.Verdict(verdict), hidden, *map(value_from_json, released))
    return findings.JudgedStatistic(statistic, StatisticEvidence(**values), *decision)


def assessment_to_json(assessment: findings.Assessment) -> dict[str, Any]:
    """The complete assessment: `assessment_from_json` returns an equal value. Evidence at its default value is left
    out."""
    return _fields_to_json(assessment)


def _fields_to_json(record: Any) -> dict[str, Any]:
    return {STORED_NAMES.get(f.name, f.name): _part_to_json(getattr(record, f.name)) for f in fields(record)}


def _part_to_json(part: Any) -> Any:
    """A part of an assessment: an object, a list, or a value."""
    match part:
        case tuple():
            return [_part_to_json(p) for p in part]
        case findings.Verdict():
            return part.value
        case StatisticEvidence():
            return evidence_to_json(part)
        case findings.JudgedStatistic():  # a list, because each figure of each cell has one
            return list(_fields_to_json(part).values())
        case findings.AssessedRow() | findings.Finding() | findings.TableRecord() | findings.SuppressionAudit():
            return _fields_to_json(part)
    return value_to_json(part)


def _fields_from_json(record: Any, document: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """The fields of a record, without some `others`, that hold values, or lists of such."""
    return {f.name: _part_from_json(document[f.name]) for f in fields(record) if f.name not in others}


def _part_from_json(part: Any) -> Any:
    return tuple(map(_part_from_json, part)) if isinstance(part, list) else value_from_json(part)


READ_BY_THEMSELVES = ("rows", "findings", "verdict", "tables", "column_statistics", "column_kinds", "audit")
"""Fields of an assessment that hold other records, or that old ones lack."""


def assessment_from_json(document: Mapping[str, Any]) -> findings.Assessment:
    try:
        return findings.Assessment(
            rows=tuple(map(_row_from_json, document["rows"])),
            findings=tuple(map(_finding_from_json, document["findings"])),
            verdict=findings.Verdict(document["verdict"]),
            tables=tuple(map(_record_from_json, document.get("tables", ()))),
            column_statistics=_part_from_json(document.get("behind", [])),
            column_kinds=_part_from_json(document.get("column_kinds", [])),
            **_fields_from_json(findings.Assessment, document, *READ_BY_THEMSELVES),
            audit=findings.SuppressionAudit(**document["audit"]) if document.get("audit") else None,
        )
    # Whatever is wrong with a stored document, callers see one error.
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Invalid("bad-assessment", "A stored assessment cannot be read.") from error


def _row_from_json(document: Mapping[str, Any]) -> findings.AssessedRow:
    verdicts = tuple(map(findings.Verdict, document["verdicts"]))
    errors = _part_from_json(document.get("max_errors", []))  # records of earlier versions lack them
    plain = _fields_from_json(findings.AssessedRow, document, "verdicts", "max_errors")
    return findings.AssessedRow(verdicts=verdicts, max_errors=errors, **plain)


def _finding_from_json(document: Mapping[str, Any]) -> findings.Finding:
    verdict = findings.Verdict(document["verdict"])
    return findings.Finding(verdict=verdict, **_fields_from_json(findings.Finding, document, "verdict"))
