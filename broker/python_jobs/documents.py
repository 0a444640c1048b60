"""What the library `npd` and acro leave as JSON, written anew: plain, and of no more parts than policy allows. Pure."""

import json
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.files import FileCaps


def remade_document(content: bytes, caps: FileCaps) -> bytes:
    """The same values; what is no number is null. Raises Invalid for what is no JSON, names a key twice, or has more
    than policy allows."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=lambda _: None, object_pairs_hook=_once)
        check_amount(found, caps)
        made = json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (ValueError, RecursionError) as fault:
        raise Invalid("unreadable", "The file is no JSON.") from fault
    if len(made) > caps.made_bytes:
        raise too_much()
    return made


def too_much() -> Invalid:
    return Invalid("size", "It has more values, or more of them within one another, than a file may have.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def check_amount(found: Any, caps: FileCaps) -> None:
    """Values and depth, without a step deeper than policy allows. Raises Invalid."""
    level, left = [found], caps.values
    for _ in range(caps.depth):
        left -= len(level)
        if left < 0:
            raise too_much()
        level = [part for value in level if isinstance(value, dict | list) for part in _parts(value)]
        if not level:
            return
    raise too_much()


def _parts(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value
