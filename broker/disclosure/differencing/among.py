"""Figures among some persons: who of them is in which cell, and with how much. Sparse rows, and their products; no
verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import Vector
from broker.disclosure.differencing.members import Members, Persons

Matrix = NDArray[np.float64]

SAMPLE = 1 << 14
"""So many persons stand for all: those of the lowest numbers, which are random."""
SMALL = 2000
"""Of new cells with so few persons, everybody is looked at."""
FEW = 1000
"""So many columns are multiplied as they are; of more, figure by figure."""
PIECE = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A row for each person and column: the place of the person among those that were asked for (ascending), the
    column, and the amount."""

    places: Numbers
    columns: Numbers
    amounts: Vector

    def numbered(self, numbers: Numbers) -> "Rows":
        """With other numbers of columns; those below 0 are left out."""
        columns = numbers[self.columns]
        kept = columns >= 0
        return Rows(self.places[kept], columns[kept], self.amounts[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Persons, ascending, and how many each of them stands for."""

    persons: Persons
    weights: Vector


def basis_of(cells: Sequence[Persons], everybody: int) -> Basis:
    """For who is in these cells, of persons whose numbers are below `everybody`."""
    small, room = [np.zeros(0, np.uint32)], SAMPLE
    for persons in sorted(cells, key=len):
        if len(persons) > min(SMALL, room):
            break
        small.append(persons)
        room -= len(persons)
    whole = np.unique(np.concatenate(small))
    sample = np.setdiff1d(np.arange(min(everybody, SAMPLE), dtype=np.uint32), whole, assume_unique=True)
    scale = max(1.0, (everybody - len(whole)) / max(1, len(sample)))
    persons = np.concatenate([whole, sample])
    weights = np.repeat([1.0, scale], [len(whole), len(sample)])
    order = np.argsort(persons)
    return Basis(persons[order], weights[order])


def among(functional: Functional, persons: Persons | None, counts: bool, numbers: Numbers | None = None) -> Rows:
    """Of `persons` (ascending; None: everybody, whose places are their numbers) those in shown cells; columns are
    vertices, or their `numbers` without those below 0. `counts`: amounts count, else only who is in a cell does."""
    members, shown = functional.members, len(functional.shown)
    places, cells, amounts = _every_row(members) if persons is None else _rows(members, persons)
    column = np.append(np.arange(shown) if numbers is None else numbers, -1)
    columns = column[np.minimum(functional.vertices, shown)][cells]
    kept = np.flatnonzero(columns >= 0)
    given = amounts[kept] if counts and not functional.is_plain else np.broadcast_to(1.0, len(kept))
    return Rows(places[kept].astype(np.int32), columns[kept].astype(np.int32), given)


def products(rows: Sequence[Rows], weights: Vector, count: int) -> Matrix:
    """By two columns, what their rows of equal persons come to."""
    found = np.zeros((count, count))
    if count <= FEW:
        for start in range(0, len(weights), PIECE):
            piece = dense(rows, count, start, min(start + PIECE, len(weights)))
            found += (piece * weights[start : start + PIECE]) @ piece.T
        return found
    for n, one in enumerate(rows):
        for other in rows[n:]:
            _add(found, one, other, weights)
    return found


def dense(rows: Sequence[Rows], count: int, start: int, end: int) -> Matrix:
    """Columns by the persons of some places."""
    found = np.zeros((count, end - start))
    for one in rows:
        inside = slice(*np.searchsorted(one.places, [start, end]))
        np.add.at(found, (one.columns[inside], one.places[inside] - start), one.amounts[inside])
    return found


def squares(rows: Rows, weights: Vector, count: int) -> Vector:
    """By column, the sum of squared amounts."""
    return np.bincount(rows.columns, weights[rows.places] * rows.amounts**2, count).astype(np.float64)


def add_up(found: Matrix, rows: Rows, worth: Matrix) -> None:
    """Add to `found`, by draw and place, what the columns of its person are `worth` in that draw."""
    for draw, of in zip(found, worth, strict=True):
        np.add.at(draw, rows.places, of[rows.columns] * rows.amounts)


def _add(found: Matrix, one: Rows, other: Rows, weights: Vector) -> None:
    mine, theirs = _joined(one, other)
    worth = weights[one.places[mine]] * one.amounts[mine] * other.amounts[theirs]
    left, right = one.columns[mine].astype(np.int64), other.columns[theirs]
    pairs, where = np.unique(left * len(found) + right, return_inverse=True)
    sums = np.bincount(where, weights=worth, minlength=len(pairs))
    left, right = pairs // len(found), pairs % len(found)
    found[left, right] += sums
    if one is not other:
        found[right, left] += sums


def _joined(one: Rows, other: Rows) -> tuple[Numbers, Numbers]:
    """Pairs of rows of equal places."""
    starts = np.searchsorted(other.places, one.places)
    count = np.searchsorted(other.places, one.places, side="right") - starts
    mine = np.repeat(np.arange(len(one.places)), count)
    within = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count)
    return mine, starts[mine] + within


def _every_row(members: Members) -> tuple[Numbers, Numbers, Vector]:
    """Persons, cells and amounts, in no order."""
    persons, cells = members.rows()
    given = members.amounts.get("", np.ones(0))
    amounts = given.astype(np.float64) if len(given) else np.broadcast_to(1.0, len(persons))
    return persons.astype(np.int64), cells.astype(np.int64), amounts


def _rows(members: Members, persons: Persons) -> tuple[Numbers, Numbers, Vector]:
    """Places, cells and amounts, in order of places."""
    at, cells = single(members, persons)
    once = np.flatnonzero(cells != members.nobody)
    if not len(members.more_persons):
        given = members.amounts.get("", np.ones(0))
        return once, cells[once], given[at[once]].astype(np.float64) if len(given) else np.ones(len(once))
    several = np.searchsorted(persons, members.more_persons)
    several[several == len(persons)] = 0
    again = np.flatnonzero(persons[several] == members.more_persons) if len(persons) else np.zeros(0, np.int64)
    amounts = np.ones(len(once) + len(again))
    if "" in members.amounts:
        given = members.amounts[""]
        amounts = given[np.concatenate([at[once], len(members.listed()[0]) + again])].astype(np.float64)
    places = np.concatenate([once, several[again]])
    found = np.concatenate([cells[once], members.more_cells[again].astype(np.int64)])
    order = np.argsort(places, kind="stable")
    return places[order], found[order], amounts[order]


def single(members: Members, persons: Persons) -> tuple[Numbers, Numbers]:
    """Of persons in one cell where they are listed, and the cell; whoever is not is in none."""
    if not len(members.cells) or not len(persons):
        return np.zeros(len(persons), np.int64), np.full(len(persons), members.nobody, np.int64)
    if members.persons is None:
        at = np.minimum(persons, len(members.cells) - 1).astype(np.int64)
        return at, np.where(at == persons, members.cells[at], members.nobody).astype(np.int64)
    at = np.minimum(np.searchsorted(members.persons, persons), len(members.persons) - 1)
    return at, np.where(members.persons[at] == persons, members.cells[at], members.nobody).astype(np.int64)
