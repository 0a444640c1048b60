"""The two renderings of an assessment: staff's with evidence and findings, the released one without. Judges nothing."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

from broker.disclosure.stored_form import assessment_to_json
from broker.disclosure.wording import public_rounding
from broker.domain.outputs import Assessment, JudgedCell, Verdict
from broker.domain.scalars import Value
from broker.policy.models import Profile, Rounding

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
            plain = f"{exact if exact else abs(exact):f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
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
            **public_rounding(profile),
            "mean_digits": profile.mean_digits,
            "percent_digits": profile.percent_digits,
            "sum_digits": profile.sum_digits,
        },
        "additive": profile.rounding is Rounding.CONVENTIONAL and profile.round_base == 1,
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def staff_view(assessment: Assessment) -> dict[str, Any]:
    """What checkers see: rows with exact and released figures, verdicts, rules, and every finding. Never released."""
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
