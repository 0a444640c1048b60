"""Two functionals laid over each other, person by person: who is in which pair of cells, with equal amounts or with
others. No verdicts."""

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import MOST_BINS, Counts, Joint, Numbers
from broker.disclosure.differencing.kinds import SAME, Several, Vector
from broker.disclosure.differencing.scales import Scale


def joints(new: Functional, old: Functional, scale: Scale) -> tuple[Joint, Joint | None]:
    """Persons in one cell of each table at most: by pair of cells, those of equal amounts, and those of others."""
    if new.is_plain and old.is_plain and scale.is_one:
        return new.counter.count(old.members), None
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    mine = new.amounts(persons) * scale.new[new.vertices[labels]]
    theirs = old.amounts(persons) * scale.old[old.vertices[cells]]
    other = both & (np.abs(mine - theirs) > SAME * (np.abs(mine) + np.abs(theirs)))
    rows, columns = new.members.count + 2, old.members.count + 2
    alone = new.counter.sizes - np.bincount(labels[both], minlength=rows)
    alone[new.members.nobody] = 0
    left = np.concatenate([labels[~other], np.repeat(np.arange(rows), alone)])
    right = np.concatenate([cells[~other].astype(np.int64), np.full(int(alone.sum()), columns - 1)])
    return _tally(rows, columns, left, right), _tally(rows, columns, labels[other], cells[other].astype(np.int64))


def _tally(rows: int, columns: int, left: Numbers, right: Numbers) -> Joint:
    pairs = left * columns + right
    if rows * columns <= MOST_BINS:
        return Joint(rows, columns, np.bincount(pairs, minlength=rows * columns).reshape(rows, columns))
    found, weight = np.unique(pairs, return_counts=True)
    return Joint(rows, columns, None, (found // columns, found % columns, weight))


def several_of(new: Functional, old: Functional, scale: Scale) -> Several:
    """Persons in several cells of either table, with all their cells of both."""
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    p, v, a = new.rows_of(persons)
    q, w, b = old.rows_of(persons)
    a, b = a * scale.new[v], b * scale.old[w]
    rests = _in_the_rest(persons, (p, a), (q, b), new.size, old.size)
    ends = np.concatenate([v, new.size + w, rests.vertices])
    amounts = np.concatenate([a, -b, rests.amounts])
    return Several(np.concatenate([p, q, rests.persons]), ends, amounts)


def _in_the_rest(
    persons: NDArray[np.uint32], new: tuple[Numbers, Vector], old: tuple[Numbers, Vector], rows: int, columns: int
) -> Several:
    """A known population counts each person once; without the cells of a table it counts 1 less their amounts."""
    found = []
    for sign, vertex, (who, amounts) in ((1, rows - 1, new), (-1, rows + columns - 1, old)):
        at = np.searchsorted(persons, who)
        left = sign * (1 - np.bincount(at, weights=amounts, minlength=len(persons)))
        found.append((persons.astype(np.int64), np.full(len(persons), vertex), left))
    return Several(*(np.concatenate(of) for of in zip(*found, strict=True)))


def counted_twice(new: Functional, old: Functional, persons: NDArray[np.uint32]) -> tuple[Numbers, Numbers]:
    """Where persons of several cells were counted as if they were in one table only."""
    if not len(persons):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    mine, theirs = new.counter.labels(persons), old.counter.labels(persons)
    counted = (mine != new.members.nobody) | (theirs != old.members.nobody)
    return new.vertices[mine[counted]], old.vertices[theirs[counted]]


def by_vertices(table: Counts | None, new: Functional, old: Functional) -> Counts:
    """Holes and remainder added up."""
    assert table is not None
    if len(new.holes) > 1:
        rows = table[[*new.shown, new.members.rest, new.members.nobody]]
        rows[-2] = table[new.holes].sum(axis=0)
        table = rows
    if len(old.holes) > 1:
        columns = table[:, [*old.shown, old.members.rest, old.members.nobody]]
        columns[:, -2] = table[:, old.holes].sum(axis=1)
        table = columns
    return table
