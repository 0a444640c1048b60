"""Margins that agree: equal to a least-squares fit by an independent solver, never worse than what was measured, and
exactly consistent."""

import itertools

import numpy as np
import pytest
from private_kit import COUNT, MEAN, PROFILE, drawn, table

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.privacy.measurement_design import design_measurement
from broker.privacy.results.consistent_margins import fit_margins, fitted_noise
from broker.privacy.results.noise_intervals import NoiseMoments
from broker.privacy.results.noisy_answers import answers_by_set
from tests.oracles.private_cells import cell_results
from tests.proof_size import SEED, size

SETS = [((0, 1), (0,), (1,), ()), ((0, 1), ()), ((0, 2), (1, 2)), ((0, 1, 2), (0, 1), (2,)), ((0,), (1,), (2,))]
LENGTHS = (3, 4, 2)


def design_matrix(s: tuple[int, ...]) -> np.ndarray:
    """From the full table to the margin of a set."""
    cells = list(itertools.product(*(range(n) for n in LENGTHS)))
    rows = list(itertools.product(*(range(LENGTHS[i]) for i in s)))
    return np.array([[float(all(c[i] == r[k] for k, i in enumerate(s))) for c in cells] for r in rows])


@pytest.mark.parametrize("sets", SETS)
def test_the_fit_is_the_least_squares_fit(sets: tuple[tuple[int, ...], ...]) -> None:
    rng = np.random.default_rng(SEED)
    for _ in range(size("FITS", 5)):
        variances = {s: float(rng.choice([0.5, 2, 30])) for s in sets}
        noisy = {s: list(map(int, rng.integers(-50, 200, design_matrix(s).shape[0]))) for s in sets}
        found = fit_margins(LENGTHS, {s: (noisy[s], variances[s]) for s in sets})
        weighted = np.vstack([design_matrix(s) / variances[s] ** 0.5 for s in sets])
        target = np.concatenate([np.array(noisy[s]) / variances[s] ** 0.5 for s in sets])
        best = np.linalg.lstsq(weighted, target, rcond=None)[0]
        covariance = np.linalg.pinv(weighted.T @ weighted)
        noises = fitted_noise(LENGTHS, {s: NoiseMoments(v**0.5, 3.0) for s, v in variances.items()})
        for s in sets:
            a = design_matrix(s)
            assert np.allclose(found[s], a @ best, atol=1e-3)
            assert noises[s].deviation ** 2 == pytest.approx(float((a @ covariance @ a.T)[0, 0]), rel=1e-5)
            assert noises[s].deviation ** 2 <= variances[s] * (1 + 1e-9)
            by_noise = (a @ covariance @ weighted.T)[0]  # of noises of variance one, Laplace each
            assert noises[s].excess == pytest.approx(3 * sum(by_noise**4) / sum(by_noise**2) ** 2, rel=1e-4)


def test_margins_of_an_output_add_up_and_are_the_same_each_time() -> None:
    asked = table((3, 4), (COUNT, MEAN), sets=((0, 1), (0,), ()))
    made = design_measurement([asked], PrivacyAmount(Accounting.PURE, 500_000))
    widths = [made.layouts[0].blocks[0].width * n for n in (12, 3, 1)]
    noisy = drawn(made, [[50_000] * w for w in widths])
    one, two = answers_by_set(made, noisy, 0), answers_by_set(made, noisy, 0)
    assert one == two
    fine, la, all_ = (s.blocks[0] for s in one)
    for k in range(fine.block.width):
        assert [sum(fine.matrix()[4 * i + j][k] for j in range(4)) for i in range(3)] == pytest.approx(
            [la.matrix()[i][k] for i in range(3)], abs=1e-6
        )
        assert sum(la.matrix()[i][k] for i in range(3)) == pytest.approx(all_.matrix()[0][k], abs=1e-6)
    assert len(cell_results(made, noisy, 0, PROFILE)) == 16
