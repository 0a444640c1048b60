"""Amounts are integers that were rounded up; they add up exactly, and only with their like."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from broker.domain.errors import Breach, Invalid
from broker.domain.ledger import privacy_loss
from broker.domain.ledger.privacy_loss import DELTA_UNITS, MICRO, Accounting, PrivacyAmount, amount_rounded_up

APPROXIMATE, PURE = Accounting.APPROXIMATE, Accounting.PURE
LOSSES = st.floats(0, 100, allow_nan=False)


@given(LOSSES, st.floats(0, 1e-3))
def test_rounding_is_up_and_by_less_than_one_part(loss: float, delta: float) -> None:
    found = amount_rounded_up(APPROXIMATE, loss, delta)
    assert 0 <= Fraction(found.micro, MICRO) - Fraction(loss) < Fraction(1, MICRO)
    assert 0 <= Fraction(found.delta, DELTA_UNITS) - Fraction(delta) < Fraction(1, DELTA_UNITS)


@given(st.lists(LOSSES, max_size=20))
def test_many_small_losses_are_never_less_than_their_sum(losses: list[float]) -> None:
    total = PrivacyAmount(PURE, 0)
    for loss in losses:
        total += amount_rounded_up(PURE, loss)
    assert Fraction(total.micro, MICRO) >= sum(map(Fraction, losses))


def test_a_decimal_that_was_written_is_what_people_mean() -> None:
    assert privacy_loss.amount_as_written(PURE, 0.1) == PrivacyAmount(PURE, 100_000)
    assert privacy_loss.amount_as_written(APPROXIMATE, 0.3, 1e-9) == PrivacyAmount(APPROXIMATE, 300_000, 10**6)
    assert amount_rounded_up(PURE, 0.1).micro == 100_001, "the float is a little more than a tenth"


def test_what_fits_is_left_and_shared() -> None:
    cap, spent = PrivacyAmount(APPROXIMATE, 1000, 10), PrivacyAmount(APPROXIMATE, 250, 5)
    assert spent.within(cap)
    assert not PrivacyAmount(APPROXIMATE, 1001).within(cap)
    assert not PrivacyAmount(APPROXIMATE, 1, 11).within(cap)
    assert cap - spent == PrivacyAmount(APPROXIMATE, 750, 5)
    with pytest.raises(Breach):
        spent - cap
    assert spent.share_of(cap) == Fraction(1, 2), "the larger of both shares"
    assert spent.share_of(PrivacyAmount(APPROXIMATE, 1000)) is None
    assert PrivacyAmount(PURE, 0).share_of(PrivacyAmount(PURE, 0)) == 0


def test_amounts_of_other_measures_do_not_mix() -> None:
    for other in (PrivacyAmount(PURE, 1), PrivacyAmount(Accounting.CONCENTRATED, 1)):
        for use in (PrivacyAmount.__add__, PrivacyAmount.__sub__, PrivacyAmount.within, PrivacyAmount.share_of):
            with pytest.raises(Breach, match="do not add up"):
                use(PrivacyAmount(APPROXIMATE, 1), other)


@pytest.mark.parametrize("wrong", [(PURE, -1, 0), (APPROXIMATE, 1, -1), (PURE, 1, 1), (PURE, 2**63, 0)])
def test_what_is_no_amount(wrong: tuple[Accounting, int, int]) -> None:
    with pytest.raises(Invalid):
        PrivacyAmount(*wrong)


@pytest.mark.parametrize(("amount", "told"), [
    (PrivacyAmount(PURE, 500_000), "epsilon 0.5"),
    (PrivacyAmount(PURE, 4_000_000), "epsilon 4"),
    (PrivacyAmount(PURE, 20_000_000), "epsilon 20"),
    (PrivacyAmount(Accounting.CONCENTRATED, 125_000, 0), "rho 0.125"),
    (PrivacyAmount(APPROXIMATE, 1, 1_000_000), "epsilon 0.000001, delta 1e-9"),
])  # fmt: skip
def test_an_amount_in_words(amount: PrivacyAmount, told: str) -> None:
    assert str(amount) == told
