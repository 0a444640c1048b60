"""Secondary suppression: which further cells of a table with totals must go so that no hidden one can be derived."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from broker.disclosure.attack import Interval, intervals
from broker.disclosure.programs import Program
from broker.disclosure.tables import ClosedTable, Equation, totals_above
from broker.domain.errors import Breach

TOLERANCE = 1e-6
WORK = 400_000
"""Columns times programs before repair stops choosing one by one and covers the rest together: a count, not a
clock, so that the same table has the same holes on every machine."""


@dataclass(frozen=True, slots=True)
class Task:
    """A table to repair.

    values     the exact value of every cell (they fit the equations)
    targets    cells that must not be derived, each with the least width of what is derived about it
    hidden     cells that are not shown: the targets, and others that give cover
    insiders   cells whose only contributor knows them, and cells that may be known (zeros): they give no cover
    signed     values of either sign: an attacker has no lower bound
    """

    table: ClosedTable
    values: Sequence[float]
    targets: Mapping[int, float]
    hidden: frozenset[int]
    insiders: frozenset[int] = frozenset()
    signed: bool = False


def repair(task: Task, work: int = WORK) -> frozenset[int]:
    """Every cell to hide: `task.hidden` and the secondary ones.

    For each target, the cheapest way to move it up by its width while every shown cell and every total stays as it
    is, is a linear program; the shown cells on that way must be hidden. The attacker then cannot tell the table from
    the moved one, so the interval is at least as wide. Hiding more never narrows another target's interval, so
    one pass over the targets that are too narrow at first is enough. A way always exists: moving all totals above
    the target with it.
    """
    if not task.table.equations:
        return task.hidden
    movement = Movement(task)
    waiting = sorted(_narrow(task, work), key=lambda i: (-task.values[i], i))
    while waiting:
        work -= len(task.values)
        together = (
            [i for i in waiting if movement.is_bare(i) == movement.is_bare(waiting[0])] if work < 0 else waiting[:1]
        )
        way = movement.way(together)
        movement.hide(way)
        safe = set(together)
        if task.insiders.isdisjoint(way):
            safe |= {i for i, up in way.items() if up >= task.targets.get(i, inf) - TOLERANCE}
        waiting = [i for i in waiting if i not in safe]
    return frozenset(movement.hidden)


def _narrow(task: Task, work: int) -> list[int]:
    """Targets that can be derived too closely: by everybody, or (if not an insider's) by all insiders together.

    In a large table some that are wide enough may be named too: each is asked about only as far as work allows.
    """
    quick = len(task.targets) * len(task.values) > work
    shown = {i: float(v) for i, v in enumerate(task.values) if i not in task.hidden}
    together = shown | {i: float(task.values[i]) for i in task.insiders}
    widest = max(task.targets.values(), default=0.0)
    found: list[int] = []
    for known, asked in (
        (together, [i for i in task.targets if i not in task.insiders]),
        (shown, [i for i in task.targets if i in task.insiders]),
    ):
        seen = intervals(task.table, known, asked, negative=task.signed, enough=widest, quick=quick)
        found += [i for i, at in seen.items() if at.high - at.low < task.targets[i] - TOLERANCE]
    return found


class Movement:
    """The program of ways: each cell may go up or down; what moves is paid for unless it is hidden already."""

    def __init__(self, task: Task) -> None:
        self._task, self.hidden = task, set(task.hidden)
        self._has_total = {
            axis for axis in range(len(task.table.cells[0])) if any(c[axis] is None for c in task.table.cells)
        }
        self._number_of = task.table.number_of()
        self._count = len(task.values)
        self._up = [0.0 if i in task.insiders else inf for i in range(self._count)]
        self._down = [
            0.0 if i in task.insiders else inf if task.signed else max(0.0, v) for i, v in enumerate(task.values)
        ]
        rows = [self._row(equation) for equation in task.table.equations]
        self._program = Program([0.0] * (2 * self._count), [*self._up, *self._down], rows)
        for i, value in enumerate(task.values):
            self._cost(i, 0.0 if i in self.hidden else 1.0 + abs(value))

    def _row(self, equation: Equation) -> tuple[list[int], list[float], float]:
        cells = [*equation.parts, equation.total]
        signs = [1.0] * len(equation.parts) + [-1.0]
        return [*cells, *(self._count + c for c in cells)], [*signs, *(-s for s in signs)], 0.0

    def _cost(self, cell: int, cost: float) -> None:
        self._program.set_cost(cell, cost)
        self._program.set_cost(self._count + cell, cost)

    def hide(self, cells: Iterable[int]) -> None:
        for cell in cells:
            if cell not in self.hidden:
                self.hidden.add(cell)
                self._cost(cell, 0.0)

    def _with(self, target: int) -> set[int]:
        """The target, the cells that it adds up, and every total above one of these: what must be free to move."""
        place = self._task.table.cells[target]
        fixed = [(axis, category) for axis, category in enumerate(place) if category is not None]
        below = [c for c in self._task.table.cells if all(c[axis] == category for axis, category in fixed)]
        return {
            self._number_of[p] for c in (below if None in place else [place]) for p in totals_above(c, self._has_total)
        }

    def is_bare(self, target: int) -> bool:
        """Whether its way may open insiders: such ways are no cover for other targets, so they are sought apart."""
        return target in self._task.insiders or None in self._task.table.cells[target]

    def way(self, targets: Sequence[int]) -> dict[int, float]:
        """How much each cell moves on the cheapest way that raises every one of the targets by its width."""
        opened = set().union(*map(self._with, targets)) & self._task.insiders
        for cell in opened:
            self._program.set_bounds(cell, 0.0, inf)
        for target in targets:
            self._program.set_bounds(target, self._task.targets[target], inf)
            self._program.set_bounds(self._count + target, 0.0, 0.0)
        found = self._program.solution()
        for cell in {*opened, *targets}:
            self._program.set_bounds(cell, 0.0, self._up[cell])
            self._program.set_bounds(self._count + cell, 0.0, self._down[cell])
        if found is None:
            raise Breach("Repair found no way although moving all totals with the cell is one.")
        moved = {i: found[i] - found[self._count + i] for i in range(self._count)}
        return {i: by for i, by in moved.items() if abs(by) > TOLERANCE}


def audit(task: Task, hidden: Collection[int]) -> dict[int, Interval]:
    """What can be derived about each target when `hidden` is not shown."""
    known = {i: float(v) for i, v in enumerate(task.values) if i not in hidden}
    widest = max(task.targets.values(), default=0.0)
    return intervals(task.table, known, sorted(task.targets), negative=task.signed, enough=widest)
