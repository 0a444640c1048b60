"""What was released, as the release history records it: tables, their figures, and how a new table overlaps them. No
persons here: who is in a cell stands in encrypted files that only the worker reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.scalars import Value


class Source(StrEnum):
    """RELEASE: a job's table. PUBLIC: published elsewhere, and made again from its recipe. POPULATION: totals that
    everybody is taken to know."""

    RELEASE = "release"
    PUBLIC = "public"
    POPULATION = "population"


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """How much of the memory an assessment saw: the number of its entries, which only grow."""

    entries: int

    def __str__(self) -> str:
        return str(self.entries)


@dataclass(frozen=True, slots=True)
class Entry:
    """A planned table that was released, or is about to be (`number` is 0 then).

    number            its place in the memory, from 1
    release, output   whose table it is; of a public table no release and its id; empty for a known population
    table             its number in the output
    project           empty for what is nobody's
    snapshot          the state of the data that it was made from
    profile, t        the rules that it was judged by
    recipe            equal for equal populations, keys and statistics (a hash of canonical text)
    unit              the kind of person
    cells             how many cells it has, shown or not
    noise             how far apart keyed noise can move two counts; 0 where counts have none
    within            known populations that hold everybody of it, and how many persons each has
    """

    number: int
    release: str
    output: str
    table: int
    project: str
    snapshot: str
    profile: str
    t: int
    recipe: str
    unit: str
    source: Source
    when: datetime
    cells: int
    noise: int = 0
    within: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownFigure:
    """One thing that a released statistic tells of each shown cell: a total over persons. A mean has two, its sum and
    its count; a share has its ones and its count.

    statistic   its number in the planned table
    amount      the amounts of the members that it adds up; empty where each person counts once
    once        each person whose amount is not 0 counts once, whatever the amount
    told        canonical text of the whole statistic: equal for equal statistics, in any project
    reads       what an amount reads (`table.variable`); empty for counts
    shown       the released value by the number of each shown cell; a cell that is not here is a hole
    """

    statistic: int
    amount: str
    once: bool
    told: str
    reads: frozenset[str]
    shown: Mapping[int, Value]

    @property
    def is_count(self) -> bool:
        return not self.reads


class OverlapKind(StrEnum):
    """How a new table stands to a remembered one."""

    IDENTICAL = "identical"
    NESTED = "nested"
    DISJOINT = "disjoint"
    APART = "apart"
    DIFFERENCE = "difference"
    COVERED = "covered"


OVERLAP_WORDS: Mapping[OverlapKind, str] = {
    OverlapKind.IDENTICAL: "the same cells of the same persons",
    OverlapKind.NESTED: "cells of one are made up of cells of the other",
    OverlapKind.DISJOINT: "nobody is in both",
    OverlapKind.APART: "different groups, each difference empty or large enough",
    OverlapKind.DIFFERENCE: "a difference of the two isolates a few persons",
    OverlapKind.COVERED: "a small difference, covered by the noise on both sides",
}


@dataclass(frozen=True, slots=True)
class Overlap:
    """How a new table overlaps one entry. `persons` is the smallest difference found, for staff alone; None where there
    is none. `exact`: it was counted, not only feared."""

    entry: int
    kind: OverlapKind
    persons: int | None = None
    exact: bool = True


class Way(StrEnum):
    """How a small difference is mended: by the earlier value, by a hole, or by leaving out the whole table."""

    EARLIER = "earlier"
    SUPPRESS = "suppress"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a table before it leaves: of a cell in all its statistics (`statistic` is None) or in one. `entry`
    and `earlier` say whose cell is given for it, where it is an earlier one."""

    way: Way
    cell: int
    statistic: int | None = None
    entry: int | None = None
    earlier: int | None = None
