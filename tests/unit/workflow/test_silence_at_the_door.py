"""Invariant 9 over HTTP: every address that exists, for every kind of hidden job."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from door_kit import Door, door_of, without_draws
from flask import Flask
from pyarrow import parquet

from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedOutput, PlannedStatistic, PlannedTable
from broker.workflow.views.released_outputs import PARQUET
from tests.unit.workflow.conftest import ADA, CLEO, PROJECT, PYTHON, ROSA, Broker, CountingEngine

SQL = """-- output: absence
SELECT a.NCyearActual, COUNT(*) AS n, AVG(1.0 * a.AuthorisedAbsence_6HalfTerms) AS m FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""
ROWS, SMALL_ROWS, LARGEST, LOWEST, TOTAL = 40_013, 50_021, 60_037, 70_067, 61_001
MARKERS = (ROWS, SMALL_ROWS, LARGEST, LOWEST, TOTAL)
"""Exact figures of the evidence below: a reader of released figures sees none of them."""

RULES = re.compile(r"\b([FM][1-9]|P[1-3]|Q[1-4]|D1|X[1-6]|A[1-3]|L1|W1)\b")
BODIES = {
    "/votes": {
        "choice": "approve", "reason": "meets-rules", "staff_hash": "", "findings_hash": "", "memory_version": "",
    },
    "/recall": {"reason": "Wrong."},
}  # fmt: skip
OF_STAFF = re.compile(r"\b(suppressed|dominates?|verdicts)\b|\"(primary|secondary|hole|rules)\"")
PATH_DATA = re.compile(r"(<path\b[^>]*?\sd=)\"[MmLlHhVvCcSsQqTtAaZz0-9eE.,+\-\s]*\"")
"""Only of a path, and only numbers and the letters of its strokes: `M2,3` is a pen that moves, not a rule."""

pytestmark = pytest.mark.long

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?")


