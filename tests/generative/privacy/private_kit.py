"""Short ways to a table, a profile and noisy answers, for properties of whole private outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from broker.policy.files.privacy_files import load_promises_and_profiles
from broker.privacy.block_layout import Block
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.measurements import draw
from broker.privacy.mechanisms import Threshold
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.private_tables import (
    Argument,
    Clamp,
    Dimension,
    Influence,
    PrivateMeasure,
    PrivateStatistic,
    PrivateTable,
)

POLICIES = load_promises_and_profiles(Path(__file__).parents[3] / "policies" / "privacy")
PROFILE = POLICIES.profile("npd-private")
ATT8 = Argument("att8", Clamp(0, 9000, 100), complete=True)
ONCE = Influence(1, 1)
COUNT, MEAN = PrivateStatistic("n", PrivateMeasure.ROWS), PrivateStatistic("att8", PrivateMeasure.MEAN, "att8")


def table(
    lengths: Sequence[int],
    statistics: Sequence[PrivateStatistic] = (COUNT, MEAN),
    sets: Sequence[tuple[int, ...]] | None = None,
    influence: Influence = ONCE,
    arguments: Sequence[Argument] = (ATT8,),
    public: tuple[int, ...] | None = None,
) -> PrivateTable:
    dimensions = tuple(Dimension(f"d{i}", tuple(range(n))) for i, n in enumerate(lengths))
    chosen = (tuple(range(len(lengths))),) if sets is None else tuple(sets)
    return PrivateTable("t", "pupil", dimensions, chosen, influence, tuple(arguments), tuple(statistics), public)


def exact_powers(block: Block, cell: Any, x: Any, cells: int) -> list[int]:
    """The exact vector of a block of complete numbers, from arrays of cells and values, one row a person."""
    if block.argument is None:
        return list(map(int, np.bincount(cell, minlength=cells)))
    rows = np.clip(x, block.required_clamp.low, block.required_clamp.high)
    below, above = block.required_clamp.high - rows, rows - block.required_clamp.low
    parts = {0: [np.ones_like(rows)], 1: [below, above], 2: [below**2, 2 * below * above, above**2]}[block.degree]
    found = np.zeros((cells, block.width), dtype=np.int64)
    for k, part in enumerate(parts):
        np.add.at(found[:, k], cell, part)
    return list(map(int, found.reshape(-1)))


def drawn(design: MeasurementDesign, exact: Sequence[Any]) -> tuple[MechanismAnswer, ...]:
    """Noise by the same measurement as in the noise process, in this one."""
    answers = tuple(
        dict(enumerate(e)) if isinstance(m, Threshold) else e
        for m, e in zip(design.bundle.mechanisms, exact, strict=True)
    )
    return tuple(
        MechanismAnswer([v for _, v in sorted(n.items())], sorted(n)) if isinstance(n, dict) else MechanismAnswer(n)
        for n in draw(design.bundle, answers)
    )
