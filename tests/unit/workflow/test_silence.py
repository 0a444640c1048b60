"""Invariants 8 to 11: before a decision a researcher learns nothing by state, time, number, name, id or error."""

import uuid
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from broker.domain.errors import Unknown
from broker.domain.jobs.job import JobKind, JobState
from broker.domain.jobs.reviews import VoteChoice
from broker.workflow.pipeline import job_release
from broker.workflow.submission import preview
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import ADA, CLEO, PYTHON, ROSA, SQL, refused

pytestmark = pytest.mark.long

WITHHELD = {"data.csv": b"\x00\xff"}
REVIEWED = {"phases.csv": b"PHASE,n\nPS,100\n"}


def seen(broker, job: str, by: str = ROSA) -> job_views.JobView:
    return broker.by(by, job_views.view_job, job)


def plain(view: job_views.JobView) -> tuple:
    """Everything that a researcher sees, but what differs between any two jobs."""
    names = set(view.__slots__) - {"ident", "created", "updated"}
    return tuple(getattr(view, name) for name in sorted(names))


def test_invariant_9_and_10_withheld_reviewed_and_no_output_are_alike(broker):
    """Invariants 9 and 10: a file that a person looks at, one that nobody may, many, and none at all."""
    views = []
    for files in (REVIEWED, WITHHELD, {}, {f"f{n}.csv": b"x\n100\n" for n in range(40)}, REVIEWED | WITHHELD):
        broker.sandbox.files = files
        job = broker.ended(PYTHON)
        broker.reconcile()
        views.append((plain(seen(broker, job)), job))
    assert {view for view, _ in views} == {views[0][0]}
    assert seen(broker, views[0][1]).state == "waiting for a decision"
    for _, job in views:
        broker.by(ROSA, withdraw, job)
        assert seen(broker, job).state == "withdrawn"


def test_what_nobody_could_decide_ends_when_a_person_could_have(broker):
    broker.sandbox.files = {}
    job = broker.ended(PYTHON)
    broker.clock.at += timedelta(hours=broker.policies.service.withheld_told_after_hours)
    broker.reconcile()
    assert broker.store.job(job).state is JobState.DECIDED
    assert seen(broker, job).state == "not released"


def test_invariant_10_names_and_number_of_a_scripts_files_leave_with_them_only(broker):
    """Invariant 10: what was sent back is one nameless line, however many files there were."""
    job, (first, second, third) = broker.ran_script(*(f"pupil-{n}.csv" for n in range(3)))
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


def test_invariant_8_an_output_that_waits_is_unknown_to_its_researcher(broker):
    """Invariant 8: in review, withheld, or made up: one error, no state in it."""
    idents = ["nothing"]
    for files in (REVIEWED, WITHHELD):
        broker.sandbox.files = files
        idents.append(broker.ran(PYTHON)[1].ident)
    errors = [broker.refuses(ROSA, Unknown, job_release.download, ident) for ident in idents]
    assert len({str(e).replace(ident, "X") for e, ident in zip(errors, idents, strict=True)}) == 1


def test_invariant_8_a_page_after_another_projects_job_does_not_exist(broker):
    stranger = replace(broker.person(ROSA), ident="nobody")
    for after in (broker.send(), "nothing"):
        refused(Unknown, job_views.visible_jobs, broker.ports, stranger, after=after)


def test_invariant_7_the_audit_log_has_ids_and_codes_only(broker):
    """Invariant 7: the whole way leaves no text and no unkeyed hash of what was not released."""
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
        broker.by(ROSA, preview.check_text, "P0421", text, JobKind(kind))
    assert not broker.vaults.there
    assert not broker.sandbox.ran


def test_an_administrator_sees_that_a_job_exists_and_no_more(broker):
    job, _ = broker.ran()
    view = seen(broker, job, ADA)
    assert (view.text, view.outputs) == (None, ())
    assert view.state == "waiting for a decision"


def test_a_person_who_has_decided_ends_the_slot(broker):
    job = broker.send(PYTHON)
    broker.run(job, holds=False)
    (output,) = broker.store.outputs_of(job)
    assert seen(broker, job).state == "running"
    broker.vote(CLEO, output.ident)
    assert seen(broker, job).state == "released"
