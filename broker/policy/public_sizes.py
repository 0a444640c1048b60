"""How many people public statistics say there are: by table and year, and by the values of variables. Frozen models; no
I/O, no estimate."""

from dataclasses import dataclass, field
from functools import cached_property

from broker.policy.policy_model import PolicyModel

MISSING_CODE = "(missing)"
"""The code under which the share of those stands who have no value."""


@dataclass(frozen=True, kw_only=True)
class RangeShare(PolicyModel):
    """From `low` to `high`, both included: at least `share` of the people."""

    low: float
    high: float
    share: float


@dataclass(frozen=True, kw_only=True)
class VariableShares(PolicyModel):
    """How the people of a table and year are spread over the values of one variable, each share at least so large.

    `variable` is one of the table; `schema.table.variable` of another table's rows of the same people and year, or of a
    public table that is joined; `schema.table` alone: who has rows there in the same year ("in") or none ("out");
    `one / other`: a quotient of two of the table's numbers.
    `codes` by value, `ranges` of a number. A code that is not named has at least `each_least`, and no code has more
    than `each_most`: for registers, whose codes are not listed.
    """

    variable: str
    source: str
    codes: dict[str, float] = field(default_factory=dict)
    ranges: tuple[RangeShare, ...] = ()
    each_least: float = 0.0
    each_most: float = 1.0


@dataclass(frozen=True, kw_only=True)
class UnrelatedVariables(PolicyModel):
    """Variables that have little to do with each other: conditions on any of them, one each, hold together for at least
    `at_least` times the product of their shares."""

    variables: tuple[str, ...]
    source: str
    at_least: float = 1.0


@dataclass(frozen=True, kw_only=True)
class TableSizes(PolicyModel):
    """One table in some of its years (None: it has none): `persons` in each of them at least."""

    table: str
    source: str
    persons: int
    years: frozenset[int] | None = None
    shares: tuple[VariableShares, ...] = ()
    unrelated: tuple[UnrelatedVariables, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, VariableShares]:
        return {s.variable: s for s in self.shares}

    def shares_of(self, variable: str) -> VariableShares | None:
        """The shares of a variable, by its catalogue spelling or full name."""
        return self._by_name.get(variable)


@dataclass(frozen=True, kw_only=True)
class PublicSizes(PolicyModel):
    """All tables whose sizes are published. Sets that were stored before there were sizes have none."""

    tables: tuple[TableSizes, ...] = ()

    def table_sizes(self, table: str, years: frozenset[int] | None) -> tuple[TableSizes, ...]:
        """What is known of a table in these years; nothing if one of them is not known."""
        found = [t for t in self.tables if t.table == table]
        if years is None:
            return tuple(t for t in found if t.years is None)
        known = tuple(t for t in found if t.years is not None and t.years & years)
        return known if years <= frozenset().union(*(t.years or () for t in known)) else ()
