"""JSON that administrators hand to commands, and what commands say of chains: read, and told what is wrong with it."""

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


def print_head(head: dict[str, Any], as_json: bool) -> int:
    """A signed head, to be kept elsewhere: JSON either way, since `head_in` reads it again."""
    if as_json:
        print_json(head)
    else:
        say(json.dumps(head))
    return 0


def say_chain(name: str, found: dict[str, Any]) -> None:
    """What was found of a chain: whether it holds, and signed heads that it has forgotten."""
    broken = found["broken_at"]
    say(f"{name}: {found['entries']} entries, {'all hold' if broken is None else f'broken at entry {broken}'}")
    for head in found["forgotten"]:
        say(f"the signed head {head['number']} is not in it: a back-up was restored ({head['signature']})")
