"""Contract of the history store on both databases. Only a release adds an entry, of the version that was compared."""

import json
from dataclasses import replace

import pytest
from release_history_kit import ENTRY, event, new
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import OutputState
from broker.domain.release_history import (
    HistoryUpdate,
    HistoryVersion,
    StoredMembers,
    new_entry_from_json,
    new_entry_to_json,
)
from tests.integration.expected_errors import expect
from tests.integration.storage.conftest import is_refused, unguarded
from tests.recorded_history import record_history


def test_what_was_remembered_reads_back_as_it_was(memory):
    entry = memory.put(new(1))
    assert memory.remember(entry) == HistoryVersion(1)
    (found,) = memory.store.history_entries()
    assert found == replace(entry.entry, number=1)
    assert memory.store.known_figures(1) == entry.figures
    assert memory.files.get(memory.store.members_of(1)) == b"members"
    told, stored = (f(entry.members.name) for f in (memory.files.about, memory.files.stored))
    assert (replace(new_entry_from_json(told), members=stored)) == entry
    expect(Unknown, memory.store.known_figures, 2)
    expect(Unknown, memory.store.members_of, 2)


def test_a_known_number_without_a_population_has_no_file(memory):
    memory.remember(new(1), memory.put(new(2)))
    assert memory.store.members_of(1) is None
    assert memory.store.member_files() == {memory.store.members_of(2).name}


def test_a_release_and_what_it_brings_are_one_change(memory):
    made = memory.job()
    memory.release(made, new(1), new(2, output="out-2"))
    release = memory.store.release_of(made[0].job)
    assert [e.number for e in memory.store.history_entries(release=release.ident)] == [1, 2]
    assert memory.store.history_version() == HistoryVersion(2)
    (second,) = memory.store.history_entries(after=HistoryVersion(1))
    assert second == next(e for e in memory.store.history_entries() if e.recipe == "recipe-2")
    assert memory.store.history.verify().holds


def test_a_release_that_was_compared_with_an_older_version_is_not_made(memory):
    seen = memory.store.history_version()
    first, second = memory.job(), memory.job()
    memory.release(first, new(1))
    head = memory.store.audit_head()
    assert expect(Conflict, memory.release, second, new(2), seen=seen).code == "memory-moved"
    assert memory.store.release_of(second[0].job) is None
    assert {o.state for o in memory.store.outputs_of(second[0].job)} == {OutputState.APPROVED}
    assert (memory.store.history_version(), memory.store.audit_head()) == (HistoryVersion(1), head)
    memory.release(second, new(2), seen=HistoryVersion(1))
    assert memory.store.history_version() == HistoryVersion(2)


def test_what_fails_with_a_release_enters_nothing(memory):
    made = memory.job()
    memory.release(made, new(1))
    assert expect(Conflict, memory.release, made, new(2)).code == "already-released"
    assert memory.store.history_version() == HistoryVersion(1)
    assert memory.store.split_counts("s1") == {"LA by year": (1, 0, 1), "sex": (2,)}


def test_figures_that_split_a_population_are_counted_over_all_projects(memory):
    assert memory.store.split_counts("s1") == {}
    memory.remember(new(1))
    memory.remember(new(2, project="P0733"), new(3))
    assert memory.store.split_counts("s1") == {"LA by year": (3, 0, 6), "sex": (6,)}
    assert memory.store.split_counts("s2") == {}


def test_the_memory_outlives_recall(memory):
    made = memory.job()
    memory.release(made, new(1))
    (output,) = made[0].outputs
    memory.store.move_output(output, OutputState.RELEASED, OutputState.RECALLED, memory.given.at(9), event())
    assert len(memory.store.history_entries()) == 1


