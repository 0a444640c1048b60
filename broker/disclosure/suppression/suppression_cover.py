"""The suppression cover of a task while it is built: the hidden cells, and the work that is left."""

from collections.abc import Collection, Iterable, Mapping

from broker.disclosure.suppression.attack_intervals import LEAST_YIELD, MAX_PUSHES, push_direction
from broker.disclosure.suppression.cell_systems import connected_cells
from broker.disclosure.suppression.linear_programs import TOLERANCE
from broker.disclosure.suppression.protection_moves import Demand, Move, MoveSearch, Proofs, total_cost
from broker.disclosure.suppression.suppression_task import Attacker, SuppressionTask
from broker.domain.errors import Breach
from broker.domain.progress import Progress

HIDDEN_PRICE = 1e-4
"""The price of moving a cell that is hidden anyway: just enough to keep moves small."""

MAX_PRICE = 1e4
"""The price of the dearest cell, in prices of the median cell: programs cannot distinguish larger ranges."""

BATCH_WORTH, MAX_BATCHES = 4.0, 40
"""The highest price for one unit of a target's move in a batch of many targets, and the largest number of batches."""

EXCHANGE_LIMIT = 1500
"""Up to this many cells, two kinds of moves are compared for each target, and cells are exchanged for cheaper ones."""


WORK_PER_PAIR, LEAST_WORK = 25, 300_000_000
"""Steps of the solver times columns for each pair of cells: the budget for showing cells again and for protecting
against insiders."""

WORK_LIMIT_FACTOR = 8
"""Beyond this many times the budget, all cells that could help are hidden."""


def work_budget(task: SuppressionTask) -> int:
    """The budget of a task: a count, not a clock, so that the same table has the same hidden cells on a busy
    machine."""
    return max(LEAST_WORK, WORK_PER_PAIR * task.system.size**2)


