"""Of persons in two functionals, how often the amounts of the one are those of the other. No verdicts."""

from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import Vector
from broker.disclosure.differencing.members import Persons

ENOUGH = 64
"""Of persons in several cells so many of each cell are looked at: a factor is what most have."""

Rows = tuple[Numbers, Numbers, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """A row for each person and pair of their vertices: amounts of the new table by amounts of the old one. Nothing is
    0. Persons of several vertices have rows for one of them, for two and for all together."""

    persons: Numbers
    new: Numbers
    old: Numbers
    amount: Vector


def ratios_of(new: Functional, old: Functional) -> tuple[Ratios, Ratios]:
    """Of persons in one cell of each table, and of those in several of any."""
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    persons, labels = persons[both], labels[both]
    ratios = new.amounts(persons) / old.amounts(persons)
    single = Ratios(persons.astype(np.int64), new.vertices[labels], old.vertices[cells[both]], ratios)
    return single, _several(new, old)


def _several(new: Functional, old: Functional) -> Ratios:
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    persons = np.union1d(_some(new, persons), _some(old, persons))
    p, v, a = _together(*_summed(*new.rows_of(persons), new.size))
    q, w, b = _together(*_summed(*old.rows_of(persons), old.size))
    left, right = _by_person(p, q)
    return Ratios(p[left], v[left], w[right], a[left] / b[right])


def _some(of: Functional, persons: Persons) -> Persons:
    who, vertices, _ = of.rows_of(persons)
    order = np.argsort(vertices, kind="stable")
    size = np.bincount(vertices, minlength=1)
    place = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)[: len(order)]
    return np.unique(who[order[place < ENOUGH]]).astype(np.uint32)


def _by_person(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """Every row of the one with every row of the other that is of the same person."""
    starts, ends = np.searchsorted(right, left), np.searchsorted(right, left, side="right")
    times = ends - starts
    row = np.repeat(np.arange(len(left)), times)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + np.repeat(starts, times)


def _summed(persons: Numbers, vertices: Numbers, amounts: Vector, size: int) -> Rows:
    """By person and vertex."""
    keys, where = np.unique(persons * size + vertices, return_inverse=True)
    return keys // size, keys % size, np.bincount(where, weights=amounts, minlength=len(keys)).astype(float)


def _together(persons: Numbers, vertices: Numbers, amounts: Vector) -> Rows:
    """Each vertex by itself, with each other one of the person, and with all of them; what cancels is gone."""
    row, other = _by_person(persons, persons)
    two = amounts[row] + np.where(row == other, 0, amounts[other])
    _, of = np.unique(persons, return_inverse=True)
    whole = np.bincount(of, weights=amounts, minlength=1)[of]
    p, v = np.concatenate([persons[row], persons]), np.concatenate([vertices[row], vertices])
    a = np.concatenate([two, whole])
    order = np.argsort(p, kind="stable")
    order = order[a[order] != 0]
    return p[order], v[order], a[order]
