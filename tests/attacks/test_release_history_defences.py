"""Each test of a release history finding fails without its defence. A proof (PROOF_DEFENCES=all) adds the cap."""

import importlib
import json
import os
from pathlib import Path

import pytest

from tests.prove.release_history_defences import DEFENCES, FAMILIES, FINDINGS, RECONSTRUCTION, run

pytestmark = pytest.mark.long


def test_removed_defences_are_seen() -> None:
    more = {RECONSTRUCTION} if os.environ.get("PROOF_DEFENCES") == "all" else set()
    found = run(frozenset({FINDINGS, FAMILIES} | more))
    if "PROOF_FIGURES" in os.environ:
        (Path(os.environ["PROOF_FIGURES"]) / "memory_defences.json").write_text(json.dumps(found))
    assert found["missed"] == []


def test_each_test_of_a_finding_has_a_defence_that_can_be_removed() -> None:
    modules = [importlib.import_module(module) for module in (FINDINGS, FAMILIES)]
    names = [n for module in modules for n in vars(module) if n.startswith("test_")]
    assert all(any(n.startswith(d.test) for d in DEFENCES) for n in names)
