"""Branches of a relation (UNION) and of a value (CASE), with the conditions that hold in each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.domain.plans import operators as ops, scalars
from broker.query.analysis.argument_branches import lists_flag_values
from broker.query.symbols import SymbolTable

PICKS = frozenset({"greatest", "least"})


@dataclass(frozen=True, slots=True)
class ValueBranch:
    """Conditions that lead to a branch: those that are true (`met`), and earlier ones that are not (`failed`). `source`
    is the expression in the text that stands for them."""

    met: tuple[scalars.Scalar, ...]
    failed: tuple[scalars.Scalar, ...]
    source: scalars.Scalar


def value_branches(
    scalar: scalars.Scalar, met: tuple[scalars.Scalar, ...] = (), failed: tuple[scalars.Scalar, ...] = ()
) -> Iterator[ValueBranch]:
    """Every branch inside a value, including branches within branches."""
    match scalar:
        case scalars.Case(whens=whens, otherwise=otherwise):
            before = failed
            for condition, value in whens:
                yield ValueBranch((*met, condition), before, condition)
                yield from value_branches(value, (*met, condition), before)
                before = (*before, condition)  # later branches need this condition to fail
            # nobody's value is missing there whom the column itself would not leave out
            if not lists_flag_values(scalar):
                yield ValueBranch(met, before, whens[0][0])
            yield from value_branches(otherwise, met, before)
        case scalars.Call(op=op, args=args):
            # a literal only clamps the value
            for other in args[1:] if op in PICKS else ():
                if not isinstance(other, scalars.Literal):
                    condition = scalars.truth_call("at_most", args[0], other)
                    yield ValueBranch((*met, condition), failed, scalar)
                    yield ValueBranch(met, (*failed, condition), scalar)
            for arg in args:
                yield from value_branches(arg, met, failed)


def as_case(scalar: scalars.Scalar) -> scalars.Scalar:
    """COALESCE and NULLIF as the CASE that they stand for; any other scalar as it is."""
    match scalar:
        case scalars.Call(op="coalesce", args=(*others, found), type=kind):
            for value in reversed(others):
                found = scalars.Case(((scalars.truth_call("is_null", value), found),), value, kind)
            return found
        case scalars.Call(op="nullif", args=(value, other), type=kind):
            return scalars.Case(((scalars.truth_call("equal", value, other), scalars.NULL),), value, kind)
    return scalar


MOST_BRANCHES = 16

FIRST_ROW = {"equal": 1, "at_most": 1, "less": 2}
"""Comparisons with a number that select the first of a person's own rows."""


def is_first_row(condition: scalars.Scalar, numbers: Collection[int]) -> bool:
    """Whether a condition leaves one row of each person. `numbers`: columns that number a person's own rows."""
    match condition:
        case scalars.Call(op=op, args=(scalars.ColumnRef(ident=ident), scalars.Literal(value=value))):
            return ident in numbers and FIRST_ROW.get(op) == value
    return False


class TooManyRelationBranches(Exception):
    """A relation has more branches than can be inspected one by one."""


@dataclass(frozen=True, slots=True)
class RelationBranch:
    """One branch of a relation. Every row satisfies `conditions` and has a row of each of `scans`, which are scans and
    written rows. `columns`: columns of a set operation, as this branch has them. `subqueries`: branches of EXISTS and
    scalar subqueries, by their column. `outer_conditions`: conditions on outer sides of joins, by scan. `row_numbers`:
    columns that number a person's own rows."""

    conditions: tuple[scalars.Scalar, ...] = ()
    scans: frozenset[int] = frozenset()
    columns: Mapping[int, scalars.Scalar] = field(default_factory=dict)
    subqueries: "Mapping[int, tuple[RelationBranch, ...]]" = field(default_factory=dict)
    scalar_subqueries: frozenset[int] = frozenset()
    """Subquery columns that are values, not truth values."""
    outer_conditions: Mapping[int, tuple[scalars.Scalar, ...]] = field(default_factory=dict)
    outer_branches: "tuple[RelationBranch, ...]" = ()
    """The outer sides of joins themselves."""
    row_numbers: frozenset[int] = frozenset()
    union_parts: Mapping[int, int] = field(default_factory=dict)
    """Which part of each set operation it is, by the first column of the set operation."""

    def with_conditions(self, conditions: tuple[scalars.Scalar, ...]) -> "RelationBranch":
        return replace(self, conditions=self.conditions + conditions)


