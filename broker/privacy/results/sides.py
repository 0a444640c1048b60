"""The ends of intervals on their way through an output's program: columns beside a statistic's own or a ratio's, under
ids that no plan has. Chooses no row, and computes nothing but a constant times an end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from types import MappingProxyType

from broker.domain.groups import Across, Extend, First, Group, Keep, Meet, Regroup, Stack
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.privacy.asking.ratios import Named, Pair, ratio_of

Sides = frozenset[int]
"""Ids of the columns that have ends beside them."""
STACKED, WIDE = 10**15, 10**7
"""Ids of ratios of stacked columns: no plan has columns of so large a number."""


def low_of(ident: int) -> int:
    return -2 * ident - 2


def high_of(ident: int) -> int:
    return -2 * ident - 3


ENDS = (low_of, high_of)


@dataclass(frozen=True, slots=True)
class _Carried:
    """A program with ends, the columns of its rows that have them, and the pairs of columns whose ratio has them."""

    group: Group
    sides: Sides
    ratios: Named


def with_sides(group: Group, known: Sides, ratios: Named = MappingProxyType({})) -> tuple[Group, Sides]:
    """The program with ends carried along, and the columns of its rows that have them: statistics as they stand, under
    whatever name, and `ratios` of two of them. What else is computed has none."""
    found = _carried(group, known, ratios)
    return found.group, found.sides


def _carried(group: Group, known: Sides, ratios: Named) -> _Carried:
    match group:
        case Extend(child=child, columns=columns):
            return _extended(_carried(child, known, ratios), columns)
        case Keep(child=child) | First(child=child) | Across(child=child):
            below = _carried(child, known, ratios)
            return replace(below, group=replace(group, child=below.group))
        case Meet(left=left, right=right):
            first, second = _carried(left, known, ratios), _carried(right, known, ratios)
            made = replace(group, left=first.group, right=second.group)
            return _Carried(made, first.sides | second.sides, {**first.ratios, **second.ratios})
        case Stack(parts=parts, columns=columns):
            return _stacked([_carried(p, known, ratios) for p in parts], columns)
        case Regroup(child=child):
            return _Carried(replace(group, child=_carried(child, known, ratios).group), frozenset(), {})
    return _Carried(group, known, ratios)


def _extended(below: _Carried, columns: tuple[tuple[int, Scalar], ...]) -> _Carried:
    found = {i: ends for i, s in columns if (ends := _ends(s, below.sides, below.ratios)) is not None}
    more = tuple((end(i), s) for i, ends in found.items() for end, s in zip(ENDS, ends, strict=True))
    names: dict[int, list[int]] = {}
    for ident, scalar in columns:
        if isinstance(scalar, Column):
            names.setdefault(scalar.ident, []).append(ident)
    ratios = {
        (a, b): ident
        for (over, under), ident in below.ratios.items()
        for a in (over, *names.get(over, ()))
        for b in (under, *names.get(under, ()))
    }
    return _Carried(Extend(below.group, (*columns, *more)), below.sides | found.keys(), ratios)


def _ends(scalar: Scalar, sides: Sides, ratios: Named) -> tuple[Scalar, Scalar] | None:
    if (ends := ends_of(scalar, sides)) is not None:
        return ends
    found = ratio_of(scalar)
    if found is None or found.pair not in ratios:
        return None
    ident = ratios[found.pair]
    low, high = (_times(found.factor, Column(end(ident), Type.DOUBLE)) for end in ENDS)
    return (low, high) if found.factor > 0 else (high, low)


def _times(factor: Decimal, end: Column) -> Scalar:
    if factor == 1:
        return end
    return Call("multiply", (Literal(factor, Type.DECIMAL), end), Type.DOUBLE)


def _stacked(parts: Sequence[_Carried], columns: tuple[tuple[int, tuple[int, ...]], ...]) -> _Carried:
    """A column, or a ratio of two, has ends if it has them in every part."""
    kept = {i: inner for i, inner in columns if all(n in p.sides for n, p in zip(inner, parts, strict=True))}
    ratios: dict[Pair, int] = {}
    for (a, over), (b, under) in product(columns, repeat=2):
        idents = [p.ratios.get((m, n)) for p, m, n in zip(parts, over, under, strict=True)]
        if None not in idents:
            ratios[a, b] = STACKED + a * WIDE + b
            kept[ratios[a, b]] = tuple(i for i in idents if i is not None)
    more = tuple((end(i), tuple(end(n) for n in inner)) for i, inner in kept.items() for end in ENDS)
    return _Carried(Stack(tuple(p.group for p in parts), (*columns, *more)), frozenset(kept), ratios)


def ends_of(scalar: Scalar, sides: Sides) -> tuple[Scalar, Scalar] | None:
    """The ends of an output column."""
    if not isinstance(scalar, Column) or scalar.ident not in sides:
        return None
    return Column(low_of(scalar.ident), scalar.type), Column(high_of(scalar.ident), scalar.type)
