"""Which cases run of those that could run in several places, on a runtime of containers or on a database, and which
tests go to one worker together.

Without `--everywhere` each case runs in one place: the first case of a file in the first place, the second in the
second, and so on. A test that is about what differs between places is marked `each`, and always runs in all of them.
"""

from collections import defaultdict
from collections.abc import Iterable

import pytest

PLACES = frozenset({"runc", "runsc", "bubblewrap", "sqlite", "postgresql"})
"""As ids of parameters name them."""

Case = tuple[str, ...]


def by_turns(items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items that run, and those that do not."""
    turns = _turns(items)
    run, left = [], []
    for item in items:
        case, place = parted(item.nodeid)
        is_left = turns.get(case, place) != place or item.get_closest_marker("everywhere") is not None
        (left if is_left else run).append(item)
    return run, left


def _turns(items: Iterable[pytest.Item]) -> dict[Case, Case]:
    """The place of each case that could run in several."""
    found: dict[str, dict[Case, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        case, place = parted(item.nodeid)
        if place and item.get_closest_marker("each") is None and item.get_closest_marker("everywhere") is None:
            found[item.nodeid.partition("::")[0]][case].append(place)
    return {
        case: places[number % len(places)]
        for cases in found.values()
        for number, (case, places) in enumerate(cases.items())
    }


def parted(test: str) -> tuple[Case, Case]:
    """A test's name without its places, and the places."""
    name, _, parameters = test.rstrip("]").partition("[")
    words = parameters.split("-") if parameters else []
    return (name, *(w for w in words if w not in PLACES)), tuple(w for w in words if w in PLACES)


ONE_VAULT = "tests/integration/submitted_rows"
"""A folder whose files share a vault that takes long to build."""


def group_of(test: str) -> str:
    """A test's file, or what it shares with other files: the runtime of one broker, or a vault."""
    file, (_, places) = test.partition("::")[0], parted(test)
    if file.startswith(ONE_VAULT):
        return ONE_VAULT
    return "-".join(("e2e", *places)) if places and file.startswith("tests/e2e/") else file
