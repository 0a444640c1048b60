"""A private output before a checker: the checker sees what would leave, and a rejection refunds nothing."""

import json

import pytest
from dashboard_kit import after_slot, spent
from door_kit import door_of

from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ledger.privacy_loss import PrivacyAccount
from broker.domain.ledger.spends import SpendState
from broker.workflow.administration.budget_allotment import allot
from broker.workflow.pipeline import output_records
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import CLEO, PROJECT, ROSA, SQL

PRIVATE = f"-- private: epsilon 0.5\n{SQL}"
OWN = PrivacyAccount("pupil", PROJECT)


@pytest.fixture
def waiting(broker):
    """A private job of a project whose policy asks for a vote."""
    allot(broker.ports, broker.policies, "demo-admin-1")
    job = broker.ended(PRIVATE, by=ROSA)
    after_slot(broker, job)
    (output,) = broker.store.outputs_of(job)
    assert output.state is OutputState.IN_REVIEW
    return broker, job, output


def test_a_checker_sees_what_would_leave_and_what_it_cost_and_nothing_exact(waiting):
    broker, _, output = waiting
    door = door_of(broker, CLEO)
    seen = door.text(f"/api/v1/outputs/{output.ident}/evidence")
    record = broker.by(CLEO, output_records.record_for_staff, output.ident)
    page = door.text(f"/outputs/{output.ident}")
    assert "5321" in seen
    assert "4321" not in seen + json.dumps(record) + page, "the exact count"
    assert record["spend"] == {"epsilon": 0.5, "delta": 0.0}
    for words in ("Nobody can see the exact figures", "epsilon 0.5", "Random noise was added"):
        assert words in page


def test_rejecting_gives_nothing_back(waiting):
    broker, job, output = waiting
    before = spent(broker, OWN)
    assert broker.vote(CLEO, output.ident, VoteChoice.REJECT) == "rejected"
    broker.reconcile()
    assert broker.store.spend_of(job).state is SpendState.WITHHELD
    assert spent(broker, OWN) == before
    assert broker.by(ROSA, job_views.view_job, job).state == "not released"
