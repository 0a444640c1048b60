"""Threads and votes on several outputs in the store: numbered as written, confirmed once by another, whole or not."""

import pytest

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import Audience, Message
from broker.domain.ports import RegisterFilter, VoteRecord

IN_REVIEW = OutputState.IN_REVIEW


def word(given, output, text="A word.", held=False, author="carl"):
    return Message(output, author, given.at(1), Audience.RESEARCHERS, text, held)


def test_messages_are_numbered_in_their_thread(store, given):
    _, (one, two) = given.assessing(IN_REVIEW, IN_REVIEW)
    for output, text in ((one, "a"), (two, "b"), (one, "c")):
        store.say(word(given, output, text), [given.event("message.said", output)])
    assert [(m.text, m.number) for m in store.messages_on(frozenset({one}))] == [("a", 1), ("c", 2)]
    assert len(store.messages_on(frozenset({one, two}))) == 3
    assert store.messages_on(frozenset()) == []
    with pytest.raises(Unknown):
        store.say(word(given, "no-output"), [given.event()])


def test_what_is_held_is_confirmed_once_and_by_another(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    store.say(word(given, output, "Under 10.", held=True), [given.event()])
    store.say(word(given, output), [given.event()])
    assert [m.number for m in store.messages_that_wait(10)] == [1]
    with pytest.raises(Forbidden):
        store.confirm(output, 1, "carl", [given.event()])
    store.confirm(output, 1, "dora", [given.event()])
    assert store.messages_on(frozenset({output}))[0].confirmed_by == "dora"
    assert store.messages_that_wait(10) == []
    for number, error in ((1, Conflict), (2, Conflict), (3, Unknown)):
        with pytest.raises(error):
            store.confirm(output, number, "dora", [given.event()])


def test_votes_on_several_outputs_are_one_change(store, given):
    _, (one, two) = given.assessing(IN_REVIEW, IN_REVIEW)
    good = VoteRecord(given.vote(one), [given.event()], says=[word(given, one)])
    head = store.audit_head()
    with pytest.raises(Conflict):
        store.cast_all([good, VoteRecord(given.vote(two, staff_hash="0" * 64), [given.event()])])
    assert (store.votes_of(one), store.messages_on(frozenset({one})), store.audit_head()) == ([], [], head)
    why = given.vote(two, overrides=("F1",), why="Only staff.")
    store.cast_all([good, VoteRecord(why, [given.event()])])
    assert store.votes_of(two) == [why]
    assert store.voted_by("carl", frozenset({one, two})) == {one, two}
    assert store.voted_by("dora", frozenset({one, two})) == frozenset()


def test_outputs_in_review_oldest_first_and_by_name(store, given):
    job, (one, two) = given.assessing(IN_REVIEW, IN_REVIEW)
    assert [o.ident for o in store.outputs_in_review(10)] == [one, two]
    assert [o.ident for o in store.outputs_in_review(1)] == [one]
    assert {o.ident for o in store.outputs_named(frozenset({one, two, "none"}))} == {one, two}
    assert set(store.jobs_named(frozenset({job, "none"}))) == {job}
    assert store.register(RegisterFilter()) == []
    given.released()
    assert len(store.register(RegisterFilter())) == 1
