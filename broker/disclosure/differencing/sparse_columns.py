"""Figures as sparse columns over a sample of persons, their products, and the selection of similar columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.joint_counts import Numbers, equal_pairs, sums_by_key
from broker.evidence.member_tables import Members, Persons

Matrix = NDArray[np.float64]

SAMPLE_SIZE = 1 << 14
"""The persons with the lowest numbers represent all, because numbers are random."""
SMALL_CELL = 2000
"""New cells with up to this many persons are used in full."""
FEW_COLUMNS = 1000
"""Up to this many columns are multiplied as one dense matrix; more are multiplied figure by figure."""
PIECE_SIZE = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """One row for each person and column: the index of the person among those requested (ascending), the column, the
    amount."""

    places: Numbers
    columns: Numbers
    amounts: Vector

    def numbered(self, numbers: Numbers) -> "SparseRows":
        """The rows with new column numbers. Rows whose new number is below 0 are dropped."""
        columns = numbers[self.columns]
        is_included = columns >= 0
        return SparseRows(self.places[is_included], columns[is_included], self.amounts[is_included])


@dataclass(frozen=True, slots=True, eq=False)
class PersonSample:
    """Persons, ascending, and the number of persons that each represents."""

    persons: Persons
    weights: Vector


def sample_persons(cells: Sequence[Persons], everybody: int) -> PersonSample:
    """A sample for these cells, of persons with numbers below `everybody`: all persons of small cells, and the first
    numbers."""
    small, room = [np.zeros(0, np.uint32)], SAMPLE_SIZE
    # The smallest cells first: a sample would hardly hit them.
    for persons in sorted(cells, key=len):
        if len(persons) > min(SMALL_CELL, room):
            break
        small.append(persons)
        room -= len(persons)
    whole = np.unique(np.concatenate(small))
    sample = np.setdiff1d(np.arange(min(everybody, SAMPLE_SIZE), dtype=np.uint32), whole, assume_unique=True)
    scale = max(1.0, (everybody - len(whole)) / max(1, len(sample)))  # persons that each sampled one represents
    persons = np.concatenate([whole, sample])
    weights = np.repeat([1.0, scale], [len(whole), len(sample)])
    order = np.argsort(persons)
    return PersonSample(persons[order], weights[order])


def rows_among(
    functional: Functional, persons: Persons | None, counts: bool, numbers: Numbers | None = None
) -> SparseRows:
    """Rows of `persons` (ascending) in shown cells. With None everybody is included, and indexes are person numbers.
    Columns are vertices, or their `numbers` without those below 0. `counts`: use the amounts; otherwise each person
    counts 1."""
    members, shown = functional.members, len(functional.shown)
    places, cells, amounts = _every_row(members) if persons is None else _rows(members, persons)
    column = np.append(np.arange(shown) if numbers is None else numbers, -1)
    columns = column[np.minimum(functional.vertices, shown)][cells]
    included = np.flatnonzero(columns >= 0)
    given = amounts[included] if counts and not functional.is_plain else np.broadcast_to(1.0, len(included))
    return SparseRows(places[included].astype(np.int32), columns[included].astype(np.int32), given)


def column_products(rows: Sequence[SparseRows], weights: Vector, count: int) -> Matrix:
    """A (count, count) array of the weighted inner products of all columns over persons."""
    found = np.zeros((count, count))
    # A dense matrix of all persons would not fit, so it is multiplied in pieces.
    if count <= FEW_COLUMNS:
        for start in range(0, len(weights), PIECE_SIZE):
            piece = dense_columns(rows, count, start, min(start + PIECE_SIZE, len(weights)))
            found += (piece * weights[start : start + PIECE_SIZE]) @ piece.T
        return found
    for n, one in enumerate(rows):
        for other in rows[n:]:
            _add_products(found, one, other, weights)
    return found


def dense_columns(rows: Sequence[SparseRows], count: int, start: int, end: int) -> Matrix:
    """A (count, end - start) array: columns by the persons with indexes from `start` to `end`."""
    found = np.zeros((count, end - start))
    for one in rows:
        inside = slice(*np.searchsorted(one.places, [start, end]))
        np.add.at(found, (one.columns[inside], one.places[inside] - start), one.amounts[inside])
    return found


def column_squares(rows: SparseRows, weights: Vector, count: int) -> Vector:
    """The weighted sum of squared amounts of each column."""
    return np.bincount(rows.columns, weights[rows.places] * rows.amounts**2, count).astype(np.float64)


def add_weighted(found: Matrix, rows: SparseRows, worth: Matrix) -> None:
    """Add to `found`, a (draws, persons) array, the amounts of each person times the weight `worth` of their column in
    each draw."""
    for draw, of in zip(found, worth, strict=True):
        np.add.at(draw, rows.places, of[rows.columns] * rows.amounts)


def _add_products(found: Matrix, one: SparseRows, other: SparseRows, weights: Vector) -> None:
    mine, theirs = equal_pairs(one.places, other.places)  # rows of the same person
    worth = weights[one.places[mine]] * one.amounts[mine] * other.amounts[theirs]
    left, right = one.columns[mine].astype(np.int64), other.columns[theirs]
    pairs, sums = sums_by_key(left * len(found) + right, worth)
    left, right = pairs // len(found), pairs % len(found)
    found[left, right] += sums
    if one is not other:
        found[right, left] += sums


def _every_row(members: Members) -> tuple[Numbers, Numbers, Vector]:
    """Persons, cells and amounts, unordered."""
    persons, cells = members.rows()
    given = members.amounts.get("", np.ones(0))
    amounts = given.astype(np.float64) if len(given) else np.broadcast_to(1.0, len(persons))
    return persons.astype(np.int64), cells.astype(np.int64), amounts


def _rows(members: Members, persons: Persons) -> tuple[Numbers, Numbers, Vector]:
    """Indexes, cells and amounts, ordered by index."""
    at, cells = single_cells(members, persons)
    once = np.flatnonzero(cells != members.nobody)
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


def single_cells(members: Members, persons: Persons) -> tuple[Numbers, Numbers]:
    """For persons in one cell: their index in the list and their cell. Other persons get the cell `nobody`."""
    if not len(members.cells) or not len(persons):
        return np.zeros(len(persons), np.int64), np.full(len(persons), members.nobody, np.int64)
    if members.persons is None:
        at = np.minimum(persons, len(members.cells) - 1).astype(np.int64)
        return at, np.where(at == persons, members.cells[at], members.nobody).astype(np.int64)
    at = np.minimum(np.searchsorted(members.persons, persons), len(members.persons) - 1)
    return at, np.where(members.persons[at] == persons, members.cells[at], members.nobody).astype(np.int64)


MAX_COLUMNS = 400
"""The largest number of earlier columns that are compared together."""
LEAST_CORRELATION = 0.01
"""Columns with a smaller squared correlation would subtract next to nothing."""
NEARLY_EVERYBODY = 0.95
"""A column with at least this share of everybody is always selected, because it correlates with nothing."""
ROUNDS = 3
DRAWS = 4


@dataclass(frozen=True, slots=True, eq=False)
class FigureColumns:
    """One figure's columns over the sample, with the sum of squares of each."""

    rows: SparseRows
    sizes: Vector


