"""Amounts of two tables that are the same but for a factor (hundreds, halves). No verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.difference_kinds import SAME_AMOUNT, Vector
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint_counts import Numbers
from broker.disclosure.differencing.member_tables import Persons

SAMPLE_SIZE = 64
"""Of persons in several cells so many of each cell are looked at: a factor is what most have."""

VertexAmounts = tuple[Numbers, Numbers, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """A row for each person and pair of their vertices: amounts of the new table by amounts of the old one. Nothing is
    0. Persons of several vertices have rows for one of them, for two and for all together."""

    persons: Numbers
    new: Numbers
    old: Numbers
    amount: Vector


def amount_ratios(new: Functional, old: Functional) -> tuple[Ratios, Ratios]:
    """Of persons in one cell of each table, and of those in several of any."""
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    persons, labels = persons[both], labels[both]
    ratios = new.amounts(persons) / old.amounts(persons)
    single = Ratios(persons.astype(np.int64), new.vertices[labels], old.vertices[cells[both]], ratios)
    return single, _ratios_of_several(new, old)


def _ratios_of_several(new: Functional, old: Functional) -> Ratios:
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    persons = np.union1d(_sample_persons(new, persons), _sample_persons(old, persons))
    p, v, a = _vertex_sums(*_sum_by_vertex(*new.rows_of(persons), new.size))
    q, w, b = _vertex_sums(*_sum_by_vertex(*old.rows_of(persons), old.size))
    left, right = _pairs_by_person(p, q)
    return Ratios(p[left], v[left], w[right], a[left] / b[right])


def _sample_persons(of: Functional, persons: Persons) -> Persons:
    who, vertices, _ = of.rows_of(persons)
    order = np.argsort(vertices, kind="stable")
    size = np.bincount(vertices, minlength=1)
    place = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)[: len(order)]
    return np.unique(who[order[place < SAMPLE_SIZE]]).astype(np.uint32)


def _pairs_by_person(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Every row of the one with every row of the other that is of the same person."""
    starts, ends = np.searchsorted(right, left), np.searchsorted(right, left, side="right")
    times = ends - starts
    row = np.repeat(np.arange(len(left)), times)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + np.repeat(starts, times)


def _sum_by_vertex(persons: Numbers, vertices: Numbers, amounts: Vector, size: int) -> VertexAmounts:
    """By person and vertex."""
    keys, where = np.unique(persons * size + vertices, return_inverse=True)
    return keys // size, keys % size, np.bincount(where, weights=amounts, minlength=len(keys)).astype(float)


def _vertex_sums(persons: Numbers, vertices: Numbers, amounts: Vector) -> VertexAmounts:
    """Each vertex by itself, with each other one of the person, and with all of them; what cancels is gone."""
    row, other = _pairs_by_person(persons, persons)
    two = amounts[row] + np.where(row == other, 0, amounts[other])
    _, of = np.unique(persons, return_inverse=True)
    whole = np.bincount(of, weights=amounts, minlength=1)[of]
    p, v = np.concatenate([persons[row], persons]), np.concatenate([vertices[row], vertices])
    a = np.concatenate([two, whole])
    order = np.argsort(p, kind="stable")
    order = order[a[order] != 0]
    return p[order], v[order], a[order]


DIGITS = 9

MajorityFactor = tuple[int, float, int]
"""A group of persons (of a cell, or of a pair of cells), a factor that half of them have, and how many that are."""
FactorVotes = tuple[Numbers, Numbers, Vector, Numbers]
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


