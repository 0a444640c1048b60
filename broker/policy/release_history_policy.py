"""Policy on the release history: reference populations with the cap on exact figures about them, and standard
populations."""

from dataclasses import dataclass

from broker.policy.policy_model import PolicyModel


@dataclass(frozen=True, kw_only=True)
class ReferencePopulation(PolicyModel):
    """Everybody of a person table, by some of its variables: a population for each of their values and each year.

    Over all projects and for each snapshot, no more exact figures that tell of one of them alone are released than the
    fraction of its persons. `pooled`: small ones are counted together with their neighbours.
    """

    name: str
    table: str
    variables: tuple[str, ...]
    pooled: bool = False


@dataclass(frozen=True, kw_only=True)
class StandardPopulation(PolicyModel):
    """A population that many tables are about, offered where two near ones would be compared to persons. `about` is
    for people; `where` is what a query writes."""

    name: str
    table: str
    where: str
    about: str


@dataclass(frozen=True, kw_only=True)
class ReleaseHistoryPolicy(PolicyModel):
    """`fraction` of the persons of a reference population: so many exact figures may tell of it alone. A figure counts
    where at least the `part` of it, or of what is left of it beside everything known, is of that population. One of
    fewer persons than `least` is not counted by itself: thresholds hide most of it. A project may have `quota` jobs
    that history changed, hid or withheld before a person looks at all. Sets that were stored before the memory
    was there name no population."""

    fraction: float = 0.05
    part: float = 0.1
    least: int = 100
    quota: int = 10
    references: tuple[ReferencePopulation, ...] = ()
    standard: tuple[StandardPopulation, ...] = ()
