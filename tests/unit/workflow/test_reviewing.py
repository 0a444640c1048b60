"""Beside votes: threads that tell nothing early, votes on a whole submission, the inbox, the difference to before."""

from dataclasses import replace

import pytest

from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.findings import AssessedRow, Assessment, TableRecord, Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import Audience, VoteChoice
from broker.domain.staff_records import StaffRecord
from broker.workflow.reviewing import checker_inbox, output_evidence, output_review, output_thread, review_context
from broker.workflow.reviewing.output_review import Ballot
from tests.unit.workflow.conftest import CARA, CHRIS, CLEO, PROJECT, REX, ROSA, refused
from tests.unit.workflow.test_story import refusing

pytestmark = pytest.mark.long

WORDS = "Please merge the smallest year groups."
FIGURES = "Merge the groups under 10."
THREE = ("pupil-0.csv", "pupil-1.csv", "pupil-2.csv")


def said(broker, person, output, text=WORDS, audience=Audience.RESEARCHERS):
    broker.by(person, output_thread.write_message, output, text, audience)


def messages(broker, job, person=ROSA):
    return [m.text for m in broker.by(person, output_thread.messages_for_researchers, job)]


def read(broker, checker, output):
    return [m.text for m in broker.by(checker, output_thread.view_thread, output)]


def test_invariant_9_researchers_read_nothing_before_the_decision(broker):
    job, output = broker.ran()
    said(broker, CLEO, output.ident)
    assert messages(broker, job) == []
    refused(Unknown, said, broker, ROSA, output.ident, "Do you look at it?")
    broker.vote(CLEO, output.ident, VoteChoice.RETURN)
    assert messages(broker, job) == messages(broker, job, REX) == [WORDS]
    said(broker, ROSA, output.ident, "We have 3 fewer groups now.")
    assert messages(broker, job) == [WORDS, "We have 3 fewer groups now."]


def test_checkers_words_to_each_other_never_reach_researchers(broker):
    job, output = broker.ran()
    said(broker, CLEO, output.ident, "Cell 7 has 3 pupils.", Audience.STAFF)
    broker.vote(CLEO, output.ident)
    assert messages(broker, job) == []
    refused(Invalid, said, broker, ROSA, output.ident, "For you only.", Audience.STAFF)


def test_words_with_a_digit_wait_for_a_second_checker(broker):
    job, output = broker.ran()
    ballot = replace(broker.ballot(CLEO, output.ident, VoteChoice.RETURN), words=FIGURES)
    assert broker.by(CLEO, output_review.cast_vote, output.ident, ballot) is OutputState.RETURNED
    assert messages(broker, job) == []
    broker.refuses(CLEO, Forbidden, output_thread.confirm_message, output.ident, 1)
    (waiting,) = broker.by(CHRIS, checker_inbox.inbox).words
    assert (waiting[0].text, waiting[1].ident) == (FIGURES, output.ident)
    assert broker.by(CLEO, checker_inbox.inbox).words == ()
    broker.by(CHRIS, output_thread.confirm_message, output.ident, 1)
    assert messages(broker, job) == [FIGURES]
    broker.refuses(CHRIS, Conflict, output_thread.confirm_message, output.ident, 1)
    assert broker.events(output.ident)[-4:] == [
        "output.voted", "message.said", "output.returned", "message.confirmed",
    ]  # fmt: skip


def test_any_digit_counts_and_words_that_nobody_can_read_are_refused(broker):
    job, output = broker.ran()
    for text in ("", "  \n", "x" * 2001, "a\x00b", "\u202e"):
        refused(Invalid, said, broker, CLEO, output.ident, text)
    for text in ("½ of them", "x²", "٣ pupils", "12"):
        said(broker, CLEO, output.ident, text)
    broker.vote(CLEO, output.ident, VoteChoice.RETURN)
    assert messages(broker, job) == []


def test_two_checkers_read_each_others_words_after_their_votes_only(broker):
    broker.govern(votes=2)
    _, output = broker.ran()
    said(broker, CLEO, output.ident, "I doubt it.", Audience.STAFF)
    assert (read(broker, CLEO, output.ident), read(broker, CHRIS, output.ident)) == (["I doubt it."], [])
    broker.vote(CLEO, output.ident, VoteChoice.RETURN)
    assert read(broker, CHRIS, output.ident) == []
    assert broker.vote(CHRIS, output.ident, VoteChoice.RETURN) == "returned"
    assert read(broker, CHRIS, output.ident) == ["I doubt it."]


def test_files_of_a_script_that_did_not_leave_are_not_named(broker):
    job, outputs = broker.ran_script("a.csv", "b.csv")
    for output in outputs:
        said(broker, CLEO, output.ident)
        broker.vote(CLEO, output.ident, VoteChoice.REJECT)
    (line,) = broker.by(ROSA, output_thread.messages_for_researchers, job)
    assert (line.about, line.by) == (None, None)


def test_one_word_on_a_whole_submission_all_or_none(broker):
    job, outputs = broker.ran_script(*THREE)
    ballots = {o.ident: broker.ballot(CLEO, o.ident) for o in outputs}
    stale = ballots | {outputs[1].ident: Ballot(VoteChoice.APPROVE, "meets-rules", "other", "other", "0")}
    broker.refuses(CLEO, Conflict, checker_inbox.vote_all, job, stale)
    assert [broker.store.votes_of(o.ident) for o in outputs] == [[], [], []]
    assert broker.by(CLEO, checker_inbox.vote_all, job, ballots) == 3
    broker.end(job)
    assert {o.state for o in broker.store.outputs_of(job)} == {OutputState.RELEASED}


