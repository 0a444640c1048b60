"""Overlays two functionals, person by person: counts pairs of cells, finds cells that repeat, and builds the graph in
which persons are edges between cells and some cells are contracted already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import NO_EDGES, SAME_AMOUNT, MultiCellRows, OverlapGraph, Vector
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.graph_cuts import Edges, Flags, contract_table, sum_edges
from broker.disclosure.differencing.joint_counts import MAX_BINS, Counts, JointCounts, Numbers, sums_by_key
from broker.disclosure.differencing.scale_factors import Scale
from broker.domain.release_history import OverlapKind
from broker.evidence.member_tables import Persons


@dataclass(frozen=True, slots=True, eq=False)
class Everybody:
    """The size of a known population that contains two tables, but for the persons `outside`, whom aligned counts count
    with cells of these."""

    size: int
    outside: Persons


def pair_counts(new: Functional, old: Functional, scale: Scale) -> tuple[JointCounts, JointCounts | None]:
    """Count persons in at most one cell of each table, by pair of cells: first those with equal amounts in both tables,
    then those with different amounts (None: nobody can have different ones)."""
    if new.is_plain and old.is_plain and scale.factor == 1:
        return new.counter.count(old.members), None
    persons, cells = old.members.listed()
    labels = new.counter.labels(persons)
    both = labels != new.members.nobody
    mine = new.amounts(persons) * scale.new[new.vertices[labels]]
    theirs = old.amounts(persons) * scale.old[old.vertices[cells]]
    other = both & (_are_unequal(mine, theirs))
    rows, columns = new.members.count + 2, old.members.count + 2
    alone = new.counter.sizes - np.bincount(labels[both], minlength=rows)
    alone[new.members.nobody] = 0  # persons of neither table
    left = np.concatenate([labels[~other], np.repeat(np.arange(rows), alone)])
    right = np.concatenate([cells[~other].astype(np.int64), np.full(int(alone.sum()), columns - 1)])
    return _tally(rows, columns, left, right), _tally(rows, columns, labels[other], cells[other].astype(np.int64))


def _are_unequal(mine: Vector, theirs: Vector) -> Flags:
    unequal: Flags = np.abs(mine - theirs) > SAME_AMOUNT * (np.abs(mine) + np.abs(theirs))
    return unequal


def _tally(rows: int, columns: int, left: Numbers, right: Numbers) -> JointCounts:
    pairs = left * columns + right
    if rows * columns <= MAX_BINS:
        return JointCounts(rows, columns, np.bincount(pairs, minlength=rows * columns).reshape(rows, columns))
    found, weight = np.unique(pairs, return_counts=True)
    return JointCounts(rows, columns, None, (found // columns, found % columns, weight))


def multi_cell_rows(new: Functional, old: Functional, scale: Scale, everybody: Everybody | None) -> MultiCellRows:
    """Persons in several cells of either table, with all their cells of both tables. Beside a known population also
    whoever is not in it, or does not count once in a cell: of them it leaves something else than of others."""
    persons = np.union1d(new.members.more_persons, old.members.more_persons)
    outside = np.zeros(0, np.uint32)
    if everybody is not None:
        outside = everybody.outside
        persons = np.unique(np.concatenate([persons, outside, new.not_once, old.not_once]))
    p, v, a = new.rows_of(persons)
    q, w, b = old.rows_of(persons)
    a, b = a * scale.new[v], b * scale.old[w]
    inside = (~np.isin(persons, outside)).astype(np.float64)
    found = [(p, v, a), (q, new.size + w, -b)]
    # In the vertex of no cell: a known population counts each person `inside` once, so a person's amount there is 1
    # less their amounts in the table.
    for sign, vertex, who, amounts in ((1, new.size - 1, p, a), (-1, new.size + old.size - 1, q, b)):
        at = np.searchsorted(persons, who)
        left = sign * (inside - np.bincount(at, weights=amounts, minlength=len(persons)))
        found.append((persons.astype(np.int64), np.full(len(persons), vertex), left))
    return MultiCellRows(*(np.concatenate(of) for of in zip(*found, strict=True)))


VertexPairs = tuple[Numbers, Numbers]


def counted_twice(new: Functional, old: Functional, persons: Persons, scale: Scale) -> tuple[VertexPairs, VertexPairs]:
    """The vertices at which persons of `multi_cell_rows` are in `pair_counts`, too: as persons of equal amounts, and of
    different ones."""
    mine, theirs = new.counter.labels(persons), old.counter.labels(persons)
    in_new, in_old = mine != new.members.nobody, theirs != old.members.nobody
    v, w = new.vertices[mine], old.vertices[theirs]
    unequal = _are_unequal(new.amounts(persons) * scale.new[v], old.amounts(persons) * scale.old[w])
    other = in_new & in_old & unequal
    equal = (in_new | in_old) & ~other
    return (v[equal], w[equal]), (v[other], w[other])


def by_vertices(table: Counts | None, new: Functional, old: Functional) -> Counts:
    """Add up the rows and columns of the suppressed cells and the remainder."""
    assert table is not None
    if len(new.holes) > 1:
        rows = table[[*new.shown, new.members.rest, new.members.nobody]]
        rows[-2] = table[new.holes].sum(axis=0)  # one vertex for all suppressed cells
        table = rows
    if len(old.holes) > 1:
        columns = table[:, [*old.shown, old.members.rest, old.members.nobody]]
        columns[:, -2] = table[:, old.holes].sum(axis=1)
        table = columns
    return table


SAMPLE_TIMES = 6
"""The sample has this many times `limit` persons for each cell. So a large cell hardly ever has fewer than `limit` by
chance."""
MAX_EMPTY = 4
"""For up to so many cells a lookup says whether anybody is in them. If there are more, all persons are counted."""


def is_fully_joined(new: Functional, old: Functional, limit: int, tied: bool) -> bool:
    """Whether a sample of persons already shows that all cells with persons, and all persons of one table only, must be
    on the same side. True only if cells of each table spread over several cells of the other. `tied`: to be in no cell
    of the one table and in no cell of the other is one vertex."""
    # Person numbers are random, so the first persons are a random sample.
    part = SAMPLE_TIMES * limit * max(new.members.count, old.members.count)
    # Sampling pays only for large tables with one amount for each person.
    are_plain = all(f.is_plain and not len(f.members.more_persons) for f in (new, old))
    if not are_plain or len(old.members.cells) < 2 * part:
        return False
    table = new.counter.of_part(old.members, part)
    if table is None or not _differ(table):
        return False
    rows, columns = contract_table(by_vertices(table, new, old).astype(np.float32), limit, tied=False)
    if not _outsiders_are_safe(new, old, limit, bool(rows[-1]), tied):
        return False
    sizes = new.counter.sizes
    return _are_empty(new, ~rows, lambda cell: bool(sizes[cell])) and _are_empty(
        old, ~columns, lambda cell: bool((old.members.cells == cell).any())
    )


def _differ(table: Counts) -> bool:
    anybody = table > 0
    return bool(anybody[:-1].sum(axis=1).max(initial=0) > 1 and anybody[:, :-1].sum(axis=0).max(initial=0) > 1)


def _outsiders_are_safe(new: Functional, old: Functional, limit: int, is_joined: bool, tied: bool) -> bool:
    """Whether the persons who are in one table only are nobody, or at least `limit`. `is_joined`: there are enough in
    the old table only."""
    persons, others = int(new.counter.sizes.sum()), old.members.persons
    last = len(old.members.cells) if others is None else int(others[-1]) + 1
    inside = len(old.members.cells)
    if others is None:
        inside = int(np.count_nonzero(old.members.cells != old.members.nobody))
    is_nobody = new.counter.is_full and last <= persons
    is_enough = persons - inside >= limit
    if tied:
        return is_joined or is_enough or (is_nobody and persons == inside)
    return (is_joined or is_nobody) and (is_enough or (is_nobody and persons == inside))


def _are_empty(of: Functional, alone: Flags, anybody: Callable[[int], bool]) -> bool:
    """Whether nobody is in the cells that were not joined."""
    cells = np.flatnonzero(alone[of.vertices[: of.members.count + 1]])
    return len(cells) <= MAX_EMPTY and not any(anybody(int(cell)) for cell in cells)


def repeated_cells(table: Counts, apart: Counts | None, several: MultiCellRows, disclosed: tuple[int, int]) -> Flags:
    """Flags of the disclosed cells of the new figure that equal one disclosed cell of the old figure, or have
    nobody."""
    lies = table > 0 if apart is None else (table > 0) | (apart > 0)
    rows, columns = lies.sum(axis=1)[: disclosed[0]], lies.sum(axis=0)
    on = lies[: disclosed[0]].argmax(axis=1) if lies.shape[1] else np.zeros(disclosed[0], np.int64)
    found: Flags = (rows == 1) & (columns[on] == 1) & (on < disclosed[1])
    if apart is not None:
        found &= apart[np.arange(disclosed[0]), on] == 0
    onto = np.full(sum(table.shape), -1)  # the new cell that each vertex repeats
    onto[table.shape[0] + on[found]] = np.flatnonzero(found)
    onto[: disclosed[0]] = np.arange(disclosed[0])
    cells = onto[several.vertices]
    inside = cells >= 0
    keys = several.persons[inside] * max(1, disclosed[0]) + cells[inside]
    pairs, left = sums_by_key(keys, several.amounts[inside])
    found |= rows == 0
    # Somebody has another amount there, so the cell does not repeat.
    found[pairs[np.abs(left) > SAME_AMOUNT] % max(1, disclosed[0])] = False
    return found


def overlap_kind(equal: JointCounts, unequal: JointCounts | None, several: MultiCellRows) -> OverlapKind:
    """How the cells of the two tables relate, suppressed ones included. Persons in several cells, or with different
    amounts, make the kind `APART`."""
    if len(several.persons) or (unequal is not None and unequal.persons):
        return OverlapKind.APART
    rows, columns = _neighbour_counts(equal)
    if not (rows[:-1].sum() - columns[-1]):
        return OverlapKind.DISJOINT
    finer, coarser = rows[:-1].max() <= 1, columns[:-1].max() <= 1
    if finer and coarser and not rows[-1] + columns[-1]:
        return OverlapKind.IDENTICAL
    return OverlapKind.NESTED if finer or coarser else OverlapKind.APART


def _neighbour_counts(joint: JointCounts) -> tuple[Numbers, Numbers]:
    """For each cell of either table, the number of cells of the other table (no cell is one of them) that share a
    person with it."""
    if joint.table is None:
        left, right, _ = joint.listed()
        return np.bincount(left, minlength=joint.rows), np.bincount(right, minlength=joint.columns)
    any_in = joint.table > 0
    return np.count_nonzero(any_in, axis=1), np.count_nonzero(any_in, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """`graph` has the vertices of the new functional first. `label`: vertices with one label are contracted. `peopled`:
    vertices with persons (the vertices of no cell do not count). `repeated`: disclosed cells of the new figure that the
    old one discloses too; if all are, the new figure discloses nothing new, whatever follows from known totals."""

    graph: OverlapGraph
    label: Numbers
    kind: OverlapKind
    tied: bool
    peopled: Flags
    repeated: Flags


def overlay_functionals(
    new: Functional, old: Functional, limit: int, everybody: Everybody | None, scale: Scale
) -> Overlay:
    """Build the overlay. `everybody`: a known population that contains both tables, or None. `scale`: factors of the
    amounts."""
    if scale.factor == 1 and is_fully_joined(new, old, limit, everybody is None):
        return _fully_joined(new, old)
    equal, unequal = pair_counts(new, old, scale)
    several = multi_cell_rows(new, old, scale, everybody)
    overlap = overlap_kind(equal, unequal, several)
    more = np.unique(several.persons).astype(np.uint32)
    wrong, unlike = counted_twice(new, old, more, scale)
    once = equal.persons - len(wrong[0]) + (0 if unequal is None else unequal.persons - len(unlike[0]))
    # Persons of the population who are in neither table.
    rest = None if everybody is None else everybody.size - once - int((~np.isin(more, everybody.outside)).sum())
    # With `limit` persons or more outside both tables, no small difference can be completed by the population.
    if rest is not None and rest >= limit:
        rest = None
    if equal.table is None or (unequal is not None and unequal.table is None):
        return _large_overlay((equal, wrong), (unequal, unlike), several, (new, old), rest, overlap)
    table = by_vertices(equal.table, new, old)
    np.subtract.at(table, wrong, 1)  # these persons are in `several`
    apart = None if unequal is None else by_vertices(unequal.table, new, old)
    if apart is not None:
        np.subtract.at(apart, unlike, 1)
    repeated = repeated_cells(table, apart, several, (new.disclosed, old.disclosed))
    table[-1, -1] = rest or 0
    rows, columns = contract_table(*_doubled_graph(table, apart, limit), tied=rest is None)
    label = _first_labels(new.size, old.size, rest is None)
    whole = np.concatenate([np.flatnonzero(rows), new.size + np.flatnonzero(columns)])
    # All contracted vertices get one label.
    label[whole] = label[whole].min(initial=new.size + old.size)
    edges = _outer_edges(table, rows, columns, new.size)
    graph = OverlapGraph(edges, _edges(apart, new.size), several)
    both = table if apart is None else table + apart
    anybody = np.concatenate([both.any(axis=1), both.any(axis=0)])
    return Overlay(graph, label, overlap, rest is None, _peopled(anybody, several, new.size), repeated)


def _fully_joined(new: Functional, old: Functional) -> Overlay:
    """The overlay if all vertices have one label: then it does not matter who is in which cell."""
    size = new.size + old.size
    nobody = MultiCellRows(*(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)))
    graph = OverlapGraph(NO_EDGES, NO_EDGES, nobody)
    repeated = new.counter.sizes[list(new.shown[: new.disclosed])] == 0  # empty cells repeat anything
    return Overlay(graph, np.zeros(size, np.int64), OverlapKind.APART, True, np.ones(size, bool), repeated)


def _doubled_graph(table: Counts, apart: Counts | None, limit: int) -> tuple[NDArray[np.float32], int]:
    """The graph of all persons and its limit. If some amounts are unequal, weights and limit are doubled, and each
    person with unequal amounts is a triangle with `out`."""
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


def _outer_edges(table: Counts, rows: Flags, columns: Flags, offset: int) -> Edges:
    """Edges that do not lie within the contracted vertex."""
    some, inside, other = np.flatnonzero(~rows), np.flatnonzero(rows), np.flatnonzero(~columns)
    upper, lower = table[some], table[:, other][inside] if len(other) else table[:0, :0]
    a, b = np.nonzero(upper)
    c, d = np.nonzero(lower)
    left = np.concatenate([some[a], inside[c]])
    right = np.concatenate([b, other[d]])
    return left, offset + right, np.concatenate([upper[a, b], lower[c, d]])


def _edges(table: Counts | None, offset: int) -> Edges:
    if table is None:
        return NO_EDGES
    left, right = np.nonzero(table)
    return left, offset + right, table[left, right]


def _large_overlay(
    equal: tuple[JointCounts, VertexPairs], unequal: tuple[JointCounts | None, VertexPairs], several: MultiCellRows,
    of: tuple[Functional, Functional], rest: int | None, overlap: OverlapKind,
) -> Overlay:  # fmt: skip
    """The overlay of tables that are too large for a dense array of pairs; nothing is contracted yet. Each count has
    the pairs of persons that are counted twice."""
    new, old = of
    size = new.size + old.size
    in_neither = [(np.array([new.size - 1]), np.array([size - 1]), np.array([rest]))] if rest else []
    whole = _edges_without(size, [_vertices(equal[0], new, old), *in_neither], equal[1], new.size)
    counted = [NO_EDGES if unequal[0] is None else _vertices(unequal[0], new, old)]
    apart = _edges_without(size, counted, unequal[1], new.size)
    label = _first_labels(new.size, old.size, rest is None)
    anybody = np.bincount(np.concatenate([*whole[:2], *apart[:2]]), minlength=size) > 0
    graph = OverlapGraph(whole, apart, several)
    nothing = np.zeros(max(1, new.disclosed), bool)
    return Overlay(graph, label, overlap, rest is None, _peopled(anybody, several, new.size), nothing)


def _edges_without(size: int, edges: Sequence[Edges], twice: VertexPairs, offset: int) -> Edges:
    """The edges together, without the persons that are counted twice."""
    every = [*edges, (twice[0], offset + twice[1], np.full(len(twice[0]), -1))]
    left, right, weight = (np.concatenate(e) for e in zip(*every, strict=True))
    return sum_edges(size, (left, right, weight))


def _peopled(anybody: Flags, several: MultiCellRows, rows: int) -> Flags:
    anybody[several.vertices] = True
    anybody[[rows - 1, -1]] = False
    return anybody


def _vertices(joint: JointCounts, new: Functional, old: Functional) -> Edges:
    left, right, weight = joint.listed()
    return new.vertices[left], new.size + old.vertices[right], weight
