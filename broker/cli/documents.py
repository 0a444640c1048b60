"""JSON files that administrators hand to commands: read, and told of what is wrong with them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broker.cli.show import print_json, read_text, say
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.domain.ledger.chain import Head


def document(file: str) -> dict[str, Any]:
    """The JSON object in a file; - reads standard input."""
    try:
        found = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise Invalid("json", f"{file} is no JSON: {error}.", file) from error
    if not isinstance(found, dict):
        raise Invalid("json", f"{file} is no JSON object.", file)
    return found


def head_in(path: Path) -> "Head":
    """A signed head as it was exported."""
    from broker.domain.ledger.chain import Head

    found = document(str(path))
    number, signature = found.get("number"), found.get("signature")
    if not isinstance(number, int) or not isinstance(signature, str):
        raise Invalid("head", "A head has a number and a signature.", str(path))
    return Head(number, signature)


def print_state(state: str, as_json: bool) -> int:
    """What became of a wish that two administrators have to have."""
    if as_json:
        print_json({"state": state})
    else:
        say("asked: a second administrator does it with the same command" if state == "asked" else state)
    return 0
