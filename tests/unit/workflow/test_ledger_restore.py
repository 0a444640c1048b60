"""Two administrators restore a ledger that lost entries; both must request exactly the same."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from restore_kit import restored_from_before, signing, two_agree

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.people import Person, Role
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import MissingLedgerEntries, SpendRequest, SpendState
from broker.domain.signed_log import ChainHead, LogName
from broker.storage.signed_log_store import SignedHeadStore
from broker.workflow.administration.backup_restore import attest_head, ledger_codes, restore_ledger_entries, signed_head
from broker.workflow.administration.budget_allotment import allot
from broker.workflow.administration.user_accounts import save_person
from broker.workflow.views import privacy_budgets
from tests.unit.workflow.conftest import ADA, AMIR, CLEO, PROJECT, ROSA, Broker, refused
from tests.unit.workflow.test_budgets import OWN, cap, spend

LOSS = Loss((PrivacyAmount(Accounting.APPROXIMATE, 400_000),))


@pytest.fixture
def lost(broker: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A broker whose folder of signed heads has gone: caps are in its ledger, and no head is known."""
    with signing(broker, tmp_path, SignedHeadStore(tmp_path / "ledger")) as found:
        yield found


@pytest.fixture
def restored(lost: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A back-up from before j1 was charged has taken the database's place."""
    two_agree(lost, attest_head, LogName.LEDGER, lost.store.ledger.head())
    heads = SignedHeadStore(tmp_path / "ledger")
    with restored_from_before(lambda broker: spend(broker, "j1", 400_000), lost, tmp_path, heads) as found:
        yield found


def test_a_head_that_was_exported_is_taken_by_two(lost):
    with pytest.raises(Breach):
        allot(lost.ports, lost.govern(budgets=()), ADA)
    head = lost.by(ADA, signed_head, LogName.LEDGER)
    two_agree(lost, attest_head, LogName.LEDGER, head)
    allot(lost.ports, lost.policies, ADA)
    assert lost.events("ledger") == ["ledger.vouch-asked", "ledger.vouched"]
    assert "is present" in str(lost.refuses(AMIR, Conflict, attest_head, LogName.LEDGER, head))


def test_invariant_12_what_was_forgotten_is_entered_again_as_spent(restored):
    refused(Breach, spend, restored, "j2", 1)
    (head,) = restored.by(ADA, privacy_budgets.verify_ledger).missing_heads
    asked = SpendRequest("j1", PROJECT, "s1", "question of j1", (Cost("pupil", LOSS, (("npd.absence", LOSS),)),))
    more = {OWN: PrivacyAmount(Accounting.APPROXIMATE, 3_000_000, 2_000_000)}
    forgotten = MissingLedgerEntries(more, (asked,))
    assert not restored.by(ADA, restore_ledger_entries, head, replace(forgotten, caps={}))
    two_agree(restored, restore_ledger_entries, head, forgotten)
    assert restored.store.spend_of("j1").state is SpendState.WITHHELD
    assert cap(restored, OWN) == more[OWN]
    assert restored.events("ledger")[-2:] == ["ledger.reenter-asked", "ledger.reentered"]
    spend(restored, "j2", 1)
    assert restored.by(AMIR, privacy_budgets.verify_ledger).holds


def test_the_second_is_another_person_and_an_administrator_still(lost):
    head = (LogName.LEDGER, ChainHead(1, "0" * 64))
    for person, told in ((ROSA, Unknown), (CLEO, Forbidden)):
        lost.refuses(person, told, attest_head, *head)
    puppet = Person("puppet", "Puppet", frozenset({Role.ADMINISTRATOR}))
    lost.by(ADA, save_person, puppet, "a hash that only Ada knows")
    lost.by(AMIR, save_person, puppet)
    assert not lost.by(ADA, attest_head, *head)
    assert not lost.by("puppet", attest_head, *head), "by no account"
    for gone in (ADA, "puppet"):
        lost.by(AMIR, save_person, replace(lost.person(gone), active=False))
    assert not lost.by(AMIR, attest_head, *head), "both have left"


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
    assert len({ledger_codes(*f) for f in found}) == len(found)
    other = replace(asked, job="j0")
    one, two = MissingLedgerEntries({}, (asked, other)), MissingLedgerEntries({}, (other, asked))
    assert ledger_codes(head, one) == ledger_codes(head, two)
