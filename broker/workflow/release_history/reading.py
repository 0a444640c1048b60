"""Which tables and years a planned table is made from, and which of them hold every person of it. Pure."""

from dataclasses import dataclass

from broker.domain.plans import PlannedTable
from broker.domain.relations import (
    Attach,
    Filter,
    Gather,
    Join,
    JoinHow,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    Union,
    walk,
)

Sources = frozenset[tuple[str, int | None]]
"""Tables and years; None for a table without years."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a table is made from: every table and year that it reads of persons, and those that hold all of its. Where
    these are None no plan says which they are."""

    every: Sources
    holding: Sources | None


def read_of(table: PlannedTable) -> Read:
    """Of a planned table of SQL."""
    scans = [r for r in walk(table.contributions) if isinstance(r, Scan) and r.person is not None]
    every = frozenset((s.table, year) for s in scans for year in (s.years if s.years is not None else (None,)))
    return Read(every, _holding(table.contributions))


def _holding(relation: Relation) -> Sources:
    """Where every person of a relation is to be found, whoever else is there."""
    match relation:
        case Scan(table=table, person=int(), years=None):
            return frozenset({(table, None)})
        case Scan(table=table, person=int(), years=years) if years is not None and len(years) == 1:
            return frozenset((table, year) for year in years)
        case Gather(person=None):  # rows of groups, which are nobody's
            return frozenset()
        case (
            Filter(child=child)
            | Project(child=child)
            | Over(child=child)
            | Gather(child=child)
            | Attach(child=child)
            | Limit(child=child)
        ):
            return _holding(child)
        case Union(parts=parts):
            return frozenset.intersection(*map(_holding, parts))
        case Join(how=JoinHow.FULL, left=left, right=right):
            return _holding(left) & _holding(right)
        case Join(how=JoinHow.LEFT, left=left):
            return _holding(left)
        case Join(left=left, right=right):
            return _holding(left) | _holding(right)
    return frozenset()
