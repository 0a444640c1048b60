"""Policy on the release history: reference populations with the cap on exact figures about them, and standard
populations."""

from dataclasses import dataclass
from typing import Annotated

from broker.domain.stated_values import STATED, Condition, Distinct, Named, Positive, Whole
from broker.policy.policy_model import PolicyModel

_EACH_ONCE = Distinct("population", "name")
_HAS_VARIABLES = Condition(len, "A reference population needs variables.", "missing-key")
Share = Annotated[float, Condition(lambda share: 0 < share <= 1, "{key!r} is a share above 0 and at most 1.")]


@dataclass(frozen=True, kw_only=True)
class ReferencePopulation(PolicyModel):
    """All persons of a person table, divided by some variables: one population for each of their values and each year.
    For each snapshot and over all projects, the number of released exact figures that disclose something about one of
    these populations alone is at most the fraction of its persons. `pooled`: small populations are counted together
    with their neighbours."""

    name: str
    table: Annotated[str, Named.PERSON_TABLE]
    variables: Annotated[tuple[str, ...], _HAS_VARIABLES]
    pooled: bool = False


@dataclass(frozen=True, kw_only=True)
class StandardPopulation(PolicyModel):
    """A population that many tables are about. It is suggested if the comparison of two similar populations would
    isolate persons. `about` describes it for people; `where` is its SQL condition."""

    name: str
    table: Annotated[str, Named.PERSON_TABLE]
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

    fraction: Annotated[Share, STATED] = 0.05
    part: Share = 0.1
    least: Positive = 100
    quota: Whole = 10
    references: Annotated[tuple[ReferencePopulation, ...], _EACH_ONCE] = ()
    standard: Annotated[tuple[StandardPopulation, ...], _EACH_ONCE] = ()
