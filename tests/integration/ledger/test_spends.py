"""A spend on its way: reserved, charged once at the first read, never refunded after it (invariant 5)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from ledger_kit import ANY, OWN, OWN_TABLE, PROJECT, SHARED_TABLE, START, TABLE, UNIT, WHOLE, answer, eps, spend_request

from broker.domain.errors import Breach, Conflict, Refused, Unknown
from broker.domain.ledger.budget_refusals import OverBudget, ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import SPEND_TRANSITIONS, SpendRequest, SpendState
from tests.integration.expected_errors import expect

LATER = START + timedelta(days=365)


def test_repeating_a_request_is_harmless_at_every_step(capped):
    for step in (
        lambda: capped.reserve("j1"), lambda: capped.charge("j1"), lambda: capped.answer("j1"),
        lambda: capped.settle("j1", SpendState.RELEASED),
    ):  # fmt: skip
        step()
        before, head = capped.used(), capped.store.audit_head()
        step()
        assert (capped.used(), capped.store.audit_head()) == (before, head)
    assert capped.reserve("j1").state is SpendState.RELEASED
    assert capped.charge("j1").answer == answer("j1")
    assert capped.used() == (100, 0)


USED = {SpendState.RESERVED: (0, 100), SpendState.REFUNDED: (0, 0)}
"""(spent, reserved) of 100 in each state; (100, 0) once it was read."""


@pytest.mark.parametrize("before", list(SpendState))
@pytest.mark.parametrize("after", [s for s in SpendState if s is not SpendState.RESERVED])
def test_a_spend_moves_as_the_table_says_and_not_otherwise(capped, before, after):
    """Refunded is what was never read, and released what has a stored answer."""
    capped.reserve("j1")
    if before is SpendState.REFUNDED:
        capped.settle("j1", before)
    elif before is not SpendState.RESERVED:
        capped.charge("j1")
        expect(Conflict, capped.settle, "j1", SpendState.RELEASED, match="no stored answer")
        capped.answer("j1")
        if before is not SpendState.CHARGED:
            capped.settle("j1", before)
    else:
        expect(Conflict, capped.answer, "j1", match="reserved")
    if before in {SpendState.REFUNDED, SpendState.WITHHELD}:
        expect(Conflict, capped.charge, "j1", match=before.value)
    assert capped.used() == USED.get(before, (100, 0))
    if after is before or after in SPEND_TRANSITIONS[before]:
        assert capped.settle("j1", after).state is after
    else:
        expect(Conflict, capped.settle, "j1", after, match=before.value)
    ended = capped.store.spend_of("j1").state
    assert (capped.used(), capped.used(OWN_TABLE)) == (USED.get(ended, (100, 0)),) * 2
    assert capped.store.ledger.verify().holds


def test_a_job_without_a_request_has_no_spend(capped):
    assert capped.store.spend_of("j9") is None
    for act in (capped.charge, capped.answer, lambda job: capped.settle(job, SpendState.WITHHELD)):
        expect(Unknown, act, "j9")


def test_a_refusal_over_the_allotment_has_the_request_and_the_rest(capped):
    capped.reserve(spend_request("j1", 550))
    refused = expect(OverBudget, capped.reserve, spend_request("j2", 51))
    [lacking] = refused.shortfalls
    assert (lacking.account, lacking.requested, lacking.remaining) == (OWN_TABLE, eps(51), eps(50))
    [told] = refused.refusals
    assert told.code == "over-budget"
    assert "epsilon 0.000051" in told.message
    assert "epsilon 0.00005 is left" in told.message
    assert capped.store.spend_of("j2") is None
    assert capped.used() == (0, 550)
    every = expect(OverBudget, capped.reserve, spend_request("j2", 1001))
    assert {r.code for r in every.refusals} == {"over-cap", "over-budget"}
    capped.reserve(spend_request("j3", 50))
    capped.allot(SHARED_TABLE, 600)  # a data set may have a cap over all projects
    capped.allot(OWN_TABLE, 700)
    assert expect(OverBudget, capped.reserve, spend_request("j4", 1)).shortfalls[0].account == SHARED_TABLE


def test_a_refusal_does_not_show_the_spends_of_others(capped):
    capped.allot(PrivacyAccount(UNIT, "P0421", TABLE), 900)
    capped.reserve(spend_request("j1", 900, project="P0421"))
    refused = expect(OverBudget, capped.reserve, spend_request("j2", 101))
    [lacking] = refused.shortfalls
    assert (lacking.account, lacking.remaining) == (WHOLE, None)
    [told] = refused.refusals
    assert told.code == "over-cap"
    assert "100" not in told.message.replace("0.000101", "")
    assert "P0421" not in told.message


def test_without_a_cap_or_an_allotment_nothing_is_spent(steps):
    assert {x.account for x in expect(OverBudget, steps.reserve, "j1").shortfalls} == {WHOLE, OWN_TABLE}
    expect(Conflict, steps.allot, OWN, 1, match="before you allot budgets")
    steps.allot(WHOLE, 1000)
    assert [r.code for r in expect(OverBudget, steps.reserve, "j1").refusals] == ["no-budget"]
    steps.allot(OWN, 300)
    assert steps.reserve("j1").state is SpendState.RESERVED
    assert steps.used(OWN) == (0, 100)


def test_the_cap_is_the_unit_s_over_all_tables_years_snapshots_and_projects(capped):
    for project, table in ((PROJECT, "npd.spring_census"), ("P0421", TABLE)):
        capped.allot(PrivacyAccount(UNIT, project, table), 600)
    capped.reserve(spend_request("j1", 400))
    capped.reserve(spend_request("j2", 400, table="npd.spring_census", snapshot="s2"))
    expect(OverBudget, capped.reserve, spend_request("j3", 201, project="P0421", snapshot="s3"), match="over-cap")
    capped.reserve(spend_request("j4", 200, project="P0421", snapshot="s3"))
    assert capped.used() == (0, 1000)


def test_a_job_charges_each_data_set_it_reads_and_the_unit_once(capped):
    census = PrivacyAccount(UNIT, PROJECT, "npd.spring_census")
    capped.allot(census, 600)
    part, whole = Loss((eps(30),)), Loss((eps(70),))
    both = SpendRequest("j1", PROJECT, "s1", "q", (Cost(UNIT, whole, ((TABLE, part), ("npd.spring_census", whole))),))
    capped.reserve(both)
    assert (capped.used(), capped.used(OWN_TABLE), capped.used(census)) == ((0, 70), (0, 30), (0, 70))


def test_each_unit_has_a_cap_of_its_own_and_a_job_needs_both(capped):
    staff = PrivacyAccount("staff")
    capped.allot(staff, 50)
    capped.allot(PrivacyAccount("staff", PROJECT), 50)
    two = (Cost(UNIT, Loss((eps(100),)), ((TABLE, Loss((eps(100),))),)), Cost("staff", Loss((eps(51),)), ()))
    expect(OverBudget, capped.reserve, SpendRequest("j1", PROJECT, "s1", "q", two))
    assert (capped.used(), capped.used(staff)) == ((0, 0), (0, 0))


def test_the_account_says_how_it_counts(steps):
    rho, approximate = PrivacyAmount(Accounting.CONCENTRATED, 50, 10), PrivacyAmount(Accounting.APPROXIMATE, 100, 10)
    steps.allot(WHOLE, rho)
    steps.allot(OWN, approximate)
    both = Loss((PrivacyAmount(Accounting.CONCENTRATED, 20, 4), PrivacyAmount(Accounting.APPROXIMATE, 90, 4)))
    most = ReleaseMaximum(PrivacyAmount(Accounting.CONCENTRATED, 10**9, 10**9))
    steps.reserve(SpendRequest("j1", PROJECT, "s1", "q1", (Cost(UNIT, both, ()),)), most)
    assert (steps.used(), steps.used(OWN)) == ((0, 20), (0, 90))
    small = Loss((PrivacyAmount(Accounting.CONCENTRATED, 1, 7), PrivacyAmount(Accounting.APPROXIMATE, 1, 7)))
    with pytest.raises(OverBudget):  # delta has a cap too
        steps.reserve(SpendRequest("j2", PROJECT, "s1", "q2", (Cost(UNIT, small, ()),)), most)
    with pytest.raises(OverBudget, match="other-accounting"):
        steps.reserve(SpendRequest("j3", PROJECT, "s1", "q3", (Cost(UNIT, Loss((eps(1),)), ()),)))
    expect(Conflict, steps.allot, WHOLE, 1000, match="You cannot change it")


def test_a_cap_is_never_below_what_is_used(capped):
    capped.reserve("j1")
    capped.charge("j1")
    capped.reserve("j2")
    expect(Conflict, capped.allot, OWN_TABLE, 199, match="so its cap cannot be lower")
    capped.allot(OWN_TABLE, 200)
    expect(OverBudget, capped.reserve, spend_request("j3", 1))


def test_an_account_that_is_opened_late_begins_with_what_was_spent_before(capped):
    capped.released("j1")
    capped.reserve("j2")
    capped.reserve("j3")
    capped.settle("j3", SpendState.REFUNDED)
    expect(Conflict, capped.allot, SHARED_TABLE, 199, match="has already used")
    capped.allot(SHARED_TABLE, 200)
    assert capped.used(SHARED_TABLE) == (100, 100)
    capped.charge("j2")
    assert capped.used(SHARED_TABLE) == (200, 0)
    assert capped.store.ledger.verify().holds
    expect(Conflict, capped.allot, OWN, PrivacyAmount(Accounting.CONCENTRATED, 1000), match="cannot be stated")


def test_one_release_may_cost_so_much_unless_two_administrators_raised_it(capped):
    most = ReleaseMaximum(eps(50))
    with pytest.raises(Refused, match="over-release-maximum") as refused:
        capped.reserve("j1", most)
    assert "at most epsilon 0.00005" in refused.value.refusals[0].message
    expect(Refused, capped.reserve, "j1", ReleaseMaximum(eps(50), eps(100), frozenset({"amir"})))
    with pytest.raises(Refused):  # a loss that cannot be compared
        capped.reserve("j1", ReleaseMaximum(PrivacyAmount(Accounting.CONCENTRATED, 10**6)))
    assert capped.used() == (0, 0)
    capped.reserve("j1", ReleaseMaximum(eps(50), eps(100), frozenset({"amir", "ada"})))


def test_a_released_answer_is_found_again_in_its_project_and_costs_nothing(capped):
    capped.allot(PrivacyAccount(UNIT, "P0421", TABLE), 600)
    first = spend_request("j1", question="the same")
    capped.reserve(first)
    assert capped.reserve(replace(first, job="j2")).request.job == "j2", "not released: nothing to find"
    capped.settle("j2", SpendState.REFUNDED)
    capped.charge("j1")
    capped.answer("j1")
    capped.settle("j1", SpendState.RELEASED)
    head = capped.store.audit_head()
    found = capped.reserve(replace(first, job="j3"), ReleaseMaximum(eps(1)))
    assert (found.request.job, found.answer) == ("j1", answer("j1"))
    assert capped.store.spend_of("j3") is None
    assert (capped.used(), capped.store.audit_head()) == ((100, 0), head)
    for other in (
        spend_request("j4", question="another"), spend_request("j5", 99, question="the same"),
        spend_request("j6", question="the same", snapshot="s2"),
        spend_request("j7", question="the same", project="P0421"),
    ):  # fmt: skip
        assert capped.reserve(other).request.job == other.job
    withheld = spend_request("j8", question="withheld")
    capped.reserve(withheld)
    capped.charge("j8")
    capped.answer("j8")
    capped.settle("j8", SpendState.WITHHELD)
    assert capped.reserve(replace(withheld, job="j9")).request.job == "j9"


def test_a_job_cannot_change_its_request(capped):
    capped.reserve("j1")
    expect(Conflict, capped.reserve, spend_request("j1", 99), match="a different request")


def test_what_waits_for_nobody_is_found(capped):
    for job in ("j1", "j2", "j3"):
        capped.reserve(job)
    capped.charge("j2")
    capped.settle("j3", SpendState.REFUNDED)
    assert [s.request.job for s in capped.store.unsettled_spends(LATER)] == ["j1", "j2"]
    assert capped.store.unsettled_spends(START) == []


def test_a_change_brings_its_audit_event_or_is_none(capped):
    expect(Breach, capped.store.reserve, spend_request("j1"), ANY, capped.now(), [])
    assert capped.store.spend_of("j1") is None
    assert capped.used() == (0, 0)


def test_audit_lines_of_the_ledger_have_no_figures(capped):
    capped.released(spend_request("j1", 123))
    lines = [line.event for line in capped.store.audit()]
    assert [e.action for e in lines if e.subject == "j1"] == [
        "spend.reserved", "spend.charged", "spend.answered", "spend.released"
    ]  # fmt: skip
    assert not any("123" in str(e.codes) for e in lines)
