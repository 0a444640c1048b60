"""Invariant 9: a researcher cannot separate a figure that the release history hides from a figure of few persons, nor
an output over the cap from a waiting output: on no page, in no API answer, in no file, by no byte."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from comparison_kit import some_persons
from door_kit import door_of, without_draws

from broker.disclosure.differencing.difference_repair import DifferenceRepair, repair_differences
from broker.domain.jobs.job import OutputState
from broker.domain.release_history import CellRepair, RepairAction
from broker.workflow.release_history import comparison_rounds
from tests.unit.workflow.conftest import CLEO, PROJECT, ROSA, Broker, opened

HIDDEN = 2
"""The number of the cell that is hidden."""
FEW = 3
DRAWN = frozenset({"/account", "/submit"})
"""Pages about nobody's job, with sessions and names that are drawn at random."""

pytestmark = pytest.mark.long


@pytest.fixture
def two(founded: Path, policies: Any, tmp_path: Path) -> Iterator[list[Broker]]:
    """Two brokers that are alike to the byte and the minute."""
    made = []
    for name in ("one", "other"):
        shutil.copytree(founded, tmp_path / name)
        made.append(next(opened(tmp_path / name, policies)))
    yield made
    for broker in made:
        broker.store.close()


def seen(broker: Broker, job: str, output: str) -> dict[str, tuple[Any, ...]]:
    """Every answer to a question about a job, an output or a project that its researcher can ask."""
    door, told = door_of(broker, ROSA), {}
    for rule in door.app.url_map.iter_rules():
        of_things = rule.arguments <= {"job", "output", "project"} and rule.rule not in DRAWN
        if "GET" not in rule.methods or not of_things:
            continue
        address = rule.rule
        for name, value in (("job", job), ("output", output), ("project", PROJECT)):
            address = re.sub(rf"<(\w+:)?{name}>", value, address)
        answer = door.call("GET", address)
        headers = {k: v for k, v in answer.headers if k in {"Content-Type", "Content-Length", "Content-Disposition"}}
        text = without_draws(answer.get_data().decode("latin-1"))
        told[rule.rule] = answer.status_code, headers, text
    return told


def alike(first: dict[str, tuple[Any, ...]], second: dict[str, tuple[Any, ...]]) -> None:
    assert len([status for status, *_ in first.values() if status == 200]) > 20
    assert first.keys() == second.keys()
    assert {rule for rule in first if first[rule] != second[rule]} == set()


def test_invariant_9_a_hole_of_memory_is_byte_for_byte_a_hole_of_a_small_count(two, monkeypatch):
    shown, files = [], []
    for broker, of_memory in zip(two, (False, True), strict=True):
        left = [HIDDEN] if of_memory else []
        broker.engine.few = {} if of_memory else {HIDDEN: FEW}

        def repaired(new, loads, left=left, **given):
            found = repair_differences(new, loads, **given)
            if not left:
                return found
            return DifferenceRepair((CellRepair(RepairAction.SUPPRESS, left.pop()),), found.table, found.comparisons)

        monkeypatch.setattr(comparison_rounds, "repair_differences", repaired)
        job, output = broker.ran()
        assert broker.vote(CLEO, output.ident) == "released"
        record = json.loads(broker.ports.content_store.get("staff", broker.store.evidence_digest(output.ident)))
        rules = {f["rule"] for f in record["findings"]}
        assert ("X5" in rules, "F1" in rules) == (of_memory, not of_memory)
        files.append(broker.ports.content_store.get("released", broker.store.output(output.ident).release_hash))
        shown.append(seen(broker, job, output.ident))
    assert files[0] == files[1]
    assert files[0].splitlines()[1 + HIDDEN].endswith(b",c")
    alike(*shown)


def test_invariant_9_an_output_over_the_cap_appears_to_wait(two):
    """One waits for its checkers, one is withheld by rule X6: on every page, before anybody has decided."""
    shown = []
    for broker, fraction in zip(two, (1.0, 0.0001), strict=True):
        broker.ports.release_history.populations.known = (some_persons(1000),)
        whole = broker.engine.cells_of
        broker.ports.release_history.engine.cells_of = lambda plan, where, whole=whole: {
            k: range(n * 40, n * 40 + 40) for n, k in enumerate(whole(plan, where))
        }
        broker.put_in_force(replace(broker.policies, memory=replace(broker.policies.memory, fraction=fraction)))
        broker.clock.at = broker.clock.at.replace(second=30, microsecond=0)
        job, output = broker.ran()
        broker.clock.at += timedelta(minutes=1)
        state = broker.store.output(output.ident).state
        assert state is (OutputState.IN_REVIEW if fraction == 1.0 else OutputState.WITHHELD)
        shown.append(seen(broker, job, output.ident))
    alike(*shown)
