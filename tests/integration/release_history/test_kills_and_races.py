"""Processes killed with -9 between file and row, inside the transaction, and before the head is signed; and two
releases at once, each safe alone: the broker never releases both."""

import signal
from pathlib import Path

import pytest
from release_history_kit import Memory, new

from broker.domain.release_history import HistoryVersion
from tests.integration.ledger.ledger_kit import begin

pytestmark = pytest.mark.long

KILLABLE = Path(__file__).with_name("killable_release.py")


def killed_at(memory: Memory, url: str, point: str) -> str:
    release, _ = memory.job()
    (output,) = release.outputs
    process = begin([KILLABLE, url, memory.folder, release.job, output, point])
    try:
        assert process.stdout.readline().strip() == point
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return release.job


@pytest.mark.parametrize("point", ["file", "inside"])
def test_before_the_commit_nothing_was_released_and_the_file_is_swept(memory: Memory, url: str, point: str):
    job = killed_at(memory, url, point)
    store, files = memory.store, memory.files
    assert store.release_of(job) is None
    assert store.history_version() == HistoryVersion(0)
    assert store.history.verify().holds
    assert len(memory.swept()) == 1
    assert files.unnamed(frozenset()) == ()
    memory.release(memory.job(), new(2))
    assert files.missing(store.member_files()) == ()


@pytest.mark.parametrize("point", ["unsigned", "after"])
def test_after_the_commit_the_release_is_remembered_and_its_file_is_there(memory: Memory, url: str, point: str):
    job = killed_at(memory, url, point)
    store = memory.store
    release = store.release_of(job)
    (entry,) = store.history_entries(release=release.ident)
    assert memory.swept() == frozenset()
    assert memory.files.get(store.members_of(entry.number)) == job.encode()
    assert store.history.verify().holds
    memory.remember(new(2))
    assert store.history.verify([store.history.head()]).holds


def test_of_releases_at_once_that_saw_the_same_memory_one_is_out(memory, url):
    jobs = [memory.job()[0] for _ in range(6)]
    racers = [begin([KILLABLE, url, memory.folder, r.job, *r.outputs, "racer"]) for r in jobs]
    assert {p.stdout.readline().strip() for p in racers} == {"ready"}
    for process in racers:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [p.communicate()[0].strip() for p in racers]
    assert sorted(ends) == ["memory-moved"] * 5 + ["released"]
    assert [memory.store.release_of(r.job) is not None for r in jobs] == [e == "released" for e in ends]
    assert memory.store.history_version() == HistoryVersion(1)
    assert memory.store.history.verify().holds
    assert memory.store.verify_audit().broken is None
