"""The form in which an assessment is kept for staff: JSON that gives an equal value back. Judges nothing."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.outputs import Assessment, Finding, JudgedCell, Verdict
from broker.domain.scalars import Value


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
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Invalid("bad-assessment", "A stored assessment cannot be read.") from error


def value_to_json(value: Value) -> Any:
    """Numbers that JSON would change, and dates, are written as one-entry objects."""
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case date():
            return {"date": value.isoformat()}
        case _:
            return value


def value_from_json(document: Any) -> Value:
    match document:
        case {"decimal": text}:
            return Decimal(text)
        case {"date": text}:
            return date.fromisoformat(text)
        case None | bool() | int() | float() | str():
            return document
        case _:
            raise ValueError("no value")


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
