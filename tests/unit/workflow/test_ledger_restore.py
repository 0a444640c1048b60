"""Two administrators restore a ledger that lost entries; both must request exactly the same."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.people import Person, Role
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import MissingLedgerEntries, SpendRequest, SpendState
from broker.domain.signed_log import ChainHead, LogName
from broker.storage.signed_log_store import SignedHeadStore
from broker.storage.sql_store import open_store
from broker.workflow.administration import backup_restore, user_accounts
from broker.workflow.administration.budget_allotment import allot
from broker.workflow.views import privacy_budgets
from tests.unit.workflow.conftest import ADA, AMIR, CLEO, PROJECT, ROSA, Broker, opened
from tests.unit.workflow.test_budgets import OWN, cap, spend

LOSS = Loss((PrivacyAmount(Accounting.APPROXIMATE, 400_000),))


def signing(broker: Broker, folder: Path) -> Broker:
    """The broker over a store that signs its heads in `folder`."""
    broker.store.close()
    store = open_store(f"sqlite:///{folder / 'broker.sqlite'}", SignedHeadStore(folder / "ledger"))
    return replace(broker, ports=replace(broker.ports, store=store))


@pytest.fixture
def lost(founded: Path, policies, tmp_path: Path) -> Iterator[Broker]:
    """A broker whose folder of signed heads has gone: caps are in its ledger, and no head is known."""
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    broker = signing(next(opened(tmp_path, policies)), tmp_path)
    yield broker
    broker.store.close()


def attest(broker: Broker, person: str, head: ChainHead) -> bool:
    return backup_restore.attest_head(broker.ports, broker.person(person), LogName.LEDGER, head)


def both(act, broker: Broker, *what: object) -> None:
    assert not act(broker.ports, broker.person(ADA), *what)
    assert not act(broker.ports, broker.person(ADA), *what), "asking twice is not two"
    assert act(broker.ports, broker.person(AMIR), *what)


@pytest.fixture
def restored(lost: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A back-up from before j1 was charged has taken the database's place."""
    both(backup_restore.attest_head, lost, LogName.LEDGER, lost.store.ledger.head())
    lost.store.close()
    shutil.copy(tmp_path / "broker.sqlite", tmp_path / "back-up")
    broker = signing(lost, tmp_path)
    spend(broker, "j1", 400_000)
    broker.store.close()
    for old in tmp_path.glob("broker.sqlite*"):
        old.unlink()
    shutil.copy(tmp_path / "back-up", tmp_path / "broker.sqlite")
    broker = signing(broker, tmp_path)
    yield broker
    broker.store.close()


def test_a_head_that_was_exported_is_taken_by_two(lost):
    with pytest.raises(Breach):
        allot(lost.ports, lost.govern(budgets=()), ADA)
    head = backup_restore.signed_head(lost.ports, lost.person(ADA), LogName.LEDGER)
    both(backup_restore.attest_head, lost, LogName.LEDGER, head)
    allot(lost.ports, lost.policies, ADA)
    assert lost.events("ledger") == ["ledger.vouch-asked", "ledger.vouched"]
    with pytest.raises(Conflict, match="is present"):
        attest(lost, AMIR, head)


def test_invariant_12_what_was_forgotten_is_entered_again_as_spent(restored):
    with pytest.raises(Breach):
        spend(restored, "j2", 1)
    (head,) = privacy_budgets.verify_ledger(restored.ports, restored.person(ADA)).missing_heads
    asked = SpendRequest("j1", PROJECT, "s1", "question of j1", (Cost("pupil", LOSS, (("npd.absence", LOSS),)),))
    more = {OWN: PrivacyAmount(Accounting.APPROXIMATE, 3_000_000, 2_000_000)}
    forgotten = MissingLedgerEntries(more, (asked,))
    fewer = replace(forgotten, caps={})
    assert not backup_restore.restore_ledger_entries(restored.ports, restored.person(ADA), head, fewer)
    both(backup_restore.restore_ledger_entries, restored, head, forgotten)
    assert restored.store.spend_of("j1").state is SpendState.WITHHELD
    assert cap(restored, OWN) == more[OWN]
    assert restored.events("ledger")[-2:] == ["ledger.reenter-asked", "ledger.reentered"]
    spend(restored, "j2", 1)
    assert privacy_budgets.verify_ledger(restored.ports, restored.person(AMIR)).holds


def test_the_second_is_another_person_and_an_administrator_still(lost):
    head = ChainHead(1, "0" * 64)
    for person, told in ((ROSA, Unknown), (CLEO, Forbidden)):
        with pytest.raises(told):
            attest(lost, person, head)
    puppet = Person("puppet", "Puppet", frozenset({Role.ADMINISTRATOR}))
    user_accounts.save_person(lost.ports, lost.person(ADA), puppet, "a hash that only Ada knows")
    user_accounts.save_person(lost.ports, lost.person(AMIR), puppet)
    assert not attest(lost, ADA, head)
    assert not attest(lost, "puppet", head), "by no account"
    user_accounts.save_person(lost.ports, lost.person(AMIR), replace(lost.person(ADA), active=False))
    user_accounts.save_person(lost.ports, lost.person(AMIR), replace(lost.person("puppet"), active=False))
    assert not attest(lost, AMIR, head), "both have left"


def test_two_documents_are_the_same_only_if_everything_in_them_is():
    head, amount = ChainHead(1, "0" * 64), PrivacyAmount(Accounting.APPROXIMATE, 1)
    asked = SpendRequest("j1", PROJECT, "s1", "q", (Cost("pupil", LOSS, ()),))
    found = [
        (head, MissingLedgerEntries()),
        (ChainHead(2, "0" * 64), MissingLedgerEntries()),
        (head, MissingLedgerEntries({PrivacyAccount("pupil"): amount})),
        (head, MissingLedgerEntries({PrivacyAccount("staff"): amount})),
        (head, MissingLedgerEntries({}, (asked,))),
        (head, MissingLedgerEntries({}, (replace(asked, question="other"),))),
    ]
    assert len({backup_restore.ledger_codes(*f) for f in found}) == len(found)
    other = replace(asked, job="j0")
    one, two = MissingLedgerEntries({}, (asked, other)), MissingLedgerEntries({}, (other, asked))
    assert backup_restore.ledger_codes(head, one) == backup_restore.ledger_codes(head, two)
