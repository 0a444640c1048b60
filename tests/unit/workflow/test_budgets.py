"""Caps follow policy, whatever crashes in between; who sees what of budgets; and spends without a job end."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import SpendRequest, SpendState
from broker.domain.projects.project import ProjectBudget, ProtectionMode
from broker.domain.signed_log import LogName
from broker.policy.data_catalogue import PrivacyUnit
from broker.policy.policy_set import PolicySet
from broker.worker import reconcile
from broker.workflow.administration import backup_restore, user_accounts
from broker.workflow.private_jobs.private_spend import SpendRules
from broker.workflow.views import privacy_budgets
from tests.unit.workflow.conftest import ADA, CLEO, PROJECT, REX, ROSA, Broker, refused

UNIT, OWN, STAFF = PrivacyAccount("pupil"), PrivacyAccount("pupil", PROJECT), PrivacyAccount("staff", PROJECT)
TABLE = PrivacyAccount("pupil", PROJECT, "npd.absence")


def amount(micro: int, delta: int = 0) -> PrivacyAmount:
    return PrivacyAmount(Accounting.APPROXIMATE, micro, delta)


def reserve(broker: Broker, job: str, micro: int, project: str = PROJECT, table: str = "npd.absence") -> None:
    loss, now = Loss((amount(micro),)), broker.clock.now()
    asked = SpendRequest(job, project, "s1", f"question of {job}", (Cost("pupil", loss, ((table, loss),)),))
    event = [AuditEvent(now, "broker", "spend.reserved", job)]
    broker.store.reserve(asked, ReleaseMaximum(amount(10**9)), now, event)


def spend(broker: Broker, job: str, *given: Any) -> None:
    reserve(broker, job, *given)
    now = broker.clock.now()
    broker.store.charge(job, now, [AuditEvent(now, "broker", "spend.charged", job)])


def cap(broker: Broker, account: PrivacyAccount) -> PrivacyAmount | None:
    return next((b.cap for b in broker.store.balances() if b.account == account), None)


def pupils(epsilon: float, delta: float = 0.0) -> ProjectBudget:
    return ProjectBudget("", epsilon, delta, "pupil")


def budgeted(broker: Broker, *found: ProjectBudget) -> PolicySet:
    return broker.govern(budgets=found)


def test_a_policy_in_force_is_the_ledgers_caps(broker):
    assert cap(broker, UNIT) == amount(8 * 10**6, 10**7)
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)
    assert broker.events(OWN.name) == ["budget.allotted"]
    budgeted(broker, pupils(3.0, 2e-9), ProjectBudget("", 1.0, 1e-9, "staff"))
    assert cap(broker, OWN) == amount(3 * 10**6, 2 * 10**6)
    assert broker.events(OWN.name) == ["budget.allotted"] * 2
    assert broker.events(UNIT.name) == ["budget.allotted"], "what stays the same writes nothing"


def test_what_stops_the_caps_delays_no_policy_and_is_made_good(broker):
    """A crash between the two, and a ledger that is blocked."""
    with patch.object(user_accounts, "allot", side_effect=ZeroDivisionError):
        refused(ZeroDivisionError, budgeted, broker, pupils(1.5))
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)
    broker.reconcile()
    broker.reconcile()
    assert cap(broker, OWN) == amount(1_500_000)
    assert broker.events(OWN.name) == ["budget.allotted"] * 2
    with patch.object(type(broker.store), "allot", side_effect=Breach("restored")):
        wanted = budgeted(broker, pupils(1.75))
    assert broker.store.policy_in_force().fingerprint == wanted.fingerprint
    broker.reconcile()
    assert cap(broker, OWN) == amount(1_750_000)


@pytest.mark.parametrize(
    ("code", "wanted"), [("cap-below-use", pupils(0.1)), ("budget-kept", ProjectBudget("npd.absence", 1.0, 0.0))]
)
def test_what_the_ledger_cannot_follow_is_not_put_in_force(broker, code, wanted):
    spend(broker, "j1", 500_000)
    before = broker.store.policy_in_force().fingerprint
    assert refused(Conflict, budgeted, broker, wanted).code == code
    assert broker.store.policy_in_force().fingerprint == before
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)


def test_an_accounting_is_for_ever(broker):
    promises = tuple(
        replace(p, accounting=Accounting.PURE, delta=0.0) if p.unit is PrivacyUnit.STAFF else p
        for p in broker.policies.privacy.promises
    )
    budgets = (pupils(2.0, 2e-9),)
    projects = tuple(replace(p, budgets=budgets) if p.budgets else p for p in broker.policies.projects)
    privacy = replace(broker.policies.privacy, promises=promises)
    wanted = replace(broker.policies, projects=projects, privacy=privacy)
    assert "You cannot change it" in str(refused(Conflict, broker.put_in_force, wanted))


def test_what_policy_no_longer_allots_is_closed_at_what_was_used(broker):
    spend(broker, "j1", 300_000)
    budgeted(broker)
    assert cap(broker, OWN) == amount(300_000)
    assert cap(broker, STAFF) == amount(0)
    with pytest.raises(Exception, match="budget"):
        spend(broker, "j2", 1)
    budgeted(broker, pupils(2.0, 2e-9))
    spend(broker, "j2", 1)


def test_a_table_that_is_spent_from_the_whole_stops_nobody(broker):
    budgeted(broker, pupils(2.0, 2e-9), ProjectBudget("npd.absence", 0.4, 0.0))
    spend(broker, "j1", 300_000)
    budgeted(broker, pupils(2.0, 2e-9))
    assert cap(broker, TABLE) == amount(2 * 10**6, 2 * 10**6)
    spend(broker, "j2", 300_000)


def test_a_promise_that_is_taken_back_lets_nothing_more_through(broker):
    bare = replace(broker.policies.privacy, promises=(), datasets=())
    projects = tuple(
        replace(p, budgets=(), privacy="", mode=ProtectionMode.DISCLOSURE_CONTROL) for p in broker.policies.projects
    )
    broker.put_in_force(replace(broker.policies, privacy=bare, projects=projects))
    assert {b.cap.micro for b in broker.store.balances()} == {0}


def test_a_project_sees_its_own_accounts_and_what_counts_in_them(broker):
    spend(broker, "j1", 250_000)
    spend(broker, "elsewhere", 40_000, "P0733")
    now = broker.clock.now()
    broker.store.settle_spend("j1", SpendState.WITHHELD, now, [AuditEvent(now, "broker", "spend.withheld", "j1")])
    seen = broker.by(ROSA, privacy_budgets.project_budget, PROJECT)
    assert [a.account for a in seen.accounts] == [OWN, STAFF]
    own = seen.accounts[0]
    assert (own.spent.micro, own.left.micro, own.share_left) == (250_000, 1_750_000, 0.875)
    assert [(p.job, p.state) for p in own.history] == [("j1", SpendState.RESERVED), ("j1", SpendState.CHARGED)]
    assert {(p.at.second, p.at.microsecond) for p in own.history} == {(0, 0)}, "and when exactly is not told"
    assert broker.by(CLEO, privacy_budgets.project_budget, PROJECT) == seen
    for person, project in ((ROSA, "P0733"), (REX, "P0999"), (ROSA, "none")):
        broker.refuses(person, Unknown, privacy_budgets.project_budget, project)


def test_invariant_8_accounts_that_are_shared_are_for_administrators(broker):
    spend(broker, "elsewhere", 40_000, "P0733")
    for person, told in ((ROSA, Unknown), (CLEO, Forbidden)):
        broker.refuses(person, told, privacy_budgets.whole_ledger)
        broker.refuses(person, told, privacy_budgets.verify_ledger)
        broker.refuses(person, told, backup_restore.signed_head, LogName.LEDGER)
        broker.refuses(person, told, privacy_budgets.account_history, UNIT)
    found = broker.by(ADA, privacy_budgets.whole_ledger)
    spent = {b.account: b.spent.micro for b in found.accounts}
    assert (spent[UNIT], spent[OWN], spent[PrivacyAccount("pupil", "P0733", "npd.absence")]) == (40_000, 0, 40_000)
    assert found.over == ()
    assert [p.job for p in broker.by(ADA, privacy_budgets.account_history, UNIT)] == ["elsewhere"] * 2
    assert broker.by(ADA, privacy_budgets.verify_ledger).holds
    assert broker.events("ledger") == ["ledger.viewed"]


@pytest.mark.parametrize("name", [("Ünit {of} noise",), ("pupil", "none"), ("pupil", PROJECT, "x y")])
def test_an_account_that_is_not_there_has_no_moves_whatever_text_names_it(broker, name):
    assert broker.by(ADA, privacy_budgets.account_history, PrivacyAccount(*name)) == []
    assert broker.events("ledger.viewed") == []


@pytest.mark.parametrize(("raised", "most"), [(False, 500_000), (True, 2_000_000)])
def test_a_larger_maximum_for_one_release_is_policy_and_so_two_administrators(policies, raised: bool, most: int):
    promise = policies.privacy.promise("pupil")
    assert promise is not None
    assert SpendRules(promise, policies.privacy.profile("npd-private"), raised).most == amount(most, 10**6)


def test_the_spend_of_a_job_comes_back_that_was_never_accepted_and_of_no_job_that_waits(broker):
    waiting = broker.send()
    for job in (waiting, "never-accepted"):
        reserve(broker, job, 10)
    assert reconcile.settle_spends(broker.ports) == 0
    broker.clock.at += 100 * broker.ports.lease
    assert reconcile.settle_spends(broker.ports) == 1
    assert broker.store.spend_of("never-accepted").state is SpendState.REFUNDED
    assert broker.events("never-accepted") == ["spend.reserved", "spend.refunded"]
    assert reconcile.settle_spends(broker.ports) == 0
    assert broker.store.spend_of(waiting).state is SpendState.RESERVED
