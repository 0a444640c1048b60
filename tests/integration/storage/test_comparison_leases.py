"""Comparisons with the release history in the store: one at a time, under a lease. Votes bind to one version of an
output."""

from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState
from broker.domain.jobs.outputs import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import ComparedOutput, LapsedLease, OutputRecord, PendingHistoryEntry

ASSESSED, IN_REVIEW, APPROVED = OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED


def other(store, ident, state, **changes):
    """What comparing made of an output: other bytes, other findings."""
    before = store.output(ident)
    after = replace(before, state=state, staff_hash="1" * 64, findings_hash="2" * 64, memory_version="7", **changes)
    return ComparedOutput(before, OutputRecord(after, "9" * 64, (PendingHistoryEntry(0, "file", "f" * 64),)))


def leased(store, given, job):
    return store.lease_comparison(job, given.at(20))


def test_one_process_compares_a_job_at_a_time(store, given):
    job, _ = given.assessing(ASSESSED)
    attempt = leased(store, given, job)
    assert attempt == 2
    assert leased(store, given, job) is None
    assert (job, 2) in store.alive()
    assert store.renew(job, 2, given.at(30), given.at(19))
    assert not store.renew(job, 2, given.at(40), given.at(31)), "a lapsed lease never comes back"
    assert store.lapsed(given.at(31)) == [LapsedLease(job, 2)]
    store.end_comparison(job, 1)
    assert leased(store, given, job) is None, "only whoever has it gives it up"
    store.end_comparison(job, 2)
    assert leased(store, given, job) == 3


def test_only_what_is_assessed_can_be_compared(store, given):
    running = given.running().job.ident
    assert leased(store, given, running) is None
    job, _ = given.assessing(ASSESSED)
    store.advance(job, None, JobState.ASSESSING, JobState.WITHDRAWN, given.at(11), [given.event()])
    assert leased(store, given, job) is None


def test_a_job_that_is_withdrawn_while_it_is_compared_stays_withdrawn(store, given):
    job, (output,) = given.assessing(ASSESSED)
    attempt = leased(store, given, job)
    found = other(store, output, ASSESSED)
    store.advance(job, None, JobState.ASSESSING, JobState.WITHDRAWN, given.at(11), [given.event()])
    with pytest.raises(Conflict):
        store.put_compared(job, attempt, [found], given.at(12), [given.event()])
    assert store.output(output).state is OutputState.WITHDRAWN
    assert not store.renew(job, attempt, given.at(30), given.at(12))


def test_what_was_compared_takes_the_place_of_what_was_assessed(store, given):
    job, (output,) = given.assessing(ASSESSED)
    attempt = leased(store, given, job)
    found = other(store, output, ASSESSED, verdict=Verdict.SUPPRESS)
    store.put_compared(job, attempt, [found], given.at(12), [given.event()])
    assert store.output(output) == found.record.output
    assert store.evidence_digest(output) == "9" * 64
    assert store.pending_history(output) == (PendingHistoryEntry(0, "file", "f" * 64),)
    assert (job, attempt) not in store.alive()
    with pytest.raises(Conflict):
        store.put_compared(job, attempt, [found], given.at(13), [given.event()])


def test_an_output_that_memory_changed_is_voted_on_again_by_the_same_checkers(store, given):
    """A vote binds to what was seen: those on what the output was are kept and count no more."""
    job, (output,) = given.assessing(IN_REVIEW)
    store.cast(given.vote(output, overrides=("F1",)), [given.event()], decide=lambda votes: (APPROVED, "ok", []))
    assert store.output(output).overrides == ("F1",)
    attempt = leased(store, given, job)
    store.put_compared(job, attempt, [other(store, output, IN_REVIEW)], given.at(12), [given.event()])
    found = store.output(output)
    assert (found.state, found.overrides, found.reason) == (IN_REVIEW, (), None)
    assert store.votes_of(output) == []
    assert store.voted_by("carl", frozenset({output})) == frozenset()
    with pytest.raises(Conflict):
        store.cast(given.vote(output, "dora"), [given.event()])
    with pytest.raises(Breach):
        store.move_output(output, IN_REVIEW, APPROVED, given.at(13), [given.event()])
    again = given.vote(output, staff_hash="1" * 64, findings_hash="2" * 64, memory_version="7")
    seen = []
    store.cast(again, [given.event()], decide=lambda votes: seen.append(votes))
    assert seen == [(again,)]
    assert store.votes_of(output) == [again]
    with pytest.raises(Conflict):
        store.cast(replace(again, choice=VoteChoice.REJECT), [given.event()])


def test_only_memory_sends_an_approved_output_back(store, given):
    _, (output,) = given.assessing(APPROVED)
    with pytest.raises(Breach):
        store.move_output(output, APPROVED, IN_REVIEW, given.at(12), [given.event()])


def test_what_moved_on_meanwhile_is_not_overwritten(store, given):
    job, (first, second) = given.assessing(ASSESSED, ASSESSED)
    attempt = leased(store, given, job)
    found = [other(store, first, ASSESSED), other(store, second, ASSESSED)]
    store.move_output(second, ASSESSED, IN_REVIEW, given.at(11), [given.event()])
    with pytest.raises(Conflict):
        store.put_compared(job, attempt, found, given.at(12), [given.event()])
    assert store.output(first).memory_version is None, "all of it or nothing"


@pytest.mark.parametrize("state", [OutputState.RELEASED, OutputState.WITHHELD])
def test_no_other_state_comes_of_comparing(store, given, state):
    job, (output,) = given.assessing(APPROVED)
    attempt = leased(store, given, job)
    with pytest.raises(Breach):
        store.put_compared(job, attempt, [other(store, output, state)], given.at(12), [given.event()])


def test_a_job_is_decided_with_its_release(store, given):
    job, outputs = given.assessing(APPROVED, OutputState.WITHHELD)
    release, manifest = given.release(job, outputs[:1])
    store.release(release, manifest, given.at(6), [given.event("release.made")])
    assert store.job(job).state is JobState.DECIDED
    waiting, outputs = given.assessing(APPROVED, IN_REVIEW)
    release, manifest = given.release(waiting, outputs[:1])
    with pytest.raises(Conflict) as caught:
        store.release(release, manifest, given.at(6), [given.event("release.made")])
    assert caught.value.code == "not-decided"
