"""Every charge is OpenDP's own map: made here a second time, straight from the library, and compared."""

from fractions import Fraction
from importlib.metadata import version

import opendp.combinators as combinators
import opendp.measurements as noises
import pytest
from opendp.domains import atom_domain, map_domain, vector_domain
from opendp.measures import max_divergence, zero_concentrated_divergence
from opendp.metrics import absolute_distance, l01inf_distance, l1_distance, l2_distance, linf_distance

from broker.domain.amounts import Accounting, Amount, rounded_up
from broker.domain.errors import Invalid
from broker.privacy.bounds import Sensitivity
from broker.privacy.calibrate import additive, rho_within, selection, threshold
from broker.privacy.design import design
from broker.privacy.measurements import charge, epsilon_of, loss
from broker.privacy.mechanisms import Additive, Bundle, Family, Selection, Threshold
from broker.privacy.tables import Argument, Ask, Clamp, Dimension, Influence, PrivateTable, Statistic

PURE, APPROXIMATE, CONCENTRATED = Accounting.PURE, Accounting.APPROXIMATE, Accounting.CONCENTRATED
VECTOR = vector_domain(atom_domain(T="i64"))
BOUNDS = [Sensitivity(1, 1, 1, 1), Sensitivity(3, 6, 12, 2), Sensitivity(20, 180_000, 20 * 9000**2, 9000)]


def test_the_library_is_one_whose_maps_are_right() -> None:
    """0.15.1 charged a quarter of permute-and-flip's rho (opendp#2911)."""
    assert tuple(map(int, version("opendp").split(".")[:2])) >= (0, 16)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("scale", [0.7, 2.0, 12345.678])
def test_additive_noise(bounds: Sensitivity, scale: float) -> None:
    laplace = noises.make_laplace(VECTOR, l1_distance(T="i64"), scale=scale).map(bounds.l1)
    assert loss(Bundle(PURE, (Additive(Family.LAPLACE, scale, bounds),))) == (Fraction(laplace), 0)
    exact = noises.make_gaussian(VECTOR, l2_distance(T=float), scale=scale)
    found = loss(Bundle(CONCENTRATED, (Additive(Family.GAUSSIAN, scale, bounds),)))[0]
    assert found == pytest.approx(exact.map(float(bounds.l2_squared) ** 0.5), rel=1e-12)
    assert found >= Fraction(bounds.l2_squared) / Fraction(scale) ** 2 / 2, "the root of L2 is rounded up"


def test_a_choice_is_the_sum_over_the_cells_that_a_person_touches() -> None:
    metric = linf_distance(T="i64")
    pure = noises.make_noisy_max(VECTOR, metric, max_divergence(), scale=6.0, negate=True)
    found = loss(Bundle(PURE, (Selection(Family.LAPLACE, 6.0, (2, 2, 1), 5),)))[0]
    assert float(found) == pytest.approx(pure.map(2) + pure.map(2) + pure.map(1), rel=1e-12)
    gumbel = noises.make_noisy_max(VECTOR, metric, zero_concentrated_divergence(), scale=6.0, negate=True)
    found = loss(Bundle(CONCENTRATED, (Selection(Family.GAUSSIAN, 6.0, (2, 2, 1), 5),)))[0]
    assert float(found) == pytest.approx(gumbel.map(2) + gumbel.map(2) + gumbel.map(1), rel=1e-12)


def test_permute_and_flip_counts_as_pure_noise_does() -> None:
    """Half of epsilon squared, and not the eighth of it that only Gumbel noise may be charged."""
    epsilon = loss(Bundle(PURE, (Selection(Family.LAPLACE, 4.0, (1,), 3),)))[0]
    rho = loss(Bundle(CONCENTRATED, (Selection(Family.LAPLACE, 4.0, (1,), 3),)))[0]
    assert rho == epsilon**2 / 2


def test_thresholds() -> None:
    counts = map_domain(atom_domain(T="i64"), atom_domain(T="i64"))
    noise = noises.make_laplace_threshold(counts, l01inf_distance(absolute_distance(T="i64")), scale=2.0, threshold=41)
    found = loss(Bundle(APPROXIMATE, (Threshold(Family.LAPLACE, 2.0, 41, BOUNDS[1]),)))
    assert found == tuple(map(Fraction, noise.map((3, 6, 2))))
    smallest = threshold(Family.LAPLACE, BOUNDS[0], Fraction(1, 2), Fraction(1, 10**9))
    assert (smallest.scale, smallest.threshold) == (2.0, 41)
    with pytest.raises(Invalid, match="delta"):
        threshold(Family.LAPLACE, BOUNDS[0], Fraction(1), Fraction(0))


