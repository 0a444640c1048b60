"""The cheapest cover there is, by cuts: a set of cells to hide that hits every reason why a target is too narrow."""

from collections.abc import Mapping

import highspy
import numpy as np

from broker.disclosure.suppression.suppression_task import SuppressionTask

NEAR = 1e-6


class Widths:
    """The widest movement of one cell when some cells are not shown, and what each shown one would add at most."""

    def __init__(self, task: SuppressionTask) -> None:
        self.task, self.size = task, task.system.size
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("threads", 1)
        for _ in range(self.size):
            self.solver.addVar(0.0, 0.0)
        for e in task.system.equations:
            columns = np.array([*e.parts, e.total], dtype=np.int32)
            self.solver.addRow(0.0, 0.0, len(columns), columns, np.array([1.0] * len(e.parts) + [-1.0]))

    def open(self, hidden: frozenset[int]) -> None:
        for i in range(self.size):
            self.solver.changeColBounds(i, -self.task.values[i] if i in hidden else 0.0, 1e6 if i in hidden else 0.0)

    def of(self, cell: int) -> tuple[float, Mapping[int, float]]:
        width, gains = 0.0, dict.fromkeys(range(self.size), 0.0)
        for sign in (1.0, -1.0):
            self.solver.changeColCost(cell, -sign)
            self.solver.run()
            found = self.solver.getSolution()
            width += sign * found.col_value[cell]
            for i, dual in enumerate(found.col_dual):
                gains[i] += 1e6 * max(-dual, 0.0) + self.task.values[i] * max(dual, 0.0)
        self.solver.changeColCost(cell, 0.0)
        return width, gains


def optimum(task: SuppressionTask, rounds: int = 400) -> float | None:
    """The least cost of secondary cells against everybody; None where it is not found in so many rounds."""
    base = task.unknown(())
    choices = sorted(frozenset(range(task.system.size)) - task.fixed - base)
    widths = Widths(task)
    widths.open(frozenset(range(task.system.size)) - task.fixed)
    aims = {p: min(w, widths.of(p)[0]) for p, w in task.targets.items()}
    master = highspy.Highs()
    master.setOptionValue("output_flag", False)
    master.setOptionValue("threads", 1)
    for n, cell in enumerate(choices):
        master.addVar(0.0, 1.0)
        master.changeColCost(n, task.cost(cell))
        master.changeColIntegrality(n, highspy.HighsVarType.kInteger)
    for _ in range(rounds):
        master.run()
        value = master.getSolution().col_value
        hidden = base | {c for n, c in enumerate(choices) if value[n] > 0.5}
        narrow = [p for p, aim in aims.items() if not _wide(widths, hidden, p, aim)]
        if not narrow:
            return sum(task.cost(c) for c in hidden - base)
        for p in narrow:
            for at in (hidden, _largest(widths, hidden, choices, p, aims[p])):
                _cut(master, widths, at, choices, p, aims[p])
    return None


def _wide(widths: Widths, hidden: frozenset[int], cell: int, aim: float) -> bool:
    widths.open(hidden)
    return widths.of(cell)[0] >= aim - NEAR


def _largest(widths: Widths, hidden: frozenset[int], choices: list[int], cell: int, aim: float) -> frozenset[int]:
    """With everything hidden that does not help the cell: the dearest first."""
    for other in sorted(choices, key=lambda c: -widths.task.cost(c)):
        if other not in hidden and not _wide(widths, hidden | {other}, cell, aim):
            hidden = hidden | {other}
    return hidden


def _cut(
    master: highspy.Highs, widths: Widths, hidden: frozenset[int], choices: list[int], cell: int, aim: float
) -> None:
    widths.open(hidden)
    width, gains = widths.of(cell)
    missing = aim - width
    found = [(n, min(gains[c], missing)) for n, c in enumerate(choices) if c not in hidden and gains[c] > NEAR]
    at = np.array([n for n, _ in found], dtype=np.int32)
    master.addRow(missing * (1 - 1e-9), highspy.kHighsInf, len(found), at, np.array([g for _, g in found]))
