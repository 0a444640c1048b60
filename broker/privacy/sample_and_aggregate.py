"""Sample and aggregate: one private answer from the answers of many blocks of persons (Nissim et al. 2007)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import log

import numpy as np
from numpy.typing import NDArray

from broker.domain.errors import Breach, Invalid
from broker.domain.ledger.privacy_loss import PrivacyAmount
from broker.policy.privacy_policy import PrivacyProfile, PrivacyPromise
from broker.privacy import measurement_design
from broker.privacy.mechanisms import Additive, Mechanism, MechanismBundle, NoiseFamily
from broker.privacy.private_tables import Influence
from broker.privacy.results.noise_intervals import Floats, NoiseMoments, half_width, mean_absolute_error
from broker.privacy.results.noisy_answers import mechanism_noise
from broker.privacy.results.noisy_estimates import EstimateColumn
from broker.privacy.results.privacy_record import Json, noise_name, odds_sentence, sensitivity_record, spend_record
from broker.privacy.sensitivity import Sensitivity
from broker.python_jobs.private_directive import AnswerRange, BlockEstimator, ScriptDirective

RANGE_STEPS = 2**20
"""Integer steps from the low to the high end of a range."""
REPLACEMENT_DISTANCE = 2
"""The distance between two sets of answers that differ in one block: one answer removed, one added."""


@dataclass(frozen=True, slots=True)
class BlockAggregation:
    """One mechanism draws all numbers: `bundle.mechanisms` has one part."""

    directive: ScriptDirective
    bundle: MechanismBundle
    charge: PrivacyAmount
    candidates: int

    @property
    def mechanism(self) -> Mechanism:
        return self.bundle.mechanisms[0]

    @property
    def numbers(self) -> int:
        return len(self.directive.ranges)


def design_aggregation(directive: ScriptDirective, spend: PrivacyAmount, profile: PrivacyProfile) -> BlockAggregation:
    """Design the aggregation for at most `spend`. Of the possible noises, the one with the least noise is used. Raises
    Invalid("spend") for a spend of 0."""
    if spend.micro == 0:
        raise Invalid("spend", "The spend of a private answer must be above 0.")
    budgets = measurement_design.noise_budgets(spend, has_thresholds=False)
    candidates = [_calibrated_aggregation(directive, spend, profile, budget) for budget in budgets]
    return min(candidates, key=lambda aggregation: measurement_design.log_breadth(aggregation.mechanism))


def _calibrated_aggregation(
    directive: ScriptDirective, spend: PrivacyAmount, profile: PrivacyProfile, budget: measurement_design.NoiseBudget
) -> BlockAggregation:
    loss = (
        measurement_design.rho_within(budget.loss, budget.conversion_delta) if budget.conversion_delta else budget.loss
    )
    mechanism = _calibrated_mechanism(directive, profile, budget.family, loss)
    bundle, cost = measurement_design.affordable_bundle((mechanism,), spend, budget)
    return BlockAggregation(directive, bundle, cost, profile.block_candidates)


def _calibrated_mechanism(
    directive: ScriptDirective, profile: PrivacyProfile, family: NoiseFamily, loss: Fraction
) -> Mechanism:
    numbers = len(directive.ranges)
    if directive.estimator is BlockEstimator.MEDIAN:
        # A moved person replaces one answer by another, so scores move by two.
        return measurement_design.calibrate_selection(
            family, REPLACEMENT_DISTANCE, Influence(numbers, 1), profile.block_candidates, loss
        )
    # One person is in one block, which changes every number by at most its range.
    bounds = Sensitivity(l0=numbers, l1=numbers * RANGE_STEPS, l2_squared=numbers * RANGE_STEPS**2, linf=RANGE_STEPS)
    return replace(measurement_design.calibrate_additive(family, bounds, loss), width=numbers)


def block_answers(content: bytes, aggregation: BlockAggregation) -> Floats:
    """A (blocks, numbers) float array. Raises Breach if the content has another size."""
    # The answers come from the sandbox and are not trusted.
    if len(content) != 8 * aggregation.directive.blocks * aggregation.numbers:
        raise Breach("The sandbox did not return exactly one answer for each block.")
    return np.frombuffer(content, "<f8").reshape(aggregation.directive.blocks, aggregation.numbers)


def exact_vector(aggregation: BlockAggregation, answers: Floats) -> list[int]:
    """The exact integers to add noise to, in the order of the ranges."""
    columns = [clamped_answers(answers[:, n], r) for n, r in enumerate(aggregation.directive.ranges)]
    if aggregation.directive.estimator is BlockEstimator.MEDIAN:
        return [
            score
            for c, r in zip(columns, aggregation.directive.ranges, strict=True)
            for score in _candidate_scores(c, median_candidates(aggregation, r))
        ]
    return [int(_in_steps(c, r).sum()) for c, r in zip(columns, aggregation.directive.ranges, strict=True)]


def clamped_answers(answers: Floats, within: AnswerRange) -> Floats:
    """Answers clamped to the range. A block without an answer, or with an answer that is not finite, gets the middle,
    which is a constant of the script's line."""
    # A constant of the line, so it says nothing about the block.
    known = np.where(np.isfinite(answers), answers, within.middle)
    return np.asarray(np.clip(known, float(within.low), float(within.high)), dtype=np.float64)


