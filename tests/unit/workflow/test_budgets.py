"""Caps follow policy, whatever crashes in between; and who sees what of budgets."""

from dataclasses import replace

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
from broker.workflow.administration import backup_restore
from broker.workflow.views import privacy_budgets
from tests.unit.workflow.conftest import ADA, CLEO, PROJECT, REX, ROSA, Broker

UNIT, OWN, TABLE = (
    PrivacyAccount("pupil"),
    PrivacyAccount("pupil", PROJECT),
    PrivacyAccount("pupil", PROJECT, "npd.absence"),
)
STAFF = PrivacyAccount("staff", PROJECT)


def amount(micro: int, delta: int = 0) -> PrivacyAmount:
    return PrivacyAmount(Accounting.APPROXIMATE, micro, delta)


def spend(broker: Broker, job: str, micro: int, project: str = PROJECT, table: str = "npd.absence") -> None:
    loss, now = Loss((amount(micro),)), broker.clock.now()
    asked = SpendRequest(job, project, "s1", f"question of {job}", (Cost("pupil", loss, ((table, loss),)),))
    event = [AuditEvent(now, "broker", "spend.reserved", job)]
    broker.store.reserve(asked, ReleaseMaximum(amount(10**9)), now, event)
    broker.store.charge(job, broker.clock.now(), event)


def cap(broker: Broker, account: PrivacyAccount) -> PrivacyAmount | None:
    return next((b.cap for b in broker.store.balances() if b.account == account), None)


def budgeted(broker: Broker, *found: ProjectBudget) -> PolicySet:
    return broker.govern(budgets=found)


def test_a_policy_in_force_is_the_ledgers_caps(broker):
    assert cap(broker, UNIT) == amount(8 * 10**6, 10**7)
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)
    assert broker.events(OWN.name) == ["budget.allotted"]
    budgeted(broker, ProjectBudget("", 3.0, 2e-9, "pupil"), ProjectBudget("", 1.0, 1e-9, "staff"))
    assert cap(broker, OWN) == amount(3 * 10**6, 2 * 10**6)
    assert broker.events(OWN.name) == ["budget.allotted"] * 2
    assert broker.events(UNIT.name) == ["budget.allotted"], "what stays the same writes nothing"


def test_a_crash_between_policy_and_caps_is_made_good(broker, monkeypatch):
    monkeypatch.setattr("broker.workflow.administration.user_accounts.allot", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        budgeted(broker, ProjectBudget("", 1.5, 0.0, "pupil"))
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)
    broker.reconcile()
    broker.reconcile()
    assert cap(broker, OWN) == amount(1_500_000)
    assert broker.events(OWN.name) == ["budget.allotted"] * 2


def test_a_blocked_ledger_delays_no_policy(broker, monkeypatch):
    def blocked(*_: object) -> None:
        raise Breach("restored")

    monkeypatch.setattr(type(broker.store), "allot", blocked)
    wanted = budgeted(broker, ProjectBudget("", 1.5, 0.0, "pupil"))
    assert broker.store.policy_in_force().fingerprint == wanted.fingerprint
    monkeypatch.undo()
    broker.reconcile()
    assert cap(broker, OWN) == amount(1_500_000)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("cap-below-use", {"budgets": (ProjectBudget("", 0.1, 0.0, "pupil"),)}),
        ("budget-kept", {"budgets": (ProjectBudget("npd.absence", 1.0, 0.0),)}),
    ],
)
def test_what_the_ledger_cannot_follow_is_not_put_in_force(broker, code, change):
    spend(broker, "j1", 500_000)
    before = broker.store.policy_in_force().fingerprint
    with pytest.raises(Conflict) as caught:
        broker.govern(**change)
    assert caught.value.code == code
    assert broker.store.policy_in_force().fingerprint == before
    assert cap(broker, OWN) == amount(2 * 10**6, 2 * 10**6)


