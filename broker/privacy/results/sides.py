"""The ends of intervals on their way through an output's program: columns beside a statistic's own, under ids that no
plan has. Computes nothing and chooses no row."""

from dataclasses import replace

from broker.domain.groups import Across, Extend, First, Group, Keep, Meet, Regroup, Stack
from broker.domain.scalars import Column, Scalar

Sides = frozenset[int]
"""Ids of the columns that have ends beside them."""


def low_of(ident: int) -> int:
    return -2 * ident - 2


def high_of(ident: int) -> int:
    return -2 * ident - 3


ENDS = (low_of, high_of)


def with_sides(group: Group, known: Sides) -> tuple[Group, Sides]:
    """The program with ends carried along, and the columns of its rows that have them: statistics as they stand, under
    whatever name. What is computed has none."""
    match group:
        case Extend(child=child, columns=columns):
            below, sides = with_sides(child, known)
            copies = {i: s for i, s in columns if isinstance(s, Column) and s.ident in sides}
            more = tuple((end(i), Column(end(s.ident), s.type)) for i, s in copies.items() for end in ENDS)
            return Extend(below, (*columns, *more)), sides | copies.keys()
        case Keep(child=child) | First(child=child) | Across(child=child):
            below, sides = with_sides(child, known)
            return replace(group, child=below), sides
        case Meet(left=left, right=right):
            first, of_left = with_sides(left, known)
            second, of_right = with_sides(right, known)
            return replace(group, left=first, right=second), of_left | of_right
        case Stack(parts=parts, columns=columns):
            return _stacked(parts, columns, known)
        case Regroup(child=child):
            return replace(group, child=with_sides(child, known)[0]), frozenset()
    return group, known


def _stacked(
    parts: tuple[Group, ...], columns: tuple[tuple[int, tuple[int, ...]], ...], known: Sides
) -> tuple[Group, Sides]:
    """A column has ends if it has them in every part."""
    made = [with_sides(p, known) for p in parts]
    kept = [(i, inner) for i, inner in columns if all(n in sides for n, (_, sides) in zip(inner, made, strict=True))]
    more = tuple((end(i), tuple(end(n) for n in inner)) for i, inner in kept for end in ENDS)
    return Stack(tuple(p for p, _ in made), (*columns, *more)), frozenset(i for i, _ in kept)


def ends_of(scalar: Scalar, sides: Sides) -> tuple[Scalar, Scalar] | None:
    """The ends of an output column."""
    if not isinstance(scalar, Column) or scalar.ident not in sides:
        return None
    return Column(low_of(scalar.ident), scalar.type), Column(high_of(scalar.ident), scalar.type)
