"""A restored back-up lacks releases. The broker detects this, and releases nothing until the entries are back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from release_history_kit import Memory, event, new, opened

from broker.domain.errors import Breach, Conflict, Forbidden
from broker.domain.release_history import HistoryVersion, new_entry_from_json
from broker.domain.signed_log import ChainHead
from tests.integration.expected_errors import expect
from tests.integration.storage.conftest import Given

BOTH = frozenset({"ada", "amir"})
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def restored(memory: Memory, url, copied):
    """One table was remembered, then backed up, then two more were released; and the back-up was restored."""
    memory.remember(memory.put(new(1)))
    waiting = memory.job()
    memory.store.close()
    back_up = copied(url, "back_up")
    again = Memory(opened(url, memory.folder), memory.folder, None)
    again.remember(again.put(new(2), b"second"))
    again.remember(again.put(new(3), b"third"))
    again.store.close()
    store = opened(back_up, memory.folder)
    given = Given(store, count(1000))
    yield Memory(store, memory.folder, given), waiting
    store.close()


def test_invariant_12_nothing_is_released_or_remembered_by_a_memory_that_has_forgotten(restored):
    memory, waiting = restored
    for act in (
        lambda: memory.remember(new(4)),
        lambda: memory.release(waiting),
        lambda: memory.release(waiting, new(4)),
    ):
        expect(Breach, act, match=r"release history does not have its last signed head.*back-up was restored")
    check = memory.store.history.verify()
    assert (check.broken, check.differs, len(check.missing_heads)) == (None, (), 1)
    assert memory.store.release_of(waiting[0].job) is None


def test_unused_files_restore_lost_entries(restored):
    memory, waiting = restored
    store, files = memory.store, memory.files
    (lost,) = store.history.verify().missing_heads
    told = [(files.about(name), files.stored(name)) for name in files.unnamed(store.member_files(), LATER)]
    entries = sorted((replace(new_entry_from_json(t), members=m) for t, m in told), key=lambda n: n.entry.recipe)
    assert [e.entry.recipe for e in entries] == ["recipe-2", "recipe-3"]
    expect(Forbidden, store.history.restore, lost, entries, frozenset({"ada"}), memory.given.at(1), event())
    with pytest.raises(Conflict, match="not the head"):
        store.history.restore(ChainHead(lost.number, "0" * 64), entries, BOTH, memory.given.at(1), event())
    store.history.restore(lost, entries, BOTH, memory.given.at(1), event())
    assert [e.recipe for e in store.history_entries()] == ["recipe-1", "recipe-2", "recipe-3"]
    assert memory.files.get(store.members_of(store.history_entries()[-1].number)) == b"third"
    assert store.split_counts("s1") == {"LA by year": (3, 0, 6), "sex": (6,)}
    assert store.history.verify([lost]).holds
    memory.release(waiting, new(4))
    assert store.history.verify([lost]).holds
    expect(Conflict, store.history.restore, lost, [], BOTH, memory.given.at(2), event(), match="not the head")


def test_numbers_that_were_lost_are_not_given_again(restored):
    """What an assessment saw of the lost memory is never taken for what is there now."""
    memory, _ = restored
    (lost,) = memory.store.history.verify().missing_heads
    memory.store.history.restore(lost, [], BOTH, memory.given.at(1), event())
    assert memory.store.history_version() == HistoryVersion(lost.number + 1)


def test_two_administrators_attest_a_missing_head(memory):
    memory.remember(new(1))
    exported = memory.store.history.head()
    head = memory.folder / "heads" / "head"
    head.unlink()
    expect(Breach, memory.remember, new(2))
    expect(Forbidden, memory.store.history.attest, exported, frozenset({"ada"}), event())
    memory.store.history.attest(exported, BOTH, event())
    expect(Conflict, memory.store.history.attest, exported, BOTH, event())
    memory.remember(new(2))
    assert memory.store.history.verify([exported]).holds


def test_the_ledgers_head_is_not_the_memorys(memory):
    """Each chain is signed with a key and a word of its own."""
    memory.remember(new(1))
    ledger = memory.store.ledger.head()
    assert memory.store.history.verify([ledger]).missing_heads == (ledger,)
