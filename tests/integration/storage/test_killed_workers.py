"""A worker killed with -9 at random moments of runs, comparisons, releases and rehearsals: each is done, and once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.rehearsals import RehearsalState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import AuditFilter, Snapshot
from broker.policy.files import load_policies
from broker.workflow.administration import user_accounts
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.submission.job_submission import submit
from tests.integration.storage.killable_worker import LEASE, work_once, worker_ports

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("PROOF_KILLS", "6"))
SEED = int(os.environ.get("PROOF_SEED", "20261129"))
ROOT = Path(__file__).parents[3]
ROSA, ADA, AMIR = "demo-researcher", "demo-admin-1", "demo-admin-2"
TEXT = """-- output: absence
SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' AND a.NCyearActual <> '{}' GROUP BY a.NCyearActual"""
LONGEST = 0.25
"""Seconds that a worker lives at most, in which it does a few jobs."""
STUCK = 60
"""Seconds in which something is done as long as work is left. How long all of it takes is the machine's."""


@pytest.fixture
def ports(url: str, tmp_path: Path) -> Iterator[RunPorts]:
    """A broker whose project needs no votes, so that a job goes its whole way by itself."""
    (tmp_path / "fakes").mkdir()
    found = worker_ports(url, tmp_path)
    policies = load_policies(ROOT / "policies")
    free = tuple(replace(p, votes=0) if p.ident == "P0421" else p for p in policies.projects)
    # On a slow machine work piles up, and no rehearsal may be forgotten before it is looked at.
    open_work = {"jobs_per_project": 10_000, "rehearsals_under_way": 10_000, "rehearsals_kept": 10_000}
    many = replace(policies.service, max_attempts=10_000, **open_work)
    policies = replace(policies, projects=free, service=many)
    roles = {ROSA: Role.RESEARCHER, ADA: Role.ADMINISTRATOR, AMIR: Role.ADMINISTRATOR}
    user_accounts.initialise_broker(found, [(Person(i, i, frozenset({r})), None) for i, r in roles.items()])
    user_accounts.propose_policy(found, found.store.person(ADA), policies)
    user_accounts.apply_policy(found, found.store.person(AMIR), policies.fingerprint)
    user_accounts.put_snapshot(found, Snapshot("s1", "0" * 64, found.clock.now(), True, "snapshots/s1", "{}"))
    yield found
    found.store.close()


def sent(ports: RunPorts, number: int) -> str:
    draft = Submission("P0421", JobKind.SQL, "", TEXT.format(number), "t", "p")
    job, checked = submit(ports, ports.store.person(ROSA), draft)
    assert checked.accepted, checked.refusals
    return job.ident


def rehearsal(ports: RunPorts, number: int) -> str:
    draft = Submission("P0421", JobKind.SQL, "", TEXT.format(f"r{number}"), "", "")
    _, made = rehearsal_requests.request_rehearsal(ports, ports.store.person(ROSA), draft)
    assert made is not None
    return made.ident


def work_left(ports: RunPorts) -> set[tuple[WorkKind, str]]:
    due = ports.store.work_due(frozenset(WorkKind), ports.clock.now() + 10_000 * LEASE)
    return {(item.kind, item.subject) for item in (*ports.store.work_leased(), *due)}


def kill_one(url: str, folder: Path, draw: random.Random) -> None:
    seed = str(draw.randrange(2**32))
    command = [sys.executable, "-m", "tests.integration.storage.killable_worker", url, str(folder), seed]
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.0, LONGEST))
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()
        started.stdout.close()


def test_invariant_6_nothing_is_lost_and_nothing_done_twice(ports, url, backend, tmp_path):
    """Invariant 6, for every kind of work of jobs and for rehearsals: killed at random moments, on both stores."""
    draw, jobs, rehearsals, interrupted = random.Random(SEED), list[str](), list[str](), Counter[WorkKind]()
    for number in range(KILLS):
        jobs += [sent(ports, 2 * number), sent(ports, 2 * number + 1)]
        if not ports.store.work_due(frozenset({WorkKind.REHEARSAL}), ports.clock.now()):
            rehearsals.append(rehearsal(ports, number))
        kill_one(url, tmp_path, draw)
        interrupted.update(item.kind for item in ports.store.work_leased())
        time.sleep(LEASE.total_seconds())
    deadline, left_before = 0.0, set[tuple[WorkKind, str]]()
    while left := work_left(ports):
        deadline = deadline if left == left_before else time.monotonic() + STUCK
        assert time.monotonic() < deadline, f"nothing was done of {left}"
        left_before = left
        for kind in WorkKind:
            ports.store.wake(kind)
        work_once(ports, draw)
        time.sleep(0.05)
    for job in jobs:
        done = Counter(line.event.action for line in ports.store.search_audit(AuditFilter(job, limit=1000)))
        assert (done["job.assessed"], done["job.decided"]) == (1, 1), done
        assert ports.store.job(job).state is JobState.DECIDED
        assert ports.store.release_of(job) is not None
    for ident in rehearsals:
        done = Counter(line.event.action for line in ports.store.search_audit(AuditFilter(ident, limit=1000)))
        assert done == {"rehearsal.asked": 1, "rehearsal.ended": 1}
        assert ports.store.requested_rehearsal(ident).state is RehearsalState.DONE
    assert ports.store.verify_audit().broken is None
    assert ports.store.history.verify().holds
    if folder := os.environ.get("PROOF_FIGURES"):
        told = {"kills": KILLS, "jobs": len(jobs), "rehearsals": len(rehearsals), "interrupted": dict(interrupted)}
        (Path(folder) / f"killed_workers_{backend}.json").write_text(json.dumps(told))
