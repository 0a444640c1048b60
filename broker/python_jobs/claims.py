"""What a script's own acro says of its files: `results.json`, the researcher's claim. Nothing of it is believed.

Staff see it beside the file, in its own words; no verdict and no finding comes of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST, LONGEST = 100, 500
SAID = ("status", "type", "summary", "exception", "command")
"""What is shown of an entry: short texts."""
Claims = Mapping[str, Mapping[str, str]]


def claims_of(content: bytes | None) -> Claims:
    """By the name of the file that acro speaks of, out of its JSON as it was made anew. What cannot be read claims
    nothing."""
    if content is None:
        return {}
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    results = said.get("results") if isinstance(said, dict) else None
    entries = list(results.values())[:MOST] if isinstance(results, dict) else []
    return {name: _texts(entry) for entry in entries if isinstance(entry, dict) for name in _files(entry)}


def _files(entry: Mapping[str, Any]) -> Iterator[str]:
    files = entry.get("files")
    for file in files if isinstance(files, list) else []:
        name = file.get("name") if isinstance(file, dict) else None
        if isinstance(name, str) and len(name) <= LONGEST:
            yield name.rpartition("/")[2]


def _texts(entry: Mapping[str, Any]) -> dict[str, str]:
    found = {key: entry.get(key) for key in SAID}
    return {key: " ".join(value[:LONGEST].split()) for key, value in found.items() if isinstance(value, str) and value}
