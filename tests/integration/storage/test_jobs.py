"""The store's contract about jobs, on both databases."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from broker.domain.errors import Breach, Conflict, Invalid, Unknown
from broker.domain.jobs.job import JOB_TRANSITIONS, FailureCode, JobKind, JobState, OutputState
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import ListFilter
from tests.integration.expected_errors import expect


def test_an_accepted_job_reads_back_as_it_was_written(store, given):
    job = given.job(text="SELECT 'é' -- naïve 😀", client_id="c1", descriptions=(("b", "two"), ("a", "one")))
    assert store.accept(job, [given.event()]) == job
    assert store.job(job.ident) == job


def test_times_come_back_in_utc_whatever_zone_they_had_and_need_one(store, given):
    moment = given.at(5).astimezone(timezone(timedelta(hours=5, minutes=30)))
    stored = store.accept(given.job(created=moment), [given.event()])
    assert stored.created == moment
    assert stored.created.utcoffset() == timedelta(0)
    without = given.job(created=given.at().replace(tzinfo=None))
    expect(Exception, store.accept, without, [given.event()], match="time zone")


def test_sending_again_with_the_same_client_id_gives_the_same_job_and_no_second_audit_line(store, given):
    first = given.queued(client_id="c1")
    lines = store.audit_head()
    again = store.accept(given.job(client_id="c1"), [given.event()])
    assert again.ident == first.ident
    assert store.audit_head() == lines


def test_a_client_id_used_for_another_submission_is_a_conflict(store, given):
    given.queued(client_id="c1")
    with pytest.raises(Conflict) as caught:
        store.accept(given.job(client_id="c1", title="Another"), [given.event()])
    assert caught.value.code == "client-id-reused"


def test_client_ids_are_each_researchers_own_and_none_is_no_id(store, given):
    assert given.queued(client_id="c1").ident != given.queued(client_id="c1", researcher="bob").ident
    assert given.queued().ident != given.queued().ident


def test_an_ident_that_exists_is_a_conflict(store, given):
    job = given.queued()
    expect(Conflict, store.accept, replace(given.job(), ident=job.ident), [given.event()])


NO_START = [{"state": state} for state in set(JobState) - {JobState.QUEUED, JobState.REFUSED}]


@pytest.mark.parametrize(
    "changes", [[{"researcher": "nobody"}], [{"policy": "0" * 64}], [{"replaces": "job-none"}], NO_START]
)
def test_a_job_starts_queued_or_refused_and_names_what_the_store_has(store, given, changes):
    for change in changes:
        expect(Breach, store.accept, given.job(**change), [given.event()])


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_no_database_stores_is_bad_input(store, given, text):
    with pytest.raises(Invalid) as caught:
        store.accept(given.job(text=text), [given.event()])
    assert caught.value.pointer == "/text"


TEXT = [
    {"action": "SELECT * FROM t"}, {"subject": "WHERE la = 1"}, {"subject": "x" * 300}, {"actor": "ada\nbob"},
    {"codes": (("reason", "twelve of the 13 pupils"),)}, {"codes": (("Reason Text", "x"),)},
]  # fmt: skip


def test_a_change_whose_audit_line_would_carry_text_leaves_neither_row_nor_line(store, given):
    head, job = store.audit_head(), given.job()
    for wrong in TEXT:
        expect(Breach, store.accept, job, [given.event(), replace(given.event(), **wrong)])
    expect(Breach, store.accept, job, [])
    assert store.audit_head() == head
    expect(Unknown, store.job, job.ident)


# --- lists -------------------------------------------------------------------------------------


def test_lists_are_newest_first_and_page_without_gap_or_repeat(store, given):
    same_time = [given.queued(created=given.at(0)).ident for _ in range(5)]
    newer = [given.queued(created=given.at(9)).ident for _ in range(2)]
    expected = sorted(newer, reverse=True) + sorted(same_time, reverse=True)
    found, after = [], None
    while page := store.jobs(ListFilter(limit=3, after=after)):
        found += [j.ident for j in page]
        after = found[-1]
    assert found == expected


def test_filters_of_jobs(store, given):
    ours = given.queued(project="P0421").ident
    theirs = given.queued(project="P0733", researcher="bob").ident
    refused = given.queued(project="P0421", state=JobState.REFUSED).ident
    jobs = lambda **wanted: {j.ident for j in store.jobs(ListFilter(**wanted))}  # noqa: E731
    assert jobs() == {ours, theirs, refused}
    assert jobs(projects=frozenset({"P0421"})) == {ours, refused}
    assert jobs(projects=frozenset()) == set()
    assert jobs(states=frozenset({"queued"})) == {ours, theirs}
    assert jobs(researcher="bob") == {theirs}


# --- leases ------------------------------------------------------------------------------------


def test_a_lease_starts_an_attempt_and_a_second_one_gets_nothing(store, given):
    job = given.queued()
    assert given.leased(WorkKind.RUN, job.ident) == WorkItem(WorkKind.RUN, job.ident, 1)
    found, head = store.job(job.ident), store.audit_head()
    assert (found.state, found.worker, found.attempt, found.started) == (JobState.RUNNING, "w1", 1, given.at(1))
    assert given.leased(WorkKind.RUN, job.ident) is None
    assert given.leased(WorkKind.RUN, "job-none") is None
    assert store.audit_head() == head


def test_a_fenced_attempt_changes_nothing(store, given):
    job = given.running().ident
    given.give_back(job)
    assert given.leased(WorkKind.RUN, job).attempt == 2
    head = store.audit_head()
    late = [given.record(job)]
    with pytest.raises(Conflict) as caught:
        store.advance(job, 1, JobState.RUNNING, JobState.ASSESSING, given.at(4), [given.event()], outputs=late)
    assert caught.value.code == "stale"
    assert store.outputs_of(job) == []
    assert store.job(job).state is JobState.RUNNING
    assert store.audit_head() == head


# --- moves -------------------------------------------------------------------------------------


BY_A_LEASE = (JobState.QUEUED, JobState.RUNNING)
ILLEGAL = [*((b, a) for b in JobState for a in JobState if a not in JOB_TRANSITIONS[b]), BY_A_LEASE]


def test_no_move_outside_the_table_even_on_request(store, given):
    job = given.queued()
    for before, after in ILLEGAL:
        failure = FailureCode.CRASHED if after is JobState.FAILED else None
        expect(Breach, store.advance, job.ident, None, before, after, given.at(1), [given.event()], failure=failure)
    assert store.job(job.ident) == job


def test_a_failed_job_has_a_code_and_no_other_job_has_one(store, given):
    job = given.running().ident
    expect(Breach, store.advance, job, 1, JobState.RUNNING, JobState.FAILED, given.at(2), [given.event()])
    code = FailureCode.TIME_LIMIT
    store.advance(job, 1, JobState.RUNNING, JobState.FAILED, given.at(2), [given.event()], failure=code)
    ended = store.job(job)
    assert (ended.failure, ended.ended) == (code, given.at(2))


def test_moving_an_unknown_job_is_unknown_and_a_moved_one_stale(store, given):
    expect(Unknown, store.advance, "job-none", None, JobState.QUEUED, JobState.WITHDRAWN, given.at(1), [given.event()])
    job = given.queued().ident
    store.advance(job, None, JobState.QUEUED, JobState.WITHDRAWN, given.at(1), [given.event()])
    expect(Conflict, store.advance, job, None, JobState.QUEUED, JobState.WITHDRAWN, given.at(1), [given.event()])


def test_assessing_stores_the_run_and_inserts_the_outputs_in_order(store, given):
    job, outputs = given.assessing(OutputState.IN_REVIEW, OutputState.WITHHELD, OutputState.APPROVED)
    stored = store.job(job)
    assert (stored.image, stored.runtime, stored.snapshot) == ("sha256:1", "runc", "s1")
    assert [o.ident for o in store.outputs_of(job)] == outputs


@pytest.mark.parametrize("state", [OutputState.RELEASED, OutputState.WITHDRAWN, OutputState.REJECTED])
def test_no_output_is_born_beyond_what_assessing_may_say(store, given, state):
    expect(Breach, given.assessing, state)


def test_outputs_of_another_job_or_with_one_name_twice_are_refused_whole(store, given):
    job = given.running().ident
    for records in ([given.record("job-other")], [given.record(job, "a"), given.record(job, "a")]):
        with pytest.raises(Breach):
            store.advance(job, 1, JobState.RUNNING, JobState.ASSESSING, given.at(2), [given.event()], outputs=records)
    assert store.job(job).state is JobState.RUNNING
    assert store.outputs_of(job) == []


def test_a_job_is_decided_when_every_output_is(store, given):
    job, (output,) = given.assessing(OutputState.IN_REVIEW)
    expect(Breach, store.advance, job, None, JobState.ASSESSING, JobState.DECIDED, given.at(4), [given.event()])
    given.cast(given.vote(output))
    store.move_output(output, OutputState.IN_REVIEW, OutputState.APPROVED, given.at(5), [given.event()])
    store.advance(job, None, JobState.ASSESSING, JobState.DECIDED, given.at(6), [given.event()])
    assert store.job(job).state is JobState.DECIDED


def test_withdrawing_takes_undecided_outputs_along_each_with_its_audit_line(store, given):
    states = (OutputState.IN_REVIEW, OutputState.ASSESSED, OutputState.APPROVED)
    job, outputs = given.assessing(*states)
    store.advance(job, None, JobState.ASSESSING, JobState.WITHDRAWN, given.at(4), [given.event("job.withdrawn")])
    assert [o.state for o in store.outputs_of(job)] == ["withdrawn", "withdrawn", "approved"]
    withdrawn = [line.event.subject for line in store.audit() if line.event.action == "output.withdrawn"]
    assert withdrawn == outputs[:2]


def test_small_jobs_count_once_each_for_their_project_withdrawn_or_not(store, given):
    job, _ = given.assessing(OutputState.IN_REVIEW, small=True)
    given.assessing(OutputState.IN_REVIEW, small=True, project="P0733")
    given.assessing(OutputState.IN_REVIEW)
    assert store.small_jobs("P0421") == 1
    store.advance(job, None, JobState.ASSESSING, JobState.WITHDRAWN, given.at(4), [given.event()])
    assert store.small_jobs("P0421") == 1


def test_jobs_that_wait_or_run_are_counted_for_their_project(store, given):
    given.queued()
    given.running()
    given.assessing(OutputState.IN_REVIEW)
    given.running(project="P0733")
    assert store.active_jobs("P0421") == 2
    assert store.active_jobs("P0733") == 1


def test_jobs_that_have_begun_are_found_by_their_project_and_state(store, given):
    given.queued()
    running, (assessed, _) = given.running().ident, given.assessing(OutputState.IN_REVIEW)
    other = given.running(project="P0733").ident
    assert {job.ident for job in store.jobs_begun(given.at())} == {running, assessed, other}
    assert {job.ident for job in store.jobs_begun(given.at(), "P0421")} == {running, assessed}
    found = store.jobs_begun(given.at(), "P0421", frozenset({JobState.ASSESSING, JobState.FAILED}))
    assert [job.ident for job in found] == [assessed]
    assert store.jobs_begun(given.at(60), "P0421", frozenset({JobState.ASSESSING})) == [], "it ended before"


def test_a_release_is_due_where_the_next_step_waits_for_nobody(store, given):
    given.queued()
    given.assessing(OutputState.IN_REVIEW, OutputState.APPROVED)
    given.decided(OutputState.WITHHELD)
    given.released()
    to_compare, _ = given.assessing(OutputState.IN_REVIEW, OutputState.ASSESSED)
    to_decide, _ = given.assessing(OutputState.APPROVED, OutputState.WITHHELD)
    nothing_left, _ = given.assessing()
    to_release, _ = given.decided(OutputState.APPROVED)
    due = lambda kind: [i.subject for i in store.work_due(frozenset({kind}), given.at(60))]  # noqa: E731
    assert due(WorkKind.RELEASE) == [to_decide, nothing_left, to_release]
    assert due(WorkKind.COMPARE) == [to_compare]


def test_a_vault_is_in_use_until_the_job_that_names_it_is_at_its_end(store, given):
    job = given.running().ident
    store.name_vault(WorkItem(WorkKind.RUN, job, 1), "vault-1")
    expect(Conflict, store.name_vault, WorkItem(WorkKind.RUN, job, 2), "vault-2")
    assert store.vaults_in_use() == {"vault-1"}
    store.advance(job, 1, JobState.RUNNING, JobState.WITHDRAWN, given.at(2), [given.event()])
    assert store.vaults_in_use() == frozenset()


# --- unread scripts that ran on real rows -------------------------------------------------------


MOST = 1
SCRIPT = {"kind": JobKind.PYTHON, "text": "print()", "canonical": "print()"}


def script(given, **changes):
    return given.running(**SCRIPT, **changes)


def script_ended(store, given, lease, state=JobState.FAILED):
    failure = FailureCode.CRASHED if state is JobState.FAILED else None
    store.advance(lease.ident, lease.attempt, JobState.RUNNING, state, given.at(4), [given.event()], failure=failure)


def script_waits(store, given):
    """Whether the project's next script script_waits for a checker."""
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
    script_ended(store, given, lease)
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
    script_ended(store, given, lease)
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
    script_ended(store, given, lease)
    expect(Conflict, store.disclose_failure, lease.ident, "carl", "breaks-rules", given.at(5), [given.event()])
    assert store.reported_jobs(frozenset({lease.ident})) == frozenset()


