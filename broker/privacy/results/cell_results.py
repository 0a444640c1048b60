"""The cells of a private output as they may be shown: every cell of the public domain, those under the display floor
without a figure. The floor looks at noisy counts only, so it tells nothing that was not paid for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from broker.domain.plans.scalars import Value
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import BlockKind, BlockReading
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.noise.noise_process import MechanismAnswer
from broker.privacy.private_tables import PrivateTable
from broker.privacy.results.noisy_answers import GroupingSetAnswers, NoisyCoordinates, answers_by_set
from broker.privacy.results.noisy_estimates import (
    EstimateColumn,
    NoisyEstimate,
    Weights,
    estimate_column,
    row_weights,
    statistic_row_weights,
)

Keys = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class GroupingSetResult:
    """What may be shown of one grouping set (the table's `sets[set]`), column by column: the keys of its cells, whether
    a cell is shown, and each statistic in order, not a number where it is not shown."""

    set: int
    keys: Sequence[Keys]
    shown: NDArray[np.bool_]
    columns: tuple[EstimateColumn, ...]


@dataclass(frozen=True, slots=True)
class CellResult:
    """One cell of it: the values of the keys, in the order of the dimensions; an estimate for each statistic in order,
    none where the cell is not shown."""

    set: int
    keys: Keys
    shown: bool
    estimates: tuple[NoisyEstimate, ...]


def results_by_set(
    design: MeasurementDesign,
    drawn: Sequence[MechanismAnswer],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[GroupingSetResult, ...]:
    """All cells of one table of a job, set by set.

    `observed`: by grouping set with keys that have no list, those that the data have, in the order in which they were
    measured; only those that the threshold let leave are used. None, or nothing, where the lists are public.
    """
    found = []
    for s, set_answers in enumerate(answers_by_set(design, drawn, table)):
        observed_keys = observed[s] if s < len(observed) else None
        keys = list(_cell_keys(design.tables[table], s, set_answers, observed_keys))
        found.append(_set_result(design, table, s, set_answers, keys, profile))
    return tuple(found)


def cell_results(
    design: MeasurementDesign,
    drawn: Sequence[MechanismAnswer],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[CellResult, ...]:
    """The same cell by cell."""
    found: list[CellResult] = []
    for result in results_by_set(design, drawn, table, profile, observed):
        estimates = zip(*(c.estimates() for c in result.columns), strict=True)
        rows = zip(result.keys, result.shown.tolist(), estimates, strict=True)
        found += [
            CellResult(result.set, keys, shown, cell_estimates if shown else ()) for keys, shown, cell_estimates in rows
        ]
    return tuple(found)


def _cell_keys(
    table: PrivateTable, s: int, set_answers: GroupingSetAnswers, observed: Sequence[Keys] | None
) -> Iterator[Keys]:
    if set_answers.keys is not None:
        yield from ((observed or ())[k] for k in set_answers.keys)
    else:
        yield from product(*(table.dimensions[i].values or () for i in table.sets[s]))


def _set_result(
    design: MeasurementDesign,
    table: int,
    s: int,
    set_answers: GroupingSetAnswers,
    keys: Sequence[Keys],
    profile: PrivacyProfile,
) -> GroupingSetResult:
    """A cell whose count is under the floor shows nothing; in others, a statistic of fewer rows is left out."""
    block_layout = design.layouts[table]
    counts = set_answers.blocks[block_layout.count_block] if set_answers.persons is None else set_answers.persons
    shown = _reaches_floor(counts, row_weights(counts.block), profile)
    return GroupingSetResult(
        s, keys, shown, tuple(_displayed_column(r, set_answers, shown, profile) for r in block_layout.readings)
    )


def _displayed_column(
    r: BlockReading, set_answers: GroupingSetAnswers, shown: NDArray[np.bool_], profile: PrivacyProfile
) -> EstimateColumn:
    """Where a cell has enough rows; of a choice there is no number. A ratio needs enough on both sides."""
    found = estimate_column(r, set_answers.blocks, profile.level)
    for part in r.parts or (r,):
        coordinates = set_answers.blocks[part.block]
        if coordinates.block.kind is not BlockKind.RANKS:
            shown = shown & _reaches_floor(
                coordinates, statistic_row_weights(part.statistic, coordinates.block), profile
            )
    values, low, high = (np.where(shown, side, np.nan) for side in (found.values, found.low, found.high))
    return replace(found, values=values, low=low, high=high)


def _reaches_floor(coordinates: NoisyCoordinates, weights: Weights, profile: PrivacyProfile) -> NDArray[np.bool_]:
    return np.asarray(coordinates.matrix() @ np.array(weights) >= profile.display_floor)
