"""Repair of large tables, one-way totals known, hidden zeros among the targets, against the naive method."""

import random
import statistics
import time
from itertools import product

from bench.harness import Line
from broker.disclosure.suppression.cell_systems import Equation, close_categories, containing_totals
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask

T = 10.0
PERSONS = 600_000
TABLES = {(9, 20, 14): 5, (152, 20): 5, (152, 20, 2): 60}
"""Categories, and the seconds that are promised."""


def repair_lines() -> list[Line]:
    return [_line(shape, seconds) for shape, seconds in TABLES.items()]


def task_of(shape: tuple[int, ...]) -> SuppressionTask:
    """A table of so many persons in categories of very different size."""
    chance = random.Random(20261124)
    shares = [[chance.expovariate(1.0) ** 1.3 + 0.01 for _ in range(n)] for n in shape]
    whole = [sum(of) for of in shares]
    table = close_categories([[f"{a}{i}" for i in range(n)] for a, n in enumerate(shape)], [True] * len(shape))
    number_of, values = table.number_of(), [0.0] * table.size
    for at in product(*map(range, shape)):
        mean = float(PERSONS)
        for axis, i in enumerate(at):
            mean *= shares[axis][i] / whole[axis]
        value = max(0, round(chance.gauss(mean, mean**0.5)))
        for place in containing_totals(tuple(f"{a}{i}" for a, i in enumerate(at)), range(len(shape))):
            values[number_of[place]] += value
    basic = {i for i, place in enumerate(table.cells) if sum(c is not None for c in place) <= 1 and values[i] >= T}
    targets = {i: T for i, v in enumerate(values) if v < T and i not in basic}
    insiders = frozenset(i for i, v in enumerate(values) if v <= 1)
    return SuppressionTask(table, values, targets, frozenset(targets), insiders, fixed=frozenset(basic))


def naive(task: SuppressionTask) -> frozenset[int]:
    """No equation with exactly one hole: the cheapest other cell of it goes, until there is none."""
    hidden, waiting = set(task.hidden), list(task.system.equations)
    while waiting:
        waiting = [e for e in waiting if _fill(task, e, hidden)]
    return frozenset(hidden)


def _fill(task: SuppressionTask, equation: Equation, hidden: set[int]) -> bool:
    """Whether the equation must be looked at again: every hole made may leave another line with one."""
    free = [c for c in equation.cells if c not in hidden and c not in task.fixed]
    if sum(c in hidden for c in equation.cells) != 1 or not free:
        return False
    hidden.add(min(free, key=lambda c: (task.cost(c), c)))
    return True


def _line(shape: tuple[int, ...], seconds: int) -> Line:
    task = task_of(shape)
    began = time.perf_counter()
    done = suppress(task)
    ours = (time.perf_counter() - began) * 1000
    found = audit(task, done.hidden)
    audited = time.perf_counter() - began - ours / 1000
    times = []
    for _ in range(3):
        began = time.perf_counter()
        other = naive(task)
        times.append((time.perf_counter() - began) * 1000)
    theirs = statistics.median(times)
    narrow = sum(at.width < T - 1e-6 for at in found.values())
    note = (
        f"{task.system.size} cells, {len(task.hidden)} primary, {len(done.hidden - task.hidden)} secondary "
        f"(naive {len(other - task.hidden)}); then an audit of every target, {audited:.1f} s: {narrow} narrower "
        f"than asked; {seconds} s are promised for the repair"
    )
    return Line(
        f"repair {'x'.join(map(str, shape))}", "repair", "no line with one hole", round(ours, 3),
        round(theirs, 3), round(ours, 3), round(min(times), 3), round(ours / theirs, 3), 1, note,
    )  # fmt: skip
