"""A process killed with -9 in the middle of writing: no half change, and the chain holds (SQLite)."""

import random
import signal
import subprocess
import sys
import time

import pytest

from broker.domain.jobs.job import JobState, OutputState
from broker.storage.sql_store import open_store

pytestmark = pytest.mark.long

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from broker.domain.identity.audit import AuditEvent
from broker.domain.findings import Verdict
from broker.domain.jobs.job import Job, JobKind, JobState, Submission
from broker.domain.jobs.job import Output, OutputKind, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import OutputRecord
from broker.storage.sql_store import open_store

url, name = sys.argv[1:]
store, now = open_store(url), datetime(2026, 3, 1, tzinfo=UTC)
print("ready", flush=True)
for n in range(100_000):
    ident = f"{name}-{n}"
    sent = Submission("P", JobKind.SQL, "tsql", "SELECT 1", "t", "p")
    event = lambda action: [AuditEvent(now, "ada", action, ident)]
    store.accept(Job(ident, sent, "ada", JobState.QUEUED, now, now, "c", "h", "f" * 64), event("accepted"))
    store.lease_work(WorkKind.RUN, ident, name, now + timedelta(days=1), now, event("leased"))
    output = Output(f"o-{ident}", ident, "t", OutputKind.TABLE, "", OutputState.ASSESSED, "text/csv", 1, None, "s", "f",
                    Verdict.REFUSE, now)
    records = [OutputRecord(output, "e")]
    store.advance(ident, 1, JobState.RUNNING, JobState.ASSESSING, now, event("assessed"), outputs=records)
    if n == 1:
        print("writes", flush=True)
"""

LINES = {JobState.QUEUED: 1, JobState.RUNNING: 2, JobState.ASSESSING: 3}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_writer_killed_at_random_moments_leaves_whole_changes_only(store, given, url):
    draw = random.Random(20261124)
    for round_ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{round_}"], stdout=subprocess.PIPE, text=True)
        try:
            assert [writer.stdout.readline() for _ in range(2)] == ["ready\n", "writes\n"]
            time.sleep(draw.uniform(0.01, 0.12))
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        _check_whole(url)
    assert len(store.work_leased()) <= 6
    assert len([line for line in store.audit() if line.event.action == "assessed"]) > 6


def _check_whole(url):
    """Each job has exactly the audit lines and outputs of the state it is in."""
    from broker.domain.ports import ListFilter

    reopened = open_store(url)
    assert reopened.verify_audit().broken is None
    told: dict[str, int] = {}
    for line in reopened.audit():
        told[line.event.subject] = told.get(line.event.subject, 0) + 1
    for job in reopened.jobs(ListFilter(limit=100_000)):
        assert told.pop(job.ident) == LINES[job.state]
        outputs = reopened.outputs_of(job.ident)
        assert [o.state for o in outputs] == ([OutputState.ASSESSED] if job.state is JobState.ASSESSING else [])
    assert not [subject for subject in told if subject.startswith("w")]
    reopened.close()
