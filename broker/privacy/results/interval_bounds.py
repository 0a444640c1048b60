"""Carries the ends of intervals through an output's program, as extra columns for statistics and ratios under ids that
no plan has. It chooses no rows, and computes only a constant times an end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

from broker.domain.plans.operators import Aggregate, Filter, Join, Limit, PostAggregation, Project, Sort, Union, Window
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType
from broker.privacy.request.ratio_expressions import RatioIdents, RatioPair, ratio_of

BoundedColumns = frozenset[int]
"""Ids of the columns that have ends."""
UNION_RATIO_BASE, UNION_RATIO_STRIDE = 10**15, 10**7
"""Ids of ratios of the columns of a Union: no plan has such large column ids."""


def low_ident(ident: int) -> int:
    # Negative: ids of plans are positive, so they never collide.
    return -2 * ident - 2


def high_ident(ident: int) -> int:
    return -2 * ident - 3


BOUND_IDENTS = (low_ident, high_ident)


@dataclass(frozen=True, slots=True)
class BoundedProgram:
    """A program with ends, the columns of its rows that have ends, and the pairs of columns whose ratio has ends."""

    group: PostAggregation
    bounded: BoundedColumns
    ratios: RatioIdents


def with_interval_bounds(group: PostAggregation, with_bounds: BoundedColumns, ratios: RatioIdents) -> BoundedProgram:
    """The program with ends carried along. Its columns with ends are unchanged statistics, under any name, and `ratios`
    of two of them. Other computed columns have none."""
    match group:
        case Project(child=child, columns=columns):
            return _bounded_project(with_interval_bounds(child, with_bounds, ratios), columns)
        case Filter(child=child) | Sort(child=child) | Limit(child=child) | Window(child=child):
            below = with_interval_bounds(child, with_bounds, ratios)
            return replace(below, group=replace(group, child=below.group))
        case Join(left=left, right=right):
            first, second = (with_interval_bounds(side, with_bounds, ratios) for side in (left, right))
            joined = replace(group, left=first.group, right=second.group)
            return BoundedProgram(joined, first.bounded | second.bounded, {**first.ratios, **second.ratios})
        case Union(parts=parts, columns=columns):
            return _bounded_union([with_interval_bounds(p, with_bounds, ratios) for p in parts], columns)
        case Aggregate(child=child):
            # Aggregates of noisy figures have no interval of their own.
            below = with_interval_bounds(child, with_bounds, ratios)
            return BoundedProgram(replace(group, child=below.group), frozenset(), {})
    return BoundedProgram(group, with_bounds, ratios)


def _bounded_project(below: BoundedProgram, columns: tuple[tuple[int, Scalar], ...]) -> BoundedProgram:
    found = {i: ends for i, s in columns if (ends := _scalar_bounds(s, below.bounded, below.ratios)) is not None}
    more = tuple((end(i), s) for i, ends in found.items() for end, s in zip(BOUND_IDENTS, ends, strict=True))
    names: dict[int, list[int]] = {}
    for ident, scalar in columns:
        if isinstance(scalar, ColumnRef):
            names.setdefault(scalar.ident, []).append(ident)
    ratios = {
        (a, b): ident
        for (over, under), ident in below.ratios.items()
        for a in (over, *names.get(over, ()))
        for b in (under, *names.get(under, ()))
    }
    return BoundedProgram(Project(below.group, (*columns, *more)), below.bounded | found.keys(), ratios)


def _scalar_bounds(scalar: Scalar, bounded: BoundedColumns, ratios: RatioIdents) -> tuple[Scalar, Scalar] | None:
    if (ends := bounds_of(scalar, bounded)) is not None:
        return ends
    found = ratio_of(scalar)
    if found is None or found.pair not in ratios:
        return None
    ident = ratios[found.pair]
    low, high = (_scaled(found.factor, ColumnRef(end(ident), ScalarType.DOUBLE)) for end in BOUND_IDENTS)
    return (low, high) if found.factor > 0 else (high, low)  # a negative factor swaps the ends


def _scaled(factor: Decimal, end: ColumnRef) -> Scalar:
    if factor == 1:
        return end
    return Call("multiply", (Literal(factor, ScalarType.DECIMAL), end), ScalarType.DOUBLE)


def _bounded_union(parts: Sequence[BoundedProgram], columns: tuple[tuple[int, tuple[int, ...]], ...]) -> BoundedProgram:
    """A column, or a ratio of two, has ends if it has them in every part."""
    columns_with_bounds = {
        i: inner for i, inner in columns if all(n in p.bounded for n, p in zip(inner, parts, strict=True))
    }
    ratios: dict[RatioPair, int] = {}
    for (a, over), (b, under) in product(columns, repeat=2):
        idents = [p.ratios.get((m, n)) for p, m, n in zip(parts, over, under, strict=True)]
        if None not in idents:
            ratios[a, b] = UNION_RATIO_BASE + a * UNION_RATIO_STRIDE + b
            columns_with_bounds[ratios[a, b]] = tuple(i for i in idents if i is not None)
    more = tuple(
        (end(i), tuple(end(n) for n in inner)) for i, inner in columns_with_bounds.items() for end in BOUND_IDENTS
    )
    union = Union(tuple(p.group for p in parts), (*columns, *more))
    return BoundedProgram(union, frozenset(columns_with_bounds), ratios)


def bounds_of(scalar: Scalar, bounded: BoundedColumns) -> tuple[Scalar, Scalar] | None:
    """The ends of an output column; None if it has none."""
    if not isinstance(scalar, ColumnRef) or scalar.ident not in bounded:
        return None
    return ColumnRef(low_ident(scalar.ident), scalar.type), ColumnRef(high_ident(scalar.ident), scalar.type)
