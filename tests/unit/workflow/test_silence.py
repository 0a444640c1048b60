"""Invariants 8 to 11: before a decision a researcher learns nothing by state, time, number, name, id or error."""

import uuid
from datetime import timedelta

import pytest

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import JobKind, JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import SandboxEnd
from broker.workflow.pipeline import job_release
from broker.workflow.submission import preview
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import ADA, CLEO, PYTHON, ROSA, SQL

pytestmark = pytest.mark.long

SLOT = timedelta(seconds=1)
WITHHELD = {"data.csv": b"\x00\xff"}
REVIEWED = {"phases.csv": b"PHASE,n\nPS,100\n"}


def seen(broker, job: str, by: str = ROSA) -> job_views.JobView:
    return job_views.view_job(broker.ports, broker.person(by), job)


def plain(view: job_views.JobView) -> tuple:
    """Everything that a researcher sees, but what differs between any two jobs."""
    names = set(view.__slots__) - {"ident", "created", "updated"}
    return tuple(getattr(view, name) for name in sorted(names))


def test_invariant_9_and_10_withheld_reviewed_and_no_output_are_alike(broker):
    """Invariants 9 and 10: a file that a person looks at, one that nobody may, many, and none at all."""
    views = []
    for files in (REVIEWED, WITHHELD, {}, {f"f{n}.csv": b"x\n100\n" for n in range(40)}, REVIEWED | WITHHELD):
        broker.sandbox.files = files
        job = broker.send(PYTHON)
        broker.run(job)
        broker.reconcile()
        views.append((plain(seen(broker, job)), job))
    assert {view for view, _ in views} == {views[0][0]}
    assert seen(broker, views[0][1]).state == "waiting for a decision"
    for _, job in views:
        withdraw(broker.ports, broker.person(ROSA), job)
        assert seen(broker, job).state == "withdrawn"


def test_what_nobody_could_decide_ends_when_a_person_could_have(broker):
    broker.sandbox.files = {}
    job = broker.send(PYTHON)
    broker.run(job)
    broker.clock.at += timedelta(hours=broker.policies.service.withheld_told_after_hours)
    broker.reconcile()
    assert broker.store.job(job).state is JobState.DECIDED
    assert seen(broker, job).state == "not released"


def test_invariant_10_names_and_number_of_a_scripts_files_leave_with_them_only(broker):
    """Invariant 10: what was sent back is one nameless line, however many files there were."""
    broker.sandbox.files = {f"pupil-{n}.csv": b"x\n100\n" for n in range(3)}
    job = broker.send(PYTHON)
    broker.run(job)
    first, second, third = broker.store.outputs_of(job)
    broker.vote(CLEO, first.ident, VoteChoice.RETURN)
    broker.vote(CLEO, second.ident, VoteChoice.RETURN)
    broker.vote(CLEO, third.ident)
    told = seen(broker, job).outputs
    assert [(o.name, o.state) for o in told] == [("files of the script", "returned"), ("pupil-2.csv", "released")]
    assert len(seen(broker, job, CLEO).outputs) == 3


def test_invariant_10_an_id_discloses_no_time_of_the_run(broker):
    """Invariant 10: the ids of job, output and release are random, and carry no time at all."""
    broker.policies = broker.govern(votes=0)
    job, output = broker.ran()
    release = broker.store.release_of(job)
    assert {uuid.UUID(ident).version for ident in (job, output.ident, release.ident)} == {4}
    assert seen(broker, job).updated.second == 0


def test_invariant_10_four_words_are_all_that_a_failure_says(broker):
    """Invariant 10: a crash, an engine's error, a policy that changed: one word; every limit: another."""
    words = {}
    for end in SandboxEnd:
        if end is not SandboxEnd.ENDED:
            broker.sandbox.end = end
            job = broker.send(PYTHON)
            broker.run(job, holds=False)
            assert seen(broker, job).state == "running"
            broker.ports.clock.at += SLOT
            words[end.value] = seen(broker, job).state
    limits = {"time_limit", "memory_limit", "output_limit"}
    assert {w for e, w in words.items() if e in limits} == {"limit"}
    assert {w for e, w in words.items() if e not in limits} == {"failed"}


def test_invariant_8_an_output_that_waits_is_unknown_to_its_researcher(broker):
    """Invariant 8: in review, withheld, or made up: one error, no state in it."""
    said = set()
    for files in (REVIEWED, WITHHELD):
        broker.sandbox.files = files
        _, output = broker.ran(PYTHON)
        with pytest.raises(Unknown) as caught:
            job_release.download(broker.ports, broker.person(ROSA), output.ident)
        said.add(str(caught.value).replace(output.ident, "X"))
    with pytest.raises(Unknown) as caught:
        job_release.download(broker.ports, broker.person(ROSA), "nothing")
    assert said == {str(caught.value).replace("nothing", "X")}


