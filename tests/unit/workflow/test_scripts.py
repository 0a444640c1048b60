"""A script runs on the synthetic NPD first (attack 53). A script that fails there reads no real data. Then a checker
reviews the output."""

import json
from dataclasses import replace

import pytest

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.ports import SandboxEnd
from broker.workflow.reviewing import script_failures
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import CLEO, PYTHON, REX, ROSA, THERE, Broker


def test_a_script_that_fails_on_synthetic_data_reads_no_real_data(broker: Broker) -> None:
    broker.sandbox.there, broker.sandbox.printed = SandboxEnd.CRASHED, b"KeyError: 'LA'\n"
    job = broker.send(PYTHON)
    assert broker.run(job)
    found = broker.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.CRASHED)
    assert broker.sandbox.ran == [(job, 1)]
    assert not broker.vaults.there
    told = script_failures.view_trace(broker.ports, broker.person(ROSA), job)
    assert (told.passed, told.document["end"], told.document["printed"]) == (False, "crashed", "KeyError: 'LA'\n")
    assert script_failures.scripts_waiting(broker.ports, broker.person(CLEO)) == []


def test_a_script_that_passes_there_runs_on_the_real_data(broker: Broker) -> None:
    job, output = broker.ran(PYTHON)
    assert broker.sandbox.ran == [(job, 1), (job, 1)]
    assert output.state is OutputState.IN_REVIEW
    told = script_failures.view_trace(broker.ports, broker.person(REX), job)
    assert (told.passed, told.document["end"], told.told) == (True, "ended", None)


def test_what_passes_there_and_fails_here_waits_for_a_checker(broker: Broker) -> None:
    """The researcher learns one word at once; the print on real data is a checker's to read, and no figure is told."""
    broker.sandbox.end, broker.sandbox.printed = SandboxEnd.CRASHED, b"ValueError: 7 pupils\n"
    job = broker.send(PYTHON)
    assert broker.run(job)
    assert broker.store.job(job).state is JobState.FAILED
    assert [j.ident for j in script_failures.scripts_waiting(broker.ports, broker.person(CLEO))] == [job]
    assert script_failures.view_print(broker.ports, broker.person(CLEO), job) == b"ValueError: 7 pupils\n"
    for somebody in (ROSA, REX):
        with pytest.raises(Unknown):
            script_failures.view_print(broker.ports, broker.person(somebody), job)
    with pytest.raises(Invalid):
        script_failures.report_reason(broker.ports, broker.person(CLEO), job, "It fails at 7 pupils.")
    script_failures.report_reason(broker.ports, broker.person(CLEO), job, "A column is empty in the first year.")
    assert (
        script_failures.view_trace(broker.ports, broker.person(ROSA), job).told
        == "A column is empty in the first year."
    )
    assert script_failures.scripts_waiting(broker.ports, broker.person(CLEO)) == []
    with pytest.raises(Conflict):
        script_failures.report_reason(broker.ports, broker.person(CLEO), job, "Another word.")
    assert broker.events(job)[-2:] == ["failure.viewed", "failure.told"]


def test_policy_may_leave_the_synthetic_run_out(broker: Broker) -> None:
    service = replace(broker.policies.service, python_synthetic_first=False)
    broker.put_in_force(replace(broker.policies, service=service))
    broker.sandbox.there = SandboxEnd.CRASHED
    job, _ = broker.ran(PYTHON)
    assert broker.sandbox.ran == [(job, 1)]
    assert script_failures.view_trace(broker.ports, broker.person(ROSA), job).passed is None


def test_where_no_synthetic_data_are_known_the_script_runs_on_the_real_data(broker: Broker) -> None:
    broker.ports.synthetic.known = False
    job, _ = broker.ran(PYTHON)
    assert broker.sandbox.ran == [(job, 1)]


def test_a_forbidden_combination_has_narrowed_mounts_in_both_runs(broker: Broker) -> None:
    """Attainment of a closed year, whose table was granted with its schools: the mount has what the header names. Any
    other script is mounted on the vault itself."""
    mounts: list[str] = []
    real = broker.sandbox.run
    broker.sandbox.run = lambda request: mounts.append(str(request.mount)) or real(request)
    closed = "# input: npd.ks4_pupil [KS4_ATT8] {}\n# output: phases.csv | By phase\nprint(1)\n"
    for text in (closed.format("2019/2020"), closed.format("2018/2019")):
        broker.ran(text)
    there, here = str(THERE), "/nowhere/s"
    assert mounts == [f"{there}/narrow", f"{here}/narrow", there, here]


def test_a_file_that_the_header_does_not_name_stays(broker: Broker) -> None:
    broker.sandbox.files = {"phases.csv": b"PHASE,n\nPS,100\n", "hidden.csv": b"x\n100\n"}
    job, _ = broker.ran(PYTHON)
    states = {o.name: o.state for o in broker.store.outputs_of(job)}
    assert states == {"phases.csv": OutputState.IN_REVIEW, "hidden.csv": OutputState.WITHHELD}


def test_a_request_that_cannot_be_read_withholds_its_output_and_says_why_to_staff_only(broker: Broker) -> None:
    """The synthetic run tells its author why, and nothing real is read."""
    broken = json.dumps({"version": 1, "kind": "table", "name": "phases"}).encode()
    broker.sandbox.files = {"phases.table.json": broken, "phases.rows.arrow": b"ARROW1"}
    job = broker.send(PYTHON)
    assert broker.run(job)
    assert broker.store.job(job).state is JobState.FAILED
    (output,) = script_failures.view_trace(broker.ports, broker.person(ROSA), job).document["outputs"]
    assert (output["name"], output["problem"]) == ("phases", "request")
    broker.ports.synthetic.known = False
    job = broker.send(PYTHON)
    assert broker.run(job)
    (withheld,) = broker.store.outputs_of(job)
    assert (withheld.name, withheld.state) == ("phases.csv", OutputState.WITHHELD)
    assert job_views.view_job(broker.ports, broker.person(ROSA), job).outputs == ()
    assert [j.ident for j in script_failures.scripts_waiting(broker.ports, broker.person(CLEO))] == [job]
