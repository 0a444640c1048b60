"""Moves of cells that an attacker cannot exclude, and what they prove about targets."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from broker.disclosure.suppression.linear_programs import TOLERANCE, LinearProgram, Vector
from broker.disclosure.suppression.suppression_task import Attacker, SuppressionTask


@dataclass(frozen=True)
class Move:
    """Another table that fits what is known, as differences from the true one."""

    by: Mapping[int, float]

    @cached_property
    def cells(self) -> frozenset[int]:
        return frozenset(self.by)


class MoveSearch:
    """Finds moves that an attacker cannot exclude if the cells of `free` are not shown. Each moved cell has a price."""

    def __init__(
        self, task: SuppressionTask, free: Collection[int], attacker: Attacker, price: Mapping[int, float]
    ) -> None:
        self._task, self._counted = task, 0
        self.cells = sorted(free)
        self._place = {c: i for i, c in enumerate(self.cells)}
        self._count = len(self.cells)
        known = task.known_by(attacker)
        self._upper = np.array(
            [0.0 if c in known else task.room(c, sign) for sign in (1, -1) for c in self.cells], dtype=float
        )
        self._price = np.array([price[c] for c in self.cells] * 2, dtype=float)
        self._zero = np.zeros(2 * self._count)
        terms = [e.terms for e in task.system.equations]
        there = [r for t in terms if (r := self._row(t))]
        both = [([*at, *(self._count + c for c in at)], [*signs, *(-s for s in signs)], 0.0) for at, signs, _ in there]
        # One column for each cell and direction, because a price is paid for either.
        self._program = LinearProgram([0.0] * (2 * self._count), list(self._upper), both)
        self._program.set_costs(self._price)
        self._unpaid = LinearProgram(list(-self._upper[self._count :]), list(self._upper[: self._count]), there)

    def _row(self, terms: Collection[tuple[int, float]]) -> tuple[list[int], list[float], float] | None:
        found = [(self._place[c], sign) for c, sign in terms if c in self._place]
        return ([c for c, _ in found], [sign for _, sign in found], 0.0) if found else None

    def take_work(self) -> int:
        """The solver's work since the last call."""
        before, self._counted = self._counted, self._program.work + self._unpaid.work
        return self._counted - before

    def price(self, cell: int, price: float) -> None:
        i = self._place[cell]
        for column in (i, self._count + i):
            self._price[column] = price
            self._program.set_cost(column, price)

    def forbid(self, cell: int) -> None:
        self.allow(cell, (0.0, 0.0))

    def allow(self, cell: int, upper: tuple[float, float]) -> None:
        i = self._place[cell]
        for column, most in zip((i, self._count + i), upper, strict=True):
            self._upper[column] = most
            self._program.set_bounds(column, 0.0, most)
        self._unpaid.set_bounds(i, -upper[1], upper[0])  # one signed column instead of two

    def limits(self, cell: int) -> tuple[float, float]:
        i = self._place[cell]
        return float(self._upper[i]), float(self._upper[self._count + i])

    def cheapest_move(self, cell: int, sign: int, by: float) -> Move | None:
        """The cheapest move of the cell up (1) or down (-1) by that much; None if there is none."""
        # Everybody knows that the value does not go so far.
        if by > self._task.room(cell, sign) + TOLERANCE:
            return None
        there, back = self._column(cell, sign), self._column(cell, -sign)
        self._program.set_bounds(there, by, by)
        self._program.set_bounds(back, 0.0, 0.0)  # up and down at once would cancel out and cost twice
        found = self._program.answer()
        self._program.set_bounds(there, 0.0, float(self._upper[there]))
        self._program.set_bounds(back, 0.0, float(self._upper[back]))
        return None if found is None else self._net(found)

    def farthest_move(self, cell: int, sign: int, cap: float) -> tuple[float, Move | None]:
        """How far the cell can move that way at any price, up to `cap`, and a move that does it."""
        cap, i = min(cap, self._task.room(cell, sign)), self._place[cell]
        if cap <= TOLERANCE:
            return 0.0, None
        self._unpaid.set_bounds(i, min(0.0, sign * cap), max(0.0, sign * cap))
        found = self._unpaid.extreme(i, -sign)[1]
        self._unpaid.set_bounds(i, -float(self._upper[self._count + i]), float(self._upper[i]))
        return (0.0, None) if found is None else (abs(float(found[i])), self._move(found))

    def push_move(self, aims: Mapping[int, float]) -> Move | None:
        """A move of many cells at once towards their aims (downwards if negative), as far as they go in total, at any
        price."""
        lower, upper = -self._upper[self._count :], self._upper[: self._count].copy()
        costs = {self._place[c]: -1.0 if aim > 0 else 1.0 for c, aim in aims.items()}
        for cell, aim in aims.items():
            i = self._place[cell]
            if aim > 0:
                upper[i] = min(upper[i], aim)
            else:
                lower[i] = max(lower[i], aim)
        found = self._unpaid.pushed(costs, lower, upper)
        self._unpaid.set_all_bounds(-self._upper[self._count :], self._upper[: self._count])
        return None if found is None else self._move(found)

    def worthwhile_move(self, aims: Mapping[int, float], worth: float) -> Move | None:
        """The same, but only as far as each unit of each cell is worth its price."""
        cost, upper = self._price.copy(), self._upper.copy()
        for cell, aim in aims.items():
            there, back = self._column(cell, 1 if aim > 0 else -1), self._column(cell, -1 if aim > 0 else 1)
            cost[there], cost[back], upper[there] = -worth, worth, min(upper[there], abs(aim))
        self._program.set_costs(cost)
        self._program.set_all_bounds(self._zero, upper)
        found = self._program.answer()
        self._program.set_all_bounds(self._zero, self._upper)
        self._program.set_costs(self._price)
        return None if found is None else self._net(found)

    def _column(self, cell: int, sign: int) -> int:
        return self._place[cell] + (0 if sign > 0 else self._count)

    def _net(self, found: Vector) -> Move:
        return self._move(found[: self._count] - found[self._count :])

    def _move(self, by: Vector) -> Move:
        return Move({self.cells[i]: float(by[i]) for i in np.flatnonzero(np.abs(by) > TOLERANCE)})


