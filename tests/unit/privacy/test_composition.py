"""How many releases a promise lasts for, by accounting: what the operating page says of the choice."""

from fractions import Fraction
from pathlib import Path

import pytest
from private_kit import COUNT, POLICIES, table

from broker.domain.ledger.privacy_loss import MICRO, Accounting, PrivacyAmount, amount_rounded_up
from broker.policy.data_catalogue import PrivacyUnit
from broker.privacy.measurement_design import design_measurement, noise_deviation, rho_within
from broker.privacy.measurements import epsilon_of
from broker.privacy.mechanisms import Additive

PROMISE = POLICIES.promise(PrivacyUnit.PUPIL)
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "operating.md"
RELEASES = {Fraction(1, 2): (16, 13), Fraction(1, 5): (40, 81), Fraction(1, 10): (80, 326)}
"""By the epsilon of a count: how many of them the promise is enough for where epsilon adds up, and where rho does."""


def noise_of(spend: PrivacyAmount) -> float:
    (mechanism,) = design_measurement([table((3,), (COUNT,))], spend).bundle.mechanisms
    assert isinstance(mechanism, Additive)
    return noise_deviation(mechanism)


def rho_of_the_same_noise(epsilon: Fraction) -> Fraction:
    """Of a count: Laplace has the deviation sqrt(2) / epsilon, Gaussian 1 / sqrt(2 rho)."""
    rho = epsilon**2 / 4
    mine = noise_of(PrivacyAmount(Accounting.CONCENTRATED, int(rho * MICRO)))
    assert mine == pytest.approx(noise_of(PrivacyAmount(Accounting.PURE, int(epsilon * MICRO))), rel=1e-3)
    return rho


@pytest.mark.parametrize("epsilon", RELEASES)
def test_a_promise_lasts_for_so_many_counts_of_the_same_noise(epsilon: Fraction) -> None:
    assert PROMISE is not None
    cap = Fraction(PROMISE.cap.micro, MICRO)
    added = int(cap / epsilon)
    whole = rho_within(cap, PROMISE.delta)
    turned = int(whole / rho_of_the_same_noise(epsilon))
    assert (added, turned) == RELEASES[epsilon]
    assert f"{turned} instead of {added}" in " ".join(PAGE.read_text().split())


def test_the_total_of_rho_is_turned_once() -> None:
    """Jobs one by one come to what OpenDP says of their sum, and not to the sum of what it says of each."""
    spend, nothing = (PrivacyAmount(Accounting.CONCENTRATED, micro) for micro in (2_500, 0))
    total = sum((design_measurement([table((3,), (COUNT,))], spend).charge for _ in range(100)), nothing)
    assert total.within(amount_rounded_up(Accounting.CONCENTRATED, Fraction(1, 4)))
    once = epsilon_of(Fraction(total.micro, MICRO), 1e-8)
    assert once < 100 * epsilon_of(Fraction(2_500, MICRO), 1e-8) / 5
