"""Repair of random systems against an attacker of its own: nothing exact, nothing narrower than could be had."""

import statistics
import time

import pytest
from drawn_tasks import drawn
from outsider import Outsider

from broker.disclosure.suppression.secondary_suppression import suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask
from tests.proof_size import SEED, report_figures, size

pytestmark = pytest.mark.long

TABLES = size("TABLES", 20)
NEAR = 1e-5


def derived(task: SuppressionTask, hidden: frozenset[int], insiders: bool) -> dict[int, tuple[float, float]]:
    """What the targets are known to be; insiders know all single contributors' cells, and zeros unless one is asked."""
    unknown = (hidden | task.unreleased) - task.fixed
    found = {}
    for cell in sorted(task.targets):
        known = set(range(task.system.size)) - unknown
        if insiders:
            known |= {
                i
                for i in task.insiders
                if i != cell and (task.values[i] != 0 or task.values[cell] != 0 or cell not in task.insiders)
            }
        outsider = Outsider(task.system.size)
        for i in known:
            outsider.learns({i: 1.0}, task.values[i], task.values[i])
        for e in task.system.equations:
            outsider.learns({**dict.fromkeys(e.parts, 1.0), e.total: -1.0}, 0.0, 0.0)
        found[cell] = outsider.interval({cell: 1.0})
    return found


def faults(task: SuppressionTask, hidden: frozenset[int]) -> list[tuple[int, bool, float, float]]:
    """Targets that are narrower than asked although hiding everything would have made them wider."""
    everything = frozenset(range(task.system.size)) - task.fixed
    found = []
    for insiders in (False, True):
        now, best = derived(task, hidden, insiders), derived(task, everything, insiders)
        for cell, (low, high) in now.items():
            asked = min(task.targets[cell], best[cell][1] - best[cell][0])
            if high - low < asked - NEAR:
                found.append((cell, insiders, high - low, asked))
    return found


def naive(task: SuppressionTask) -> frozenset[int]:
    """No equation with exactly one hole: what is done by eye."""
    hidden = set(task.hidden | task.unreleased) - task.fixed
    moved = True
    while moved:
        moved = False
        for e in task.system.equations:
            cells = (*e.parts, e.total)
            if sum(c in hidden for c in cells) == 1:
                free = [c for c in cells if c not in hidden and c not in task.fixed]
                if free:
                    hidden.add(min(free, key=lambda c: (task.cost(c), c)))
                    moved = True
    return frozenset(hidden) - task.unreleased


def loss(task: SuppressionTask, hidden: frozenset[int]) -> float:
    return sum(task.cost(c) for c in hidden - task.hidden)


def test_repaired_tables_are_not_derived() -> None:
    figures = {"tables": TABLES, "cells": 0, "primaries": 0, "secondaries": 0, "exact": 0, "narrow": 0}
    ratios, seconds = [], 0.0
    for seed in range(SEED, SEED + TABLES):
        kind, task = drawn(seed)
        began = time.perf_counter()
        hidden = suppress(task).hidden
        seconds += time.perf_counter() - began
        figures["cells"] += task.system.size
        figures["primaries"] += len(task.targets)
        figures["secondaries"] += len(hidden - task.hidden)
        found = faults(task, hidden)
        figures["exact"] += sum(width <= NEAR for *_, width, _ in found)
        figures["narrow"] += sum(width > NEAR for *_, width, _ in found)
        assert not found, (seed, kind, found)
        if (other := loss(task, naive(task))) > 0:
            ratios.append(loss(task, hidden) / other)
    report_figures(
        "repair", figures | {"seconds": round(seconds, 2), "loss_to_naive_median": round(statistics.median(ratios), 3)}
    )


def test_the_attacker_sees_a_repair_that_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the ways of single targets, what movements of many cells did not settle stays open."""
    monkeypatch.setattr(
        "broker.disclosure.suppression.suppression_cover.Cover._cover", lambda self, attacker, waiting: None
    )
    seen = 0
    for seed in range(SEED, SEED + 5):
        _, task = drawn(seed)
        seen += bool(faults(task, suppress(task).hidden))
    assert seen
