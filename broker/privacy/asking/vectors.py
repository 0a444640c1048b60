"""Blocks as the vectors that a statement gives, and exact answers in the order in which they are measured. Integers
only."""

from collections.abc import Sequence

from broker.domain.bounded import Powers, Slots, Vector
from broker.privacy.blocks import Block, Kind
from broker.privacy.layout import Layout


def vectors_of(layout: Layout, names: Sequence[str], keys: bool) -> tuple[tuple[Vector, ...], tuple[str, ...]]:
    """The vectors of a layout's blocks in order, over numbers in the order of the names that are used; `keys`: distinct
    persons at the end, which say what keys there are."""
    used = {b.argument for b in layout.blocks}
    order = tuple(n for n in names if n in used)
    found = tuple(_vector(b, order) for b in layout.blocks)
    return (*found, Powers(persons=True)) if keys else found, order


def _vector(block: Block, order: Sequence[str]) -> Vector:
    number = None if block.argument is None else order.index(block.argument)
    if block.kind is Kind.POWERS:
        return Powers(number, block.degree, block.missing, block.persons)
    assert number is not None
    return Slots(number, block.points, between=block.kind is Kind.RANKS)
