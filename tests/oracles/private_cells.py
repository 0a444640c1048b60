"""Private measurements as tests read them: what one row adds to a block, by definition, and results cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import Block
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.results.cell_results import Keys, results_by_set
from broker.privacy.results.noise_intervals import Floats
from broker.privacy.results.noisy_estimates import EstimateColumn


def row_coordinates(block: Block, value: int | None) -> tuple[int, ...]:
    """What one row adds to the coordinates of its cell: the definition that rendered SQL is compared with. `value` is
    its x in steps, None if it has none. Not for RANKS, which are not sums (see `rank_scores`)."""
    gap = (0,) * (block.width - block.missing)
    if block.argument is not None and value is None:
        return (*gap, block.row_total) if block.missing else gap
    x = 0 if value is None else value
    parts = _value_coordinates(block, min(max(x, block.clamp.low), block.clamp.high) if block.clamp else x)
    return (*parts, 0) if block.missing else parts


def _value_coordinates(block: Block, x: int) -> tuple[int, ...]:
    if block.degree == 0:
        return (1,)
    to_high, from_low = block.required_clamp.high - x, x - block.required_clamp.low
    # Bernstein basis: coordinates of a row have a constant sum.
    return (to_high, from_low) if block.degree == 1 else (to_high**2, 2 * to_high * from_low, from_low**2)


@dataclass(frozen=True)
class Interval:
    """Ends in the units of the value; None: no bound on that side."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """One figure of one cell. A value of None is unknown (nothing to divide by)."""

    value: float | None
    interval: Interval
    ranks: float | None = None


@dataclass(frozen=True)
class CellResult:
    """One cell of a grouping set, with an estimate for each statistic in order; none if the cell is not shown."""

    set: int
    keys: Keys
    shown: bool
    estimates: tuple[Estimate, ...]


def cell_results(
    design: MeasurementDesign,
    drawn: Sequence[MechanismAnswer],
    table: int,
    profile: PrivacyProfile,
    observed: Sequence[Sequence[Keys] | None] = (),
) -> tuple[CellResult, ...]:
    """The results of `results_by_set`, cell by cell."""
    return tuple(
        CellResult(result.set, keys, shown, estimates if shown else ())
        for result in results_by_set(design, drawn, table, profile, observed)
        for keys, shown, estimates in zip(
            result.keys, result.shown.tolist(), zip(*map(_estimates, result.columns), strict=True), strict=True
        )
    )


def _estimates(column: EstimateColumn) -> list[Estimate]:
    found = zip(*map(_none_for_nan, (column.values, column.low, column.high)), strict=True)
    unknown = Estimate(None, Interval(None, None))
    return [
        unknown if value is None else Estimate(value, Interval(low, high), column.ranks) for value, low, high in found
    ]


def _none_for_nan(numbers: Floats) -> list[float | None]:
    return [None if n != n else n for n in numbers.tolist()]
