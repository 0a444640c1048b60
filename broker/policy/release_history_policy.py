"""Policy on the release history: reference populations with the cap on exact figures about them, and standard
populations."""

from dataclasses import dataclass
from typing import Annotated

from broker.policy.policy_model import Condition, PolicyModel, Positive, Whole

Share = Annotated[float, Condition(lambda share: 0 < share <= 1, "{key!r} is a share above 0 and at most 1.")]


@dataclass(frozen=True, kw_only=True)
class ReferencePopulation(PolicyModel):
    """All persons of a person table, divided by some variables: one population for each of their values and each year.
    For each snapshot and over all projects, the number of released exact figures that disclose something about one of
    these populations alone is at most the fraction of its persons. `pooled`: small populations are counted together
    with their neighbours."""

    name: str
    table: str
    variables: tuple[str, ...]
    pooled: bool = False


@dataclass(frozen=True, kw_only=True)
class StandardPopulation(PolicyModel):
    """A population that many tables are about. It is suggested if the comparison of two similar populations would
    isolate persons. `about` describes it for people; `where` is its SQL condition."""

    name: str
    table: str
    where: str
    about: str


@dataclass(frozen=True, kw_only=True)
class ReleaseHistoryPolicy(PolicyModel):
    """Caps and populations of the release history.

    - `fraction`: exact figures that may be released about a reference population alone, as a share of its persons
    - `part`: a figure counts if at least this share of it, or of what is left of it after everything known is
      subtracted, belongs to the population
    - `least`: a population of fewer persons is not counted by itself, because thresholds hide most of it
    - `quota`: jobs of a project that the history may change, hide or withhold before a checker reviews all

    Policy sets that were stored before the release history existed name no population."""

    fraction: Share = 0.05
    part: Share = 0.1
    least: Positive = 100
    quota: Whole = 10
    references: tuple[ReferencePopulation, ...] = ()
    standard: tuple[StandardPopulation, ...] = ()
