"""Traps of other systems (floats, 32 bits, overflow, keys from data, seeds, exact side facts), each as a test of the
privacy package. Traps of sensitivities, charges and thresholds are in the other files of this folder."""

import inspect
from fractions import Fraction

import pytest
from private_kit import COUNT, MEAN, PROFILE, drawn, table

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.privacy.error_forecast import expected_errors
from broker.privacy.measurement_design import design_measurement
from broker.privacy.measurements import charge, draw
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily, Threshold
from broker.privacy.noise.noise_client import NoiseClient
from broker.privacy.private_tables import Dimension, Influence, PrivateMeasure, PrivateStatistic, PrivateTable
from broker.privacy.sensitivity import Sensitivity
from tests.oracles.private_cells import cell_results

ONE = Sensitivity(1, 1, 1, 1)
HALF = PrivacyAmount(Accounting.PURE, 500_000)
UNLISTED = PrivateTable("t", "pupil", (Dimension("urn", None),), ((0,),), Influence(1, 1), (), (COUNT,))
"""A table by a key whose values are the data's own."""


def of_family(family: NoiseFamily, scale: float) -> MechanismBundle:
    accounting = Accounting.PURE if family is NoiseFamily.LAPLACE else Accounting.CONCENTRATED
    return MechanismBundle(accounting, (Additive(family, scale, ONE),))


@pytest.mark.parametrize("family", list(NoiseFamily))
def test_noise_is_of_integers_and_only_integers(family: NoiseFamily) -> None:
    """Floating point noise leaks in its low bits (Mironov 2012; Haney 2022): there is none."""
    (found,) = draw(of_family(family, 3.7), ([0] * 500,))
    assert {type(v) for v in found} == {int}
    with pytest.raises(Exception, match="expected i64"):
        draw(of_family(family, 3.7), ([0.5],))


@pytest.mark.parametrize("family", list(NoiseFamily))
def test_sums_have_64_bits_and_saturate(family: NoiseFamily) -> None:
    """OpenDP's `int` is 32 bits; and an overflow that raises, or wraps around, is an answer."""
    bundle = of_family(family, 1000.0)
    (found,) = draw(bundle, ([2**40, -(2**40)] * 20,))
    assert all(abs(abs(v) - 2**40) < 10**6 for v in found)
    (found,) = draw(bundle, ([2**63 - 1, -(2**63)] * 50,))
    assert all(abs(v) > 2**62 for v in found)
    assert {v > 0 for v in found[::2]} == {True}


def test_empty_cells_get_noise_and_none_is_left_out() -> None:
    """Keys from the data tell rare cells: every cell of the public domain is measured, and none is marked as empty."""
    made = design_measurement([table((40, 50))], HALF)
    (noisy,) = drawn(made, [[0] * 4000])
    assert sum(v == 0 for v in noisy.values) < 20
    assert len(cell_results(made, (noisy,), 0, PROFILE)) == 2000


def test_what_is_charged_is_known_before_data_and_does_not_depend_on_them() -> None:
    """OpenDP's filter runs a query that is over the budget, and a query that fails costs nothing there."""
    made = design_measurement([table((3,))], HALF)
    assert charge(made.bundle) == HALF
    with pytest.raises(Exception, match=r"."):
        draw(made.bundle, (["not a number"],))
    assert charge(made.bundle) == HALF


def test_nobody_can_give_a_seed() -> None:
    for function in (draw, NoiseClient.draw, NoiseClient.__init__, design_measurement):
        assert not {"seed", "random_state", "rng", "generator"} & set(inspect.signature(function).parameters)
    bundle = design_measurement([table((3,))], HALF).bundle
    assert len({tuple(draw(bundle, ([0] * 6,))[0]) for _ in range(5)}) == 5


def test_minimum_and_maximum_are_refused() -> None:
    """They are single persons' values: a quantile near the end is what can be had."""
    assert {a.value for a in PrivateMeasure} & {"min", "max", "first", "any_value", "mode", "list"} == set()


def test_keys_that_stay_leave_no_trace() -> None:
    """What belongs to a key that is not let leave is dropped where the noise is drawn, and the order is the keys'."""
    made = design_measurement([UNLISTED], PrivacyAmount(Accounting.APPROXIMATE, 500_000, 10**6))
    counts = [5000 if i % 3 else 1 for i in range(300)]
    keys, rows = drawn(made, [counts, counts])
    assert keys.keys == [i for i in range(300) if i % 3]
    assert len(rows.values) == 200
    assert min(rows.values) > 4000


def test_a_key_without_a_list_costs_a_delta_and_pure_accounting_has_none() -> None:
    with pytest.raises(Invalid, match="delta"):
        design_measurement([UNLISTED], HALF)
    made = design_measurement([UNLISTED], PrivacyAmount(Accounting.APPROXIMATE, 500_000, 10**6))
    assert any(isinstance(m, Threshold) for m in made.bundle.mechanisms)
    assert 0 < made.charge.delta <= 10**6


def test_a_count_and_a_mean_cost_one_and_not_three() -> None:
    """smartnoise charges COUNT(*) and AVG(x) as three mechanisms; complementary sums are one, with the whole spend."""
    both, mean = (design_measurement([table((3,), s)], HALF) for s in ((COUNT, MEAN), (MEAN,)))
    assert both.bundle == mean.bundle
    assert len(both.parts) == 1


def test_replacing_a_person_costs_twice_as_much_as_removing() -> None:
    """Attack 32: where exact totals are public, neighbours move rather than vanish."""
    made = design_measurement([table((3,))], HALF)
    assert charge(made.bundle, persons=2).micro == 2 * charge(made.bundle).micro


def test_a_table_of_events_states_its_truncation_and_its_noise_follows_the_bound() -> None:
    """Attack 52: noise grows with what is kept, so a bound is a choice that the forecast shows."""
    errors = []
    for rows in (1, 2, 4):
        made = design_measurement([table((3,), (COUNT,), influence=Influence(1, rows))], HALF)
        errors += [e.error for e in expected_errors(made, PROFILE)]
    assert errors == pytest.approx([2, 4, 8], rel=0.01)


def test_quantiles_of_cells_compose_over_the_cells_of_a_person() -> None:
    """A median for each cell is a choice for each: a person who is in G cells loses in all of them."""
    median = PrivateStatistic("q", PrivateMeasure.QUANTILE, "att8", fraction=Fraction(1, 2), points=(1000, 4000))
    scales = [
        design_measurement([table((3,), (median,), influence=Influence(g, 1))], HALF).bundle.mechanisms[0].scale
        for g in (1, 2, 3)
    ]
    assert scales == pytest.approx([scales[0], 2 * scales[0], 3 * scales[0]])
