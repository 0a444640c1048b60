"""Who has lost a lease does nothing more, a slot does its own work only, and no work rests for long."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock, patch

import pytest

from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.public_tables import PublicTable, PublishedTable
from broker.worker import reconcile
from broker.workflow.pipeline import pipeline
from broker.workflow.pipeline.pipeline import LAPSES_PER_ATTEMPT
from broker.workflow.release_history.public_table_entry import PublicTableAttempt
from broker.workflow.release_history.release_recording import HistoryMoved
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.work import LONGEST_REST, work_on
from tests.one_worker import due, lease, run_job, unwatched
from tests.unit.workflow.conftest import ADA, AMIR, ROSA, Broker, refused


def run_only(broker: Broker) -> str:
    """A job that has run, whose slot got no further."""
    job = broker.send()
    assert work_on(broker.ports, WorkKind.RUN, job, "w1", unwatched)
    return job


def approved(broker: Broker) -> str:
    """A job of which everything is approved, and nothing released."""
    broker.govern(votes=0)
    job = run_only(broker)
    assert work_on(broker.ports, WorkKind.COMPARE, job, "w1", unwatched)
    broker.clock.at += timedelta(hours=1)
    return job


def lapse(broker: Broker) -> None:
    """The lease lapses, and the item has rested."""
    broker.clock.at += broker.ports.lease * 2
    reconcile.reap(broker.ports)
    broker.clock.at += broker.ports.lease * 20


def test_a_release_that_waits_for_hours_rests_for_minutes(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that comes while a worker looks wakes nobody, and is found then."""
    broker.govern(votes=0)
    hours = broker.clock.now() + timedelta(hours=9)
    monkeypatch.setattr("broker.workflow.pipeline.pipeline.release", lambda *_: hours)
    job, _ = broker.ran()
    assert [item.subject for item in due(broker.ports, WorkKind.RELEASE)] == [job]
    soon, kinds = broker.clock.now() + LONGEST_REST, frozenset({WorkKind.RELEASE})
    assert broker.store.work_due(kinds, soon - timedelta(minutes=1)) == []
    assert [item.subject for item in broker.store.work_due(kinds, soon)] == [job]


def test_a_worker_that_stalls_before_the_first_stage_does_not_write_as_the_next_attempt(broker: Broker) -> None:
    """Its lease lapsed before it had read the job, and another worker runs it by now."""
    job = broker.send()
    stalled = lease(broker.ports, WorkKind.RUN, job)
    lapse(broker)
    running = lease(broker.ports, WorkKind.RUN, job)
    with pytest.raises(Conflict, match="Another attempt"):
        pipeline.run_job(broker.ports, stalled)
    assert broker.sandbox.ran == []
    assert broker.store.job(job).state is JobState.RUNNING
    assert broker.store.works_on(running)


def test_a_job_that_is_withdrawn_just_before_its_release_just_ends(broker: Broker, monkeypatch) -> None:
    job, whole = approved(broker), pipeline.release

    def withdrawn_first(ports, found):
        broker.by(ROSA, withdraw, job)
        return whole(ports, found)

    monkeypatch.setattr(pipeline, "release", withdrawn_first)
    assert work_on(broker.ports, WorkKind.RELEASE, job, "w1", unwatched)
    assert broker.store.job(job).state is JobState.WITHDRAWN
    assert broker.store.release_of(job) is None


def test_the_slot_that_ran_a_job_compares_it_and_nobody_else_for_a_while(broker: Broker) -> None:
    """Otherwise a slot would be free before its comparison ends, or busy as long as another's really takes."""
    job = run_only(broker)
    assert not run_job(broker.ports, job, "w2")
    assert broker.sandbox.compared == []
    assert reconcile.compare_due(broker.ports) == 0
    broker.clock.at += broker.ports.lease
    assert reconcile.compare_due(broker.ports) == 1


def test_the_vault_of_a_comparison_stays_while_it_runs(broker: Broker, monkeypatch) -> None:
    """Grants have changed since the run, so it is another vault."""
    job, whole = run_only(broker), broker.vaults.ensure

    def under_new_grants(project, snapshot):
        broker.vaults.there.add("v-new")
        return replace(whole(project, snapshot), key="v-new")

    def cells_of(plan, where):
        reconcile.remove_vaults(broker.ports)
        assert "v-new" in broker.vaults.there
        return broker.engine.cells_of(plan, where)

    monkeypatch.setattr(broker.vaults, "ensure", under_new_grants)
    broker.ports.release_history.engine.cells_of = cells_of
    assert work_on(broker.ports, WorkKind.COMPARE, job, "w1", unwatched)
    assert broker.store.outputs_of(job)[0].memory_version == "0"


