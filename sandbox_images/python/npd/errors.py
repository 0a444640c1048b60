"""The library's one error: a sentence that says what is wrong and what to write instead. Checks nothing itself."""

import difflib
from collections.abc import Iterable


class NpdError(Exception):
    """Something in a script that can be put right."""

    __module__ = "npd"


class UnknownTable(NpdError, KeyError):
    """A table that is not mounted; a KeyError too."""

    __module__ = "npd"

    __str__ = Exception.__str__


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'LA'?`, or nothing where no known name is near."""
    spelled = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), spelled, n=1)
    return f" Did you mean {spelled[found[0]]!r}?" if found else ""


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names for a sentence, not more than people read."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return (", ".join(every[:most]) or "none") + more
