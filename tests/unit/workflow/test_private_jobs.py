"""A private job in the workflow: reserved, charged once, answered once, released; and every earlier end."""

import json
from dataclasses import replace
from datetime import timedelta

import dashboard_kit as kit
import pytest
from dashboard_kit import COUNT, DASHBOARD, DORA, only_output, ran, send, shown, spent

from broker.domain.errors import Refused
from broker.domain.jobs.job import JobKind, JobState, OutputState
from broker.domain.ledger.spends import SpendState
from broker.domain.ports import Snapshot
from broker.domain.projects.project import ProtectionMode
from broker.worker.reconcile import release_due
from broker.workflow.administration import user_accounts
from broker.workflow.submission import preview
from broker.workflow.submission.job_withdrawal import withdraw
from tests.unit.workflow.conftest import CLEO, SQL

pytestmark = pytest.mark.long


def test_the_whole_way_of_a_private_job(dashboard):
    job = send(dashboard)
    assert spent(dashboard) == (0, 500_000)
    assert dashboard.run(job, holds=False)
    assert spent(dashboard) == (500_000, 0)
    assert dashboard.store.spend_of(job).state is SpendState.CHARGED
    # Until the slot of time is over it looks as if it ran, and nothing leaves.
    assert shown(dashboard, job) == "running"
    assert only_output(dashboard, job).state is OutputState.ASSESSED
    dashboard.reconcile()
    assert only_output(dashboard, job).state is OutputState.RELEASED
    assert dashboard.store.spend_of(job).state is SpendState.RELEASED
    assert dashboard.events(job)[:3] == ["spend.reserved", "job.submitted", "job.started"]
    assert kit.spend_events(dashboard, job) == kit.ONCE


def test_what_leaves_is_noisy_and_has_intervals_record_and_words_and_nothing_exact_stays(dashboard, tmp_path):
    job = ran(dashboard)
    rows = kit.table_of(dashboard, job)
    assert list(rows[0]) == ["NCyearActual", "n", "n_low", "n_high"]
    assert {r["n"] for r in rows} == {"5321"}
    assert all(int(r["n_low"]) < 5321 < int(r["n_high"]) for r in rows)
    told = kit.record_of(dashboard, job)
    assert told["spend"] == {"epsilon": 0.5, "delta": 0.0}
    assert told["spend_if_a_person_is_replaced"]["epsilon"] == 1.0
    assert told["data_sets"] == ["npd.absence"]
    assert any("Random noise" in note for note in told["notes"])
    found = dashboard.store.manifest(dashboard.store.release_of(job).ident)
    assert json.loads(found)["profile"]["spend"] == told["spend"]
    stored = kit.everything_stored(dashboard, tmp_path)
    assert "5321" in stored
    assert "4321" not in stored


def test_the_same_question_again_has_its_answer_and_costs_nothing(dashboard):
    kit.each_question_is_paid_once(dashboard, COUNT, COUNT.replace("0.5", "0.25"), 250_000)
    assert dashboard.ports.private.engine.reads == 2


def test_over_budget_is_refused_before_anything_is_queued(broker):
    kit.open_budgets(broker, own=400_000)
    with pytest.raises(Refused, match="over-budget"):
        send(broker)
    assert spent(broker) == (0, 0)
    assert broker.queue.offers == []
    assert broker.events(DASHBOARD) == ["spend.refused"]


@pytest.mark.parametrize("at", ["engine", "noise", "shelf", "answered"])
def test_killed_after_the_charge_it_ends_right_and_is_charged_once(dashboard, at):
    kit.killed_and_run_again(dashboard, COUNT, at)


@pytest.mark.parametrize("end", kit.FAILURES)
def test_every_failure_of_the_engine_is_one_word_and_retains_the_charge(dashboard, end):
    kit.one_word_and_the_charge_remains(dashboard, COUNT, end)


def test_without_noise_nothing_leaves_and_the_charge_remains(dashboard):
    dashboard.ports.private.noise.answers = False
    job = send(dashboard)
    assert dashboard.run(job)
    assert dashboard.store.job(job).state is JobState.QUEUED
    assert spent(dashboard) == (500_000, 0)
    dashboard.ports.private.noise.answers = True
    dashboard.reconcile()
    assert dashboard.run(job)
    dashboard.reconcile()
    assert spent(dashboard) == (500_000, 0)
    assert only_output(dashboard, job).state is OutputState.RELEASED


def test_sending_again_reserves_once_and_a_job_that_was_never_charged_gets_its_spend_back(dashboard):
    job = send(dashboard, client_id="once")
    assert send(dashboard, client_id="once") == job
    assert spent(dashboard) == (0, 500_000)
    dashboard.by(DORA, withdraw, job)
    assert spent(dashboard) == (0, 0)
    assert dashboard.store.spend_of(job).state is SpendState.REFUNDED


def test_the_snapshot_is_that_of_the_submission(dashboard):
    job = send(dashboard)
    dashboard.snapshot("s2")
    assert dashboard.run(job)
    assert dashboard.store.job(job).snapshot == "s1"
    send(dashboard)
    assert spent(dashboard) == (500_000, 500_000), "on another snapshot it is another question"


def refused(broker, text, project=DASHBOARD, by=DORA):
    return {r.code for r in checked(broker, text, project, by).refusals}


def checked(broker, text, project=DASHBOARD, by=DORA):
    return broker.by(by, preview.check_text, project, text, JobKind.SQL)


