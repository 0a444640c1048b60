"""Whether what a person's rows say together combines variables that no single expression combines: the greatest of
several made rows with a condition each, say, is a condition on all of them. Estimates nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import (
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    column_ids,
    conjuncts_of,
    parts_of,
)
from broker.query.operations.registry import CASTS
from broker.query.selectivity.formula_builder import FormulaBuilder

Names = frozenset[str]
"""Variables by name: those of several years and tables are one."""
LINEAR = CASTS | {"add", "subtract", "multiply", "divide", "negate"}
"""Operations that tell no value of a variable apart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value is computed from: the variables of each expression that is independent of the others, all
    expressions that are no plain variables, those that choose by a condition or a constant, and the operations that
    make one value of several rows."""

    pieces: frozenset[Names] = frozenset()
    expressions: tuple[Scalar, ...] = ()
    choices: tuple[Scalar, ...] = ()
    chosen: frozenset[Names] = frozenset()
    operations: frozenset[str] = frozenset()

    @property
    def is_combination(self) -> bool:
        """Whether several expressions read more variables than any of them, or the choices among them do. `chosen` are
        the pieces of the choices."""
        return any(
            len(frozenset[str]().union(*pieces)) > max(map(len, pieces), default=0)
            for pieces in (self.pieces, self.chosen)
        )

    def __or__(self, other: "Reading") -> "Reading":
        # Each once: levels of rows that read two columns of the level below would double them.
        expressions, choices = (
            tuple(dict.fromkeys((*mine, *theirs)))
            for mine, theirs in ((self.expressions, other.expressions), (self.choices, other.choices))
        )
        chosen = self.chosen | other.chosen
        return Reading(self.pieces | other.pieces, expressions, choices, chosen, self.operations | other.operations)


class CombinedRows:
    """The readings of one relation's columns."""

    def __init__(self, relation: ops.Relation, builder: FormulaBuilder) -> None:
        self._parts, self._builder = list(ops.walk(relation)), builder
        self._known: dict[int, Reading] = {}

    def of(self, scalar: Scalar) -> Reading:
        named = self._builder.named(scalar)
        read = column_ids(named)
        own = sorted(i for i in read if i in self._builder.columns)
        made = [self._column(i) for i in sorted(read - set(own))]
        found = _joined(made)
        if isinstance(named, Case) and (read & self._made_columns or any(self._builder.origin(i).is_year for i in own)):
            pieces = frozenset(self._of_branches(named))
        else:
            pieces = frozenset({self._names(own)})
        computed = () if isinstance(named, ColumnRef | Literal) else (named,)
        pieces -= {frozenset()}
        choices = tuple(filter(_chooses, computed))
        return found | Reading(pieces, computed, choices, pieces if choices else frozenset())

    def _of_branches(self, named: Scalar) -> Iterator[Names]:
        """The variables of each branch of a CASE and of the CASEs in it: each may be about another row."""
        if not isinstance(named, Case):
            yield self._names(i for i in column_ids(named) if i in self._builder.columns)
            return
        for condition, value in named.whens:
            yield from self._of_branches(condition)
            yield from self._of_branches(value)
        yield from self._of_branches(named.otherwise)

    def chosen_rows(self) -> Iterator[Reading]:
        """What decides which made rows of a person are one row."""
        for part in self._parts:
            if isinstance(part, ops.Aggregate):
                yield self._together(self._of_made_rows(part.keys))

    def _of_made_rows(self, keys: Iterable[tuple[int, Scalar]]) -> list[Scalar]:
        """The keys, if any of them tells made rows of a person apart. Other rows have their own values."""
        named = [self._builder.named(key) for _, key in keys]
        return named if any(column_ids(key) & self._made_columns for key in named) else []

    def _column(self, ident: int) -> Reading:
        if ident not in self._known:
            self._known[ident] = Reading()  # a column that reads itself adds nothing
            self._known[ident] = _joined(self._readings(ident))
        return self._known[ident]

    def _readings(self, ident: int) -> Iterator[Reading]:
        for part in self._parts:
            match part:
                case ops.Aggregate(keys=keys, aggregates=calls):
                    yield from (self.of(key) for found, key in keys if found == ident and key != _column(ident))
                    for found, call in calls:
                        if found == ident:
                            yield self._together((*call.args, *self._of_made_rows(keys)))
                            yield Reading(operations=frozenset({call.op}))
                case ops.Window(columns=columns):
                    for window in columns:
                        if window.ident == ident:
                            order = (scalar for scalar, _ in window.order)
                            yield self._together((*window.function.args, *window.partition, *order))
                            yield Reading(operations=frozenset({window.function.op}))
                case ops.Union(columns=columns):
                    made = [_column(i) for found, idents in columns if found == ident for i in idents]
                    yield from map(self.of, made)
                    if any(isinstance(self._builder.named(one), Literal) for one in made):
                        # Rows with the same value as a constant are told apart.
                        yield Reading(choices=(_column(ident),))
                case ops.Apply(ident=found, sub=sub, column=column) if found == ident:
                    yield from () if column is None else (self.of(_column(column)),)
                    yield from map(self._condition, _conditions(sub))
                    yield Reading(operations=frozenset({"subquery"}))
        symbols = self._builder.symbols
        scans = symbols.opaque[ident].source_rows.scans if ident in symbols.opaque else frozenset({ident})
        if scans <= symbols.nullable:
            yield from map(self._condition, self._outer_conditions(scans))

    def _condition(self, scalar: Scalar) -> Reading:
        """A condition chooses a value, but is no part of it."""
        return replace(self.of(scalar), expressions=())

    def _together(self, scalars: Iterable[Scalar]) -> Reading:
        """Plain variables in one place are one expression: what one of them orders is the other."""
        found = [self.of(scalar) for scalar in scalars]
        plain = [one for one in found if one == Reading(one.pieces) and len(one.pieces) == 1]
        pieces = frozenset({frozenset[str]().union(*(p for one in plain for p in one.pieces))})
        return _joined([Reading(pieces - {frozenset()}), *(one for one in found if one not in plain)])

    def _outer_conditions(self, scans: frozenset[int]) -> Iterator[Scalar]:
        for part in self._parts:
            if isinstance(part, ops.Join) and part.how is not ops.JoinHow.INNER and part.how is not ops.JoinHow.CROSS:
                inside = [i for p in ops.walk(part.right) for i in ops.own_ids(p)]
                if not scans.isdisjoint(inside):
                    yield from (*conjuncts_of(part.on), *_conditions(part.right))

    def _names(self, idents: Iterable[int]) -> Names:
        origins = (self._builder.origin(i) for i in idents)
        return frozenset(o.variable.name for o in origins if not o.is_year and o.key_domain is None)

    def outer_names(self, scan: int) -> Names:
        """The variables in the conditions of an outer side."""
        conditions = map(self._builder.named, self._outer_conditions(frozenset({scan})))
        return self._names(i for c in conditions for i in column_ids(c) if i in self._builder.columns)

    @cached_property
    def _made_columns(self) -> frozenset[int]:
        return frozenset(i for part in self._parts if isinstance(part, ops.Union) for i, _ in part.columns)


def _chooses(named: Scalar) -> bool:
    return (
        isinstance(named, Case)
        or (isinstance(named, Call) and named.op not in LINEAR)
        or any(map(_chooses, parts_of(named)))
    )


def _joined(readings: Iterable[Reading]) -> Reading:
    found = Reading()
    for one in readings:
        found |= one
    return found


def _column(ident: int) -> ColumnRef:
    return ColumnRef(ident, ScalarType.NULL)


def _conditions(relation: ops.Relation) -> Iterator[Scalar]:
    for part in ops.walk(relation):
        if isinstance(part, ops.Filter):
            yield from conjuncts_of(part.predicate)
        elif isinstance(part, ops.Join):
            yield from conjuncts_of(part.on)
