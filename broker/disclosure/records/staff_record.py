"""Staff's record of a judged output: rules tried, verdicts, evidence, pattern and audit, as JSON. Never released."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from broker.disclosure.records.renderings import text_of_value
from broker.disclosure.records.table_record import evidence_to_json
from broker.disclosure.records.tried import rules_tried
from broker.domain.findings import Assessment, JudgedCell, TableRecord, Verdict
from broker.policy.profiles import Profile

RECORD, VERSION = "npd-broker staff record", 1
SECONDARY = frozenset({"X1", "X2", "X3", "X4"})
"""Rules of repair: a figure that no other rule hides is hidden for the sake of another one."""

PRIMARY_HOLE, SECONDARY_HOLE = "primary", "secondary"


def staff_record(assessment: Assessment, profile: Profile) -> dict[str, Any]:
    """Everything that was looked at and said, figure by figure; values as they are written in a released table."""
    return {
        "record": RECORD,
        "version": VERSION,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "verdict": assessment.verdict.value,
        "small": assessment.small,
        "profile": {"name": profile.name, "source": profile.source},
        "rules": [_tried(t) for t in rules_tried(profile, assessment.findings)],
        "cells": [_row(r, assessment) for r in assessment.rows],
        "findings": [_finding(f) for f in map(asdict, assessment.findings)],
        "evidence": [_table(t) for t in assessment.tables],
        "pattern": pattern_of(assessment),
        "audit": None if assessment.audit is None else asdict(assessment.audit),
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def hole_of(row: JudgedCell, column: int) -> str | None:
    """Why a figure is not shown: for its own sake, or so that another one cannot be worked out."""
    if not row.suppressed[column]:
        return None
    rules = frozenset(row.rules[column])
    return SECONDARY_HOLE if rules and rules <= SECONDARY else PRIMARY_HOLE


def pattern_of(assessment: Assessment) -> dict[str, int]:
    """How many figures are hidden for which reason, and how many are shown; keys are no figures."""
    every = [hole_of(r, c) for r in assessment.rows for c in range(assessment.key_count, len(assessment.columns))]
    counted = Counter(every)
    return {"shown": counted[None], "primary": counted[PRIMARY_HOLE], "secondary": counted[SECONDARY_HOLE]}


def _tried(tried: Any) -> dict[str, Any]:
    return {
        "id": tried.rule,
        "sentence": tried.sentence,
        "parameters": dict(tried.parameters),
        "findings": tried.findings,
    }


def _row(row: JudgedCell, assessment: Assessment) -> dict[str, Any]:
    return {
        "keys": [text_of_value(v) for v in row.keys],
        "persons": row.persons,
        "figures": [_figure(row, c, assessment) for c in range(len(assessment.columns))],
    }


def _figure(row: JudgedCell, column: int, assessment: Assessment) -> dict[str, Any]:
    hidden = row.suppressed[column]
    return {
        "column": assessment.columns[column],
        "exact": text_of_value(row.exact[column]),
        "released": None if hidden else text_of_value(row.released[column]),
        "verdict": row.verdicts[column].value,
        "rules": list(row.rules[column]),
        "hole": hole_of(row, column),
        "behind": list(assessment.behind[column]) if assessment.behind else [],
    }


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    cell = finding["cell"]
    figures = dict(finding["figures"])
    plain = None if cell is None else [text_of_value(v) for v in cell]
    return {**finding, "verdict": Verdict(finding["verdict"]).value, "figures": figures, "cell": plain}


def _table(table: TableRecord) -> dict[str, Any]:
    return {
        "keys": list(table.keys),
        "shown": table.shown,
        "statistics": [{"id": ident, "measure": measure} for ident, measure in table.statistics],
        "cells": [
            {
                "keys": [text_of_value(v) for v in keys],
                "rows": rows,
                "persons": persons,
                "statistics": [
                    {
                        "id": j.statistic,
                        "evidence": evidence_to_json(j.evidence),
                        "rules": list(j.rules),
                        "verdict": j.verdict.value,
                        "hidden": j.hidden,
                    }
                    for j in judged
                ],
            }
            for keys, rows, persons, judged in table.cells
        ],
    }
