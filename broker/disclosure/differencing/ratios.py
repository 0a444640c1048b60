"""Of persons in two functionals, how often the amounts of the one are those of the other. No verdicts."""

from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """A row for each person and pair of their vertices: amounts of the new table by amounts of the old one. Nothing is
    0. Persons of several vertices have, beside these, what all of theirs together are."""

    new: Numbers
    old: Numbers
    amount: Vector


def ratios_of(new: Functional, old: Functional) -> Ratios:
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    persons, labels = persons[both], labels[both]
    single = new.amounts(persons) / old.amounts(persons)
    more, others, amounts = _several(new, old)
    return Ratios(
        np.concatenate([new.vertices[labels], more]),
        np.concatenate([old.vertices[cells[both]], others]),
        np.concatenate([single, amounts]),
    )


def _several(new: Functional, old: Functional) -> tuple[Numbers, Numbers, Vector]:
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    p, v, a, first = _summed(*new.rows_of(persons), new.size)
    q, w, b, second = _summed(*old.rows_of(persons), old.size)
    starts, ends = np.searchsorted(q, p), np.searchsorted(q, p, side="right")
    times = ends - starts
    left = np.repeat(np.arange(len(p)), times)
    right = np.arange(len(left)) - np.repeat(np.cumsum(times) - times, times) + np.repeat(starts, times)
    single, whole = a[left] / b[right], first[left] / np.where(second[right] == 0, 1, second[right])
    asked = (first[left] != 0) & (second[right] != 0) & (whole != single)
    return (
        np.concatenate([v[left], v[left][asked]]),
        np.concatenate([w[right], w[right][asked]]),
        np.concatenate([single, whole[asked]]),
    )


def _summed(persons: Numbers, vertices: Numbers, amounts: Vector, size: int) -> tuple[Numbers, Numbers, Vector, Vector]:
    """By person and vertex, with each person's whole beside it; what cancels is gone."""
    keys, where = np.unique(persons * size + vertices, return_inverse=True)
    found = np.bincount(where, weights=amounts, minlength=len(keys))
    kept = found != 0
    who, found = keys[kept] // size, found[kept]
    _, of = np.unique(who, return_inverse=True)
    whole = np.bincount(of, weights=found, minlength=1).astype(np.float64)[of]
    return who, keys[kept] % size, found, whole
