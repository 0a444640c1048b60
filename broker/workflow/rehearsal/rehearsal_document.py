"""Rehearses a submission by its kind, and writes what its author sees as a JSON document, whose form the command line
and the pages rely on. Judges nothing."""

import json
from collections.abc import Sequence
from typing import Any

from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.domain.errors import Invalid
from broker.domain.findings import AssessedRow
from broker.domain.jobs.job import JobKind
from broker.domain.plans.scalars import Value
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript
from broker.workflow.rehearsal.private_rehearsal import RehearsedBlocks, rehearse_blocks, rehearse_private
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, rehearse_query
from broker.workflow.rehearsal.script_rehearsal import RehearsedScript, rehearse_script
from broker.workflow.run_context import RunContext

DIGITS = 6
"""Digits of the figures over the blocks of a private script."""
LOG_CHARACTERS = 100_000
"""Characters at the end of a script's log that are stored."""


def rehearsed_document(context: RunContext) -> dict[str, Any]:
    """Rehearse the submission. Raises Invalid where a job would fail too and there is nothing more to show, and Failed
    if the broker cannot read the files of a script."""
    match context.checked.private:
        case PrivateScript() as script:
            return {"rehearsed": blocks_outcome(script, rehearse_blocks(context, script))}
        case PrivateQuery() as query:
            return {"outputs": [output_document(o) for o in rehearse_private(context, query)]}
    if context.checked.kind is JobKind.PYTHON:
        return _script_outcome(rehearse_script(context))
    return {"outputs": [output_document(o) for o in rehearse_query(context)]}


def output_document(output: RehearsedOutput) -> dict[str, Any]:
    found = output.assessment
    hiding = {rule for row in found.rows for rules in row.rules for rule in rules}
    sentences = {rule: RULE_CATALOGUE[rule].sentence for rule in hiding & RULE_CATALOGUE.keys()}
    sentences |= {f.rule: f.sentence for f in found.findings}
    return {
        "name": found.name,
        "columns": list(found.columns),
        "key_columns": list(found.key_columns),
        "rows": [_values(row) for row in found.rows],
        "hidden": [list(row.suppressed) for row in found.rows],
        "rules": [[list(rules) for rules in row.rules] for row in found.rows],
        "meaning": dict(sorted(sentences.items())),
        "verdict": found.verdict.value,
        "way": output.route.value,
        "why": list(output.why),
        "notes": list(found.notes),
        "symbols": dict(found.symbols),
        **({} if output.exact is None else {"exact": [_exact(row) for row in output.exact]}),
        **({} if output.cost is None else {"cost": output.cost.as_json()}),
    }


def _script_outcome(ran: RehearsedScript) -> dict[str, Any]:
    """Return how the script ended, what it printed and left, and the tables that the broker computed from its
    submitted microdata."""
    left = [
        {
            "name": o.name,
            "kind": o.kind,
            "bytes": o.size,
            "declared": o.declared,
            "problem": o.problem,
            "look_at": list(o.review_notes),
        }
        for o in ran.outputs
    ]
    outcome = {"end": ran.end.value, "runtime": ran.runtime, "log": ran.log, "left": left, "absent": list(ran.absent)}
    return outcome | {"outputs": [output_document(table) for table in ran.tables]}


def blocks_outcome(script: PrivateScript, found: RehearsedBlocks) -> dict[str, Any]:
    rows = [[text_of_value(v) for v in row.released] for row in found.table.rows]
    return {
        "runtime": found.runtime,
        "blocks": script.parameters.blocks,
        "estimator": script.parameters.estimator.value,
        "failed": found.failed,
        "numbers": [
            {"name": n.name, "without_noise": _rounded(n.without), "spread": _rounded(n.spread), "beyond": n.beyond}
            for n in found.numbers
        ],
        "output": {"name": found.table.name, "columns": list(found.table.columns), "rows": rows},
        "notes": list(found.table.notes),
        "log": found.log,
    }


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def _exact(row: Sequence[Value] | None) -> list[object] | None:
    """Return the row of a private output that the synthetic data have without noise."""
    return None if row is None else [_plain(value) for value in row]


def _values(row: AssessedRow) -> list[object]:
    """Return the values that would be released, None for hidden ones. Numbers have the digits with which they are
    released."""
    pairs = zip(row.released, row.suppressed, strict=True)
    return [None if hidden else _plain(value) for value, hidden in pairs]


def _plain(value: Value) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    text = text_of_value(value)
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def shorten_document(document: dict[str, Any], most_rows: int, most_bytes: int) -> dict[str, Any]:
    """Return the part of a document that is stored: for each output its first rows and how much is hidden, and the end
    of the log.

    Raises Invalid if even that exceeds `most_bytes`.
    """
    log = document.get("log", "")
    short = document | {"outputs": [_first_rows(o, most_rows) for o in document["outputs"]]}
    # The end of a log has the error.
    short |= {"log": log[-LOG_CHARACTERS:], "log_cut": max(0, len(log) - LOG_CHARACTERS)} if "log" in document else {}
    if len(json.dumps(short)) > most_bytes:
        sentence = "The result is too large for a page. Rehearse fewer outputs at a time."
        raise Invalid("too-large", sentence)
    return short


def _first_rows(output: dict[str, Any], most: int) -> dict[str, Any]:
    keys = frozenset(output["key_columns"])
    figures = [gone for row in output["hidden"] for n, gone in enumerate(row) if n not in keys]
    counted = {"all_rows": len(output["rows"]), "figures": len(figures), "figures_hidden": sum(figures)}
    return output | {name: output[name][:most] for name in ("rows", "hidden", "rules")} | counted
