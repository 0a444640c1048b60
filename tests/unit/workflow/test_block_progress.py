"""Progress of a private script follows the schedule of its line and the clock, so it discloses nothing of the script.
The tests read it every few seconds during the run, and afterwards until the end is shown."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from dashboard_kit import DORA, send

from broker.domain.ports import SandboxEnd
from broker.workflow.views import job_progress, job_views

pytestmark = pytest.mark.slow

LINE = """# private: epsilon 0.5, blocks 300, range month [1, 12]
# input: npd.absence [MonthOfBirth] 2022/2023
# output: month.csv | Mean month of birth
"""
SCRIPTS = {
    "answers": LINE + "def answer(tables):\n    return tables['absence'].MonthOfBirth.mean()\n",
    "crashes at once": LINE + "import os\ndef answer(tables):\n    return os._exit(9)\n",
    "overruns": LINE + "import time\ndef answer(tables):\n    return time.sleep(10**6)\n",
}
ENDS = {"answers": 4.0, "crashes at once": math.nan, "overruns": math.nan}
STEP, SLOTS, LENGTH = timedelta(seconds=5), 150, 0.7
LATE = {"answers": 0, "crashes at once": 0, "overruns": 3}
"""Seconds by which the machine is late at the end: what its blocks' work has done to it."""


@pytest.fixture(autouse=True)
def slow_machine(dashboard):
    dashboard.ports = replace(dashboard.ports, synthetic=None, lease=timedelta(minutes=10))


def watched(broker, name, end=SandboxEnd.ENDED):
    """What its researcher is told at each moment since it began, while it is told to run."""
    job, told = send(broker, SCRIPTS[name]), []
    broker.sandbox.block, broker.sandbox.end = ENDS[name], SandboxEnd.ENDED
    broker.clock.at = broker.clock.at.replace(hour=broker.clock.at.hour + 1, minute=0, second=12, microsecond=0)

    def record_blocks():
        broker.clock.at = broker.clock.at.replace(microsecond=0)
        told.append(broker.by(DORA, job_progress.followed_job, job)[1].blocks)

    def runs(request):
        if not request.apart:
            return
        for _ in range(18):
            record_blocks()
            broker.clock.at += STEP
        broker.clock.at += timedelta(seconds=LATE[name])
        broker.sandbox.end = end

    broker.sandbox.during = runs
    assert broker.run(job, holds=False)
    broker.sandbox.during = None
    return job, told


def test_the_shown_slot_depends_neither_on_the_script_nor_on_its_end(dashboard):
    failed = [watched(dashboard, "overruns", end)[1] for end in (SandboxEnd.CRASHED, SandboxEnd.TIME_LIMIT)]
    first, *others = [watched(dashboard, name)[1] for name in SCRIPTS] + failed
    assert all(p is not None for p in first)
    assert all(told == first for told in others)


def test_it_counts_from_the_whole_minute_and_never_beyond_the_last_slot(dashboard):
    _, told = watched(dashboard, "answers")
    assert [p.slots for p in told] == [SLOTS] * len(told)
    assert [p.slot for p in told[:10]] == [1] * 10, "what began at twelve seconds past counts from the minute's end"
    assert told[-1].slot == 1 + math.floor((12 + 17 * 5 - 60) / LENGTH)
    assert told[0].lasts_seconds == pytest.approx(SLOTS * LENGTH + 1)


def test_progress_follows_the_schedule_until_the_end_is_shown(dashboard):
    seen = {}
    for name in SCRIPTS:
        job, _ = watched(dashboard, name)
        dashboard.clock.at = dashboard.clock.at.replace(microsecond=0) - timedelta(seconds=LATE[name])
        view = dashboard.by(DORA, job_views.view_job, job, whole=False)
        assert view.state == "running"
        seen[name] = dashboard.by(DORA, job_progress.progress, view).blocks
    assert len(set(seen.values())) == 1


def test_other_jobs_have_none(dashboard):
    told, job = [], send(dashboard)
    dashboard.sandbox.during = lambda _: told.append(dashboard.by(DORA, job_progress.followed_job, job)[1])
    assert dashboard.run(job)
    assert (told[0].minutes, told[0].blocks) == (0, None)
