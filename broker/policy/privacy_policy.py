"""The privacy policy as frozen models: what is promised to a unit, and what a profile allows to be released. No I/O, no
rules."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_as_written
from broker.domain.stated_values import STATED, Condition, Distinct, Faults, Keys, Named, Positive, Whole
from broker.policy.data_catalogue import PrivacyUnit
from broker.policy.policy_model import PolicyModel

PositiveNumber = Annotated[float, Condition(lambda value: value > 0, "{key!r} has to be above 0.")]
_HAS_PROFILE = Condition(len, "There is no privacy profile.", "policy-file")


def _from(least: float) -> Condition:
    return Condition(lambda share: least <= share < 1, f"{{key!r}} has to be at least {least} and under 1.")


@dataclass(frozen=True, kw_only=True)
class PrivacyPromise(PolicyModel):
    """The promise to each person of a unit, over all tables, years, snapshots and projects together.

    - `accounting`: the measure in which every spend on this unit is counted
    - `loss`: the cap: epsilon, or rho if the accounting is zcdp
    - `delta`: the cap on the sum of deltas (0 in pure accounting)
    - `stated_delta`: the delta at which a rho is stated as an epsilon; 0 in the other accountings"""

    unit: PrivacyUnit
    accounting: Accounting
    loss: PositiveNumber
    delta: float = 0.0
    stated_delta: float = 0.0

    def faults(self, stated: Keys) -> Faults:
        accounting, delta, at = self.accounting, self.delta, self.stated_delta
        is_zcdp = accounting is Accounting.CONCENTRATED
        # pure accounting has no delta, approximate accounting needs one, and zcdp may have one
        if (delta > 0) == (accounting is Accounting.PURE) and not (delta == 0 and is_zcdp):
            yield "", "policy-range", "A delta belongs to the accountings approximate and zcdp, not to pure."
        if (at > 0) != is_zcdp or not (0 <= delta < 1 and 0 <= at < 1):
            yield "", "policy-range", "Accounting zcdp, and only that, needs a stated_delta between 0 and 1."

    @cached_property
    def cap(self) -> PrivacyAmount:
        return amount_as_written(self.accounting, self.loss, self.delta)


@dataclass(frozen=True, kw_only=True)
class PrivacyProfile(PolicyModel):
    """How differentially private releases of a project are made. Their limits are defined nowhere else.

    - `max_automatic`: most loss of one release without a decision by a person (epsilon or rho, by the unit's
      accounting)
    - `max_raised`: most loss of one release that two administrators may allow
    - `max_delta`: most delta of one release
    - `max_cells`: most cells of one output, over all grouping sets
    - `max_influence`: most rows of one person in an output's contributions (the product bound); beyond it, rows are
      summed by person first
    - `max_work`: most rows of one person anywhere in a query before that. `public_rows`: assumed rows of a public table
      that is not joined by its unique key
    - `person_cells`, `person_rows`: after summing by person, most cells of one person that count, and the rows whose
      weight each cell may have
    - `max_keys`: most values that all keys without a list may have together, by the catalogue
    - `least_blocks`, `most_blocks`: fewest and most blocks of a private script
    - `most_answers`: most numbers that it may return
    - `block_candidates`: values among which the private median of the blocks' answers is chosen
    - `max_words`: most 8-byte words of an output's exact answers: cells times keys and coordinates
    - `max_parts`: most statistics of one job that get noise, over all grouping sets
    - `max_width`: most steps of the fixed-point scale between the two clamps
    - `display_floor`: cells with a noisy count below it are not shown
    - `level`: level of intervals, as a share of one
    - `quantile_points`: most candidates of a quantile
    - `other_spends`: multiples of the requested spend for which the forecast shows the error too
    - `curve_sizes`: persons per cell for which the error of a mean is shown if no public size exists"""

    name: str
    source: str
    max_automatic: PositiveNumber
    max_raised: PositiveNumber
    max_delta: Annotated[float, _from(0.0)]
    max_cells: Positive
    max_influence: Positive
    max_work: Positive
    public_rows: Positive
    person_cells: Positive
    person_rows: Positive
    max_parts: Positive
    max_width: Positive
    display_floor: Whole
    level: Annotated[float, _from(0.5)]
    quantile_points: Positive
    other_spends: tuple[PositiveNumber, ...]
    curve_sizes: tuple[Positive, ...]
    max_keys: Annotated[Positive, STATED] = 60_000
    max_words: Annotated[Positive, STATED] = 6_000_000
    least_blocks: Positive = 20
    most_blocks: Positive = 2000
    most_answers: Positive = 20
    block_candidates: Positive = 1501
    """(Policy sets that were stored before these fields existed get these defaults.)"""

    def faults(self, stated: Keys) -> Faults:
        if self.max_raised < self.max_automatic:
            yield "max_raised", "policy-range", "max_raised is not less than max_automatic."


@dataclass(frozen=True, kw_only=True)
class PrivacyDataset(PolicyModel):
    """Privacy policy for one table, over all its years, snapshots and projects together.

    - `loss`, `delta`: most that all projects together may spend on it, in the unit's accounting; 0 and 0: no cap of its
      own
    - `only_private`: nothing exact may be released about it"""

    table: Annotated[str, Named.PERSON_TABLE]
    loss: float = 0.0
    delta: float = 0.0
    only_private: bool = False


@dataclass(frozen=True, kw_only=True)
class PrivacyPolicy(PolicyModel):
    """Promises, data sets and profiles of privacy. Without a promise to a unit, nothing private is released about
    it."""

    promises: Annotated[tuple[PrivacyPromise, ...], Distinct("promise", "unit")] = ()
    profiles: Annotated[tuple[PrivacyProfile, ...], _HAS_PROFILE, Distinct("privacy profile", "name")] = ()
    datasets: Annotated[tuple[PrivacyDataset, ...], Distinct("dataset", "table")] = ()

    def promise(self, unit: str | None) -> PrivacyPromise | None:
        return next((p for p in self.promises if p.unit == unit), None)

    def profile(self, name: str) -> PrivacyProfile:
        return next(p for p in self.profiles if p.name == name)

    @property
    def only_private(self) -> frozenset[str]:
        """Tables about which nothing exact may be released."""
        return frozenset(d.table for d in self.datasets if d.only_private)
