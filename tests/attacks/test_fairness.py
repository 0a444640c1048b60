"""The attack on the queue: one project sends many long scripts first. A job of another project waits for the running
script and for other projects, and never for a second script of the attacker.

`PROOF_FAIR` says how many long scripts there are.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.domain.jobs.job import Job, TimeSlots
from broker.workflow.views import job_views
from tests.attacks.timed_town import OTHER_PROJECT, START, Watched, watched
from tests.proof_size import report_figures, seed, size
from tests.unit.workflow.conftest import DORA, PROJECT, PYTHON, REX, SQL

LONG = size("FAIR", 6)
SLOTS = TimeSlots((60, 120, 240, 480, 960))
THIRD_PROJECT = "P0997"
SENDERS = ((REX, OTHER_PROJECT), (DORA, THIRD_PROJECT))
EACH = 2
"""So many jobs of other projects are sent while one long script runs."""

pytestmark = pytest.mark.long


def with_a_third_project(town: Watched) -> None:
    one = town.npd.policies.project(OTHER_PROJECT)
    assert one is not None
    third = replace(one, ident=THIRD_PROJECT, researchers=frozenset({DORA}))
    projects = (*town.npd.policies.projects, third)
    town.npd.policies = town.npd.put_in_force(replace(town.npd.policies, projects=projects))


def before(job: Job, begun: list[Job]) -> Job:
    """What a worker had last before a job."""
    assert job.started is not None
    started = [(b.started, b) for b in begun if b.started is not None and b.started < job.started]
    return max(started, key=lambda pair: pair[0])[1]


def test_long_scripts_of_one_project_let_every_other_project_in_at_the_next_slots_end() -> None:
    """SQL and scripts of two other projects, sent at drawn moments. Each is told as started when the job that ran
    before it is told as ended; and no long script begins while it waits."""
    die, lasted, told = random.Random(seed()), dict[str, float](), dict[str, str]()

    def lasts(name: str, request: Any) -> float:
        """Called when a job begins: what its own researchers are told of it then is kept."""
        by = next((by for by, project in SENDERS if name.startswith(project)), None)
        if by is not None:
            told[request.job] = job_views.view_job(town.npd.ports, town.npd.person(by), request.job).state
        return lasted[name]

    with watched(lasts, 500) as town:
        with_a_third_project(town)
        for number in range(LONG):
            lasted[f"long {number}"] = die.uniform(500, 950)
            town.send(f"long {number}", PYTHON)
        others: list[str] = []

        def sends(*given: str) -> Callable[[], None]:
            return lambda: others.append(town.send(*given))

        for number in range(EACH * LONG):
            by, project = die.choice(SENDERS)
            name, text = f"{project} {number}", die.choice((SQL, PYTHON))
            lasted[name] = die.uniform(0.5, 110 if text == PYTHON else 50)
            town.clock.at_second(die.uniform(1, 900 * LONG), sends(name, text, by, project))
        town.work()
        store, now = town.npd.store, town.clock.now()
        begun = store.jobs_begun(START)
        long = [b for b in begun if b.submission.project == PROJECT]
        waited: list[timedelta] = []
        ran_then = 0
        for job in map(store.job, others):
            assert job.started is not None
            last, name = before(job, begun), town.names[job.ident]
            end = SLOTS.displayed_end(last, now)
            assert end is not None
            assert job.started == max(end, job.created), f"{name}: not at the end of the slot of what ran before"
            overtook = [town.names[b.ident] for b in long if job.created < b.started < job.started]
            assert overtook == [], f"{name}: long scripts began while it waited"
            assert told[job.ident] == "running", name
            ran_then += last in long
            waited.append(job.started - job.created)
        longest = max(waited).total_seconds() / SLOTS.seconds[-1]
        report_figures("fairness", {
            "long scripts": len(long), "jobs of others": len(others), "right after a long script": ran_then,
            "longest wait in slots of a long script": round(longest, 2),
        })  # fmt: skip
        assert len(long) == LONG
        assert len(others) == EACH * LONG
        assert ran_then > LONG // 2, "most jobs met a long script"
