"""Repair of one table of a file, with the totals that are taken as known although nobody asked for them. No rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from broker.disclosure.repair.attack import Progress, untold
from broker.disclosure.repair.repair import audit, repair
from broker.disclosure.repair.tables import ClosedTable, Place, close_categories, totals_above
from broker.disclosure.repair.tasks import Task


@dataclass(frozen=True, slots=True)
class Summed:
    """One statistic over a table: what adds up, and by how many persons (of totals that are not there, at most).

    values    what adds up, of every cell
    persons   of every cell
    targets   cells that must not be derived, each with the least width
    hidden    cells that are not shown, targets and others
    least     fewest persons of a total that may be known, and width of one of fewer
    """

    values: Sequence[float]
    persons: Sequence[int]
    targets: Mapping[int, float]
    hidden: frozenset[int]
    least: int
    width: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """All cells not to show, and how many targets everybody still derives exactly, or more closely than asked."""

    hidden: frozenset[int]
    exact: int
    narrow: int


@dataclass(frozen=True, slots=True)
class Margins:
    """A table within the same table with all its totals.

    closed     that table
    own        of each cell of the first its number there
    above      of each cell of the first what it adds to there
    basic      the one-way totals and the grand total there
    """

    closed: ClosedTable
    own: Sequence[int]
    above: Sequence[Sequence[int]]
    basic: frozenset[int]


def margins_of(table: ClosedTable) -> Margins:
    closed = closed_over(table)
    number_of = closed.number_of()
    own = [number_of[place] for place in table.cells]
    above: list[Sequence[int]] = [(i,) for i in own]
    if closed is not table:
        above = [[number_of[p] for p in totals_above(place, range(len(place)))] for place in table.cells]
    return Margins(closed, own, above, frozenset(i for i, place in enumerate(closed.cells) if is_basic(place)))


def repair_table(margins: Margins, figures: Summed, progress: Progress = untold) -> Outcome:
    """The attacker knows one-way totals and the grand total even of a table that is shown without totals."""
    task = task_of(margins, figures)
    if not task.targets:
        return Outcome(figures.hidden, 0, 0)
    done = repair(task, progress=progress)
    found = audit(task, done.hidden, progress=progress)
    exact = {i for i, at in found.items() if at.exact}
    narrow = sum(at.is_narrower(task.targets[i]) for i, at in found.items() if i not in exact)
    return Outcome(frozenset(i for i, own in enumerate(margins.own) if own in done.hidden), len(exact), narrow)


def task_of(margins: Margins, figures: Summed) -> Task:
    own, size = margins.own, margins.closed.size
    values, persons = [0.0] * size, [0] * size
    for above, value, many in zip(margins.above, figures.values, figures.persons, strict=True):
        for i in above:
            values[i] += value
            persons[i] += many
    few = {i for i in margins.basic if 0 < persons[i] < figures.least}
    hidden = frozenset(own[i] for i in figures.hidden)
    unreleased = frozenset(range(size)) - frozenset(own)
    return Task(
        margins.closed,
        values,
        dict.fromkeys(few, figures.width) | {own[i]: width for i, width in figures.targets.items()},
        hidden | (few - unreleased),
        frozenset(i for i in own if values[i] == 0 or persons[i] == 1),
        signed=any(v < 0 for v in values),
        unreleased=unreleased,
        fixed=taken_as_known(margins, few | hidden),
    )


def closed_over(table: ClosedTable) -> ClosedTable:
    """The table with all its totals."""
    if any(None in place for place in table.cells) or not table.cells:
        return table
    categories = [list(dict.fromkeys(str(place[axis]) for place in table.cells)) for axis in range(len(table.cells[0]))]
    return close_categories(categories, [True] * len(categories))


def is_basic(place: Place) -> bool:
    """A one-way total or the grand total (of a one-dimensional table, the grand total alone)."""
    given = sum(category is not None for category in place)
    return given == 0 or (given == 1 and len(place) > 1)


def taken_as_known(margins: Margins, unsafe: Collection[int]) -> frozenset[int]:
    """The basic totals that everybody may know from elsewhere.

    A total that does not pass the rules is nobody's public knowledge; and where one of a dimension does not, the
    others of it cannot all be known either: with the grand total they would give it.
    """
    cells, known = margins.closed.cells, margins.basic - set(unsafe)
    axes = {axis for i in margins.basic - known for axis, category in enumerate(cells[i]) if category is not None}
    return frozenset(
        i for i in known if not any(category is not None and axis in axes for axis, category in enumerate(cells[i]))
    )
