"""Finds factors (such as 100 or 1/2) by which the amounts of two tables differ. Takes no decisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.difference_kinds import SAME_AMOUNT, Vector
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint_counts import Numbers, equal_pairs, group_starts, sums_by_key
from broker.evidence.member_tables import Persons

SAMPLE_SIZE = 64
"""So many of the persons with several cells are sampled for each vertex: a factor is what the majority have."""

VertexAmounts = tuple[Numbers, Numbers, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """One row for each person and pair of their vertices: the amount in the new table divided by that in the old one.
    No amount is 0. Persons with several vertices have rows for each vertex, for sums of two, and for the sum of all."""

    persons: Numbers
    new: Numbers
    old: Numbers
    amount: Vector


def amount_ratios(new: Functional, old: Functional) -> tuple[Ratios, Ratios]:
    """Ratios of persons in one cell of each table, and ratios of persons in several cells of either."""
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
    left, right = equal_pairs(p, q)  # rows of the same person
    return Ratios(p[left], v[left], w[right], a[left] / b[right])


def _sample_persons(of: Functional, persons: Persons) -> Persons:
    who, vertices, _ = of.rows_of(persons)
    order = np.argsort(vertices, kind="stable")
    size = np.bincount(vertices, minlength=1)
    place = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)[: len(order)]
    return np.unique(who[order[place < SAMPLE_SIZE]]).astype(np.uint32)


def _sum_by_vertex(persons: Numbers, vertices: Numbers, amounts: Vector, size: int) -> VertexAmounts:
    """Sum of amounts by person and vertex."""
    keys, sums = sums_by_key(persons * size + vertices, amounts)
    return keys // size, keys % size, sums


def _vertex_sums(persons: Numbers, vertices: Numbers, amounts: Vector) -> VertexAmounts:
    """The amount of each vertex alone, with each other vertex of the person, and with all of them. Sums of 0 are
    dropped."""
    row, other = equal_pairs(persons, persons)
    two = amounts[row] + np.where(row == other, 0, amounts[other])
    _, of = np.unique(persons, return_inverse=True)
    whole = np.bincount(of, weights=amounts, minlength=1)[of]
    p, v = np.concatenate([persons[row], persons]), np.concatenate([vertices[row], vertices])
    a = np.concatenate([two, whole])
    order = np.argsort(p, kind="stable")
    order = order[a[order] != 0]
    return p[order], v[order], a[order]


DIGITS = 9  # significant digits of a factor: it is a quotient of rounded sums

MajorityFactor = tuple[int, float, int]
"""A group of persons (of a cell, or of a pair of cells), a factor that at least half of them have, and their number."""
FactorVotes = tuple[Numbers, Numbers, Vector, Numbers]
"""For pairs of cells: a vertex of the one table, a vertex of the other (numbered after these), a factor, and its
persons."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The factor of each vertex's amounts, in the new table and in the old one."""

    new: Vector
    old: Vector

    @property
    def factor(self) -> float | None:
        """The factor of all amounts of the old table: 1 if all factors are. None if cells have different ones, or those
        of the new table."""
        if not np.all(self.new == 1) or np.any(self.old != self.old[:1]):
            return None
        return float(self.old[0])


def possible_scales(new: Functional, old: Functional, t: int, least: int = 0) -> tuple[Scale, ...]:
    """The scales to compare under: amounts unchanged; all amounts times a factor that half of the persons of a cell in
    each table have; and a factor for each cell, if cells have different ones. Fewer persons than `least` have no factor
    of their own. Neither have fewer than `t` in two cells that nobody is in alone: they have many quotients of their
    sums, and one of them may be any number."""
    ones = Scale(np.ones(new.size), np.ones(old.size))
    # Everybody counts 1 in both tables, but for a few: the only factor is 1.
    if all(f.other_rows + len(f.members.more_persons) < max(1, least) for f in (new, old)):
        return (ones,)
    ratios = amount_ratios(new, old)
    by = ([r.new for r in ratios], [r.old for r in ratios], [np.zeros_like(r.new) for r in ratios])
    mine, theirs, whole = (
        {factor for _, factor, count in _group_factors(groups, ratios) if count >= least} for groups in by
    )
    factors = sorted((mine & theirs | whole) - {1.0})  # a factor must occur in cells of both tables
    every = [Scale(ones.new, np.full(old.size, _as_found(factor, ratios))) for factor in factors]
    of_pairs = [r.new * old.size + r.old for r in ratios]
    alone = frozenset(of_pairs[0].tolist())
    pairs = [p for p in _group_factors(of_pairs, ratios) if p[2] >= (least if p[0] in alone else max(least, t))]
    return (ones, *every, *_cell_scales(pairs, new.size, old.size))


