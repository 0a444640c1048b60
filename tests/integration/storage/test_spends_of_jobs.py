"""A job that ends takes its spend with it, and a release releases it: each in one transaction (invariants 1 and 5)."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import DisclosureSource, ExactDisclosure, SpendRequest, SpendState, StoredAnswer
from broker.storage.signed_log_store import SignedHeadStore
from tests.integration.expected_errors import expect

COST = PrivacyAmount(Accounting.PURE, 100)
MOST = ReleaseMaximum(COST)


@pytest.fixture
def witnessed(store, given, tmp_path: Path):
    store.ledger.heads = SignedHeadStore(tmp_path / "witness")
    store.ledger.begin()
    for account in (PrivacyAccount("pupil"), PrivacyAccount("pupil", "P0421")):
        store.allot(account, replace(COST, micro=1000), given.at(), [given.event("budget.allotted", account.name)])
    return store


def spend_request(job: str) -> SpendRequest:
    return SpendRequest(job, "P0421", "s1", "q", (Cost("pupil", Loss((COST,)), ()),))


def reserved(store, given, job: str) -> None:
    store.reserve(spend_request(job), MOST, given.at(), [given.event("spend.reserved", job)])


def charged(store, given, job: str) -> None:
    reserved(store, given, job)
    store.charge(job, given.at(), [given.event("spend.charged", job)])


def answered(store, given, job: str) -> None:
    charged(store, given, job)
    store.store_answer(job, StoredAnswer("keyed", "place"), given.at(), [given.event("spend.answered", job)])


def used(store) -> tuple[int, int]:
    whole = store.balances(unit="pupil")[0]
    return whole.spent.micro, whole.reserved.micro


def ended(store, given, lease, after: JobState, failure: FailureCode | None = None) -> None:
    if after is JobState.QUEUED:
        given.give_back(lease.ident)
        return
    store.advance(lease.ident, lease.attempt, JobState.RUNNING, after, given.at(9), [given.event()], failure=failure)


@pytest.mark.parametrize("after", [JobState.WITHDRAWN, JobState.FAILED])
@pytest.mark.parametrize(
    ("step", "state", "left"),
    [
        (reserved, SpendState.REFUNDED, (0, 0)),
        (charged, SpendState.WITHHELD, (100, 0)),
        (answered, SpendState.WITHHELD, (100, 0)),
    ],
)
def test_a_job_that_ends_without_a_release_is_refunded_only_if_it_never_read(
    witnessed, given, after, step, state, left
):
    lease = given.running()
    step(witnessed, given, lease.ident)
    ended(witnessed, given, lease, after, FailureCode.CRASHED if after is JobState.FAILED else None)
    assert witnessed.spend_of(lease.ident).state is state
    assert used(witnessed) == left
    assert [line.event.subject for line in witnessed.audit_of(lease.ident, f"spend.{state.value}")]
    assert witnessed.ledger.verify().holds
    expect(Conflict, witnessed.charge, lease.ident, given.at(), [given.event()])


def test_an_attempt_without_a_lease_leaves_the_spend_to_the_next(witnessed, given):
    lease = given.running()
    charged(witnessed, given, lease.ident)
    ended(witnessed, given, lease, JobState.QUEUED)
    assert witnessed.spend_of(lease.ident).state is SpendState.CHARGED
    assert witnessed.unsettled_spends(given.at(99)) == []


def test_a_job_with_nothing_to_release_still_spends(witnessed, given):
    job, _ = given.assessing(OutputState.WITHHELD)
    answered(witnessed, given, job)
    witnessed.advance(job, None, JobState.ASSESSING, JobState.DECIDED, given.at(5), [given.event()])
    assert witnessed.spend_of(job).state is SpendState.WITHHELD
    assert used(witnessed) == (100, 0)


def test_a_release_releases_the_spend_and_a_recall_does_not_give_it_back(witnessed, given):
    job, outputs = given.decided(OutputState.APPROVED)
    answered(witnessed, given, job)
    assert witnessed.unsettled_spends(given.at(99)) == []
    release, manifest = given.release(job, outputs)
    aside = ExactDisclosure(DisclosureSource.EXACT, release.ident, "npd.absence", "P0421", "s1")
    witnessed.release(release, manifest, given.at(6), [given.event("release.made")], exact_disclosures=[aside])
    assert witnessed.spend_of(job).state is SpendState.RELEASED
    assert witnessed.exact_disclosures(["npd.absence"]) == [aside]
    again = witnessed.reserve(spend_request("other"), MOST, given.at(7), [given.event()])
    assert again.request.job == job
    event = AuditEvent(given.at(8), "carl", "output.recalled", outputs[0])
    witnessed.move_output(outputs[0], OutputState.RELEASED, OutputState.RECALLED, given.at(8), [event], reason="x")
    assert used(witnessed) == (100, 0)
    again = witnessed.reserve(spend_request("other"), MOST, given.at(9), [given.event()])
    assert again.request.job == "other", "what was recalled is not given out again"


@pytest.mark.parametrize("step", [reserved, charged])
def test_an_unpaid_or_unstored_answer_is_not_released(witnessed, given, step):
    job, outputs = given.decided(OutputState.APPROVED)
    step(witnessed, given, job)
    expect(Conflict, witnessed.release, *given.release(job, outputs), given.at(6), [given.event("release.made")])
    assert witnessed.release_of(job) is None
    assert witnessed.output(outputs[0]).state is OutputState.APPROVED


def test_a_ledger_that_has_forgotten_stops_releases_but_no_job_from_ending(witnessed, given, tmp_path):
    job, outputs = given.decided(OutputState.APPROVED)
    lease = given.running()
    reserved(witnessed, given, lease.ident)
    (tmp_path / "witness" / "head").unlink()
    expect(Breach, witnessed.release, *given.release(job, outputs), given.at(6), [given.event("release.made")])
    ended(witnessed, given, lease, JobState.WITHDRAWN)
    assert witnessed.job(lease.ident).state is JobState.WITHDRAWN
    assert witnessed.spend_of(lease.ident).state is SpendState.RESERVED
    assert [s.request.job for s in witnessed.unsettled_spends(given.at(99))] == [lease.ident]
