"""A private job in the workflow: reserved, charged once, answered once, released; and every earlier end."""

import csv
import io
import json
from dataclasses import replace

import pytest
from dashboard_kit import (
    COUNT,
    DASHBOARD,
    DORA,
    ends_right_after,
    everything_stored,
    killed_at,
    open_budgets,
    ran,
    send,
    spent,
)

from broker.domain.errors import Refused
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.ledger.spends import SpendState
from broker.domain.ports import SandboxEnd
from broker.domain.projects.project import ProtectionMode
from broker.worker.reconcile import release_due
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.views import job_views

pytestmark = pytest.mark.long


@pytest.fixture
def dashboard(broker):
    open_budgets(broker)
    return broker


def outputs(broker, job):
    return broker.store.outputs_of(job)


def test_the_whole_way_of_a_private_job(dashboard):
    job = send(dashboard)
    assert spent(dashboard) == (0, 500_000)
    assert dashboard.run(job, holds=False)
    assert spent(dashboard) == (500_000, 0)
    assert dashboard.store.spend_of(job).state is SpendState.CHARGED
    # Until the slot of time is over it looks as if it ran, and nothing leaves.
    assert job_views.view_job(dashboard.ports, dashboard.person(DORA), job).state == "running"
    assert [o.state for o in outputs(dashboard, job)] == [OutputState.ASSESSED]
    dashboard.reconcile()
    (output,) = outputs(dashboard, job)
    assert output.state is OutputState.RELEASED
    assert dashboard.store.spend_of(job).state is SpendState.RELEASED
    assert dashboard.events(job)[:3] == ["spend.reserved", "job.submitted", "job.started"]
    assert [e for e in dashboard.events(job) if e.startswith("spend")] == [
        "spend.reserved", "spend.charged", "spend.answered", "spend.released",
    ]  # fmt: skip


def test_what_leaves_is_noisy_and_has_intervals_record_and_words(dashboard, tmp_path):
    job = ran(dashboard)
    (output,) = outputs(dashboard, job)
    person = dashboard.person(DORA)
    rows = list(
        csv.DictReader(io.StringIO(job_release.download(dashboard.ports, person, output.ident).content.decode()))
    )
    assert list(rows[0]) == ["NCyearActual", "n", "n_low", "n_high"]
    assert {r["n"] for r in rows} == {"5321"}
    assert all(int(r["n_low"]) < 5321 < int(r["n_high"]) for r in rows)
    told = json.loads(output_records.record_of_release(dashboard.ports, person, output.ident))
    assert told["spend"] == {"epsilon": 0.5, "delta": 0.0}
    assert told["spend_if_a_person_is_replaced"]["epsilon"] == 1.0
    assert told["data_sets"] == ["npd.absence"]
    assert any("Random noise" in note for note in told["notes"])
    found = dashboard.store.manifest(dashboard.store.release_of(job).ident)
    assert json.loads(found)["profile"]["spend"] == told["spend"]


def test_nothing_exact_is_stored_anywhere(dashboard, tmp_path):
    ran(dashboard)
    assert "5321" in everything_stored(dashboard, tmp_path)
    assert "4321" not in everything_stored(dashboard, tmp_path)


def test_the_same_question_again_has_its_answer_and_costs_nothing(dashboard):
    first, second = ran(dashboard), ran(dashboard)
    assert spent(dashboard) == (500_000, 0)
    assert dashboard.ports.private.engine.reads == 1
    assert dashboard.store.spend_of(second) is None
    hashes = {o.release_hash for job in (first, second) for o in outputs(dashboard, job)}
    assert len(hashes) == 1
    assert outputs(dashboard, second)[0].state is OutputState.RELEASED
    ran(dashboard, COUNT.replace("0.5", "0.25"))
    assert spent(dashboard) == (750_000, 0), "at another price it is another question"


def test_over_budget_is_refused_before_anything_is_queued(broker):
    open_budgets(broker, own=400_000)
    with pytest.raises(Refused, match="over-budget"):
        send(broker)
    assert spent(broker) == (0, 0)
    assert broker.queue.offers == []
    assert broker.events(DASHBOARD) == ["spend.refused"]


