"""From joint cells to what an attacker would solve: figures and their sums, as they are released. Hides nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log

from broker.disclosure.linking.atoms import NOTHING, Atom, Groups, Rows
from broker.disclosure.linking.families import Family, Figure, Member, Test, Where
from broker.disclosure.repair.systems import Equation
from broker.disclosure.repair.tasks import least_width
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

Place = tuple[Where, tuple[Value, ...], int]
"""A figure: its table, the row's keys, the statistic."""

ENOUGH = 3
"""Rounded figures that have to be put together to tell of a cell that no figure is about."""

COARSE = 8
"""Sizes count by powers of this: which cell is hidden hardly ever depends on one person in it."""


@dataclass(slots=True)
class Figures:
    """Cells by number: first the joint cells, then every other sum of them that is shown.

    atoms             the joint cells that each cell is the sum of
    values            of each cell, at least: of a count a coarse number, so that it tells of nobody
    persons           of each cell
    widths            how wide the interval must be if it is not to be derived
    costs             what it costs to hide a cell
    figures           the cell of each figure; two figures of the same people are one cell
    sums              of a cell that leaves rounded, the cell that is its sum
    beside            cells that are told where a figure is shown, though it is another
    slack             cells that stand for what rounding leaves open, and how far it goes
    signed            some contribution is negative
    joint             how many of the cells are joint cells
    """

    atoms: list[tuple[int, ...]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    figures: dict[Place, int] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    beside: list[tuple[Place, int]] = field(default_factory=list)
    slack: dict[int, float] = field(default_factory=dict)
    signed: bool = False
    joint: int = 0

    def sum_of(self, cell: int) -> int:
        """The cell that a released one is the rounded value of."""
        return self.sums.get(cell, cell)


Alike = Mapping[Place, frozenset[Test]]
"""Counts that are shown as another of their row, with the conditions of that one: so few persons tell the two apart."""


def figures_of(
    family: Family, groups: Groups, profile: Profile, rows: Rows, of: str | None, alike: Alike | None = None
) -> Figures:
    """The counts of a family (`of` is None), or one amount."""
    builder = _Builder(groups, profile, of, alike or {})
    builder.found.joint = len(groups.atoms)
    for member in family.members:
        for figure in member.figures:
            if member.where in rows and figure.of == of:
                builder.add(member, figure, rows[member.where])
    return builder.found


def rounding_slack(profile: Profile) -> float:
    """How far a count can be from what is released for it: keyed noise goes farther than rounding does."""
    return (profile.round_base - 1) / 2


def coarse(size: int, t: int) -> int:
    """A size that one person hardly ever changes: t, and that times powers of eight. A smaller one counts as one."""
    return min(size, 1) if size < t else t * COARSE ** floor(log(size / t, COARSE) + 1e-12)


class _Builder:
    def __init__(self, groups: Groups, profile: Profile, of: str | None, alike: Alike) -> None:
        self._groups, self._profile, self._of, self._alike = groups, profile, of, alike
        self._slack = rounding_slack(profile)
        self._numbers: dict[tuple[int, ...], int] = {}
        self._shown: dict[int, int] = {}
        self._largest = max((a.amounts.get(of or "", NOTHING).largest for a in groups.atoms), default=0.0)
        self.found = Figures()
        for n in range(len(groups.atoms)):
            self._sum((n,))

    def add(self, member: Member, figure: Figure, rows: Iterable[tuple[Value, ...]]) -> None:
        if figure.beside and not self._tells_rows(member, figure):
            return
        for keys in rows:
            place = (member.where, keys, figure.ident)
            tests = member.tests | (figure.tests if figure.beside else self._alike.get(place, figure.tests))
            if atoms := self._groups.by(member.keys, tests).get(keys):
                cell = self._released(self._sum(tuple(atoms)))
                if figure.beside:
                    self.found.beside.append((place, cell))
                else:
                    self.found.figures[place] = cell

    def _tells_rows(self, member: Member, figure: Figure) -> bool:
        """A share tells its whole, and a sum beside its mean the rounded rows; either by itself only where nothing is
        rounded."""
        both = {f.measure for f in member.figures if f.of is not None}
        return not self._slack or figure.measure is Measure.SHARE or {Measure.SUM, Measure.MEAN} <= both

    def _released(self, whole: int) -> int:
        """The cell of what is released of a sum: it, or what it is rounded to."""
        if not self._slack:
            return whole
        if whole not in self._shown:
            found, atoms = self.found, self.found.atoms[whole]
            rest = self._cell(atoms, 0.0, 0, 0.0)
            found.slack[rest] = self._slack * self._unit(atoms)
            cell = self._shown[whole] = self._cell(
                atoms, found.values[whole], found.persons[whole], found.widths[whole]
            )
            found.sums[cell] = whole
            found.equations.append(Equation((whole, rest), cell))
        return self._shown[whole]

    def _unit(self, atoms: tuple[int, ...]) -> float:
        """What one row counts: a sum leaves as its mean times the rounded number of rows."""
        if self._of is None:
            return 1.0
        rows = sum(self._groups.atoms[n].rows for n in atoms)
        total = sum(self._groups.atoms[n].amounts.get(self._of, NOTHING).total for n in atoms)
        return abs(total) / rows if rows else 0.0

    def _sum(self, atoms: tuple[int, ...]) -> int:
        """The number of a sum of joint cells."""
        if atoms not in self._numbers:
            self._numbers[atoms] = self._add_sum(atoms)
        return self._numbers[atoms]

    def _add_sum(self, atoms: tuple[int, ...]) -> int:
        parts, persons = [self._groups.atoms[n] for n in atoms], sum(self._groups.atoms[n].persons for n in atoms)
        if self._of is None:
            value = float(sum(coarse(a.rows, self._profile.t) for a in parts))
            cell = self._cell(atoms, value, persons, self._width_of_count(parts))
        else:
            amounts = [a.amounts.get(self._of, NOTHING) for a in parts]
            largest = self._largest if any(a.is_open for a in parts) else max(a.largest for a in amounts)
            cell = self._cell(atoms, sum(a.total for a in amounts), persons, least_width(largest, self._profile))
            self.found.signed |= any(a.low < 0 for a in amounts)
        if len(atoms) > 1:
            self.found.equations.append(Equation(tuple(self._numbers[n,] for n in atoms), cell))
        return cell

    def _width_of_count(self, parts: Sequence[Atom]) -> float:
        """Of persons whom no figure is about, what three rounded figures leave open is enough."""
        width = float(self._profile.min_interval)
        is_derived = all(a.is_open and not a.is_asked for a in parts)
        return min(width, ENOUGH * self._slack) if is_derived and self._slack else width

    def _cell(self, atoms: tuple[int, ...], value: float, persons: int, width: float) -> int:
        """A total costs more than a part of its size. Of two that cost alike, the one that stands later goes: lists
        begin with what most people are."""
        found, number = self.found, len(self.found.values)
        found.atoms.append(atoms)
        found.values.append(value)
        found.persons.append(persons)
        found.widths.append(width)
        found.costs.append(coarse(persons, self._profile.t) * min(2, len(atoms)) * (1 + 1 / (2 + number)))
        return number
