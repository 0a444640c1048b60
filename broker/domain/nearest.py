"""Names that were perhaps meant: a typing mistake is told with what the project may know. Nothing is decided here."""

from collections.abc import Mapping
from difflib import get_close_matches

MOST_NAMES = 2
LONGEST = 60
"""A longer name is no typing mistake, and comparing it costs time."""
ALIKE = 0.75
"""How alike two names must be, from 0 (nothing in common) to 1 (the same)."""
MOST_HINTS = 10
"""How many unknown names are compared: a text can hold thousands."""


class Hints:
    """Compares the first unknown names of a text with known ones, each once."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def ask(self, written: str, names: Mapping[str, str]) -> str:
        """A sentence to put after advice, or nothing. `names` maps each spelling to the name that is shown for it."""
        if written not in self._told and len(self._told) < MOST_HINTS:
            self._told[written] = did_you_mean(written, names)
        return self._told.get(written, "")


def did_you_mean(written: str, names: Mapping[str, str]) -> str:
    """The question, with a blank before it; nothing if no name is near."""
    if not written or len(written) > LONGEST:
        return ""
    folded: dict[str, str] = {}
    for spelling, shown in names.items():
        folded.setdefault(spelling.casefold(), shown)
    close = get_close_matches(written.casefold(), sorted(folded), 2 * MOST_NAMES, ALIKE)
    meant = list(dict.fromkeys(folded[spelling] for spelling in close))[:MOST_NAMES]
    return f" Did you mean {' or '.join(meant)}?" if meant else ""
