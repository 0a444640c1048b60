"""A table as one or more sets of cells that its reader knows: its own, and, where a count stands beside a larger one
(the ones of a share beside its count), who is counted and who is not. No verdicts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from broker.disclosure.differencing.functionals import Functional, Functionals
from broker.disclosure.differencing.kinds import Vector
from broker.disclosure.differencing.members import Members, members_of
from broker.disclosure.differencing.tables import Side, Table
from broker.domain.release_history import KnownFigure


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Figures over the same cells. `cells`: of how many cells the table is; beyond them a part counts the others of
    each cell, then the holes of its two counts.
    `is_whole`: it is the table as it stands."""

    made: Functionals
    figures: tuple[KnownFigure, ...]
    cells: int
    is_whole: bool

    def side(self, functional: Functional, vertices: frozenset[int]) -> Side:
        """Vertices of one of its functionals as cells of the table."""
        shown = len(functional.shown)
        cells = [functional.shown[v] for v in vertices if v < shown]
        holes = shown in vertices or any(c >= 2 * self.cells for c in cells)
        inside = frozenset(c % self.cells for c in cells if c < 2 * self.cells)
        return Side(inside, holes, shown + 1 in vertices)


def parts_of(table: Table) -> tuple[Part, ...]:
    """A figure without a shown cell tells nothing."""
    figures = tuple(f for f in table.figures if f.shown)
    plain = Part(Functionals(table.members), figures, table.members.count, is_whole=True)
    return (plain, *_divided(table.members, figures))


def _divided(members: Members, figures: tuple[KnownFigure, ...]) -> Iterator[Part]:
    counts = {(f.amount, f.once): f for f in figures if f.is_count}
    if len(counts) < 2:
        return
    amounts = {key: _amounts(members, f) for key, f in counts.items()}
    inside = members.rows()[1] != members.rest
    for key, figure in counts.items():
        for other, larger in counts.items():
            is_larger = np.all(amounts[key][inside] <= amounts[other][inside])
            if is_larger and np.any(amounts[key] != amounts[other]):
                made, divided = _part(members, figure, larger, amounts[key], amounts[other] - amounts[key])
                yield Part(made, (divided,), members.count, is_whole=False)


def _amounts(members: Members, figure: KnownFigure) -> Vector:
    persons, _ = members.rows()
    found = np.asarray(members.amounts.get(figure.amount, np.ones(len(persons))), np.float64)
    return np.sign(found) if figure.once else found


def _part(
    members: Members, figure: KnownFigure, larger: KnownFigure, ones: Vector, others: Vector
) -> tuple[Functionals, KnownFigure]:
    """Each cell as two, and the holes of the two counts as two more."""
    persons, cells = (a.astype(np.int64) for a in members.rows())
    count = members.count
    is_shown, is_both = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    is_shown[list(figure.shown)] = True
    is_both[[c for c in figure.shown if c in larger.shown]] = True
    counted = np.where(is_shown[cells], cells, 2 * count)
    not_counted = np.where(is_both[cells], count + cells, 2 * count + 1)
    p, c, a = _added_up(
        np.concatenate([persons, persons]), np.concatenate([counted, not_counted]), np.concatenate([ones, others])
    )
    both = [count + int(cell) for cell in np.flatnonzero(is_both)]
    shown = dict.fromkeys([*figure.shown, *both, 2 * count, 2 * count + 1])
    made = replace(figure, amount="", once=False, shown=shown)
    return Functionals(members_of(2 * count + 2, p, c, {"": a}), untold=2), made


def _added_up(persons: Vector, cells: Vector, amounts: Vector) -> tuple[Vector, Vector, Vector]:
    """By person and cell: holes of one person are one."""
    order = np.lexsort((cells, persons))
    persons, cells, amounts = persons[order], cells[order], amounts[order]
    if not len(persons):
        return persons, cells, amounts
    first = np.concatenate([[True], (persons[1:] != persons[:-1]) | (cells[1:] != cells[:-1])])
    starts = np.flatnonzero(first)
    whole = np.add.reduceat(amounts, starts)
    kept = whole != 0
    return persons[starts][kept], cells[starts][kept], whole[kept]
