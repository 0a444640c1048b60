"""What anybody can derive about the holes of a table with margins: intervals by linear programs. Repairs nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import NamedTuple

from broker.disclosure.programs import Program
from broker.disclosure.tables import ClosedTable
from broker.domain.errors import Invalid

TOLERANCE = 1e-6
ROUNDS = 50
PUSHES = 4
INCONSISTENT = Invalid(
    "inconsistent", "The table contradicts itself: no non-negative values of its holes fit its totals."
)


@dataclass(frozen=True, slots=True)
class Interval:
    """What is known of a hole; `high` is infinite where nothing bounds it."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        return self.high - self.low <= TOLERANCE


@dataclass(slots=True)
class Bounds:
    """What is known of every cell while the attack narrows it."""

    low: list[float]
    high: list[float]

    def is_fixed(self, cell: int) -> bool:
        return self.high[cell] - self.low[cell] <= TOLERANCE


def intervals(
    table: ClosedTable,
    known: Mapping[int, float],
    wanted: Sequence[int],
    integers: bool = False,
    negative: bool = False,
    enough: float = inf,
    quick: bool = False,
) -> dict[int, Interval]:
    """The interval of each wanted cell, given the known ones; every other cell is unknown and (normally) not negative.

    Raises Invalid where no values fit. `negative` lets unknown cells be anything (sums of values of either sign).
    An interval that is seen to be `enough` wide is not looked at further: both its ends can be reached. `quick` asks
    no program about single cells: the interval is what is known to be reached, and may be wider in truth.
    """
    least = -inf if negative else 0.0
    cells = range(len(table.cells))
    bounds = Bounds([known.get(i, least) for i in cells], [known.get(i, inf) for i in cells])
    _narrow(table, bounds, integers)
    for component in _components(table, bounds, set(wanted)):
        _solve(table, bounds, component, Wanted(frozenset(wanted), integers, enough, quick))
    return {i: Interval(bounds.low[i], bounds.high[i]) for i in wanted}


def _narrow(table: ClosedTable, bounds: Bounds, integers: bool) -> None:
    """Bounds that follow from single equations, again and again: most small cases end here."""
    touched = defaultdict(list)
    for number, equation in enumerate(table.equations):
        for cell in (*equation.parts, equation.total):
            touched[cell].append(number)
    waiting = set(range(len(table.equations)))
    for _ in range(ROUNDS):
        moved = {cell for number in sorted(waiting) for cell in _narrow_one(table, number, bounds, integers)}
        waiting = {n for cell in moved for n in touched[cell]}
        if not waiting:
            return


def _narrow_one(table: ClosedTable, number: int, bounds: Bounds, integers: bool) -> list[int]:
    equation = table.equations[number]
    low = [bounds.low[c] for c in equation.parts]
    high = [bounds.high[c] for c in equation.parts]
    moved = _tighten(bounds, equation.total, sum(low), sum(high), integers)
    total_low, total_high = bounds.low[equation.total], bounds.high[equation.total]
    sum_low, sum_high = _Sum(low), _Sum(high)
    for i, cell in enumerate(equation.parts):
        moved += _tighten(
            bounds, cell, total_low - sum_high.without(high[i]), total_high - sum_low.without(low[i]), integers
        )
    return moved


class _Sum:
    """A sum from which one part can be taken out again, infinite parts too."""

    def __init__(self, parts: list[float]) -> None:
        self._finite = sum(p for p in parts if abs(p) != inf)
        self._infinite = [p for p in parts if abs(p) == inf]

    def without(self, part: float) -> float:
        if abs(part) == inf:
            return self._finite if len(self._infinite) == 1 else part
        return self._infinite[0] if self._infinite else self._finite - part


def _tighten(bounds: Bounds, cell: int, low: float, high: float, integers: bool) -> list[int]:
    """Only moves that matter are taken, so that rounding noise cannot creep."""
    if integers:
        low = ceil(low - TOLERANCE) if abs(low) != inf else low
        high = floor(high + TOLERANCE) if abs(high) != inf else high
    moved = False
    if low > bounds.low[cell] + TOLERANCE:
        bounds.low[cell], moved = low, True
    if high < bounds.high[cell] - TOLERANCE:
        bounds.high[cell], moved = high, True
    if bounds.low[cell] > bounds.high[cell] + TOLERANCE:
        raise INCONSISTENT
    return [cell] if moved else []


