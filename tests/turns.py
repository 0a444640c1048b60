"""Every day a case runs on one runtime of containers and on one database, by turns; in proofs on each.

The first case of a file runs on the first of them, the second on the second, and so on. A test that is about what
differs between them says `each`, and always runs on all.
"""

import os
from collections import defaultdict
from collections.abc import Iterable

import pytest

PLACES = frozenset({"runc", "runsc", "bubblewrap", "sqlite", "postgresql"})
"""As names of tests tell them."""
EVERYWHERE = "PROOF_EVERYWHERE" in os.environ

Case = tuple[str, ...]


def shared_out(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those that run, and those that do not."""
    turns = _turns(items)
    run, left = [], []
    for item in items:
        case, place = parted(item.nodeid)
        (run if EVERYWHERE or turns.get(case, place) == place else left).append(item)
    return run, left


def _turns(items: Iterable[pytest.Item]) -> dict[Case, Case]:
    """Of each case that could run in several places, the one whose turn it is."""
    found: dict[str, dict[Case, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        case, place = parted(item.nodeid)
        if place and item.get_closest_marker("each") is None:
            found[item.nodeid.partition("::")[0]][case].append(place)
    return {
        case: places[number % len(places)]
        for cases in found.values()
        for number, (case, places) in enumerate(cases.items())
    }


def parted(test: str) -> tuple[Case, Case]:
    """A test's name without the places that it tells, and these."""
    name, _, parameters = test.rstrip("]").partition("[")
    words = parameters.split("-") if parameters else []
    return (name, *(w for w in words if w not in PLACES)), tuple(w for w in words if w in PLACES)