def test_a_public_table_that_others_always_overtake_rests(broker: Broker, monkeypatch) -> None:
    now = broker.clock.now()
    published = PublishedTable("Absence", "https://example.org", "SELECT 1", "duckdb", "s1", "5", "LA,n\n1,2\n")
    event = AuditEvent(now, ADA, "public-table.asked", "p1")
    broker.store.request_public_table(PublicTable("p1", published, ADA, now), event)
    broker.store.confirm_public_table("p1", AMIR, now, event)
    overtaken = Mock(side_effect=Conflict("memory-moved", "Something was released."))
    monkeypatch.setattr(PublicTableAttempt, "reproduce", lambda self: (None, None, None))
    monkeypatch.setattr(PublicTableAttempt, "store", overtaken)
    work_on(broker.ports, WorkKind.PUBLIC_TABLE, "p1", "w1", unwatched)
    assert broker.store.work_leased() == []
    assert [item.subject for item in due(broker.ports, WorkKind.PUBLIC_TABLE)] == ["p1"]


def test_a_release_that_fails_waits_for_repair_with_nobody_at_work(broker: Broker) -> None:
    """Its worker did not die: that would count, and in the end the job would fail."""
    job = approved(broker)
    with patch.object(pipeline, "release", side_effect=Breach("The memory does not have its last signed head.")):
        for _ in range(2 * LAPSES_PER_ATTEMPT * broker.policies.service.max_attempts):
            refused(Breach, work_on, broker.ports, WorkKind.RELEASE, job, "w1", unwatched)
            assert broker.store.work_leased() == []
            lapse(broker)
    assert "lease.lapsed" not in broker.events(job)
    assert work_on(broker.ports, WorkKind.RELEASE, job, "w1", unwatched)
    assert broker.store.release_of(job) is not None


@pytest.mark.parametrize("kind", [WorkKind.RUN, WorkKind.COMPARE, WorkKind.RELEASE])
def test_invariant_6_a_job_that_ends_every_worker_ends(broker: Broker, kind: WorkKind) -> None:
    """As it runs, is compared, or is about to leave: it may have to be compared again just before."""
    job = {WorkKind.RUN: Broker.send, WorkKind.COMPARE: run_only, WorkKind.RELEASE: approved}[kind](broker)
    attempts = broker.policies.service.max_attempts
    for _ in range(attempts if kind is WorkKind.RUN else LAPSES_PER_ATTEMPT * attempts):
        assert broker.store.job(job).state is not JobState.FAILED
        lease(broker.ports, kind, job)
        lapse(broker)
    found = broker.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.INFRASTRUCTURE)
    assert {o.state for o in broker.store.outputs_of(job)} <= {OutputState.WITHDRAWN}
    assert broker.store.release_of(job) is None
    if kind is WorkKind.RUN:
        assert broker.sandbox.killed == [(job, n) for n in range(1, attempts + 1)]


@pytest.mark.parametrize(("erased", "state"), [(True, JobState.FAILED), (False, JobState.ASSESSING)])
def test_a_job_ends_that_has_to_be_compared_again_and_whose_snapshot_is_erased(
    broker: Broker, erased: bool, state: JobState
) -> None:
    """No later attempt can compare it. Files that are only away are awaited."""
    job = approved(broker)
    if erased:
        broker.snapshot("s2")
        now = broker.clock.now()
        assert broker.store.supersede_snapshot("s1", now, now, [AuditEvent(now, ADA, "snapshot.erased", "s1")])
    moved, gone = HistoryMoved(tuple(broker.store.outputs_of(job))), Unknown("snapshot", "s1")
    with patch.object(pipeline, "release", side_effect=moved), patch.object(broker.vaults, "ensure", side_effect=gone):
        work_on(broker.ports, WorkKind.RELEASE, job, "w1", unwatched)
    assert broker.store.job(job).state is state
    assert broker.store.work_leased() == []
