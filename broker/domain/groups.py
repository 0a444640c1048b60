"""What stands above the top γ of an output: a small program over its tables, which the broker evaluates on protected
values alone. No engine ever sees it.

Rows are cells; every column has the id that it has in the plan: a table's keys and statistics, or a new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from broker.domain.plans.scalars import Scalar
from broker.domain.relations import Aggregate, JoinHow


@dataclass(frozen=True, slots=True)
class Base:
    """The rows of one of the output's tables, by its number: keys and statistics under their ids."""

    table: int


@dataclass(frozen=True, slots=True)
class Given:
    """The rows of one of the output's public relations, by its number: nobody stands behind them."""

    public: int


@dataclass(frozen=True, slots=True)
class Extend:
    """Computed columns (id, expression over the child's columns)."""

    child: "Group"
    columns: tuple[tuple[int, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """HAVING, and WHERE over groups: rows on which the predicate is true of the protected values."""

    child: "Group"
    predicate: Scalar


@dataclass(frozen=True, slots=True)
class Meet:
    """Groups joined with groups. `on` is None for a cross join; `how` is INNER, LEFT, FULL or CROSS."""

    left: "Group"
    right: "Group"
    how: JoinHow
    on: Scalar | None


@dataclass(frozen=True, slots=True)
class Regroup:
    """γ over groups: hidden values are left out, as NULL is. No keys: one row."""

    child: "Group"
    keys: tuple[tuple[int, Scalar], ...]
    aggregates: tuple[tuple[int, Aggregate], ...]


@dataclass(frozen=True, slots=True)
class AcrossColumn:
    """A window over groups: `function` over the rows with the same partition values, in an order for ranks and running
    sums; (expression, descending)."""

    ident: int
    function: Aggregate
    partition: tuple[Scalar, ...]
    order: tuple[tuple[Scalar, bool], ...]


@dataclass(frozen=True, slots=True)
class Across:
    child: "Group"
    columns: tuple[AcrossColumn, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """UNION ALL and grouping sets: each column is (id, the id of it in each part)."""

    parts: tuple["Group", ...]
    columns: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class First:
    """Rows in order, (expression, descending) in order of precedence, hidden values last; only the first `count` of
    them where that is given (`ties`: and those equal to the last)."""

    child: "Group"
    order: tuple[tuple[Scalar, bool], ...]
    count: int | None = None
    ties: bool = False
    skip: int = 0


Group = Base | Given | Extend | Keep | Meet | Regroup | Across | Stack | First


def parts_of(group: Group) -> tuple[Group, ...]:
    match group:
        case Base() | Given():
            return ()
        case Meet(left=left, right=right):
            return (left, right)
        case Stack(parts=parts):
            return parts
        case Extend(child=child) | Keep(child=child) | Regroup(child=child) | Across(child=child) | First(child=child):
            return (child,)


def bases_of(group: Group) -> Iterator[int]:
    """The numbers of the tables that a program reads, left to right."""
    if isinstance(group, Base):
        yield group.table
    for part in parts_of(group):
        yield from bases_of(part)