def test_sending_again_with_the_same_client_id_reserves_once(dashboard):
    first = send(dashboard, client_id="once")
    assert send(dashboard, client_id="once") == first
    assert spent(dashboard) == (0, 500_000)


@pytest.mark.parametrize("at", ["engine", "noise", "shelf", "answered"])
def test_killed_after_the_charge_it_ends_right_and_is_charged_once(dashboard, monkeypatch, at):
    job = send(dashboard)
    ports = dashboard.ports
    call = {
        "engine": (ports.private.engine, "read"),
        "noise": (ports.private.noise, "draw"),
        "shelf": (type(ports.content_store), "put"),
        "answered": (type(ports.store), "advance"),
    }[at]
    killed_at(dashboard, job, monkeypatch, *call)
    assert (dashboard.store.spend_of(job).answer is not None) == (at == "answered")
    ends_right_after(dashboard, job, drawn=at != "answered")


@pytest.mark.parametrize("end", [e for e in SandboxEnd if e is not SandboxEnd.ENDED])
def test_every_failure_of_the_engine_is_one_word_and_retains_the_charge(dashboard, end):
    dashboard.sandbox.end = end
    job = ran(dashboard)
    found = dashboard.store.job(job)
    assert (found.state, found.failure.value) == (JobState.FAILED, "engine_error")
    assert job_views.view_job(dashboard.ports, dashboard.person(DORA), job).state == "failed"
    assert spent(dashboard) == (500_000, 0)
    assert dashboard.store.spend_of(job).state is SpendState.WITHHELD


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
    assert outputs(dashboard, job)[0].state is OutputState.RELEASED


def test_a_job_that_was_never_charged_gets_its_spend_back(dashboard):
    from broker.workflow.submission.job_withdrawal import withdraw

    job = send(dashboard)
    withdraw(dashboard.ports, dashboard.person(DORA), job)
    assert spent(dashboard) == (0, 0)
    assert dashboard.store.spend_of(job).state is SpendState.REFUNDED


def test_the_snapshot_is_that_of_the_submission(dashboard):
    from broker.domain.ports import Snapshot
    from broker.workflow.administration import user_accounts

    job = send(dashboard)
    now = dashboard.clock.now()
    user_accounts.put_snapshot(dashboard.ports, Snapshot("s2", "1" * 64, now, True, "snapshots/s2", "{}"))
    assert dashboard.run(job)
    assert dashboard.store.job(job).snapshot == "s1"
    send(dashboard)
    assert spent(dashboard) == (500_000, 500_000), "on another snapshot it is another question"


def test_more_than_one_release_may_cost_needs_two_administrators_and_then_a_person(dashboard):
    big = COUNT.replace("0.5", "1")
    assert refused(dashboard, big) == {"private-spend"}
    projects = tuple(
        replace(p, privacy_raised=True) if p.ident == DASHBOARD else p for p in dashboard.policies.projects
    )
    dashboard.put_in_force(replace(dashboard.policies, projects=projects))
    job = ran(dashboard, big)
    assert outputs(dashboard, job)[0].state is OutputState.IN_REVIEW
    assert spent(dashboard) == (1_000_000, 0)


def refused(broker, text, project=DASHBOARD, by=DORA):
    return {r.code for r in checked(broker, text, project, by)}


def checked(broker, text, project=DASHBOARD, by=DORA):
    from broker.domain.jobs.job import JobKind
    from broker.workflow.submission.preview import check_text

    return check_text(broker.ports, broker.person(by), project, text, JobKind.SQL).refusals


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


def test_an_error_chooses_the_spend(dashboard):
    job = send(dashboard, COUNT.replace("epsilon 0.5", "error 20"))
    assert 0 < spent(dashboard)[1] < 500_000
    assert dashboard.run(job)


MEAN = """-- private: {}
-- output: absence
SELECT NCyearActual, COUNT(*) AS n, AVG(1.0 * OverallAbsence_6HalfTerms) AS m,
       PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY OverallAbsence_6HalfTerms) AS middle
FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY NCyearActual
"""