def test_invariant_8_a_page_after_another_projects_job_does_not_exist(broker):
    job = broker.send()
    stranger = broker.person("demo-researcher")
    stranger = type(stranger)("nobody", "Nobody", stranger.roles)
    for after in (job, "nothing"):
        with pytest.raises(Unknown):
            job_views.visible_jobs(broker.ports, stranger, after=after)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_invariant_9_small_populations_use_up_a_quota_and_then_every_job_is_reviewed(broker, withdrawn):
    """Invariant 9: withdrawn jobs count too (here: withdrawn before they were routed), and beyond the quota
    jobs of large populations go to a person as well."""
    broker.policies = broker.govern(votes=0)
    quota = broker.policies.disclosure_rules("npd-default").small_quota
    broker.engine.persons = 4
    states = []
    for _ in range(quota + 1):
        job, output = broker.ran()
        states.append(output.state)
        if withdrawn and output.state is OutputState.IN_REVIEW:
            withdraw(broker.ports, broker.person(ROSA), job)
    assert broker.store.small_jobs("P0421") == quota + 1
    assert states == [OutputState.RELEASED] * quota + [OutputState.IN_REVIEW]
    broker.engine.persons = 400
    assert broker.ran()[1].state is OutputState.IN_REVIEW


def test_invariant_9_what_is_small_goes_out_as_a_table_that_says_nothing(broker):
    """Invariant 9: the answer about four persons is, byte for byte, the answer about none."""
    broker.govern(votes=0)
    contents = set()
    for persons in (0, 1, 4):
        broker.engine.persons = persons
        _, output = broker.ran()
        contents.add(job_release.download(broker.ports, broker.person(ROSA), output.ident).content)
    assert len(contents) == 1


def test_invariant_7_the_audit_log_has_ids_and_codes_only(broker):
    """Invariant 7: the whole way leaves no text and no unkeyed hash of what was not released."""
    from hashlib import sha256

    broker.sandbox.files = REVIEWED | {"other.csv": b"x\n300\n"}
    job, _ = broker.ran(PYTHON)
    other, phases = broker.store.outputs_of(job)
    broker.vote(CLEO, other.ident, VoteChoice.REJECT)
    broker.vote(CLEO, phases.ident)
    text = " ".join(str(line.event) for line in broker.store.audit())
    assert sha256(REVIEWED["phases.csv"]).hexdigest() in text
    assert sha256(b"x\n300\n").hexdigest() not in text
    assert "phases.csv" not in text
    assert "Absence" not in text
    assert broker.store.verify_audit().broken is None


def test_invariant_11_a_check_touches_no_data(broker):
    """Invariant 11: no vault is asked for and no sandbox runs, whatever the text."""
    for text, kind in ((SQL, "sql"), (PYTHON, "python"), ("SELECT nonsense", "sql")):
        preview.check_text(broker.ports, broker.person(ROSA), "P0421", text, JobKind(kind))
    assert not broker.vaults.there
    assert not broker.sandbox.ran


def test_an_administrator_sees_that_a_job_exists_and_no_more(broker):
    job, _ = broker.ran()
    view = seen(broker, job, ADA)
    assert (view.text, view.outputs) == (None, ())
    assert view.state == "waiting for a decision"


def test_withdrawing_a_finished_job_discloses_no_state(broker):
    job, output = broker.ran()
    broker.vote(CLEO, output.ident)
    with pytest.raises(Conflict):
        withdraw(broker.ports, broker.person(ROSA), job)


def test_invariant_10_a_script_runs_for_whole_slots_of_time(broker):
    """Invariant 10: coarse time. Scripts whose run times differ within a slot look alike throughout."""
    broker.sandbox.files = REVIEWED
    told = []
    for runs_for in (5.5, 7):
        job = broker.send(PYTHON)
        began = broker.ports.clock.at
        broker.sandbox.during = lambda _, by=runs_for: _pass(broker, by)
        broker.run(job, holds=False)
        states = []
        for second in (7.2, 7.9, 8.5):
            broker.ports.clock.at = began + timedelta(seconds=second)
            states.append(seen(broker, job).state)
        told.append(states)
    assert told[0] == told[1] == ["running", "running", "waiting for a decision"]


def test_the_end_of_a_sql_job_shows_at_the_end_of_its_slot(broker):
    """How long it took tells what it was compared with."""
    job = broker.send(SQL)
    broker.run(job, holds=False)
    assert seen(broker, job).state == "running"
    _pass(broker, 1)
    assert seen(broker, job).state == "waiting for a decision"


def test_a_person_who_has_decided_ends_the_slot(broker):
    broker.sandbox.files = REVIEWED
    job = broker.send(PYTHON)
    broker.run(job, holds=False)
    (output,) = broker.store.outputs_of(job)
    assert seen(broker, job).state == "running"
    broker.vote(CLEO, output.ident)
    assert seen(broker, job).state == "released"


def _pass(broker, seconds: float) -> None:
    broker.ports.clock.at += timedelta(seconds=seconds)
