"""Sample and aggregate: the influence of one block, the charge, and the expected noise."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from broker.domain.errors import Breach, Invalid
from broker.domain.ledger.privacy_loss import MICRO, Accounting, amount_as_written
from broker.policy.files import load_policies
from broker.privacy import sample_and_aggregate
from broker.privacy.measurements import draw, loss
from broker.privacy.mechanisms import Additive, NoiseFamily, Selection
from broker.privacy.sample_and_aggregate import design_aggregation, estimate_numbers, exact_vector
from broker.python_jobs.private_directive import AnswerRange, BlockEstimator, ScriptDirective

pytestmark = pytest.mark.long

POLICIES = load_policies(Path(__file__).resolve().parents[3] / "policies")
PROFILE = POLICIES.privacy.profile("npd-private")
PROMISE = POLICIES.privacy.promise("pupil")
APPROXIMATE = amount_as_written(Accounting.APPROXIMATE, 1.0, 1e-9)
SPENDS = {
    "pure": amount_as_written(Accounting.PURE, 1.0, 0.0),
    "approximate": APPROXIMATE,
    "zcdp": amount_as_written(Accounting.CONCENTRATED, 0.1, 1e-9),
}


def directive(blocks=200, numbers=1, estimator=BlockEstimator.MEAN, low="-20", high="10"):
    ranges = tuple(AnswerRange(f"n{i}", Decimal(low), Decimal(high)) for i in range(numbers))
    return ScriptDirective("epsilon", Decimal(1), blocks, ranges, estimator)


def drawn_answers(seed, blocks, numbers):
    found = np.random.default_rng(seed).normal(-8, 20, (blocks, numbers))
    found[::7] = np.nan
    found[1] = np.inf
    return found


@pytest.mark.parametrize("numbers", [1, 2, 5])
@pytest.mark.parametrize("seed", range(20))
def test_another_answer_of_one_block_moves_no_more_than_is_declared(seed, numbers):
    before = drawn_answers(seed, 50, numbers)
    after = before.copy()
    after[seed % 50] = np.random.default_rng(seed + 1).choice([np.nan, -np.inf, -1e300, -20, -8.5, 10, 1e300], numbers)
    mean = design_aggregation(directive(50, numbers), APPROXIMATE, PROFILE)
    moved = np.abs(np.subtract(exact_vector(mean, before), exact_vector(mean, after)))
    bounds = mean.mechanism.bounds
    assert moved.max() <= bounds.linf == sample_and_aggregate.RANGE_STEPS
    assert moved.sum() <= bounds.l1
    assert (moved.astype(object) ** 2).sum() <= bounds.l2_squared
    median = design_aggregation(directive(50, numbers, BlockEstimator.MEDIAN), APPROXIMATE, PROFILE)
    scores = np.abs(np.subtract(exact_vector(median, before), exact_vector(median, after)))
    assert scores.max() <= 2 == median.mechanism.steps[0]
    assert len(median.mechanism.steps) == numbers


def test_the_declared_moves_are_reached():
    low, high = np.full((50, 1), -20.0), np.full((50, 1), -20.0)
    high[0] = 10
    mean = design_aggregation(directive(50), APPROXIMATE, PROFILE)
    assert exact_vector(mean, high)[0] - exact_vector(mean, low)[0] == sample_and_aggregate.RANGE_STEPS
    median = design_aggregation(directive(50, estimator=BlockEstimator.MEDIAN), APPROXIMATE, PROFILE)
    assert np.abs(np.subtract(exact_vector(median, high), exact_vector(median, low))).max() == 2


@pytest.mark.parametrize("accounting", SPENDS)
@pytest.mark.parametrize("estimator", BlockEstimator)
@pytest.mark.parametrize("numbers", [1, 3, 20])
def test_the_charge_is_the_map_of_what_is_drawn_and_within_the_spend(accounting, estimator, numbers):
    made = design_aggregation(directive(100, numbers, estimator), SPENDS[accounting], PROFILE)
    assert made.charge.within(SPENDS[accounting])
    assert made.charge.micro > 0.99 * SPENDS[accounting].micro
    assert loss(made.bundle)[0] <= Fraction(made.charge.micro, MICRO)


def test_a_median_is_charged_at_distance_two():
    """Permute-and-flip loses 2 step / scale; the step of a replaced answer is 2, not 1."""
    made = design_aggregation(directive(estimator=BlockEstimator.MEDIAN), APPROXIMATE, PROFILE)
    assert isinstance(made.mechanism, Selection)
    assert made.mechanism.steps == (2,)
    assert made.mechanism.scale == pytest.approx(4.0)


def test_many_numbers_have_gaussian_noise_where_a_delta_may_be_spent():
    families = {n: design_aggregation(directive(numbers=n), APPROXIMATE, PROFILE).mechanism.family for n in (1, 2, 20)}
    assert families == {1: NoiseFamily.LAPLACE, 2: NoiseFamily.LAPLACE, 20: NoiseFamily.GAUSSIAN}
    pure = design_aggregation(directive(numbers=20), SPENDS["pure"], PROFILE)
    assert pure.mechanism.family is NoiseFamily.LAPLACE
    gaussian = design_aggregation(directive(numbers=20), APPROXIMATE, PROFILE)
    assert (
        sample_and_aggregate.expected_block_errors(gaussian, PROFILE)[0].half_width
        < sample_and_aggregate.expected_block_errors(pure, PROFILE)[0].half_width
    )


def test_the_forecast_is_what_noise_does_and_knows_no_data():
    made = design_aggregation(directive(1000), APPROXIMATE, PROFILE)
    assert isinstance(made.mechanism, Additive)
    (expected,) = sample_and_aggregate.expected_block_errors(made, PROFILE)
    assert expected.error == pytest.approx(30 / 1000, rel=1e-6)
    exact = exact_vector(made, np.full((1000, 1), -8.0))
    found = [estimate_numbers(made, draw(made.bundle, (exact,))[0], PROFILE) for _ in range(2000)]
    off = np.array([f.values[0] + 8 for f in found])
    assert np.abs(off).mean() == pytest.approx(expected.error, rel=0.1)
    inside = np.mean([f.low[0] <= -8 <= f.high[0] for f in found])
    assert inside == pytest.approx(PROFILE.level, abs=0.02)


def test_a_median_is_off_by_no_more_ranks_than_forecast():
    made = design_aggregation(directive(200, estimator=BlockEstimator.MEDIAN), APPROXIMATE, PROFILE)
    (expected,) = sample_and_aggregate.expected_block_errors(made, PROFILE)
    answers = np.sort(np.random.default_rng(1).normal(-8, 1, 200))
    scores = exact_vector(made, answers.reshape(-1, 1))
    chosen = [draw(made.bundle, ([scores],))[0][0] for _ in range(500)]
    values = np.array([estimate_numbers(made, [c], PROFILE).values[0] for c in chosen])
    ranks = np.abs(np.searchsorted(answers, values) - 100)
    assert (ranks <= expected.rank_error).mean() >= PROFILE.level


def test_estimates_are_within_their_ranges():
    made = design_aggregation(directive(20), APPROXIMATE, PROFILE)
    for sum_ in (-(10**12), 0, 10**12):
        found = estimate_numbers(made, [sum_], PROFILE)
        assert all(-20 <= v <= 10 for v in (*found.values, *found.low, *found.high))


def test_other_answers_than_one_of_each_block_are_a_breach():
    made = design_aggregation(directive(20, 2), APPROXIMATE, PROFILE)
    assert sample_and_aggregate.block_answers(bytes(8 * 40), made).shape == (20, 2)
    for wrong in (b"", bytes(8 * 39), bytes(8 * 41), bytes(3)):
        with pytest.raises(Breach):
            sample_and_aggregate.block_answers(wrong, made)


def test_nothing_costs_nothing():
    with pytest.raises(Invalid):
        design_aggregation(directive(), replace(APPROXIMATE, micro=0), PROFILE)


@pytest.mark.parametrize("estimator", BlockEstimator)
def test_record_and_words_follow_from_the_line_alone(estimator):
    made = design_aggregation(directive(estimator=estimator), APPROXIMATE, PROFILE)
    told = sample_and_aggregate.aggregation_record(made, PROMISE, PROFILE)
    assert told["spend"] == {"epsilon": 1.0, "delta": 0.0}
    assert told["spend_if_a_person_is_replaced"]["epsilon"] == pytest.approx(2.0)
    assert (told["blocks"], told["estimator"]) == (200, estimator.value)
    assert any("200 random blocks" in w for w in sample_and_aggregate.aggregation_sentences(made, PROMISE, PROFILE))
