"""Long vectors are drawn in pieces side by side: in order, each piece by itself, with noise and charge of the whole."""

import os

import numpy as np
import pytest
from numpy.typing import NDArray

from broker.domain.amounts import Accounting
from broker.privacy.bounds import Sensitivity
from broker.privacy.measurements import charge, draw
from broker.privacy.measurements.pieces import SHORTEST
from broker.privacy.mechanisms import Additive, Bundle, Family

BOUNDS = Sensitivity(1, 1, 1, 1)
BUNDLES = {
    Family.LAPLACE: Bundle(Accounting.PURE, (Additive(Family.LAPLACE, 5.0, BOUNDS),)),
    Family.GAUSSIAN: Bundle(Accounting.CONCENTRATED, (Additive(Family.GAUSSIAN, 5.0, BOUNDS),)),
}
HANDS = 4
APART = 10_000


@pytest.fixture(autouse=True)
def _several_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine this is."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(HANDS)))


def noise(family: Family, length: int) -> NDArray[np.int64]:
    """Each coordinate is far from all others, so that it says where it belongs."""
    exact = [APART * i for i in range(length)]
    (found,) = draw(BUNDLES[family], (exact,))
    assert len(found) == length
    return np.array(found) - np.array(exact)


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("length", [0, 1, SHORTEST, 2 * SHORTEST - 1, 2 * SHORTEST, 3 * SHORTEST + 1, 9 * SHORTEST])
def test_every_coordinate_is_in_its_place(family: Family, length: int) -> None:
    assert (np.abs(noise(family, length)) < APART / 2).all()


@pytest.mark.parametrize(("family", "deviation"), [(Family.LAPLACE, 5.0 * 2**0.5), (Family.GAUSSIAN, 5.0)])
def test_pieces_are_drawn_by_themselves(family: Family, deviation: float) -> None:
    """Two that had one state would have the same noise, or some that goes together."""
    size = 8 * SHORTEST
    pieces = noise(family, HANDS * size).reshape(HANDS, size)
    assert pieces.std(axis=1) == pytest.approx([deviation] * HANDS, rel=0.1)
    apart = np.corrcoef(pieces)[~np.eye(HANDS, dtype=bool)]
    assert np.abs(apart).max() < 6 / size**0.5


def test_the_charge_is_that_of_the_whole() -> None:
    for bundle in BUNDLES.values():
        before = charge(bundle)
        draw(bundle, ([0] * (HANDS * SHORTEST),))
        assert charge(bundle) == before
