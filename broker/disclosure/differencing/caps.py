"""How many exact figures on each reference population there may be: beyond it the many would tell everything.

Dinur and Nissim (2003): figures on about as many random groups as there are persons, each off by less than the root of
their number, give nearly everybody's values. Rules and differencing see nothing of it, because each group is large. So
figures are counted that tell the persons of a reference population apart at all: a figure that has all of them alike,
or none, adds nothing about any of them.
"""

from collections.abc import Sequence

import numpy as np

from broker.disclosure.differencing.functionals import Functional, Functionals
from broker.disclosure.differencing.joint import Counter, Numbers
from broker.disclosure.differencing.members import Members
from broker.disclosure.differencing.tables import Table


def splits(table: Table, references: Members) -> tuple[int, ...]:
    """By the cell of `references` (each person of it in one), how many figures of the table tell its persons apart:
    count some of them and not all, or with different amounts. Several figures of the same amounts count each; the two
    of a mean are two, and who is in a total is no figure beside it."""
    made, counter = Functionals(table.members), Counter(references)
    sizes = references.sizes()[: references.count]
    found: Numbers = np.zeros(references.count, np.int64)
    totals = {f.statistic for f in table.figures if not f.is_count and not f.once}
    for figure in (f for f in table.figures if f.is_count or not f.once or f.statistic not in totals):
        found += _split(made.of(figure), counter, sizes)
    return tuple(map(int, found))


def _split(functional: Functional, counter: Counter, sizes: Numbers) -> Numbers:
    persons, cells = functional.members.rows()
    vertices, reference = functional.vertices[cells], counter.labels(persons)
    asked = (vertices < len(functional.shown)) & (reference < len(sizes))
    amounts = np.asarray(functional.members.amounts.get("", np.ones(len(persons))), np.float64)[asked]
    pairs, where, count = np.unique(
        vertices[asked] * len(sizes) + reference[asked], return_inverse=True, return_counts=True
    )
    low, high = np.full(len(pairs), np.inf), np.full(len(pairs), -np.inf)
    np.minimum.at(low, where, amounts)
    np.maximum.at(high, where, amounts)
    reference = pairs % max(1, len(sizes))
    apart = (count < sizes[reference]) | (low < high)
    return np.bincount(reference[apart], minlength=len(sizes))


def beyond(used: Sequence[int], more: Sequence[int], sizes: Sequence[int], fraction: float) -> tuple[int, ...]:
    """The reference populations on which `used` and `more` figures together are more than the fraction of persons. What
    adds nothing goes on."""
    return tuple(
        n for n, (before, now, persons) in enumerate(zip(used, more, sizes, strict=True))
        if now and before + now > fraction * persons
    )  # fmt: skip
