"""Each test of a finding fails without its defence: some run every day, all in a proof (PROOF_DEFENCES=all)."""

import json
import os
from pathlib import Path

import pytest

from tests.prove.defences import run
from tests.prove.disclosure_defences import CAUGHT, DEFENCES, TESTS as MODULE

pytestmark = pytest.mark.long

EVERY_DAY = frozenset({"01", "04", "12", "22", "35"})


def test_removed_defences_are_seen() -> None:
    chosen = frozenset() if os.environ.get("PROOF_DEFENCES") == "all" else EVERY_DAY
    found = run(DEFENCES, CAUGHT, chosen)
    if "PROOF_FIGURES" in os.environ:
        (Path(os.environ["PROOF_FIGURES"]) / "defences.json").write_text(
            json.dumps({**found, "findings": found["places"]})
        )
    assert found["missed"] == []


def test_every_finding_that_has_a_test_has_a_defence_that_can_be_removed() -> None:
    import importlib

    names = [n for n in vars(importlib.import_module(MODULE)) if n.startswith("test_")]
    assert {n.split("_")[1] for n in names} == {d.place for d in DEFENCES}
