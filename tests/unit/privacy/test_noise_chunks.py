"""Long noise vectors are drawn in parallel chunks: in order, chunk by chunk, with the noise and charge of the whole."""

import os

import numpy as np
import pytest
from numpy.typing import NDArray

from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.measurements import charge, draw
from broker.privacy.measurements.mechanism_measurements import MIN_CHUNK
from broker.privacy.mechanisms import Additive, MechanismBundle, NoiseFamily
from broker.privacy.sensitivity import Sensitivity

BOUNDS = Sensitivity(1, 1, 1, 1)
BUNDLES = {
    NoiseFamily.LAPLACE: MechanismBundle(Accounting.PURE, (Additive(NoiseFamily.LAPLACE, 5.0, BOUNDS),)),
    NoiseFamily.GAUSSIAN: MechanismBundle(Accounting.CONCENTRATED, (Additive(NoiseFamily.GAUSSIAN, 5.0, BOUNDS),)),
}
HANDS = 4
APART = 10_000


@pytest.fixture(autouse=True)
def _several_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine this is."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(HANDS)))


def noise(family: NoiseFamily, length: int) -> NDArray[np.int64]:
    """Each coordinate is far from all others, so that it says where it belongs."""
    exact = [APART * i for i in range(length)]
    (found,) = draw(BUNDLES[family], (exact,))
    assert len(found) == length
    return np.array(found) - np.array(exact)


@pytest.mark.parametrize("family", NoiseFamily)
@pytest.mark.parametrize(
    "length", [0, 1, *(n * MIN_CHUNK + more for n, more in ((1, 0), (2, -1), (2, 0), (3, 1), (9, 0)))]
)
def test_every_coordinate_is_in_its_place(family: NoiseFamily, length: int) -> None:
    assert (np.abs(noise(family, length)) < APART / 2).all()


@pytest.mark.parametrize(("family", "deviation"), [(NoiseFamily.LAPLACE, 5.0 * 2**0.5), (NoiseFamily.GAUSSIAN, 5.0)])
def test_pieces_are_drawn_by_themselves(family: NoiseFamily, deviation: float) -> None:
    """Two that had one state would have the same noise, or some that goes together."""
    size = 8 * MIN_CHUNK
    pieces = noise(family, HANDS * size).reshape(HANDS, size)
    assert pieces.std(axis=1) == pytest.approx([deviation] * HANDS, rel=0.1)
    apart = np.corrcoef(pieces)[~np.eye(HANDS, dtype=bool)]
    assert np.abs(apart).max() < 6 / size**0.5


def test_the_charge_is_that_of_the_whole() -> None:
    for bundle in BUNDLES.values():
        before = charge(bundle)
        draw(bundle, ([0] * (HANDS * MIN_CHUNK),))
        assert charge(bundle) == before
