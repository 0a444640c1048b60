"""The cells of a private output as they may be shown: every cell of the public domain, without figures below the
display floor. The floor reads noisy counts only, so it discloses nothing further."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from broker.domain.plans.scalars import Value
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import BlockKind, BlockLayout, BlockReading
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.private_tables import PrivateTable
from broker.privacy.results import noisy_estimates
from broker.privacy.results.noisy_answers import GroupingSetAnswers, NoisyCoordinates, answers_by_set

Keys = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class GroupingSetResult:
    """The displayable result of one grouping set (the table's `sets[set]`) by column: the keys of its cells, whether
    each cell is shown, and each statistic in order (NaN where not shown)."""

    set: int
    keys: Sequence[Keys]
    shown: NDArray[np.bool_]
    columns: tuple[noisy_estimates.EstimateColumn, ...]


def results_by_set(
    design: MeasurementDesign, drawn: Sequence[MechanismAnswer], table: int, profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[GroupingSetResult, ...]:  # fmt: skip
    """All cells of one table of a job, set by set.

    `observed`: for each grouping set with keys that have no list, the keys in the data, in the order in which they were
    measured. Only those released by the threshold are used. None, or absent, if the lists are public.
    """
    found = []
    for s, set_answers in enumerate(answers_by_set(design, drawn, table)):
        observed_keys = observed[s] if s < len(observed) else None
        # Released keys, or the public domain.
        keys = list(_cell_keys(design.tables[table], s, set_answers, observed_keys))
        found.append(GroupingSetResult(s, keys, *_displayed(design.layouts[table], set_answers, profile)))
    return tuple(found)


def _cell_keys(
    table: PrivateTable, s: int, set_answers: GroupingSetAnswers, observed: Sequence[Keys] | None
) -> Iterator[Keys]:
    if set_answers.keys is not None:
        yield from ((observed or ())[k] for k in set_answers.keys)
    else:
        yield from product(*(table.dimensions[i].values or () for i in table.sets[s]))


def _displayed(
    block_layout: BlockLayout, set_answers: GroupingSetAnswers, profile: PrivacyProfile
) -> tuple[NDArray[np.bool_], tuple[noisy_estimates.EstimateColumn, ...]]:
    """Hide cells whose count is below the floor, and in other cells each statistic with too few rows."""
    # For keys without a list, the count that the threshold saw.
    counts = set_answers.blocks[block_layout.count_block] if set_answers.persons is None else set_answers.persons
    shown = _reaches_floor(counts, noisy_estimates.row_weights(counts.block), profile)
    return shown, tuple(_displayed_column(r, set_answers, shown, profile) for r in block_layout.readings)


def _displayed_column(
    r: BlockReading, set_answers: GroupingSetAnswers, shown: NDArray[np.bool_], profile: PrivacyProfile
) -> noisy_estimates.EstimateColumn:
    """A statistic where its cell has enough rows. A quantile has no count of its own; a ratio needs enough rows on both
    sides."""
    found = noisy_estimates.estimate_column(r, set_answers.blocks, profile.level)
    for part in r.parts or (r,):
        coordinates = set_answers.blocks[part.block]
        if coordinates.block.kind is not BlockKind.RANKS:
            shown = shown & _reaches_floor(
                coordinates, noisy_estimates.statistic_row_weights(part.statistic, coordinates.block), profile
            )
    # Hidden together.
    values, low, high = (np.where(shown, side, np.nan) for side in (found.values, found.low, found.high))
    return replace(found, values=values, low=low, high=high)


def _reaches_floor(
    coordinates: NoisyCoordinates, weights: noisy_estimates.Weights, profile: PrivacyProfile
) -> NDArray[np.bool_]:
    return np.asarray(coordinates.combined(weights) >= profile.display_floor)
