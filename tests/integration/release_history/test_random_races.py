"""Two releases at once on each database, started at random moments, round after round: the broker never releases both
if their difference isolates a few persons. Small here; `make prove PROVE=release_history` runs many rounds."""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from test_everyday_tables import PAIRS

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import WorkerPorts
from broker.workflow.work import work_on
from tests.integration.release_history.conftest import history_of, submitted
from tests.one_worker import complete_job, unwatched

ROUNDS = int(os.environ.get("PROOF_MEMORY_RACES", "1"))
SEED = int(os.environ.get("PROOF_SEED", "20261126"))
LONGEST = 1.5
"""Seconds between the two at most: a comparison takes about one."""

pytestmark = pytest.mark.long
FOUND: dict[str, int] = {"rounds": 0, "compared_again": 0}


@pytest.fixture(scope="module", autouse=True)
def figures_file():
    yield
    if folder := os.environ.get("PROOF_FIGURES"):
        (Path(folder) / "races.json").write_text(json.dumps(FOUND))


def assessed(ports: WorkerPorts, text: str) -> str:
    """A job that ran, and whose output is compared by whoever ends it."""
    job = submitted(ports, text)
    assert work_on(ports, WorkKind.RUN, job, "w1", unwatched)  # a worker that dies before it compares
    assert [o.state for o in ports.store.outputs_of(job)] == [OutputState.ASSESSED]
    return job


@pytest.mark.parametrize("number", range(ROUNDS))
def test_invariant_4_two_releases_at_random_moments_are_never_both_out(town, number):
    chance = random.Random(SEED + number)
    texts = list(PAIRS["everybody and who is on roll"])
    chance.shuffle(texts)
    jobs = [assessed(town, text) for text in texts]
    waits = [chance.uniform(0, LONGEST), chance.uniform(0, LONGEST)]

    def end(job: str, wait: float) -> None:
        time.sleep(wait)
        complete_job(town, job)

    for _ in range(3):  # what is compared, and what is compared again, leaves a slot of time later
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(end, jobs, waits))
        town.clock.wait_until(town.clock.now() + timedelta(hours=1))
    for job in jobs:
        assert [o.state for o in town.store.outputs_of(job)] == [OutputState.RELEASED]
    assert compare(*history_of(town)).is_clean
    compared = sum(line.event.action == "job.compared" for line in town.store.audit())
    FOUND["rounds"] += 1
    FOUND["compared_again"] += compared - 2
