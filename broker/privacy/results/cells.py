"""The cells of a private output as they may be shown: every cell of the public domain, those under the display floor
without a figure. The floor looks at noisy counts only, so it tells nothing that was not paid for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from broker.domain.scalars import Value
from broker.policy.privacy import PrivacyProfile
from broker.privacy.blocks import Kind
from broker.privacy.design import Design
from broker.privacy.layout import Reading
from broker.privacy.noise.client import Drawn
from broker.privacy.results.answers import Coordinates, SetAnswers, answers
from broker.privacy.results.estimates import Column, Estimate, column_of
from broker.privacy.results.weights import Weights, rows_weights, weights_of
from broker.privacy.tables import PrivateTable

Keys = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What may be shown of one grouping set (the table's `sets[set]`), column by column: the keys of its cells, whether
    a cell is shown, and each statistic in order, not a number where it is not shown."""

    set: int
    keys: Sequence[Keys]
    shown: NDArray[np.bool_]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of it: the values of the keys, in the order of the dimensions; an estimate for each statistic in order,
    none where the cell is not shown."""

    set: int
    keys: Keys
    shown: bool
    estimates: tuple[Estimate, ...]


def told(
    design: Design,
    drawn: Sequence[Drawn],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[Told, ...]:
    """All cells of one table of a job, set by set.

    `observed`: by grouping set with keys that have no list, those that the data have, in the order in which they were
    measured; only those that the threshold let leave are used. None, or nothing, where the lists are public.
    """
    found = []
    for s, answered in enumerate(answers(design, drawn, table)):
        given = observed[s] if s < len(observed) else None
        keys = list(_keys(design.tables[table], s, answered, given))
        found.append(_told(design, table, s, answered, keys, profile))
    return tuple(found)


def cells(
    design: Design,
    drawn: Sequence[Drawn],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[Cell, ...]:
    """The same cell by cell."""
    found: list[Cell] = []
    for of in told(design, drawn, table, profile, observed):
        estimates = zip(*(c.estimates() for c in of.columns), strict=True)
        rows = zip(of.keys, of.shown.tolist(), estimates, strict=True)
        found += [Cell(of.set, keys, shown, told if shown else ()) for keys, shown, told in rows]
    return tuple(found)


def _keys(table: PrivateTable, s: int, answered: SetAnswers, observed: Sequence[Keys] | None) -> Iterator[Keys]:
    if answered.keys is not None:
        yield from ((observed or ())[k] for k in answered.keys)
    else:
        yield from product(*(table.dimensions[i].values or () for i in table.sets[s]))


def _told(
    design: Design, table: int, s: int, answered: SetAnswers, keys: Sequence[Keys], profile: PrivacyProfile
) -> Told:
    """A cell whose count is under the floor shows nothing; in others, a statistic of fewer rows is left out."""
    found = design.layouts[table]
    of_all = answered.blocks[found.count] if answered.persons is None else answered.persons
    shown = _enough(of_all, rows_weights(of_all.block), profile)
    return Told(s, keys, shown, tuple(_column(r, answered, shown, profile) for r in found.readings))


def _column(r: Reading, answered: SetAnswers, shown: NDArray[np.bool_], profile: PrivacyProfile) -> Column:
    """Where a cell has enough rows; of a choice there is no number. A ratio needs enough on both sides."""
    found = column_of(r, answered.blocks, profile.level)
    for part in r.parts or (r,):
        of = answered.blocks[part.block]
        if of.block.kind is not Kind.RANKS:
            shown = shown & _enough(of, weights_of(part.statistic, of.block), profile)
    values, low, high = (np.where(shown, side, np.nan) for side in (found.values, found.low, found.high))
    return replace(found, values=values, low=low, high=high)


def _enough(of: Coordinates, weights: Weights, profile: PrivacyProfile) -> NDArray[np.bool_]:
    return np.asarray(of.matrix() @ np.array(weights) >= profile.display_floor)
