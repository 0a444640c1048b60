"""The attack on tables with margins: the interval that anybody can derive for each hidden cell. Repairs nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil, floor, inf

import numpy as np

from broker.disclosure.suppression.cell_systems import CellSystem, equations_by_cell
from broker.disclosure.suppression.linear_programs import TOLERANCE, LinearProgram, Vector
from broker.disclosure.suppression.suppression_task import scaling_unit
from broker.domain.errors import Invalid
from broker.domain.progress import Progress, no_progress

NARROWING_ROUNDS = 50


def inconsistent_table() -> Invalid:
    """A new error each time, because an error carries its traceback."""
    return Invalid(
        "inconsistent", "The table contradicts itself: no non-negative values for its hidden figures fit its totals."
    )


@dataclass(slots=True)
class CellBounds:
    """The bounds of every cell while the attack narrows them."""

    low: list[float]
    high: list[float]

    def is_fixed(self, cell: int) -> bool:
        low, high = self.low[cell], self.high[cell]
        return high - low <= TOLERANCE * scaling_unit((low, high))


def narrow_bounds(table: CellSystem, bounds: CellBounds, integers: bool) -> None:
    """Narrow bounds by single equations, repeatedly: most small cases need no linear program. Raises Invalid if no
    values fit."""
    touched = equations_by_cell(table.equations)
    waiting = set(range(len(table.equations)))
    for _ in range(NARROWING_ROUNDS):
        moved = {cell for number in sorted(waiting) for cell in _narrow_one(table, number, bounds, integers)}
        # Only equations of cells whose bounds moved can narrow further.
        waiting = {n for cell in moved for n in touched.get(cell, ())}
        if not waiting:
            return


def _narrow_one(table: CellSystem, number: int, bounds: CellBounds, integers: bool) -> list[int]:
    equation = table.equations[number]
    low = [bounds.low[c] for c in equation.parts]
    high = [bounds.high[c] for c in equation.parts]
    total_low, total_high = bounds.low[equation.total], bounds.high[equation.total]
    noise = TOLERANCE * scaling_unit((*low, *high, total_low, total_high))
    moved = _tighten(bounds, equation.total, (sum(low), sum(high)), integers, noise)
    total_low, total_high = bounds.low[equation.total], bounds.high[equation.total]
    sum_low, sum_high = _PartialSum(low), _PartialSum(high)
    for i, cell in enumerate(equation.parts):
        within = (total_low - sum_high.without(high[i]), total_high - sum_low.without(low[i]))
        moved += _tighten(bounds, cell, within, integers, noise)
    return moved


class _PartialSum:
    """A sum from which one part can be subtracted again, even an infinite one."""

    def __init__(self, parts: list[float]) -> None:
        self._finite = sum(p for p in parts if abs(p) != inf)
        self._infinite = [p for p in parts if abs(p) == inf]

    def without(self, part: float) -> float:
        if abs(part) == inf:
            return self._finite if len(self._infinite) == 1 else part
        return self._infinite[0] if self._infinite else self._finite - part


def _tighten(bounds: CellBounds, cell: int, within: tuple[float, float], integers: bool, noise: float) -> list[int]:
    """Move bounds only by more than the rounding noise of the equation's amounts, so that the noise cannot
    accumulate."""
    low, high = within
    if integers:
        low = ceil(low - noise) if abs(low) != inf else low
        high = floor(high + noise) if abs(high) != inf else high
    moved = False
    if low > bounds.low[cell] + noise:
        bounds.low[cell], moved = low, True
    if high < bounds.high[cell] - noise:
        bounds.high[cell], moved = high, True
    if bounds.low[cell] > bounds.high[cell] + noise:
        raise inconsistent_table()
    return [cell] if moved else []  # only these equations are narrowed again


MAX_PUSHES = 12
LEAST_YIELD = 0.03
"""The share of open cells that a push must settle for another to follow."""


@dataclass(frozen=True, slots=True)
class AttackInterval:
    """The known interval of a hidden cell; `high` is infinite if nothing bounds it."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        return self.high - self.low <= TOLERANCE

    @property
    def width(self) -> float:
        return self.high - self.low

    def is_narrower(self, width: float) -> bool:
        """Whether it is narrower than `width` by more than the solver's noise, which grows with the width."""
        return self.width < width - TOLERANCE * max(1.0, width)


def attack_intervals(
    table: CellSystem, known: Mapping[int, float], wanted: Sequence[int], integers: bool = False,
    enough: Mapping[int, float] | None = None, bounds: Mapping[int, tuple[float, float]] | None = None,
    progress: Progress = no_progress,
) -> dict[int, AttackInterval]:  # fmt: skip
    """The interval of each wanted cell, given the known cells. Every other cell is unknown and not negative, unless
    `bounds` states something else about it. Raises Invalid("inconsistent") if no values fit.

    An interval that is already `enough` wide is not refined: both ends are reachable, but the true
    interval may be wider.
    """
    edges = [(known[i], known[i]) if i in known else (bounds or {}).get(i, (0.0, inf)) for i in range(table.size)]
    at = CellBounds([low for low, _ in edges], [high for _, high in edges])
    attacked, done = frozenset(wanted), count()
    narrow_bounds(table, at, integers)
    for component in _components(table, at, attacked):
        for _ in _Component(table, at, component, attacked, enough or {}, integers).solve():
            progress("attack", next(done), len(attacked))
    return {i: AttackInterval(at.low[i], max(at.low[i], at.high[i])) for i in wanted}


