"""Amounts, losses and costs; the ledger's chain and its sums, without a store."""

import json
from datetime import UTC, datetime

import pytest

from broker.domain.errors import Breach
from broker.domain.ledger import privacy_loss
from broker.domain.ledger.ledger_entries import LedgerEntryKind, charges_to_json, replay_entries
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount, costs_to_json
from broker.domain.ledger.spends import SPEND_TRANSITIONS, SPENT_STATES, SpendRequest, SpendState, question_hash
from broker.domain.signed_log import ChainEntry, check_entries, entry_hash

AT = datetime(2026, 3, 1, tzinfo=UTC)
PURE, RHO = Accounting.PURE, Accounting.CONCENTRATED
EXACT, BACK = LedgerEntryKind.EXACT_DISCLOSURE, LedgerEntryKind.RESTORED


def test_nothing_that_is_spent_is_ever_refunded():
    reached = set(SPENT_STATES)
    for _ in SpendState:
        reached |= {after for state in reached for after in SPEND_TRANSITIONS[state]}
    assert reached == SPENT_STATES


@pytest.mark.parametrize("amounts", [(), (PrivacyAmount(PURE, 0),), (PrivacyAmount(PURE, 1), PrivacyAmount(PURE, 2))])
def test_what_is_no_loss(amounts):
    with pytest.raises(Breach):
        Loss(amounts)


def test_costs_are_the_same_text_in_whatever_order_and_come_back():
    amounts = PrivacyAmount(PURE, 1), PrivacyAmount(RHO, 2)
    one, two = Loss(amounts), Loss(amounts[::-1])
    pupil = Cost("pupil", one, (("b", one), ("a", two)))
    staff = Cost("staff", two, ())
    text = costs_to_json((staff, pupil))
    assert text == costs_to_json((Cost("pupil", two, (("a", one), ("b", two))), staff))
    assert costs_to_json(privacy_loss.costs_from_json(text)) == text


def test_a_job_costs_each_unit_once():
    loss = Loss((PrivacyAmount(PURE, 1),))
    for costs in ((), (Cost("pupil", loss, ()), Cost("pupil", loss, ()))):
        with pytest.raises(Breach):
            SpendRequest("j", "P", "s", "q", costs)


def test_a_question_is_its_plan_bounds_and_mechanism():
    asked = {question_hash(*parts) for parts in (("a", "b", "c"), ("a", "bc", ""), ("ab", "", "c"), ("a", "b", "d"))}
    assert len(asked) == 4
    assert question_hash("a", "b", "c") in asked


def entries(*listed: tuple[int, LedgerEntryKind, str, str]) -> list[ChainEntry]:
    made, previous = [], "0" * 64
    for number, kind, subject, body in listed:
        digest = entry_hash(number, AT, kind, subject, body, previous)
        made.append(ChainEntry(number, AT, kind, subject, body, previous, digest))
        previous = digest
    return made


def test_numbers_are_left_out_only_where_a_restored_ledger_says_so():
    def holds(*listed: tuple[int, LedgerEntryKind]) -> list[bool]:
        return [holds for _, holds in check_entries(entries(*((n, kind, "x", "[]") for n, kind in listed)))]

    assert holds((1, EXACT), (7, BACK), (8, EXACT)) == [True, True, True]
    assert holds((1, EXACT), (3, EXACT)) == [True, False]
    assert holds((5, BACK), (4, BACK)) == [True, False]


def test_the_sums_of_entries():
    account, amount = PrivacyAccount("pupil"), PrivacyAmount(PURE, 30)
    cap = json.dumps({"cap": charges_to_json([(account, PrivacyAmount(PURE, 100))]), "charges": {}})
    reserved = json.dumps({"charges": charges_to_json([(account, amount)])})
    jobs = [(LedgerEntryKind.RESERVED, job, reserved) for job in ("a", "b", "c", "d")]
    kinds = LedgerEntryKind
    moves = [(kinds.CHARGED, "a"), (kinds.CHARGED, "b"), (kinds.WITHHELD, "b"), (kinds.REFUNDED, "c")]
    listed = [(kinds.ALLOTTED, "pupil", cap), *jobs, *((kind, job, "{}") for kind, job in moves)]
    totals = replay_entries(entries(*((n, *rest) for n, rest in enumerate(listed, 1))))
    assert totals.used(account) == (PrivacyAmount(PURE, 60), amount)
