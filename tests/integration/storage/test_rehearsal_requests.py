"""Requested rehearsals, on both databases: few a person, one worker each, removed when they are old."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.rehearsals import OPEN_REHEARSAL_STATES, RehearsalState, RehearsalStep, RequestedRehearsal
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import RehearsalQuota
from tests.integration.expected_errors import expect
from tests.integration.storage.test_races import at_once

pytestmark = pytest.mark.long

ROOM = RehearsalQuota(2, 3)
SENT = Submission("P0421", JobKind.SQL, "tsql", "SELECT 1 – é", "Title", "", (("a", "b"),))


def rehearsal(given, **changes) -> RequestedRehearsal:
    number = next(given.numbers)
    at = given.at(number)
    return replace(RequestedRehearsal(f"r-{number:06}", "ada", SENT, RehearsalState.QUEUED, at, at), **changes)


def put(given, **changes) -> RequestedRehearsal:
    made = rehearsal(given, **changes)
    given.store.request_rehearsal(made, ROOM, [given.event("rehearsal.asked")])
    return made


def end(given, item, minute, state=RehearsalState.DONE, **more) -> None:
    given.store.end_rehearsal(item, state, "{}", given.at(minute), [given.event("rehearsal.ended")], **more)


def test_a_request_reads_back_unchanged(given):
    made = put(given)
    assert given.store.requested_rehearsal(made.ident) == made
    assert given.store.rehearsals_of("ada") == [made]
    assert given.store.rehearsals_of("bob") == []
    expect(Unknown, given.store.requested_rehearsal, "none")


def test_one_attempt_notes_its_steps_and_ends_it_while_its_lease_holds(given):
    store, made = given.store, put(given)
    item = given.leased(WorkKind.REHEARSAL, made.ident, until=20)
    taken = store.requested_rehearsal(made.ident)
    assert (taken.attempt, taken.started, taken.state) == (1, given.at(1), RehearsalState.RUNNING)
    store.note_step(item, RehearsalStep.MAKING, 9)
    taken = store.requested_rehearsal(made.ident)
    assert (taken.step, taken.about) == (RehearsalStep.MAKING, 9)
    expect(Conflict, end, given, item, 21, match=made.ident)
    store.give_back(item, given.at(3), given.at(2))
    expect(Conflict, store.note_step, item, RehearsalStep.RUNNING)
    waiting = store.requested_rehearsal(made.ident)
    assert (waiting.state, waiting.step) == (RehearsalState.QUEUED, None)
    again = given.leased(WorkKind.REHEARSAL, made.ident, now=4)
    assert store.requested_rehearsal(made.ident).started == given.at(1), "the first start stays"
    end(given, again, 5)
    assert store.requested_rehearsal(made.ident).document == "{}"
    assert store.work_leased() == []


def test_one_that_is_given_up_may_end_after_its_lease(given):
    item = given.leased(WorkKind.REHEARSAL, put(given).ident, until=20)
    end(given, item, 30, RehearsalState.FAILED, lapsed=True)
    assert given.store.requested_rehearsal(item.subject).state is RehearsalState.FAILED


@pytest.mark.parametrize("state", sorted(OPEN_REHEARSAL_STATES))
def test_none_ends_in_a_state_that_is_no_end(given, state):
    item = given.leased(WorkKind.REHEARSAL, put(given).ident)
    expect(Breach, end, given, item, 2, state)
    assert given.store.requested_rehearsal(item.subject).state is RehearsalState.RUNNING


def test_one_that_is_cancelled_is_nobodys_work(given):
    item = given.leased(WorkKind.REHEARSAL, put(given).ident)
    assert given.store.cancel_rehearsal(item.subject, given.at(2), [given.event("rehearsal.cancelled")])
    assert not given.store.works_on(item)
    expect(Conflict, end, given, item, 3)
    assert given.store.requested_rehearsal(item.subject).state is RehearsalState.CANCELLED


def test_the_oldest_ended_ones_make_room_and_old_ones_go(given):
    store = given.store
    first, second = put(given), put(given)
    expect(Conflict, put, given, match="You already have 2 rehearsals")
    assert store.cancel_rehearsal(first.ident, first.created, [given.event("rehearsal.cancelled")])
    assert not store.cancel_rehearsal(first.ident, first.created, [given.event("rehearsal.cancelled")])
    ended = [put(given, state=RehearsalState.DONE, document="{}") for _ in range(3)]
    assert {r.ident for r in store.rehearsals_of("ada")} == {second.ident, *(r.ident for r in ended)}
    assert store.drop_rehearsals(ended[-1].created + timedelta(days=1)) == 3
    assert [r.ident for r in store.rehearsals_of("ada")] == [second.ident]


def test_requests_at_one_moment_stay_within_the_limit(given, url):
    mine, events = [rehearsal(given) for _ in range(4)], [given.event("rehearsal.asked") for _ in range(4)]
    told = at_once(url, lambda store, n: store.request_rehearsal(mine[n], ROOM, [events[n]]), 4)
    assert told.count("too-many-rehearsals") == 2
    assert len(given.store.work_due(frozenset({WorkKind.REHEARSAL}), given.at(99))) == 2
