"""The sweep gives up and removes unused files of members. It never removes a file that a release names or is about to
name: not during a release at the same moment, and not after a process was delayed or killed between file and row."""

from dataclasses import replace

import pytest
from release_history_kit import NOW, new
from sqlalchemy import update

from broker.domain.errors import Conflict
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, PendingHistoryEntry
from broker.domain.release_history import HistoryVersion
from broker.storage.tables.job_tables import outputs
from tests.integration.expected_errors import expect
from tests.integration.ledger.ledger_kit import begin
from tests.integration.release_history.test_kills_and_races import KILLABLE
from tests.integration.release_history.test_restored_backup import restored  # noqa: F401

pytestmark = pytest.mark.long

WAITS = (OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED)


def test_what_an_entry_names_stays_and_what_nothing_names_goes(memory):
    memory.remember(memory.put(new(1)))
    left = memory.put(new(2))
    assert memory.swept() == {left.members.name}
    assert memory.files.missing(memory.store.member_files()) == ()
    assert memory.swept() == frozenset()


@pytest.mark.parametrize("state", list(OutputState))
def test_what_an_output_that_may_still_leave_names_stays(memory, state):
    file = memory.put(new(1)).members.name
    _, (output, *_) = memory.given.decided(OutputState.APPROVED)
    values = {"state": state, "to_remember": [[0, file, "0" * 64]]}
    with memory.store._db.write() as connection:
        connection.execute(update(outputs).where(outputs.c.ident == output).values(values))
    assert memory.swept() == (frozenset() if state in WAITS else {file})


def test_a_release_that_was_held_up_until_its_file_was_swept_does_not_happen(memory, url):
    release, _ = memory.job()
    process = begin([KILLABLE, url, memory.folder, release.job, *release.outputs, "racer"])
    assert process.stdout.readline().strip() == "ready"
    assert len(memory.swept()) == 1
    assert process.communicate("go\n")[0].strip() == "memory-moved"
    assert memory.store.release_of(release.job) is None
    assert memory.store.history_version() == HistoryVersion(0)
    memory.release(memory.job(), new(2))
    assert memory.files.missing(memory.store.member_files()) == ()


def test_a_release_during_a_sweep_has_its_file(memory, url):
    """Either the release came first and its file stays, or the file was given up and nothing was released."""
    jobs = [memory.job()[0] for _ in range(4)]
    for release in jobs:
        process = begin([KILLABLE, url, memory.folder, release.job, *release.outputs, "racer"])
        assert process.stdout.readline().strip() == "ready"
        process.stdin.write("go\n")
        process.stdin.flush()
        while process.poll() is None:
            memory.swept()
        end = process.communicate()[0].strip()
        assert end in {"released", "memory-moved"}
        assert (memory.store.release_of(release.job) is not None) == (end == "released")
    assert memory.files.missing(memory.store.member_files()) == ()
    assert memory.store.history.verify().holds
    for entry in memory.store.history_entries():
        assert memory.files.get(memory.store.members_of(entry.number))


def test_a_sweep_that_was_killed_between_giving_up_and_removing_is_ended_by_the_next(memory):
    left = memory.put(new(1))
    name = left.members.name
    assert memory.store.retire_member_files([name], NOW) == {name}
    assert expect(Conflict, memory.remember, left, match="swept before anything named it").code == "memory-moved"
    assert memory.swept() == {name}
    assert memory.files.unnamed(frozenset()) == ()


def test_no_output_comes_to_name_a_file_that_was_given_up(memory):
    """Neither one that is compared, nor one that comes into being with it."""
    store, given = memory.store, memory.given
    file = memory.put(new(1)).members
    kept = (PendingHistoryEntry(0, file.name, file.digest),)
    job, (output,) = given.assessing(OutputState.ASSESSED)
    item = given.leased(WorkKind.COMPARE, job)
    store.retire_member_files([file.name], NOW)
    before = store.output(output)
    found = ComparedOutput(before, OutputRecord(replace(before, memory_version="0"), "9" * 64, kept))
    assert expect(Conflict, store.put_compared, item, [found], given.at(12), [given.event()]).code == "stale"
    assert store.pending_history(output) == ()
    lease = given.running()
    record = OutputRecord(replace(before, ident="new", job=lease.ident), "9" * 64, kept)
    assert expect(Conflict, given.assessed, lease, [record]).code == "stale"
    assert store.job(lease.ident).state is JobState.RUNNING


def test_a_memory_that_has_forgotten_gives_nothing_up(restored):  # noqa: F811
    """What no entry names is all that tells of it."""
    memory, _ = restored
    assert len(memory.files.unnamed(memory.store.member_files())) == 2
    assert memory.swept() == frozenset()
    assert not memory.store.history.is_intact()


def test_what_was_given_up_is_never_taken_back(memory):
    memory.store.retire_member_files(["0" * 32], NOW)
    for change in ("DELETE FROM memory_swept", "UPDATE memory_swept SET file = 'x'"):
        with pytest.raises(Exception, match="append-only"), memory.store._db.write() as connection:
            connection.exec_driver_sql(change)
