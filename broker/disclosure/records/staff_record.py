"""The staff record of a judged output: rules, verdicts, evidence, pattern and audit, as JSON. Never released."""

from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from broker.disclosure.records.assessment_json import evidence_to_json
from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.records.rule_catalogue import applied_rules
from broker.domain.findings import AssessedRow, Assessment, TableRecord, Verdict
from broker.policy.disclosure_rules import DisclosureRules

RECORD, VERSION = "npd-broker staff record", 1
SECONDARY_RULES = frozenset({"X1", "X2", "X3", "X4"})
"""Rules of secondary suppression: a figure hidden by these alone is hidden to protect another one."""

PRIMARY_HOLE, SECONDARY_HOLE = "primary", "secondary"


def staff_record(assessment: Assessment, profile: DisclosureRules) -> dict[str, Any]:
    """The complete record, figure by figure. Values are written as in a released table."""
    return {
        "record": RECORD,
        "version": VERSION,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "verdict": assessment.verdict.value,
        "small": assessment.small,
        "profile": {"name": profile.name, "source": profile.source},
        "rules": [_applied_rule(t) for t in applied_rules(profile, assessment.findings)],
        "cells": [_row(r, assessment) for r in assessment.rows],
        "findings": [_finding(f) for f in map(asdict, assessment.findings)],
        "evidence": [_table(t) for t in assessment.tables],
        "pattern": pattern_counts(assessment),
        "audit": None if assessment.audit is None else asdict(assessment.audit),
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def hole_kind(row: AssessedRow, column: int) -> str | None:
    """Why a figure is hidden: primary (by a rule on itself) or secondary (to protect another figure). None: it is
    shown."""
    if not row.suppressed[column]:
        return None
    rules = frozenset(row.rules[column])
    return SECONDARY_HOLE if rules and rules <= SECONDARY_RULES else PRIMARY_HOLE  # any other rule makes it primary


def pattern_counts(assessment: Assessment) -> dict[str, int]:
    """The number of shown figures and of hidden ones by kind. Keys do not count as figures."""
    counted = Counter(hole_kind(r, c) for r in assessment.rows for c in assessment.figure_columns)
    return {"shown": counted[None], "primary": counted[PRIMARY_HOLE], "secondary": counted[SECONDARY_HOLE]}


def _applied_rule(applied: Any) -> dict[str, Any]:
    return {
        "id": applied.rule,
        "sentence": applied.sentence,
        "parameters": dict(applied.parameters),
        "findings": applied.findings,
    }


def _row(row: AssessedRow, assessment: Assessment) -> dict[str, Any]:
    return {
        "keys": [text_of_value(v) for v in row.keys],
        "persons": row.persons,
        "figures": [_figure(row, c, assessment) for c in range(len(assessment.columns))],
    }


def _figure(row: AssessedRow, column: int, assessment: Assessment) -> dict[str, Any]:
    hidden = row.suppressed[column]
    return {
        "column": assessment.columns[column],
        "exact": text_of_value(row.exact[column]),
        "released": None if hidden else text_of_value(row.released[column]),
        "max_error": text_of_value(row.max_errors[column]) or None if row.max_errors else None,
        "verdict": row.verdicts[column].value,
        "rules": list(row.rules[column]),
        "hole": hole_kind(row, column),
        "behind": list(assessment.column_statistics[column]) if assessment.column_statistics else [],
    }


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    cell = finding["cell"]
    figures = dict(finding["figures"])
    plain = None if cell is None else [text_of_value(v) for v in cell]
    return {**finding, "verdict": Verdict(finding["verdict"]).value, "figures": figures, "cell": plain}


def _short(value: Any) -> Any:
    """A decimal has as many places as a released one: a mean has as many as the engine holds."""
    return (
        {"decimal": text_of_value(Decimal(value["decimal"]))}
        if isinstance(value, dict) and "decimal" in value
        else value
    )


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
                        "evidence": {name: _short(value) for name, value in evidence_to_json(j.evidence).items()},
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
