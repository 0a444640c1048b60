"""Noisy answers by cell: the noise process's answers assigned to tables, with consistent margins. No statistics yet."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from broker.privacy.block_layout import Block, BlockKind
from broker.privacy.measurement_design import DesignPart, MeasurementDesign, noise_deviation
from broker.privacy.mechanisms import Mechanism, NoiseFamily, Selection
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.results.consistent_margins import fit_margins, fitted_noise
from broker.privacy.results.noise_intervals import LAPLACE_KURTOSIS, Floats, NoiseMoments


@dataclass(frozen=True, slots=True)
class NoisyCoordinates:
    """Noisy coordinates of a block in one grouping set: `width` for each cell, cells in order.

    `chosen`, for RANKS: the position of the chosen point by cell; then there are no values, and the noise is the scale
    of the choice. `is_integer`: values are still integers with integer noise.
    """

    block: Block
    values: Sequence[float]
    noise: NoiseMoments
    chosen: Sequence[int] = ()
    is_integer: bool = True

    def matrix(self) -> Floats:
        """A (cells, width) float array."""
        return np.array(self.values, dtype=np.float64).reshape(-1, self.block.width)

    def combined(self, weights: Sequence[float]) -> Floats:
        """A linear combination of the coordinates of each cell."""
        return np.asarray(self.matrix() @ np.array(weights), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class GroupingSetAnswers:
    """One grouping set: its blocks in order. `keys`: positions of the released keys, None if the list is public.
    `persons`: the noisy counts of persons for these keys."""

    blocks: tuple[NoisyCoordinates, ...]
    keys: Sequence[int] | None = None
    persons: NoisyCoordinates | None = None


def answers_by_set(
    design: MeasurementDesign, drawn: Sequence[MechanismAnswer], table: int
) -> tuple[GroupingSetAnswers, ...]:
    """The answers of one table of a job, by grouping set."""
    by_part = {p: _coordinates(design, p, d) for p, d in zip(design.parts, drawn, strict=True) if p.table == table}
    # Only margins over public lists cover the same cells, so only they can be fitted.
    if len(design.tables[table].sets) > 1 and design.tables[table].listed:
        by_part = _fitted_coordinates(design, table, by_part)
    keys = {p.set: d.keys for p, d in zip(design.parts, drawn, strict=True) if p.table == table and p.block is None}
    found = []
    for s in range(len(design.tables[table].sets)):
        blocks = tuple(by_part[DesignPart(table, s, b)] for b in range(len(design.layouts[table].blocks)))
        found.append(GroupingSetAnswers(blocks, keys.get(s), by_part.get(DesignPart(table, s, None))))
    return tuple(found)


def mechanism_noise(mechanism: Mechanism) -> NoiseMoments:
    """The noise of one coordinate as drawn; for a choice, its scale."""
    if isinstance(mechanism, Selection):
        return NoiseMoments(mechanism.scale)
    return NoiseMoments(
        noise_deviation(mechanism), LAPLACE_KURTOSIS if mechanism.family is NoiseFamily.LAPLACE else 0.0
    )


def _coordinates(design: MeasurementDesign, part: DesignPart, drawn: MechanismAnswer) -> NoisyCoordinates:
    block, mechanism = design.block(part), design.mechanism(part)
    noise = mechanism_noise(mechanism)
    if isinstance(mechanism, Selection):
        return NoisyCoordinates(block, (), noise, chosen=drawn.values)
    return NoisyCoordinates(block, drawn.values, noise)


def _fitted_coordinates(
    design: MeasurementDesign, table: int, by_part: dict[DesignPart, NoisyCoordinates]
) -> dict[DesignPart, NoisyCoordinates]:
    """Fit each coordinate of each block over all grouping sets. Choices stay unchanged."""
    private_table = design.tables[table]
    lengths = [len(d.values or ()) for d in private_table.dimensions]
    agreed = dict(by_part)
    for b, block in enumerate(design.layouts[table].blocks):
        if block.kind is BlockKind.RANKS:
            continue
        parts = {tuple(private_table.sets[s]): DesignPart(table, s, b) for s in range(len(private_table.sets))}
        noises = fitted_noise(lengths, {s: by_part[p].noise for s, p in parts.items()})
        columns = []
        for k in range(block.width):
            drawn = {s: [int(v) for v in by_part[p].values[k :: block.width]] for s, p in parts.items()}
            margins = {s: (drawn[s], by_part[p].noise.deviation ** 2) for s, p in parts.items()}
            columns.append(fit_margins(lengths, margins))
        for s, p in parts.items():
            values = [v for cell in zip(*(c[s] for c in columns), strict=True) for v in cell]
            agreed[p] = NoisyCoordinates(block, values, noises[s], is_integer=False)
    return agreed
