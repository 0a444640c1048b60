"""The two renderings of an assessment: staff's, with evidence and findings, and the released one, without. Judges nothing."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.outputs import Assessment, Finding, JudgedCell, Verdict
from broker.domain.scalars import Value
from broker.policy.models import Profile

TOOL, VERSION = "npd-broker", "1"
RELEASED_DIGITS = 10
ACRO_STATUS = {Verdict.PUBLISH: "pass", Verdict.SUPPRESS: "pass", Verdict.REVIEW: "review", Verdict.REFUSE: "fail"}


def released_csv(assessment: Assessment) -> bytes:
    """The table that would leave: UTF-8, a header, one symbol for every hidden figure, always the same bytes."""
    symbol = assessment.symbols[0][0] if assessment.symbols else ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(assessment.columns)
    for row in assessment.rows:
        pairs = zip(row.released, row.suppressed, strict=True)
        writer.writerow([symbol if hidden else text_of_value(value) for value, hidden in pairs])
    return text.getvalue().encode()


def text_of_value(value: Value) -> str:
    """A released value as text: plain decimals without trailing zeros, ISO dates, nothing for NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case Decimal() | float():
            exact = round(Decimal(str(value)), RELEASED_DIGITS)
            plain = f"{exact:f}"
            return (
                (plain.rstrip("0").rstrip(".") if "." in plain else plain).replace("-0", "0")
                if not exact
                else (plain.rstrip("0").rstrip(".") if "." in plain else plain)
            )
        case date():
            return value.isoformat()
        case _:
            return str(value)


def released_record(assessment: Assessment, profile: Profile) -> dict[str, Any]:
    """What may be said of how the table was made: method and public parameters, the same whatever the data are."""
    return {
        "name": assessment.name,
        "columns": list(assessment.columns),
        "method": "disclosure control",
        "parameters": {
            "threshold": profile.t,
            "round_base": profile.round_base,
            "mean_digits": profile.mean_digits,
            "percent_digits": profile.percent_digits,
            "sum_digits": profile.sum_digits,
        },
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def staff_view(assessment: Assessment) -> dict[str, Any]:
    """What checkers see: rows with exact and released figures, verdicts and rules, and every finding. Never released."""
    return assessment_to_json(assessment) | {"rows": [_staff_row(r, assessment) for r in assessment.rows]}


def acro_results(assessment: Assessment, number: int, command: str, summary: str, timestamp: str) -> dict[str, Any]:
    """One output as ACRO's `results.json` writes it, for staff's viewers. `timestamp` is the caller's."""
    outcome = {text_of_value(r.keys[0]) if len(r.keys) == 1 else ", ".join(map(text_of_value, r.keys)): [
        "; ".join(rules) or "ok" for rules in r.rules
    ] for r in assessment.rows}  # fmt: skip
    name = f"output_{number}"
    hidden = sum(map(sum, (r.suppressed for r in assessment.rows)))
    result = {
        "uid": name,
        "status": ACRO_STATUS[assessment.verdict],
        "type": "table",
        "properties": {"method": assessment.name, "columns": list(assessment.columns)},
        "files": [{"name": f"{assessment.name}.csv", "sdc": {"summary": {"suppressed": hidden}, "cells": {}}}],
        "outcome": outcome,
        "command": command,
        "summary": summary,
        "timestamp": timestamp,
        "comments": list(assessment.notes),
        "exception": "",
    }
    return {"version": VERSION, "tool": TOOL, "results": {name: result}}


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


def _staff_row(row: JudgedCell, assessment: Assessment) -> dict[str, Any]:
    parts = zip(assessment.columns, row.exact, row.released, row.suppressed, row.verdicts, row.rules, strict=True)
    return {
        "keys": [text_of_value(v) for v in row.keys],
        "persons": row.persons,
        "columns": [
            {
                "name": name,
                "exact": text_of_value(exact),
                "released": None if hidden else text_of_value(released),
                "verdict": verdict.value,
                "rules": list(rules),
            }
            for name, exact, released, hidden, verdict, rules in parts
        ],
    }
