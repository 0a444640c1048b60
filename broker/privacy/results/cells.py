"""The cells of a private output as they may be shown: every cell of the public domain, those under the display floor
without a figure. The floor looks at noisy counts only, so it tells nothing that was not paid for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from broker.domain.scalars import Value
from broker.policy.privacy import PrivacyProfile
from broker.privacy.design import Design
from broker.privacy.noise.client import Drawn
from broker.privacy.results.answers import Coordinates, SetAnswers, answers
from broker.privacy.results.estimates import Estimate, count_weights, counted, estimate, rows_weights
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
    asked = design.tables[table]
    found = []
    for s, answered in enumerate(answers(design, drawn, table)):
        given = observed[s] if s < len(observed) else None
        for position, keys in enumerate(_keys(asked, s, answered, given)):
            found.append(_cell(design, table, s, answered, position, keys, profile))
    return tuple(found)


def _keys(table: PrivateTable, s: int, answered: SetAnswers, observed: Sequence[Keys] | None) -> Iterator[Keys]:
    if answered.keys is not None:
        yield from ((observed or ())[k] for k in answered.keys)
    else:
        yield from product(*(table.dimensions[i].values or () for i in table.sets[s]))


def _cell(
    design: Design, table: int, s: int, answered: SetAnswers, position: int, keys: Keys, profile: PrivacyProfile
) -> Cell:
    found = design.layouts[table]
    if _floor(answered, found.count, position) < profile.display_floor:
        return Cell(s, keys, False, ())
    told = []
    for r in found.readings:
        beside = None if r.beside is None else answered.blocks[r.beside]
        told.append(estimate(r.statistic, answered.blocks[r.block], position, profile.level, beside))
    return Cell(s, keys, True, tuple(told))


def _floor(answered: SetAnswers, block: int, position: int) -> float:
    """The noisy count that decides; of persons where keys were let leave by it."""
    of: Coordinates = answered.blocks[block] if answered.persons is None else answered.persons
    weights = rows_weights(of.block) if of.block.argument is None else count_weights(of.block)
    return counted(of, position, weights, 0.5).value or 0.0