def test_only_the_attempt_that_runs_notes_anything(store, given):
    lease = script(given)
    expect(Conflict, store.note_real_run, lease.ident, lease.attempt + 1, given.at(3))
    script_ended(store, given, lease, JobState.WITHDRAWN)
    expect(Conflict, store.note_problems, lease.ident, lease.attempt)
    store.note_log(lease.ident, lease.attempt, "log")
    assert store.rehearsal(lease.ident).log == "log"


@pytest.mark.parametrize("state", [OutputState.IN_REVIEW, OutputState.WITHHELD])
def test_beyond_so_many_unread_scripts_the_project_waits(store, given, state):
    """Withheld counts as in review does: a refusal tells nothing of real rows."""
    lease = script(given)
    job = lease.ident
    store.note_real_run(job, lease.attempt, given.at(3))
    given.assessed(lease, [given.record(job, state=state)])
    assert script_waits(store, given)
    store.read_script(job, "carl", given.at(5), [given.event()])
    assert not script_waits(store, given)


def test_a_script_under_way_counts_and_one_that_met_no_rows_does_not(store, given):
    lease = script(given)
    assert script_waits(store, given)
    script_ended(store, given, lease)
    assert not script_waits(store, given)


def test_what_history_changed_counts_once_a_job(store, given):
    assert store.history_changed_jobs("P0421") == 0
    lease = given.running()
    given.assessed(lease, [given.record(lease.ident)], history_changed=True)
    assert store.history_changed_jobs("P0421") == 1
    assert store.history_changed_jobs("P9999") == 0
