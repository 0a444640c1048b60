"""Deviations, and means of amounts below 0, of numbers that the catalogue bounds: how far one person moves what is
released."""

from decimal import Decimal
from statistics import pstdev, stdev, variance

import pytest
from hypothesis import assume, given, strategies as st

from broker.disclosure.protected_means import deviation_step, mean_step
from broker.disclosure.protected_values import rounded_value
from broker.disclosure.rounding_errors import rounding_error
from broker.disclosure.rules import RuleInput, findings_of
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import DeviationForm, PlannedStatistic
from broker.domain.plans.scalars import ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules

PROFILE = DisclosureRules(name="npd", source="test", t=10)
LOW, HIGH = 0, 90
SCORES = st.lists(st.integers(LOW, HIGH), min_size=30, max_size=120)


def planned(is_variance: bool = False, scale: tuple[str, str] = ("1", "0")) -> PlannedStatistic:
    factor, offset = map(Decimal, scale)
    bounds = (LOW * factor + offset, HIGH * factor + offset)
    more = {"bounds": bounds, "form": DeviationForm(is_variance=is_variance), "scale": (factor, offset)}
    return PlannedStatistic(1, Measure.DEVIATION, None, ScalarType.DOUBLE, **more)


def evidence(value: float, n: int) -> StatisticEvidence:
    return StatisticEvidence(value, n, n)


def said(value: float, n: int) -> dict[str, Verdict]:
    asked = RuleInput(Measure.DEVIATION, evidence(value, n), n, bounds=(LOW, HIGH), protected=value)
    return {f.rule: f.verdict for f in findings_of(asked, PROFILE)}


@given(scores=SCORES, place=st.integers(0, 200), other=st.integers(LOW, HIGH))
def test_one_person_moves_a_deviation_by_a_few_steps(scores: list[int], place: int, other: int) -> None:
    """A step is half of what the largest contribution changes: another value of one person is two steps, twice as many
    where the deviation becomes as small as the square root allows, and one for the rounding of each."""
    moved = [*scores]
    moved[place % len(scores)] = other
    before, after, n = stdev(scores), stdev(moved), len(scores)
    assume(before > 0 and not said(before, n))
    step = deviation_step(planned(), evidence(before, n), PROFILE)
    assert step is not None
    assert abs(before - after) <= 4 * step
    of_variance = deviation_step(planned(is_variance=True), evidence(variance(scores), n), PROFILE)
    assert of_variance is not None
    assert abs(variance(scores) - variance(moved)) <= 2 * of_variance * Decimal("1.05")  # a rounded number of rows


@given(scores=SCORES, factor=st.sampled_from(["2", "-3", "0.5", "1.01"]), offset=st.sampled_from(["0", "7"]))
def test_a_written_factor_chooses_no_edge_of_rounding(scores: list[int], factor: str, offset: str) -> None:
    value, n = stdev(scores), len(scores)
    assume(value > 0)
    plain = rounded_value(planned(), evidence(value, n), PROFILE)
    scaled = rounded_value(planned(scale=(factor, offset)), evidence(value * abs(float(factor)), n), PROFILE)
    assert Decimal(str(scaled)) == pytest.approx(Decimal(str(plain)) * abs(Decimal(factor)), rel=Decimal("0.01"))


@given(scores=SCORES)
def test_the_released_deviation_is_within_its_stated_error(scores: list[int]) -> None:
    value, n = pstdev(scores), len(scores)
    assume(value > 0)
    shown = rounded_value(planned(), evidence(value, n), PROFILE)
    error = rounding_error(planned(), evidence(value, n), PROFILE, None)
    assert error is not None
    assert abs(Decimal(str(shown)) - Decimal(value)) <= Decimal(error) + Decimal("1e-9")


def test_a_deviation_of_nothing_is_hidden_and_one_without_bounds_goes_to_a_person() -> None:
    assert said(0.0, 500)["M9"] is Verdict.SUPPRESS
    asked = RuleInput(Measure.DEVIATION, evidence(20.0, 500), 500, protected=20.0)
    assert {f.rule for f in findings_of(asked, PROFILE)} == {"A1"}


def progress(low: float, bounds: tuple[Value, Value] | None) -> set[str]:
    e = StatisticEvidence(0.1, 60, 60, largest=4, second=4, low=low, high=4, total=6, sizes=60, others=60)
    return {f.rule for f in findings_of(RuleInput(Measure.MEAN, e, 60, bounds=bounds), PROFILE)}


@pytest.mark.parametrize(("low", "bounds", "rules"), [
    (-4, (-5, 5), set()), (0, (-5, 5), set()), (1, (-5, 5), set()), (-4, None, {"M7"}),
])  # fmt: skip
def test_the_bounds_decide_how_signed_amounts_are_judged(low, bounds, rules) -> None:
    """Whether somebody is below 0 decides nothing. Without bounds such amounts go to a person."""
    assert progress(low, bounds) == rules


@given(
    amounts=st.lists(st.integers(-5, 5), min_size=10, max_size=80), place=st.integers(0, 200), other=st.integers(-5, 5)
)
def test_the_step_of_a_signed_mean_follows_from_the_bounds(amounts: list[int], place: int, other: int) -> None:
    """A step is as wide as half of what any amount can change."""
    n, number = len(amounts), PlannedStatistic(1, Measure.MEAN, None, ScalarType.DOUBLE, bounds=(-5, 5))
    e = StatisticEvidence(sum(amounts) / n, n, n, total=sum(amounts), sizes=sum(map(abs, amounts)))
    rows = Decimal(5 * ((2 * n + 5) // 10))  # as counts are rounded
    assert mean_step(number, e, PROFILE) >= Decimal(10) / 2 / rows * Decimal("0.99")
