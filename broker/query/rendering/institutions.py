"""Institutions behind the cells of a planned table: where their numbers come from. Counts nothing.

A row's institution is that of the first person scan that it is made from, through filters, projections, windows and
joins; rows joined to other persons' scans have the institutions of those as well. A γ below the top loses them, and so
does a union of different tables.
"""

from dataclasses import replace
from itertools import count

from broker.domain.plans import PlannedTable
from broker.domain.relations import (
    Attach,
    Filter,
    Gather,
    Join,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    ScanColumn,
    Union,
    Values,
    walk,
)
from broker.domain.scalars import Type

FIRST_IDENT = 1_000_000_000
"""The id of the first institution's number: no plan has as many columns."""

Carried = tuple[Relation, tuple[int, ...]]
"""A relation, and the ids of the institutions' numbers that its rows now have, the first scan's first."""


def with_institutions(table: PlannedTable) -> tuple[PlannedTable, tuple[str, ...]]:
    """The table with institutions' numbers in its contributions, and how they are called there."""
    relation, idents = _carried(table.contributions, count(FIRST_IDENT))
    return replace(table, contributions=relation), tuple(f"coalesce(c{i}, 0)" for i in idents)


def _carried(relation: Relation, fresh: "count[int]") -> Carried:
    match relation:
        case Scan(person=None) | Values() | Gather():
            return relation, ()
        case Scan(columns=columns):
            ident = next(fresh)
            return replace(relation, columns=(*columns, ScanColumn(ident, "__i", Type.INT))), (ident,)
        case Filter(child=child) | Project(child=child) | Over(child=child) | Attach(child=child) | Limit(child=child):
            below, idents = _carried(child, fresh)
            return replace(relation, child=below), idents
        case Join(left=left, right=right):
            (one, first), (other, more) = _carried(left, fresh), _carried(right, fresh)
            return replace(relation, left=one, right=other), first + more
        case Union():
            return _united(relation, fresh)


def _united(union: Union, fresh: "count[int]") -> Carried:
    """Each part's first institution, if all parts read them of one table: another may name them by another code."""
    parts = [_carried(p, fresh) for p in union.parts]
    tables = {_table_of(relation, idents[0]) if idents else None for relation, idents in parts}
    if len(tables) > 1 or None in tables:
        return union, ()
    ident = next(fresh)
    column = (ident, tuple(idents[0] for _, idents in parts))
    return replace(union, parts=tuple(r for r, _ in parts), columns=(*union.columns, column)), (ident,)


def _table_of(relation: Relation, ident: int) -> str | None:
    scans = [r for r in walk(relation) if isinstance(r, Scan)]
    return next((s.table for s in scans if any(c.ident == ident for c in s.columns)), None)
