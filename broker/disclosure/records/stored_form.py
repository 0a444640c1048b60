"""The form in which an assessment is kept for staff: JSON that gives an equal value back. Judges nothing."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from broker.disclosure.records.table_record import record_from_json, record_to_json
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Audit, Finding, JudgedCell, Verdict
from broker.domain.stored_values import value_from_json, value_to_json


def assessment_to_json(assessment: Assessment) -> dict[str, Any]:
    """Everything, exactly: `assessment_from_json` gives an equal value back."""
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
        "behind": [list(b) for b in assessment.behind],
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
            behind=tuple(tuple(b) for b in document.get("behind", ())),
            audit=Audit(**document["audit"]) if document.get("audit") else None,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Invalid("bad-assessment", "A stored assessment cannot be read.") from error


def _row_to_json(row: JudgedCell) -> dict[str, Any]:
    return {
        "keys": [value_to_json(v) for v in row.keys],
        "exact": [value_to_json(v) for v in row.exact],
        "released": [value_to_json(v) for v in row.released],
        "suppressed": list(row.suppressed),
        "verdicts": [v.value for v in row.verdicts],
        "rules": [list(r) for r in row.rules],
        "persons": row.persons,
    }


def _row_from_json(document: Mapping[str, Any]) -> JudgedCell:
    return JudgedCell(
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
