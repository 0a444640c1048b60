"""Spelling hints for mistyped names, from the names that the project may know. Decides nothing."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

MAX_SUGGESTIONS = 2
MAX_NAME_LENGTH = 60
"""A longer name is no typing mistake, and comparing it takes time."""
MIN_SIMILARITY = 0.75
"""Least similarity of two names, from 0 (nothing in common) to 1 (equal)."""
MAX_UNKNOWN_NAMES = 10
"""Most unknown names that are compared: a text can contain thousands."""


class SpellingHints:
    """Compares the first unknown names of a text with known ones, each once."""

    def __init__(self) -> None:
        self._near: dict[str, list[str]] = {}

    def near(self, written: str, names: Mapping[str, str]) -> list[str]:
        """Names that are similar to a written one, the nearest first. `names` maps each spelling to the name to show
        for it."""
        if written not in self._near and len(self._near) < MAX_UNKNOWN_NAMES:
            self._near[written] = near_names(written, names)
        return self._near.get(written, [])

    def suggest(self, written: str, names: Mapping[str, str]) -> str:
        """A sentence to append to advice, or ""."""
        return question(self.near(written, names))


def near_names(written: str, names: Mapping[str, str]) -> list[str]:
    """Names that are similar to a written one, the nearest first."""
    if not written or len(written) > MAX_NAME_LENGTH:
        return []
    folded: dict[str, str] = {}
    for spelling, shown in names.items():
        folded.setdefault(spelling.casefold(), shown)
    # twice as many, because several spellings can show one name
    close = get_close_matches(written.casefold(), sorted(folded), 2 * MAX_SUGGESTIONS, MIN_SIMILARITY)
    return list(dict.fromkeys(folded[spelling] for spelling in close))[:MAX_SUGGESTIONS]


def question(suggestions: Sequence[str]) -> str:
    """The question whether a suggestion is meant, with a leading blank; "" without one."""
    return f" Did you mean {' or '.join(suggestions)}?" if suggestions else ""


def did_you_mean(written: str, names: Mapping[str, str]) -> str:
    return question(near_names(written, names))