def possible_scales(new: Functional, old: Functional) -> tuple[Scale, ...]:
    """As the amounts are; all of them by each factor that half of the persons of a cell in each of the tables have; and
    each cell by its own, where cells have different ones."""
    ones = Scale(np.ones(new.size), np.ones(old.size))
    if new.is_plain and old.is_plain and not len(new.members.more_persons) + len(old.members.more_persons):
        return (ones,)
    ratios = amount_ratios(new, old)
    by = ([r.new for r in ratios], [r.old for r in ratios], [np.zeros_like(r.new) for r in ratios])
    mine, theirs, whole = ({factor for _, factor, _ in _group_factors(groups, ratios)} for groups in by)
    factors = sorted((mine & theirs | whole) - {1.0})
    every = [Scale(ones.new, np.full(old.size, factor)) for factor in factors]
    pairs = _group_factors([r.new * old.size + r.old for r in ratios], ratios)
    return (ones, *every, *_cell_scales(pairs, new.size, old.size))


def _group_factors(groups: Sequence[Numbers], ratios: Sequence[Ratios]) -> list[MajorityFactor]:
    """Of groups of persons in one cell, and of persons in several, the factors that half of them have."""
    single, several = ratios
    found = majority_factors(groups[0], single.amount)
    if len(several.persons):
        found += _factors_of_several(np.concatenate(groups), single, several)
    return list(dict.fromkeys(found))


def majority_factors(group: Numbers, amounts: Vector) -> list[MajorityFactor]:
    """Groups of which at least half have one amount, that amount (if half have one and half another, both), and how
    many have it. What half of a group has stands in the middle; only groups that are not mostly 1 are sorted."""
    is_one = np.abs(amounts - 1) <= SAME_AMOUNT
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
        found += _middle_factors(who, amounts, starts, lengths, amounts[middle])
    return found


def _middle_factors(
    who: Numbers, amounts: Vector, starts: Numbers, lengths: Numbers, middle: Vector
) -> list[MajorityFactor]:
    near = np.abs(amounts - np.repeat(middle, lengths)) <= SAME_AMOUNT * np.abs(amounts)
    count = np.add.reduceat(near.astype(np.int64), starts) if len(starts) else lengths
    enough = 2 * count >= lengths
    return _listed(who[starts][enough], round_factors(middle[enough]), count[enough])


def _factors_of_several(group: Numbers, single: Ratios, several: Ratios) -> list[MajorityFactor]:
    """Persons in several cells have several ratios: each counts once."""
    persons = np.concatenate([single.persons, several.persons])
    values, number = np.unique(round_factors(np.concatenate([single.amount, several.amount])), return_inverse=True)
    people = np.unique(np.stack([group, persons], axis=1), axis=0)
    size = np.bincount(people[:, 0])
    each = np.unique(np.stack([group, number, persons], axis=1), axis=0)
    kinds, count = np.unique(each[:, :2], axis=0, return_counts=True)
    enough = 2 * count >= size[kinds[:, 0]]
    return _listed(kinds[enough, 0], values[kinds[enough, 1]], count[enough])


def round_factors(amounts: Vector) -> Vector:
    """To so many digits; nothing here is 0."""
    places = 10.0 ** (DIGITS - np.ceil(np.log10(np.abs(amounts))))
    found: Vector = np.round(amounts * places) / places
    return found


def _listed(group: Numbers, factors: Vector, count: Numbers) -> list[MajorityFactor]:
    return list(zip(group.tolist(), factors.tolist(), count.tolist(), strict=True))


def _cell_scales(pairs: Sequence[MajorityFactor], rows: int, columns: int) -> Iterator[Scale]:
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
            step = _majority_step(factor, label, (left, right, value, count), mine, theirs)
            factor[label == theirs] *= step
            label[label == theirs] = mine
    yield Scale(factor[:rows], factor[rows:])


def _majority_step(factor: Vector, label: Numbers, pairs: FactorVotes, mine: int, theirs: int) -> float:
    """By what the one group of cells is multiplied, as most persons between it and the other have it."""
    left, right, value, count = pairs
    there, back = ((label[left] == a) & (label[right] == b) for a, b in ((mine, theirs), (theirs, mine)))
    steps = factor[left] * value / factor[right]
    found, number = np.unique(round_factors(np.concatenate([steps[there], 1 / steps[back]])), return_inverse=True)
    votes = np.bincount(number, weights=np.concatenate([count[there], count[back]]))
    return float(found[votes.argmax()])
