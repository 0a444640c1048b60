"""Public sizes: how many people public statistics report, by table and year, and by the values of variables. Frozen
models; no I/O, no estimate."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Annotated

from broker.domain.stated_values import Condition, Distinct, Faults, Key, Keys, Named, Positive
from broker.policy.policy_model import PolicyModel
from broker.policy.written_years import WrittenYears

PublicShare = Annotated[float, Condition(lambda share: 0 <= share <= 1, "A share is a number from 0 to 1.")]
_IS_LEAST_AND_MOST = Condition(
    lambda each: len(each) == 2 and each[0] <= each[1], "'each' is the least and the most share of one code."
)
LeastAndMost = Annotated[tuple[PublicShare, ...], _IS_LEAST_AND_MOST]
ROUNDING_TOLERANCE = 1e-9
"""By which a sum of written shares may exceed 1."""
MISSING_CODE = "(missing)"
"""Code of the share of people without a value."""


@dataclass(frozen=True, kw_only=True)
class RangeShare(PolicyModel):
    """At least `share` of the people have a value from `low` to `high`, both included."""

    low: float
    high: float
    share: PublicShare

    def faults(self, stated: Keys) -> Faults:
        if self.low > self.high:
            yield "", "policy-range", "A range is written [low, high, share], the low end first."


@dataclass(frozen=True, kw_only=True)
class VariableShares(PolicyModel):
    """Lower bounds of the shares of a table's people in one year who have each value of a variable.

    `variable` is a variable of the table; `schema.table.variable` for rows of another table about the same people and
    year, or for a joined public table; `schema.table` alone for who has rows there in the same year ("in") or not
    ("out"); or `one / other` for the quotient of two numbers of the table. `codes`: shares by value. `ranges`: shares
    of ranges of a number. An unnamed code has at least `each_least`, and no code has more than `each_most`; this serves
    registers, whose codes are not listed."""

    variable: Annotated[str, Named.SIZED_VARIABLE]
    source: str
    codes: dict[str, PublicShare] = field(default_factory=dict)
    ranges: tuple[RangeShare, ...] = ()
    each_least: Annotated[float, Key("each")] = 0.0
    each_most: Annotated[float, Key("each")] = 1.0

    def faults(self, stated: Keys) -> Faults:
        if sum(self.codes.values()) + sum(r.share for r in self.ranges) > 1 + ROUNDING_TOLERANCE:
            yield "", "policy-range", f"The shares of {self.variable} add up to more than everybody."
        # a value in two ranges would count twice
        if any(one.high >= other.low for one, other in pairwise(self.ranges)):
            yield "ranges", "policy-range", "Ranges are written in order, and none meets another."


@dataclass(frozen=True, kw_only=True)
class UnrelatedVariables(PolicyModel):
    """Nearly independent variables. Conditions on several of them, one on each, hold together for at least `at_least`
    times the product of their shares."""

    variables: tuple[str, ...]
    source: str
    at_least: PublicShare = 1.0


@dataclass(frozen=True, kw_only=True)
class TableSizes(PolicyModel):
    """Sizes of one table in some of its years (None: it has no years), with at least `persons` people in each year."""

    table: Annotated[str, Named.PERSON_TABLE]
    source: str
    persons: Positive
    years: WrittenYears | None = None
    shares: Annotated[tuple[VariableShares, ...], Distinct("variable", "variable")] = ()
    unrelated: tuple[UnrelatedVariables, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, VariableShares]:
        return {s.variable: s for s in self.shares}

    def shares_of(self, variable: str) -> VariableShares | None:
        """Shares of a variable, by its catalogue spelling or full name; None if unknown."""
        return self._by_name.get(variable)


@dataclass(frozen=True, kw_only=True)
class PublicSizes(PolicyModel):
    """All tables with published sizes. Policy sets that were stored before public sizes existed have none."""

    tables: tuple[TableSizes, ...] = ()

    def table_sizes(self, table: str, years: frozenset[int] | None) -> tuple[TableSizes, ...]:
        """Sizes of a table in these years; empty if one of the years is unknown."""
        found = [t for t in self.tables if t.table == table]
        if years is None:
            return tuple(t for t in found if t.years is None)
        known = tuple(t for t in found if t.years is not None and t.years & years)
        return known if years <= frozenset().union(*(t.years or () for t in known)) else ()
