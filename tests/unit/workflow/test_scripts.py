"""A script runs on the synthetic NPD first (attack 53). A script that fails there reads no real data. Then a checker
reviews the output."""

import json

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.ports import SandboxEnd
from broker.workflow.reviewing import script_failures
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import CLEO, PYTHON, REX, ROSA, THERE, Broker


def failures(broker: Broker) -> list[str]:
    """Scripts that a checker is to look at."""
    return [j.ident for j in broker.by(CLEO, script_failures.scripts_waiting)]


def test_a_script_that_fails_on_synthetic_data_reads_no_real_data(broker: Broker) -> None:
    broker.sandbox.there, broker.sandbox.printed = SandboxEnd.CRASHED, b"KeyError: 'LA'\n"
    job = broker.ended(PYTHON)
    found = broker.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.CRASHED)
    assert broker.sandbox.ran == [(job, 1)]
    assert not broker.vaults.there
    told = broker.by(ROSA, script_failures.view_trace, job)
    assert (told.passed, told.document["end"], told.document["printed"]) == (False, "crashed", "KeyError: 'LA'\n")
    assert failures(broker) == []


def test_a_script_that_passes_there_runs_on_the_real_data(broker: Broker) -> None:
    job, output = broker.ran(PYTHON)
    assert broker.sandbox.ran == [(job, 1), (job, 1)]
    assert output.state is OutputState.IN_REVIEW
    told = broker.by(REX, script_failures.view_trace, job)
    assert (told.passed, told.document["end"], told.told) == (True, "ended", None)


def test_what_passes_there_and_fails_here_waits_for_a_checker(broker: Broker) -> None:
    """The researcher learns one word at once; the print on real data is a checker's to read, and no figure is told."""
    broker.sandbox.end, broker.sandbox.printed = SandboxEnd.CRASHED, b"ValueError: 7 pupils\n"
    job = broker.ended(PYTHON)
    assert broker.store.job(job).state is JobState.FAILED
    assert failures(broker) == [job]
    assert broker.by(CLEO, script_failures.view_print, job) == b"ValueError: 7 pupils\n"
    for somebody in (ROSA, REX):
        broker.refuses(somebody, Unknown, script_failures.view_print, job)
    reason = "A column is empty in the first year."
    broker.refuses(CLEO, Invalid, script_failures.report_reason, job, "It fails at 7 pupils.")
    broker.by(CLEO, script_failures.report_reason, job, reason)
    assert broker.by(ROSA, script_failures.view_trace, job).told == reason
    assert failures(broker) == []
    broker.refuses(CLEO, Conflict, script_failures.report_reason, job, "Another word.")
    assert broker.events(job)[-2:] == ["failure.viewed", "failure.told"]


def test_a_script_runs_on_the_real_data_alone_by_policy_or_where_no_synthetic_data_are_known(broker: Broker) -> None:
    broker.ports.synthetic.known = False
    first, _ = broker.ran(PYTHON)
    broker.ports.synthetic.known, broker.sandbox.there = True, SandboxEnd.CRASHED
    broker.serve(python_synthetic_first=False)
    second, _ = broker.ran(PYTHON)
    assert broker.sandbox.ran == [(first, 1), (second, 1)]
    assert broker.by(ROSA, script_failures.view_trace, second).passed is None


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
    job = broker.ended(PYTHON)
    assert broker.store.job(job).state is JobState.FAILED
    (output,) = broker.by(ROSA, script_failures.view_trace, job).document["outputs"]
    assert (output["name"], output["problem"]) == ("phases", "request")
    broker.ports.synthetic.known = False
    job = broker.ended(PYTHON)
    (withheld,) = broker.store.outputs_of(job)
    assert (withheld.name, withheld.state) == ("phases.csv", OutputState.WITHHELD)
    assert broker.by(ROSA, job_views.view_job, job).outputs == ()
    assert failures(broker) == [job]