TABLES = ("memory_lines", "memory_entries", "memory_figures", "memory_splits", "memory_head")
SPOILS = [
    *(f"DELETE FROM {t}" for t in TABLES),
    "UPDATE memory_lines SET body = '{}'", "UPDATE memory_entries SET entry = '{}'",
    "UPDATE memory_entries SET file = NULL, digest = NULL", "UPDATE memory_figures SET figures = '[]'",
    "UPDATE memory_splits SET totals = '[0]'", "UPDATE memory_head SET number = 0", "UPDATE memory_head SET hash = 'x'",
    "INSERT INTO memory_head VALUES (1, 0, 'x')", "INSERT INTO memory_figures VALUES (1, '[]')",
    "INSERT INTO memory_lines SELECT 9, at, kind, subject, body, 'x', 'y' FROM memory_lines WHERE number = 1",
    "INSERT INTO memory_lines SELECT 2, at, kind, subject, body, 'x', 'y' FROM memory_lines WHERE number = 1",
]  # fmt: skip
ONE_DATABASE = {
    "sqlite": [
        "INSERT OR REPLACE INTO memory_figures VALUES (1, '[]')",
        "INSERT OR REPLACE INTO memory_entries SELECT number, release, recipe, snapshot, '{}', file, digest "
        "FROM memory_entries",
        "INSERT OR REPLACE INTO memory_splits SELECT number, snapshot, population, '[0]' FROM memory_splits",
        "INSERT OR REPLACE INTO memory_head VALUES (1, 0, 'x')",
    ],
    "postgresql": [f"TRUNCATE {t}" for t in TABLES],
}


def test_the_database_itself_changes_and_removes_nothing(memory, backend):
    memory.remember(memory.put(new(1)))
    before = memory.store.history_entries()
    for statement in SPOILS + ONE_DATABASE[backend]:
        is_refused(memory.store, statement)
    assert memory.store.history_entries() == before
    assert memory.store.history.verify().holds


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("memory_entries", "snapshot = 's2'"), ("memory_entries", "recipe = 'other'"),
        ("memory_entries", "digest = 'x'"),
        ("memory_entries", "entry = replace(entry, 'pupil', 'staff')"), ("memory_figures", "figures = '[]'"),
        ("memory_splits", "totals = '[0, 0, 0]'"), ("memory_splits", "snapshot = 's2'"),
        ("memory_lines", "body = replace(body, 'pupil', 'staff')"), ("memory_lines", "subject = 'x'"),
    ],
)  # fmt: skip
def test_whoever_lifts_the_triggers_is_seen_all_the_same(memory, backend, table, change):
    memory.remember(memory.put(new(1)))
    memory.remember(memory.put(new(2)))
    unguarded(memory.store, f"UPDATE {table} SET {change} WHERE number = 1")
    check = memory.store.history.verify()
    assert not check.holds
    assert 1 in {check.broken, *check.differs}


def test_lines_have_no_members_and_entries_name_no_person(memory):
    """What the database holds is what was released, and where the rest is."""
    memory.remember(memory.put(new(1), b"\x07persons"))
    with memory.store._db.read() as connection:
        (body,) = connection.execute(text("SELECT body FROM memory_lines")).scalars()
    assert set(json.loads(body)) == {"entry", "figures", "splits", "file", "digest"}
    assert "persons" not in body


def test_the_form_of_an_entry_is_one_whatever_the_order_of_its_sets(memory):
    one = new(1, within={"a": 1, "b": 2})
    other = new(1, within={"b": 2, "a": 1})
    assert new_entry_to_json(one) == new_entry_to_json(other)
    assert new_entry_from_json(new_entry_to_json(one)).entry == replace(one.entry, number=0)
    assert ENTRY.number == 0


def test_an_empty_remembering_is_compared_too(memory):
    memory.remember(new(1))
    with pytest.raises(Conflict, match="since this output was compared"):
        record_history(memory.store, HistoryUpdate(HistoryVersion(0), ()), memory.given.at(1), event())


def test_two_entries_never_name_one_file(memory):
    entry = memory.put(new(1))
    memory.remember(entry)
    expect(DBAPIError, memory.remember, replace(new(2), members=StoredMembers(entry.members.name, "x")))