class Cover:
    """`hidden` grows in `make`. Each program is built once for an attacker and a set of cells, and then reused."""

    def __init__(self, task: SuppressionTask, work: int, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self.base = task.unknown(())
        self.hidden: set[int] = set(self.base)  # already hidden: moving these is nearly free
        self.hideable = frozenset(range(task.system.size)) - task.fixed
        self.proofs = Proofs(task)
        self._left, self._spent = work, 0
        self._hopes: dict[Demand, tuple[float, float]] = {}
        self.prices = _prices(task, self.hideable)
        self.reduced: set[Demand] = set()
        self.unsettled: set[Demand] = set()

    @property
    def is_small(self) -> bool:
        return self.task.system.size <= EXCHANGE_LIMIT

    @property
    def secondary(self) -> frozenset[int]:
        return frozenset(self.hidden) - self.base

    def spend(self, ways: MoveSearch) -> None:
        self._spent += ways.take_work()

    def has_work(self, share: float = 1.0) -> bool:
        return self._spent < self._left * share

    def price(self, cell: int) -> float:
        return HIDDEN_PRICE if cell in self.hidden else self.prices[cell]

    def ways(self, free: Collection[int], attacker: Attacker) -> MoveSearch:
        return MoveSearch(self.task, free, attacker, {c: self.price(c) for c in free})

    def make(self) -> None:
        """Build the cover. The most informed attackers come first, because protection from them also protects from the
        others."""
        # Large targets first; the order is fixed, so that the same table gives the same cover.
        for cell in sorted(self.task.targets, key=lambda c: (-self.task.values[c], c)):
            self._add_demand(Demand(self.task.worst_attacker(cell), cell))
        for attacker in Attacker:
            try:
                if self.proofs.open(attacker):
                    self._push(attacker)
                if waiting := self.proofs.open(attacker):
                    self._cover(attacker, waiting)
            except Breach:
                # If the solver fails, hide everything that could help rather than show a target.
                self._hide_all(self.proofs.open(attacker))

    def _add_demand(self, demand: Demand) -> None:
        aim = self.task.targets[demand.cell]
        if demand.cell in self.task.fixed:  # known anyway: nothing can be reached
            self.reduced.add(demand)
        else:
            self.proofs.add_demand(demand, aim)

    def _push(self, attacker: Attacker) -> None:
        """Find targets that are protected already, by moving many cells at once."""
        inner = self.ways(self.hidden, attacker)
        self._push_all(inner, self.proofs, attacker)
        self.spend(inner)

    def _push_all(self, ways: MoveSearch, proofs: Proofs, attacker: Attacker) -> None:
        failed = 0
        for number in range(MAX_PUSHES):
            waiting = proofs.open(attacker)
            if not waiting or failed == 2:
                return
            move = ways.push_move({d.cell: self._aim(proofs, d, push_direction(d.cell, number)) for d in waiting})
            if move is not None:
                proofs.learn(move)
            settled = len(waiting) - len(proofs.open(attacker))
            failed = failed + 1 if settled < max(2, LEAST_YIELD * len(waiting)) else 0

    def _aim(self, proofs: Proofs, demand: Demand, sign: int) -> float:
        reach = proofs.reach[demand]
        return sign * (proofs.aims[demand] - (reach.down if sign > 0 else reach.up))

    def _cover(self, attacker: Attacker, waiting: list[Demand]) -> None:
        outer = self.ways(self.hideable, attacker)
        self._limit_aims(outer, waiting)
        if not self.is_small:
            self._cover_many(outer, attacker)
        for number, demand in enumerate(waiting):
            self.progress("repair", number, len(waiting))
            if self.proofs.is_proved(demand):
                continue
            self.spend(outer)
            # Rather hide too much than take forever or show too much.
            if not self.has_work(WORK_LIMIT_FACTOR):
                self._hide_all(waiting)
                return
            moves = self.best(outer, demand, self.is_small)
            self.hide(outer, frozenset().union(*(m.cells for m in moves)))
            for move in moves:
                self.proofs.learn(move)
            self._lower_aim(demand, self.proofs.reach[demand].width)
        self.spend(outer)

    def _limit_aims(self, outer: MoveSearch, waiting: list[Demand]) -> None:
        """Lower each aim to what could be reached if everything were hidden."""
        hopes = Proofs(self.task)
        for demand in waiting:
            hopes.add_demand(demand, self.proofs.aims[demand])
        self._push_all(outer, hopes, waiting[0].attacker)
        for demand in waiting:
            up, down = hopes.reach[demand].up, hopes.reach[demand].down
            aim, exactly = self.proofs.aims[demand], demand.attacker is Attacker.EVERYBODY or self.has_work(0.1)
            if up + down < aim - TOLERANCE and exactly:
                up, _ = outer.farthest_move(demand.cell, 1, aim)
                down = outer.farthest_move(demand.cell, -1, aim - up)[0] if up < aim - TOLERANCE else 0.0
                self.spend(outer)
            self._hopes[demand] = (min(up, aim), min(down, aim))
            self._lower_aim(demand, up + down)

    def _cover_many(self, outer: MoveSearch, attacker: Attacker) -> None:
        """Serve many targets at once: fewer programs, and hidden cells that serve several. If targets obstruct each
        other, take fewer at a time, at any price."""
        parts, failed = 1, 0
        for number in range(MAX_BATCHES):
            group = [d for d in self.proofs.open(attacker) if (d.cell * 40_503 >> 4) % parts == number // 2 % parts]
            aims = {d.cell: self._aim(self.proofs, d, self._sign(d, number, parts)) for d in group}
            move = outer.worthwhile_move(aims, BATCH_WORTH if parts == 1 else MAX_PRICE) if aims else None
            if move is not None:
                self.hide(outer, move.cells)
                self.proofs.learn(move)
            failed = failed + 1 if 4 * sum(map(self.proofs.is_proved, group)) < len(group) else 0
            if failed == 2:
                parts, failed = 4 * parts, 0  # smaller groups obstruct each other less
            if parts > len(self.proofs.open(attacker)):
                return

    def _sign(self, demand: Demand, number: int, parts: int) -> int:
        """In a large batch, any half moves up; in a small one all move up, then all down."""
        return push_direction(demand.cell, number) if parts == 1 else 1 - 2 * (number % 2)

    def hide(self, ways: MoveSearch, cells: Iterable[int]) -> None:
        for cell in sorted(frozenset(cells) - self.hidden):
            self.hidden.add(cell)
            ways.price(cell, HIDDEN_PRICE)

    def _lower_aim(self, demand: Demand, width: float) -> None:
        """Lower the aim to what any move can reach against this attacker. Attackers who know less become demands of
        their own."""
        if width >= self.proofs.aims[demand] - TOLERANCE:
            return
        if demand.attacker is not Attacker.EVERYBODY and demand not in self.reduced:
            self._add_demand(Demand(Attacker.EVERYBODY, demand.cell))
        self.reduced.add(demand)
        self.proofs.aims[demand] = width

    def _hide_all(self, waiting: Iterable[Demand]) -> None:
        """Out of work: hide everything that could help the remaining targets."""
        rest = [d for d in waiting if not self.proofs.is_proved(d)]
        self.hidden |= connected_cells(self.task.system, [d.cell for d in rest], self.hideable)
        for demand in rest:
            self.proofs.add_demand(demand, 0.0)
            self.unsettled |= {demand, Demand(Attacker.EVERYBODY, demand.cell)}
        self.reduced |= self.unsettled
        self._left = 0  # no further exchanges: the cover is far from cheap anyway

    def best(self, ways: MoveSearch, demand: Demand, careful: bool) -> list[Move]:
        """The cheapest moves that reach the aim; if none does, those that reach farthest."""
        cell, aim = demand.cell, self.proofs.aims[demand]
        hope = self._hopes.get(demand, (0.0, 0.0))
        up = ways.cheapest_move(cell, 1, aim) if careful or hope[0] >= aim - TOLERANCE else None
        if up is None and not careful and sum(hope) >= aim - TOLERANCE:
            found = [
                ways.cheapest_move(cell, sign, by) for sign, by in ((1, hope[0]), (-1, aim - hope[0])) if by > TOLERANCE
            ]
            if None not in found:
                return [m for m in found if m is not None]
        choices = [[up]] if up is not None else []
        if up is None or (careful and self.new_cost([up]) > 0):
            choices += [both] if (both := self._both(ways, cell, aim, up is not None)) else []
        return min(choices, key=self.new_cost, default=[])

    def _both(self, ways: MoveSearch, cell: int, aim: float, whole: bool) -> list[Move]:
        """Move down as far as possible and up for the rest. Empty if that falls short of the `whole` aim."""
        down, first = ways.farthest_move(cell, -1, aim)
        up, second = ways.farthest_move(cell, 1, aim - down)
        if whole and down + up < aim - TOLERANCE:
            return []
        found = [
            (ways.cheapest_move(cell, sign, by), at) for sign, by, at in ((-1, down, first), (1, up, second)) if at
        ]
        return [move or at for move, at in found]

    def new_cost(self, moves: Iterable[Move]) -> float:
        return total_cost(self.task, frozenset().union(*(m.cells for m in moves)) - self.hidden)

    def short(self, everybody: bool) -> list[Demand]:
        """The targets that could not be protected as required, with their attackers."""
        return sorted(d for d in self.reduced if (d.attacker is Attacker.EVERYBODY) is everybody)


def _prices(task: SuppressionTask, cells: Collection[int]) -> Mapping[int, float]:
    """Costs within a range that programs can distinguish."""
    costs = sorted(task.cost(c) for c in cells)
    middle = costs[len(costs) // 2] if costs else 1.0
    return {c: min(max(task.cost(c) / (middle or 1.0), 0.01), MAX_PRICE) for c in cells}
