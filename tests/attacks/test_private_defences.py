"""Each test of a private answer fails without its defence: some run every day, all in a proof (PROOF_DEFENCES=all)."""

import importlib
import json
import os
from pathlib import Path

import pytest

from tests.prove.defences import run
from tests.prove.private_defences import CAUGHT, DEFENCES, FINDINGS, TRAPS

EVERY_DAY = frozenset({"15", "30", "errors", "keys", "a", "jobs"})
NUMBERS = frozenset({12, 13, 14, 15, 16, 26, 30, 31, 32, 39, 44, 52})
"""The findings of attackers that are about differential privacy."""
ROWS = {
    "floats": "floating point noise, sums that depend on the order of rows, noise in SQL",
    "errors": "overflows and casts: an error is an answer",
    "extremes": "MIN, MAX, ANY_VALUE, FIRST, LISTAGG, ORDER BY … LIMIT, of keys as well",
    "keys": "keys from the data, and a hidden query for them that is not charged",
    "nulls": "COUNT(*) and COUNT(x), a missing value in one sum only, a unit without a key",
    "what": "conditions that fit one child; HAVING; windows, EXISTS and averages that mix persons",
    "joins": "rows that joins multiply, public tables by no unique key, persons that meet by their school",
    "nothing": "statements that hold RANDOM()",
    "noise": "seeds and salts: the same question again, and what depends on other persons",
    "a": "failed jobs that are given back",
    "time": "durations",
    "jobs": "budget races",
    "no": "exact facts beside the noise",
    "exact": "exact and private releases of one table",
}
"""The rows of the list of traps, by the first word of the test."""

pytestmark = pytest.mark.long


def test_removed_defences_are_seen() -> None:
    found = run(DEFENCES, CAUGHT, frozenset() if os.environ.get("PROOF_DEFENCES") == "all" else EVERY_DAY)
    if "PROOF_FIGURES" in os.environ:
        told = Path(os.environ["PROOF_FIGURES"]) / "private_defences.json"
        told.write_text(json.dumps({**found, "findings": len(NUMBERS), "rows_of_traps": len(ROWS)}))
    assert found["missed"] == []


def test_every_finding_and_every_row_of_traps_has_a_test_and_a_defence_that_can_be_removed() -> None:
    names = {m: [n for n in vars(importlib.import_module(m)) if n.startswith("test_")] for m in (FINDINGS, TRAPS)}
    assert {int(n.split("_")[1]) for n in names[FINDINGS]} == NUMBERS
    assert {n.split("_")[1] for n in names[TRAPS]} == set(ROWS)
    assert {d.place for d in DEFENCES} == {*map(str, NUMBERS), *ROWS}
    for module, found in names.items():
        assert all(any(n.startswith(d.test) for d in DEFENCES if d.module == module) for n in found)
