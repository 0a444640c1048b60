"""Builds the graph of two functionals: persons are edges between cells, and some cells are contracted already."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import NO_EDGES, MultiCellRows, OverlapGraph
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.graph_cuts import Edges, Flags, contract_table, sum_edges
from broker.disclosure.differencing.joint_counts import Counts, JointCounts, Numbers
from broker.disclosure.differencing.overlay import (
    by_vertices,
    counted_twice,
    is_fully_joined,
    multi_cell_rows,
    overlap_kind,
    pair_counts,
    repeated_cells,
)
from broker.disclosure.differencing.scale_factors import Scale
from broker.domain.release_history import OverlapKind


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


def overlay_functionals(new: Functional, old: Functional, limit: int, everybody: int | None, scale: Scale) -> Overlay:
    """Build the overlay. `everybody`: the size of a known population that contains both tables, or None. `scale`:
    factors of the amounts."""
    if scale.is_one and is_fully_joined(new, old, limit, everybody is None):
        return _fully_joined(new, old)
    equal, unequal = pair_counts(new, old, scale)
    several = multi_cell_rows(new, old, scale)
    overlap = overlap_kind(equal, unequal, several)
    more = np.unique(several.persons).astype(np.uint32)
    wrong = counted_twice(new, old, more)
    # Persons of the population who are in neither table.
    rest = None if everybody is None else everybody - equal.persons - len(more) + len(wrong[0])
    # With `limit` persons or more outside both tables, no small difference can be completed by the population.
    if rest is not None and rest >= limit:
        rest = None
    if equal.table is None or (unequal is not None and unequal.table is None):
        return _large_overlay(equal, unequal, wrong, several, (new, old), rest, overlap)
    table = by_vertices(equal.table, new, old)
    np.subtract.at(table, wrong, 1)  # these persons are in `several`
    apart = None if unequal is None else by_vertices(unequal.table, new, old)
    repeated = repeated_cells(table, apart, several, (new.disclosed, old.disclosed))
    table[-1, -1] = rest or 0
    rows, columns = contract_table(*_doubled_graph(table, apart, limit), tied=rest is None)
    label = _first_labels(new.size, old.size, rest is None)
    whole = np.concatenate([np.flatnonzero(rows), new.size + np.flatnonzero(columns)])
    # All contracted vertices get one label.
    label[whole] = label[whole].min(initial=new.size + old.size)
    edges = _outer_edges(table, rows, columns, new.size)
    graph = OverlapGraph(len(label), len(label) - 1, edges, _edges(apart, new.size), several)
    both = table if apart is None else table + apart
    anybody = np.concatenate([both.any(axis=1), both.any(axis=0)])
    return Overlay(graph, label, overlap, rest is None, _peopled(anybody, several, new.size), repeated)


def _fully_joined(new: Functional, old: Functional) -> Overlay:
    """The overlay if all vertices have one label: then it does not matter who is in which cell."""
    size = new.size + old.size
    nobody = MultiCellRows(*(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)))
    graph = OverlapGraph(size, size - 1, NO_EDGES, NO_EDGES, nobody)
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
    equal: JointCounts,
    unequal: JointCounts | None,
    wrong: tuple[Numbers, Numbers],
    several: MultiCellRows,
    of: tuple[Functional, Functional],
    rest: int | None,
    overlap: OverlapKind,
) -> Overlay:
    """The overlay of tables that are too large for a dense array of pairs; nothing is contracted yet."""
    new, old = of
    size = new.size + old.size
    edges = [_vertices(equal, new, old), (wrong[0], new.size + wrong[1], np.full(len(wrong[0]), -1))]
    if rest:
        edges.append((np.array([new.size - 1]), np.array([size - 1]), np.array([rest])))
    left, right, weight = (np.concatenate(e) for e in zip(*edges, strict=True))
    whole = sum_edges(size, (left, right, weight))
    apart = NO_EDGES if unequal is None else _vertices(unequal, new, old)
    label = _first_labels(new.size, old.size, rest is None)
    anybody = np.bincount(np.concatenate([*whole[:2], *apart[:2]]), minlength=size) > 0
    graph = OverlapGraph(size, size - 1, whole, apart, several)
    nothing = np.zeros(max(1, new.disclosed), bool)
    return Overlay(graph, label, overlap, rest is None, _peopled(anybody, several, new.size), nothing)


def _peopled(anybody: Flags, several: MultiCellRows, rows: int) -> Flags:
    anybody[several.vertices] = True
    anybody[[rows - 1, -1]] = False
    return anybody


def _vertices(joint: JointCounts, new: Functional, old: Functional) -> Edges:
    left, right, weight = joint.listed()
    return new.vertices[left], new.size + old.vertices[right], weight
