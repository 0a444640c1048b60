"""Persons by how they would be told apart: for which sides of the cells a person is in the difference. No verdicts.

A side puts each vertex (a cell of the one table or of the other) in or out. A person with the amounts v in the vertices
is in the difference where v · x is not 0; `mask` says so for every x over the vertices that matter to the person, bit
number x0 + 2 x1 + 4 x2 …. One person in one cell of each table with equal amounts is an edge (mask 0110).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.contraction import Edges
from broker.disclosure.differencing.joint import Counts, Numbers

Masks = NDArray[np.uint64]
Vector = NDArray[np.float64]

EDGE, EITHER, SINGLE = 0b0110, 0b1110, 0b10
MOST_ENDS = 6
"""Whoever is in more vertices that are still apart is not looked at one side at a time: 2^6 bits are a mask."""

SAME = 1e-9
"""Amounts that differ by a smaller part are equal: they were added up in another order."""


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """Persons in several cells of a table, one row for each vertex; amounts of the remembered table are negative."""

    persons: Numbers
    vertices: Numbers
    amounts: Vector


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Everybody in either of two tables. `equal`: persons in at most one cell of each, with the same amount; `unequal`:
    the same with another amount. Nobody's vertices are the ends of `equal` edges; `out` is never in."""

    size: int
    out: int
    equal: Edges
    unequal: Edges
    several: Several


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Persons of one number of ends: a row of vertices, a mask and how many persons for each kind."""

    ends: Numbers
    masks: Masks
    weights: Counts


@dataclass(frozen=True, slots=True)
class Wide:
    """Persons of too many ends: for any side that has one of them in, they may be in the difference or not."""

    ends: frozenset[int]
    weight: int


def kinds_of(people: People, label: Numbers) -> tuple[list[Kinds], list[Wide]]:
    """The kinds of all persons who can be in a difference, where vertices of one label are on one side."""
    rows: dict[int, list[Kinds]] = {1: [], 2: []}
    out = int(label[people.out])
    for edges, mask in ((people.equal, EDGE), (people.unequal, EITHER)):
        for kinds in _pairs(edges, label, out, mask):
            rows[kinds.ends.shape[1]].append(kinds)
    several, wide = _several(people.several, label, out)
    for kinds in several:
        rows.setdefault(kinds.ends.shape[1], []).append(kinds)
    return [_gathered(found) for found in rows.values() if found], wide


def _pairs(edges: Edges, label: Numbers, out: int, mask: int) -> list[Kinds]:
    left, right, weight = label[edges[0]], label[edges[1]], edges[2]
    same, without = left == right, (left == out) | (right == out)
    alone = np.where(left == out, right, left)
    one = (~same if mask == EDGE else np.ones(len(same), bool)) & (without | same) & (alone != out)
    two = ~same & ~without
    low, high = np.minimum(left, right)[two], np.maximum(left, right)[two]
    return [_of_mask(alone[one][:, None], SINGLE, weight[one]), _of_mask(np.stack([low, high], 1), mask, weight[two])]


def _of_mask(ends: Numbers, mask: int, weights: Counts) -> Kinds:
    return Kinds(ends, np.full(len(ends), mask, np.uint64), weights)


def _several(several: Several, label: Numbers, out: int) -> tuple[list[Kinds], list[Wide]]:
    persons, ends, amounts = _added_up(several, label, out)
    if not len(persons):
        return [], []
    starts = np.flatnonzero(np.concatenate([[True], persons[1:] != persons[:-1]]))
    lengths = np.diff(np.append(starts, len(persons)))
    kinds, wide = [], list[Wide]()
    for length in np.unique(lengths):
        at = starts[lengths == length][:, None] + np.arange(length)
        if length > MOST_ENDS:
            found, weights = np.unique(ends[at], axis=0, return_counts=True)
            wide += [Wide(frozenset(map(int, e)), int(w)) for e, w in zip(found, weights, strict=True)]
        else:
            kinds.append(Kinds(ends[at], _masks(amounts[at]), np.ones(len(at), np.int64)))
    return kinds, wide


def _added_up(several: Several, label: Numbers, out: int) -> tuple[Numbers, Numbers, Vector]:
    """By person and label, what is left of their amounts; what cancels, and what is out, is gone."""
    ends = label[several.vertices]
    order = np.lexsort((ends, several.persons))
    persons, ends, amounts = several.persons[order], ends[order], several.amounts[order]
    if not len(persons):
        return persons, ends, amounts
    first = np.concatenate([[True], (persons[1:] != persons[:-1]) | (ends[1:] != ends[:-1])])
    starts = np.flatnonzero(first)
    whole, size = np.add.reduceat(amounts, starts), np.add.reduceat(np.abs(amounts), starts)
    kept = (np.abs(whole) > SAME * size) & (ends[starts] != out)
    return persons[starts][kept], ends[starts][kept], whole[kept]


def sides_of(length: int) -> Vector:
    """Every side of so many ends, by its number."""
    return ((np.arange(1 << length)[:, None] >> np.arange(length)) & 1).astype(np.float64)


def _masks(amounts: Vector) -> Masks:
    sides = sides_of(amounts.shape[1])
    differs = np.abs(amounts @ sides.T) > SAME * np.abs(amounts).sum(axis=1)[:, None]
    bits = np.uint64(1) << np.arange(len(sides), dtype=np.uint64)
    masks: Masks = (differs * bits).sum(axis=1, dtype=np.uint64)
    return masks


def _gathered(found: list[Kinds]) -> Kinds:
    """Each kind once."""
    ends = np.concatenate([k.ends for k in found])
    masks, weights = np.concatenate([k.masks for k in found]), np.concatenate([k.weights for k in found])
    if not len(ends):
        return Kinds(ends, masks, weights)
    order = np.lexsort((masks, *ends.T))
    ends, masks, weights = ends[order], masks[order], weights[order]
    first = np.concatenate([[True], (masks[1:] != masks[:-1]) | np.any(ends[1:] != ends[:-1], axis=1)])
    starts = np.flatnonzero(first)
    return Kinds(ends[starts], masks[starts], np.add.reduceat(weights, starts))