def test_votes_on_a_submission_are_on_its_own_outputs_and_set_nothing_aside(broker):
    job, _ = broker.ran_script("a.csv")
    _, other = broker.ran()
    ballots = {other.ident: broker.ballot(CLEO, other.ident)}
    broker.refuses(CLEO, Unknown, checker_inbox.vote_all, job, ballots)
    broker.refuses(CLEO, Invalid, checker_inbox.vote_all, job, {})
    output = refusing(broker)
    ballots = {output.ident: broker.ballot(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3")}
    broker.refuses(CLEO, Invalid, checker_inbox.vote_all, output.job, ballots)


def test_after_a_vote_the_next_output_is_of_the_same_submission(broker):
    job, (first, second, third) = broker.ran_script(*THREE)
    _, elsewhere = broker.ran()
    assert broker.by(CLEO, checker_inbox.next_output, second.ident).ident == third.ident
    broker.vote(CLEO, second.ident)
    for voted, following in ((third, first), (first, elsewhere)):
        broker.vote(CLEO, voted.ident)
        assert broker.by(CLEO, checker_inbox.next_output, voted.ident).ident == following.ident
    broker.vote(CLEO, elsewhere.ident)
    assert broker.by(CLEO, checker_inbox.next_output, elsewhere.ident) is None
    assert broker.by(CLEO, checker_inbox.reviewed_submission, job).open == ()


def test_the_inbox_by_age_project_and_size(broker):
    broker.govern(votes=2)
    job, _ = broker.ran_script(*THREE)
    _, later = broker.ran()

    def listed(order, who=CLEO):
        return [w.job.ident for w in broker.by(who, checker_inbox.inbox, order).mine]

    assert listed("age") == [job, later.job]
    assert listed("size") == [later.job, job]
    assert listed("no such order") == listed("age")
    assert broker.by(CLEO, checker_inbox.inbox, "age", "P0001").mine == ()
    broker.vote(CLEO, later.ident)
    assert listed("age") == [job]
    assert [w.job.ident for w in broker.by(CLEO, checker_inbox.inbox).others] == [later.job]
    assert later.job in listed("age", CARA)
    broker.refuses(ROSA, Unknown, checker_inbox.inbox)
    assert {v.value for v in Verdict} < set(checker_inbox.OUTPUT_FILTERS)


def test_a_submission_is_claimed_whole_but_for_what_others_work_on(broker):
    job, outputs = broker.ran_script(*THREE)
    broker.by(CHRIS, output_review.claim, outputs[0].ident, True)
    broker.by(CLEO, checker_inbox.claim_all, job, True)
    assert [o.claimed_by for o in broker.store.outputs_of(job)] == [CHRIS, CLEO, CLEO]
    broker.by(CLEO, checker_inbox.claim_all, job, False)
    assert [o.claimed_by for o in broker.store.outputs_of(job)] == [CHRIS, None, None]


def test_the_difference_to_the_last_release_of_the_same_output(broker):
    def earlier(output):
        return review_context.earlier_release(broker.ports, broker.by(CLEO, output_review.view_output, output.ident))

    _, first = broker.ran()
    assert earlier(first) is None
    broker.vote(CLEO, first.ident)
    broker.engine.persons = 60
    broker.snapshot("s2")
    _, second = broker.ran()
    found = earlier(second)
    assert (found.output, found.equal) == (first.ident, 0)
    assert found.changed == len(found.changes) > 3
    assert {(c.column, c.then, c.now) for c in found.changes} == {("n", "40", "60")}
    assert broker.store.last_released("P9999", second.name, second.ident) is None
    assert broker.store.last_released(PROJECT, second.name, first.ident) is None


def judged(cells, measure="count", privacy=None):
    """A table of two dimensions with holes, each with the exact figure."""
    rows = tuple(
        AssessedRow(keys, (*keys, n), (*keys, n), (False, False, hidden), (Verdict.PUBLISH,) * 3, ((),) * 3, n)
        for keys, n, hidden in cells
    )
    tables = (TableRecord(("a", "b"), ((0, measure),), ()),)
    table = Assessment(
        "t", ("a", "b", "n"), 2, rows, (), Verdict.PUBLISH, False, tables=tables, column_statistics=((), (), (0,))
    )
    return StaffRecord(table, privacy=privacy)


def test_the_attack_finds_what_a_total_gives_away():
    cells = [(("x", "p"), 3, True), (("x", "q"), 20, False), (("x", None), 23, False), (("y", "p"), 4, True)]
    (column,) = output_evidence.attack_columns(judged(cells))
    by_cell = {d.cell: d for d in column.derived}
    assert (by_cell["x", "p"].low, by_cell["x", "p"].high, by_cell["x", "p"].known) == ("3", "3", True)
    assert by_cell["y", "p"].known is False
    assert column.known == 1
    assert output_evidence.attack_columns(judged(cells, "mean"))[0].untried
    assert output_evidence.attack_columns(judged([(("x", "p"), 30, False)])) == ()
    assert output_evidence.attack_columns(judged(cells, privacy={})) == ()
    many = [((str(n), "p"), 3, True) for n in range(output_evidence.MOST_HOLES + 1)]
    assert "takes too long" in output_evidence.attack_columns(judged(many))[0].untried
