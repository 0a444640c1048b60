"""Finds the conditions that hold on every row of a scan that matters, so that uses, years and row bounds are no wider
than what a text reads. A condition is pushed down only where the algebra allows it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import ColumnRef, Literal, Scalar, ScalarType, Value, column_ids, conjuncts_of
from broker.query.operations.possible_values import ONLY_NULL, KnownValues, can_be_true, possible_values

Definitions = Mapping[int, Scalar]
Conjuncts = tuple[Scalar, ...]
ColumnsOf = Callable[[ops.Scan], Iterable[int]]
"""Columns of a scan. During binding they are in the symbol table, afterwards in the scan itself."""


@dataclass(frozen=True, slots=True)
class Guards:
    """Conjuncts that hold on every relevant row of a scan, the derived columns that may be expanded in them, and the
    values that columns of written rows can have."""

    conjuncts: tuple[Scalar, ...]
    definitions: Definitions
    written: KnownValues = field(default_factory=dict)

    def values_left(self, column: int, values: Iterable[Value]) -> tuple[Value, ...]:
        """Values of a column with which every conjunct can be true, whatever else the row holds."""
        reading, others = list[Scalar](), list[Scalar]()
        for conjunct in self.conjuncts:
            (reading if column in columns_behind(conjunct, self.definitions) else others).append(conjunct)
        if not all(self.can_hold(c, {}) for c in others):
            return ()
        return tuple(v for v in values if all(self.can_hold(c, {column: frozenset({v})}) for c in reading))

    def can_hold(self, conjunct: Scalar, known: KnownValues) -> bool:
        """Whether a conjunct can be true where columns have known values."""
        return can_be_true(conjunct, {**self.written, **known}, self.definitions)


def columns_behind(scalar: Scalar, definitions: Definitions) -> frozenset[int]:
    """Every column that a scalar reads, through derived columns, including the derived columns themselves."""
    direct = column_ids(scalar)
    return direct.union(*(columns_behind(definitions[i], definitions) for i in direct if i in definitions))


def guards_of(relation: ops.Relation, columns_of_scan: ColumnsOf) -> dict[int, Guards]:
    """Guards of every scan of persons in a relation, by the scan's number."""
    written = _written_values(relation)
    found = _push_down(relation, (), _certain_definitions(relation), columns_of_scan)
    return {scan: replace(guards, written=written) for scan, guards in found}


def _written_values(relation: ops.Relation) -> KnownValues:
    """Values of the columns of written rows. An outer join can pad any of them with NULL."""
    found: dict[int, frozenset[Value]] = {}
    for part in ops.walk(relation):
        match part:
            case ops.Values(columns=columns, rows=rows):
                found |= {i: _values(row[n] for row in rows) for n, (i, _) in enumerate(columns)}
            case ops.Union(parts=parts, columns=columns):
                made = [_certain_definitions(p) for p in parts]
                for ident, idents in columns:
                    # a column of a branch may have any type
                    cells = [
                        possible_values(ColumnRef(i, ScalarType.NULL), {}, of)
                        for of, i in zip(made, idents, strict=True)
                    ]
                    if all(c is not None for c in cells):
                        found[ident] = ONLY_NULL.union(*(c for c in cells if c is not None))
    return found


def own_columns(scan: ops.Scan) -> Iterable[int]:
    """Columns of a scan in a finished relation."""
    return (c.ident for c in scan.columns)


def _certain_definitions(relation: ops.Relation) -> dict[int, Scalar]:
    """Derived columns whose definition holds on every row. Excludes the outer side of a join. The definition of a group
    key is the expression that it was computed from."""
    match relation:
        case ops.Filter(child=child) | ops.Window(child=child) | ops.Limit(child=child) | ops.Apply(child=child):
            return _certain_definitions(child)
        case ops.Project(child=child, columns=columns):
            return {**_certain_definitions(child), **dict(columns)}
        case ops.Aggregate(child=child, keys=keys):
            # a key that keeps its id would define itself
            return {**_certain_definitions(child), **{i: s for i, s in keys if s != ColumnRef(i, s.type)}}
        case ops.Join(left=left, how=ops.JoinHow.LEFT):
            return _certain_definitions(left)
        case ops.Join(left=left, right=right, how=ops.JoinHow.INNER | ops.JoinHow.CROSS):
            return {**_certain_definitions(left), **_certain_definitions(right)}
    return {}  # a FULL JOIN pads both sides with NULL


