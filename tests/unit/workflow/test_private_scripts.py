"""A private script in the workflow: the ledger, noise, stored answer and record of other private jobs; crash points."""

import math
from dataclasses import replace

import dashboard_kit as kit
import pytest
from dashboard_kit import DORA, only_output, ran, send, spent

from broker.domain.jobs.job import JobKind, JobState, OutputState
from broker.workflow.submission.preview import check_text, forecast

pytestmark = pytest.mark.slow

SCRIPT = """# private: epsilon 0.5, blocks 100, range month [1, 12]
# input: npd.absence [MonthOfBirth] 2022/2023
# output: month.csv | Mean month of birth
def answer(tables):
    return tables["absence"].MonthOfBirth.mean()
"""
STEP = (4 - 1) / 11 * 2**20


@pytest.fixture
def dashboard(dashboard):
    """Without synthetic data: what is tried on them has tests of its own."""
    dashboard.ports = replace(dashboard.ports, synthetic=None)
    return dashboard


def test_the_whole_way_of_a_private_script(dashboard):
    job = send(dashboard, SCRIPT)
    assert dashboard.store.job(job).is_private
    assert dashboard.store.job(job).names_its_outputs
    assert dashboard.run(job)
    dashboard.reconcile()
    assert spent(dashboard) == (500_000, 0)
    output = only_output(dashboard, job)
    assert (output.state, output.name, output.description) == (OutputState.RELEASED, "month", "Mean month of birth")
    assert kit.spend_events(dashboard, job) == kit.ONCE


def test_what_leaves_is_noise_over_the_blocks_answers(dashboard):
    job = ran(dashboard, SCRIPT)
    (row,) = kit.table_of(dashboard, job)
    noisy = 1 + 11 * (100 * round(STEP) + 1000 * dashboard.ports.private.noise.draws) / (2**20 * 100)
    assert float(row["value"]) == pytest.approx(noisy, abs=0.05)
    assert row["number"] == "month"
    assert float(row["value_low"]) < 4 < float(row["value_high"])
    told = kit.record_of(dashboard, job)
    assert (told["blocks"], told["estimator"], told["data_sets"]) == (100, "mean", ["npd.absence"])
    assert told["spend"] == {"epsilon": 0.5, "delta": 0.0}


def test_nothing_exact_is_stored_anywhere(dashboard, tmp_path):
    dashboard.sandbox.block = 4.321987
    ran(dashboard, SCRIPT)
    stored = kit.everything_stored(dashboard, tmp_path)
    assert "4.321987" not in stored
    assert str(100 * round((4.321987 - 1) / 11 * 2**20)) not in stored


def test_the_same_script_again_has_its_answer_and_over_other_blocks_it_is_another_question(dashboard):
    kit.each_question_is_paid_once(dashboard, SCRIPT, SCRIPT.replace("blocks 100", "blocks 200"), 500_000)


@pytest.mark.parametrize("at", ["cut", "noise", "shelf", "answered"])
def test_killed_after_the_charge_it_ends_right_and_is_charged_once(dashboard, at):
    kit.killed_and_run_again(dashboard, SCRIPT, at)


@pytest.mark.parametrize("end", kit.FAILURES)
def test_every_failure_is_one_word_and_retains_the_charge(dashboard, end):
    kit.one_word_and_the_charge_remains(dashboard, SCRIPT, end)


def test_blocks_without_an_answer_change_neither_end_nor_charge(dashboard):
    dashboard.sandbox.block = math.nan
    job = ran(dashboard, SCRIPT)
    assert only_output(dashboard, job).state is OutputState.RELEASED
    (row,) = kit.table_of(dashboard, job)
    assert float(row["value"]) == pytest.approx(6.5, abs=0.2), "the middle of the range, and noise"


def test_a_script_that_answers_for_no_synthetic_block_is_not_charged(broker):
    kit.open_budgets(broker)
    broker.sandbox.block, broker.sandbox.printed = math.nan, b"KeyError: 'absense'"
    job = ran(broker, SCRIPT)
    found = broker.store.job(job)
    assert (found.state, found.failure.value) == (JobState.FAILED, "crashed")
    assert spent(broker) == (0, 0)
    assert broker.ports.private.noise.draws == 0


def test_a_script_that_answers_there_goes_on(broker):
    kit.open_budgets(broker)
    job = ran(broker, SCRIPT)
    assert broker.ports.private.blocks.reads == 2
    assert only_output(broker, job).state is OutputState.RELEASED
    assert spent(broker) == (500_000, 0)


def test_a_forecast_needs_no_data(dashboard):
    found = dashboard.by(DORA, check_text, "P0733", SCRIPT, JobKind.PYTHON)
    told = forecast(dashboard.ports, "P0733", found)
    assert told["expected"][0]["error"] == pytest.approx(11 / (100 * 0.5), rel=1e-3)
    assert told["blocks"]["other_estimators"]["median"][0]["ranks_off"] > 0
    assert told["blocks"]["lasts_seconds"] == pytest.approx(50 * 0.7 + 1)
    assert dashboard.ports.private.blocks.reads == 0
