"""The cells of a family's linked tables and the equations between them, with what rounding leaves uncertain. Hides
nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking.joint_cells import (
    ZERO_AMOUNT,
    JointCell,
    JointCellIndex,
    ObservedPersons,
    TableRows,
    persons_together,
)
from broker.disclosure.rounding_errors import least_error_of_sum
from broker.disclosure.suppression.cell_systems import Equation
from broker.disclosure.suppression.suppression_task import coarse_amount, coarse_unit, least_width, size_class
from broker.domain.plans.measure import BINARY, RATIOS
from broker.domain.plans.scalars import Value
from broker.evidence.amount_bounds import AmountBounds
from broker.evidence.table_families import DimensionValue, LinkedFigure, LinkedTable, TableFamily, TableIndex
from broker.policy.disclosure_rules import AttackerKnowledge, DisclosureRules

FigurePlace = tuple[TableIndex, tuple[Value, ...], int]
"""A figure: its table, the keys of the row, the statistic."""

ENOUGH_ROUNDED = 3
"""The number of rounded figures that must be combined to disclose a cell that no figure is about."""


@dataclass(slots=True)
class LinkedSystem:
    """Cells by number: first the joint cells, then every other sum of them that is shown.

    joint_cells       the joint cells that make up each cell
    values            of each cell, a lower bound; for a count t for each of its parts, which discloses nobody
    persons           of each cell
    widths            the least width of the interval of a protected cell
    costs             the cost of hiding a cell
    figures           the cell of each figure; two figures of the same people share a cell
    sums              maps a cell that is released rounded to the cell of its exact sum
    derived           figures and the other cells that they disclose
    slack             cells for the rounding error, with its largest size
    signed            whether some contribution is negative
    joint             the number of joint cells
    """

    joint_cells: list[tuple[int, ...]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    figures: dict[FigurePlace, int] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    derived: list[tuple[FigurePlace, int]] = field(default_factory=list)
    slack: dict[int, float] = field(default_factory=dict)
    signed: bool = False
    joint: int = 0

    def sum_of(self, cell: int) -> int:
        """The cell of the exact sum of a released cell."""
        return self.sums.get(cell, cell)


CountAliases = Mapping[FigurePlace, frozenset[DimensionValue]]
"""Counts that are displayed like another count of their row, with the conditions of that other count: fewer than t
persons distinguish the two."""


@dataclass(frozen=True, slots=True)
class PatternInput:
    """A family during repair: its judged tables, the rows that could be shown, its joint cells, and the persons
    observed."""

    family: TableFamily
    judged: Mapping[TableIndex, JudgedTable]
    rows: TableRows
    groups: JointCellIndex
    observed: ObservedPersons
    count_aliases: CountAliases
    profile: DisclosureRules


def build_linked_system(pattern_input: PatternInput, amount: str | None, exact: bool = False) -> LinkedSystem:
    """The system of a family's counts (`amount` is None), or of one amount. `exact`: as if nothing were rounded."""
    builder = _SystemBuilder(pattern_input, amount, 0.0 if exact else rounding_slack(pattern_input.profile))
    for member in pattern_input.family.members:
        for figure in member.figures:
            if member.where in pattern_input.rows and figure.amount == amount:
                builder.add(member, figure, pattern_input.rows[member.where])
    return builder.found


def _largest_possible(family: TableFamily, groups: JointCellIndex, amount: str) -> float:
    """The largest amount that a person of an open cell could have: by the catalogue, so that nobody's own amount
    chooses what is hidden. Without bounds it is the largest that anybody has, taken coarsely."""
    figures = (figure for member in family.members for figure in member.figures if figure.amount == amount)
    bounds = [figure.bounds for figure in figures if figure.bounds is not None]
    if bounds:
        return float(max(abs(bound) for pair in bounds for bound in pair))
    return coarse_amount(max((cell.amounts.get(amount, ZERO_AMOUNT).largest for cell in groups.joint_cells), default=0))


def rounding_slack(profile: DisclosureRules) -> float:
    """The largest difference between a count and what the attacker knows of it, its rounded value. Keyed noise can
    differ by more. 0 where the attacker knows exact figures."""
    return 0.0 if profile.attacker is AttackerKnowledge.EXACT else (profile.round_base - 1) / 2