def _components(table: ClosedTable, bounds: Bounds, wanted: set[int]) -> list[list[int]]:
    """Unfixed cells that some chain of equations ties together, where one of them is wanted."""
    parent = {i: i for i in range(len(table.cells)) if not bounds.is_fixed(i)}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for equation in table.equations:
        loose = [c for c in (*equation.parts, equation.total) if c in parent]
        for cell in loose[1:]:
            parent[root(cell)] = root(loose[0])
    groups: dict[int, list[int]] = defaultdict(list)
    for cell in parent:
        groups[root(cell)].append(cell)
    return [g for g in groups.values() if not wanted.isdisjoint(g)]


class Wanted(NamedTuple):
    """What is asked of a component."""

    cells: frozenset[int]
    integers: bool
    enough: float
    quick: bool


def _solve(table: ClosedTable, bounds: Bounds, component: list[int], wanted: Wanted) -> None:
    """Two programs for each wanted cell; a value already reached by an earlier answer needs none."""
    place = {cell: i for i, cell in enumerate(component)}
    rows = [r for e in table.equations if (r := _row(e.parts, e.total, place, bounds)) is not None]
    low, high = [bounds.low[c] for c in component], [bounds.high[c] for c in component]
    programs = [Program(low, high, rows)] + ([Program(low, high, rows, whole=True)] if wanted.integers else [])
    start = programs[-1].solution()
    if start is None:
        raise INCONSISTENT
    reached_low, reached_high = list(start), list(start)
    asked = [i for i, cell in enumerate(component) if cell in wanted.cells]
    if wanted.enough < inf:
        for found in _pushed(programs[-1], asked):
            for j, at in enumerate(found):
                reached_low[j], reached_high[j] = min(reached_low[j], at), max(reached_high[j], at)
    for i in asked:
        cell = component[i]
        for sign, reached, bound in ((1, reached_low, bounds.low), (-1, reached_high, bounds.high)):
            if abs(reached[i] - bound[cell]) <= TOLERANCE:
                continue
            if wanted.quick or reached_high[i] - reached_low[i] >= wanted.enough:
                bound[cell] = reached[i]
                continue
            value, at_extreme = _extreme(programs, i, sign)
            bound[cell] = value
            for j, at in enumerate(at_extreme or ()):
                reached_low[j], reached_high[j] = min(reached_low[j], at), max(reached_high[j], at)


def _pushed(program: Program, asked: Sequence[int]) -> Iterator[list[float]]:
    """Solutions with many cells far up or down at once: where only a width is asked, they settle most."""
    for bit in range(min(PUSHES, max(1, len(asked).bit_length()))):
        for sign in (1, -1):
            pushes = {i: sign * (1 if n >> bit & 1 else -1) for n, i in enumerate(asked)}
            if (found := program.pushed(pushes)) is not None:
                yield found


def _extreme(programs: list[Program], column: int, sign: int) -> tuple[float, list[float] | None]:
    """The extreme over the reals; over the integers, the same if it is reached in integers, else by branching."""
    value, found = programs[0].extreme(column, sign)
    if len(programs) == 1 or found is None or all(abs(v - round(v)) <= TOLERANCE for v in found):
        return value, found
    return programs[1].extreme(column, sign)


def _row(
    parts: Sequence[int], total: int, place: Mapping[int, int], bounds: Bounds
) -> tuple[list[int], list[float], float] | None:
    """An equation over the component's columns, with what is fixed on the right-hand side."""
    signed = [(c, 1.0) for c in parts] + [(total, -1.0)]
    loose = [(place[c], s) for c, s in signed if c in place]
    if not loose:
        return None
    fixed = sum(s * bounds.low[c] for c, s in signed if c not in place)
    return [c for c, _ in loose], [s for _, s in loose], -fixed
