"""Invariant 6: every accepted job ends, once, whatever part of the broker is killed or wiped on its way."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import redis

from broker.domain.jobs.job import JobKind, Submission
from broker.domain.ports import AuditFilter
from broker.settings import Settings
from broker.wiring import broker_ports
from broker.workflow.rehearsal import rehearsal_requests
from tests.e2e.jobs import ABSENCE, SLOW, approve, end_of, send, wait

KILLS = int(os.environ.get("TEST_KILLS", "1"))
SEED = int(os.environ.get("TEST_SEED", "20261124"))
"""`make prove` asks for more kills than the everyday suite."""

REHEARSED = """# input: fixture.npd_pupil [gender]
# output: genders.csv | Who is there
import time
time.sleep(3)
print("rehearsed")
load("npd_pupil").groupby("gender").size().to_csv("genders.csv")
"""

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(300)]


def kill_slots(site) -> None:
    """Kill this broker's slots, found by their environment."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            env = (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"broker.worker.slot" in command and f"BROKER_DATA={site.data}".encode() in env:
            os.kill(int(entry.name), signal.SIGKILL)


def events_of(site, job: str) -> Counter[str]:
    return Counter(line.event.action for line in site.ports.store.search_audit(AuditFilter(job, limit=1000)))


def assert_released_once(site, job: str) -> None:
    rosa, cleo = site.client("demo-researcher"), site.client("demo-checker-1")
    wait(rosa, job)
    approve(cleo, job)
    assert end_of(rosa, job) == "released"
    events = events_of(site, job)
    assert events["job.assessed"] == events["job.decided"] == 1


def test_killing_the_worker_in_mid_job(site):
    rosa = site.client("demo-researcher")
    job = send(rosa, SLOW, "python")["ident"]
    wait(rosa, job, until=frozenset({"running"}))
    time.sleep(1)
    kill_slots(site)
    assert_released_once(site, job)
    assert events_of(site, job)["job.started"] == 2


@pytest.mark.parametrize("number", range(KILLS))
def test_killing_the_worker_at_a_random_moment(site, number):
    """Anywhere from before the lease to after the release; a SQL job and a Python job are on their way."""
    draw = random.Random(SEED + number)
    rosa = site.client("demo-researcher")
    jobs = [send(rosa, SLOW, "python")["ident"], send(rosa, ABSENCE)["ident"]]
    time.sleep(draw.uniform(0, 5))
    kill_slots(site)
    for job in jobs:
        assert_released_once(site, job)
    assert site.ports.store.verify_audit().broken is None


def test_a_rehearsal_whose_worker_is_killed_and_whose_queue_is_wiped_is_run_again(site):
    """On the worker's own synthetic data, in the real sandbox: a script's log comes to its author all the same."""
    rosa = site.ports.store.person("demo-researcher")
    _, made = rehearsal_requests.request_rehearsal(
        site.ports, rosa, Submission("FIXTURE", JobKind.PYTHON, "", REHEARSED, "", "")
    )
    assert made is not None
    await_rehearsal(site, made.ident, lambda seen: site.ports.store.requested_rehearsal(made.ident).step == "running")
    time.sleep(1)
    kill_slots(site)
    redis.Redis.from_url(queue_url(site)).flushall()
    seen = await_rehearsal(site, made.ident, lambda seen: not seen.is_open)
    assert (seen.state, seen.rehearsal.attempt) == ("done", 2)
    assert (seen.document["end"], seen.document["log"]) == ("ended", "rehearsed\n")
    assert events_of(site, made.ident) == {"rehearsal.asked": 1, "rehearsal.ended": 1}


def await_rehearsal(site, ident: str, until, seconds: float = 90):
    rosa, deadline = site.ports.store.person("demo-researcher"), time.monotonic() + seconds
    while not until(seen := rehearsal_requests.view_rehearsal(site.ports, rosa, ident)):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def test_wiping_the_queue_loses_nothing(site):
    rosa = site.client("demo-researcher")
    jobs = [send(rosa, ABSENCE, title=f"Wiped {n}")["ident"] for n in range(3)]
    redis.Redis.from_url(queue_url(site)).flushall()
    for job in jobs:
        assert_released_once(site, job)


def queue_url(site) -> str:
    return broker_ports.queue_url(Settings(data=site.data, synthetic_only=True))
