"""Amounts that are the same but for a factor (hundreds, halves) are compared as if they were the same. No verdicts.

Whoever knows the text of two totals knows their factors. Here they are read from the amounts: where two unions of cells
differ by few persons only, most of the others have one ratio, and so have most of some cell in each of the tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import SAME, Vector
from broker.disclosure.differencing.ratios import Ratios, ratios_of

DIGITS = 9

Usual = tuple[int, float, int]
"""A group of persons (of a cell, or of a pair of cells), a factor that half of them have, and how many that are."""
Votes = tuple[Numbers, Numbers, Vector, Numbers]
"""For pairs of cells, a vertex of the one table and of the other (numbered after these), a factor, and how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """By what the amounts of each vertex are multiplied, in the new table and in the old one."""

    new: Vector
    old: Vector

    @property
    def is_one(self) -> bool:
        """Whether amounts stay as they are."""
        return bool(np.all(self.new == 1) and np.all(self.old == 1))


def scales_of(new: Functional, old: Functional) -> tuple[Scale, ...]:
    """As the amounts are; all of them by each factor that half of the persons of a cell in each of the tables have; and
    each cell by its own, where cells have different ones."""
    ones = Scale(np.ones(new.size), np.ones(old.size))
    if new.is_plain and old.is_plain and not len(new.members.more_persons) + len(old.members.more_persons):
        return (ones,)
    ratios = ratios_of(new, old)
    by = ([r.new for r in ratios], [r.old for r in ratios], [np.zeros_like(r.new) for r in ratios])
    mine, theirs, whole = ({factor for _, factor, _ in _usual(groups, ratios)} for groups in by)
    factors = sorted((mine & theirs | whole) - {1.0})
    every = [Scale(ones.new, np.full(old.size, factor)) for factor in factors]
    pairs = _usual([r.new * old.size + r.old for r in ratios], ratios)
    return (ones, *every, *_by_cell(pairs, new.size, old.size))


def _usual(groups: Sequence[Numbers], ratios: Sequence[Ratios]) -> list[Usual]:
    """Of groups of persons in one cell, and of persons in several, the factors that half of them have."""
    single, several = ratios
    found = usual(groups[0], single.amount)
    if len(several.persons):
        found += _counted(np.concatenate(groups), single, several)
    return list(dict.fromkeys(found))


def usual(group: Numbers, amounts: Vector) -> list[Usual]:
    """Groups of which at least half have one amount, that amount (if half have one and half another, both), and how
    many have it. What half of a group has stands in the middle; only groups that are not mostly 1 are sorted."""
    is_one = np.abs(amounts - 1) <= SAME
    size = np.bincount(group)
    ones = np.bincount(group[is_one], minlength=len(size))
    plain = np.flatnonzero(2 * ones > size)
    rest = (2 * ones <= size)[group]
    who, amounts = group[rest], amounts[rest]
    order = np.lexsort((amounts, who))
    who, amounts = who[order], amounts[order]
    starts = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]])) if len(who) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(starts, len(who)))
    found = [(int(g), 1.0, int(ones[g])) for g in plain]
    for middle in (starts + (lengths - 1) // 2, starts + lengths // 2):
        found += _half(who, amounts, starts, lengths, amounts[middle])
    return found


def _half(who: Numbers, amounts: Vector, starts: Numbers, lengths: Numbers, middle: Vector) -> list[Usual]:
    near = np.abs(amounts - np.repeat(middle, lengths)) <= SAME * np.abs(amounts)
    count = np.add.reduceat(near.astype(np.int64), starts) if len(starts) else lengths
    enough = 2 * count >= lengths
    return _listed(who[starts][enough], rounded(middle[enough]), count[enough])


def _counted(group: Numbers, single: Ratios, several: Ratios) -> list[Usual]:
    """Persons in several cells have several ratios: each counts once."""
    persons = np.concatenate([single.persons, several.persons])
    values, number = np.unique(rounded(np.concatenate([single.amount, several.amount])), return_inverse=True)
    people = np.unique(np.stack([group, persons], axis=1), axis=0)
    size = np.bincount(people[:, 0])
    each = np.unique(np.stack([group, number, persons], axis=1), axis=0)
    kinds, count = np.unique(each[:, :2], axis=0, return_counts=True)
    enough = 2 * count >= size[kinds[:, 0]]
    return _listed(kinds[enough, 0], values[kinds[enough, 1]], count[enough])


def rounded(amounts: Vector) -> Vector:
    """To so many digits; nothing here is 0."""
    places = 10.0 ** (DIGITS - np.ceil(np.log10(np.abs(amounts))))
    found: Vector = np.round(amounts * places) / places
    return found


def _listed(group: Numbers, factors: Vector, count: Numbers) -> list[Usual]:
    return list(zip(group.tolist(), factors.tolist(), count.tolist(), strict=True))


def _by_cell(pairs: Sequence[Usual], rows: int, columns: int) -> Iterator[Scale]:
    """Where a CASE multiplies cells by different factors: cells one after the other, joined by most persons first, get
    the factor by which their amounts are those of the cells before."""
    if len({factor for _, factor, _ in pairs}) < 2:
        return
    pair, value, count = (np.array(of) for of in zip(*pairs, strict=True))
    left, right = pair // columns, rows + pair % columns
    factor, label = np.ones(rows + columns), np.arange(rows + columns)
    for at in np.argsort(-count, kind="stable"):
        mine, theirs = label[left[at]], label[right[at]]
        if mine != theirs:
            step = _most(factor, label, (left, right, value, count), mine, theirs)
            factor[label == theirs] *= step
            label[label == theirs] = mine
    yield Scale(factor[:rows], factor[rows:])


def _most(factor: Vector, label: Numbers, pairs: Votes, mine: int, theirs: int) -> float:
    """By what the one group of cells is multiplied, as most persons between it and the other have it."""
    left, right, value, count = pairs
    there, back = ((label[left] == a) & (label[right] == b) for a, b in ((mine, theirs), (theirs, mine)))
    steps = factor[left] * value / factor[right]
    found, number = np.unique(rounded(np.concatenate([steps[there], 1 / steps[back]])), return_inverse=True)
    votes = np.bincount(number, weights=np.concatenate([count[there], count[back]]))
    return float(found[votes.argmax()])
