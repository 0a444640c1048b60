"""Every charge is OpenDP's own map: made here a second time, straight from the library, and compared."""

from fractions import Fraction
from importlib.metadata import version

import opendp.combinators as combinators
import opendp.measurements as noises
import pytest
from opendp.domains import atom_domain, map_domain, vector_domain
from opendp.measures import max_divergence, zero_concentrated_divergence
from opendp.metrics import absolute_distance, l01inf_distance, l1_distance, l2_distance, linf_distance

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_rounded_up
from broker.privacy import measurement_design
from broker.privacy.measurement_design import calibrate_threshold, design_measurement
from broker.privacy.measurements import charge, epsilon_of, loss
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily, Selection, Threshold
from broker.privacy.private_tables import (
    Argument,
    Clamp,
    Dimension,
    Influence,
    PrivateMeasure,
    PrivateStatistic,
    PrivateTable,
)
from broker.privacy.sensitivity import Sensitivity

PURE, APPROXIMATE, CONCENTRATED = Accounting.PURE, Accounting.APPROXIMATE, Accounting.CONCENTRATED
VECTOR = vector_domain(atom_domain(T="i64"))
COUNT = PrivateStatistic("n", PrivateMeasure.ROWS)
BOUNDS = [Sensitivity(1, 1, 1, 1), Sensitivity(3, 6, 12, 2), Sensitivity(20, 180_000, 20 * 9000**2, 9000)]


def test_the_library_is_one_whose_maps_are_right() -> None:
    """0.15.1 charged a quarter of permute-and-flip's rho (opendp#2911)."""
    assert tuple(map(int, version("opendp").split(".")[:2])) >= (0, 16)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("scale", [0.7, 2.0, 12345.678])
def test_additive_noise(bounds: Sensitivity, scale: float) -> None:
    laplace = noises.make_laplace(VECTOR, l1_distance(T="i64"), scale=scale).map(bounds.l1)
    assert loss(MechanismBundle(PURE, (Additive(NoiseFamily.LAPLACE, scale, bounds),))) == (Fraction(laplace), 0)
    exact = noises.make_gaussian(VECTOR, l2_distance(T=float), scale=scale)
    found = loss(MechanismBundle(CONCENTRATED, (Additive(NoiseFamily.GAUSSIAN, scale, bounds),)))[0]
    assert found == pytest.approx(exact.map(float(bounds.l2_squared) ** 0.5), rel=1e-12)
    assert found >= Fraction(bounds.l2_squared) / Fraction(scale) ** 2 / 2, "the root of L2 is rounded up"


def test_a_choice_is_the_sum_over_the_cells_that_a_person_touches() -> None:
    metric = linf_distance(T="i64")
    pure = noises.make_noisy_max(VECTOR, metric, max_divergence(), scale=6.0, negate=True)
    found = loss(MechanismBundle(PURE, (Selection(NoiseFamily.LAPLACE, 6.0, (2, 2, 1), 5),)))[0]
    assert float(found) == pytest.approx(pure.map(2) + pure.map(2) + pure.map(1), rel=1e-12)
    gumbel = noises.make_noisy_max(VECTOR, metric, zero_concentrated_divergence(), scale=6.0, negate=True)
    found = loss(MechanismBundle(CONCENTRATED, (Selection(NoiseFamily.GAUSSIAN, 6.0, (2, 2, 1), 5),)))[0]
    assert float(found) == pytest.approx(gumbel.map(2) + gumbel.map(2) + gumbel.map(1), rel=1e-12)


def test_permute_and_flip_counts_as_pure_noise_does() -> None:
    """Half of epsilon squared, and not the eighth of it that only Gumbel noise may be charged."""
    epsilon = loss(MechanismBundle(PURE, (Selection(NoiseFamily.LAPLACE, 4.0, (1,), 3),)))[0]
    rho = loss(MechanismBundle(CONCENTRATED, (Selection(NoiseFamily.LAPLACE, 4.0, (1,), 3),)))[0]
    assert rho == epsilon**2 / 2


def test_thresholds() -> None:
    counts = map_domain(atom_domain(T="i64"), atom_domain(T="i64"))
    noise = noises.make_laplace_threshold(counts, l01inf_distance(absolute_distance(T="i64")), scale=2.0, threshold=41)
    found = loss(MechanismBundle(APPROXIMATE, (Threshold(NoiseFamily.LAPLACE, 2.0, 41, BOUNDS[1]),)))
    assert found == tuple(map(Fraction, noise.map((3, 6, 2))))
    smallest = calibrate_threshold(NoiseFamily.LAPLACE, BOUNDS[0], Fraction(1, 2), Fraction(1, 10**9))
    assert (smallest.scale, smallest.threshold) == (2.0, 41)
    with pytest.raises(Invalid, match="delta"):
        calibrate_threshold(NoiseFamily.LAPLACE, BOUNDS[0], Fraction(1), Fraction(0))


