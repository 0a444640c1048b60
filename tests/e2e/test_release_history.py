"""The release history over real HTTP, queue, store and containers, on each runtime. Earlier releases repair later SQL
tables and script tables. Workers are killed while they compare or release."""

import csv
import io
import os
import random
import time
from itertools import combinations

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.settings import Settings
from broker.wiring.worker_ports import build_release_history
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.release_history.history_tables import history_table
from tests.e2e.jobs import approve, end_of, send, wait
from tests.e2e.test_crashes import events_of, kill_slots

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(300)]

KILLS = int(os.environ.get("TEST_MEMORY_KILLS", "1"))
SEED = int(os.environ.get("TEST_SEED", "20261126"))
"""`make prove` asks for more kills than the everyday suite."""

ROLL = """-- output: roll
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census
WHERE AcademicYear = '{year}'{more} GROUP BY PHASE
"""
HANDED = """# input: npd.spring_census [PupilMatchingRefAnonymous, PHASE, OnRoll] 2019/2020
# output: phases.csv | Pupils by phase

import npd
census = npd.load("spring_census")
kept = census{more}
npd.output.table(kept, by="PHASE", measures={{"pupils": "count"}}, name="phases", variables=["spring_census.PHASE"])
"""


def ended(site, job: str) -> dict[str, str]:
    """Figures by their keys, once a checker has approved the job's output and a worker has released it."""
    rosa, cleo = site.client("demo-researcher"), site.client("demo-checker-1")
    assert wait(rosa, job) == "waiting for a decision", rosa.job(job)["refusals"]
    approve(cleo, job)
    assert end_of(rosa, job) == "released"
    (output,) = rosa.job(job)["outputs"]
    lines = list(csv.reader(io.StringIO(rosa.download(output["ident"]).decode())))
    return {key: value for key, value in lines[1:]}  # noqa: C416 - two columns, no others


def released(site, text: str, kind: str = "sql") -> dict[str, str]:
    return ended(site, send(site.client("demo-researcher"), text, kind)["ident"])


def clean_since(site, version: int) -> int:
    """How many tables were remembered since; no two of them differ by a few persons."""
    store = site.ports.store
    memory = build_release_history(Settings(data=site.data, synthetic_only=True), lambda: policies_in_force(store))
    newer = [e for e in store.history_entries() if e.number > version]
    tables = [history_table(site.ports, memory, entry)() for entry in newer]
    assert all(compare(new, old).is_clean for old, new in combinations(tables, 2))
    assert store.history.verify().holds
    return len(newer)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("sql", ROLL.format(year="2018/2019", more=""), ROLL.format(year="2018/2019", more=" AND OnRoll = 1")),
        ("python", HANDED.format(more=""), HANDED.format(more="[census.OnRoll == 1]")),
    ],
)
def test_the_second_of_two_near_tables_is_repaired(site, kind, first, second):
    """A look at who is in the cells runs in the real image, of SQL beside its statement, of a script over its rows."""
    version = site.ports.store.history_version().entries
    one, two = released(site, first, kind), released(site, second, kind)
    assert one.keys() == two.keys()
    assert [k for k in one if one[k] != "c" and two[k] != "c"], "neither is refused as a whole"
    assert [k for k in one if one[k] != two[k]], "of the first another is not told"
    assert clean_since(site, version) == 2


@pytest.mark.parametrize("number", range(KILLS))
def test_invariant_6_a_worker_killed_as_it_compares_or_releases_releases_once(site, number):
    """Two near tables at once; the worker dies at a random moment from the run to the comparison, and at another after
    the vote. Each leaves once, and both together tell of no few."""
    draw, rosa = random.Random(SEED + number), site.client("demo-researcher")
    version, year = site.ports.store.history_version().entries, 2020 + number % 3
    more = f" AND PHASE <> 'none{number}'"  # another recipe each time
    texts = [ROLL.format(year=f"{year}/{year + 1}", more=more + also) for also in ("", " AND OnRoll = 1")]
    jobs = [send(rosa, text)["ident"] for text in texts]
    time.sleep(draw.uniform(0, 3))
    kill_slots(site)
    for job in jobs:
        assert wait(rosa, job) == "waiting for a decision"
        vote(site, job, seconds=60)
    time.sleep(draw.uniform(0, 1))
    kill_slots(site)
    for job in jobs:
        until_released(site, job)
        events = events_of(site, job)
        assert events["job.assessed"] == events["job.decided"] == 1
    assert clean_since(site, version) == 2
    assert site.ports.store.verify_audit().broken is None


def vote(site, job: str, seconds: float) -> bool:
    """Approve what waits of a job, once it does; whether anything did."""
    cleo, deadline = site.client("demo-checker-1"), time.monotonic() + seconds
    while not (found := [w for w in cleo.inbox() if w["job"] == job]):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    for waiting in found:
        cleo.vote(waiting["output"], "approve", "meets-rules", cleo.evidence(waiting["output"]))
    return True


def until_released(site, job: str) -> None:
    """What memory has sent back since its vote is approved again."""
    rosa, deadline = site.client("demo-researcher"), time.monotonic() + 90
    while wait(rosa, job) != "released":
        assert time.monotonic() < deadline, f"job {job} is not released"
        vote(site, job, seconds=1)
