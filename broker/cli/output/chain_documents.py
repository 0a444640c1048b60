"""Reads the JSON that administrators give to commands, with clear errors, and prints what commands report of signed
logs."""

import json
from pathlib import Path
from typing import Any

from broker.cli.output.console import print_answer, print_line, read_input
from broker.domain.errors import Invalid
from broker.domain.signed_log import ChainCheck, ChainHead, LogName


def read_document(file: str) -> dict[str, Any]:
    """Return the JSON object in a file; - reads standard input."""
    try:
        found = json.loads(read_input(file))
    except json.JSONDecodeError as error:
        raise Invalid("json", f"{file} is not JSON: {error}.", file) from error
    if not isinstance(found, dict):
        raise Invalid("json", f"{file} is not a JSON object.", file)
    return found


def read_heads(path: Path | None) -> tuple[ChainHead, ...]:
    """Return the signed head of the file to which it was exported, if there is one."""
    if path is None:
        return ()
    found = read_document(str(path))
    number, signature = found.get("number"), found.get("signature")
    if not isinstance(number, int) or not isinstance(signature, str):
        raise Invalid("head", "A head needs a number and a signature.", str(path))
    return (ChainHead(number, signature),)


def print_request_state(state: str, as_json: bool) -> int:
    """Print the state of a request that needs two administrators."""
    waits = "requested: a second administrator confirms it with the same command"
    return print_answer({"state": state}, as_json, waits if state == "asked" else state)


def print_head(head: dict[str, Any], as_json: bool) -> int:
    """Print a signed head, to be stored elsewhere. It is JSON in both cases, because `read_head` reads it again."""
    return print_answer(head, as_json, json.dumps(head))


def chain_document(check: ChainCheck) -> dict[str, object]:
    """Return the JSON document on a log that was verified."""
    forgotten = [{"number": head.number, "signature": head.signature} for head in check.missing_heads]
    found = {"holds": check.holds, "entries": check.entries, "broken_at": check.broken, "forgotten": forgotten}
    return found | {"differs": list(check.differs)}


def print_chain(log: LogName, found: dict[str, Any]) -> None:
    """Print whether a log's chain holds, and which signed heads it lacks."""
    broken = found["broken_at"]
    state = "all hold" if broken is None else f"broken at entry {broken}"
    print_line(f"{log.label}: {found['entries']} entries, {state}")
    for head in found["forgotten"]:
        print_line(f"the signed head {head['number']} is missing: a back-up was restored ({head['signature']})")