def test_rho_is_turned_to_epsilon_by_opendp() -> None:
    mechanisms = (Additive(NoiseFamily.GAUSSIAN, 10.0, BOUNDS[0]), Additive(NoiseFamily.GAUSSIAN, 20.0, BOUNDS[0]))
    parts = [noises.make_gaussian(VECTOR, l2_distance(T=float), scale=s) for s in (10.0, 20.0)]
    turned = combinators.make_zCDP_to_approxDP(combinators.make_composition(parts)).map(1.0).epsilon(1e-9)
    assert loss(MechanismBundle(APPROXIMATE, mechanisms, 1e-9)) == (Fraction(turned), Fraction(1e-9))
    assert epsilon_of(Fraction(1, 160), 1e-9) == pytest.approx(turned, rel=1e-9)
    rho = measurement_design.rho_within(Fraction(1), 1e-9)
    assert epsilon_of(rho, 1e-9) <= 1 < epsilon_of(rho * Fraction(101, 100), 1e-9)
    assert epsilon_of(0, 1e-9) == 0


@pytest.mark.parametrize("part", [Fraction(1), Fraction(1, 3), Fraction(1, 10), Fraction(7, 10**6)])
@pytest.mark.parametrize("family", NoiseFamily)
def test_a_scale_is_the_least_that_its_part_pays_for(part: Fraction, family: NoiseFamily) -> None:
    accounting = PURE if family is NoiseFamily.LAPLACE else CONCENTRATED
    for bounds in BOUNDS:
        made = measurement_design.calibrate_additive(family, bounds, part)
        cost = loss(MechanismBundle(accounting, (made,)))[0]
        assert part * Fraction(999_999, 10**6) <= cost <= part
    chosen = measurement_design.calibrate_selection(family, 3, Influence(2, 2, 3), 7, part)
    assert part * Fraction(999_999, 10**6) <= loss(MechanismBundle(accounting, (chosen,)))[0] <= part


def table(influence: Influence, listed: bool = True) -> PrivateTable:
    grid = tuple(range(0, 9001, 100))
    statistics = (
        COUNT,
        PrivateStatistic("people", PrivateMeasure.PERSONS),
        PrivateStatistic("m", PrivateMeasure.MEAN, "x"),
        PrivateStatistic("v", PrivateMeasure.VARIANCE, "y"),
        PrivateStatistic("median", PrivateMeasure.QUANTILE, "x", fraction=Fraction(1, 2), points=grid),
        PrivateStatistic("s", PrivateMeasure.SUM, "x"),
        PrivateStatistic("r", PrivateMeasure.RATIO, parts=("s", "n")),
    )
    dimension = Dimension("la", tuple(range(150)) if listed else None)
    arguments = (Argument("x", Clamp(0, 9000, 100)), Argument("y", Clamp(-5, 5)))
    return PrivateTable("t", "pupil", (dimension,), ((0,), ()), influence, arguments, statistics)


@pytest.mark.parametrize("influence", [Influence(1, 1), Influence(3, 2), Influence(30, 30, 30)])
@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("amount", [(PURE, 500_000), (APPROXIMATE, 500_001, 10**6), (CONCENTRATED, 12_345, 10**6)])
def test_a_job_is_charged_its_composition_and_spends_what_it_may(influence, listed, amount) -> None:
    spend = PrivacyAmount(*amount)
    if not listed and spend.accounting is PURE:
        with pytest.raises(Invalid, match="delta"):
            design_measurement([table(influence, listed)], spend)
        return
    made = design_measurement([table(influence, listed), table(influence, listed)], spend)
    assert made.charge == charge(made.bundle) == amount_rounded_up(spend.accounting, *loss(made.bundle))
    assert made.charge.within(spend)
    assert made.charge.micro >= spend.micro * 0.9999
    assert design_measurement([table(influence, listed), table(influence, listed)], spend) == made


def test_laplace_until_a_person_touches_many_cells_then_gaussian() -> None:
    """Laplace's scale grows with the cells, Gaussian's with their root; at delta 1e-9 they meet between 15 and 25."""

    def family(cells: int, spend: PrivacyAmount) -> NoiseFamily:
        la = Dimension("la", tuple(range(99)))
        asked = PrivateTable("t", "pupil", (la,), ((0,),), Influence(cells, 1), (), (COUNT,))
        return design_measurement([asked], spend).bundle.mechanisms[0].family

    approximate = PrivacyAmount(APPROXIMATE, 10**6, 10**6)
    assert {family(n, approximate) for n in (1, 10, 15)} == {NoiseFamily.LAPLACE}
    assert {family(n, approximate) for n in (25, 90)} == {NoiseFamily.GAUSSIAN}
    assert family(90, PrivacyAmount(PURE, 10**6)) is NoiseFamily.LAPLACE
    assert family(1, PrivacyAmount(CONCENTRATED, 10**4)) is NoiseFamily.GAUSSIAN


def test_bundles_that_are_none() -> None:
    laplace, gaussian = (Additive(f, 1.0, BOUNDS[0]) for f in NoiseFamily)
    for accounting, mechanisms, delta in (
        (PURE, (), 0.0), (PURE, (gaussian,), 0.0), (PURE, (Threshold(NoiseFamily.LAPLACE, 1.0, 5, BOUNDS[0]),), 0.0),
        (APPROXIMATE, (gaussian,), 0.0), (APPROXIMATE, (laplace,), 1e-9), (CONCENTRATED, (gaussian,), 1e-9),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            MechanismBundle(accounting, mechanisms, delta)
    with pytest.raises(Invalid, match="must be above 0"):
        design_measurement([], PrivacyAmount(PURE, 1))