def _components(table: CellSystem, bounds: CellBounds, wanted: Collection[int]) -> list[list[int]]:
    """Groups of unfixed cells that are connected by equations, if they contain a wanted cell."""
    parent = {i: i for i in range(table.size) if not bounds.is_fixed(i)}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for equation in table.equations:
        loose = [c for c in equation.cells if c in parent]  # fixed cells connect nothing
        for cell in loose[1:]:
            parent[root(cell)] = root(loose[0])
    groups: dict[int, list[int]] = defaultdict(list)
    for cell in parent:
        groups[root(cell)].append(cell)
    requested = set(wanted)
    return [g for g in groups.values() if not requested.isdisjoint(g)]


class _Component:
    """Solves two programs for each wanted cell, unless an earlier solution has reached the value already. An interval
    that is `enough` wide need not be refined."""

    def __init__(
        self, table: CellSystem, bounds: CellBounds, cells: list[int], wanted: Collection[int],
        enough: Mapping[int, float], integers: bool,
    ) -> None:  # fmt: skip
        self._cells, self._bounds, self._integers = cells, bounds, integers
        place = {cell: i for i, cell in enumerate(cells)}
        near = [e for e in table.equations if not place.keys().isdisjoint(e.cells)]
        ends = (end for e in near for c in e.cells for end in (bounds.low[c], bounds.high[c]))
        self._unit = unit = 1.0 if integers else scaling_unit(ends)  # amounts outside the component do not matter
        rows = [_row(e.terms, place, bounds, unit) for e in near]
        self._low, self._high = ([end[c] / unit for c in cells] for end in (bounds.low, bounds.high))
        self._programs = [LinearProgram(self._low, self._high, rows)]
        if integers:
            self._programs.append(LinearProgram(self._low, self._high, rows, whole=True))
        self._enough = np.array([enough.get(c, inf) / unit for c in cells])
        self._wanted_columns = [i for i, cell in enumerate(cells) if cell in wanted]

    def solve(self) -> Iterator[None]:
        """Yields before each cell."""
        start = self._programs[-1].answer()  # integers, if required
        if start is None:
            raise inconsistent_table()
        self._reached_low, self._reached_high = start.copy(), start.copy()
        if not self._integers:
            self._push_all()
        for i in self._wanted_columns:
            yield
            self._bound(i)

    def _reach(self, found: Vector) -> None:
        np.minimum(self._reached_low, found, out=self._reached_low)
        np.maximum(self._reached_high, found, out=self._reached_high)

    def _is_enough(self, i: int) -> bool:
        return bool(self._reached_high[i] - self._reached_low[i] >= self._enough[i] - TOLERANCE)

    def _bound(self, i: int) -> None:
        """Find both ends of one cell, unless the reached interval is wide enough or an end cannot be exceeded."""
        low, high, cell, unit = self._bounds.low, self._bounds.high, self._cells[i], self._unit
        for sign, reached, bound in ((1, self._reached_low, low), (-1, self._reached_high, high)):
            # The bound itself has been reached: nothing lies beyond.
            if abs(reached[i] - bound[cell] / unit) <= TOLERANCE:
                continue
            # Wide enough: the reached value proves it, and no program is needed.
            if self._is_enough(i):
                bound[cell] = float(reached[i]) * unit
                continue
            extreme, at_extreme = _extreme(self._programs, i, sign)
            bound[cell] = extreme * unit
            if at_extreme is not None:
                self._reach(at_extreme)

    def _push_all(self) -> None:
        """Find solutions with many cells far up or down at once, none farther than required. If only a width is
        required, they settle most cells. Stops when pushes settle few cells."""
        failed = 0
        for number in range(MAX_PUSHES):
            waiting = [i for i in self._wanted_columns if self._enough[i] < inf and not self._is_enough(i)]
            if not waiting or failed == 2:
                break
            self._push(waiting, number)
            settled = sum(self._is_enough(i) for i in waiting)
            failed = failed + 1 if settled < max(2, LEAST_YIELD * len(waiting)) else 0
        self._programs[0].set_all_bounds(np.array(self._low), np.array(self._high))

    def _push(self, waiting: Sequence[int], number: int) -> None:
        lower, upper = np.array(self._low), np.array(self._high)
        costs = {i: float(-push_direction(self._cells[i], number)) for i in waiting}
        for i, cost in costs.items():
            if cost < 0:
                upper[i] = min(upper[i], self._reached_low[i] + self._enough[i])
            else:
                lower[i] = max(lower[i], self._reached_high[i] - self._enough[i])
        found = self._programs[0].pushed(costs, lower, upper)  # over the reals: a push proves nothing about integers
        if found is not None:
            self._reach(found)


def push_direction(cell: int, number: int) -> int:
    """1 (up) or -1 (down). First all up, then a different half of the cells each time; the same on every machine."""
    return 1 if number == 0 or (cell * 2_654_435_761 >> (3 * number)) & 1 else -1


def _extreme(programs: list[LinearProgram], column: int, sign: int) -> tuple[float, Vector | None]:
    """The extreme over the reals. For integers it is the same if the solution is integral; otherwise branch and
    bound."""
    value, found = programs[0].extreme(column, sign)
    if len(programs) == 1 or found is None or bool(np.all(np.abs(found - np.round(found)) <= TOLERANCE)):
        return value, found
    return programs[1].extreme(column, sign)


def _row(
    terms: Sequence[tuple[int, float]], place: Mapping[int, int], bounds: CellBounds, unit: float
) -> tuple[list[int], list[float], float]:
    """An equation over the component's columns, with fixed cells moved to the right-hand side."""
    loose = [(place[c], s) for c, s in terms if c in place]
    fixed = sum(s * bounds.low[c] for c, s in terms if c not in place)
    return [c for c, _ in loose], [s for _, s in loose], -fixed / unit
