"""Views of the ledger: balances, histories, and exact releases next to the privacy claim."""

import pytest
from ledger_kit import OWN, OWN_TABLE, PROJECT, TABLE, UNIT, WHOLE, eps, spend_request

from broker.domain.errors import Refused
from broker.domain.ledger.budget_refusals import check_exact_release
from broker.domain.ledger.privacy_loss import PrivacyAccount
from broker.domain.ledger.spends import DisclosureSource, ExactDisclosure, SpendState, over_allotted

OTHER = PrivacyAccount(UNIT, "P0421", TABLE)


def test_a_project_sees_its_own_and_staff_see_all(capped):
    capped.allot(OTHER, 500)
    capped.allot(PrivacyAccount("staff"), 70)
    capped.released("j1")
    capped.reserve(spend_request("j2", 30))
    capped.released(spend_request("j3", 200, project="P0421"))
    [own] = capped.store.balances(project=PROJECT)
    assert (own.account, own.cap, own.left) == (OWN_TABLE, eps(600), eps(470))
    assert (own.spent, own.reserved) == (eps(100), eps(30))
    assert [b.account for b in capped.store.balances(unit=UNIT)] == [WHOLE, OTHER, OWN_TABLE]
    everything = {b.account: b.used for b in capped.store.balances()}
    assert everything == {WHOLE: eps(330), OWN_TABLE: eps(130), OTHER: eps(200), PrivacyAccount("staff"): eps(0)}


def test_a_history_has_a_point_for_each_move(capped):
    capped.released("j1")
    capped.reserve(spend_request("j2", 50))
    capped.settle("j2", SpendState.REFUNDED)
    capped.allot(OTHER, 500)
    capped.released(spend_request("j3", 7, project="P0421"))
    points = [(p.job, p.state.value, p.spent.micro, p.reserved.micro) for p in capped.store.balance_history(OWN_TABLE)]
    assert points == [
        ("j1", "reserved", 0, 100),
        ("j1", "charged", 100, 0),
        ("j1", "released", 100, 0),
        ("j2", "reserved", 100, 50),
        ("j2", "refunded", 100, 0),
    ]
    whole = capped.store.balance_history(WHOLE)
    assert [p.at for p in whole] == sorted(p.at for p in whole)
    assert (whole[-1].job, whole[-1].spent) == ("j3", eps(107))
    assert capped.store.balance_history(OWN) == []


def test_allotments_larger_than_the_unit_s_cap_are_named(capped):
    assert over_allotted(capped.store.balances()) == ()
    capped.allot(OTHER, 1001)
    assert over_allotted(capped.store.balances()) == (OTHER,)


def test_exact_releases_next_to_the_claim_are_listed_and_stay(capped):
    exact = ExactDisclosure(DisclosureSource.EXACT, "rel-1", TABLE, "P0421", "s1")
    public = ExactDisclosure(DisclosureSource.PUBLIC, "EES pupil absence 2023", TABLE)
    elsewhere = ExactDisclosure(DisclosureSource.EXACT, "rel-1", "npd.cin", "P0421", "s1")
    capped.disclose(exact, elsewhere)
    capped.disclose(public)
    head = capped.store.ledger.head()
    capped.disclose(public, exact)
    assert capped.store.ledger.head() == head
    assert capped.store.exact_disclosures([TABLE]) == [exact, public]
    assert capped.store.exact_disclosures([TABLE, "npd.cin"]) == [exact, public, elsewhere]
    assert capped.store.ledger.verify().holds


def test_about_some_data_sets_nothing_exact_leaves():
    check_exact_release([TABLE], ["npd.cin"])
    with pytest.raises(Refused) as refused:
        check_exact_release([TABLE, "npd.cin"], ["npd.cin"])
    assert [r.code for r in refused.value.refusals] == ["private-only"]
