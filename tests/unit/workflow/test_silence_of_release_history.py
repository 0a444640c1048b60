"""Invariant 9: a researcher cannot separate a figure that the release history hides from a figure of few persons, nor
an output over the cap from a waiting output: on no page, in no API answer, in no file, by no byte."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparison_kit import memory

from broker.disclosure.differencing.difference_repair import DifferenceRepair, repair_differences
from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.plans.plan import PlannedOutput
from broker.domain.ports.history_ports import KnownPopulation
from broker.domain.release_history import CellRepair, RepairAction
from broker.evidence.member_tables import members_of, to_bytes
from broker.settings import Settings
from broker.web.app import create_app
from broker.web.security.authentication import hash_password
from broker.workflow.administration import user_accounts
from broker.workflow.release_history import comparison_rounds
from tests.unit.workflow.conftest import CLEO, PROJECT, ROSA, Broker, CountingEngine, opened

PASSWORD = "correct horse battery staple"
HIDDEN = 2
"""The number of the cell that is hidden."""
FEW = 3
FORMS = re.compile(r'name="(csrf_token|client_id|nonce)" value="[^"]*"')
"""What forms draw at random."""
DRAWN = frozenset({"/account", "/submit"})
"""Pages about nobody's job, with sessions and names that are drawn at random."""

pytestmark = pytest.mark.long
IDENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class UnevenEngine(CountingEngine):
    """`few` says of cells, by number, how many persons they have."""

    few: dict[int, int] = field(default_factory=dict)

    def _evidence(self, output: PlannedOutput) -> OutputEvidence:
        (table,) = output.tables
        (key,) = table.keys
        cells = []
        for number, value in enumerate(key.domain or ("7",)):
            n = self.few.get(number, self.persons)
            found = {s.ident: StatisticEvidence(n, n, n, cell_key=self.key) for s in table.statistics}
            cells.append(CellEvidence((value,), n, n, found))
        return OutputEvidence(output.name, (TableEvidence(tuple(cells), sum(c.rows for c in cells)),))


@pytest.fixture
def two(founded: Path, policies: Any, tmp_path: Path) -> Iterator[list[Broker]]:
    """Two brokers that are alike to the byte and the minute."""
    made = []
    for name in ("one", "other"):
        shutil.copytree(founded, tmp_path / name)
        found = opened(tmp_path / name, policies)
        broker = next(found)
        engine = UnevenEngine()
        ports = replace(broker.ports, engine=engine, release_history=memory(engine.cells_of))
        made.append(replace(broker, ports=ports, engine=engine))
    yield made
    for broker in made:
        broker.store.close()


def seen(broker: Broker, job: str, output: str) -> dict[str, tuple[Any, ...]]:
    """Every answer to a question about a job, an output or a project that its researcher can ask."""
    rosa = broker.person(ROSA)
    event = AuditEvent(broker.clock.now(), "broker", "person.put", ROSA)
    broker.store.put_person(rosa, [event], hash_password(PASSWORD))
    settings = Settings(secret_key="k" * 32, demo_sign_in=True, synthetic_only=True, secure_cookies=False)
    app = create_app(broker.ports, settings)
    token = user_accounts.make_token(broker.ports, rosa, ROSA)
    browser = app.test_client()
    page = browser.get("/sign-in").get_data(as_text=True)
    word = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert browser.post("/sign-in", data={"name": ROSA, "password": PASSWORD, "csrf_token": word}).status_code == 302
    told = {}
    for rule in app.url_map.iter_rules():
        of_things = rule.arguments <= {"job", "output", "project"} and rule.rule not in DRAWN
        if "GET" not in rule.methods or not of_things:
            continue
        address = rule.rule
        for name, value in (("job", job), ("output", output), ("project", PROJECT)):
            address = re.sub(rf"<(\w+:)?{name}>", value, address)
        asked = {"Authorization": f"Bearer {token}"} if address.startswith("/api/") else {}
        answer = (app.test_client() if asked else browser).get(address, headers=asked, buffered=True)
        headers = {k: v for k, v in answer.headers if k in {"Content-Type", "Content-Length", "Content-Disposition"}}
        text = re.sub(FORMS, "", answer.get_data().decode("latin-1"))
        told[rule.rule] = answer.status_code, headers, IDENT.sub("ID", text)
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
        rules = {f["rule"] for f in staff_findings(broker, output.ident)}
        assert ("X5" in rules, "F1" in rules) == (of_memory, not of_memory)
        files.append(broker.ports.content_store.get("released", broker.store.output(output.ident).release_hash))
        shown.append(seen(broker, job, output.ident))
    assert files[0] == files[1]
    assert files[0].splitlines()[1 + HIDDEN].endswith(b",c")
    alike(*shown)


def staff_findings(broker: Broker, output: str) -> list[dict[str, Any]]:
    found = json.loads(broker.ports.content_store.get("staff", broker.store.evidence_digest(output)))
    return list(found["findings"])


def test_invariant_9_an_output_over_the_cap_appears_to_wait(two):
    """One waits for its checkers, one is withheld by rule X6: on every page, before anybody has decided."""
    people = np.arange(1000)
    content = to_bytes(members_of(1, people, np.zeros(len(people), int)))
    known = KnownPopulation("ref", "some", "s1", "npd.absence", 2022, ((),), (len(people),), content)
    shown = []
    for broker, fraction in zip(two, (1.0, 0.0001), strict=True):
        broker.ports.release_history.populations.known = (known,)
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
