"""Progress of a private script follows the schedule of its line and the clock, so it discloses nothing of the script.
The tests read it every few seconds during the run, and afterwards until the end is shown."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from dashboard_kit import DORA, open_budgets, send

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


@pytest.fixture
def dashboard(broker):
    open_budgets(broker)
    broker.ports = replace(broker.ports, synthetic=None, lease=timedelta(minutes=10))
    return broker


def watched(broker, name, end=SandboxEnd.ENDED):
    """What its researcher is told at each moment since it began, while it is told to run."""
    job, told = send(broker, SCRIPTS[name]), []
    broker.sandbox.block, broker.sandbox.end = ENDS[name], SandboxEnd.ENDED
    broker.clock.at = broker.clock.at.replace(hour=broker.clock.at.hour + 1, minute=0, second=12, microsecond=0)

    def record_blocks():
        broker.clock.at = broker.clock.at.replace(microsecond=0)
        told.append(job_progress.followed_job(broker.ports, broker.person(DORA), job)[1].blocks)

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


def test_the_shown_slot_does_not_depend_on_the_script(dashboard):
    found = {name: watched(dashboard, name)[1] for name in SCRIPTS}
    assert found["answers"] == found["crashes at once"] == found["overruns"]
    assert all(p is not None for p in found["answers"])


@pytest.mark.parametrize("end", [SandboxEnd.CRASHED, SandboxEnd.TIME_LIMIT])
def test_it_is_the_same_for_one_that_will_fail(dashboard, end):
    assert watched(dashboard, "overruns", end)[1] == watched(dashboard, "answers")[1]


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
        view = job_views.view_job(dashboard.ports, dashboard.person(DORA), job, whole=False)
        assert view.state == "running"
        seen[name] = job_progress.progress(dashboard.ports, dashboard.person(DORA), view).blocks
    assert len(set(seen.values())) == 1


def test_other_jobs_have_none(dashboard):
    from dashboard_kit import COUNT

    told, job = [], send(dashboard, COUNT)
    dashboard.sandbox.during = lambda _: told.append(
        job_progress.followed_job(dashboard.ports, dashboard.person(DORA), job)[1]
    )
    assert dashboard.run(job)
    assert told[0].minutes == 0
    assert told[0].blocks is None
