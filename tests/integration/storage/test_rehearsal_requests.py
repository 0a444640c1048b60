"""Requested rehearsals, on both databases: few a person, one worker each, removed when they are old."""

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.rehearsals import OPEN_REHEARSAL_STATES, RehearsalState, RehearsalStep, RequestedRehearsal
from broker.domain.ports import RehearsalQuota

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


def test_a_request_reads_back_unchanged(given):
    made = put(given)
    assert given.store.requested_rehearsal(made.ident) == made
    assert given.store.rehearsals_of("ada") == [made]
    assert given.store.rehearsals_of("bob") == []
    with pytest.raises(Unknown):
        given.store.requested_rehearsal("none")


def test_one_attempt_holds_it_and_ends_it_while_its_lease_holds(given):
    store, made = given.store, put(given)
    now = made.created
    until = now + timedelta(seconds=30)
    taken = store.lease_rehearsal(made.ident, until, now)
    assert (taken.attempt, taken.started, taken.state) == (1, now, RehearsalState.RUNNING)
    assert store.lease_rehearsal(made.ident, until, now) is None
    store.note_step(made.ident, 1, RehearsalStep.MAKING, 9)
    assert (store.requested_rehearsal(made.ident).step, store.requested_rehearsal(made.ident).about) == (
        RehearsalStep.MAKING,
        9,
    )
    assert store.rehearsals_alive() == {(made.ident, 1)}
    assert store.renew_rehearsal(made.ident, 1, until, now)
    assert not store.renew_rehearsal(made.ident, 2, until, now)
    assert not store.renew_rehearsal(made.ident, 1, until, until)
    assert store.rehearsals_lapsed(until) == [(made.ident, 1)]
    done = (made.ident, 1, RehearsalState.DONE, "{}")
    with pytest.raises(Conflict, match=made.ident):
        store.end_rehearsal(*done, until, [given.event("rehearsal.ended")])
    store.give_back_rehearsal(made.ident, 1, now)
    with pytest.raises(Conflict):
        store.note_step(made.ident, 1, RehearsalStep.RUNNING)
    assert [r.ident for r in store.rehearsals_waiting()] == [made.ident]
    assert store.lease_rehearsal(made.ident, until, now).attempt == 2
    store.end_rehearsal(made.ident, 2, RehearsalState.DONE, "{}", now, [given.event("rehearsal.ended")])
    assert store.requested_rehearsal(made.ident).document == "{}"
    assert store.rehearsals_alive() == frozenset()


@pytest.mark.parametrize("state", sorted(OPEN_REHEARSAL_STATES))
def test_none_ends_in_a_state_that_is_no_end(given, state):
    store, made = given.store, put(given)
    now = made.created
    store.lease_rehearsal(made.ident, now + timedelta(seconds=30), now)
    with pytest.raises(Breach):
        store.end_rehearsal(made.ident, 1, state, "{}", now, [given.event("rehearsal.ended")])
    assert store.requested_rehearsal(made.ident).state is RehearsalState.RUNNING


def test_the_oldest_ended_ones_make_room_and_old_ones_go(given):
    store = given.store
    first, second = put(given), put(given)
    with pytest.raises(Conflict, match="You already have 2 rehearsals"):
        put(given)
    assert store.cancel_rehearsal(first.ident, first.created, [given.event("rehearsal.cancelled")])
    assert not store.cancel_rehearsal(first.ident, first.created, [given.event("rehearsal.cancelled")])
    ended = [put(given, state=RehearsalState.DONE, document="{}") for _ in range(3)]
    assert {r.ident for r in store.rehearsals_of("ada")} == {second.ident, *(r.ident for r in ended)}
    assert store.drop_rehearsals(ended[-1].created + timedelta(days=1)) == 3
    assert [r.ident for r in store.rehearsals_of("ada")] == [second.ident]


def test_requests_at_one_moment_stay_within_the_limit(given):
    barrier, told = Barrier(4), []
    mine, events = [rehearsal(given) for _ in range(4)], [given.event("rehearsal.asked") for _ in range(4)]

    def send(made, event):
        barrier.wait()
        try:
            given.store.request_rehearsal(made, ROOM, [event])
        except Conflict as conflict:
            told.append(conflict.code)

    threads = [Thread(target=send, args=pair) for pair in zip(mine, events, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["too-many-rehearsals"] * 2
    assert len(given.store.rehearsals_waiting()) == 2