def _values(cells: Iterable[Scalar]) -> frozenset[Value]:
    return ONLY_NULL.union(c.value for c in cells if isinstance(c, Literal))


def _push_down(
    relation: ops.Relation, known: Conjuncts, definitions: Definitions, read: ColumnsOf
) -> Iterator[tuple[int, Guards]]:
    """Push conjuncts down one operator, to the scans below it. Each case decides which child receives which conjuncts;
    all other operators stop them."""
    match relation:
        case ops.Scan(person=int() as scan):
            yield scan, Guards(known, definitions)
        case ops.Filter(child=child, predicate=predicate):
            yield from _push_down(child, known + conjuncts_of(predicate), definitions, read)
        case ops.Project(child=child) | ops.Aggregate(child=child):
            yield from _push_down(child, known, definitions, read)
        case ops.Window(child=child, columns=columns):
            yield from _push_down(child, _on_partitions(known, columns), definitions, read)
        case ops.Limit(child=child):
            # A filter above LIMIT must not change which rows LIMIT chooses.
            yield from _push_down(child, (), definitions, read)
        case ops.Apply(child=child, sub=sub, ident=ident, column=column):
            # where EXISTS must be true, a row of the subquery meets its conditions
            is_met = column is None and any(isinstance(c, ColumnRef) and c.ident == ident for c in known)
            met = _conditions_of(sub) if is_met else ()
            yield from _push_down(child, known + met, {**_certain_definitions(sub), **definitions}, read)
            # the subquery matters only for outer rows that remain
            yield from _push_down(sub, known, {**definitions, **_certain_definitions(sub)}, read)
        case ops.Union(parts=parts, columns=columns):
            for index, part in enumerate(parts):
                # no column is a truth value, and all other types fold alike
                of_part = {i: ColumnRef(idents[index], ScalarType.NULL) for i, idents in columns}
                yield from _push_down(part, known, {**definitions, **_certain_definitions(part), **of_part}, read)
        case ops.Join(left=left, right=right, how=ops.JoinHow.LEFT, on=on):
            yield from _push_down_left_join(left, right, conjuncts_of(on), known, definitions, read)
        case ops.Join(left=left, right=right, how=ops.JoinHow.FULL):
            for side in (left, right):
                yield from _push_down(side, (), {**definitions, **_certain_definitions(side)}, read)
        case ops.Join(left=left, right=right, on=on):
            for side in (left, right):
                yield from _push_down(side, known + conjuncts_of(on), definitions, read)


def _conditions_of(relation: ops.Relation) -> Conjuncts:
    """Conditions that every row of a subquery meets."""
    match relation:
        case ops.Filter(child=child, predicate=predicate):
            return (*conjuncts_of(predicate), *_conditions_of(child))
        case ops.Project(child=child):
            return _conditions_of(child)
    return ()


def _on_partitions(known: Conjuncts, windows: tuple[ops.WindowColumn, ...]) -> Conjuncts:
    """Conjuncts that read only columns by which every window is partitioned. They remove whole partitions, so they can
    be applied below the windows."""
    shared = [frozenset(p.ident for p in w.partition if isinstance(p, ColumnRef)) for w in windows]
    return tuple(c for c in known if all(column_ids(c) <= p for p in shared))


def _push_down_left_join(
    left: ops.Relation, right: ops.Relation, on: Conjuncts, known: Conjuncts, definitions: Definitions, read: ColumnsOf
) -> Iterator[tuple[int, Guards]]:
    """Push conjuncts through a LEFT JOIN. ON never guards the left side. Conjuncts above never guard the right side,
    because padded rows may also satisfy them. If a conjunct above cannot be true of a padded row, the join is an inner
    join."""
    matched = {**definitions, **_certain_definitions(right)}
    scans = (part for part in ops.walk(right) if isinstance(part, ops.Scan))
    mine = idents_of(right).union(*map(read, scans))
    # a conjunct that no padded row satisfies removes all padded rows
    if any(not can_be_true(c, dict.fromkeys(mine, ONLY_NULL), definitions) for c in known):
        for side in (left, right):
            yield from _push_down(side, known + on, matched, read)
        return
    yield from _push_down(left, known, definitions, read)
    yield from _push_down(right, on, matched, read)


def idents_of(relation: ops.Relation) -> frozenset[int]:
    """Every column that the operators of a relation make, its scans and its written rows. If the relation is finished,
    the value of any other column comes from the outer row."""
    return frozenset(i for part in ops.walk(relation) for i in ops.own_ids(part))
