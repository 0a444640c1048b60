"""What comes of comparisons with the release history, in the store. Votes bind to one version of an output."""

from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, PendingHistoryEntry
from tests.integration.expected_errors import expect

ASSESSED, IN_REVIEW, APPROVED = OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED


def other(store, ident, state, **changes):
    """What comparing made of an output: other bytes, other findings."""
    before = store.output(ident)
    after = replace(before, state=state, staff_hash="1" * 64, findings_hash="2" * 64, memory_version="7", **changes)
    return ComparedOutput(before, OutputRecord(after, "9" * 64, (PendingHistoryEntry(0, "file", "f" * 64),)))


def test_what_was_compared_takes_the_place_of_what_was_assessed(store, given):
    job, (output,) = given.assessing(ASSESSED)
    item = given.leased(WorkKind.COMPARE, job)
    found = other(store, output, ASSESSED, verdict=Verdict.SUPPRESS)
    store.put_compared(item, [found], given.at(12), [given.event()])
    assert store.output(output) == found.record.output
    assert store.evidence_digest(output) == "9" * 64
    assert store.pending_history(output) == (PendingHistoryEntry(0, "file", "f" * 64),)
    assert not store.works_on(item)
    expect(Conflict, store.put_compared, item, [found], given.at(13), [given.event()])


def test_an_output_that_memory_changed_is_voted_on_again_by_the_same_checkers(store, given):
    """A vote binds to what was seen: those on what the output was are kept and count no more."""
    job, (output,) = given.assessing(IN_REVIEW)
    given.cast(given.vote(output, overrides=("F1",)), lambda votes: (APPROVED, "ok", []))
    assert store.output(output).overrides == ("F1",)
    item = given.leased(WorkKind.RELEASE, job)
    store.put_compared(item, [other(store, output, IN_REVIEW)], given.at(12), [given.event()])
    found = store.output(output)
    assert (found.state, found.overrides, found.reason) == (IN_REVIEW, (), None)
    assert store.votes_of(output) == []
    assert store.voted_by("carl", frozenset({output})) == frozenset()
    expect(Conflict, given.cast, given.vote(output, "dora"))
    expect(Breach, store.move_output, output, IN_REVIEW, APPROVED, given.at(13), [given.event()])
    again = given.vote(output, staff_hash="1" * 64, findings_hash="2" * 64, memory_version="7")
    seen = []
    given.cast(again, lambda votes: seen.append(votes))
    assert seen == [(again,)]
    assert store.votes_of(output) == [again]
    expect(Conflict, given.cast, replace(again, choice=VoteChoice.REJECT))


def test_only_memory_sends_an_approved_output_back(store, given):
    _, (output,) = given.assessing(APPROVED)
    expect(Breach, store.move_output, output, APPROVED, IN_REVIEW, given.at(12), [given.event()])


def test_what_moved_on_meanwhile_is_not_overwritten(store, given):
    job, (first, second) = given.assessing(ASSESSED, ASSESSED)
    item = given.leased(WorkKind.COMPARE, job)
    found = [other(store, first, ASSESSED), other(store, second, ASSESSED)]
    store.move_output(second, ASSESSED, IN_REVIEW, given.at(11), [given.event()])
    expect(Conflict, store.put_compared, item, found, given.at(12), [given.event()])
    assert store.output(first).memory_version is None, "all of it or nothing"


@pytest.mark.parametrize("state", [OutputState.RELEASED, OutputState.WITHHELD])
def test_no_other_state_comes_of_comparing(store, given, state):
    job, (output,) = given.assessing(APPROVED)
    item = given.leased(WorkKind.RELEASE, job)
    expect(Breach, store.put_compared, item, [other(store, output, state)], given.at(12), [given.event()])


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
