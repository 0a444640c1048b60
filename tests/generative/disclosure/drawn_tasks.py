"""Random tasks of repair: tables of two to four dimensions, hierarchies, linked pairs with unreleased joint cells."""

import random
from itertools import product

from broker.disclosure.suppression.cell_systems import CellSystem, Equation, close_categories, containing_totals
from broker.disclosure.suppression.suppression_task import SuppressionTask

T = 10.0


def task_from(
    system: CellSystem, values: list[float], unreleased: frozenset[int], fixed: frozenset[int]
) -> SuppressionTask:
    targets = {i: T for i, v in enumerate(values) if 0 <= v < T and i not in fixed and (i not in unreleased or v > 0)}
    hidden = frozenset(targets) - unreleased
    return SuppressionTask(
        system,
        values,
        targets,
        hidden,
        frozenset(i for i, v in enumerate(values) if v in (0, 1) and i not in unreleased),
        unreleased=unreleased,
        fixed=fixed,
    )


def closed(random: random.Random, shape: tuple[int, ...], scale: int) -> tuple[CellSystem, list[float], frozenset[int]]:
    """A table with all totals; its one-way and grand totals of T and more are known."""
    table = close_categories([[f"{a}{i}" for i in range(n)] for a, n in enumerate(shape)], [True] * len(shape))
    number_of, values = table.number_of(), [0.0] * table.size
    for place in product(*([f"{a}{i}" for i in range(n)] for a, n in enumerate(shape))):
        value = float(int(random.expovariate(1 / scale)))
        for above in containing_totals(place, range(len(shape))):
            values[number_of[above]] += value
    basic = [i for i, p in enumerate(table.cells) if sum(c is not None for c in p) <= 1]
    known = frozenset(basic) if all(values[i] >= T for i in basic) else frozenset()
    return CellSystem(table.size, table.equations), values, known


def with_hierarchy(random: random.Random, shape: tuple[int, ...], scale: int) -> SuppressionTask:
    """Regions over the first dimension, in every column: subtotals that add up to the total."""
    system, values, _ = closed(random, shape, scale)
    columns = len(values) // (shape[0] + 1)
    half = shape[0] // 2
    equations = list(system.equations)
    for column in range(columns):
        at = [row * columns + column for row in range(shape[0] + 1)]
        north, south = len(values), len(values) + 1
        values += [sum(values[i] for i in at[:half]), sum(values[i] for i in at[half : shape[0]])]
        equations += [
            Equation(tuple(at[:half]), north),
            Equation(tuple(at[half : shape[0]]), south),
            Equation((north, south), at[-1]),
        ]
    return task_from(CellSystem(len(values), tuple(equations)), values, frozenset(), frozenset())


def linked(random: random.Random, shape: tuple[int, int, int], scale: int) -> SuppressionTask:
    """Two tables that share a dimension: A x B and A x C are shown, B x C and the joint cells are nobody's."""
    table = close_categories([[f"{a}{i}" for i in range(n)] for a, n in enumerate(shape)], [True] * 3)
    system, values, fixed = closed(random, shape, scale)
    shown = {i for i, (_, b, c) in enumerate(table.cells) if b is None or c is None}
    return task_from(system, values, frozenset(range(system.size)) - frozenset(shown) - fixed, fixed)


def drawn(seed: int) -> tuple[str, SuppressionTask]:
    chance = random.Random(seed)
    kind = ("2-D", "3-D", "4-D", "hierarchy", "linked")[seed % 5]
    scale = chance.choice((12, 20, 40))
    if kind == "hierarchy":
        return kind, with_hierarchy(chance, (chance.randint(4, 8), chance.randint(2, 6)), scale)
    if kind == "linked":
        return kind, linked(chance, (chance.randint(2, 5), chance.randint(2, 4), chance.randint(2, 3)), scale)
    most = {"2-D": 9, "3-D": 4, "4-D": 3}[kind]
    shape = tuple(chance.randint(2, most) for _ in range(int(kind[0])))
    system, values, fixed = closed(chance, shape, scale)
    return kind, task_from(system, values, frozenset(), fixed)