def test_an_accounting_is_for_ever(broker):
    promises = tuple(
        replace(p, accounting=Accounting.PURE, delta=0.0) if p.unit is PrivacyUnit.STAFF else p
        for p in broker.policies.privacy.promises
    )
    projects = tuple(replace(p, budgets=(ProjectBudget("", 2.0, 2e-9, "pupil"),)) if p.budgets else p for p in
                     broker.policies.projects)  # fmt: skip
    privacy = replace(broker.policies.privacy, promises=promises)
    with pytest.raises(Conflict, match="You cannot change it"):
        broker.put_in_force(replace(broker.policies, projects=projects, privacy=privacy))


def test_what_policy_no_longer_allots_is_closed_at_what_was_used(broker):
    spend(broker, "j1", 300_000)
    budgeted(broker)
    assert cap(broker, OWN) == amount(300_000)
    assert cap(broker, STAFF) == amount(0)
    with pytest.raises(Exception, match="budget"):
        spend(broker, "j2", 1)
    budgeted(broker, ProjectBudget("", 2.0, 2e-9, "pupil"))
    spend(broker, "j2", 1)


def test_a_table_that_is_spent_from_the_whole_stops_nobody(broker):
    budgeted(broker, ProjectBudget("", 2.0, 2e-9, "pupil"), ProjectBudget("npd.absence", 0.4, 0.0))
    spend(broker, "j1", 300_000)
    budgeted(broker, ProjectBudget("", 2.0, 2e-9, "pupil"))
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
    seen = privacy_budgets.project_budget(broker.ports, broker.person(ROSA), PROJECT)
    assert [a.account for a in seen.accounts] == [OWN, STAFF]
    own = seen.accounts[0]
    assert (own.spent.micro, own.left.micro, own.share_left) == (250_000, 1_750_000, 0.875)
    assert [(p.job, p.state) for p in own.history] == [("j1", SpendState.RESERVED), ("j1", SpendState.CHARGED)]
    assert {(p.at.second, p.at.microsecond) for p in own.history} == {(0, 0)}, "and when exactly is not told"
    assert privacy_budgets.project_budget(broker.ports, broker.person(CLEO), PROJECT) == seen


def test_nobody_else_sees_that_there_is_a_budget(broker):
    for person, project in ((ROSA, "P0733"), (REX, "P0999"), (ROSA, "none")):
        with pytest.raises(Unknown):
            privacy_budgets.project_budget(broker.ports, broker.person(person), project)


def test_invariant_8_accounts_that_are_shared_are_for_administrators(broker):
    spend(broker, "elsewhere", 40_000, "P0733")
    for look in (
        privacy_budgets.whole_ledger,
        privacy_budgets.verify_ledger,
        lambda ports, person: backup_restore.signed_head(ports, person, LogName.LEDGER),
        lambda ports, person: privacy_budgets.account_history(ports, person, UNIT),
    ):
        for person, told in ((ROSA, Unknown), (CLEO, Forbidden)):
            with pytest.raises(told):
                look(broker.ports, broker.person(person))
    found = privacy_budgets.whole_ledger(broker.ports, broker.person(ADA))
    spent = {b.account: b.spent.micro for b in found.accounts}
    assert (spent[UNIT], spent[OWN], spent[PrivacyAccount("pupil", "P0733", "npd.absence")]) == (40_000, 0, 40_000)
    assert found.over == ()
    assert [p.job for p in privacy_budgets.account_history(broker.ports, broker.person(ADA), UNIT)] == ["elsewhere"] * 2
    assert privacy_budgets.verify_ledger(broker.ports, broker.person(ADA)).holds
    assert broker.events("ledger") == ["ledger.viewed"]


def test_an_account_that_is_not_there_has_no_moves_whatever_text_names_it(broker):
    for account in (
        PrivacyAccount("Ünit {of} noise"),
        PrivacyAccount("pupil", "none"),
        PrivacyAccount("pupil", PROJECT, "x y"),
    ):
        assert privacy_budgets.account_history(broker.ports, broker.person(ADA), account) == []
    assert broker.events("ledger.viewed") == []