def median_candidates(aggregation: BlockAggregation, within: AnswerRange) -> Floats:
    """The candidates of a median: evenly spaced over the range, including both ends."""
    return np.linspace(float(within.low), float(within.high), aggregation.candidates)


def _in_steps(answers: Floats, within: AnswerRange) -> NDArray[np.int64]:
    """Round each block's answer separately, so that one block changes only its own step."""
    share = (answers - float(within.low)) / within.width
    return np.clip(np.rint(share * RANGE_STEPS), 0, RANGE_STEPS).astype(np.int64)


def _candidate_scores(answers: Floats, candidates: Floats) -> list[int]:
    """|answers below - answers above| for each candidate."""
    ordered = np.sort(answers)
    lower = np.searchsorted(ordered, candidates, side="left")
    higher = len(ordered) - np.searchsorted(ordered, candidates, side="right")
    found: list[int] = np.abs(lower - higher).tolist()
    return found


def estimate_numbers(aggregation: BlockAggregation, drawn: Sequence[int], profile: PrivacyProfile) -> EstimateColumn:
    """The released numbers, within their ranges. A median has an interval of ranks only, so it has no ends."""
    ranges = aggregation.directive.ranges
    if aggregation.directive.estimator is BlockEstimator.MEDIAN:
        chosen = np.array([median_candidates(aggregation, r)[i] for r, i in zip(ranges, drawn, strict=True)])
        return EstimateColumn(chosen, chosen, chosen)  # no ends: only ranks are known
    low, high = (np.array([float(getattr(r, end)) for r in ranges]) for end in ("low", "high"))
    width = np.array([r.width for r in ranges])
    found = low + width * np.array(drawn, dtype=np.float64) / (RANGE_STEPS * aggregation.directive.blocks)
    half = np.array([half_width(number_noise(aggregation, r), profile.level) for r in ranges])
    # Clamped answers have their mean within the range.
    value, first, last = (np.clip(numbers, low, high) for numbers in (found, found - half, found + half))
    return EstimateColumn(value, first, last)


def number_noise(aggregation: BlockAggregation, within: AnswerRange) -> NoiseMoments:
    """The noise of one number of a clamped mean, in its own units."""
    noise = mechanism_noise(aggregation.mechanism)
    return replace(noise, deviation=noise.deviation * within.width / (RANGE_STEPS * aggregation.directive.blocks))


@dataclass(frozen=True, slots=True)
class ExpectedBlockError:
    """The expected error of one number. For a mean: its mean error and half of the interval. For a median: the number
    of blocks' answers that may lie between it and the true median."""

    name: str
    error: float | None = None
    half_width: float | None = None
    rank_error: float | None = None


