"""Sensitivity by brute force: one person removed, everything made again, and no bounded answer moves further than its
declared bounds, over generated queries of every shape."""

from collections import Counter
from random import Random
from typing import Any

import bounded_worlds as kit
import pytest
from proof_size import seed, size, tell
from shapes import SHAPES, sample

from broker.domain.errors import Refused
from broker.policy.files.privacy import load_privacy
from broker.privacy.asking.measurable import Given, Measurable, measurable
from broker.query import compile_sql

WORLDS = size("BOUNDED_WORLDS", 2)
QUERIES = size("BOUNDED_QUERIES", 123)
REMOVED = size("BOUNDED_REMOVED", 3)


@pytest.fixture(scope="module")
def profile() -> Any:
    from pathlib import Path

    return load_privacy(Path(__file__).parents[3] / "policies" / "privacy").profile("npd-private")


def measured(number: int, policies: Any, profile: Any) -> tuple[Measurable, ...] | list[str] | None:
    """The measurable outputs of a generated query; refusal codes; None where the query itself is refused."""
    drawn = sample(number)
    plan = compile_sql(drawn.text, drawn.dialect, policies.catalogue, policies.project("P0421"), policies.service).plan
    if plan is None:
        return None
    given = Given(policies.catalogue, profile, kit.registers(policies.catalogue))
    try:
        return tuple(measurable(output, given) for output in plan.outputs)
    except Refused as refused:
        return [r.code for r in refused.refusals]


def test_nobody_moves_an_answer_further_than_declared(policies: Any, profile: Any) -> None:
    ended: Counter[str] = Counter()
    done, excess, compared, number = 0, kit.Excess(), 0, 0
    for world in range(WORLDS):
        rows = kit.crowded(policies.catalogue, seed() + world)
        gone = Random(world).sample(kit.persons(rows), REMOVED)
        whole = kit.vault(policies.catalogue, rows, 0)
        less = [kit.vault(policies.catalogue, kit.without(rows, p), p) for p in gone]
        for _ in range(-(-QUERIES // WORLDS)):
            number += 1
            found = measured(seed() + number, policies, profile)
            if not isinstance(found, tuple):
                ended.update(["query refused"] if found is None else found[:1])
                continue
            done += 1
            for bounded, table in (pair for f in found for pair in kit.tables_of(f)):
                before = kit.answer(whole, bounded, table)
                ended["per person" if bounded.each else "by ranks"] += 1
                for con in less:
                    seen = kit.Excess()
                    kit.compare(table, before, kit.answer(con, bounded, table), seen)
                    compared += 1
                    excess.tight = max(excess.tight, seen.tight)
                    excess.found += [f"{sample(seed() + number).text}\n{f}" for f in seen.found]
    tell("bounded", {"queries": number, "measured": done, "compared": compared, "tightest": excess.tight, **ended})
    assert not excess.found, excess.found[0]
    assert done > QUERIES // 4
    assert len(SHAPES) > 20
