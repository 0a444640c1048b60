"""Takes holes back that the targets can do without, dearest first, or exchanges them for cheaper ones."""

from broker.disclosure.repair.covers import FREE, Cover
from broker.disclosure.repair.proofs import Demand, Reach, weight
from broker.domain.errors import Breach

PASSES = 4


def lighten(cover: Cover) -> None:
    """In a small system every secondary hole may be exchanged, in a large one only shown again; until work is spent."""
    if cover.secondary and cover.has_work():
        _Lighter(cover).run()


class _Lighter:
    def __init__(self, cover: Cover) -> None:
        self._cover, self._proofs, self._task = cover, cover.proofs, cover.task
        self._exchange = cover.is_small
        free = cover.hideable if self._exchange else frozenset(cover.hidden)
        attackers = sorted({d.attacker for d in self._proofs.aims})
        self._ways = {a: cover.ways(free, a) for a in attackers}
        self._drop_unused()

    def run(self) -> None:
        for _ in range(PASSES if self._exchange else 1):
            before = weight(self._task, self._cover.secondary)
            for cell in self._dearest():
                if cell in self._cover.hidden:
                    self._cover.progress("lighten", 0, 1)
                    self._try_without(cell)
                if not self._cover.has_work():
                    return
            if weight(self._task, self._cover.secondary) >= before:
                return

    def _dearest(self) -> list[int]:
        return sorted(self._cover.secondary, key=lambda c: (-self._task.cost(c), c))

    def _drop_unused(self) -> None:
        for cell in self._proofs.unused(self._dearest()):
            self._show(cell)

    def _show(self, cell: int) -> None:
        self._cover.hidden.discard(cell)
        for ways in self._ways.values():
            if self._exchange:
                ways.price(cell, self._cover.price(cell))
            else:
                ways.forbid(cell)

    def _try_without(self, cell: int) -> None:
        limits = {a: w.limits(cell) for a, w in self._ways.items()}
        for ways in self._ways.values():
            ways.forbid(cell)
        before = {d: self._proofs.reach[d] for d in self._proofs.users(cell)}
        added = self._without(cell, list(before))
        for attacker, ways in self._ways.items():
            if added is None or self._exchange:
                ways.allow(cell, limits[attacker])
        if added is not None:
            self._show(cell)
            self._drop_unused()

    def _without(self, cell: int, affected: list[Demand]) -> set[int] | None:
        """Other ways for all that used the cell, and what they hide anew for less than it costs; None if there are
        none: then nothing has changed."""
        old = {d: self._proofs.reach[d] for d in affected}
        hidden = set(self._cover.hidden)
        for demand in affected:
            self._proofs.put(demand, Reach())
        for demand in affected:
            if not self._proofs.is_proved(demand) and not (
                self._cover.has_work() and self._again(demand, cell, hidden)
            ):
                for d, reach in old.items():
                    self._proofs.put(d, reach)
                for new in self._cover.hidden - hidden:
                    self._reprice(new, self._cover.shown_price(new))
                self._cover.hidden = hidden
                return None
        return self._cover.hidden - hidden

    def _again(self, demand: Demand, cell: int, before: set[int]) -> bool:
        ways = self._ways[demand.attacker]
        try:
            moves = self._cover.best(ways, demand, self._exchange)
        except Breach:
            return False
        self._cover.spend(ways)
        new = frozenset().union(*(m.cells for m in moves)) - self._cover.hidden
        if weight(self._task, (self._cover.hidden - before) | new) >= self._task.cost(cell):
            return False
        self._cover.hidden |= new
        for n in new:
            self._reprice(n, FREE)
        for move in moves:
            self._proofs.learn(move)
        return self._proofs.is_proved(demand)

    def _reprice(self, cell: int, price: float) -> None:
        for ways in self._ways.values():
            ways.price(cell, price)
