"""Beside votes: threads that tell nothing early, votes on a whole submission, the inbox, the difference to before."""

import pytest

from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.findings import AssessedRow, Assessment, TableRecord, Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import Audience, VoteChoice
from broker.domain.staff_records import StaffRecord
from broker.workflow.reviewing import checker_inbox, output_evidence, output_review, output_thread, review_context
from broker.workflow.reviewing.output_review import Ballot
from tests.unit.workflow.conftest import CARA, CHRIS, CLEO, PROJECT, PYTHON, REX, ROSA
from tests.unit.workflow.test_story import refusing

pytestmark = pytest.mark.long

WORDS = "Please merge the smallest year groups."
FIGURES = "Merge the groups under 10."


def said(broker, checker, output, text=WORDS, audience=Audience.RESEARCHERS):
    output_thread.write_message(broker.ports, broker.person(checker), output, text, audience)


def messages(broker, job, person=ROSA):
    return [m.text for m in output_thread.messages_for_researchers(broker.ports, broker.person(person), job)]


def read(broker, checker, output):
    return [m.text for m in output_thread.view_thread(broker.ports, broker.person(checker), output)]


def test_invariant_9_researchers_read_nothing_before_the_decision(broker):
    job, output = broker.ran()
    said(broker, CLEO, output.ident)
    assert messages(broker, job) == []
    with pytest.raises(Unknown):
        said(broker, ROSA, output.ident, "Do you look at it?")
    broker.vote(CLEO, output.ident, VoteChoice.RETURN)
    assert messages(broker, job) == [WORDS]
    assert messages(broker, job, REX) == [WORDS]
    said(broker, ROSA, output.ident, "We have 3 fewer groups now.")
    assert messages(broker, job) == [WORDS, "We have 3 fewer groups now."]


def test_checkers_words_to_each_other_never_reach_researchers(broker):
    job, output = broker.ran()
    said(broker, CLEO, output.ident, "Cell 7 has 3 pupils.", Audience.STAFF)
    broker.vote(CLEO, output.ident)
    assert messages(broker, job) == []
    with pytest.raises(Invalid):
        said(broker, ROSA, output.ident, "For you only.", Audience.STAFF)


def test_words_with_a_digit_wait_for_a_second_checker(broker):
    job, output = broker.ran()
    ballot = broker.ballot(CLEO, output.ident, VoteChoice.RETURN)
    with_words = Ballot(ballot.choice, ballot.reason, *hashes(ballot), words=FIGURES)
    assert output_review.cast_vote(broker.ports, broker.person(CLEO), output.ident, with_words) is OutputState.RETURNED
    assert messages(broker, job) == []
    with pytest.raises(Forbidden):
        output_thread.confirm_message(broker.ports, broker.person(CLEO), output.ident, 1)
    (waiting,) = checker_inbox.inbox(broker.ports, broker.person(CHRIS)).words
    assert (waiting[0].text, waiting[1].ident) == (FIGURES, output.ident)
    assert checker_inbox.inbox(broker.ports, broker.person(CLEO)).words == ()
    output_thread.confirm_message(broker.ports, broker.person(CHRIS), output.ident, 1)
    assert messages(broker, job) == [FIGURES]
    with pytest.raises(Conflict):
        output_thread.confirm_message(broker.ports, broker.person(CHRIS), output.ident, 1)
    assert broker.events(output.ident)[-4:] == [
        "output.voted", "message.said", "output.returned", "message.confirmed",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["½ of them", "x²", "٣ pupils", "12"])
def test_any_digit_counts(broker, text):
    job, output = broker.ran()
    said(broker, CLEO, output.ident, text)
    broker.vote(CLEO, output.ident, VoteChoice.RETURN)
    assert messages(broker, job) == []


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001, "a\x00b", "\u202e"])
def test_words_that_nobody_can_read_are_refused(broker, text):
    _, output = broker.ran()
    with pytest.raises(Invalid):
        said(broker, CLEO, output.ident, text)


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
    broker.sandbox.files = {"a.csv": b"x\n100\n", "b.csv": b"x\n200\n"}
    job, _ = broker.ran(PYTHON)
    for output in broker.store.outputs_of(job):
        said(broker, CLEO, output.ident)
        broker.vote(CLEO, output.ident, VoteChoice.REJECT)
    (line,) = output_thread.messages_for_researchers(broker.ports, broker.person(ROSA), job)
    assert (line.about, line.by) == (None, None)


