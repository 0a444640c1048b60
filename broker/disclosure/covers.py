"""The cover of a task while it is made: what is hidden, what each target's ways are, and the work that is left."""

from collections.abc import Collection, Iterable, Mapping

from broker.disclosure.attack import PUSHES, YIELD, Progress, direction
from broker.disclosure.proofs import Demand, Proofs, weight
from broker.disclosure.systems import connected
from broker.disclosure.tasks import Attacker, Task
from broker.disclosure.ways import TOLERANCE, Move, Ways

FREE = 1e-4
"""The price of moving what is hidden anyway: so little that it only keeps ways short."""

DEAREST = 1e4
"""The price of moving the dearest cell, in prices of the median one: what programs can still tell apart."""

WORTH, BATCHES = 20.0, 16

CAREFUL = 1500
"""Cells up to which two ways are compared for each target, and cells are exchanged for cheaper ones."""


class Cover:
    """`hidden` grows by `make`. Programs are made once for each attacker and set of cells, and kept."""

    def __init__(self, task: Task, work: int, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self.base = task.unknown(())
        self.hidden: set[int] = set(self.base)
        self.hideable = frozenset(range(task.system.size)) - task.fixed
        self.proofs = Proofs(task)
        self._left, self._spent = work, 0
        self._prices = _prices(task, self.hideable)
        self.reduced: set[Demand] = set()

    @property
    def is_small(self) -> bool:
        return self.task.system.size <= CAREFUL

    @property
    def secondary(self) -> frozenset[int]:
        return frozenset(self.hidden) - self.base

    def spend(self, ways: Ways) -> None:
        self._spent += ways.taken()

    def has_work(self, share: float = 1.0) -> bool:
        return self._spent < self._left * share

    def price(self, cell: int) -> float:
        return FREE if cell in self.hidden else self._prices[cell]

    def shown_price(self, cell: int) -> float:
        return self._prices[cell]

    def ways(self, free: Collection[int], attacker: Attacker) -> Ways:
        return Ways(self.task, free, attacker, {c: self.price(c) for c in free})

    def make(self) -> None:
        """Attackers who know most come first: what protects from them protects from all others."""
        for cell in sorted(self.task.targets, key=lambda c: (-self.task.values[c], c)):
            self._ask(Demand(self.task.worst_attacker(cell), cell))
        for attacker in Attacker:
            if self.proofs.open(attacker):
                self._push(attacker)
            if waiting := self.proofs.open(attacker):
                self._cover(attacker, waiting)

    def _ask(self, demand: Demand) -> None:
        aim = self.task.targets[demand.cell]
        if demand.cell in self.task.fixed:
            self.reduced.add(demand)
        else:
            self.proofs.ask(demand, aim)

    def _push(self, attacker: Attacker) -> None:
        """What is wide enough already is seen by movements of many cells at once."""
        inner, failed = self.ways(self.hidden, attacker), 0
        for number in range(PUSHES):
            waiting = self.proofs.open(attacker)
            if not waiting or failed == 2:
                break
            move = inner.push({d.cell: self._aim(d, direction(d.cell, number)) for d in waiting})
            if move is not None:
                self.proofs.learn(move)
            settled = len(waiting) - len(self.proofs.open(attacker))
            failed = failed + 1 if settled < max(2, YIELD * len(waiting)) else 0
        self.spend(inner)

    def _aim(self, demand: Demand, sign: int) -> float:
        reach = self.proofs.reach[demand]
        return sign * (self.proofs.aims[demand] - (reach.down if sign > 0 else reach.up))

    def _cover(self, attacker: Attacker, waiting: list[Demand]) -> None:
        outer = self.ways(self.hideable, attacker)
        if not self.is_small:
            self._cover_many(outer, attacker)
        for number, demand in enumerate(waiting):
            self.progress("repair", number, len(waiting))
            if self.proofs.is_proved(demand):
                continue
            self.spend(outer)
            if not self.has_work(0.5):
                self._hide_all(waiting)
                return
            moves = self.best(outer, demand, self.is_small)
            self.hide(outer, frozenset().union(*(m.cells for m in moves)))
            for move in moves:
                self.proofs.learn(move)
            self.settle_for_less(demand)
        self.spend(outer)

    def _cover_many(self, outer: Ways, attacker: Attacker) -> None:
        """Many targets at once, as long as that settles many: fewer programs, and holes that serve several."""
        import time

        for number in range(BATCHES):
            waiting = self.proofs.open(attacker)
            b = time.time()
            move = outer.worth({d.cell: self._aim(d, direction(d.cell, number)) for d in waiting}, WORTH)
            if move is None:
                return
            self.hide(outer, move.cells)
            self.proofs.learn(move)
            print(
                attacker,
                number,
                len(waiting),
                len(self.proofs.open(attacker)),
                len(self.secondary),
                round(time.time() - b, 2),
            )
            if len(self.proofs.open(attacker)) > (1 - YIELD) * len(waiting):
                return

    def hide(self, ways: Ways, cells: Iterable[int]) -> None:
        for cell in sorted(frozenset(cells) - self.hidden):
            self.hidden.add(cell)
            ways.price(cell, FREE)

    def settle_for_less(self, demand: Demand) -> None:
        """As far as any way reaches is all that can be had of this attacker; those who know less are asked again."""
        if self.proofs.is_proved(demand):
            return
        self.reduced.add(demand)
        self.proofs.aims[demand] = self.proofs.reach[demand].width
        if demand.attacker is not Attacker.EVERYBODY:
            self._ask(Demand(Attacker.EVERYBODY, demand.cell))

    def _hide_all(self, waiting: Iterable[Demand]) -> None:
        """Out of work: everything that could help what is still open."""
        rest = [d for d in waiting if not self.proofs.is_proved(d)]
        self.hidden |= connected(self.task.system, [d.cell for d in rest], self.hideable)
        for demand in rest:
            self.reduced.add(demand)
            self.proofs.ask(demand, 0.0)
            if demand.attacker is not Attacker.EVERYBODY:
                self.reduced.add(Demand(Attacker.EVERYBODY, demand.cell))
        self._left = 0

    def best(self, ways: Ways, demand: Demand, careful: bool) -> list[Move]:
        """The cheapest of the ways that reach the aim; where none does, those that reach farthest."""
        cell, aim = demand.cell, self.proofs.aims[demand]
        is_up_enough = ways.most(cell, 1, aim)[0] >= aim - TOLERANCE
        up = ways.way(cell, 1, aim) if is_up_enough else None
        found = [[up]] if up is not None else []
        if up is None or (careful and self.new_cost([up]) > 0):
            found += [both] if (both := self._both(ways, cell, aim, up is not None)) else []
        return min(found, key=self.new_cost, default=[])

    def _both(self, ways: Ways, cell: int, aim: float, whole: bool) -> list[Move]:
        """Down as far as it goes and up for the rest; nothing if that is less than the `whole`."""
        down, first = ways.most(cell, -1, aim)
        up, second = ways.most(cell, 1, aim - down)
        if whole and down + up < aim - TOLERANCE:
            return []
        found = [(ways.way(cell, sign, by), at) for sign, by, at in ((-1, down, first), (1, up, second)) if at]
        return [move or at for move, at in found]

    def new_cost(self, moves: Iterable[Move]) -> float:
        return weight(self.task, frozenset().union(*(m.cells for m in moves)) - self.hidden)

    def short(self, everybody: bool) -> dict[int, Attacker]:
        """The targets that could not be had as wide as asked, with who derives them."""
        found = sorted(d for d in self.reduced if (d.attacker is Attacker.EVERYBODY) is everybody)
        return {d.cell: d.attacker for d in found}


def _prices(task: Task, cells: Collection[int]) -> Mapping[int, float]:
    """Costs in a range that programs can tell apart."""
    costs = sorted(task.cost(c) for c in cells)
    middle = costs[len(costs) // 2] if costs else 1.0
    return {c: min(max(task.cost(c) / (middle or 1.0), 0.01), DEAREST) for c in cells}
