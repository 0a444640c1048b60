"""Amounts that are the same but for a factor (hundreds, halves) are compared as if they were the same. No verdicts.

Whoever knows the text of two totals knows their factors. Here they are read from the amounts: where two unions of cells
differ by few persons only, most of the others have one ratio, and so have most of some cell in each of the tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import SAME, Vector
from broker.disclosure.differencing.ratios import Ratios, ratios_of

DIGITS = 9


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
    if new.is_plain and old.is_plain:
        return (ones,)
    ratios = ratios_of(new, old)
    mine, theirs = (set(rounded(usual(of, ratios.amount)[1])) for of in (ratios.new, ratios.old))
    whole = {*rounded(usual(np.zeros_like(ratios.new), ratios.amount)[1])}
    factors = sorted((mine & theirs | whole) - {1.0})
    every = [Scale(ones.new, np.full(old.size, factor)) for factor in factors]
    return (ones, *every, *_by_cell(ratios, new.size, old.size))


def rounded(amounts: Vector) -> list[float]:
    """To so many digits; nothing here is 0."""
    if not len(amounts):
        return []
    places = 10.0 ** (DIGITS - np.ceil(np.log10(np.abs(amounts))))
    found: list[float] = (np.round(amounts * places) / places).tolist()
    return found


def usual(group: Numbers, amounts: Vector) -> tuple[Numbers, Vector, Numbers]:
    """Groups of which at least half have one amount, that amount (if half have one and half another, both), and how
    many have it. What half of a group has stands in the middle; only groups that are not mostly 1 are sorted."""
    is_one = np.abs(amounts - 1) <= SAME
    size = np.bincount(group)
    ones = np.bincount(group[is_one], minlength=len(size))
    plain = np.flatnonzero(2 * ones > size)
    asked = 2 * ones <= size
    rest = asked[group]
    who, amounts = group[rest], amounts[rest]
    order = np.lexsort((amounts, who))
    who, amounts = who[order], amounts[order]
    starts = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]])) if len(who) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(starts, len(who)))
    found = [(plain, np.ones(len(plain)), ones[plain])]
    for middle in (starts + (lengths - 1) // 2, starts + lengths // 2):
        found.append(_half(who, amounts, starts, lengths, amounts[middle]))
    groups, values, counts = (np.concatenate(of) for of in zip(*found, strict=True))
    return groups, values, counts


def _half(
    who: Numbers, amounts: Vector, starts: Numbers, lengths: Numbers, middle: Vector
) -> tuple[Numbers, Vector, Numbers]:
    near = np.abs(amounts - np.repeat(middle, lengths)) <= SAME * np.abs(amounts)
    count = np.add.reduceat(near.astype(np.int64), starts) if len(starts) else lengths
    enough = 2 * count >= lengths
    return who[starts][enough], middle[enough], count[enough]


def _by_cell(ratios: Ratios, rows: int, columns: int) -> Iterator[Scale]:
    """Where a CASE multiplies cells by different factors: pairs of cells one after the other, those of most persons
    first, get the factor by which their amounts are the same."""
    pairs, values, counts = usual(ratios.new * columns + ratios.old, ratios.amount)
    if len(set(rounded(values))) < 2:
        return
    factor, label = np.ones(rows + columns), np.arange(rows + columns)
    order = np.argsort(-counts, kind="stable")
    for pair, value in zip(pairs[order].tolist(), values[order].tolist(), strict=True):
        left, right = pair // columns, rows + pair % columns
        if label[left] != label[right]:
            others = label == label[right]
            factor[others] *= factor[left] * value / factor[right]
            label[others] = label[left]
    yield Scale(factor[:rows], factor[rows:])
