"""Each database counts unread scripts that ran on real rows."""

from contextlib import suppress

import pytest

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import FailureCode, JobKind, JobState, OutputState

MOST = 1
SCRIPT = {"kind": JobKind.PYTHON, "text": "print()", "canonical": "print()"}


def script(given, **changes):
    return given.running(**SCRIPT, **changes)


def ended(store, given, lease, state=JobState.FAILED):
    failure = FailureCode.CRASHED if state is JobState.FAILED else None
    store.advance(lease.ident, lease.attempt, JobState.RUNNING, state, given.at(4), [given.event()], failure=failure)


def waits(store, given):
    """Whether the project's next script waits for a checker."""
    another = given.job(**SCRIPT)
    with suppress(Conflict):
        store.accept(another, [given.event()], most_unread=MOST)
    try:
        store.job(another.ident)
    except Unknown:
        return True
    return False


def test_a_script_that_met_rows_and_failed_is_to_be_read_until_somebody_has(store, given):
    lease = script(given)
    job = lease.ident
    store.note_rehearsal(job, lease.attempt, True, "trace", given.at(3))
    assert store.scripts_to_read() == []
    store.note_real_run(job, lease.attempt, given.at(3))
    store.note_problems(job, lease.attempt)
    store.note_log(job, lease.attempt, "log")
    ended(store, given, lease)
    found = store.rehearsal(job)
    assert (found.passed, found.trace, found.trace_from) == (True, "trace", given.at(3))
    assert (found.met, found.problems, found.log, found.reason) == (given.at(3), True, "log", None)
    assert store.scripts_to_read() == [job]
    store.read_script(job, "carl", given.at(5), [given.event()])
    store.read_script(job, "dora", given.at(6), [given.event()])
    assert store.scripts_to_read() == []


def test_a_checker_gives_one_reason_and_the_script_is_read(store, given):
    lease = script(given)
    job = lease.ident
    store.note_real_run(job, lease.attempt, given.at(3))
    ended(store, given, lease)
    store.disclose_failure(job, "carl", "breaks-rules", given.at(5), [given.event()])
    found = store.rehearsal(job)
    assert (found.reason, found.told_by, found.told_at) == ("breaks-rules", "carl", given.at(5))
    assert store.reported_jobs(frozenset({job, "job-none"})) == {job}
    assert store.scripts_to_read() == []
    with pytest.raises(Conflict) as caught:
        store.disclose_failure(job, "dora", "another", given.at(6), [given.event()])
    assert caught.value.code == "told-already"


def test_a_script_without_real_rows_is_not_counted(store, given):
    lease = script(given)
    ended(store, given, lease)
    with pytest.raises(Conflict):
        store.disclose_failure(lease.ident, "carl", "breaks-rules", given.at(5), [given.event()])
    assert store.reported_jobs(frozenset({lease.ident})) == frozenset()


def test_only_the_attempt_that_runs_notes_anything(store, given):
    lease = script(given)
    with pytest.raises(Conflict):
        store.note_real_run(lease.ident, lease.attempt + 1, given.at(3))
    ended(store, given, lease, JobState.WITHDRAWN)
    with pytest.raises(Conflict):
        store.note_problems(lease.ident, lease.attempt)
    store.note_log(lease.ident, lease.attempt, "log")
    assert store.rehearsal(lease.ident).log == "log"


@pytest.mark.parametrize("state", [OutputState.IN_REVIEW, OutputState.WITHHELD])
def test_beyond_so_many_unread_scripts_the_project_waits(store, given, state):
    """Withheld counts as in review does: a refusal tells nothing of real rows."""
    lease = script(given)
    job = lease.ident
    store.note_real_run(job, lease.attempt, given.at(3))
    store.advance(
        job, lease.attempt, JobState.RUNNING, JobState.ASSESSING, given.at(3), [given.event()],
        image="sha256:1", runtime="runc", snapshot="s1", outputs=[given.record(job, state=state)],
    )  # fmt: skip
    assert waits(store, given)
    store.read_script(job, "carl", given.at(5), [given.event()])
    assert not waits(store, given)


def test_a_script_under_way_counts_and_one_that_met_no_rows_does_not(store, given):
    lease = script(given)
    assert waits(store, given)
    ended(store, given, lease)
    assert not waits(store, given)


def test_what_history_changed_counts_once_a_job(store, given):
    assert store.history_changed_jobs("P0421") == 0
    lease = given.running()
    named = {"image": "sha256:1", "runtime": "runc", "snapshot": "s1", "outputs": [given.record(lease.ident)]}
    store.advance(
        lease.ident, lease.attempt, JobState.RUNNING, JobState.ASSESSING, given.at(3), [given.event()],
        history_changed=True, **named,
    )  # fmt: skip
    assert store.history_changed_jobs("P0421") == 1
    assert store.history_changed_jobs("P9999") == 0
