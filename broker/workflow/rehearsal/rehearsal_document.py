"""Rehearses a submission by its kind: a JSON document of what its author sees, whose form the command line and the
pages rely on, and the part of it that is stored. Judges nothing."""

import json
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.jobs.job import JobKind
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript
from broker.workflow.rehearsal.private_rehearsal import rehearse_blocks, rehearse_private
from broker.workflow.rehearsal.query_rehearsal import output_document, rehearse_query
from broker.workflow.rehearsal.script_rehearsal import rehearse_script
from broker.workflow.run_context import RunContext

LOG_CHARACTERS = 100_000
"""Characters at the end of a script's log that are stored."""


def rehearsed_document(context: RunContext) -> dict[str, Any]:
    """Rehearse the submission. Raises Invalid where a job would fail too and there is nothing more to show, and Failed
    if the broker cannot read the files of a script."""
    match context.checked.private:
        case PrivateScript() as script:
            return {"rehearsed": rehearse_blocks(context, script)}
        case PrivateQuery() as query:
            return {"outputs": [output_document(o) for o in rehearse_private(context, query)]}
    if context.checked.kind is JobKind.PYTHON:
        return rehearse_script(context)
    return {"outputs": [output_document(o) for o in rehearse_query(context)]}


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
