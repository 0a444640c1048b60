"""Each test of Python jobs fails without its defence: some run every day, all in a proof (PROOF_DEFENCES=all)."""

import importlib
import json
import os
from pathlib import Path

import pytest

from tests.prove.defences import run
from tests.prove.script_defences import CAUGHT, DEFENCES, FINDINGS

EVERY_DAY = frozenset({"7", "33", "53", "files_as_carriers"})
NUMBERS = frozenset({7, 8, 9, 10, 33, 53})
"""The findings of attackers that are about Python jobs."""

pytestmark = pytest.mark.long


def test_removed_defences_are_seen() -> None:
    found = run(DEFENCES, CAUGHT, frozenset() if os.environ.get("PROOF_DEFENCES") == "all" else EVERY_DAY)
    if "PROOF_FIGURES" in os.environ:
        told = Path(os.environ["PROOF_FIGURES"]) / "script_defences.json"
        told.write_text(json.dumps({**found, "findings": len(NUMBERS)}))
    assert found["missed"] == []


def test_every_finding_has_a_test_and_each_test_a_defence_that_can_be_removed() -> None:
    names = [n for n in vars(importlib.import_module(FINDINGS)) if n.startswith("test_")]
    assert {int(n.split("_")[1]) for n in names} == NUMBERS
    assert all(any(n.startswith(d.test) for d in DEFENCES if d.module == FINDINGS) for n in names)