def test_more_than_one_release_may_cost_needs_two_administrators_and_then_a_person(dashboard):
    big = COUNT.replace("0.5", "1")
    assert refused(dashboard, big) == {"private-spend"}
    projects = tuple(
        replace(p, privacy_raised=True) if p.ident == DASHBOARD else p for p in dashboard.policies.projects
    )
    dashboard.put_in_force(replace(dashboard.policies, projects=projects))
    job = ran(dashboard, big)
    assert only_output(dashboard, job).state is OutputState.IN_REVIEW
    assert spent(dashboard) == (1_000_000, 0)


def test_the_mode_of_a_project_says_what_is_private(dashboard):
    bare = COUNT.partition("\n")[2]
    assert refused(dashboard, bare) == {"private-spend-missing"}
    assert refused(dashboard, COUNT) == set()
    dashboard.govern(mode=ProtectionMode.DISCLOSURE_CONTROL, budgets=(), privacy="")
    assert "private-not-here" in refused(dashboard, COUNT, "P0421", "demo-researcher")
    assert refused(dashboard, bare, "P0421", "demo-researcher") == set()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("epsilon", "private-line"),
        ("epsilon 0", "private-line"),
        ("epsilon -1", "private-line"),
        ("epsilon 0.5\n-- private: epsilon 0.5", "private-line"),
        ("rho 0.1", "private-accounting"),
        ("epsilon 100", "private-spend"),
        ("error 0.001", "private-error"),
        ("error 5 of m", "private-error"),
        ("error 5 of n at 0", "private-line"),
        ("epsilon 0.5 of n", "private-line"),
        ("error 20 of n at", "private-line"),
        ("epsilon 0.0000001", "private-spend"),
    ],
)
def test_what_a_line_cannot_say(dashboard, line, code):
    assert refused(dashboard, COUNT.replace("epsilon 0.5", line)) == {code}


MEAN = """-- private: {}
-- output: absence
SELECT NCyearActual, COUNT(*) AS n, AVG(1.0 * OverallAbsence_6HalfTerms) AS m,
       PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) AS middle
FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY NCyearActual
"""


def test_an_error_chooses_the_spend(dashboard):
    """Of a mean in cells of a size: twice as many persons, half the spend; why not is told in its place."""
    job = send(dashboard, COUNT.replace("epsilon 0.5", "error 20"))
    costs = [spent(dashboard)[1]]
    assert 0 < costs[0] < 500_000
    assert dashboard.run(job)
    for line in ("error 2 of m at 10000", "error 2 of M at 20000"):
        send(dashboard, MEAN.format(line))
        costs.append(sum(spent(dashboard)) - sum(costs))
    assert costs[1] == pytest.approx(2 * costs[2], rel=0.03)
    for line, words in (("of m", "at 1000"), ("of middle", "epsilon"), ("of other", "n, m, middle")):
        (told,) = checked(dashboard, MEAN.format(f"error 2 {line}")).refusals
        assert (told.code, told.line) == ("private-error", 1)
        assert words in told.advice


def test_the_line_is_part_of_the_plan(dashboard):
    jobs = [dashboard.store.job(send(dashboard, COUNT.replace("0.5", e))) for e in ("0.5", "0.50", "0.4")]
    assert jobs[0].plan_hash == jobs[1].plan_hash != jobs[2].plan_hash
    assert jobs[0].canonical.startswith("-- private: epsilon 0.5\n")


def test_the_manifest_lists_exact_releases_with_the_claim(dashboard):
    def manifest(job):
        return json.loads(dashboard.store.manifest(dashboard.store.release_of(job).ident))

    assert manifest(ran(dashboard))["beside_the_claim"] == []
    job, output = dashboard.ran(SQL)
    dashboard.vote(CLEO, output.ident)
    exact = {"kind": "exact", "source": dashboard.store.release_of(job).ident, "dataset": "npd.absence"}
    assert manifest(ran(dashboard))["beside_the_claim"] == [exact]
    assert "beside_the_claim" not in manifest(job)


def test_a_private_job_appears_running_until_it_is_released(dashboard, monkeypatch):
    """Between its slot of time and its release nobody decides: nothing says that somebody will. What is held does."""
    job, clock = send(dashboard), dashboard.clock
    assert dashboard.run(job, holds=False)
    clock.at += timedelta(seconds=2)
    assert shown(dashboard, job) == "running"
    monkeypatch.setattr("broker.workflow.pipeline.pipeline.release", lambda *_: clock.now() + timedelta(days=1))
    release_due(dashboard.ports)
    assert only_output(dashboard, job).state is OutputState.APPROVED
    assert shown(dashboard, job) == "running"
    clock.at += timedelta(seconds=4)
    assert shown(dashboard, job) == "waiting for a decision"
    monkeypatch.undo()
    dashboard.reconcile()
    assert shown(dashboard, job) == "released"


def test_invariant_11_a_forecast_touches_no_data(dashboard):
    """Invariant 11: no vault is asked for, nothing runs, and no fact about a table of persons changes a word of it."""
    by_school = """-- private: epsilon 0.5
SELECT LA, NCyearActual, MonthOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2022/2023'
GROUP BY LA, NCyearActual, MonthOfBirth
"""

    def forecast():
        return preview.forecast(dashboard.ports, DASHBOARD, checked(dashboard, by_school))

    before = forecast()
    assert before["expected"]
    facts = json.dumps({"npd.absence": {"2022": {"rows": 300, "persons": 150}}})
    later = Snapshot("s2", "1" * 64, dashboard.clock.now(), True, "snapshots/s2", facts)
    user_accounts.put_snapshot(dashboard.ports, later)
    assert forecast() == before
    assert not dashboard.vaults.there
    assert not dashboard.sandbox.ran
