"""Secondary suppression: which further cells must be hidden so that no target can be derived. Judges nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from broker.disclosure.suppression.attack_intervals import AttackInterval, attack_intervals
from broker.disclosure.suppression.protection_moves import Demand, MoveReach, total_cost
from broker.disclosure.suppression.suppression_cover import HIDDEN_PRICE, Cover, work_budget
from broker.disclosure.suppression.suppression_task import Attacker, SuppressionTask, in_unit, widths_by_unit
from broker.domain.errors import Breach
from broker.domain.progress import Progress, no_progress

PASSES = 4


class _CoverReducer:
    """Makes a cover cheaper while work is left: in a small system, exchanges secondary cells for cheaper ones; in a
    large one, only shows cells again."""

    def __init__(self, cover: Cover) -> None:
        self._cover, self._proofs, self._task = cover, cover.proofs, cover.task
        self._exchange = cover.is_small
        free = cover.hideable if self._exchange else frozenset(cover.hidden)
        attackers = sorted({d.attacker for d in self._proofs.aims})
        self._ways = {a: cover.ways(free, a) for a in attackers}
        self._drop_unused()

    def run(self) -> None:
        for _ in range(PASSES if self._exchange else 1):
            before = total_cost(self._task, self._cover.secondary)
            for cell in self._dearest():
                if cell in self._cover.hidden:
                    self._cover.progress("lighten", 0, 1)
                    self._try_without(cell)
                if not self._cover.has_work():
                    return
            # Another pass would gain nothing either.
            if total_cost(self._task, self._cover.secondary) >= before:
                return

    def _dearest(self) -> list[int]:
        # The dearest first: most is gained.
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
        """Find other moves for all demands that use the cell. Return the cells they newly hide, which cost less than
        the cell; None (and no change) if there are no such moves."""
        old = {d: self._proofs.reach[d] for d in affected}
        hidden = set(self._cover.hidden)
        for demand in affected:
            self._proofs.put(demand, MoveReach())
        for demand in affected:
            if not self._proofs.is_proved(demand) and not (
                self._cover.has_work() and self._again(demand, cell, hidden)
            ):
                for d, reach in old.items():
                    self._proofs.put(d, reach)
                for new in self._cover.hidden - hidden:
                    self._reprice(new, self._cover.prices[new])
                self._cover.hidden = hidden
                return None
        return self._cover.hidden - hidden

    def _again(self, demand: Demand, cell: int, before: set[int]) -> bool:
        ways = self._ways[demand.attacker]
        try:
            moves = self._cover.best(ways, demand, self._exchange)
        # The solver failed: the old moves remain proved.
        except Breach:
            return False
        self._cover.spend(ways)
        new = frozenset().union(*(m.cells for m in moves)) - self._cover.hidden
        if total_cost(self._task, (self._cover.hidden - before) | new) >= self._task.cost(cell):
            return False
        self._cover.hidden |= new
        for n in new:
            self._reprice(n, HIDDEN_PRICE)
        for move in moves:
            self._proofs.learn(move)
        return self._proofs.is_proved(demand)

    def _reprice(self, cell: int, price: float) -> None:
        for ways in self._ways.values():
            ways.price(cell, price)


__all__ = ["Attacker", "SuppressionResult", "SuppressionTask", "audit", "suppress"]


@dataclass(frozen=True, slots=True)
class SuppressionResult:
    """`hidden` are all cells to hide. Intervals report what hiding cannot achieve: `narrow` are targets that everybody
    derives more closely than required, `insiders` those that contributors derive who know their own cells."""

    hidden: frozenset[int]
    narrow: Mapping[int, AttackInterval]
    insiders: Mapping[int, AttackInterval]


def suppress(task: SuppressionTask, work: int | None = None, progress: Progress = no_progress) -> SuppressionResult:
    """Return every cell to hide: `task.hidden` and the secondary ones.

    A move changes cells so that every equation and everything known to the attacker still hold. Somebody who sees only
    unmoved cells cannot distinguish the two tables, so a target's interval is at least as wide as its moves reach. The
    cheapest move for a target is a linear program, and all cells that it moves must be hidden. Hiding more never
    narrows an interval, so one pass over the targets is enough (or one for each unit that their widths need). If no
    move reaches as far as required, the farthest is taken: the interval is then as wide as if everything were hidden.

    `work` limits the search for cheap cells in a pass. Far beyond it, all cells that could help are hidden.
    """
    hidden, made = task.hidden, list[tuple[float, Cover]]()
    for unit, widths in widths_by_unit(task.targets):
        part = in_unit(replace(task, targets=widths, hidden=hidden), unit)
        cover = Cover(part, work_budget(part) if work is None else work, progress)
        cover.make()
        if cover.secondary and cover.has_work():
            _CoverReducer(cover).run()
        hidden |= cover.hidden - (task.unreleased - hidden)  # unreleased cells need no hiding
        made.append((unit, cover))
    narrow = (_narrow_intervals(task, hidden, made, everybody) for everybody in (True, False))
    return SuppressionResult(hidden, *narrow)


def _narrow_intervals(
    task: SuppressionTask, hidden: frozenset[int], made: Iterable[tuple[float, Cover]], everybody: bool
) -> dict[int, AttackInterval]:
    """Intervals as far as the moves reach; if the work ended before any were sought, as far as an attack finds."""
    found: dict[int, AttackInterval] = {}
    for unit, cover in made:
        for demand in cover.short(everybody):
            if demand in cover.unsettled:
                found |= _derived(task, hidden, [demand.cell], demand.attacker)
            else:
                reach, value = cover.proofs.reach.get(demand, MoveReach()), float(task.values[demand.cell])
                found[demand.cell] = AttackInterval(value - reach.down * unit, value + reach.up * unit)
    return {c: at for c, at in sorted(found.items()) if at.is_narrower(task.targets[c])}


def audit(
    task: SuppressionTask,
    hidden: Collection[int],
    attacker: Attacker = Attacker.EVERYBODY,
    progress: Progress = no_progress,
) -> dict[int, AttackInterval]:
    """What the attacker derives about each target if `hidden` is not shown. An interval that is as wide as required may
    be wider in truth."""
    return _derived(task, hidden, sorted(task.targets), attacker, progress)


def _derived(
    task: SuppressionTask, hidden: Collection[int], cells: Collection[int], attacker: Attacker,
    progress: Progress = no_progress,
) -> dict[int, AttackInterval]:  # fmt: skip
    """Insiders are attacked one target at a time, each without its own cell among the known ones."""
    knows, found = task.known_by(attacker), dict[int, AttackInterval]()
    for unit, widths in widths_by_unit({i: task.targets[i] for i in cells}):
        part = in_unit(replace(task, targets=widths), unit)
        moves = _move_intervals(part, hidden, [i for i in widths if i not in knows], knows, progress)
        for cell in widths.keys() & knows:
            moves |= _move_intervals(part, hidden, [cell], knows - {cell}, progress)
        for cell, at in moves.items():
            value = float(task.values[cell])
            found[cell] = AttackInterval(value + at.low * unit, value + at.high * unit)
    return {i: found[i] for i in cells}


def _move_intervals(
    task: SuppressionTask, hidden: Collection[int], cells: Sequence[int], known: Collection[int], progress: Progress
) -> dict[int, AttackInterval]:
    """How far each cell could be from its true value. Differences keep the amounts small, which protects precision."""
    unknown = task.unknown(hidden)
    # Known cells do not move.
    still = {i: 0.0 for i in range(task.system.size) if i not in unknown or i in known}
    edges = {i: (low - task.values[i], high - task.values[i]) for i in unknown for low, high in [task.edges(i)]}
    return attack_intervals(task.system, still, cells, enough=task.targets, bounds=edges, progress=progress)
