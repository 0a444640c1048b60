"""What a private script's line says, as values. Judges nothing; knows no noise and no data."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Estimator(StrEnum):
    """How the answers of the blocks become one: chosen in the line, before anything runs."""

    MEAN = "mean"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class Range:
    """One number that `answer` returns: what it is called, and between which values each block's counts."""

    name: str
    low: Decimal
    high: Decimal

    @property
    def width(self) -> float:
        return float(self.high - self.low)

    @property
    def middle(self) -> float:
        return float((self.low + self.high) / 2)

    def __str__(self) -> str:
        return f"range {self.name} [{self.low:f}, {self.high:f}]"


@dataclass(frozen=True, slots=True)
class Asks:
    """`word` and `number`: what may be spent, `epsilon` or `rho`. `seconds`: how long each block may take."""

    word: str
    number: Decimal
    blocks: int
    ranges: tuple[Range, ...]
    estimator: Estimator = Estimator.MEAN
    seconds: Decimal | None = None

    @property
    def canonical(self) -> str:
        """One way of writing it."""
        lasts = () if self.seconds is None else (f"seconds {self.seconds:f}",)
        parts = (
            f"{self.word} {self.number:f}",
            f"blocks {self.blocks}",
            *map(str, self.ranges),
            self.estimator,
            *lasts,
        )
        return "# private: " + ", ".join(parts)