def _as_found(factor: float, ratios: Sequence[Ratios]) -> float:
    """A rounded factor with all its digits: the median of the ratios that are rounded to it."""
    amounts = np.concatenate([r.amount for r in ratios])
    return float(np.median(amounts[round_factors(amounts) == factor]))


def _group_factors(groups: Sequence[Numbers], ratios: Sequence[Ratios]) -> list[MajorityFactor]:
    """Factors that at least half of the persons of a group have, whether these are in one cell or in several."""
    single, several = ratios
    found = majority_factors(groups[0], single.amount)
    if len(several.persons):
        found += _factors_of_several(np.concatenate(groups), single, several)
    return list(dict.fromkeys(found))


def majority_factors(group: Numbers, amounts: Vector) -> list[MajorityFactor]:
    """For each group of which at least half have one amount: the group, that amount (both, if two halves have one
    each), and their number. A majority amount is the median. Only groups that are not mostly 1 are sorted."""
    is_one = np.abs(amounts - 1) <= SAME_AMOUNT
    size = np.bincount(group)
    ones = np.bincount(group[is_one], minlength=len(size))
    plain = np.flatnonzero(2 * ones > size)
    rest = (2 * ones <= size)[group]
    who, amounts = group[rest], amounts[rest]
    order = np.lexsort((amounts, who))
    who, amounts = who[order], amounts[order]
    starts = group_starts(who)
    lengths = np.diff(np.append(starts, len(who)))
    found = [(int(g), 1.0, int(ones[g])) for g in plain]
    # Both medians: half may have one amount and half another.
    for middle in (starts + (lengths - 1) // 2, starts + lengths // 2):
        found += _middle_factors(who, amounts, starts, lengths, amounts[middle])
    return found


def _middle_factors(
    who: Numbers, amounts: Vector, starts: Numbers, lengths: Numbers, middle: Vector
) -> list[MajorityFactor]:
    near = np.abs(amounts - np.repeat(middle, lengths)) <= SAME_AMOUNT * np.abs(amounts)
    count = np.add.reduceat(near.astype(np.int64), starts)
    enough = 2 * count >= lengths
    return _listed(who[starts][enough], round_factors(middle[enough]), count[enough])


def _factors_of_several(group: Numbers, single: Ratios, several: Ratios) -> list[MajorityFactor]:
    """The same for groups that include persons in several cells. Such a person has several ratios; each ratio counts
    once."""
    persons = np.concatenate([single.persons, several.persons])
    values, number = np.unique(round_factors(np.concatenate([single.amount, several.amount])), return_inverse=True)
    people = np.unique(np.stack([group, persons], axis=1), axis=0)
    size = np.bincount(people[:, 0])
    each = np.unique(np.stack([group, number, persons], axis=1), axis=0)
    kinds, count = np.unique(each[:, :2], axis=0, return_counts=True)
    enough = 2 * count >= size[kinds[:, 0]]
    return _listed(kinds[enough, 0], values[kinds[enough, 1]], count[enough])


def round_factors(amounts: Vector) -> Vector:
    """Round to `DIGITS` significant digits. No factor is 0."""
    places = 10.0 ** (DIGITS - np.ceil(np.log10(np.abs(amounts))))
    found: Vector = np.round(amounts * places) / places
    return found


def _listed(group: Numbers, factors: Vector, count: Numbers) -> list[MajorityFactor]:
    return list(zip(group.tolist(), factors.tolist(), count.tolist(), strict=True))


def _cell_scales(pairs: Sequence[MajorityFactor], rows: int, columns: int) -> Iterator[Scale]:
    """A scale for cells with different factors, as a CASE makes them. Cells are joined one pair after the other, the
    pair with most persons first; each group of cells gets the factor that fits the cells joined before."""
    # One factor for all is tried already.
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
    """The factor between two groups of cells that most persons with cells in both have."""
    left, right, value, count = pairs
    there, back = ((label[left] == a) & (label[right] == b) for a, b in ((mine, theirs), (theirs, mine)))
    steps = factor[left] * value / factor[right]
    found, number = np.unique(round_factors(np.concatenate([steps[there], 1 / steps[back]])), return_inverse=True)
    votes = np.bincount(number, weights=np.concatenate([count[there], count[back]]))
    return float(found[votes.argmax()])
