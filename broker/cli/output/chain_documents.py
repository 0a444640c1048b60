"""JSON that administrators hand to commands, and what commands say of chains: read, and told what is wrong with it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broker.cli.output.console import print_json, print_line, read_input
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.domain.ledger.ledger_chain import ChainHead


def read_document(file: str) -> dict[str, Any]:
    """The JSON object in a file; - reads standard input."""
    try:
        found = json.loads(read_input(file))
    except json.JSONDecodeError as error:
        raise Invalid("json", f"{file} is no JSON: {error}.", file) from error
    if not isinstance(found, dict):
        raise Invalid("json", f"{file} is no JSON object.", file)
    return found


def read_head(path: Path) -> "ChainHead":
    """A signed head as it was exported."""
    from broker.domain.ledger.ledger_chain import ChainHead

    found = read_document(str(path))
    number, signature = found.get("number"), found.get("signature")
    if not isinstance(number, int) or not isinstance(signature, str):
        raise Invalid("head", "A head has a number and a signature.", str(path))
    return ChainHead(number, signature)


def print_request_state(state: str, as_json: bool) -> int:
    """What became of a wish that two administrators have to have."""
    if as_json:
        print_json({"state": state})
    else:
        print_line("asked: a second administrator does it with the same command" if state == "asked" else state)
    return 0


def print_head(head: dict[str, Any], as_json: bool) -> int:
    """A signed head, to be kept elsewhere: JSON either way, since `head_in` reads it again."""
    if as_json:
        print_json(head)
    else:
        print_line(json.dumps(head))
    return 0


def print_chain(name: str, found: dict[str, Any]) -> None:
    """What was found of a chain: whether it holds, and signed heads that it has forgotten."""
    broken = found["broken_at"]
    print_line(f"{name}: {found['entries']} entries, {'all hold' if broken is None else f'broken at entry {broken}'}")
    for head in found["forgotten"]:
        print_line(f"the signed head {head['number']} is not in it: a back-up was restored ({head['signature']})")