class Demand(NamedTuple):
    """A cell that an attacker must not derive."""

    attacker: Attacker
    cell: int


@dataclass(frozen=True, slots=True)
class MoveReach:
    """The best moves found: how far up and down they reach, and the moves."""

    up: float = 0.0
    down: float = 0.0
    up_move: Move | None = None
    down_move: Move | None = None

    @property
    def width(self) -> float:
        return self.up + self.down

    def with_move(self, move: Move, cell: int) -> "MoveReach":
        by = move.by[cell]
        if by > self.up:
            return MoveReach(by, self.down, move, self.down_move)
        # A move can serve only one direction.
        return MoveReach(self.up, -by, self.up_move, move) if -by > self.down else self

    def needed(self, aim: float) -> "MoveReach":
        """Without the move that the aim does not need."""
        if self.up >= aim - TOLERANCE:
            return MoveReach(self.up, 0.0, self.up_move, None)
        return MoveReach(0.0, self.down, None, self.down_move) if self.down >= aim - TOLERANCE else self

    @property
    def cells(self) -> frozenset[int]:
        return frozenset().union(*(m.cells for m in (self.up_move, self.down_move) if m is not None))


class Proofs:
    """Aims, and what has been proved about them so far."""

    def __init__(self, task: SuppressionTask) -> None:
        self._task = task
        self.aims: dict[Demand, float] = {}
        self.reach: dict[Demand, MoveReach] = {}
        self._users: dict[int, set[Demand]] = defaultdict(set)

    def add_demand(self, demand: Demand, aim: float) -> None:
        self.aims[demand], self.reach[demand] = aim, MoveReach()

    def is_proved(self, demand: Demand) -> bool:
        return self.reach[demand].width >= self.aims[demand] - TOLERANCE

    def open(self, attacker: Attacker) -> list[Demand]:
        return [d for d in self.aims if d.attacker is attacker and not self.is_proved(d)]

    def served(self, move: Move) -> list[Demand]:
        """The demands that the move helps: their attacker cannot exclude it."""
        insiders = move.cells & self._task.insiders
        singles = frozenset(i for i in insiders if self._task.values[i] != 0)
        excluded = {Attacker.INSIDERS: insiders, Attacker.PERSONS: singles, Attacker.EVERYBODY: frozenset()}
        # An attacker excludes a move of any cell that they know, except the target itself.
        found = (Demand(a, c) for c in move.cells & self._task.targets.keys() for a in Attacker)
        return [d for d in found if d in self.aims and excluded[d.attacker] <= {d.cell}]

    def learn(self, move: Move) -> None:
        for demand in self.served(move):
            if not self.is_proved(demand):
                self.put(demand, self.reach[demand].with_move(move, demand.cell).needed(self.aims[demand]))

    def put(self, demand: Demand, reach: MoveReach) -> None:
        for cell in self.reach[demand].cells:
            self._users[cell].discard(demand)
        self.reach[demand] = reach
        for cell in reach.cells:
            self._users[cell].add(demand)

    def users(self, cell: int) -> list[Demand]:
        """The demands whose proof moves the cell."""
        return sorted(self._users.get(cell, ()))

    def unused(self, cells: Iterable[int]) -> list[int]:
        return [c for c in cells if not self._users.get(c)]


def total_cost(task: SuppressionTask, cells: Collection[int]) -> float:
    return sum(task.cost(c) for c in cells)