def nearest_columns(new: Sequence[FigureColumns], old: Sequence[FigureColumns], sample: PersonSample) -> list[Vector]:
    """For each of `old`, flags of the columns to compare. Columns that correlate with selected ones are selected too,
    over several rounds."""
    scores = [(one.sizes >= NEARLY_EVERYBODY * sample.weights.sum()).astype(np.float64) for one in old]
    # A fixed seed: comparing the same tables again must select the same columns.
    chance = np.random.default_rng(0)
    drawn = _random_sums(chance, new, [np.ones(len(one.sizes)) for one in new], sample)
    for _ in range(ROUNDS):
        found = [_correlations(one, drawn, sample) for one in old]
        more = [np.where(then < LEAST_CORRELATION, now, 0.0) for then, now in zip(scores, found, strict=True)]
        scores = [np.maximum(then, now) for then, now in zip(scores, found, strict=True)]
        # No new column was found in this round.
        if not any((m >= LEAST_CORRELATION).any() for m in more):
            break
        drawn = _random_sums(chance, old, more, sample)
    every = np.concatenate([np.zeros(0), *scores])
    least = max(LEAST_CORRELATION, np.sort(every)[-MAX_COLUMNS] if len(every) > MAX_COLUMNS else 0.0)
    return [score >= least for score in scores]


def _random_sums(
    chance: np.random.Generator, of: Sequence[FigureColumns], worth: Sequence[Vector], sample: PersonSample
) -> Matrix:
    """A (draws, persons) array: the columns, scaled to squared length `worth`, summed with random signs and centred."""
    found = np.zeros((DRAWS, len(sample.persons)))
    for one, squared in zip(of, worth, strict=True):
        factors = np.sqrt(np.where(squared >= LEAST_CORRELATION, squared, 0.0) / np.maximum(one.sizes, 1.0))
        if factors.any():
            signs = chance.choice([-1.0, 1.0], (DRAWS, len(factors)))
            add_weighted(found, one.rows, factors * signs)
    mean: Vector = (found @ sample.weights) / sample.weights.sum()  # centred: sizes alone do not correlate
    return found - mean[:, None]


def _correlations(one: FigureColumns, drawn: Matrix, sample: PersonSample) -> Vector:
    """The mean squared correlation of each column with the random sums. It estimates the sum of its squared
    correlations with their parts."""
    everybody = sample.weights.sum()
    weights = sample.weights[one.rows.places] * one.rows.amounts
    sums = np.stack([np.bincount(one.rows.columns, weights * d[one.rows.places], len(one.sizes)) for d in drawn])
    spread = np.maximum(one.sizes * (1 - one.sizes / everybody), 1.0)  # the variance of a 0/1 column
    return np.asarray((sums**2).mean(axis=0) / spread, np.float64)
