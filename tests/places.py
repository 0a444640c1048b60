"""Which cases run of those that could run in several places, on a runtime of containers or on a database, which tests
go to one worker together, and which are in a slice.

Without `--everywhere` each case runs in one place: the first case of a file by its name in the first place, the second
in the second, and so on. A test that is about what differs between places is marked `each`, and always runs in all of
them.
"""

from argparse import ArgumentTypeError
from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

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
    for item in sorted(items, key=lambda item: item.nodeid):  # the same turns in whatever order the tests run
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


TOGETHER = ("tests/integration/submitted_rows", "tests/architecture")
"""Folders whose files share what takes long to make: a vault, and the syntax trees of the package."""


def group_of(test: str) -> str:
    """A test's file, or what it shares with other files: the runtime of one broker, a vault, or syntax trees."""
    file, (_, places) = test.partition("::")[0], parted(test)
    if folder := next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), None):
        return folder
    return "-".join(("e2e", *places)) if places and file.startswith("tests/e2e/") else file


def parsed_slice(text: str) -> tuple[int, int]:
    """The part, and the number of parts, of "3/8". Part 0 is the last one. Raises ArgumentTypeError."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdigit() and parts.isdigit() and int(parts) > 0 and int(part) <= int(parts)):
        raise ArgumentTypeError(f"{text!r} is no slice: write 3/8 for the third of eight parts")
    return int(part), int(parts)


def in_slice(test: str, part: int, parts: int) -> bool:
    """Whether a test is in one of so many slices. Tests that share a group are in one, so that what they share is made
    once. A new file moves no other one."""
    return crc32(group_of(test).encode()) % parts == part % parts
