"""The store's contract about outputs, votes, releases and the register, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.jobs.job import OUTPUT_TRANSITIONS, JobState, OutputState
from broker.domain.jobs.reviews import Audience, Message, VoteChoice
from broker.domain.ports import ListFilter, RegisterFilter, VoteRecord
from tests.integration.expected_errors import expect

IN_REVIEW, APPROVED = OutputState.IN_REVIEW, OutputState.APPROVED


def test_an_output_reads_back_as_it_was_written(store, given):
    lease = given.running()
    record = given.record(lease.ident)
    store.advance(lease.ident, 1, JobState.RUNNING, JobState.ASSESSING, given.at(3), [given.event()], outputs=[record])
    assert store.output(record.output.ident) == record.output
    assert store.evidence_digest(record.output.ident) == record.evidence_digest


def test_filters_and_pages_of_outputs(store, given):
    _, first = given.assessing(IN_REVIEW, APPROVED)
    _, second = given.assessing(IN_REVIEW, project="P0733", researcher="bob")
    outputs = lambda **wanted: {o.ident for o in store.outputs(ListFilter(**wanted))}  # noqa: E731
    assert outputs() == {*first, *second}
    assert outputs(states=frozenset({"in_review"})) == {first[0], *second}
    assert outputs(projects=frozenset({"P0421"})) == set(first)
    assert outputs(researcher="bob") == set(second)
    found, after = [], None
    while page := store.outputs(ListFilter(limit=1, after=after)):
        found += [o.ident for o in page]
        after = found[-1]
    assert sorted(found) == sorted([*first, *second])


ILLEGAL = [
    *((b, a) for b in OutputState for a in OutputState if a not in OUTPUT_TRANSITIONS[b]),
    (APPROVED, OutputState.RELEASED),  # by a release alone
]


def test_no_move_outside_the_table_even_on_request(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    for before, after in ILLEGAL:
        expect(Breach, store.move_output, output, before, after, given.at(5), [given.event()])
    assert store.output(output).state is IN_REVIEW


def test_a_move_from_a_state_that_has_passed_is_stale_and_writes_nothing(store, given):
    _, (output,) = given.assessing(OutputState.ASSESSED)
    store.move_output(output, OutputState.ASSESSED, IN_REVIEW, given.at(4), [given.event()])
    head = store.audit_head()
    with pytest.raises(Conflict) as caught:
        store.move_output(output, OutputState.ASSESSED, APPROVED, given.at(4), [given.event()])
    assert caught.value.code == "stale"
    assert store.audit_head() == head


@pytest.mark.parametrize("after", [APPROVED, OutputState.REJECTED, OutputState.RETURNED])
def test_nothing_leaves_review_by_a_decision_that_nobody_voted_for(store, given, after):
    _, (output,) = given.assessing(IN_REVIEW)
    other = VoteChoice.REJECT if after is APPROVED else VoteChoice.APPROVE
    given.cast(given.vote(output, choice=other))
    expect(Breach, store.move_output, output, IN_REVIEW, after, given.at(5), [given.event()])


def test_a_claim_is_one_checkers_and_ends_with_the_review(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    store.claim(output, "carl", [given.event()])
    expect(Conflict, store.claim, output, "dora", [given.event()])
    assert store.output(output).claimed_by == "carl"
    store.claim(output, None, [given.event()])
    store.claim(output, "dora", [given.event()])
    given.cast(given.vote(output))
    store.move_output(output, IN_REVIEW, APPROVED, given.at(5), [given.event()], reason="meets-rules")
    assert (store.output(output).claimed_by, store.output(output).reason) == (None, "meets-rules")
    expect(Conflict, store.claim, output, "carl", [given.event()])


# --- votes -------------------------------------------------------------------------------------


def test_votes_come_back_in_the_order_cast_and_one_checker_has_one(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    votes = [given.vote(output, "dora"), given.vote(output, "carl", VoteChoice.REJECT, overrides=("F1", "M1"))]
    for vote in votes:
        given.cast(vote)
    assert store.votes_of(output) == votes
    assert expect(Conflict, given.cast, given.vote(output, "carl")).code == "already-voted"
    assert store.votes_of(output) == votes


def test_a_vote_binds_to_what_was_seen_and_is_in_review(store, given):
    _, (output, approved) = given.assessing(IN_REVIEW, APPROVED)
    for ident, change in ((output, {"staff_hash": "0" * 64}), (output, {"findings_hash": "0" * 64}), (approved, {})):
        expect(Conflict, given.cast, given.vote(ident, **change))
    assert store.votes_of(output) == store.votes_of(approved) == []


def test_findings_that_approving_votes_set_aside_stand_with_the_output(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    given.cast(given.vote(output, "carl", overrides=("M1",)))
    given.cast(given.vote(output, "dora", VoteChoice.REJECT, overrides=("F9",)))
    given.cast(given.vote(output, "eve", overrides=("F1", "M1")))
    assert store.output(output).overrides == ("F1", "M1")


def test_a_vote_and_the_decision_it_makes_are_one_change(store, given):
    _, (output,) = given.assessing(IN_REVIEW)

    def two_agree(votes):
        return (APPROVED, "meets-rules", [given.event("output.approved")]) if len(votes) == 2 else None

    given.cast(given.vote(output, "carl"), two_agree)
    assert store.output(output).state is IN_REVIEW
    given.cast(given.vote(output, "dora"), two_agree)
    assert store.output(output).state is APPROVED

    _, (other,) = given.assessing(IN_REVIEW)
    expect(Breach, given.cast, given.vote(other), lambda _: (OutputState.RECALLED, None, [given.event()]))
    assert store.votes_of(other) == []


def test_who_has_checked_whom(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    given.cast(given.vote(output, "carl"))
    assert store.voters_on_projects_of("ada") == frozenset({"carl"})
    assert store.voters_on_projects_of("bob") == frozenset()
    project = store.job(store.output(output).job).submission.project
    assert store.voters_on_projects_of("bob", frozenset({project})) == frozenset({"carl"})
    assert store.voters_on_projects_of("bob", frozenset({"another"})) == frozenset()


# --- releases ----------------------------------------------------------------------------------


def test_a_release_holds_the_approved_outputs_and_moves_them(store, given):
    job, outputs = given.decided(APPROVED, OutputState.WITHHELD, APPROVED)
    release, manifest = given.release(job, [outputs[2], outputs[0]])
    store.release(release, manifest, given.at(6), [given.event("release.made")])
    assert store.release_of(job) == release
    assert store.manifest(release.ident) == manifest
    assert [o.state for o in store.outputs_of(job)] == ["released", "withheld", "released"]


def test_what_was_compared_anew_since_it_was_read_does_not_leave_with_the_words_of_then(store, given):
    job, outputs = given.decided(APPROVED)
    release, manifest = given.release(job, outputs)
    held = store.output(outputs[0]).release_hash
    with pytest.raises(Conflict) as caught:
        store.release(release, manifest, given.at(6), [given.event()], content={outputs[0]: "0" * 64})
    assert caught.value.code == "stale"
    assert store.release_of(job) is None
    store.release(release, manifest, given.at(6), [given.event("release.made")], content={outputs[0]: held})
    assert store.release_of(job) == release


def test_a_release_that_is_not_exactly_what_was_approved_is_a_breach(store, given):
    job, outputs = given.decided(APPROVED, OutputState.WITHHELD, APPROVED)
    _, foreign = given.decided(APPROVED)
    for held in ([], outputs[:1], outputs, [outputs[0], outputs[2], foreign[0]]):
        release, manifest = given.release(job, held)
        expect(Breach, store.release, release, manifest, given.at(6), [given.event()])
    release, manifest = given.release(job, [outputs[0], outputs[2]])
    for wrong, words in ((replace(release, project="P0733"), manifest), (release, manifest + " ")):
        expect(Breach, store.release, wrong, words, given.at(6), [given.event()])
    expect(Breach, store.release, release, manifest, given.at(6), [])
    assert store.release_of(job) is None
    assert store.register(RegisterFilter()) == []


def test_the_register_shows_every_release_and_a_recall_only_when_all_outputs_are(store, given):
    _, _, first = given.released()
    _, outputs, second = given.released(2)
    entries = {e.release: e for e in store.register(RegisterFilter())}
    assert set(entries) == {first.ident, second.ident}
    assert entries[second.ident].outputs == ("table0", "table1")
    assert (entries[second.ident].title, entries[second.ident].project) == ("Title", "P0421")
    for output, recalled in zip(outputs, (False, True), strict=True):
        store.move_output(
            output, OutputState.RELEASED, OutputState.RECALLED, given.at(9), [given.event()], reason="wrong"
        )
        assert {e.release: e.recalled for e in store.register(RegisterFilter())}[second.ident] is recalled
    assert store.release_of(second.job) == second


@pytest.mark.parametrize("table", ["votes", "releases", "release_outputs", "recalls"])
@pytest.mark.parametrize("change", ["DELETE FROM {t}", "UPDATE {t} SET {c} = {c}"])
def test_what_was_decided_is_written_once_even_for_who_has_the_database(store, given, table, change):
    _, (reviewed,) = given.assessing(IN_REVIEW)
    given.cast(given.vote(reviewed))
    _, outputs, _ = given.released()
    store.move_output(outputs[0], OutputState.RELEASED, OutputState.RECALLED, given.at(9), [given.event()])
    column = "job" if table == "releases" else "output"
    with pytest.raises(DBAPIError, match="append-only"), store._db.engine.begin() as connection:
        connection.execute(text(change.format(t=table, c=column)))


# --- messages, and votes on several outputs -----------------------------------------------------


def word(given, output, text="A word.", held=False, author="carl"):
    return Message(output, author, given.at(1), Audience.RESEARCHERS, text, held)


def test_messages_are_numbered_in_their_thread(store, given):
    _, (one, two) = given.assessing(IN_REVIEW, IN_REVIEW)
    for output, said in ((one, "a"), (two, "b"), (one, "c")):
        store.say(word(given, output, said), [given.event("message.said", output)])
    assert [(m.text, m.number) for m in store.messages_on(frozenset({one}))] == [("a", 1), ("c", 2)]
    assert len(store.messages_on(frozenset({one, two}))) == 3
    assert store.messages_on(frozenset()) == []
    expect(Unknown, store.say, word(given, "no-output"), [given.event()])


def test_what_is_held_is_confirmed_once_and_by_another(store, given):
    _, (output,) = given.assessing(IN_REVIEW)
    store.say(word(given, output, "Under 10.", held=True), [given.event()])
    store.say(word(given, output), [given.event()])
    assert [m.number for m in store.messages_that_wait(10)] == [1]
    expect(Forbidden, store.confirm, output, 1, "carl", [given.event()])
    store.confirm(output, 1, "dora", [given.event()])
    assert store.messages_on(frozenset({output}))[0].confirmed_by == "dora"
    assert store.messages_that_wait(10) == []
    for number, error in ((1, Conflict), (2, Conflict), (3, Unknown)):
        expect(error, store.confirm, output, number, "dora", [given.event()])


def test_votes_on_several_outputs_are_one_change(store, given):
    _, (one, two) = given.assessing(IN_REVIEW, IN_REVIEW)
    good = VoteRecord(given.vote(one), [given.event()], says=[word(given, one)])
    head = store.audit_head()
    expect(Conflict, store.cast_all, [good, VoteRecord(given.vote(two, staff_hash="0" * 64), [given.event()])])
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