@dataclass
class MarkedEngine(CountingEngine):
    """Every listed cell has `persons` persons; every third of them six, and every other figure is a marker."""

    marked: bool = True
    negative: bool = False

    def _evidence(self, output: PlannedOutput) -> OutputEvidence:
        (table,) = output.tables
        if not self.marked:
            return OutputEvidence(output.name, (self._small(table),))
        values = (table.keys[0].domain or ("7",)) if table.keys else ()
        cells = [self._cell(table, v, 6 if n % 3 == 1 else 40) for n, v in enumerate(values)]
        return OutputEvidence(output.name, (TableEvidence(tuple(cells), 40 * len(values)),))

    def _small(self, table: PlannedTable) -> TableEvidence:
        """The whole filtered population is `persons`, all of them in the first cell."""
        value = (table.keys[0].domain or ("7",))[0]
        return TableEvidence((self._cell(table, value, self.persons),) if self.persons else (), self.persons)

    def _cell(self, table: PlannedTable, value: Any, persons: int) -> CellEvidence:
        rows = ROWS if persons >= 10 else SMALL_ROWS
        found = {s.ident: self._statistic(s, rows, persons) for s in table.statistics}
        return CellEvidence((value,), rows, persons, found)

    def _statistic(self, statistic: PlannedStatistic, rows: int, persons: int) -> StatisticEvidence:
        if statistic.measure not in {Measure.MEAN, Measure.SUM}:
            each = -(-rows // persons)
            return StatisticEvidence(rows, rows, persons, largest=each, second=each)
        low = -LOWEST if self.negative else 1
        mean = Decimal(TOTAL) / rows
        return StatisticEvidence(mean, rows, persons, largest=LARGEST, second=9, low=low, high=LARGEST, total=TOTAL)


@dataclass
class ResearchersDoor(Door):
    """A researcher's hand at the door of a broker whose figures are marked."""

    broker: Broker
    engine: MarkedEngine

    def require_votes(self, votes: int) -> None:
        """How many checkers must agree, by policy."""
        if self.broker.policies.project(PROJECT).votes != votes:
            self.broker.policies = self.broker.govern(votes=votes)

    def ran(self, text: str = SQL) -> tuple[str, str]:
        body = {"project": PROJECT, "kind": "python" if text == PYTHON else "sql", "text": text}
        job = self.call("POST", "/api/v1/submissions", json={**body, "title": "T", "purpose": "P"}).json["ident"]
        assert self.broker.run(job)
        return job, self.broker.store.outputs_of(job)[0].ident

    def state(self, job: str) -> str:
        return str(self.call("GET", f"/api/v1/jobs/{job}").json["state"])

    def seen(self, job: str, output: str) -> list[tuple[str, int, dict[str, str], str]]:
        """Every answer about a job and its output: address, status, headers, text; without ids and times."""
        paths = (
            f"/api/v1/jobs/{job}", "/api/v1/jobs?limit=1", f"/api/v1/jobs/{job}/manifest", f"/api/v1/jobs/{job}/acro",
            *(f"/api/v1/outputs/{output}/{w}" for w in ("content", "record", "evidence", "staff-record")),
        )  # fmt: skip
        found = []
        for path in paths:
            answer = self.call("GET", path)
            text = answer.get_data(as_text=True)
            headers = {k: v for k, v in answer.headers.items() if k not in {"Date", "X-Request-Id"}}
            found.append((plain(path), answer.status_code, headers, plain(text)))
        return found


def plain(text: str) -> str:
    return TIME.sub("TIME", without_draws(text))


def answer_text(answer: Any) -> str:
    """An answer as text: of a Parquet file, which packs its values, every value and all that it says of itself."""
    if answer.mimetype != PARQUET:
        return str(answer.get_data(as_text=True))
    table = parquet.read_table(BytesIO(answer.get_data()))
    return str({k.decode(): v.decode() for k, v in table.schema.metadata.items()}) + str(table.to_pydict())


@pytest.fixture
def door(broker: Broker) -> ResearchersDoor:
    broker.engine = MarkedEngine()
    broker.ports = replace(broker.ports, engine=broker.engine)
    found = door_of(broker, ROSA)
    return ResearchersDoor(found.app, found.token, broker, broker.engine)


def small(door: ResearchersDoor, persons: int) -> list[Any]:
    door.engine.marked, door.engine.persons = False, persons
    return door.seen(*door.ran())


@pytest.mark.parametrize("votes", [0, 1])
def test_invariant_9_none_one_and_nine_persons_get_one_answer(door: ResearchersDoor, votes: int) -> None:
    """Invariant 9: states, listings, tables, records, manifests, errors, headers and sizes are equal."""
    door.require_votes(votes)
    first = small(door, 0)
    assert [status for _, status, *_ in first].count(200) == (5 if votes == 0 else 2)
    for persons in (1, 9):
        assert small(door, persons) == first
    assert len({str(small(door, n)) for n in (0, 4)}) == 1, "beyond the quota too"


def test_invariant_9_withheld_and_in_review_get_one_answer(door: ResearchersDoor) -> None:
    """Invariant 9: a table that a person looks at, and a script's file that nobody may."""
    waiting = {}
    for name, files in (("review", {"phases.csv": b"x\n100\n"}), ("withheld", {"data.csv": b"\x00\xff"})):
        door.broker.sandbox.files = files
        job, output = door.ran(PYTHON)
        door.broker.clock.at = door.broker.clock.at.replace(hour=door.broker.clock.at.hour + 1)
        assert door.broker.store.output(output).state.value == {"review": "in_review"}.get(name, name)
        waiting[name] = door.seen(job, output)
    assert waiting["review"] == waiting["withheld"]


@pytest.mark.parametrize("withdrawn", [False, True])
def test_invariant_9_over_the_quota_every_job_is_reviewed(door: ResearchersDoor, withdrawn: bool) -> None:
    door.require_votes(0)
    quota = door.broker.policies.disclosure_rules("npd-default").small_quota
    door.engine.marked, door.engine.persons, states = False, 4, []
    for _ in range(quota + 1):
        job, _ = door.ran()
        states.append(door.state(job))
        if withdrawn:
            door.call("POST", f"/api/v1/jobs/{job}/withdrawal")
    assert states == ["released"] * quota + ["waiting for a decision"]
    door.engine.marked = True
    assert door.state(door.ran()[0]) == "waiting for a decision", "large ones as well"


def test_invariant_9_every_hidden_figure_is_one_symbol_without_a_reason(door: ResearchersDoor) -> None:
    """Invariant 9: small, dominated and empty cells of a released table have one symbol, in table and record."""
    door.require_votes(0)
    _, output = door.ran()
    text = door.call("GET", f"/api/v1/outputs/{output}/content").get_data(as_text=True)
    cells = {c for line in text.splitlines()[1:] for c in line.split(",")[1:]}
    assert cells == {"c", "40000"}, "the dominated mean and the small counts look alike"
    record = door.call("GET", f"/api/v1/outputs/{output}/record").json
    assert list(record["symbols"]) == ["c"]


def worlds(door: ResearchersDoor) -> list[tuple[str, str]]:
    """Jobs and outputs in every state in which findings with markers stand behind them."""
    found = []
    for votes, then in ((0, None), (1, None), (1, VoteChoice.APPROVE), (1, VoteChoice.RETURN), (2, VoteChoice.REJECT)):
        door.require_votes(votes)
        door.broker.snapshot(f"s{votes}-{then}")
        job, output = door.ran()
        found.append((job, output))
        if then is not None:
            for checker in (CLEO, "demo-checker-2")[: votes or 1]:
                door.broker.vote(checker, output, then)
    door.engine.negative = True
    door.require_votes(0)
    door.broker.snapshot("s-negative")
    found.append(door.ran())
    assert {door.broker.store.output(o).state for _, o in found} == {
        OutputState.RELEASED, OutputState.IN_REVIEW, OutputState.RETURNED, OutputState.REJECTED,
    }  # fmt: skip
    assert door.broker.store.output(found[-1][1]).verdict is Verdict.REVIEW
    return found


def addresses(app: Flask, job: str, output: str) -> Iterator[tuple[str, str]]:
    """Every method and address of the door, with these ids where it wants ids; what changes something comes last."""
    given = {"job": job, "output": output, "project": PROJECT, "saved": "none", "lookup": output, "person": ADA}
    every = [(m, r) for r in app.url_map.iter_rules() for m in (r.methods or set()) - {"HEAD", "OPTIONS"}]
    for method, rule in sorted(every, key=lambda pair: (pair[0] != "GET", str(pair[1]))):
        if rule.endpoint == "static" or str(rule).endswith(("/tokens/current", "/sign-out")):
            continue
        adapter = app.url_map.bind("localhost")
        values = {name: given.get(name, "none") for name in rule.arguments}
        yield method, adapter.build(rule.endpoint, values, method=method)


def test_invariant_9_no_answer_to_a_researcher_has_a_figure_rule_or_reason_of_a_finding(door: ResearchersDoor) -> None:
    """Every address that there is, called as a researcher by token and by browser, for a job in each state."""
    asked = 0
    for job, output in worlds(door):
        for method, path in addresses(door.app, job, output):
            api = path.startswith("/api/")
            body = next((b for end, b in BODIES.items() if path.endswith(end)), {})
            answer = door.call(method, path, **({"json": body} if api and method != "GET" else {}))
            assert answer.status_code < 500, (method, path)
            told = without_draws(answer_text(answer) + str(answer.headers))
            asked += 1
            for marker in MARKERS:
                assert str(marker) not in told.replace(",", ""), (method, path, marker)
            if "catalogue" not in path and "openapi" not in path:
                found = RULES.search(PATH_DATA.sub(r"\1", told))
                assert not found, (method, path, found)
                assert not OF_STAFF.search(told), (method, path)
    assert asked > 300


def test_the_markers_are_there_for_whoever_may_see_them(door: ResearchersDoor) -> None:
    """So that the test above looks for something: the checker's record has each of them, and the rules."""
    door.engine.negative = True
    _, output = door.ran()
    told = door_of(door.broker, CLEO).text(f"/api/v1/outputs/{output}/staff-record")
    for marker in MARKERS:
        assert str(marker) in told, marker
    assert {"F1", "M7"} <= set(RULES.findall(told))