def expected_block_errors(aggregation: BlockAggregation, profile: PrivacyProfile) -> tuple[ExpectedBlockError, ...]:
    return tuple(_expected_block_error(aggregation, r, profile) for r in aggregation.directive.ranges)


def _expected_block_error(
    aggregation: BlockAggregation, within: AnswerRange, profile: PrivacyProfile
) -> ExpectedBlockError:
    if aggregation.directive.estimator is BlockEstimator.MEDIAN:
        return ExpectedBlockError(within.name, rank_error=median_rank_error(aggregation, profile.level))
    noise = number_noise(aggregation, within)
    return ExpectedBlockError(within.name, mean_absolute_error(noise), half_width(noise, profile.level))


def median_rank_error(aggregation: BlockAggregation, level: float) -> float:
    """The number of ranks that a median may be off, at this level: the probability of a score worse than the best by
    scale * ln(k / (1 - level)) is at most 1 - level (McSherry, Talwar 2007). A score is twice the ranks that it is
    off."""
    return min(
        aggregation.mechanism.scale * log(aggregation.candidates / (1 - level)) / 2, aggregation.directive.blocks / 2
    )


METHOD = "differential privacy: sample and aggregate, integer noise by OpenDP"


def aggregation_record(aggregation: BlockAggregation, promise: PrivacyPromise, profile: PrivacyProfile) -> Json:
    directive = aggregation.directive
    return spend_record(METHOD, aggregation.bundle, aggregation.charge, promise) | {
        "interval_level": profile.level,
        "display_floor": 0,  # no cells, so nothing is hidden
        "blocks": directive.blocks,
        "estimator": directive.estimator.value,
        "most_of_one_person": "the answers of one block, each within its range",
        "block_without_an_answer": "counts as the middle of each range",
        "numbers": [{"name": r.name, "low": float(r.low), "high": float(r.high)} for r in directive.ranges],
        "parts": [_mechanism_record(aggregation)],
    }


def _mechanism_record(aggregation: BlockAggregation) -> Json:
    mechanism = aggregation.mechanism
    found: Json = {"mechanism": type(mechanism).__name__.lower(), "scale": mechanism.scale}
    found["noise"] = noise_name(mechanism)
    if isinstance(mechanism, Additive):
        return found | {"steps_of_a_range": RANGE_STEPS, "sensitivity": sensitivity_record(mechanism.bounds)}
    return found | {"candidates": aggregation.candidates, "most_that_a_score_moves": REPLACEMENT_DISTANCE}


def aggregation_sentences(
    aggregation: BlockAggregation, promise: PrivacyPromise, profile: PrivacyProfile
) -> tuple[str, ...]:
    directive = aggregation.directive
    middle = "mean" if directive.estimator is BlockEstimator.MEAN else "median"
    cut = (
        f"The persons were divided into {directive.blocks:,} random blocks, and the script answered for each "
        "block separately."
    )
    one = f"The table shows the {middle} of the blocks' answers, each within its range, with random noise."
    odds = odds_sentence(aggregation.charge, promise)
    return cut, one, odds, _interval_sentence(aggregation, profile), _clamping_sentence(aggregation)


def _interval_sentence(aggregation: BlockAggregation, profile: PrivacyProfile) -> str:
    if aggregation.directive.estimator is BlockEstimator.MEDIAN:
        off = max(e.rank_error or 0.0 for e in expected_block_errors(aggregation, profile))
        return (
            f"In {round(100 * profile.level)} of 100 releases at most {off:.0f} of the blocks' answers lie "
            "between the figure shown and their true median."
        )
    return (
        f"Each interval contains the mean without noise in {round(100 * profile.level)} of 100 releases. The "
        "interval covers only the noise, not the effects of small blocks, sampling and ranges."
    )


def _clamping_sentence(aggregation: BlockAggregation) -> str:
    ranges = "; ".join(f"{r.name} from {float(r.low):g} to {float(r.high):g}" for r in aggregation.directive.ranges)
    return (
        "A block's answer outside a range counts as the nearest end of the range. A block without an answer counts "
        f"as the middle: {ranges}."
    )
