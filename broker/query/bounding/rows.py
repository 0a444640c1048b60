"""The most rows of one person in contributions: a product over stored ranks, years, branches and what joins can meet,
each of which the returned relation itself enforces. Looks at no data; None where nothing public bounds it.

`each`: columns of years, with the most rows that have one same value of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from math import prod

from broker.domain.relations import (
    Aggregate,
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
    ScanColumn,
    Union,
    Values,
)
from broker.domain.scalars import Call, Column, Scalar, Type
from broker.policy.catalogue import Catalogue
from broker.query.bounding.numbered import first_rows
from broker.query.bounding.origins import Origins, idents_of
from broker.query.bounding.products import Bound, at_least_one, least, scaled, times
from broker.query.bounding.public import EQUAL, most_met
from broker.query.bounding.ranks import NO_GUARDS, filtered, ranked
from broker.query.guards import guards_of, own_columns
from broker.query.kinds import conjuncts_of

FIRST_IDENT = 2_000_000_000
"""The id of the first rank that is read: no plan has as many columns."""


class Bounding:
    """Walks one relation. `ranks`: by table, rows of one person and year that count; else the catalogue says it.
    `kept` tells afterwards how many of which rows count."""

    def __init__(self, relation: Relation, catalogue: Catalogue, ranks: Mapping[str, int]) -> None:
        self._origins = Origins(relation, catalogue)
        self._ranks, self._fresh = ranks, count(FIRST_IDENT)
        self._guards = guards_of(relation, own_columns)
        self.kept: dict[str, int] = {}

    def bound(self, relation: Relation) -> Bound:
        match relation:
            case Scan(person=None) | Values():
                return Bound(relation, 0)
            case Scan():
                return self._scan(relation)
            case Filter(child=child, predicate=predicate):
                return first_rows(relation, self._origins) or self._over(child, Filter(child, predicate))
            case Project(child=child, columns=columns):
                below = self._over(child, relation)
                copies = {i: below.each[s.ident] for i, s in columns if isinstance(s, Column) and s.ident in below.each}
                return replace(below, each={**below.each, **copies})
            case Over(child=child) | Attach(child=child) | Limit(child=child):
                return self._over(child, relation)
            case Join():
                return self._join(relation)
            case Union():
                return self._union(relation)
            case Gather():
                return self._gather(relation)

    def _over(self, child: Relation, made: Relation) -> Bound:
        """Relations that have as many rows as the one below, or fewer."""
        below = self.bound(child)
        assert isinstance(made, Filter | Project | Over | Attach | Limit)
        return replace(below, relation=replace(made, child=below.relation))

    def _scan(self, scan: Scan) -> Bound:
        assert scan.person is not None
        table, guards = self._origins.table(scan), self._guards.get(scan.person, NO_GUARDS)
        by = ranked(scan, table, self._ranks.get(scan.table), guards)
        self.kept[scan.table + by.condition] = max(by.first, self.kept.get(scan.table + by.condition, 0))
        ident = next(self._fresh)
        # Read as it is stored: a text is what is not cast.
        read = replace(scan, columns=(*scan.columns, ScanColumn(ident, by.column, Type.TEXT)))
        years = [c.ident for c in scan.columns if self._origins.years(Column(c.ident, c.type)) is not None]
        many = 1 if scan.years is None else max(1, len(scan.years))
        return Bound(Filter(read, filtered(by, ident, scan)), by.rows * many, dict.fromkeys(years, by.rows))

    def _join(self, join: Join) -> Bound:
        left, right = is_of_persons(join.left), is_of_persons(join.right)
        if left and right:
            return self._of_two(join)
        if not (left or right):
            return Bound(join, 0)
        person, public = (join.left, join.right) if left else (join.right, join.left)
        below = self.bound(person)
        many = most_met(public, conjuncts_of(join.on), self._origins)
        most = at_least_one(many)
        made = replace(join, left=below.relation) if left else replace(join, right=below.relation)
        return Bound(made, times(below.rows, most), scaled(below.each, most))

    def _of_two(self, join: Join) -> Bound:
        """Two relations of the same person, row by row."""
        if join.lateral:
            left = self.bound(join.left)
            many = at_least_one(most_met(join.right, (), self._origins))
            made: Relation = replace(join, left=left.relation)
            return Bound(made, times(left.rows, many), scaled(left.each, many))
        left, right = self.bound(join.left), self.bound(join.right)
        made = replace(join, left=left.relation, right=right.relation)
        met = at_least_one(least([right.rows, *_met_by(join.right, right.each, join.on)]))
        back = at_least_one(least([left.rows, *_met_by(join.left, left.each, join.on)]))
        each = scaled(left.each, met)
        if join.how is JoinHow.INNER:
            rows = least([times(left.rows, met), times(right.rows, back)])
            return Bound(made, rows, {**scaled(right.each, back), **each})
        if join.how is JoinHow.LEFT:
            return Bound(made, times(left.rows, met), each)
        whole = times(left.rows, met)
        return Bound(made, None if whole is None or right.rows is None else whole + right.rows)

    def _union(self, union: Union) -> Bound:
        parts = [self.bound(p) for p in union.parts]
        rows = None if any(p.rows is None for p in parts) else sum(p.rows or 0 for p in parts)
        each = {}
        for ident, inner in union.columns:
            found = [p.each.get(i, 0 if p.rows == 0 else None) for p, i in zip(parts, inner, strict=True)]
            if self._origins.years(Column(ident, Type.NULL)) and None not in found:
                each[ident] = sum(n or 0 for n in found)
        return Bound(replace(union, parts=tuple(p.relation for p in parts)), rows, each)

    def _gather(self, gather: Gather) -> Bound:
        """One row a person, or a person and year, where nothing else is grouped by: then by the person and not by each
        of their keys, and no row below needs to be left out."""
        if gather.person is None:
            return Bound(gather, 0)
        links = [(i, s) for i, s in gather.keys if self._origins.is_link(s)]
        others = [(i, s) for i, s in gather.keys if (i, s) not in links]
        years = [self._origins.years(s) for _, s in others]
        if None in years:
            below = self.bound(gather.child)
            return Bound(replace(gather, child=below.relation), below.rows, below.each)
        least = tuple((i, Aggregate("least", (s,), s.type)) for i, s in links)
        made = replace(gather, keys=tuple(others), aggregates=(*least, *gather.aggregates))
        rows = prod(n for n in years if n is not None)
        return Bound(made, rows, {i: rows // (n or 1) for (i, _), n in zip(others, years, strict=True)})


def is_of_persons(relation: Relation) -> bool:
    match relation:
        case Scan(person=person) | Join(person=person) | Gather(person=person) | Union(person=person):
            return person is not None
        case Values():
            return False
        case Filter(child=child) | Project(child=child) | Over(child=child) | Attach(child=child) | Limit(child=child):
            return is_of_persons(child)


def _met_by(relation: Relation, each: Mapping[int, int], on: Scalar | None) -> Iterable[int]:
    """Rows of one side that have the year which the other side's row says."""
    own = idents_of(relation)
    for pair in _equal(conjuncts_of(on)):
        for one, other in (pair, pair[::-1]):
            if one in each and other not in own:
                yield each[one]


def _equal(conditions: Iterable[Scalar]) -> Iterable[tuple[int, int]]:
    """Columns that are equal; years are written in one way, so that texts alike in any case are the same."""
    for condition in conditions:
        match condition:
            case Call(op=op, args=(Column(ident=a), Column(ident=b))) if op in EQUAL or op == "equal_text":
                yield a, b
