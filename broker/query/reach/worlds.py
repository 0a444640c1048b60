"""What holds of the rows that a relation gives: its conditions, one world for each branch of a UNION. Bound relations;
no sizes, no syntax."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from broker.domain.relations import Attach, Filter, Gather, Join, JoinHow, Limit, Over, Project, Relation, Scan, Union
from broker.domain.scalars import Column, Literal, Scalar, Type
from broker.query.book import Book
from broker.query.kinds import conjuncts_of

MOST_WORLDS = 16


class TooMany(Exception):
    """A relation has more branches than are looked at one by one."""


@dataclass(frozen=True, slots=True)
class World:
    """`conditions` are met by every row, which has a row of each of `scans`. `columns` are those of a set operation as
    this branch has them; `answers` what EXISTS and scalar subqueries ask, by their column; `beside` the conditions on
    outer sides of joins, by scan; `firsts` the columns that number a person's own rows."""

    conditions: tuple[Scalar, ...] = ()
    scans: frozenset[int] = frozenset()
    columns: Mapping[int, Scalar] = field(default_factory=dict)
    answers: "Mapping[int, tuple[World, ...]]" = field(default_factory=dict)
    values: frozenset[int] = frozenset()
    """Those of the answers that are values, and no yes or no."""
    beside: Mapping[int, tuple[Scalar, ...]] = field(default_factory=dict)
    outer: "tuple[World, ...]" = ()
    """The outer sides of joins themselves."""
    firsts: frozenset[int] = frozenset()

    def asking(self, conditions: tuple[Scalar, ...]) -> "World":
        return replace(self, conditions=self.conditions + conditions)


def worlds_of(relation: Relation, book: Book) -> list[World]:
    """At least one; raises TooMany."""
    match relation:
        case Scan(person=scan):
            return [World(scans=frozenset({scan} if scan is not None else ()))]
        case Filter(child=child, predicate=predicate):
            return [w.asking(conjuncts_of(predicate)) for w in worlds_of(child, book)]
        case Over(child=child, columns=columns):
            own = frozenset(
                c.ident
                for c in columns
                if c.function.op == "row_number"
                and any(isinstance(p, Column) and book.key_domain(p.ident) is not None for p in c.partition)
            )
            return [replace(w, firsts=w.firsts | own) for w in worlds_of(child, book)]
        case Project(child=child) | Gather(child=child) | Limit(child=child):
            return worlds_of(child, book)
        case Union(parts=parts, columns=columns):
            found = [
                replace(w, columns={**w.columns, **{i: Column(of[n], Type.NULL) for i, of in columns}})
                for n, part in enumerate(parts)
                for w in worlds_of(part, book)
            ]
            return _few(found)
        case Attach(child=child, sub=sub, ident=ident, column=column):
            answer = tuple(worlds_of(sub, book))
            values = frozenset({ident}) if column is not None else frozenset[int]()
            return [
                replace(w, answers={**w.answers, ident: answer}, values=w.values | values)
                for w in worlds_of(child, book)
            ]
        case Join(left=left, right=right, how=JoinHow.LEFT, on=on):
            return [_beside(w, worlds_of(right, book), conjuncts_of(on)) for w in worlds_of(left, book)]
        case Join(left=left, right=right, how=JoinHow.FULL, on=on):
            return [_beside(World(), [*worlds_of(left, book), *worlds_of(right, book)], conjuncts_of(on))]
        case Join(left=left, right=right, on=on):
            others = worlds_of(right, book)
            return _few([_both(a, b).asking(conjuncts_of(on)) for a in worlds_of(left, book) for b in others])
    return [World()]


def _few(found: list[World]) -> list[World]:
    if len(found) > MOST_WORLDS:
        raise TooMany
    return found


def _both(first: World, second: World) -> World:
    return World(
        first.conditions + second.conditions,
        first.scans | second.scans,
        {**first.columns, **second.columns},
        {**first.answers, **second.answers},
        first.values | second.values,
        {**first.beside, **second.beside},
        (*first.outer, *second.outer),
        first.firsts | second.firsts,
    )


def _beside(inner: World, outer: list[World], on: tuple[Scalar, ...]) -> World:
    """An outer side restricts nobody; whatever is read of it tells of its conditions."""
    asked = on + tuple(c for w in outer for c in w.conditions)
    found = inner
    for world in outer:
        found = _both(found, replace(world, conditions=(), scans=frozenset(), columns={}))
        mine = (*found.outer, world.asking(on))
        found = replace(found, outer=mine, beside={**found.beside, **dict.fromkeys(world.scans, asked)})
    return found


def inner_worlds(world: World) -> "Iterator[World]":
    """What is counted or found beside a world's own rows: outer sides of joins, and subqueries that give a value."""
    for inner in (*world.outer, *(w for i in sorted(world.values) for w in world.answers.get(i, ()))):
        yield inner
        yield from inner_worlds(inner)


def written_values(column: Scalar, book: Book) -> list[Literal] | None:
    """The values of a column of written rows, or of a table that the project wrote itself; None of any other."""
    if not isinstance(column, Column):
        return None
    origin = book.origins.get(column.ident)
    if origin is not None and origin.scan in book.written:
        place = [v.name for v in origin.table.variables].index(origin.variable.name)
        values = dict.fromkeys(row[place] for row in book.written[origin.scan])
        return [Literal(v, origin.variable.type) for v in values if v is not None]
    if column.ident in book.definitions:
        inner = book.definitions[column.ident]
        return [inner] if isinstance(inner, Literal) else written_values(inner, book)
    parts = book.opaque[column.ident].parts if column.ident in book.opaque else ()
    found = [written_values(p, book) for p in parts]
    if not found or any(f is None for f in found):
        return None
    return list(dict.fromkeys(v for one in found for v in one or ()))
