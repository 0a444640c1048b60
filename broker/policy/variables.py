"""Variables and code lists of the catalogue as frozen models. No I/O and no rules."""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.base import Model


@dataclass(frozen=True, kw_only=True)
class Codeset(Model):
    """A code list: codes in the spelling that the vault stores, in the order that tables show them."""

    name: str
    codes: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)


LONGEST_LIST = 5000
"""Whole numbers that are still listed one by one."""


@dataclass(frozen=True, kw_only=True)
class Variable(Model):
    """One variable as the catalogue describes it.

    `codes` is the code list of a categorical variable (None: free); `low`/`high` the bounds of a number
    (inclusive) and the width of a list of whole numbers; `decimals` the digits of a fixed-point score (None: not
    fixed-point); `missing` whether NULL can occur; `default_item` whether a plain request for the table gives it;
    `register_key` names the public register column ("ref.schools.LA") whose values are the list of this variable;
    `most` is the number of different values that one file has at most (ingest proves it), where no list or range says.
    """

    name: str
    type: Type
    cls: VariableClass
    identifiability: str | None = None
    default_item: bool = False
    codeset: str | None = None
    codes: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    decimals: int | None = None
    missing: bool = True
    listed: bool = False
    register_key: str | None = None
    most: int | None = None
    description: str = ""

    @cached_property
    def values(self) -> tuple[int | str, ...] | None:
        """All that a row can have beside NULL, in order, where a list of codes or whole numbers says so: ingest refuses
        everything else."""
        if self.codes is not None:
            return tuple(int(c) if self.type.is_whole else c for c in self.codes)
        if self.type is Type.FLAG:
            return (0, 1)
        if not self.listed or self.low is None or self.high is None or self.high - self.low > LONGEST_LIST:
            return None
        return tuple(range(int(self.low), int(self.high) + 1))

    @property
    def ranged(self) -> int | None:
        """How many different values there can be at all, by a list or by a range of so many decimals."""
        if self.values is not None:
            return len(self.values)
        if self.low is None or self.high is None:
            return None
        steps = 10 ** (self.decimals or 0)
        return int((Decimal(repr(self.high)) - Decimal(repr(self.low))) * steps) + 1
