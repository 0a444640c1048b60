"""Whether what a person's rows say together combines variables that no single expression combines: the greatest of
several made rows with a condition each, say, is a condition on all of them. Estimates nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Case, ColumnRef, Literal, Scalar, ScalarType, column_ids, conjuncts_of, parts_of
from broker.query.selectivity.formula_builder import FormulaBuilder

Names = frozenset[tuple[str, str]]
"""Variables by table and name: those of several years are one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value is computed from: the variables of each expression that is independent of the others, all
    expressions that are no plain variables, those that choose by a condition or a constant, and the operations that
    make one value of several rows."""

    pieces: frozenset[Names] = frozenset()
    expressions: tuple[Scalar, ...] = ()
    choices: tuple[Scalar, ...] = ()
    operations: frozenset[str] = frozenset()

    @property
    def is_combination(self) -> bool:
        """Whether several expressions read more variables than any of them."""
        every = frozenset[tuple[str, str]]().union(*self.pieces)
        return len(every) > max(map(len, self.pieces), default=0)

    def __or__(self, other: "Reading") -> "Reading":
        # Each once: levels of rows that read two columns of the level below would double them.
        expressions, choices = (
            tuple(dict.fromkeys((*mine, *theirs)))
            for mine, theirs in ((self.expressions, other.expressions), (self.choices, other.choices))
        )
        return Reading(self.pieces | other.pieces, expressions, choices, self.operations | other.operations)


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
            # Each branch may be about another row.
            branches = [column_ids(part) for when in named.whens for part in when] + [column_ids(named.otherwise)]
            pieces = frozenset(self._names(i for i in branch if i in self._builder.columns) for branch in branches)
        else:
            pieces = frozenset({self._names(own)})
        computed = () if isinstance(named, ColumnRef | Literal) else (named,)
        return found | Reading(pieces - {frozenset()}, computed, tuple(filter(_chooses, computed)))

    def chosen_rows(self) -> Iterator[Reading]:
        """What decides which rows of a person are one row, or the first."""
        for part in self._parts:
            match part:
                case ops.Aggregate(keys=keys):
                    yield self._together(self._of_made_rows(keys))
                case ops.Window(columns=columns):
                    yield from (self._computed_order(window.order) for window in columns)
                case ops.Limit(order=order):
                    yield self._computed_order(order)

    def _computed_order(self, order: ops.SortKeys) -> Reading:
        """An order by a plain variable has no condition."""
        found = (self.of(scalar) for scalar, _ in order)
        return _joined(one for one in found if one.expressions)

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
        pieces = frozenset({frozenset[tuple[str, str]]().union(*(p for one in plain for p in one.pieces))})
        return _joined([Reading(pieces - {frozenset()}), *(one for one in found if one not in plain)])

    def _outer_conditions(self, scans: frozenset[int]) -> Iterator[Scalar]:
        for part in self._parts:
            if isinstance(part, ops.Join) and part.how is not ops.JoinHow.INNER and part.how is not ops.JoinHow.CROSS:
                inside = [i for p in ops.walk(part.right) for i in ops.own_ids(p)]
                if not scans.isdisjoint(inside):
                    yield from (*conjuncts_of(part.on), *_conditions(part.right))

    def _names(self, idents: Iterable[int]) -> Names:
        origins = (self._builder.origin(i) for i in idents)
        return frozenset(
            (o.table.full_name, o.variable.name) for o in origins if not o.is_year and o.key_domain is None
        )

    @cached_property
    def _made_columns(self) -> frozenset[int]:
        return frozenset(i for part in self._parts if isinstance(part, ops.Union) for i, _ in part.columns)


def _chooses(named: Scalar) -> bool:
    return isinstance(named, Case) or any(map(_chooses, parts_of(named)))


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
