"""Which bands of a quasi-identifier are coarse enough to be values like others."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

Cut = tuple[Decimal, int]
"""Where two bands meet: below a value (0), or above it (1)."""


@dataclass(frozen=True, slots=True)
class BandRules:
    """Bands of a number have edges at multiples of `grid`, at least `width` apart; those of a date are made of whole
    periods of `months` calendar months. None: no band is coarse enough. `low`, `high`: ends of the number."""

    grid: Decimal | None
    width: Decimal | None
    months: int | None
    low: Decimal | None
    high: Decimal | None

    @classmethod
    def of(
        cls, grid: float | None, width: float | None, months: int | None, low: float | None, high: float | None
    ) -> "BandRules":
        exact = [None if n is None else Decimal(repr(n)) for n in (grid, width, low, high)]
        return cls(exact[0], exact[1], months, exact[2], exact[3])

    def is_on_grid(self, edge: Decimal) -> bool:
        """Whether a band may have an edge there."""
        return self.grid is not None and not edge % self.grid

    def are_wide_enough(self, cuts: Iterable[Cut]) -> bool:
        """Whether bands with these cuts are wide enough, also the first and the last. Cuts on both sides of a value
        leave that value alone."""
        if self.width is None:
            return False
        ends = set[Cut]()
        if self.low is not None and self.high is not None:
            ends = {(self.low, 0), (self.high, 1)}
        inside = [c for c in cuts if not ends or min(ends) <= c <= max(ends)]
        return all(b[0] - a[0] >= self.width for a, b in pairwise(sorted({*inside, *ends})))

    def has_whole_periods(self, months: int) -> bool:
        """Whether something that changes only every so many months is coarse enough."""
        return self.months is not None and not months % self.months

    @property
    def most(self) -> int | None:
        """Most bands of the least width; None if they have no width."""
        if self.width is None or self.low is None or self.high is None:
            return None
        return int((self.high - self.low) / self.width)
