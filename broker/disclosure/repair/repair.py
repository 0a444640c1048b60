"""Secondary suppression: which further cells of a system must go so that no target can be derived. Judges nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from broker.disclosure.repair.attack import Interval, Progress, intervals, untold
from broker.disclosure.repair.covers import Cover, work_for
from broker.disclosure.repair.lighter import lighten
from broker.disclosure.repair.programs import TOLERANCE
from broker.disclosure.repair.proofs import Reach
from broker.disclosure.repair.tasks import Attacker, Task, known_values
from broker.disclosure.repair.units import in_units, unit_of

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
    narrows an interval, so one pass over the targets is enough. Where no way reaches as far as asked, the farthest
    is taken: the interval is then as wide as if everything were hidden. `work` is what may be spent on finding cheap
    holes; far beyond it, all that could help is hidden.
    """
    unit = unit_of(task.values)
    task = in_units(task, unit)
    cover = Cover(task, work_for(task) if work is None else work, progress)
    cover.make()
    lighten(cover)
    hidden = frozenset(cover.hidden - (task.unreleased - task.hidden)) | task.hidden
    narrow = (_narrow(task, hidden, cover, everybody) for everybody in (True, False))
    return Repaired(hidden, *({c: Interval(at.low * unit, at.high * unit) for c, at in n.items()} for n in narrow))


def _narrow(task: Task, hidden: frozenset[int], cover: Cover, everybody: bool) -> dict[int, Interval]:
    """As far as the ways reach; where work ended before any were sought, as far as an attack does."""
    found: dict[int, Interval] = {}
    for demand in cover.short(everybody):
        if demand in cover.unsettled:
            found |= _derived(task, hidden, [demand.cell], demand.attacker)
        else:
            reach, value = cover.proofs.reach.get(demand, Reach()), float(task.values[demand.cell])
            found[demand.cell] = Interval(value - reach.down, value + reach.up)
    return {c: at for c, at in sorted(found.items()) if at.width < task.targets[c] - TOLERANCE}


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
    shown, knows = known_values(task, hidden), task.known_by(attacker)
    bounds = {i: task.edges(i) for i in task.unknown(hidden)}

    def attack(cells: Iterable[int], known: Collection[int]) -> dict[int, Interval]:
        told = shown | {i: float(task.values[i]) for i in known}
        wanted = list(cells)
        return intervals(task.system, told, wanted, enough=task.targets, bounds=bounds, progress=progress)

    found = attack([i for i in asked if i not in knows], knows)
    for cell in asked:
        if cell in knows:
            found |= attack([cell], knows - {cell})
    return {i: found[i] for i in asked}
