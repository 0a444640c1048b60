"""Finds the moves of figures that give one person what sums are missing, and leave other sums as they are."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, groupby
from math import inf

import numpy as np

from broker.disclosure.differencing.graph_cuts import components
from broker.disclosure.suppression.linear_programs import TOLERANCE, LinearEquation, LinearProgram, Vector
from broker.evidence.member_tables import SumTerm, Total, TotalCell

Preference = Callable[[TotalCell], tuple[bool, int, int]]
"""Sorts cells: first those that are moved rather than others."""
Missing = tuple[float, ...]
"""What one person is missing from each sum: rows, or amounts in units of the least of them."""
LEFT_OUT = 100.0
"""The cost of a sum that is not met, for each that it is missing. A move costs from 1 to 2."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of new figures, and what each of some persons is missing from it: nobody from a tie, which stays as it is.

    Sums of a lower `rank` are met rather than others. `is_exact`: what is met is known in rows, and not by persons
    alone."""

    terms: frozenset[SumTerm]
    apart: tuple[tuple[int, float], ...] = ()
    rank: int = 0
    is_exact: bool = True


class CountMoves:
    """The equations of all moves: of joined sums, first those that are met rather than others. Cells that are in the
    same sums are one column."""

    def __init__(self, sums: Sequence[Sum], movable: Set[Total]) -> None:
        self.sums = sums
        self._apart = [dict(one.apart) for one in self.sums]
        self._persons = sorted({person for apart in self._apart for person in apart})
        column = defaultdict[TotalCell, list[tuple[int, int]]](list)
        for number, one in enumerate(self.sums):
            for term in one.terms:
                if term.total in movable:
                    column[term.of_cell].append((number, term.sign))
        alike = defaultdict[tuple[tuple[int, int], ...], list[TotalCell]](list)
        for cell in sorted(column):
            alike[tuple(column[cell])].append(cell)
        self._cells = list(alike.values())
        self._equations = [list[tuple[int, int]]() for _ in self.sums]
        for n, of in enumerate(alike):
            for row, sign in of:
                self._equations[row].append((n, sign))

    def met(self) -> Sequence[int]:
        """The numbers of the sums that are met for everybody. Any other contradicts sums of its rank or lower ones."""
        missing = {self._missing(person) for person in self._persons}
        every = range(len(self.sums))
        if self._are_solved(missing, every):
            return every
        some = list[int]()
        for _, of in groupby(every, key=lambda n: self.sums[n].rank):
            some = self._with_rank(missing, some, [*of])
        return some

    def _with_rank(self, missing: Set[Missing], some: Sequence[int], more: Sequence[int]) -> list[int]:
        """Sums that are met, and as many as possible of one rank with them."""
        if self._are_solved(missing, [*some, *more]):
            return [*some, *more]
        # Only sums that somebody's best solution leaves out can contradict others.
        open_ = sorted({n for one in missing for n in self._left_out(one, some, more)})
        found = [*some, *(n for n in more if n not in open_)]
        for n in open_:
            if self._are_solved(missing, [*found, n]):
                found.append(n)
        return found

    def is_combination(self, number: int, met: Sequence[int]) -> bool:
        """Whether a sum is a combination of sums that are met. What it differs in is then known: the same combination
        of what these show. Without it, moves that are whole and few may only happen not to meet the sum. What is met by
        persons alone tells nothing of rows."""
        known = [self.sums[n].terms for n in met if self.sums[n].is_exact >= self.sums[number].is_exact]
        by_cell = defaultdict[TotalCell, tuple[list[int], list[float]]](lambda: ([], []))
        for column, terms in enumerate(known):
            for term in terms:
                by_cell[term.of_cell][0].append(column)
                by_cell[term.of_cell][1].append(float(term.sign))
        wanted = {term.of_cell: float(term.sign) for term in self.sums[number].terms}
        if not wanted.keys() <= by_cell.keys():
            return False
        rows = [(*found, wanted.get(cell, 0.0)) for cell, found in by_cell.items()]
        return LinearProgram([-inf] * len(known), [inf] * len(known), rows).answer() is not None

    def of_each(
        self, met: Sequence[int], preference: Callable[[int], Preference]
    ) -> Iterator[tuple[int, Mapping[TotalCell, float]]]:
        """The fewest moves of each person that meet these sums, in cells that are preferred."""
        for person in self._persons:
            prefers = preference(person)
            best = [min(cells, key=prefers) for cells in self._cells]
            order = sorted(range(len(best)), key=lambda n: (prefers(best[n]), best[n]))
            moves = self._solved(self._missing(person), met, tuple(order))
            assert moves is not None, "the sums are met"
            unit = self._unit(person)
            yield person, {best[n]: by * unit for n, by in moves.items()}

    def _missing(self, person: int) -> Missing:
        """A person's own amounts are all that is moved, so equal persons are those of equal multiples."""
        unit = self._unit(person)
        return tuple(_whole_if_near(apart.get(person, 0) / unit) for apart in self._apart)

    def _unit(self, person: int) -> float:
        amounts = [apart[person] for apart in self._apart if person in apart]
        return 1 if all(isinstance(amount, int) for amount in amounts) else min(map(abs, amounts))

    def _are_solved(self, missing: Set[Missing], met: Sequence[int]) -> bool:
        return all(self._solved(one, met) is not None for one in missing)

    def _solved(self, missing: Missing, met: Sequence[int], order: Sequence[int] = ()) -> Mapping[int, float] | None:
        """By how much each column is moved, of columns that come first in the order; None if the sums cannot be
        met."""
        if not any(missing[n] for n in met):
            return {}
        columns = len(self._cells)
        cost = np.ones(columns)
        cost[list(order)] += np.arange(len(order)) / max(1, columns)
        found = self._answer(missing, met, (), cost)
        if found is None:
            return None
        moves = found[:columns] - found[columns : 2 * columns]
        return {int(n): _whole_if_near(moves[n]) for n in np.flatnonzero(np.abs(moves) > TOLERANCE)}

    def _left_out(self, missing: Missing, met: Sequence[int], more: Sequence[int]) -> Sequence[int]:
        """Those of some more sums that are not met where as many as possible are, and first ones rather than
        others."""
        columns = len(self._cells)
        found = self._answer(missing, met, more, np.ones(columns))
        assert found is not None, "each sum may be left out"
        short = found[2 * columns :].reshape(2, len(more)).max(axis=0)
        return [n for n, by in zip(more, short, strict=True) if by > TOLERANCE]

    def _answer(self, missing: Missing, met: Sequence[int], more: Sequence[int], cost: Vector) -> Vector | None:
        """What is added to each column, then what is taken away, then by how much each of some more sums is exceeded,
        and by how much it is missed: at a cost."""
        columns, rows = len(self._cells), list[LinearEquation]()
        for place, n in enumerate((*more, *met)):
            of = self._equations[n]
            ends = [*(c for c, _ in of), *(columns + c for c, _ in of)]
            signs = [*(float(sign) for _, sign in of), *(-float(sign) for _, sign in of)]
            if place < len(more):
                ends, signs = [*ends, 2 * columns + place, 2 * columns + len(more) + place], [*signs, 1.0, -1.0]
            rows.append((ends, signs, float(missing[n])))
        left_out = LEFT_OUT * np.linspace(2, 1, len(more))
        costs = np.concatenate([cost, cost, left_out, left_out])
        most = float(2 * sum(map(abs, missing)))
        # amounts of several sizes, as of several years, may be divided
        is_whole = all(isinstance(by, int) for by in missing)
        program = LinearProgram([0.0] * len(costs), [most] * len(costs), rows, whole=is_whole)
        program.set_costs(costs)
        return program.answer()


def _whole_if_near(amount: float) -> float:
    whole = round(amount)
    return whole if abs(amount - whole) <= TOLERANCE else float(amount)


def joined_sums(sums: Sequence[Sum], movable: Set[Total]) -> list[list[Sum]]:
    """Sums that share cells which can be moved, in their order: what is moved for the ones touches no others. Without
    those that miss nobody."""
    cells = [[t.of_cell for t in one.terms if t.total in movable] for one in sums]
    number = {cell: n for n, cell in enumerate(dict.fromkeys(chain(*cells)))}
    pairs = [(number[some[0]], number[cell]) for some in cells for cell in some]
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    label, found = components(len(number), left, right), defaultdict[int, list[Sum]](list)
    for one, some in zip(sums, cells, strict=True):
        if some:
            found[int(label[number[some[0]]])].append(one)
    return [some for some in found.values() if any(one.apart for one in some)]
