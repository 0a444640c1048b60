"""Substitution in relations and scalars: the same tree with other column ids, or with other scalars in place of its
columns."""

from collections.abc import Callable
from dataclasses import replace

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import ColumnRef, Scalar, with_parts

IdMap = Callable[[int], int]
Replacement = Callable[[ColumnRef], Scalar]


def substitute(scalar: Scalar, replacement: Replacement) -> Scalar:
    """The scalar with each column replaced."""
    if isinstance(scalar, ColumnRef):
        return replacement(scalar)
    return with_parts(scalar, lambda part: substitute(part, replacement))


def rename_columns(relation: ops.Relation, new_id: IdMap, replacement: Replacement) -> ops.Relation:
    """The relation with new ids for all columns, its own and those below. `replacement`: scalar for a column that is
    read, which is not only renamed: a lateral relation reads columns that are not its own."""
    return _ColumnRenamer(new_id, replacement).relation(relation)


class _ColumnRenamer:
    def __init__(self, new_id: IdMap, replacement: Replacement) -> None:
        self._new_id, self._replacement = new_id, replacement

    def relation(self, relation: ops.Relation) -> ops.Relation:
        new_id = self._new_id
        match relation:
            case ops.Scan():
                columns = tuple(replace(c, ident=new_id(c.ident)) for c in relation.columns)
                return replace(relation, columns=columns, person=self._optional_id(relation.person))
            case ops.Values():
                rows = tuple(tuple(map(self.scalar, row)) for row in relation.rows)
                return ops.Values(tuple((new_id(i), kind) for i, kind in relation.columns), rows)
            case ops.Filter():
                return ops.Filter(self.relation(relation.child), self.scalar(relation.predicate))
            case ops.Project():
                computed = tuple((new_id(i), self.scalar(s)) for i, s in relation.columns)
                return ops.Project(self.relation(relation.child), computed)
            case ops.Join():
                return self._join(relation)
            case ops.Aggregate():
                return self._aggregation(relation)
            case ops.Window():
                windows = tuple(map(self._window, relation.columns))
                return ops.Window(self.relation(relation.child), windows, self._optional_id(relation.counted))
            case ops.Union():
                person = relation.person and (new_id(relation.person[0]), tuple(map(new_id, relation.person[1])))
                stacked = tuple((new_id(i), tuple(map(new_id, inner))) for i, inner in relation.columns)
                return ops.Union(tuple(map(self.relation, relation.parts)), stacked, person)
            case ops.Apply():
                child, sub = self.relation(relation.child), self.relation(relation.sub)
                return ops.Apply(child, sub, new_id(relation.ident), self._optional_id(relation.column))
            case ops.Limit():
                return replace(relation, child=self.relation(relation.child), order=self._order(relation.order))

    def scalar(self, scalar: Scalar) -> Scalar:
        return substitute(scalar, self._replacement)

    def _join(self, join: ops.Join[ops.Relation]) -> ops.Join[ops.Relation]:
        left, right = self.relation(join.left), self.relation(join.right)
        on = None if join.on is None else self.scalar(join.on)
        both = None if join.both is None else (self._new_id(join.both[0]), self._new_id(join.both[1]))
        return replace(join, left=left, right=right, on=on, person=self._optional_id(join.person), both=both)

    def _aggregation(self, aggregation: ops.Aggregate[ops.Relation]) -> ops.Aggregate[ops.Relation]:
        child = self.relation(aggregation.child)
        keys = tuple((self._new_id(i), self.scalar(s)) for i, s in aggregation.keys)
        aggregates = tuple((self._new_id(i), self._aggregate_call(a)) for i, a in aggregation.aggregates)
        return ops.Aggregate(
            child, keys, aggregates, self._optional_id(aggregation.counted), self._optional_id(aggregation.person)
        )

    def _window(self, window: ops.WindowColumn) -> ops.WindowColumn:
        return replace(
            window,
            ident=self._new_id(window.ident),
            function=self._aggregate_call(window.function),
            partition=tuple(map(self.scalar, window.partition)),
            order=self._order(window.order),
        )

    def _optional_id(self, ident: int | None) -> int | None:
        return None if ident is None else self._new_id(ident)

    def _aggregate_call(self, call: ops.AggregateCall) -> ops.AggregateCall:
        return replace(call, args=tuple(map(self.scalar, call.args)))

    def _order(self, order: tuple[tuple[Scalar, bool], ...]) -> tuple[tuple[Scalar, bool], ...]:
        return tuple((self.scalar(s), down) for s, down in order)
