"""Time slots end to end. A job behind a script starts at the end of the script's slot. No page or API shows an earlier
end. A project without a worker goes before the project that sent more jobs."""

import time

import pytest

from broker.domain.jobs.job import Job
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.timing_channel import time_slots_of
from tests.e2e.jobs import ABSENCE, POLL_SECONDS, SLOW, send

PHASES = """-- output: phases
SELECT PHASE, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2022/2023' GROUP BY PHASE
"""

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(600)]


def test_what_waits_behind_a_script_begins_at_the_end_of_its_slot(site):
    """Two accounts in two projects poll their jobs: none tells more than the script's slot of time."""
    rosa, other = site.client("demo-researcher"), site.client("demo-dashboard")
    script = send(rosa, SLOW, "python")["ident"]
    while rosa.job(script)["state"] == "queued":
        time.sleep(POLL_SECONDS)
    own = send(rosa, ABSENCE, title="Sent first")["ident"]
    theirs = send(other, _private(), title="Sent last", project="P0733")["ident"]
    changes: dict[str, list[tuple[str, Job]]] = {script: [], own: [], theirs: []}
    deadline = time.monotonic() + 400
    while any(not seen or seen[-1][0] in {"queued", "running"} for seen in changes.values()):
        assert time.monotonic() < deadline, changes
        for job, client in ((script, rosa), (own, rosa), (theirs, other)):
            state = str(client.job(job)["state"])
            if not changes[job] or changes[job][-1][0] != state:
                changes[job].append((state, site.ports.clock.now()))
        time.sleep(POLL_SECONDS)
    store = site.ports.store
    jobs = {job: store.job(job) for job in changes}
    slots = time_slots_of(site.ports, policies_in_force(store))
    told = slots.displayed_end(jobs[script], site.ports.clock.now())
    ended = next(at for state, at in changes[script] if state not in {"queued", "running"})
    begun = next(at for state, at in changes[theirs] if state != "queued")
    assert told <= ended, "its page"
    assert told <= jobs[theirs].started <= begun, "the queue of another project"
    assert slots.displayed_end(jobs[theirs], begun) <= jobs[own].started, "its own project's turn comes after"


def _private() -> str:
    from importlib.resources import files

    return files("broker.demo").joinpath("jobs", "attendance.sql").read_text()
