"""A private output before a checker: the checker sees what would leave, and a rejection refunds nothing."""

import json

import pytest
from dashboard_kit import after_slot

from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ledger.privacy_loss import PrivacyAccount
from broker.domain.ledger.spends import SpendState
from broker.settings import Settings
from broker.web.app import create_app
from broker.workflow.administration import user_accounts
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
    job = broker.send(PRIVATE, by=ROSA)
    assert broker.run(job)
    after_slot(broker, job)
    (output,) = broker.store.outputs_of(job)
    assert output.state is OutputState.IN_REVIEW
    return broker, job, output


def left(broker):
    (found,) = [b for b in broker.store.balances() if b.account == OWN]
    return found.left.micro


def answer(broker, path):
    app = create_app(broker.ports, Settings(secret_key="k" * 32, secure_cookies=False))
    token = user_accounts.make_token(broker.ports, broker.person(CLEO), CLEO)
    client = app.test_client()
    client.set_cookie("session", token)
    found = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert found.status_code == 200, found.get_data(as_text=True)
    return found.get_data(as_text=True)


def test_a_checker_sees_what_would_leave_and_nothing_exact(waiting):
    broker, _, output = waiting
    seen = answer(broker, f"/api/v1/outputs/{output.ident}/evidence")
    assert "5321" in seen
    assert "4321" not in seen, "the exact count"
    record = output_records.record_for_staff(broker.ports, broker.person(CLEO), output.ident)
    assert record["spend"] == {"epsilon": 0.5, "delta": 0.0}
    assert "4321" not in json.dumps(record)


def test_the_page_says_that_it_is_private_and_what_it_cost(waiting):
    broker, _, output = waiting
    page = answer(broker, f"/outputs/{output.ident}")
    assert "Nobody can see the exact figures" in page
    assert "epsilon 0.5" in page
    assert "Random noise was added" in page


def test_rejecting_gives_nothing_back(waiting):
    broker, job, output = waiting
    before = left(broker)
    assert broker.vote(CLEO, output.ident, VoteChoice.REJECT) == "rejected"
    broker.reconcile()
    assert broker.store.spend_of(job).state is SpendState.WITHHELD
    assert left(broker) == before
    assert job_views.view_job(broker.ports, broker.person(ROSA), job).state == "not released"
