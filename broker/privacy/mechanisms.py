"""What noise a job draws, as plain descriptions that can be stored, sent and compared. `measurements` makes OpenDP's
measurements of them; nothing here draws or charges."""

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.sensitivity import Sensitivity


class NoiseFamily(StrEnum):
    """Which noise a job's additive parts have: LAPLACE composes as epsilon, GAUSSIAN as rho."""

    LAPLACE = "laplace"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, slots=True)
class Additive:
    """Integer noise of one scale on every coordinate of a vector.

    `scale` is OpenDP's: LAPLACE the standard deviation by about sqrt(2), GAUSSIAN the standard deviation.
    """

    family: NoiseFamily
    scale: float
    bounds: Sensitivity
    width: int = 1
    """Coordinates a cell."""
    keys: int | None = None
    """The position of the threshold whose keys the cells are: only those of keys that leave are told."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One choice a cell among `points` candidates, the one with the least noisy score.

    `steps`: most that one person moves the scores of each cell that they touch. Cells of other people are chosen from
    data that the person is not in, so the losses of the touched cells add up and nothing else is lost (the output is a
    product of independent choices, of which only these factors differ).
    """

    family: NoiseFamily
    scale: float
    steps: tuple[int, ...]
    points: int
    keys: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Counts by key with noise; a key leaves only if its noisy count is above `threshold`."""

    family: NoiseFamily
    scale: float
    threshold: int
    bounds: Sensitivity


Mechanism = Additive | Selection | Threshold


@dataclass(frozen=True, slots=True)
class MechanismBundle:
    """Everything that one job draws, fixed before any data are read; composed as one measurement.

    `delta` turns rho to epsilon, where GAUSSIAN parts are accounted as APPROXIMATE; else it is 0.
    """

    accounting: Accounting
    mechanisms: tuple[Mechanism, ...]
    delta: float = 0.0

    def __post_init__(self) -> None:
        kinds = {type(m) for m in self.mechanisms}
        gaussian = any(m.family is NoiseFamily.GAUSSIAN for m in self.mechanisms)
        if not self.mechanisms:
            raise Invalid("bundle", "A job that draws no noise is not private.")
        if self.accounting is Accounting.PURE and (gaussian or Threshold in kinds):
            raise Invalid("bundle", "Pure accounting has Laplace noise and public keys only.")
        if (self.delta > 0) != (gaussian and self.accounting is Accounting.APPROXIMATE):
            raise Invalid("bundle", "A delta belongs to Gaussian noise in approximate accounting.")
