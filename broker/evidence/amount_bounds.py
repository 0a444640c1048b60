"""The least and the greatest amount that one row can add, by the catalogue."""

from decimal import Decimal
from functools import lru_cache

from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import Value
from broker.postprocessing.exact_arithmetic import as_number

AmountBounds = tuple[Decimal, Decimal]
"""The least and the greatest amount of one row, without a written factor and offset."""


def amount_bounds(statistic: PlannedStatistic) -> AmountBounds | None:
    """By the catalogue, if both bounds are known: of one row, or of a total of several."""
    bounds = statistic.bounds or statistic.made_bounds
    return None if bounds is None or None in bounds else _without_scale(bounds, statistic.scale)


@lru_cache(maxsize=1024)
def _without_scale(bounds: tuple[Value, Value], scale: tuple[Decimal, Decimal]) -> AmountBounds:
    """Asked of each cell anew, and the same for all."""
    factor, offset = scale
    low, high = sorted((Decimal(as_number(bound)) - offset) / factor for bound in bounds)
    return low, high
