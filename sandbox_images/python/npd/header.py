"""The header of the running script: its outputs and inputs. A courtesy here: the broker reads the header itself."""

import re
from collections.abc import Iterator

LINE = re.compile(r"[ \t\f]*#[ \t]*(input|output)[ \t]*:(.*)", re.IGNORECASE)


INPUT = re.compile(r"\s*([^\s\[\],]+)\s*(?:\[([^\[\]]*)\])?")


def declared_outputs(text: str) -> dict[str, str]:
    """File name to description, as the lines at the top of a script say."""
    found = {}
    for rest in _lines(text, "output"):
        name, _, description = (part.strip() for part in rest.partition("|"))
        if name:
            found[name] = description
    return found


def declared_inputs(text: str) -> dict[str, list[str] | None]:
    """Table, as it is written there, to its variables; None where the line names none, which means all."""
    found: dict[str, list[str] | None] = {}
    for rest in _lines(text, "input"):
        match = INPUT.match(rest)
        if match is not None:
            table, names = match[1].lower(), re.findall(r"[^\s,]+", match[2] or "")
            before = found.get(table, [])
            found[table] = None if not names or before is None else [*before, *names]
    return found


def _lines(text: str, kind: str) -> Iterator[str]:
    """What the header lines of one kind say: the header ends at the first line of code."""
    for line in re.split(r"\r\n|\r|\n", text):
        match = LINE.match(line)
        if match is None and line.strip() and not line.lstrip().startswith("#"):
            return
        if match is not None and match[1].lower() == kind:
            yield match[2]
