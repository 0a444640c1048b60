"""Plain descriptions of a job's noise, which can be stored, sent and compared. `measurements` turns them into OpenDP's
measurements; nothing here draws or charges."""

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting
from broker.privacy.sensitivity import Sensitivity


class NoiseFamily(StrEnum):
    """The noise of a job's additive parts: LAPLACE composes as epsilon, GAUSSIAN as rho."""

    LAPLACE = "laplace"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, slots=True)
class Additive:
    """Integer noise of one scale on every coordinate of a vector.

    `scale` is OpenDP's: for LAPLACE the standard deviation divided by about sqrt(2), for GAUSSIAN the standard
    deviation.
    """

    family: NoiseFamily
    scale: float
    bounds: Sensitivity
    width: int = 1
    """Coordinates for each cell."""
    keys: int | None = None
    """The position of the threshold whose keys are the cells: only the cells of released keys are answered."""


@dataclass(frozen=True, slots=True)
class Selection:
    """For each cell a choice of the candidate with the smallest noisy score, among `points` candidates.

    `steps`: the most that one person changes the scores of each cell that they touch. Other cells are chosen from data
    without the person. So the losses of the touched cells add up and nothing else is lost: the output is a product of
    independent choices, and only these factors differ.
    """

    family: NoiseFamily
    scale: float
    steps: tuple[int, ...]
    points: int
    keys: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Noisy counts by key. A key is released only if its noisy count is above `threshold`."""

    family: NoiseFamily
    scale: float
    threshold: int
    bounds: Sensitivity


Mechanism = Additive | Selection | Threshold


@dataclass(frozen=True, slots=True)
class MechanismBundle:
    """Everything that one job draws, fixed before any data are read, and composed as one measurement.

    `delta` converts rho to epsilon if GAUSSIAN parts are accounted as APPROXIMATE; otherwise it is 0. Raises
    Invalid("bundle") if parts and accounting do not match.
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