def test_rho_is_turned_to_epsilon_by_opendp() -> None:
    mechanisms = (Additive(Family.GAUSSIAN, 10.0, BOUNDS[0]), Additive(Family.GAUSSIAN, 20.0, BOUNDS[0]))
    parts = [noises.make_gaussian(VECTOR, l2_distance(T=float), scale=s) for s in (10.0, 20.0)]
    turned = combinators.make_zCDP_to_approxDP(combinators.make_composition(parts)).map(1.0).epsilon(1e-9)
    assert loss(Bundle(APPROXIMATE, mechanisms, 1e-9)) == (Fraction(turned), Fraction(1e-9))
    assert epsilon_of(Fraction(1, 160), 1e-9) == pytest.approx(turned, rel=1e-9)
    rho = rho_within(Fraction(1), 1e-9)
    assert epsilon_of(rho, 1e-9) <= 1 < epsilon_of(rho * Fraction(101, 100), 1e-9)
    assert epsilon_of(0, 1e-9) == 0


@pytest.mark.parametrize("part", [Fraction(1), Fraction(1, 3), Fraction(1, 10), Fraction(7, 10**6)])
@pytest.mark.parametrize("family", Family)
def test_a_scale_is_the_least_that_its_part_pays_for(part: Fraction, family: Family) -> None:
    accounting = PURE if family is Family.LAPLACE else CONCENTRATED
    for bounds in BOUNDS:
        made = additive(family, bounds, part)
        cost = loss(Bundle(accounting, (made,)))[0]
        assert part * Fraction(999_999, 10**6) <= cost <= part
    chosen = selection(family, 3, Influence(2, 2, 3), 7, part)
    assert part * Fraction(999_999, 10**6) <= loss(Bundle(accounting, (chosen,)))[0] <= part


def table(influence: Influence, listed: bool = True) -> PrivateTable:
    statistics = (
        Statistic("n", Ask.ROWS),
        Statistic("people", Ask.PERSONS),
        Statistic("m", Ask.MEAN, "x"),
        Statistic("v", Ask.VARIANCE, "y"),
        Statistic("median", Ask.QUANTILE, "x", fraction=Fraction(1, 2), points=tuple(range(0, 9001, 100))),
        Statistic("h", Ask.HISTOGRAM, "y", points=(1, 2)),
        Statistic("s", Ask.SUM, "x"),
        Statistic("r", Ask.RATIO, parts=("s", "n")),
    )
    dimension = Dimension("la", tuple(range(150)) if listed else None)
    arguments = (Argument("x", Clamp(0, 9000, 100)), Argument("y", Clamp(-5, 5)))
    return PrivateTable("t", "pupil", (dimension,), ((0,), ()), influence, arguments, statistics)


@pytest.mark.parametrize("influence", [Influence(1, 1), Influence(3, 2), Influence(30, 30, 30)])
@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    "spend", [Amount(PURE, 500_000), Amount(APPROXIMATE, 500_001, 10**6), Amount(CONCENTRATED, 12_345, 10**6)]
)
def test_a_job_is_charged_its_composition_and_spends_what_it_may(
    influence: Influence, listed: bool, spend: Amount
) -> None:
    if not listed and spend.accounting is PURE:
        with pytest.raises(Invalid, match="delta"):
            design([table(influence, listed)], spend)
        return
    made = design([table(influence, listed), table(influence, listed)], spend)
    assert made.charge == charge(made.bundle) == rounded_up(spend.accounting, *loss(made.bundle))
    assert made.charge.within(spend)
    assert made.charge.micro >= spend.micro * 0.9999
    assert design([table(influence, listed), table(influence, listed)], spend) == made


def test_laplace_until_a_person_touches_many_cells_then_gaussian() -> None:
    """Laplace's scale grows with the cells, Gaussian's with their root; at delta 1e-9 they meet between 15 and 25."""

    def family(cells: int, spend: Amount) -> Family:
        asked = PrivateTable(
            "t", "pupil", (Dimension("la", tuple(range(99))),), ((0,),), Influence(cells, 1), (), (COUNT,)
        )
        return design([asked], spend).bundle.mechanisms[0].family

    approximate = Amount(APPROXIMATE, 10**6, 10**6)
    assert [family(n, approximate) for n in (1, 10, 15, 25, 90)] == [Family.LAPLACE] * 3 + [Family.GAUSSIAN] * 2
    assert family(90, Amount(PURE, 10**6)) is Family.LAPLACE
    assert family(1, Amount(CONCENTRATED, 10**4)) is Family.GAUSSIAN


COUNT = Statistic("n", Ask.ROWS)


def test_replacing_a_person_costs_what_two_steps_cost() -> None:
    made = design([table(Influence(2, 1))], Amount(PURE, 10**6))
    assert charge(made.bundle, persons=2).micro == pytest.approx(2 * 10**6, rel=1e-5)


def test_bundles_that_are_none() -> None:
    laplace, gaussian = (Additive(f, 1.0, BOUNDS[0]) for f in Family)
    for accounting, mechanisms, delta in (
        (PURE, (), 0.0), (PURE, (gaussian,), 0.0), (PURE, (Threshold(Family.LAPLACE, 1.0, 5, BOUNDS[0]),), 0.0),
        (APPROXIMATE, (gaussian,), 0.0), (APPROXIMATE, (laplace,), 1e-9), (CONCENTRATED, (gaussian,), 1e-9),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            Bundle(accounting, mechanisms, delta)
    with pytest.raises(Invalid, match="costs"):
        design([], Amount(PURE, 1))
