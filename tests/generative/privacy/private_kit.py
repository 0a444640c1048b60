"""Short ways to a table, a profile and noisy answers, for properties of whole private outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from broker.policy.files.privacy import load_privacy
from broker.privacy.blocks import Block
from broker.privacy.design import Design
from broker.privacy.measurements import draw
from broker.privacy.mechanisms import Threshold
from broker.privacy.noise.client import Drawn
from broker.privacy.tables import Argument, Ask, Clamp, Dimension, Influence, PrivateTable, Statistic

POLICIES = load_privacy(Path(__file__).parents[3] / "policies" / "privacy")
PROFILE = POLICIES.profile("npd-private")
ATT8 = Argument("att8", Clamp(0, 9000, 100), complete=True)
ONCE = Influence(1, 1)
COUNT, MEAN = Statistic("n", Ask.ROWS), Statistic("att8", Ask.MEAN, "att8")


def table(
    lengths: Sequence[int],
    statistics: Sequence[Statistic] = (COUNT, MEAN),
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
    rows = np.clip(x, block.cut.low, block.cut.high)
    below, above = block.cut.high - rows, rows - block.cut.low
    parts = {0: [np.ones_like(rows)], 1: [below, above], 2: [below**2, 2 * below * above, above**2]}[block.degree]
    found = np.zeros((cells, block.width), dtype=np.int64)
    for k, part in enumerate(parts):
        np.add.at(found[:, k], cell, part)
    return list(map(int, found.reshape(-1)))


def drawn(design: Design, exact: Sequence[Any]) -> tuple[Drawn, ...]:
    """Noise by the same measurement as in the noise process, in this one."""
    answers = tuple(
        dict(enumerate(e)) if isinstance(m, Threshold) else e
        for m, e in zip(design.bundle.mechanisms, exact, strict=True)
    )
    return tuple(
        Drawn([v for _, v in sorted(n.items())], sorted(n)) if isinstance(n, dict) else Drawn(n)
        for n in draw(design.bundle, answers)
    )
