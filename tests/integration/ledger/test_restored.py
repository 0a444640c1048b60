"""A restored back-up, or a database that somebody has changed: seen at once, and brought back to use (invariant 12)."""

import json
import shutil

import pytest
from ledger_kit import OWN_TABLE, PROJECT, WHOLE, Steps, eps, opened, spend_request

from broker.domain.errors import Breach, Conflict, Forbidden
from broker.domain.ledger.spends import DisclosureSource, ExactDisclosure, MissingLedgerEntries, SpendState
from broker.domain.signed_log import ChainHead
from tests.integration.expected_errors import expect
from tests.integration.storage.conftest import is_refused, unguarded

PUBLIC = ExactDisclosure(DisclosureSource.PUBLIC, "EES", "npd.absence")
BOTH = frozenset({"ada", "amir"})


@pytest.fixture
def restored(url, copied, witness_folder):
    """A ledger that had a spend, was backed up, had three more moves, and was restored: what was forgotten is j2."""
    steps = Steps(opened(url, witness_folder))
    steps.allot(WHOLE, 1000)
    steps.allot(OWN_TABLE, 600)
    steps.released("j1")
    steps.reserve("j3")
    steps.store.close()
    back_up = copied(url, "back_up")
    steps = Steps(opened(url, witness_folder))
    steps.reserve("j2")
    steps.charge("j2")
    steps.charge("j3")
    steps.store.close()
    steps = Steps(opened(back_up, witness_folder))
    yield steps
    steps.store.close()


def test_nothing_moves_on_a_ledger_that_has_forgotten(restored):
    for act in (
        lambda: restored.reserve("j4"), lambda: restored.charge("j3"), lambda: restored.allot(WHOLE, 2000),
        lambda: restored.settle("j3", SpendState.REFUNDED),
    ):  # fmt: skip
        expect(Breach, act, match="back-up was restored")
    check = restored.store.ledger.verify()
    assert (check.broken, check.differs, len(check.missing_heads)) == (None, (), 1)
    assert restored.used() == (100, 100)


def test_what_was_forgotten_is_entered_again_by_two_and_stays_spent(restored):
    [lost] = restored.store.ledger.verify().missing_heads
    events = restored.event("ledger.restored", "ledger")
    spends = [spend_request("j2"), spend_request("j3")]
    with pytest.raises(Forbidden):
        restored.store.ledger.restore(
            lost, MissingLedgerEntries({}, spends), frozenset({"ada"}), restored.now(), events
        )
    with pytest.raises(Conflict, match="not the head"):
        restored.store.ledger.restore(
            ChainHead(lost.number, "0" * 64), MissingLedgerEntries({}, spends), BOTH, restored.now(), events
        )
    restored.store.ledger.restore(lost, MissingLedgerEntries({WHOLE: eps(900)}, spends), BOTH, restored.now(), events)
    assert restored.used() == (300, 0)
    assert restored.store.ledger.verify([lost]).holds
    expect(Conflict, restored.charge, "j2")
    restored.released("j4")
    assert restored.used() == (400, 0)
    assert restored.store.ledger.verify([lost]).holds
    with pytest.raises(Conflict, match="not the head"):
        restored.store.ledger.restore(lost, MissingLedgerEntries(), BOTH, restored.now(), events)


def test_a_ledger_that_went_another_way_after_the_back_up_is_seen_too(restored, witness_folder):
    """More entries than the lost ones do not hide it: the head is another."""
    witness = restored.store.ledger.heads
    restored.store.ledger.heads = None
    for number in range(4):
        restored.released(f"other-{number}")
    restored.store.ledger.heads = witness
    expect(Breach, restored.reserve, "j4")


def test_a_head_that_was_taken_away_or_spoilt_is_seen(capped, witness_folder, url):
    capped.reserve("j1")
    head = witness_folder / "head"
    kept = head.read_text()
    head.unlink()
    expect(Breach, capped.charge, "j1")
    again = opened(url, witness_folder)
    assert not head.exists(), "opening does not sign what nobody vouches for"
    again.close()
    head.write_text(json.dumps({"number": 1, "signature": "0" * 64}))
    expect(Breach, capped.charge, "j1")
    head.write_text("rubbish")
    expect(Breach, capped.charge, "j1")
    head.write_text(kept)
    capped.charge("j1")


def test_a_lost_folder_is_begun_again_with_the_head_that_was_exported(capped, tmp_path, url):
    capped.reserve("j1")
    exported, events = capped.store.ledger.head(), capped.event("ledger.vouched", "ledger")
    expect(Conflict, capped.store.ledger.attest, exported, BOTH, events)
    (tmp_path / "witness" / "head").unlink()
    expect(Forbidden, capped.store.ledger.attest, exported, frozenset({"ada"}), events)
    capped.store.ledger.attest(exported, BOTH, events)
    capped.charge("j1")
    other = Steps(opened(url, tmp_path / "another key"))
    other.store.ledger.attest(capped.store.ledger.head(), BOTH, events)
    expect(Breach, other.reserve, "j2")
    other.store.ledger.restore(capped.store.ledger.head(), MissingLedgerEntries(), BOTH, other.now(), events)
    other.reserve("j2")
    assert other.store.ledger.verify().holds
    other.store.close()


