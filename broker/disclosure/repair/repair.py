"""Secondary suppression: which further cells of a system must go so that no target can be derived. Judges nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from broker.disclosure.repair.attack import Interval, Progress, intervals, untold
from broker.disclosure.repair.covers import Cover, work_for
from broker.disclosure.repair.lighter import lighten
from broker.disclosure.repair.proofs import Reach
from broker.disclosure.repair.tasks import Attacker, Task
from broker.disclosure.repair.units import by_unit, in_units

__all__ = ["Attacker", "Repaired", "Task", "audit", "repair"]


@dataclass(frozen=True, slots=True)
class Repaired:
    """`hidden` are all cells not to show. What cannot be had by hiding is told by intervals: `narrow` is what everybody
    derives of targets more closely than asked, `insiders` the same for contributors who know their own cells."""

    hidden: frozenset[int]
    narrow: Mapping[int, Interval]
    insiders: Mapping[int, Interval]


def repair(task: Task, work: int | None = None, progress: Progress = untold) -> Repaired:
    """Every cell to hide: `task.hidden` and the secondary ones.

    A way is a movement of cells that keeps every equation and everything that the attacker knows: who sees only what
    does not move cannot tell the table from the moved one, so a target's interval is at least as wide as its ways
    reach. The cheapest way for a target is a linear program; what moves on it must be hidden. Hiding more never
    narrows an interval, so one pass over the targets is enough, or one for each unit that their widths need. Where no
    way reaches as far as asked, the farthest is taken: the interval is then as wide as if everything were hidden.
    `work` is what a pass may spend on finding cheap holes; far beyond it, all that could help is hidden.
    """
    hidden, made = task.hidden, list[tuple[float, Cover]]()
    for unit, widths in by_unit(task.targets):
        part = in_units(replace(task, targets=widths, hidden=hidden), unit)
        cover = Cover(part, work_for(part) if work is None else work, progress)
        cover.make()
        lighten(cover)
        hidden |= cover.hidden - (task.unreleased - hidden)
        made.append((unit, cover))
    narrow = (_narrow(task, hidden, made, everybody) for everybody in (True, False))
    return Repaired(hidden, *narrow)


def _narrow(
    task: Task, hidden: frozenset[int], made: Iterable[tuple[float, Cover]], everybody: bool
) -> dict[int, Interval]:
    """As far as the ways reach; where work ended before any were sought, as far as an attack does."""
    found: dict[int, Interval] = {}
    for unit, cover in made:
        for demand in cover.short(everybody):
            if demand in cover.unsettled:
                found |= _derived(task, hidden, [demand.cell], demand.attacker)
            else:
                reach, value = cover.proofs.reach.get(demand, Reach()), float(task.values[demand.cell])
                found[demand.cell] = Interval(value - reach.down * unit, value + reach.up * unit)
    return {c: at for c, at in sorted(found.items()) if at.is_narrower(task.targets[c])}


def audit(
    task: Task, hidden: Collection[int], attacker: Attacker = Attacker.EVERYBODY, progress: Progress = untold
) -> dict[int, Interval]:
    """What the attacker derives about each target when `hidden` is not shown, as far as it matters: an interval that
    is as wide as asked may be wider in truth."""
    return _derived(task, hidden, sorted(task.targets), attacker, progress)


def _derived(
    task: Task, hidden: Collection[int], asked: Collection[int], attacker: Attacker, progress: Progress = untold
) -> dict[int, Interval]:
    """Insiders look at each other apart: nobody is asked about what they know themselves."""
    knows, found = task.known_by(attacker), dict[int, Interval]()
    for unit, widths in by_unit({i: task.targets[i] for i in asked}):
        part = in_units(replace(task, targets=widths), unit)
        moves = _moves(part, hidden, [i for i in widths if i not in knows], knows, progress)
        for cell in widths.keys() & knows:
            moves |= _moves(part, hidden, [cell], knows - {cell}, progress)
        for cell, at in moves.items():
            value = float(task.values[cell])
            found[cell] = Interval(value + at.low * unit, value + at.high * unit)
    return {i: found[i] for i in asked}


def _moves(
    task: Task, hidden: Collection[int], asked: Sequence[int], known: Collection[int], progress: Progress
) -> dict[int, Interval]:
    """How far each cell could be from its value. What is asked of differences has no large amounts in it."""
    unknown = task.unknown(hidden)
    still = {i: 0.0 for i in range(task.system.size) if i not in unknown or i in known}
    edges = {i: (low - task.values[i], high - task.values[i]) for i in unknown for low, high in [task.edges(i)]}
    return intervals(task.system, still, asked, enough=task.targets, bounds=edges, progress=progress)
