"""Erasures in the store, on each database: who may confirm, the deleted rows, the waiting jobs, and the counts."""

from dataclasses import replace

import pytest

from broker.domain.errors import Conflict, Forbidden
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, Snapshot
from broker.domain.projects.erasures import Erasure, ErasureState


def event(given, action, minutes=0):
    return AuditEvent(given.at(minutes), "ada", action, "1")


def request_erasure(store, given, digest="d" * 64):
    return store.request_erasure(Erasure(0, "PMR", digest, "E/1", "ada", given.at()), event(given, "erasure.asked"))


def put(store, given, ident):
    snapshot = Snapshot(ident, ident, given.at(), True, "/x", "{}")
    store.put_snapshot(snapshot, [AuditEvent(given.at(), "ada", "snapshot.put", ident)])


def test_two_people_decide_and_each_step_is_in_the_log(store, given):
    number = request_erasure(store, given)
    with pytest.raises(Conflict):
        request_erasure(store, given)
    with pytest.raises(Forbidden):
        store.confirm_erasure(number, "ada", given.at(1), event(given, "x"))
    assert store.erased_digests() == {}
    store.confirm_erasure(number, "bob", given.at(1), event(given, "erasure.confirmed", 1))
    assert store.erased_digests() == {number: "d" * 64}
    for again in (store.confirm_erasure, lambda n, by, now, e: store.withdraw_erasure(n, now, e)):
        with pytest.raises(Conflict):
            again(number, "cleo", given.at(2), event(given, "x", 2))
    for _ in range(2):
        store.note_left_out([number], "s2", given.at(3), event(given, "erasure.left-out", 3))
        store.note_erased([number], given.at(4), event(given, "erasure.done", 4))
    found = store.erasure(number)
    assert (found.state, found.snapshot, found.left_out_at) == (ErasureState.DONE, "s2", given.at(3))
    told = [line.event.action for line in store.audit() if line.event.action.startswith("erasure")]
    assert told == ["erasure.asked", "erasure.confirmed", "erasure.left-out", "erasure.done"]


def test_a_withdrawn_one_makes_room_for_another(store, given):
    first = request_erasure(store, given)
    store.withdraw_erasure(first, given.at(1), event(given, "erasure.withdrawn", 1))
    second = request_erasure(store, given)
    assert [e.state for e in store.erasures()] == [ErasureState.REQUESTED, ErasureState.WITHDRAWN]
    assert second != first


def test_a_snapshot_is_superseded_once_no_earlier_job_can_read_it(store, given):
    put(store, given, "s2")
    created = given.running().created
    lines = store.audit_head()
    assert not store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])
    assert store.audit_head() == lines
    before = created.replace(year=created.year - 1)
    assert store.supersede_snapshot("s1", before, given.at(9), [event(given, "snapshot.erased", 9)])
    assert [s.retired for s in store.snapshots() if s.ident == "s1"] == [given.at(9)]


def test_a_snapshot_and_its_vaults_stay_while_a_job_is_compared(store, given):
    put(store, given, "s2")
    job, (output,) = given.assessing(OutputState.ASSESSED)
    created, before = store.job(job).created, store.output(output)
    assert not store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])
    item = given.leased(WorkKind.COMPARE, job)
    store.name_vault(item, "v1")
    assert store.vaults_in_use(reading=True) == {"v1"}
    compared = ComparedOutput(before, OutputRecord(replace(before, memory_version="0"), "9" * 64))
    store.put_compared(item, [compared], given.at(8), [given.event()])
    assert store.vaults_in_use(reading=True) == frozenset(), "in review, which may last for weeks"
    assert store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])


def test_jobs_and_outputs_are_counted_by_state(store, given):
    given.assessing(OutputState.IN_REVIEW)
    counted = store.jobs_in(frozenset({JobState.ASSESSING, JobState.QUEUED}))
    assert counted == {JobState.ASSESSING: 1, JobState.QUEUED: 0}
    assert (store.outputs_in(OutputState.IN_REVIEW), store.outputs_in(OutputState.RELEASED)) == (1, 0)
