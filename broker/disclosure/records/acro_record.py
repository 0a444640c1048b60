"""A job's outputs as ACRO's `results.json`, so that its viewer shows them to checkers. For staff; takes no decisions.

The format is that of ACRO 1.0.1 (`Records.finalise_json`). Its viewer expects the files and their checksums in the same
folder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.disclosure.records.staff_record import SECONDARY_RULES
from broker.domain.findings import AssessedRow, Assessment, Verdict

TOOL, ACRO_VERSION = "npd-broker", "1.0.1"
STATUS = {Verdict.PUBLISH: "pass", Verdict.SUPPRESS: "pass", Verdict.REVIEW: "review", Verdict.REFUSE: "fail"}
OK = "ok"

SECONDARY = "secondary"
CHECK_NAMES = (
    "negative", "missing", "threshold", "p-ratio", "nk-rule", "all-values-are-same", "class-disclosure", "institutions",
    SECONDARY, "differencing",
)  # fmt: skip
"""ACRO's names of checks, and our own names where ACRO has no such check."""

CHECKS: dict[str, frozenset[str]] = {
    name: frozenset(e.ident for e in RULE_CATALOGUE.values() if e.acro_check == name) for name in CHECK_NAMES
} | {SECONDARY: SECONDARY_RULES}
"""Our rules by check."""

OTHER = "other"


@dataclass(frozen=True, slots=True)
class AcroItem:
    """An output of the job: the assessment of a table, or None for a script's file. `file` is its name in the
    folder."""

    name: str
    file: str
    verdict: Verdict
    assessment: Assessment | None
    description: str = ""


def acro_results(items: Sequence[AcroItem], command: str, timestamp: str) -> dict[str, Any]:
    """The content of `results.json`. `command` is the text of the job; the caller gives `timestamp` in ISO form."""
    results = {f"output_{n}": _result(f"output_{n}", item, command, timestamp) for n, item in enumerate(items)}
    return {"version": ACRO_VERSION, "tool": TOOL, "results": results}


def _result(uid: str, item: AcroItem, command: str, timestamp: str) -> dict[str, Any]:
    found = item.assessment
    sdc = _sdc(found) if found is not None else {"summary": {}, "cells": {}}
    status = STATUS[item.verdict]
    return {
        "uid": uid,
        "status": status,
        "type": "custom" if found is None else "table",
        "properties": {"method": "custom" if found is None else "query", "name": item.name},
        "files": [{"name": item.file, "sdc": sdc}],
        "outcome": {} if found is None else _outcome(found),
        "command": command,
        "summary": _summary(status, sdc["summary"]),
        "timestamp": timestamp,
        "comments": [c for c in (item.description, *(found.notes if found else ())) if c],
        "exception": "",
        "fair": {},
    }


def _sdc(assessment: Assessment) -> dict[str, Any]:
    """Cells by check. Coordinates are the viewer's: rows from below the header, columns from after the first."""
    cells: dict[str, list[list[int]]] = {check: [] for check in CHECKS}
    for r, row in enumerate(assessment.rows):
        for c in assessment.figure_columns:
            for check in checks_of(row.rules[c]):
                cells.setdefault(check, []).append([r, c - 1])  # the viewer does not count the first column
    hidden = any(any(row.suppressed) for row in assessment.rows)
    return {
        "summary": {"suppressed": hidden, **{check: len(places) for check, places in cells.items()}},
        "cells": cells,
    }


def checks_of(rules: Iterable[str]) -> list[str]:
    """The checks of a figure's rules, each once, in the order of `CHECKS`."""
    said = frozenset(rules)
    known = frozenset[str]().union(*CHECKS.values())
    # Unknown rules must not disappear.
    return [check for check, ids in CHECKS.items() if said & ids] + ([OTHER] if said - known else [])


def _outcome(assessment: Assessment) -> dict[str, dict[str, str]]:
    """ACRO's table of outcomes: by column and row, the checks that failed there."""
    labels = _labels(assessment.rows)
    return {
        assessment.columns[c]: {
            label: "".join(f"{check}; " for check in checks_of(row.rules[c])) or OK
            for label, row in zip(labels, assessment.rows, strict=True)
        }
        for c in assessment.figure_columns
    }


def _labels(rows: Sequence[AssessedRow]) -> list[str]:
    """The keys of each row; row numbers if keys repeat."""
    plain = [", ".join(map(text_of_value, row.keys)) for row in rows]
    return plain if len(set(plain)) == len(plain) else [str(n) for n in range(len(rows))]


def _summary(status: str, summary: dict[str, Any]) -> str:
    found = [f"{check}: {n} cells suppressed; " for check, n in summary.items() if check != "suppressed" and n]
    return f"{status}; {''.join(found)}" if found else status
