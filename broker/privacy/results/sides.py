"""The ends of intervals on their way through an output's program: columns beside a statistic's own or a ratio's, under
ids that no plan has. Chooses no row, and computes nothing but a constant times an end."""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from broker.domain.groups import Across, Extend, First, Group, Keep, Meet, Regroup, Stack
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.privacy.asking.ratios import Named, ratio_of

Sides = frozenset[int]
"""Ids of the columns that have ends beside them."""


def low_of(ident: int) -> int:
    return -2 * ident - 2


def high_of(ident: int) -> int:
    return -2 * ident - 3


ENDS = (low_of, high_of)


def with_sides(group: Group, known: Sides, ratios: Named = MappingProxyType({})) -> tuple[Group, Sides]:
    """The program with ends carried along, and the columns of its rows that have them: statistics as they stand, under
    whatever name, and `ratios` of two of them. What else is computed has none."""
    match group:
        case Extend(child=child, columns=columns):
            below, sides = with_sides(child, known, ratios)
            found = {i: ends for i, s in columns if (ends := _ends(s, sides, ratios)) is not None}
            more = tuple((end(i), s) for i, ends in found.items() for end, s in zip(ENDS, ends, strict=True))
            return Extend(below, (*columns, *more)), sides | found.keys()
        case Keep(child=child) | First(child=child) | Across(child=child):
            below, sides = with_sides(child, known, ratios)
            return replace(group, child=below), sides
        case Meet(left=left, right=right):
            first, of_left = with_sides(left, known, ratios)
            second, of_right = with_sides(right, known, ratios)
            return replace(group, left=first, right=second), of_left | of_right
        case Stack(parts=parts, columns=columns):
            return _stacked(parts, columns, known, ratios)
        case Regroup(child=child):
            return replace(group, child=with_sides(child, known, ratios)[0]), frozenset()
    return group, known


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


def _stacked(
    parts: tuple[Group, ...], columns: tuple[tuple[int, tuple[int, ...]], ...], known: Sides, ratios: Named
) -> tuple[Group, Sides]:
    """A column has ends if it has them in every part."""
    made = [with_sides(p, known, ratios) for p in parts]
    kept = [(i, inner) for i, inner in columns if all(n in sides for n, (_, sides) in zip(inner, made, strict=True))]
    more = tuple((end(i), tuple(end(n) for n in inner)) for i, inner in kept for end in ENDS)
    return Stack(tuple(p for p, _ in made), (*columns, *more)), frozenset(i for i, _ in kept)


def ends_of(scalar: Scalar, sides: Sides) -> tuple[Scalar, Scalar] | None:
    """The ends of an output column."""
    if not isinstance(scalar, Column) or scalar.ident not in sides:
        return None
    return Column(low_of(scalar.ident), scalar.type), Column(high_of(scalar.ident), scalar.type)
