"""Every list of defences in its folder runs: the first of each list every day, all of them in a proof
(PROOF_DEFENCES=all)."""

import os
from pathlib import Path

import pytest

from tests.generative.query.proof_size import tell
from tests.prove import attack_defences
from tests.prove.attack_lists import lists, meant_by, missed

pytestmark = pytest.mark.long

ALL = os.environ.get("PROOF_DEFENCES") == "all"
LISTS = lists()


@pytest.mark.parametrize("name", LISTS)
def test_removed_defences_are_seen(name: str) -> None:
    found = missed(name, None if ALL else 1)
    tell(f"defences_{name}", {"defences": len(LISTS[name]), "missed": found})
    assert found == []


def test_no_list_is_forgotten() -> None:
    files = {p.stem for p in Path(attack_defences.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(LISTS) == files
    assert all(LISTS.values()), "each holds defences"


@pytest.mark.parametrize("name", LISTS)
def test_each_defence_has_its_test(name: str) -> None:
    assert [d.what for d in LISTS[name] if not meant_by(d)] == []