def test_the_error_of_a_column_chooses_the_spend(dashboard):
    """Of a mean in cells of a size: twice as many persons, half the spend; why not is told in its place."""
    costs = []
    for line in ("error 2 of m at 10000", "error 2 of M at 20000"):
        send(dashboard, MEAN.format(line))
        costs.append(spent(dashboard)[1] - sum(costs))
    assert costs[0] == pytest.approx(2 * costs[1], rel=0.03)
    for line, words in (("of m", "at 1000"), ("of middle", "epsilon"), ("of other", "n, m, middle")):
        (told,) = checked(dashboard, MEAN.format(f"error 2 {line}"))
        assert (told.code, told.line) == ("private-error", 1)
        assert words in told.advice


def test_the_line_is_part_of_the_plan(dashboard):
    jobs = [dashboard.store.job(send(dashboard, COUNT.replace("0.5", e))) for e in ("0.5", "0.50", "0.4")]
    assert jobs[0].plan_hash == jobs[1].plan_hash != jobs[2].plan_hash
    assert jobs[0].canonical.startswith("-- private: epsilon 0.5\n")


BY_SCHOOL = """-- private: epsilon 0.5
SELECT LA, NCyearActual, MonthOfBirth, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2022/2023'
GROUP BY LA, NCyearActual, MonthOfBirth
"""


def with_persons(dashboard, number):
    """A later snapshot, with so many."""
    from broker.domain.ports import Snapshot
    from broker.workflow.administration import user_accounts

    facts = {"npd.absence": {"2022": {"rows": 2 * number, "persons": number}}}
    dashboard.clock.at = now = dashboard.clock.now().replace(second=number % 59)
    user_accounts.put_snapshot(
        dashboard.ports, Snapshot(f"s{number}", f"{number:064}", now, True, f"snapshots/s{number}", json.dumps(facts))
    )


def test_the_manifest_lists_exact_releases_with_the_claim(dashboard):
    from tests.unit.workflow.conftest import CLEO, SQL

    def exact_releases():
        found = dashboard.store.manifest(dashboard.store.release_of(ran(dashboard)).ident)
        return json.loads(found)["beside_the_claim"]

    assert exact_releases() == []
    job, output = dashboard.ran(SQL)
    dashboard.vote(CLEO, output.ident)
    exact = dashboard.store.release_of(job)
    assert exact_releases() == [{"kind": "exact", "source": exact.ident, "dataset": "npd.absence"}]
    assert "beside_the_claim" not in json.loads(dashboard.store.manifest(exact.ident))


def test_a_private_job_appears_running_until_it_is_released(dashboard, monkeypatch):
    """Between its slot of time and its release nobody decides: nothing says that somebody will. What is held does."""
    from datetime import timedelta

    job = send(dashboard)
    assert dashboard.run(job, holds=False)

    def shown():
        return job_views.view_job(dashboard.ports, dashboard.person(DORA), job).state

    dashboard.clock.at += timedelta(seconds=2)
    assert shown() == "running"
    monkeypatch.setattr(
        "broker.workflow.pipeline.pipeline.release", lambda *_: dashboard.clock.now() + timedelta(days=1)
    )
    release_due(dashboard.ports)
    assert {o.state.value for o in dashboard.store.outputs_of(job)} == {"approved"}
    assert shown() == "running"
    dashboard.clock.at += timedelta(seconds=4)
    assert shown() == "waiting for a decision"
    monkeypatch.undo()
    dashboard.reconcile()
    assert shown() == "released"


def test_invariant_11_a_forecast_touches_no_data(dashboard):
    """Invariant 11: no vault is asked for, nothing runs, and no fact about a table of persons changes a word of it."""
    from broker.domain.jobs.job import JobKind
    from broker.workflow.submission import preview

    def forecast():
        found = preview.check_text(dashboard.ports, dashboard.person(DORA), DASHBOARD, BY_SCHOOL, JobKind.SQL)
        return preview.forecast(dashboard.ports, DASHBOARD, found)

    before = forecast()
    assert before["expected"]
    with_persons(dashboard, 150)
    assert forecast() == before
    assert not dashboard.vaults.there
    assert not dashboard.sandbox.ran
