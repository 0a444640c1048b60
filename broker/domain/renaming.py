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


def renamed(relation: Relation, name: Rename) -> Relation:
    """The relation with every id, of its own columns and below, under another name."""
    below = lambda r: renamed(r, name)  # noqa: E731  the same call in every arm
    scalar = lambda s: _scalar(s, name)  # noqa: E731
    maybe = lambda i: None if i is None else name(i)  # noqa: E731
    match relation:
        case Scan():
            columns = tuple(replace(c, ident=name(c.ident)) for c in relation.columns)
            return replace(relation, columns=columns, person=maybe(relation.person))
        case Values():
            rows = tuple(tuple(map(scalar, row)) for row in relation.rows)
            return Values(tuple((name(i), kind) for i, kind in relation.columns), rows)
        case Filter():
            return Filter(below(relation.child), scalar(relation.predicate))
        case Project():
            return Project(below(relation.child), tuple((name(i), scalar(s)) for i, s in relation.columns))
        case Join():
            left, right = below(relation.left), below(relation.right)
            on = None if relation.on is None else scalar(relation.on)
            both = None if relation.both is None else (name(relation.both[0]), name(relation.both[1]))
            return replace(relation, left=left, right=right, on=on, person=maybe(relation.person), both=both)
        case Gather():
            keys = tuple((name(i), scalar(s)) for i, s in relation.keys)
            aggregates = tuple((name(i), _aggregate(a, name)) for i, a in relation.aggregates)
            return Gather(below(relation.child), keys, aggregates, maybe(relation.counted), maybe(relation.person))
        case Over():
            columns = tuple(
                replace(
                    c,
                    ident=name(c.ident),
                    function=_aggregate(c.function, name),
                    partition=tuple(map(scalar, c.partition)),
                    order=_order(c.order, name),
                )
                for c in relation.columns
            )
            return Over(below(relation.child), columns, maybe(relation.counted))
        case Union():
            person = relation.person and (name(relation.person[0]), tuple(map(name, relation.person[1])))
            stacked = tuple((name(i), tuple(map(name, inner))) for i, inner in relation.columns)
            return Union(tuple(map(below, relation.parts)), stacked, person)
        case Attach():
            sub, column = below(relation.sub), maybe(relation.column)
            return Attach(below(relation.child), sub, name(relation.ident), column)
        case Limit():
            return replace(relation, child=below(relation.child), order=_order(relation.order, name))


def _scalar(scalar: Scalar, name: Rename) -> Scalar:
    return put_in(scalar, lambda c: Column(name(c.ident), c.type))


def _aggregate(aggregate: Aggregate, name: Rename) -> Aggregate:
    return replace(aggregate, args=tuple(_scalar(a, name) for a in aggregate.args))


def _order(order: tuple[tuple[Scalar, bool], ...], name: Rename) -> tuple[tuple[Scalar, bool], ...]:
    return tuple((_scalar(s, name), down) for s, down in order)
