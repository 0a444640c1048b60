"""The cells of a private output as they may be shown: every cell of the public domain, those under the display floor
without a figure. The floor looks at noisy counts only, so it tells nothing that was not paid for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from broker.domain.scalars import Value
from broker.policy.privacy import PrivacyProfile
from broker.privacy.blocks import Kind
from broker.privacy.design import Design
from broker.privacy.layout import Reading
from broker.privacy.noise.client import Drawn
from broker.privacy.results.answers import Coordinates, SetAnswers, answers
from broker.privacy.results.estimates import UNKNOWN, Estimate, column_of
from broker.privacy.results.weights import Weights, rows_weights, weights_of
from broker.privacy.tables import PrivateTable

Keys = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the values of the keys of its grouping set (the table's `sets[set]`), in the order of the dimensions;
    an estimate for each statistic in order, none where it is not shown."""

    set: int
    keys: Keys
    shown: bool
    estimates: tuple[Estimate, ...]


def cells(
    design: Design,
    drawn: Sequence[Drawn],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[Cell, ...]:
    """All cells of one table of a job, set by set.

    `observed`: by grouping set with keys that have no list, those that the data have, in the order in which they were
    measured; only those that the threshold let leave are used. None, or nothing, where the lists are public.
    """
    found = []
    for s, answered in enumerate(answers(design, drawn, table)):
        given = observed[s] if s < len(observed) else None
        keys = list(_keys(design.tables[table], s, answered, given))
        found += _cells(design, table, s, answered, keys, profile)
    return tuple(found)


def _keys(table: PrivateTable, s: int, answered: SetAnswers, observed: Sequence[Keys] | None) -> Iterator[Keys]:
    if answered.keys is not None:
        yield from ((observed or ())[k] for k in answered.keys)
    else:
        yield from product(*(table.dimensions[i].values or () for i in table.sets[s]))


def _cells(
    design: Design, table: int, s: int, answered: SetAnswers, keys: Sequence[Keys], profile: PrivacyProfile
) -> list[Cell]:
    """A cell whose count is under the floor shows nothing; in others, a statistic of fewer rows is left out."""
    found = design.layouts[table]
    of_all = answered.blocks[found.count] if answered.persons is None else answered.persons
    shown = _enough(of_all, rows_weights(of_all.block), profile)
    columns = [_estimates(r, answered, profile) for r in found.readings]
    return [
        Cell(s, k, enough, estimates if enough else ())
        for k, enough, estimates in zip(keys, shown, zip(*columns, strict=True), strict=True)
    ]


def _estimates(r: Reading, answered: SetAnswers, profile: PrivacyProfile) -> list[Estimate]:
    found = column_of(r, answered.blocks, profile.level).estimates()
    enough = zip(*(_told(part, answered, profile) for part in r.parts or (r,)), strict=True)
    return [e if all(many) else UNKNOWN for e, many in zip(found, enough, strict=True)]


def _told(r: Reading, answered: SetAnswers, profile: PrivacyProfile) -> list[bool]:
    """Cells with enough rows; of a choice there is no number."""
    of = answered.blocks[r.block]
    if of.block.kind is Kind.RANKS:
        return [True] * len(of.chosen)
    return _enough(of, weights_of(r.statistic, of.block), profile)


def _enough(of: Coordinates, weights: Weights, profile: PrivacyProfile) -> list[bool]:
    return [bool(n >= profile.display_floor) for n in of.matrix() @ np.array(weights)]
