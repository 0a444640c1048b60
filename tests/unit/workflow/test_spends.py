"""Spends of jobs in the workflow: the reconciler ends spends without a job, and no others."""

import pytest

from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAmount
from broker.domain.ledger.spends import SpendRequest, SpendState
from broker.worker import reconcile
from broker.workflow.private_jobs.private_spend import SpendRules

pytestmark = pytest.mark.long

PRICE = PrivacyAmount(Accounting.APPROXIMATE, 10)


def reserve(broker, job: str) -> None:
    now = broker.ports.clock.now()
    asked = SpendRequest(job, "P0421", "s1", f"question of {job}", (Cost("pupil", Loss((PRICE,)), ()),))
    broker.store.reserve(asked, ReleaseMaximum(PRICE), now, [AuditEvent(now, "admin", "spend.reserved", job)])


def state(broker, job: str) -> SpendState:
    return broker.store.spend_of(job).state


@pytest.mark.parametrize(("raised", "most"), [(False, 500_000), (True, 2_000_000)])
def test_a_larger_maximum_for_one_release_is_policy_and_so_two_administrators(policies, raised: bool, most: int):
    privacy = policies.privacy
    promise = privacy.promise("pupil")
    assert promise is not None
    assert SpendRules(promise, privacy.profile("npd-private"), raised).most == PrivacyAmount(
        Accounting.APPROXIMATE, most, 10**6
    )


def test_the_spend_of_a_job_that_was_never_accepted_comes_back_after_a_while(broker):
    reserve(broker, "never-accepted")
    assert reconcile.settle_spends(broker.ports) == 0
    broker.ports.clock.at += broker.ports.lease
    assert reconcile.settle_spends(broker.ports) == 1
    assert state(broker, "never-accepted") is SpendState.REFUNDED
    assert broker.events("never-accepted") == ["spend.reserved", "spend.refunded"]
    assert reconcile.settle_spends(broker.ports) == 0


def test_the_spend_of_a_job_that_waits_or_runs_stays(broker):
    job = broker.send()
    reserve(broker, job)
    broker.ports.clock.at += 100 * broker.ports.lease
    assert reconcile.settle_spends(broker.ports) == 0
    assert state(broker, job) is SpendState.RESERVED