def branches_of(relation: ops.Relation, symbols: SymbolTable) -> list[RelationBranch]:
    """All branches of a relation, at least one. Raises TooManyRelationBranches."""
    match relation:
        case ops.Scan(person=scan):
            return [RelationBranch(scans=frozenset({scan} if scan is not None else ()))]
        case ops.Values(columns=columns):
            return [RelationBranch(scans=frozenset(ident for ident, _ in columns))]
        case ops.Filter(child=child, predicate=predicate):
            return [w.with_conditions(scalars.conjuncts_of(predicate)) for w in branches_of(child, symbols)]
        case ops.Window(child=child):
            own = row_numbers(relation, symbols)
            return [replace(w, row_numbers=w.row_numbers | own) for w in branches_of(child, symbols)]
        case ops.Project(child=child) | ops.Aggregate(child=child) | ops.Limit(child=child):
            return branches_of(child, symbols)
        case ops.Union(parts=parts, columns=columns):
            found = [
                replace(
                    w,
                    columns={
                        **w.columns,
                        **{i: scalars.ColumnRef(of[n], scalars.ScalarType.NULL) for i, of in columns},
                    },
                    union_parts={**w.union_parts, **{i: n for i, _ in columns[:1]}},
                )
                for n, part in enumerate(parts)
                for w in branches_of(part, symbols)
            ]
            return _at_most_allowed(found)
        case ops.Apply(child=child, sub=sub, ident=ident, column=column):
            inner = tuple(branches_of(sub, symbols))
            values = frozenset({ident}) if column is not None else frozenset[int]()
            return [
                replace(w, subqueries={**w.subqueries, ident: inner}, scalar_subqueries=w.scalar_subqueries | values)
                for w in branches_of(child, symbols)
            ]
        case ops.Join(left=left, right=right, how=ops.JoinHow.LEFT, on=on):
            return [
                _with_outer(w, branches_of(right, symbols), scalars.conjuncts_of(on))
                for w in branches_of(left, symbols)
            ]
        case ops.Join(left=left, right=right, how=ops.JoinHow.FULL, on=on):
            return [  # both sides of a FULL JOIN are outer sides
                _with_outer(
                    RelationBranch(),
                    [*branches_of(left, symbols), *branches_of(right, symbols)],
                    scalars.conjuncts_of(on),
                )
            ]
        case ops.Join(left=left, right=right, on=on):
            others = branches_of(right, symbols)
            return _at_most_allowed(  # the branches of two sides multiply
                [
                    joined_branches(a, b).with_conditions(scalars.conjuncts_of(on))
                    for a in branches_of(left, symbols)
                    for b in others
                ]
            )


def row_numbers(relation: ops.Relation, symbols: SymbolTable) -> frozenset[int]:
    """Columns of an operator that number a person's own rows."""
    if not isinstance(relation, ops.Window):
        return frozenset()
    return frozenset(
        c.ident for c in relation.columns if c.function.op == "row_number" and _has_own_rows(c.partition, symbols)
    )


def _has_own_rows(partition: Sequence[scalars.Scalar], symbols: SymbolTable) -> bool:
    """Whether each part of a window has all rows of one person, or of a year of theirs. Any other part would be a
    choice among them."""
    read = [symbols.expanded(scalar) for scalar in partition]
    keys = [
        one
        for one in read
        if isinstance(one, scalars.ColumnRef)
        and symbols.key_domain(one.ident) is not None
        and not symbols.scans_of(one.ident) <= symbols.nullable
    ]
    return bool(keys) and all(
        isinstance(one, scalars.ColumnRef) and (one in keys or _is_of_row(one, symbols)) for one in read
    )


def _is_of_row(column: scalars.ColumnRef, symbols: SymbolTable) -> bool:
    """Whether a column is the year or the person number."""
    if column.ident in symbols.origins:
        return symbols.origins[column.ident].is_year and symbols.origins[column.ident].scan not in symbols.nullable
    return column.ident not in symbols.opaque


def _at_most_allowed(found: list[RelationBranch]) -> list[RelationBranch]:
    if len(found) > MOST_BRANCHES:
        raise TooManyRelationBranches
    return found


def joined_branches(first: RelationBranch, second: RelationBranch) -> RelationBranch:
    return RelationBranch(
        first.conditions + second.conditions,
        first.scans | second.scans,
        {**first.columns, **second.columns},
        {**first.subqueries, **second.subqueries},
        first.scalar_subqueries | second.scalar_subqueries,
        {**first.outer_conditions, **second.outer_conditions},
        (*first.outer_branches, *second.outer_branches),
        first.row_numbers | second.row_numbers,
        {**first.union_parts, **second.union_parts},
    )


def _with_outer(inner: RelationBranch, outer: list[RelationBranch], on: tuple[scalars.Scalar, ...]) -> RelationBranch:
    """Add the outer side of a join. It restricts nobody, but a condition that reads it depends on its conditions."""
    conditions = on + tuple(c for w in outer for c in w.conditions)
    found = inner
    for branch in outer:
        found = joined_branches(found, replace(branch, conditions=(), scans=frozenset(), columns={}, union_parts={}))
        mine = (*found.outer_branches, branch.with_conditions(on))
        found = replace(
            found,
            outer_branches=mine,
            outer_conditions={**found.outer_conditions, **dict.fromkeys(branch.scans, conditions)},
        )
    return found


def outer_branches(branch: RelationBranch) -> "Iterator[RelationBranch]":
    """Branches that are found next to the branch's own rows: the outer sides of joins, and of joins within them."""
    for inner in branch.outer_branches:
        yield inner
        yield from outer_branches(inner)


def found_together(scans: frozenset[int], branch: RelationBranch) -> frozenset[int]:
    """Scans of outer sides with all that these sides join them to: a row is missing where any of its parts is."""
    return scans.union(*(side.scans for side in outer_branches(branch) if side.scans & scans))


def written_values(column: scalars.Scalar, symbols: SymbolTable) -> list[scalars.Literal] | None:
    """Values of a column of written rows, or of a table that the project wrote itself; None for any other column."""
    if not isinstance(column, scalars.ColumnRef):
        return None
    origin = symbols.origins.get(column.ident)
    if origin is not None and origin.scan in symbols.written_rows:
        place = [v.name for v in origin.table.variables].index(origin.variable.name)
        values = dict.fromkeys(row[place] for row in symbols.written_rows[origin.scan])
        return [scalars.Literal(v, origin.variable.type) for v in values if v is not None]
    if column.ident in symbols.definitions:
        inner = symbols.definitions[column.ident]
        return [inner] if isinstance(inner, scalars.Literal) else written_values(inner, symbols)
    parts = symbols.opaque[column.ident].parts if column.ident in symbols.opaque else ()
    found = [written_values(p, symbols) for p in parts]
    if not found or any(f is None for f in found):
        return None
    return list(dict.fromkeys(v for one in found for v in one or ()))
