"""The figures that remain of an ordinary table after an earlier one: repair of pairs that researchers request, with and
without the ways to save holes."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import repair_differences
from broker.disclosure.differencing.functionals import without_total
from broker.evidence.member_tables import MemberTable, Movable
from tests.attacks.history_town import table

pytestmark = pytest.mark.long

PUPILS = 3000
PHASES, LEFT = (0.54, 0.36, 0.04, 0.03, 0.03), np.array([0.04, 0.04, 0.05, 0.0, 0.0])
Town = Mapping[str, np.ndarray]
Asked = Callable[[Town, int], MemberTable]


def drawn_town() -> Town:
    """A few rows have no key, and a few persons two rows. Of large phases many are not on roll, of a small one a few,
    of others nobody. Nearly everybody has a result."""
    chance = np.random.default_rng(20261126)
    phase = chance.choice(len(PHASES), PUPILS, p=PHASES)
    return {
        "year": np.arange(PUPILS) % 12,
        "meals": chance.choice(2, PUPILS, p=[0.77, 0.23]),
        "gender": chance.integers(0, 2, PUPILS),
        "need": chance.choice(3, PUPILS, p=[0.05, 0.13, 0.82]),
        "phase": phase,
        "on roll": chance.random(PUPILS) > LEFT[phase],
        "result": chance.random(PUPILS) > 0.01,
        "key": chance.random(PUPILS) > 0.004,
        "rows": 1 + (chance.random(PUPILS) < 0.03),
    }


def by(*keys: str, where: Sequence[str] = (), pupils: bool = False, rows: bool = False) -> Asked:
    """Counts of persons, or of rows, of those to whom all conditions apply; `pupils`: beside them of who has a key."""

    def table_of_town(town: Town, number: int) -> MemberTable:
        inside = np.all([town[w] for w in where] or [np.ones(PUPILS, bool)], axis=0)
        cells: dict[str, list[int]] = {}
        for person in np.flatnonzero(inside).tolist():
            cells.setdefault("/".join(f"{town[k][person]:02}" for k in keys), []).append(person)
        often = dict(enumerate(town["rows"].tolist())) if rows else None
        ones = set(np.flatnonzero(town["key"]).tolist()) if pupils else None
        return table(number, dict(sorted(cells.items())), often=often, ones=ones)

    return table_of_town


DEMO = by("need", "meals", pupils=True, rows=True)
Figures = tuple[int, int, int]
"""Of the later table, those that are left where every difference is met by the smallest hole on its side, even one of
persons whom a table tells alone, and those that are left as differences are met."""
PAIRS: dict[str, tuple[Asked, Asked, Figures]] = {
    "the demo's table, then year and meals": (DEMO, by("year", "meals", rows=True), (24, 0, 24)),
    "the demo's table, then year": (DEMO, by("year", rows=True), (12, 0, 12)),
    "year and meals, then the demo's table": (by("year", "meals", rows=True), DEMO, (12, 8, 12)),
    "phase, then phase and gender on roll": (by("phase"), by("phase", "gender", where=["on roll"]), (10, 3, 10)),
    "phase, then phase and meals on roll": (by("phase"), by("phase", "meals", where=["on roll"]), (10, 3, 10)),
    "meals, then year and meals on roll": (by("meals"), by("year", "meals", where=["on roll"]), (24, 24, 24)),
    "year and meals, then the same with results": (
        by("year", "meals"), by("year", "meals", where=["result"]), (24, 24, 24),
    ),
    "year, then year and meals with results": (by("year"), by("year", "meals", where=["result"]), (24, 13, 24)),
}  # fmt: skip
ROOM = "broker.disclosure.differencing"
SAVINGS: dict[str, Callable[..., object]] = {
    f"{ROOM}.block_search.RevealCheck._is_of_small_cells": lambda *_: False,
    f"{ROOM}.block_search.RevealCheck._is_of_one_factor": lambda *_: False,
    f"{ROOM}.difference_repair._hole_candidates": lambda leak, figure, _: leak.new.cells & figure.shown.keys(),
}  # fmt: skip
"""What saves holes, and what stands there without it."""


def figures_after_repair(earlier: MemberTable, later: MemberTable) -> int:
    """How many figures are left, where nobody knows the totals and counts are aligned."""
    known = without_total(earlier)
    countable = frozenset((f.statistic, f.amount, f.once) for f in later.figures if f.is_count)
    loads = {earlier.entry.number: lambda: known}
    found = repair_differences(later, loads, total_known=False, movable=Movable(countable)).table
    assert found is None or compare(without_total(found), known).is_clean
    return 0 if found is None else figures(found)


def figures_after_holes(earlier: MemberTable, later: MemberTable) -> int:
    """How many figures are left, where totals are known and only holes repair."""
    found = repair_differences(later, {earlier.entry.number: lambda: earlier}).table
    return 0 if found is None else figures(found)


def figures(of: MemberTable) -> int:
    return sum(len(f.shown) for f in of.figures)


def test_an_ordinary_table_retains_its_figures_after_an_earlier_one() -> None:
    town, found = drawn_town(), {}
    for name, (first, second, _) in PAIRS.items():
        earlier, later = first(town, 1), second(town, 2)
        with ExitStack() as without:
            for where, instead in SAVINGS.items():
                without.enter_context(mock.patch(where, instead))
            before = figures_after_holes(earlier, later)
        found[name] = figures(later), before, figures_after_repair(earlier, later)
    if folder := os.environ.get("PROOF_FIGURES"):
        (Path(folder) / "memory_everyday_pairs.json").write_text(json.dumps(found))
    assert found == {name: shown for name, (*_, shown) in PAIRS.items()}
