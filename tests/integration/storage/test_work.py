"""Work in the store, on both databases: whatever its kind, it is due by the state of its subject, one worker at a time
has it, and who lost a lease writes nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from broker.domain.errors import Conflict
from broker.domain.jobs.job import JobKind, JobState, OutputState, Submission
from broker.domain.jobs.rehearsals import RehearsalState, RequestedRehearsal
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, RehearsalQuota
from broker.domain.projects.stops import Stop, StopKind
from broker.domain.public_tables import PublicTable, PublishedTable
from broker.storage.tables.job_tables import jobs, outputs
from tests.integration.expected_errors import expect

pytestmark = pytest.mark.long


def due_subject(given, kind: WorkKind) -> str:
    """A subject for which this kind of work is due."""
    match kind:
        case WorkKind.RUN:
            return given.queued().ident
        case WorkKind.COMPARE:
            return given.assessing(OutputState.ASSESSED)[0]
        case WorkKind.RELEASE:
            return given.assessing(OutputState.APPROVED)[0]
        case WorkKind.REHEARSAL:
            sent = Submission("P0421", JobKind.SQL, "tsql", "SELECT 1", "Title", "")
            made = RequestedRehearsal("r-1", "ada", sent, RehearsalState.QUEUED, given.at(), given.at())
            given.store.request_rehearsal(made, RehearsalQuota(2, 3), [given.event("rehearsal.asked")])
            return made.ident
        case WorkKind.PUBLIC_TABLE:
            published = PublishedTable("Absence", "https://example.org", "SELECT 1", "duckdb", "s1", "5", "LA,n\n1,2\n")
            given.store.request_public_table(PublicTable("p1", published, "ada", given.at()), given.event())
            given.store.confirm_public_table("p1", "bob", given.at(), given.event())
            return "p1"


def due(given, minute: int, *kinds: WorkKind) -> list[WorkItem]:
    return given.store.work_due(frozenset(kinds or WorkKind), given.at(minute))


@pytest.mark.parametrize("kind", WorkKind)
def test_one_worker_has_it_until_its_lease_lapses(store, given, kind):
    subject = due_subject(given, kind)
    (waiting,) = due(given, 1)
    assert (waiting.kind, waiting.subject) == (kind, subject)
    item = given.leased(kind, subject, until=20)
    assert item == WorkItem(kind, subject, waiting.attempt + 1)
    assert (given.leased(kind, subject), due(given, 1), store.work_leased()) == (None, [], [item])
    assert store.works_on(item)
    assert store.renew_work(item, given.at(30), given.at(19))
    assert not store.renew_work(item, given.at(40), given.at(31)), "a lapsed lease never comes back"
    assert (store.work_lapsed(given.at(30)), store.work_lapsed(given.at(31))) == ([], [item])
    assert given.leased(kind, subject) is None, "only whoever ends its sandbox gives it back"


@pytest.mark.parametrize("kind", WorkKind)
def test_what_is_given_back_rests_and_is_due_again_with_a_new_attempt(store, given, kind):
    subject = due_subject(given, kind)
    item = given.leased(kind, subject)
    store.give_back(item, given.at(10), given.at(5))
    assert (due(given, 9), store.work_leased(), store.work_lapsed(given.at(99))) == ([], [], [])
    assert due(given, 10) == [item]
    expect(Conflict, store.give_back, item, given.at(20), given.at(6), match="has moved on")
    later = given.leased(kind, subject)  # a rest keeps nobody from it who is told of it
    assert later.attempt == item.attempt + 1
    assert not store.works_on(item)
    assert not store.renew_work(item, given.at(60), given.at(7))
    expect(Conflict, store.give_back, item, given.at(20), given.at(8))
    assert store.works_on(later)


@pytest.mark.parametrize("kind", WorkKind)
def test_who_is_woken_rests_no_longer(store, given, kind):
    item = given.leased(kind, due_subject(given, kind))
    store.wake(kind)
    assert store.works_on(item), "who works is not woken"
    store.give_back(item, given.at(10), given.at(5))
    store.wake(kind, "another")
    assert due(given, 6) == []
    store.wake(kind, item.subject)
    assert due(given, 6) == [item]


@pytest.mark.parametrize("kind", [WorkKind.RUN, WorkKind.COMPARE, WorkKind.RELEASE])
def test_nothing_is_due_of_what_is_stopped_or_withdrawn(store, given, kind):
    job = due_subject(given, kind)
    store.stop(Stop(StopKind.PROJECT, "P0421", "ada", given.at(), "no"), frozenset(), [given.event()])
    assert (due(given, 1), given.leased(kind, job)) == ([], None)


@pytest.mark.parametrize("kind", [WorkKind.RUN, WorkKind.COMPARE, WorkKind.RELEASE])
def test_a_job_that_is_withdrawn_takes_the_lease_away(store, given, kind):
    job = due_subject(given, kind)
    item = given.leased(kind, job)
    store.advance(job, None, store.job(job).state, JobState.WITHDRAWN, given.at(2), [given.event()])
    assert not store.works_on(item)
    assert (due(given, 99), store.work_leased()) == ([], [])


def test_a_job_is_compared_and_then_released(store, given):
    """A release waits for nobody: not for people, not for a comparison that is left."""
    job, (first, _) = given.assessing(OutputState.ASSESSED, OutputState.APPROVED)
    assert [i.kind for i in due(given, 9)] == [WorkKind.COMPARE]
    item = given.leased(WorkKind.COMPARE, job)
    before = store.output(first)
    compared = ComparedOutput(before, OutputRecord(replace(before, memory_version="0"), "9" * 64))
    store.put_compared(item, [compared], given.at(8), [given.event()])
    assert [i.kind for i in due(given, 9)] == [WorkKind.RELEASE]
    store.move_output(first, OutputState.ASSESSED, OutputState.IN_REVIEW, given.at(9), [given.event()])
    assert due(given, 9) == []


def test_who_waits_for_another_worker_sees_what_it_did(store, given):
    """Two workers want one comparison, and the first ends it while the second waits for the job's row. On PostgreSQL a
    statement that waits for a row reads other tables as they were before."""
    job, _ = given.assessing(OutputState.ASSESSED)
    with ThreadPoolExecutor(1) as pool:
        with store._db.write() as first:
            first.execute(sa.update(jobs).where(jobs.c.ident == job).values(ended=given.at(5)))
            second = pool.submit(given.leased, WorkKind.COMPARE, job)
            time.sleep(0.5)
            first.execute(sa.update(outputs).where(outputs.c.job == job).values(memory_version="0"))
        assert second.result() is None
    assert not store.needs_comparison(job)
