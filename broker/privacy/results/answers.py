"""Noisy answers by cell: what the noise process gave, put back to tables, with margins that agree. No statistic yet."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.privacy.blocks import Block, Kind
from broker.privacy.design import Design, Part, deviation
from broker.privacy.mechanisms import Family, Selection
from broker.privacy.noise.client import Drawn
from broker.privacy.results.fitted import fitted
from broker.privacy.results.intervals import LAPLACE_EXCESS, Noise
from broker.privacy.results.margins import consistent


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Noisy coordinates of a block in one grouping set, `width` to a cell, cells in order.

    `chosen`, of RANKS: the position of the chosen point by cell; then there are no values, and the noise is the scale
    of the choice.
    `whole`: integers still, with integer noise.
    """

    block: Block
    values: Sequence[float]
    noise: Noise
    chosen: Sequence[int] = ()
    whole: bool = True

    def matrix(self) -> NDArray[np.float64]:
        """A row a cell."""
        return np.array(self.values, dtype=np.float64).reshape(-1, self.block.width)


@dataclass(frozen=True, slots=True)
class SetAnswers:
    """One grouping set: its blocks in order; `keys`: positions of the keys that leave, None where the list is public;
    `persons`: their noisy counts of persons."""

    blocks: tuple[Coordinates, ...]
    keys: Sequence[int] | None = None
    persons: Coordinates | None = None


def answers(design: Design, drawn: Sequence[Drawn], table: int) -> tuple[SetAnswers, ...]:
    """The answers of one table of a job, by grouping set."""
    found = {p: _coordinates(design, p, d) for p, d in zip(design.parts, drawn, strict=True) if p.table == table}
    if len(design.tables[table].sets) > 1 and design.tables[table].listed:
        found = _agreeing(design, table, found)
    keys = {p.set: d.keys for p, d in zip(design.parts, drawn, strict=True) if p.table == table and p.block is None}
    return tuple(
        SetAnswers(
            tuple(found[Part(table, s, b)] for b in range(len(design.layouts[table].blocks))),
            keys.get(s),
            found.get(Part(table, s, None)),
        )
        for s in range(len(design.tables[table].sets))
    )


def noise_of(design: Design, part: Part) -> Noise:
    """Of one coordinate, as it is drawn; of a choice, its scale."""
    mechanism = design.mechanism(part)
    if isinstance(mechanism, Selection):
        return Noise(mechanism.scale)
    return Noise(deviation(mechanism), LAPLACE_EXCESS if mechanism.family is Family.LAPLACE else 0.0)


def _coordinates(design: Design, part: Part, drawn: Drawn) -> Coordinates:
    block, noise = design.block(part), noise_of(design, part)
    if isinstance(design.mechanism(part), Selection):
        return Coordinates(block, (), noise, chosen=drawn.values)
    return Coordinates(block, drawn.values, noise)


def _agreeing(design: Design, table: int, found: dict[Part, Coordinates]) -> dict[Part, Coordinates]:
    """Each coordinate of each block, fitted over all grouping sets. Choices stay as they are."""
    asked = design.tables[table]
    lengths = [len(d.values or ()) for d in asked.dimensions]
    agreed = dict(found)
    for b, block in enumerate(design.layouts[table].blocks):
        if block.kind is Kind.RANKS:
            continue
        parts = {tuple(asked.sets[s]): Part(table, s, b) for s in range(len(asked.sets))}
        noises = fitted(lengths, {s: found[p].noise for s, p in parts.items()})
        columns = []
        for k in range(block.width):
            margins = {s: (_integers(found[p], k), found[p].noise.deviation ** 2) for s, p in parts.items()}
            columns.append(consistent(lengths, margins))
        for s, p in parts.items():
            values = [v for cell in zip(*(c[s] for c in columns), strict=True) for v in cell]
            agreed[p] = Coordinates(block, values, noises[s], whole=False)
    return agreed


def _integers(of: Coordinates, coordinate: int) -> list[int]:
    return [int(v) for v in of.values[coordinate :: of.block.width]]
