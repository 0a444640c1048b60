"""What movements prove about targets: how far each reaches up and down against each attacker. Solves nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from broker.disclosure.repair.programs import TOLERANCE
from broker.disclosure.repair.tasks import Attacker, Task
from broker.disclosure.repair.ways import Move


class Demand(NamedTuple):
    """A cell that an attacker must not derive."""

    attacker: Attacker
    cell: int


@dataclass(frozen=True, slots=True)
class Reach:
    """The best movements found: how far up and down, and which."""

    up: float = 0.0
    down: float = 0.0
    up_move: Move | None = None
    down_move: Move | None = None

    @property
    def width(self) -> float:
        return self.up + self.down

    def with_move(self, move: Move, cell: int) -> "Reach":
        by = move.by[cell]
        if by > self.up:
            return Reach(by, self.down, move, self.down_move)
        return Reach(self.up, -by, self.up_move, move) if -by > self.down else self

    def needed(self, aim: float) -> "Reach":
        """Without the movement that the aim can do without."""
        if self.up >= aim - TOLERANCE:
            return Reach(self.up, 0.0, self.up_move, None)
        return Reach(0.0, self.down, None, self.down_move) if self.down >= aim - TOLERANCE else self

    @property
    def cells(self) -> frozenset[int]:
        return frozenset().union(*(m.cells for m in (self.up_move, self.down_move) if m is not None))


class Proofs:
    """Aims, and what has been proved of them so far."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.aims: dict[Demand, float] = {}
        self.reach: dict[Demand, Reach] = {}
        self._users: dict[int, set[Demand]] = defaultdict(set)

    def ask(self, demand: Demand, aim: float) -> None:
        self.aims[demand], self.reach[demand] = aim, Reach()

    def is_proved(self, demand: Demand) -> bool:
        return self.reach[demand].width >= self.aims[demand] - TOLERANCE

    def open(self, attacker: Attacker) -> list[Demand]:
        return [d for d in self.aims if d.attacker is attacker and not self.is_proved(d)]

    def served(self, move: Move) -> list[Demand]:
        """The demands that the movement says something about: their attacker cannot exclude it."""
        insiders = move.cells & self._task.insiders
        singles = frozenset(i for i in insiders if self._task.values[i] != 0)
        excluded = {Attacker.INSIDERS: insiders, Attacker.PERSONS: singles, Attacker.EVERYBODY: frozenset()}
        found = (Demand(a, c) for c in move.cells & self._task.targets.keys() for a in Attacker)
        return [d for d in found if d in self.aims and excluded[d.attacker] <= {d.cell}]

    def learn(self, move: Move) -> None:
        for demand in self.served(move):
            if not self.is_proved(demand):
                self.put(demand, self.reach[demand].with_move(move, demand.cell).needed(self.aims[demand]))

    def put(self, demand: Demand, reach: Reach) -> None:
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


def weight(task: Task, cells: Collection[int]) -> float:
    return sum(task.cost(c) for c in cells)
