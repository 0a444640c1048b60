"""The sample submissions with the verdict that each must get, read from the project's own copy."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEADER = re.compile(r"^-- @@ (\w+) \| (\w+) \| (accept|refuse) \|.*$", re.MULTILINE)


def samples(file: str = "queries.sql") -> Iterator[tuple[str, str, str, str]]:
    """(id, dialect, accept or refuse, text) of each."""
    text = (ROOT / "tests" / "fixtures" / file).read_text()
    found = list(HEADER.finditer(text))
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        yield match[1], match[2], match[3], text[match.end() : end].strip()
