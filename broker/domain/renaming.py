"""Relations and scalars under other column ids: the same tree, nothing else changed. Knows no names and no values."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from broker.domain.relations import (
    Aggregate,
    Attach,
    Filter,
    Gather,
    Join,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    Union,
    Values,
    WindowColumn,
)
from broker.domain.scalars import Call, Case, Column, Literal, Scalar

Rename = Callable[[int], int]


def put_in(scalar: Scalar, given: Callable[[Column], Scalar]) -> Scalar:
    """The scalar with something else in the place of each column."""
    match scalar:
        case Column():
            return given(scalar)
        case Literal():
            return scalar
        case Call(args=args):
            return replace(scalar, args=tuple(put_in(a, given) for a in args))
        case Case(whens=whens, otherwise=otherwise):
            arms = tuple((put_in(c, given), put_in(v, given)) for c, v in whens)
            return replace(scalar, whens=arms, otherwise=put_in(otherwise, given))


def conjuncts(scalar: Scalar) -> Iterator[Scalar]:
    """The parts of which all must be true for the whole to be."""
    if isinstance(scalar, Call) and scalar.op == "and":
        for part in scalar.args:
            yield from conjuncts(part)
    else:
        yield scalar


def renamed(relation: Relation, name: Rename, given: Callable[[Column], Scalar] | None = None) -> Relation:
    """The relation with every id, of its own columns and below, under another name. `given`: what stands for a column
    that is read, where that is not its name alone: a lateral relation reads columns that are not its own."""
    return _Renaming(name, given).relation(relation)


class _Renaming:
    def __init__(self, name: Rename, given: Callable[[Column], Scalar] | None) -> None:
        self._name = name
        self._given = given or (lambda c: Column(name(c.ident), c.type))

    def relation(self, relation: Relation) -> Relation:
        name = self._name
        match relation:
            case Scan():
                columns = tuple(replace(c, ident=name(c.ident)) for c in relation.columns)
                return replace(relation, columns=columns, person=self._maybe(relation.person))
            case Values():
                rows = tuple(tuple(map(self.scalar, row)) for row in relation.rows)
                return Values(tuple((name(i), kind) for i, kind in relation.columns), rows)
            case Filter():
                return Filter(self.relation(relation.child), self.scalar(relation.predicate))
            case Project():
                computed = tuple((name(i), self.scalar(s)) for i, s in relation.columns)
                return Project(self.relation(relation.child), computed)
            case Join():
                return self._join(relation)
            case Gather():
                return self._gather(relation)
            case Over():
                windows = tuple(map(self._window, relation.columns))
                return Over(self.relation(relation.child), windows, self._maybe(relation.counted))
            case Union():
                person = relation.person and (name(relation.person[0]), tuple(map(name, relation.person[1])))
                stacked = tuple((name(i), tuple(map(name, inner))) for i, inner in relation.columns)
                return Union(tuple(map(self.relation, relation.parts)), stacked, person)
            case Attach():
                child, sub = self.relation(relation.child), self.relation(relation.sub)
                return Attach(child, sub, name(relation.ident), self._maybe(relation.column))
            case Limit():
                return replace(relation, child=self.relation(relation.child), order=self._order(relation.order))

    def scalar(self, scalar: Scalar) -> Scalar:
        return put_in(scalar, self._given)

    def _join(self, join: Join) -> Join:
        left, right = self.relation(join.left), self.relation(join.right)
        on = None if join.on is None else self.scalar(join.on)
        both = None if join.both is None else (self._name(join.both[0]), self._name(join.both[1]))
        return replace(join, left=left, right=right, on=on, person=self._maybe(join.person), both=both)

    def _gather(self, gather: Gather) -> Gather:
        child = self.relation(gather.child)
        keys = tuple((self._name(i), self.scalar(s)) for i, s in gather.keys)
        aggregates = tuple((self._name(i), self._aggregate(a)) for i, a in gather.aggregates)
        return Gather(child, keys, aggregates, self._maybe(gather.counted), self._maybe(gather.person))

    def _window(self, window: WindowColumn) -> WindowColumn:
        return replace(
            window,
            ident=self._name(window.ident),
            function=self._aggregate(window.function),
            partition=tuple(map(self.scalar, window.partition)),
            order=self._order(window.order),
        )

    def _maybe(self, ident: int | None) -> int | None:
        return None if ident is None else self._name(ident)

    def _aggregate(self, aggregate: Aggregate) -> Aggregate:
        return replace(aggregate, args=tuple(map(self.scalar, aggregate.args)))

    def _order(self, order: tuple[tuple[Scalar, bool], ...]) -> tuple[tuple[Scalar, bool], ...]:
        return tuple((self.scalar(s), down) for s, down in order)