def test_an_exported_head_is_known_later_and_has_no_figures(capped):
    capped.reserve("j1")
    exported = capped.store.ledger.head()
    capped.charge("j1")
    assert capped.store.ledger.verify([exported]).holds
    strange = ChainHead(exported.number, exported.signature[::-1])
    assert capped.store.ledger.verify([strange]).missing_heads == (strange,)


def test_another_key_does_not_know_the_head(capped, witness_folder, tmp_path, url):
    capped.reserve("j1")
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    shutil.copy(witness_folder / "head", other / "head")
    strange = Steps(opened(url, other))
    expect(Breach, strange.charge, "j1")
    strange.store.close()


GUARDED = ("ledger_accounts", "ledger_spends", "ledger_charges", "ledger_asides", "ledger_head")
STATEMENTS = (
    "DELETE FROM ledger_spends",
    "DELETE FROM ledger_charges",
    "DELETE FROM ledger_accounts",
    "DELETE FROM ledger_entries",
    "DELETE FROM ledger_asides",
    "DELETE FROM ledger_head",
    "UPDATE ledger_spends SET state = 'reserved' WHERE job = 'j1'",
    "UPDATE ledger_spends SET state = 'refunded', answer_hash = NULL, answer_place = NULL WHERE job = 'j1'",
    "UPDATE ledger_spends SET state = 'charged' WHERE job = 'j1'",
    "UPDATE ledger_spends SET answer_place = 'x' WHERE job = 'j1'",
    "UPDATE ledger_spends SET project = 'P0421'",
    "UPDATE ledger_charges SET micro = 1",
    "UPDATE ledger_accounts SET spent = 0",
    "UPDATE ledger_accounts SET reserved = cap",
    "UPDATE ledger_accounts SET accounting = 'zcdp'",
    "UPDATE ledger_entries SET body = '{}'",
    "UPDATE ledger_head SET number = number - 1",
    "UPDATE ledger_head SET hash = 'x'",
    "INSERT INTO ledger_head (ident, number, hash) VALUES (1, 0, 'x')",
    "INSERT INTO ledger_entries SELECT number + 99, at, kind, subject, body, hash, 'x' FROM ledger_entries",
    "INSERT INTO ledger_spends SELECT * FROM ledger_spends",
)


@pytest.mark.each
def test_the_database_itself_refuses_to_take_back_what_was_spent(capped):
    """Neither a change, nor what replaces or empties a table, gets around it."""
    capped.released("j1")
    capped.disclose(PUBLIC)
    before = capped.store.balances()
    whole = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}" if capped.store._db.is_sqlite else "TRUNCATE {0}"
    for statement in (*STATEMENTS, *map(whole.format, GUARDED)):
        is_refused(capped.store, statement)
    assert capped.store.balances() == before
    assert capped.store.ledger.verify().holds


@pytest.mark.parametrize(
    ("tampering", "broken", "differs"),
    [
        ("UPDATE ledger_accounts SET spent = 0, reserved = 0", None, ("pupil", f"pupil/{PROJECT}/npd.absence")),
        ("UPDATE ledger_accounts SET cap = cap + 1 WHERE project = ''", None, ("pupil",)),
        ("UPDATE ledger_spends SET state = 'withheld' WHERE job = 'j2'", None, ("j2",)),
        ("DELETE FROM ledger_spends WHERE job = 'j2'", None, ("j2",)),
        ("UPDATE ledger_spends SET answer_place = 'x' WHERE job = 'j1'", None, ("j1",)),
        ("UPDATE ledger_charges SET micro = 1 WHERE job = 'j2' AND project = ''", None, ("j2",)),
        ("DELETE FROM ledger_asides", None, ("EES",)),
        ("UPDATE ledger_entries SET body = '{}' WHERE number = 3", 3, ()),
        ("DELETE FROM ledger_entries WHERE number = 4", 5, ()),
        ("DELETE FROM ledger_entries WHERE number > 8", 9, ()),
    ],
)
def test_what_was_changed_behind_the_guards_is_named(capped, tampering, broken, differs):
    capped.released("j1")
    capped.reserve("j2")
    capped.charge("j2")
    capped.disclose(PUBLIC)
    unguarded(capped.store, tampering)
    check = capped.store.ledger.verify()
    assert (check.broken, check.differs) == (broken, differs)