def test_setting_findings_aside_needs_a_reason_and_a_second_person(broker):
    output = refusing(broker)
    ballot = broker.ballot(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3")
    silent = Ballot(ballot.choice, ballot.reason, *hashes(ballot), overrides=ballot.overrides)
    with pytest.raises(Invalid) as caught:
        output_review.cast_vote(broker.ports, broker.person(CLEO), output.ident, silent)
    assert caught.value.pointer == "/why"
    assert broker.vote(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3") == "in_review"
    assert broker.store.votes_of(output.ident)[0].why == "A person can see it."
    assert broker.vote(CHRIS, output.ident, VoteChoice.APPROVE, "F1", "F3") == "released"


def hashes(ballot):
    return ballot.staff_hash, ballot.findings_hash, ballot.memory_version


def three(broker):
    broker.sandbox.files = {f"pupil-{n}.csv": b"x\n100\n" for n in range(3)}
    job, _ = broker.ran(PYTHON)
    return job, broker.store.outputs_of(job)


def test_one_word_on_a_whole_submission_all_or_none(broker):
    job, outputs = three(broker)
    ballots = {o.ident: broker.ballot(CLEO, o.ident) for o in outputs}
    stale = ballots | {outputs[1].ident: Ballot(VoteChoice.APPROVE, "meets-rules", "other", "other", "0")}
    with pytest.raises(Conflict):
        checker_inbox.vote_all(broker.ports, broker.person(CLEO), job, stale)
    assert [broker.store.votes_of(o.ident) for o in outputs] == [[], [], []]
    assert checker_inbox.vote_all(broker.ports, broker.person(CLEO), job, ballots) == 3
    broker.end(job)
    assert {o.state for o in broker.store.outputs_of(job)} == {OutputState.RELEASED}


def test_votes_on_a_submission_are_on_its_own_outputs(broker):
    job, _ = three(broker)
    _, other = broker.ran()
    ballots = {other.ident: broker.ballot(CLEO, other.ident)}
    with pytest.raises(Unknown):
        checker_inbox.vote_all(broker.ports, broker.person(CLEO), job, ballots)
    with pytest.raises(Invalid):
        checker_inbox.vote_all(broker.ports, broker.person(CLEO), job, {})


def test_what_the_rules_refuse_is_approved_alone(broker):
    output = refusing(broker)
    ballots = {output.ident: broker.ballot(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3")}
    with pytest.raises(Invalid):
        checker_inbox.vote_all(broker.ports, broker.person(CLEO), output.job, ballots)


def test_after_a_vote_the_next_output_is_of_the_same_submission(broker):
    job, (first, second, third) = three(broker)
    _, elsewhere = broker.ran()
    person = broker.person(CLEO)
    assert checker_inbox.next_output(broker.ports, person, second.ident).ident == third.ident
    broker.vote(CLEO, second.ident)
    broker.vote(CLEO, third.ident)
    assert checker_inbox.next_output(broker.ports, person, third.ident).ident == first.ident
    broker.vote(CLEO, first.ident)
    assert checker_inbox.next_output(broker.ports, person, first.ident).ident == elsewhere.ident
    broker.vote(CLEO, elsewhere.ident)
    assert checker_inbox.next_output(broker.ports, person, elsewhere.ident) is None
    assert checker_inbox.reviewed_submission(broker.ports, person, job).open == ()


def test_the_inbox_by_age_project_and_size(broker):
    broker.govern(votes=2)
    job, _ = three(broker)
    _, later = broker.ran()
    cleo = broker.person(CLEO)

    def listed(order, who=cleo):
        return [w.job.ident for w in checker_inbox.inbox(broker.ports, who, order).mine]

    assert listed("age") == [job, later.job]
    assert listed("size") == [later.job, job]
    assert listed("no such order") == listed("age")
    assert checker_inbox.inbox(broker.ports, cleo, "age", "P0001").mine == ()
    broker.vote(CLEO, later.ident)
    assert listed("age") == [job]
    assert [w.job.ident for w in checker_inbox.inbox(broker.ports, cleo).others] == [later.job]
    assert later.job in listed("age", broker.person(CARA))
    with pytest.raises(Unknown):
        checker_inbox.inbox(broker.ports, broker.person(ROSA))


def test_a_submission_is_claimed_whole_but_for_what_others_work_on(broker):
    job, outputs = three(broker)
    output_review.claim(broker.ports, broker.person(CHRIS), outputs[0].ident, True)
    checker_inbox.claim_all(broker.ports, broker.person(CLEO), job, True)
    assert [o.claimed_by for o in broker.store.outputs_of(job)] == [CHRIS, CLEO, CLEO]
    checker_inbox.claim_all(broker.ports, broker.person(CLEO), job, False)
    assert [o.claimed_by for o in broker.store.outputs_of(job)] == [CHRIS, None, None]


def test_the_difference_to_the_last_release_of_the_same_output(broker):
    _, first = broker.ran()
    looked = output_review.view_output(broker.ports, broker.person(CLEO), first.ident)
    assert review_context.earlier_release(broker.ports, looked) is None
    broker.vote(CLEO, first.ident)
    broker.engine.persons = 60
    broker.snapshot("s2")
    _, second = broker.ran()
    found = review_context.earlier_release(
        broker.ports, output_review.view_output(broker.ports, broker.person(CLEO), second.ident)
    )
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


def test_an_attack_that_takes_too_long_says_so():
    cells = [((str(n), "p"), 3, True) for n in range(output_evidence.MOST_HOLES + 1)]
    assert "takes too long" in output_evidence.attack_columns(judged(cells))[0].untried


def test_which_verdicts_there_are_to_choose_from():
    assert {v.value for v in Verdict} < set(checker_inbox.OUTPUT_FILTERS)
