"""Two functionals laid over each other: everybody in either as edges between cells, and what is one from the start."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.contraction import Edges, Flags, grown, summed
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import MOST_BINS, Joint, Numbers
from broker.disclosure.differencing.kinds import SAME, People, Several, Vector
from broker.domain.memory import OverlapKind

Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """`people` with the vertices of the new functional first; `label`: which of these are one already; `peopled`: which
    have anybody (being in no cell does not count); `repeated`: which cells that the new figure tells are cells that the
    old tells. Where all are, it tells nothing new, whatever follows from totals that are known anyway."""

    people: People
    label: Numbers
    kind: OverlapKind
    tied: bool
    peopled: Flags
    repeated: Flags


def laid(new: Functional, old: Functional, limit: int, everybody: int | None = None, scale: float = 1.0) -> Laid:
    """`everybody`: how many persons a known population has that holds both tables; None where there is none. `scale`:
    by what the old amounts are multiplied."""
    equal, unequal = joints(new, old, scale)
    several = _several(new, old, scale)
    overlap = _overlap(equal, unequal, several)
    more = np.unique(several.persons).astype(np.uint32)
    wrong = _counted_twice(new, old, more)
    rest = None if everybody is None else everybody - equal.persons - len(more) + len(wrong[0])
    if rest is not None and rest >= limit:
        rest = None
    if equal.table is None or (unequal is not None and unequal.table is None):
        return _listed(equal, unequal, wrong, several, (new, old), rest, overlap)
    table = _by_vertices(equal.table, new, old)
    np.subtract.at(table, wrong, 1)
    apart = None if unequal is None else _by_vertices(unequal.table, new, old)
    repeated = _repeated(table, apart, several, (new.told, old.told))
    table[-1, -1] = rest or 0
    rows, columns = grown(*_doubled(table, apart, limit), tied=rest is None)
    label = _first_labels(new.size, old.size, rest is None)
    whole = np.concatenate([np.flatnonzero(rows), new.size + np.flatnonzero(columns)])
    label[whole] = label[whole].min(initial=new.size + old.size)
    edges = _outside(table, rows, columns, new.size)
    people = People(len(label), len(label) - 1, edges, _edges(apart, new.size), several)
    both = table if apart is None else table + apart
    anybody = np.concatenate([both.any(axis=1), both.any(axis=0)])
    return Laid(people, label, overlap, rest is None, _peopled(anybody, several, new.size), repeated)


def _repeated(table: Table, apart: Table | None, several: Several, told: tuple[int, int]) -> Flags:
    """Which told cells of the new figure lie on one told cell of the old, and that on it alone; or have nobody."""
    lies = table > 0 if apart is None else (table > 0) | (apart > 0)
    rows, columns = lies.sum(axis=1)[: told[0]], lies.sum(axis=0)
    on = lies[: told[0]].argmax(axis=1) if lies.shape[1] else np.zeros(told[0], np.int64)
    found: Flags = (rows == 1) & (columns[on] == 1) & (on < told[1])
    if apart is not None:
        found &= apart[np.arange(told[0]), on] == 0
    onto = np.full(sum(table.shape), -1)
    onto[table.shape[0] + on[found]] = np.flatnonzero(found)
    onto[: told[0]] = np.arange(told[0])
    cells = onto[several.vertices]
    inside = cells >= 0
    pairs, where = np.unique(several.persons[inside] * max(1, told[0]) + cells[inside], return_inverse=True)
    left = np.bincount(where, weights=several.amounts[inside], minlength=len(pairs))
    found |= rows == 0
    found[pairs[np.abs(left) > SAME] % max(1, told[0])] = False
    return found


def joints(new: Functional, old: Functional, scale: float) -> tuple[Joint, Joint | None]:
    """Persons in one cell of each table at most: by pair of cells, those of equal amounts, and those of others."""
    if new.is_plain and old.is_plain and scale == 1:
        return new.counter.count(old.members), None
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    mine, theirs = new.amounts(persons), scale * old.amounts(persons)
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


def _several(new: Functional, old: Functional, scale: float) -> Several:
    """Persons in several cells of either table, with all their cells of both."""
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    p, v, a = new.rows_of(persons)
    q, w, b = old.rows_of(persons)
    rests = _in_the_rest(persons, (p, a), (q, b), new.size, old.size)
    ends = np.concatenate([v, new.size + w, rests.vertices])
    amounts = np.concatenate([a, -scale * b, rests.amounts])
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


def _counted_twice(new: Functional, old: Functional, persons: NDArray[np.uint32]) -> tuple[Numbers, Numbers]:
    """Where persons of several cells were counted as if they were in one table only."""
    if not len(persons):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    mine, theirs = new.counter.labels(persons), old.counter.labels(persons)
    counted = (mine != new.members.nobody) | (theirs != old.members.nobody)
    return new.vertices[mine[counted]], old.vertices[theirs[counted]]


def _by_vertices(table: Table | None, new: Functional, old: Functional) -> Table:
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


def _doubled(table: Table, apart: Table | None, limit: int) -> tuple[NDArray[np.float32], int]:
    """The graph of everybody; where amounts are unequal, at twice its weight with a triangle for each of these."""
    if apart is None:
        return table.astype(np.float32), limit
    graph = 2 * table + apart
    graph[:, -1] += apart.sum(axis=1)
    graph[-1] += apart.sum(axis=0)
    return graph.astype(np.float32), 2 * limit


def _first_labels(rows: int, columns: int, tied: bool) -> Numbers:
    label = np.arange(rows + columns)
    if tied:
        label[-1] = rows - 1
    return label


def _outside(table: Table, rows: Flags, columns: Flags, offset: int) -> Edges:
    """Edges that are not within what has grown together."""
    some, inside, other = np.flatnonzero(~rows), np.flatnonzero(rows), np.flatnonzero(~columns)
    upper, lower = table[some], table[:, other][inside] if len(other) else table[:0, :0]
    a, b = np.nonzero(upper)
    c, d = np.nonzero(lower)
    left = np.concatenate([some[a], inside[c]])
    right = np.concatenate([b, other[d]])
    return left, offset + right, np.concatenate([upper[a, b], lower[c, d]])


def _edges(table: Table | None, offset: int) -> Edges:
    left, right = np.nonzero(np.zeros((0, 0)) if table is None else table)
    weight = np.zeros(0, np.int64) if table is None else table[left, right]
    return left, offset + right, weight


def _listed(
    equal: Joint,
    unequal: Joint | None,
    wrong: tuple[Numbers, Numbers],
    several: Several,
    of: tuple[Functional, Functional],
    rest: int | None,
    overlap: OverlapKind,
) -> Laid:
    """Of tables too large for one of all pairs: nothing has grown together yet."""
    new, old = of
    size = new.size + old.size
    edges = [_vertices(equal, new, old), (wrong[0], new.size + wrong[1], np.full(len(wrong[0]), -1))]
    if rest:
        edges.append((np.array([new.size - 1]), np.array([size - 1]), np.array([rest])))
    left, right, weight = (np.concatenate(e) for e in zip(*edges, strict=True))
    whole = summed(size, (left, right, weight))
    apart = _edges(None, 0) if unequal is None else _vertices(unequal, new, old)
    label = _first_labels(new.size, old.size, rest is None)
    anybody = np.bincount(np.concatenate([*whole[:2], *apart[:2]]), minlength=size) > 0
    people = People(size, size - 1, whole, apart, several)
    nothing = np.zeros(max(1, new.told), bool)
    return Laid(people, label, overlap, rest is None, _peopled(anybody, several, new.size), nothing)


def _peopled(anybody: Flags, several: Several, rows: int) -> Flags:
    anybody[several.vertices] = True
    anybody[[rows - 1, -1]] = False
    return anybody


def _vertices(joint: Joint, new: Functional, old: Functional) -> Edges:
    left, right, weight = joint.listed()
    return new.vertices[left], new.size + old.vertices[right], weight


def _overlap(equal: Joint, unequal: Joint | None, several: Several) -> OverlapKind:
    """How the cells lie, holes and all; persons of several cells make it `apart`."""
    if len(several.persons) or (unequal is not None and unequal.persons):
        return OverlapKind.APART
    rows, columns = _neighbours(equal)
    if not (rows[:-1].sum() - columns[-1]):
        return OverlapKind.DISJOINT
    finer, coarser = rows[:-1].max() <= 1, columns[:-1].max() <= 1
    if finer and coarser and not rows[-1] + columns[-1]:
        return OverlapKind.IDENTICAL
    return OverlapKind.NESTED if finer or coarser else OverlapKind.APART


def _neighbours(joint: Joint) -> tuple[Numbers, Numbers]:
    """With how many cells of the other table (or none of them) each cell of either has anybody in common."""
    if joint.table is None:
        left, right, _ = joint.listed()
        return np.bincount(left, minlength=joint.rows), np.bincount(right, minlength=joint.columns)
    any_in = (joint.table > 0).astype(np.float32)
    found = any_in @ np.ones(joint.columns, np.float32)
    others = np.ones(joint.rows, np.float32) @ any_in
    return found.astype(np.int64), others.astype(np.int64)
