"""Amounts, losses and costs; the ledger's chain and its sums, without a store."""

import json
from datetime import UTC, datetime

import pytest

from broker.domain.errors import Breach
from broker.domain.ledger.ledger_entries import LedgerEntryKind, charges_to_json, replay_entries
from broker.domain.ledger.privacy_loss import (
    Accounting,
    Cost,
    Loss,
    PrivacyAccount,
    PrivacyAmount,
    costs_from_json,
    costs_to_json,
)
from broker.domain.ledger.spends import SPEND_TRANSITIONS, SPENT_STATES, SpendRequest, SpendState, question_hash
from broker.domain.signed_log import ChainEntry, check_entries, entry_hash

AT = datetime(2026, 3, 1, tzinfo=UTC)
PURE, RHO, BOTH = Accounting.PURE, Accounting.CONCENTRATED, Accounting.APPROXIMATE
SPEND_DRAWING = {
    "reserved": {"charged", "refunded"},
    "charged": {"released", "withheld"},
    "released": set(),
    "withheld": set(),
    "refunded": set(),
}


def test_transitions_of_spends_are_as_drawn():
    assert {s.value: {a.value for a in after} for s, after in SPEND_TRANSITIONS.items()} == SPEND_DRAWING


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
    one, two = (
        Loss((PrivacyAmount(PURE, 1), PrivacyAmount(RHO, 2))),
        Loss((PrivacyAmount(RHO, 2), PrivacyAmount(PURE, 1))),
    )
    pupil = Cost("pupil", one, (("b", one), ("a", two)))
    staff = Cost("staff", two, ())
    text = costs_to_json((staff, pupil))
    assert text == costs_to_json((Cost("pupil", two, (("a", one), ("b", two))), staff))
    assert costs_to_json(costs_from_json(text)) == text


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
    kinds = (LedgerEntryKind.EXACT_DISCLOSURE, LedgerEntryKind.RESTORED, LedgerEntryKind.EXACT_DISCLOSURE)
    restored = entries(*((n, kind, "x", "[]") for n, kind in zip((1, 7, 8), kinds, strict=True)))
    assert all(holds for _, holds in check_entries(restored))
    hidden = entries((1, LedgerEntryKind.EXACT_DISCLOSURE, "x", "[]"), (3, LedgerEntryKind.EXACT_DISCLOSURE, "x", "[]"))
    assert [holds for _, holds in check_entries(hidden)] == [True, False]
    back = entries((5, LedgerEntryKind.RESTORED, "x", "{}"), (4, LedgerEntryKind.RESTORED, "x", "{}"))
    assert [holds for _, holds in check_entries(back)] == [True, False]


def test_the_sums_of_entries():
    account, amount = PrivacyAccount("pupil"), PrivacyAmount(PURE, 30)
    cap = json.dumps({"cap": charges_to_json([(account, PrivacyAmount(PURE, 100))]), "charges": {}})
    reserved = json.dumps({"charges": charges_to_json([(account, amount)])})
    jobs = [(LedgerEntryKind.RESERVED, job, reserved) for job in ("a", "b", "c", "d")]
    moves = [
        (LedgerEntryKind.CHARGED, "a", "{}"),
        (LedgerEntryKind.CHARGED, "b", "{}"),
        (LedgerEntryKind.WITHHELD, "b", "{}"),
    ]
    listed = [(LedgerEntryKind.ALLOTTED, "pupil", cap), *jobs, *moves, (LedgerEntryKind.REFUNDED, "c", "{}")]
    totals = replay_entries(entries(*((n, *rest) for n, rest in enumerate(listed, 1))))
    assert totals.used(account) == (PrivacyAmount(PURE, 60), amount)
