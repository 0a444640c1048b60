"""A private script in the workflow: the ledger, noise, stored answer and record of other private jobs; crash points."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from dashboard_kit import DORA, ends_right_after, everything_stored, killed_at, open_budgets, ran, send, spent

from broker.domain.jobs.job import JobKind, JobState, OutputState
from broker.domain.ports import SandboxEnd
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.views import job_views

pytestmark = pytest.mark.slow

SCRIPT = """# private: epsilon 0.5, blocks 100, range month [1, 12]
# input: npd.absence [MonthOfBirth] 2022/2023
# output: month.csv | Mean month of birth
def answer(tables):
    return tables["absence"].MonthOfBirth.mean()
"""
STEP = (4 - 1) / 11 * 2**20


@pytest.fixture
def dashboard(broker):
    """Without synthetic data: what is tried on them has tests of its own."""
    open_budgets(broker)
    broker.ports = replace(broker.ports, synthetic=None)
    return broker


@pytest.fixture
def with_synthetic(broker):
    open_budgets(broker)
    return broker


def sent(broker, text=SCRIPT, **more):
    return send(broker, text, **more)


def run_through(broker, text=SCRIPT):
    return ran(broker, text)


def test_the_whole_way_of_a_private_script(dashboard):
    job = run_through(dashboard)
    assert spent(dashboard) == (500_000, 0)
    (output,) = dashboard.store.outputs_of(job)
    assert (output.state, output.name, output.description) == (OutputState.RELEASED, "month", "Mean month of birth")
    assert [e for e in dashboard.events(job) if e.startswith("spend")] == [
        "spend.reserved", "spend.charged", "spend.answered", "spend.released",
    ]  # fmt: skip


def test_what_leaves_is_noise_over_the_blocks_answers(dashboard):
    job = run_through(dashboard)
    (output,) = dashboard.store.outputs_of(job)
    person = dashboard.person(DORA)
    content = job_release.download(dashboard.ports, person, output.ident).content.decode()
    (row,) = csv.DictReader(io.StringIO(content))
    noisy = 1 + 11 * (100 * round(STEP) + 1000 * dashboard.ports.private.noise.draws) / (2**20 * 100)
    assert float(row["value"]) == pytest.approx(noisy, abs=0.05)
    assert row["number"] == "month"
    assert float(row["value_low"]) < 4 < float(row["value_high"])
    told = json.loads(output_records.record_of_release(dashboard.ports, person, output.ident))
    assert (told["blocks"], told["estimator"], told["data_sets"]) == (100, "mean", ["npd.absence"])
    assert told["spend"] == {"epsilon": 0.5, "delta": 0.0}


def test_nothing_exact_is_stored_anywhere(dashboard, tmp_path):
    dashboard.sandbox.block = 4.321987
    run_through(dashboard)
    assert "4.321987" not in everything_stored(dashboard, tmp_path)
    assert str(100 * round((4.321987 - 1) / 11 * 2**20)) not in everything_stored(dashboard, tmp_path)


def test_the_same_script_again_has_its_answer_and_costs_nothing(dashboard):
    first, second = run_through(dashboard), run_through(dashboard)
    assert spent(dashboard) == (500_000, 0)
    hashes = {o.release_hash for job in (first, second) for o in dashboard.store.outputs_of(job)}
    assert len(hashes) == 1
    run_through(dashboard, SCRIPT.replace("blocks 100", "blocks 200"))
    assert spent(dashboard) == (1_000_000, 0), "over other blocks it is another question"


@pytest.mark.parametrize("at", ["cut", "noise", "shelf", "answered"])
def test_killed_after_the_charge_it_ends_right_and_is_charged_once(dashboard, monkeypatch, at):
    job = sent(dashboard)
    ports = dashboard.ports
    call = {
        "cut": (ports.private.blocks, "read_cut"),
        "noise": (ports.private.noise, "draw"),
        "shelf": (type(ports.content_store), "put"),
        "answered": (type(ports.store), "advance"),
    }[at]
    killed_at(dashboard, job, monkeypatch, *call)
    ends_right_after(dashboard, job, drawn=at != "answered")


@pytest.mark.parametrize("end", [e for e in SandboxEnd if e is not SandboxEnd.ENDED])
def test_every_failure_is_one_word_and_retains_the_charge(dashboard, end):
    dashboard.sandbox.end = end
    job = run_through(dashboard)
    found = dashboard.store.job(job)
    assert (found.state, found.failure.value) == (JobState.FAILED, "engine_error")
    assert job_views.view_job(dashboard.ports, dashboard.person(DORA), job).state == "failed"
    assert spent(dashboard) == (500_000, 0)


def test_blocks_without_an_answer_change_neither_end_nor_charge(dashboard):
    dashboard.sandbox.block = math.nan
    job = run_through(dashboard)
    (output,) = dashboard.store.outputs_of(job)
    assert output.state is OutputState.RELEASED
    content = job_release.download(dashboard.ports, dashboard.person(DORA), output.ident).content.decode()
    (row,) = csv.DictReader(io.StringIO(content))
    assert float(row["value"]) == pytest.approx(6.5, abs=0.2), "the middle of the range, and noise"


def test_a_script_that_answers_for_no_synthetic_block_is_not_charged(with_synthetic):
    with_synthetic.sandbox.block, with_synthetic.sandbox.printed = math.nan, b"KeyError: 'absense'"
    job = run_through(with_synthetic)
    found = with_synthetic.store.job(job)
    assert (found.state, found.failure.value) == (JobState.FAILED, "crashed")
    assert spent(with_synthetic) == (0, 0)
    assert with_synthetic.ports.private.noise.draws == 0


def test_a_script_that_answers_there_goes_on(with_synthetic):
    job = run_through(with_synthetic)
    assert with_synthetic.ports.private.blocks.reads == 2
    assert with_synthetic.store.outputs_of(job)[0].state is OutputState.RELEASED
    assert spent(with_synthetic) == (500_000, 0)


def test_its_outputs_have_the_names_of_its_header_from_the_beginning(dashboard):
    job = sent(dashboard)
    assert dashboard.run(job)
    assert dashboard.store.job(job).is_private
    assert dashboard.store.job(job).names_its_outputs


def test_a_forecast_needs_no_data(dashboard):
    from broker.workflow.submission.preview import check_text, forecast

    found = check_text(dashboard.ports, dashboard.person(DORA), "P0733", SCRIPT, JobKind.PYTHON)
    told = forecast(dashboard.ports, "P0733", found)
    assert told["expected"][0]["error"] == pytest.approx(11 / (100 * 0.5), rel=1e-3)
    assert told["blocks"]["other_estimators"]["median"][0]["ranks_off"] > 0
    assert told["blocks"]["lasts_seconds"] == pytest.approx(50 * 0.7 + 1)
    assert dashboard.ports.private.blocks.reads == 0
