"""The privacy policy as frozen models: what is promised to a unit, and what a profile lets leave. No I/O, no rules."""

from dataclasses import dataclass
from functools import cached_property

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_as_written
from broker.policy.data_catalogue import PrivacyUnit
from broker.policy.policy_model import PolicyModel


@dataclass(frozen=True, kw_only=True)
class PrivacyPromise(PolicyModel):
    """What is promised to each person of a unit over all tables, years, snapshots and projects together.

    accounting   the measure in which every spend on this unit is counted
    loss         the cap: epsilon, or rho where the accounting is zcdp
    delta        the cap on the deltas that are spent beside it (0 in pure accounting)
    stated_delta the delta at which a rho is told as an epsilon; 0 in the other accountings
    """

    unit: PrivacyUnit
    accounting: Accounting
    loss: float
    delta: float = 0.0
    stated_delta: float = 0.0

    @cached_property
    def cap(self) -> PrivacyAmount:
        return amount_as_written(self.accounting, self.loss, self.delta)


@dataclass(frozen=True, kw_only=True)
class PrivacyProfile(PolicyModel):
    """How differentially private releases of a project are made; the only place where their limits stand.

    max_automatic      most loss of one release without a person (in the unit's accounting: epsilon or rho)
    max_raised         most loss of one release that two administrators may allow
    max_delta          most delta of one release
    max_cells          most cells of one output, all grouping sets together
    max_influence      most rows in an output's contributions that one person may have (the product bound): beyond it
                       persons are summed up first
    max_work           most rows that one person's become anywhere in a query before that; `public_rows`: as many as a
                       public table is taken to have, where it is not met by its unique key
    person_cells, person_rows   then, most cells of one person that count, and the rows whose weight each may have
    max_keys           most values that the keys without a list may have together, by what the catalogue says of them
    least_blocks, most_blocks   into how many blocks a private script may cut its persons
    most_answers       most numbers that it may answer
    block_candidates   values among which the private median of the blocks' answers is chosen
    max_words          most words of 8 bytes that an output's exact answers may take: cells times keys and coordinates
    max_parts          most statistics that one job buys noise for, all grouping sets together
    max_width          most steps of the fixed-point scale between the two clamps
    display_floor      cells whose noisy count is under this are not shown
    level              of intervals, a share of one
    quantile_points    most candidates of a quantile
    other_spends       multiples of the asked spend for which the forecast tells the error too
    curve_sizes        persons per cell for which the error of a mean is told where no public size exists
    """

    name: str
    source: str
    max_automatic: float
    max_raised: float
    max_delta: float
    max_cells: int
    max_influence: int
    max_work: int
    public_rows: int
    person_cells: int
    person_rows: int
    max_parts: int
    max_width: int
    display_floor: int
    level: float
    quantile_points: int
    other_spends: tuple[float, ...]
    curve_sizes: tuple[int, ...]
    max_keys: int = 60_000
    max_words: int = 6_000_000
    least_blocks: int = 20
    most_blocks: int = 2000
    most_answers: int = 20
    block_candidates: int = 1501
    """(Sets that were stored before these were told have them.)"""


@dataclass(frozen=True, kw_only=True)
class PrivacyDataset(PolicyModel):
    """What is kept to about one table, over all its years, snapshots and projects together.

    loss, delta   what all projects together may spend on it, in the unit's accounting; 0 and 0: no cap of its own
    only_private  nothing exact may leave about it
    """

    table: str
    loss: float = 0.0
    delta: float = 0.0
    only_private: bool = False


@dataclass(frozen=True, kw_only=True)
class PrivacyPolicy(PolicyModel):
    """Promises, data sets and profiles of privacy. Without a promise to a unit nothing private leaves about it."""

    promises: tuple[PrivacyPromise, ...] = ()
    profiles: tuple[PrivacyProfile, ...] = ()
    datasets: tuple[PrivacyDataset, ...] = ()

    def promise(self, unit: str | None) -> PrivacyPromise | None:
        return next((p for p in self.promises if p.unit == unit), None)

    def profile(self, name: str) -> PrivacyProfile:
        return next(p for p in self.profiles if p.name == name)

    @property
    def only_private(self) -> frozenset[str]:
        """Tables about which nothing exact may leave."""
        return frozenset(d.table for d in self.datasets if d.only_private)