class _SystemBuilder:
    def __init__(self, pattern_input: PatternInput, amount: str | None, slack: float) -> None:
        self._groups, self._profile, self._amount = pattern_input.groups, pattern_input.profile, amount
        self._observed, self._count_aliases = pattern_input.observed, pattern_input.count_aliases
        self._slack = slack
        self._sum = cache(self._add_sum)
        self._shown: dict[int, int] = {}
        self._largest = 0.0 if amount is None else _largest_possible(pattern_input.family, self._groups, amount)
        self._whole = all(f.whole for m in pattern_input.family.members for f in m.figures if f.amount == amount)
        self.found = LinkedSystem(joint=len(self._groups.joint_cells))
        for n in range(self.found.joint):
            self._sum((n,))  # first, so that numbers of joint cells and of these sums agree

    def add(self, member: LinkedTable, figure: LinkedFigure, rows: Iterable[tuple[Value, ...]]) -> None:
        if figure.derived and not self._reveals_rows(member, figure):  # it reveals nothing by itself
            return
        for keys in rows:
            place = (member.where, keys, figure.ident)
            tests = member.tests | (figure.tests if figure.derived else self._count_aliases.get(place, figure.tests))
            if joint_cells := self._groups.by(member.keys, tests).get(keys):
                whole = self._sum(tuple(joint_cells))
                observed = self._observed.get((member.where, keys, tests))
                together = persons_together(joint_cells, self._groups.joint_cells, observed)
                cell = self._released(whole, figure.bounds)
                # Another figure of these people may not have counted them.
                for number in (whole, cell):
                    self.found.persons[number] = min(self.found.persons[number], together)
                if figure.derived:
                    self.found.derived.append((place, cell))
                else:
                    self.found.figures[place] = cell

    def _reveals_rows(self, member: LinkedTable, figure: LinkedFigure) -> bool:
        """Whether a derived figure discloses its cell. A share discloses its denominator, and a sum with its mean the
        rounded rows; either alone discloses anything only where exact figures are known."""
        if not self._slack or figure.measure in BINARY:  # no slack: exact figures are known
            return True
        return len({f.measure in RATIOS for f in member.figures if f.amount is not None}) == 2

    def _released(self, whole: int, bounds: AmountBounds | None) -> int:
        """The cell for the released value of a sum: the sum itself, or its rounded value."""
        if not self._slack:  # the exact sum is known
            return whole
        if whole not in self._shown:
            found, joint_cells = self.found, self.found.joint_cells[whole]
            rest = self._cell(joint_cells, 0.0, 0, 0.0)  # the rounding error: unknown, worth nothing
            found.slack[rest] = self._rounding_error(joint_cells, bounds)
            cell = self._shown[whole] = self._cell(
                joint_cells, found.values[whole], found.persons[whole], found.widths[whole]
            )
            found.sums[cell] = whole
            found.equations.append(Equation((whole, rest), cell))
        return self._shown[whole]

    def _rounding_error(self, joint_cells: tuple[int, ...], bounds: AmountBounds | None) -> float:
        if self._amount is None:
            return self._slack
        rows = sum(self._groups.joint_cells[n].rows for n in joint_cells)
        total = sum(self._groups.joint_cells[n].amounts.get(self._amount, ZERO_AMOUNT).total for n in joint_cells)
        # Taken coarsely, so that nobody's amount changes it.
        ordinary = coarse_unit(abs(total) / rows) if rows else 0.0
        return self._slack * ordinary if bounds is None else least_error_of_sum(bounds, ordinary, self._profile)

    def _add_sum(self, joint_cells: tuple[int, ...]) -> int:
        """The number of the new cell for a sum of joint cells."""
        parts = [self._groups.joint_cells[n] for n in joint_cells]
        persons = sum(part.persons for part in parts)
        if self._amount is None:
            value = float(sum(size_class(a.rows, self._profile.t) for a in parts))
            cell = self._cell(joint_cells, value, persons, self._width_of_count(parts))
        else:
            amounts = [a.amounts.get(self._amount, ZERO_AMOUNT) for a in parts]
            largest = self._largest if any(a.is_open for a in parts) else max(a.largest for a in amounts)
            width = least_width(largest, self._profile, self._whole)
            cell = self._cell(joint_cells, sum(a.total for a in amounts), persons, width)
            self.found.signed |= any(a.low < 0 for a in amounts)
        if len(joint_cells) > 1:  # a sum of its parts
            self.found.equations.append(Equation(tuple(self._sum((n,)) for n in joint_cells), cell))
        return cell

    def _width_of_count(self, parts: Sequence[JointCell]) -> float:
        """For persons whom no figure is about, the slack of three rounded figures is enough."""
        width = float(self._profile.min_interval)  # the least interval of a count, by the rules
        is_derived = all(a.is_open and not a.is_requested for a in parts)
        return min(width, ENOUGH_ROUNDED * self._slack) if is_derived and self._slack else width

    def _cell(self, joint_cells: tuple[int, ...], value: float, persons: int, width: float) -> int:
        """Add a cell. A total costs more than a part. Sizes in the data choose nothing: of equal costs, the later cell
        is hidden, because lists begin with the most frequent values."""
        found, number = self.found, len(self.found.values)
        found.joint_cells.append(joint_cells)
        found.values.append(value)
        found.persons.append(persons)
        found.widths.append(width)
        found.costs.append(size_class(persons, self._profile.t) * min(2, len(joint_cells)) * (1 + 1 / (2 + number)))
        return number
