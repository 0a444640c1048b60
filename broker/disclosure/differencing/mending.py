"""How a table that leaks against the memory is changed until it does not: earlier values, holes, the whole table.

Each change takes a shown value away or replaces it once, so that there is an end; after each round everything is
compared again, because a mended table is another table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from broker.disclosure.differencing.changes import Load, changed, moved, same_figures, without_total
from broker.disclosure.differencing.compare import compare_all
from broker.disclosure.differencing.functionals import Functionals
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.tables import Comparison, Leak, Table
from broker.domain.release_history import Change, KnownFigure, OverlapKind, Way

MOST_ROUNDS = 30
"""Beyond it the whole table is withheld: nobody waits for a table that is nearly all holes."""


@dataclass(frozen=True, slots=True)
class Mending:
    """What is changed, in order; `table` is the table after it, None where the whole of it is withheld. `comparisons`
    are of the table as it came."""

    changes: tuple[Change, ...]
    table: Table | None
    comparisons: tuple[Comparison, ...]


def mend(new: Table, memory: Mapping[int, Load], total_known: bool = True) -> Mending:
    """Compare, change, and compare again until no leak is left. `memory` has the remembered tables by number; the
    workflow applies the changes to the output, repairs it as ever, and asks again. Where nobody knows the table's
    total, holes and remainder tell nothing: what is compared is `without_total`, the table that comes back is whole."""
    changes, first, table = list[Change](), None, new
    waiting = dict(memory)
    for _ in range(MOST_ROUNDS):
        found = tuple(compare_all(table if total_known else without_total(table), waiting.values()))
        first = found if first is None else first
        more = tuple(_chosen(table, found, memory, changes, total_known))
        if not more:
            return Mending(tuple(changes), table, first)
        table = changed(table, more, memory)
        changes += more
        if not any(f.shown for f in table.figures):
            break
        if all(c.way is Way.SUPPRESS for c in changes):
            apart = {c.overlap.entry for c in found if c.overlap.kind is OverlapKind.DISJOINT}
            waiting = {n: load for n, load in waiting.items() if n not in apart}
        else:
            waiting = dict(memory)
    return Mending((Change(Way.WITHHOLD, 0),), None, first or ())


def remainders(table: Table) -> Iterator[int]:
    """Statistics whose holes and remainder together are 1 to t - 1 persons: their known total would tell these, unless
    all that is shown is known already."""
    made = Functionals(table.members)
    for figure in table.figures:
        functional = made.of(figure)
        persons, cells = functional.members.rows()
        hidden = functional.vertices[cells] == len(functional.shown)
        amounts = functional.members.amounts.get("", np.ones(len(persons)))[hidden].astype(float)
        who, where = np.unique(persons[hidden], return_inverse=True)
        left = np.count_nonzero(np.bincount(where, weights=amounts, minlength=len(who)))
        if figure.shown and 0 < left < table.entry.t:
            yield figure.statistic


def _chosen(
    table: Table,
    comparisons: Sequence[Comparison],
    memory: Mapping[int, Load],
    before: Sequence[Change],
    total_known: bool,
) -> Iterator[Change]:
    """At most one change of a cell in a round: what one change mends, another need not."""
    taken = {c.cell for c in before if c.way is Way.EARLIER}
    touched, waiting = set[tuple[int, int]](), list[Leak]()
    sizes = table.members.sizes()
    for comparison in comparisons:
        leaks = [leak for leak in comparison.leaks if not leak.covered]
        for (change, *holes), leak in _earlier(table, comparison.overlap.entry, leaks, memory):
            if change.cell not in taken:
                taken.add(change.cell)
                touched |= {(f.statistic, change.cell) for f in table.figures}
                yield change
                yield from holes
                leaks.remove(leak)
        waiting += leaks
    known = frozenset[tuple[int, int]]().union(*(c.repeated for c in comparisons))
    figures = {f.statistic: f for f in table.figures}
    for leak in waiting:
        cells = _asked(leak, figures[leak.statistic], known)
        if not any((leak.statistic, c) in touched for c in cells):
            yield from _hole(figures[leak.statistic], cells, sizes, touched, known)
    for statistic in dict.fromkeys(remainders(table) if total_known else ()):
        if any((statistic, c) not in known for c in figures[statistic].shown):
            yield from _hole(figures[statistic], set(), sizes, touched, known)


def _earlier(
    table: Table, entry: int, leaks: Sequence[Leak], memory: Mapping[int, Load]
) -> Iterator[tuple[list[Change], Leak]]:
    """Cells that moved by a few: one cell against one, of which the earlier value is a figure of the same kind. Another
    figure of the cell that moved by many, as when it is in other units now, becomes a hole."""
    asked = [leak for leak in leaks if leak.exact and not leak.scaled and _is_of_one(leak)]
    if not asked:
        return
    old = memory[entry]()
    same = same_figures(table, old)
    for leak in asked:
        (cell,), (earlier,) = leak.new.cells, leak.old.cells
        figures = [
            same.get(n) for n, f in enumerate(table.figures) if f.statistic == leak.statistic and cell in f.shown
        ]
        if figures and all(f is not None and earlier in f.shown for f in figures):
            far = [
                figure.statistic
                for n, figure in enumerate(table.figures)
                if cell in figure.shown
                if n not in same or moved((table, figure, cell), (old, same[n], earlier)) >= table.entry.t
            ]
            if leak.statistic not in far:
                holes = [Change(Way.SUPPRESS, cell, statistic) for statistic in dict.fromkeys(far)]
                yield [Change(Way.EARLIER, cell, None, entry, earlier), *holes], leak


def _is_of_one(leak: Leak) -> bool:
    sides = (leak.new, leak.old)
    return all(len(s.cells) == 1 and not s.holes and not s.complement for s in sides)


def _asked(leak: Leak, figure: KnownFigure, known: frozenset[tuple[int, int]]) -> set[int]:
    """Of which cells one is to be a hole. Where the holes are on the side already, another one of it changes nothing:
    one of those beyond does, with which the holes are on no small side."""
    beyond = {c for c in leak.beyond if c in figure.shown and (figure.statistic, c) not in known}
    return (beyond if leak.new.holes else set()) or {c for c in leak.new.cells if c in figure.shown}


def _hole(
    figure: KnownFigure,
    cells: set[int],
    sizes: Numbers,
    touched: set[tuple[int, int]],
    known: frozenset[tuple[int, int]],
) -> Iterator[Change]:
    """The smallest of the cells, or of all that are shown where the leak is of holes alone; what is known hides
    nothing."""
    asked = cells or set(figure.shown)
    if asked and not (not cells and any(s == figure.statistic for s, _ in touched)):
        new = {c for c in asked if (figure.statistic, c) not in known}
        cell = min(new or asked, key=lambda c: (int(sizes[c]), c))
        touched.add((figure.statistic, cell))
        yield Change(Way.SUPPRESS, cell, figure.statistic)
