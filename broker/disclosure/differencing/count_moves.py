"""Finds the moves of counts that give one person what sums are missing, and leave other sums as they are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from broker.disclosure.suppression.linear_programs import TOLERANCE, LinearEquation, LinearProgram, Vector
from broker.evidence.member_tables import SumTerm, Total, TotalCell

Preference = Callable[[TotalCell], tuple[bool, int, int]]
"""Sorts cells: first those that are moved rather than others."""
Missing = tuple[int, ...]
"""What one person is missing from each sum."""
LEFT_OUT = 100.0
"""The cost of a sum that is not met, for each that it is missing. A move costs from 1 to 2."""
NO_COSTS: Vector = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of new figures, and what each of some persons is missing from it."""

    terms: frozenset[SumTerm]
    apart: tuple[tuple[int, int], ...]


class CountMoves:
    """The equations of all moves: of the sums, first those that are met rather than others, and of ties, which stay as
    they are. Cells that are in the same sums are one column."""

    def __init__(self, sums: Sequence[Sum], ties: Iterable[frozenset[SumTerm]], countable: Set[Total]) -> None:
        self._sums = sums
        self._apart = [dict(one.apart) for one in sums]
        self._persons = sorted({person for apart in self._apart for person in apart})
        rows = [*(s.terms for s in sums), *_reached([s.terms for s in sums], ties, countable)]
        column = defaultdict[TotalCell, list[tuple[int, int]]](list)
        for number, terms in enumerate(rows):
            for term in terms:
                if term.total in countable:
                    column[term.of_cell].append((number, term.sign))
        alike = defaultdict[tuple[tuple[int, int], ...], list[TotalCell]](list)
        for cell in sorted(column):
            alike[tuple(column[cell])].append(cell)
        self._cells = list(alike.values())
        self._equations = [list[tuple[int, int]]() for _ in rows]
        for n, of in enumerate(alike):
            for row, sign in of:
                self._equations[row].append((n, sign))

    def met(self) -> Sequence[int]:
        """The numbers of the sums that are met for everybody. One that is not is a combination of sums that are met and
        of ties, so that what it differs in is a combination of known sums."""
        missing = {self._missing(person) for person in self._persons}
        found = range(len(self._sums))
        if all(self._solved(one, found) is not None for one in missing):
            return found
        # Only sums that somebody's best solution leaves out can contradict others.
        open_ = sorted({n for one in missing for n in self._left_out(one)})
        some = [n for n in found if n not in open_]
        for n in open_:
            if all(self._solved(one, [*some, n]) is not None for one in missing):
                some.append(n)
        return some

    def of_each(
        self, met: Sequence[int], preference: Callable[[int], Preference]
    ) -> Iterator[tuple[int, Mapping[TotalCell, int]]]:
        """The fewest moves of each person that meet these sums, in cells that are preferred."""
        for person in self._persons:
            prefers = preference(person)
            best = [min(cells, key=prefers) for cells in self._cells]
            order = sorted(range(len(best)), key=lambda n: (prefers(best[n]), best[n]))
            moves = self._solved(self._missing(person), met, tuple(order))
            assert moves is not None, "the sums are met"
            yield person, {best[n]: by for n, by in moves.items()}

    def _missing(self, person: int) -> Missing:
        return tuple(apart.get(person, 0) for apart in self._apart)

    def _solved(self, missing: Missing, met: Sequence[int], order: Sequence[int] = ()) -> Mapping[int, int] | None:
        """By how much each column is moved, of columns that come first in the order; None if the sums cannot be
        met."""
        if not any(missing[n] for n in met):
            return {}
        columns = len(self._cells)
        cost = np.ones(columns)
        cost[list(order)] += np.arange(len(order)) / max(1, columns)
        found = self._answer(missing, met, cost)
        if found is None:
            return None
        moves = np.rint(found[:columns] - found[columns : 2 * columns]).astype(int)
        return {int(n): int(moves[n]) for n in np.flatnonzero(moves)}

    def _left_out(self, missing: Missing) -> Sequence[int]:
        """The sums that are not met where as many as possible are, and first ones rather than others."""
        sums = range(len(self._sums))
        found = self._answer(missing, sums, np.ones(len(self._cells)), LEFT_OUT * np.linspace(2, 1, len(sums)))
        assert found is not None, "each sum may be left out"
        short = found[2 * len(self._cells) :].reshape(2, len(sums)).max(axis=0)
        return [n for n in sums if short[n] > TOLERANCE]

    def _answer(self, missing: Missing, met: Sequence[int], cost: Vector, left_out: Vector = NO_COSTS) -> Vector | None:
        """What is added to each column, then what is taken away, then by how much each sum is exceeded and missed, if
        these have a cost."""
        columns, wanted = len(self._cells), set(met)
        rows: list[LinearEquation] = []
        for n, of in enumerate(self._equations):
            if n in wanted or n >= len(missing):
                ends = [*(c for c, _ in of), *(columns + c for c, _ in of)]
                signs = [*(float(sign) for _, sign in of), *(-float(sign) for _, sign in of)]
                if n < len(left_out):
                    ends, signs = [*ends, 2 * columns + n, 2 * columns + len(missing) + n], [*signs, 1.0, -1.0]
                rows.append((ends, signs, float(missing[n]) if n < len(missing) else 0.0))
        costs = np.concatenate([cost, cost, left_out, left_out])
        most = float(2 * sum(map(abs, missing)))
        program = LinearProgram([0.0] * len(costs), [most] * len(costs), rows, whole=True)
        program.set_costs(costs)
        return program.answer()


def _reached(
    sums: Sequence[frozenset[SumTerm]], ties: Iterable[frozenset[SumTerm]], countable: Set[Total]
) -> list[frozenset[SumTerm]]:
    """The ties that moves of the sums' cells can touch, also by moves that make up for others."""
    waiting = sorted(ties, key=lambda terms: sorted((*t.of_cell, t.sign) for t in terms))
    cells = {term.of_cell for terms in sums for term in terms if term.total in countable}
    by_cell = defaultdict[TotalCell, list[int]](list)
    for number, terms in enumerate(waiting):
        for term in terms:
            if term.total in countable:
                by_cell[term.of_cell].append(number)
    found, todo, seen = dict[int, None](), list(cells), set(cells)
    while todo:
        for number in by_cell.get(todo.pop(), ()):
            if number not in found:
                found[number] = None
                new = {t.of_cell for t in waiting[number] if t.total in countable} - seen
                seen |= new
                todo += new
    return [waiting[n] for n in sorted(found)]
