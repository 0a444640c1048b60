"""One suppression pattern for all tables of a family: what is hidden first, and what must go with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from itertools import product
from math import floor, inf, log

from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking.joint_cells import (
    ZERO_AMOUNT,
    JointCell,
    JointCellIndex,
    TableRows,
    joint_cells_of,
    known_joint_cells,
    unobserved_joint_cells,
)
from broker.disclosure.linking.table_families import DimensionValue, LinkedFigure, LinkedTable, TableFamily, TableIndex
from broker.disclosure.suppression.attack_intervals import Progress, no_progress
from broker.disclosure.suppression.cell_systems import CellSystem, Equation
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import Attacker, SuppressionTask, least_width
from broker.domain.evidence import TableEvidence
from broker.domain.plans.plan import CELL_COUNTS, MAGNITUDES, Measure
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules

FigurePlace = tuple[TableIndex, tuple[Value, ...], int]
"""A figure: its table, the row's keys, the statistic."""

ENOUGH_ROUNDED = 3
"""Rounded figures that have to be put together to tell of a cell that no figure is about."""

COARSE_BASE = 8
"""Sizes count by powers of this: which cell is hidden hardly ever depends on one person in it."""


@dataclass(slots=True)
class LinkedSystem:
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
        """The cell that a released one is the rounded value of."""
        return self.sums.get(cell, cell)


CountAliases = Mapping[FigurePlace, frozenset[DimensionValue]]
"""Counts that are shown as another of their row, with the conditions of that one: so few persons tell the two apart."""


def build_linked_system(
    family: TableFamily,
    groups: JointCellIndex,
    profile: DisclosureRules,
    rows: TableRows,
    amount: str | None,
    count_aliases: CountAliases | None = None,
) -> LinkedSystem:
    """The counts of a family (`amount` is None), or one amount."""
    builder = _SystemBuilder(groups, profile, amount, count_aliases or {})
    builder.found.joint = len(groups.joint_cells)
    for member in family.members:
        for figure in member.figures:
            if member.where in rows and figure.amount == amount:
                builder.add(member, figure, rows[member.where])
    return builder.found


def rounding_slack(profile: DisclosureRules) -> float:
    """How far a count can be from what is released for it: keyed noise goes farther than rounding does."""
    return (profile.round_base - 1) / 2


def coarse_size(size: int, t: int) -> int:
    """A size that one person hardly ever changes: t, and that times powers of eight. A smaller one counts as one."""
    return min(size, 1) if size < t else t * COARSE_BASE ** floor(log(size / t, COARSE_BASE) + 1e-12)


class _SystemBuilder:
    def __init__(
        self, groups: JointCellIndex, profile: DisclosureRules, amount: str | None, count_aliases: CountAliases
    ) -> None:
        self._groups, self._profile, self._amount, self._count_aliases = groups, profile, amount, count_aliases
        self._slack = rounding_slack(profile)
        self._numbers: dict[tuple[int, ...], int] = {}
        self._shown: dict[int, int] = {}
        self._largest = max((a.amounts.get(amount or "", ZERO_AMOUNT).largest for a in groups.joint_cells), default=0.0)
        self.found = LinkedSystem()
        for n in range(len(groups.joint_cells)):
            self._sum((n,))

    def add(self, member: LinkedTable, figure: LinkedFigure, rows: Iterable[tuple[Value, ...]]) -> None:
        if figure.derived and not self._reveals_rows(member, figure):
            return
        for keys in rows:
            place = (member.where, keys, figure.ident)
            tests = member.tests | (figure.tests if figure.derived else self._count_aliases.get(place, figure.tests))
            if joint_cells := self._groups.by(member.keys, tests).get(keys):
                cell = self._released(self._sum(tuple(joint_cells)))
                if figure.derived:
                    self.found.derived.append((place, cell))
                else:
                    self.found.figures[place] = cell

    def _reveals_rows(self, member: LinkedTable, figure: LinkedFigure) -> bool:
        """A share tells its whole, and a sum beside its mean the rounded rows; either by itself only where nothing is
        rounded."""
        both = {f.measure for f in member.figures if f.amount is not None}
        return not self._slack or figure.measure is Measure.SHARE or both >= MAGNITUDES

    def _released(self, whole: int) -> int:
        """The cell of what is released of a sum: it, or what it is rounded to."""
        if not self._slack:
            return whole
        if whole not in self._shown:
            found, joint_cells = self.found, self.found.joint_cells[whole]
            rest = self._cell(joint_cells, 0.0, 0, 0.0)
            found.slack[rest] = self._slack * self._unit(joint_cells)
            cell = self._shown[whole] = self._cell(
                joint_cells, found.values[whole], found.persons[whole], found.widths[whole]
            )
            found.sums[cell] = whole
            found.equations.append(Equation((whole, rest), cell))
        return self._shown[whole]

    def _unit(self, joint_cells: tuple[int, ...]) -> float:
        """What one row counts: a sum leaves as its mean times the rounded number of rows."""
        if self._amount is None:
            return 1.0
        rows = sum(self._groups.joint_cells[n].rows for n in joint_cells)
        total = sum(self._groups.joint_cells[n].amounts.get(self._amount, ZERO_AMOUNT).total for n in joint_cells)
        return abs(total) / rows if rows else 0.0

    def _sum(self, joint_cells: tuple[int, ...]) -> int:
        """The number of a sum of joint cells."""
        if joint_cells not in self._numbers:
            self._numbers[joint_cells] = self._add_sum(joint_cells)
        return self._numbers[joint_cells]

    def _add_sum(self, joint_cells: tuple[int, ...]) -> int:
        parts, persons = (
            [self._groups.joint_cells[n] for n in joint_cells],
            sum(self._groups.joint_cells[n].persons for n in joint_cells),
        )
        if self._amount is None:
            value = float(sum(coarse_size(a.rows, self._profile.t) for a in parts))
            cell = self._cell(joint_cells, value, persons, self._width_of_count(parts))
        else:
            amounts = [a.amounts.get(self._amount, ZERO_AMOUNT) for a in parts]
            largest = self._largest if any(a.is_open for a in parts) else max(a.largest for a in amounts)
            cell = self._cell(joint_cells, sum(a.total for a in amounts), persons, least_width(largest, self._profile))
            self.found.signed |= any(a.low < 0 for a in amounts)
        if len(joint_cells) > 1:
            self.found.equations.append(Equation(tuple(self._numbers[n,] for n in joint_cells), cell))
        return cell

    def _width_of_count(self, parts: Sequence[JointCell]) -> float:
        """Of persons whom no figure is about, what three rounded figures leave open is enough."""
        width = float(self._profile.min_interval)
        is_derived = all(a.is_open and not a.is_requested for a in parts)
        return min(width, ENOUGH_ROUNDED * self._slack) if is_derived and self._slack else width

    def _cell(self, joint_cells: tuple[int, ...], value: float, persons: int, width: float) -> int:
        """A total costs more than a part of its size. Of two that cost alike, the one that stands later goes: lists
        begin with what most people are."""
        found, number = self.found, len(self.found.values)
        found.joint_cells.append(joint_cells)
        found.values.append(value)
        found.persons.append(persons)
        found.widths.append(width)
        found.costs.append(coarse_size(persons, self._profile.t) * min(2, len(joint_cells)) * (1 + 1 / (2 + number)))
        return number


TIED_MEASURES = frozenset({Measure.SHARE, Measure.SUM, Measure.MEAN})
"""What is hidden where the count of the same row is: a mean beside the others and a known total gives a count."""


COVER_RULES = frozenset({"F1", "F2", "F3", "F5", "P1", "P2", "X1"})
"""Rules that hide a figure of t persons or more for what is beside it: that is a target, the figure is none."""


@dataclass(frozen=True, slots=True)
class SuppressionPattern:
    """`hidden`: figures that must not be shown beside those that the rules hide. For staff: how many targets were
    looked at, how many are derived exactly or too closely whatever is hidden, and joint cells that nobody looked at
    because there are more than policy allows."""

    hidden: frozenset[FigurePlace] = frozenset()
    targets: int = 0
    exact: int = 0
    narrow: int = 0
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class PatternInput:
    """A family while it is repaired: its judged tables, their rows that could be shown, its joint cells."""

    family: TableFamily
    judged: Mapping[TableIndex, JudgedTable]
    rows: TableRows
    groups: JointCellIndex
    count_aliases: CountAliases
    profile: DisclosureRules


def suppression_pattern(
    family: TableFamily,
    evidence: Mapping[TableIndex, TableEvidence],
    joint: TableEvidence | None,
    judged: Mapping[TableIndex, JudgedTable],
    profile: DisclosureRules,
    progress: Progress = no_progress,
) -> SuppressionPattern:
    """The pattern of a family. Tables that are not in `judged` are not shown at all.

    Known are the figures that the job shows, as it shows them: what was published elsewhere is for the history of
    releases. Who is in cells of fewer than t persons has no say: the pattern is the same for nobody, one and t-1.
    """
    shown_family = changed(family, members=tuple(m for m in family.members if m.where in judged))
    rows = {m.where: _possible_rows(judged[m.where], evidence[m.where], profile.t) for m in shown_family.members}
    known = known_joint_cells(
        shown_family, joint_cells_of(family, evidence, joint), profile.t, rounding_slack(profile) > 0
    )
    unlisted = [m for m in shown_family.members if not judged[m.where].covered]
    unseen = list(unobserved_joint_cells(shown_family, known, rows, unlisted, profile.t))
    groups = JointCellIndex([*known, *unseen[: profile.max_joint_targets]])
    pattern_input = PatternInput(
        shown_family, judged, rows, groups, _count_aliases(shown_family, evidence, profile.t), profile
    )
    found = _suppress_amount(pattern_input, None, frozenset(), progress)
    for amount in dict.fromkeys(f.amount for m in shown_family.members for f in m.figures if f.amount is not None):
        more = _suppress_amount(pattern_input, amount, found.hidden, progress)
        found = SuppressionPattern(
            found.hidden | more.hidden,
            found.targets + more.targets,
            found.exact + more.exact,
            found.narrow + more.narrow,
            found.beyond + more.beyond,
        )
    beyond = found.beyond + max(0, len(unseen) - profile.max_joint_targets)
    return changed(found, hidden=found.hidden | _tied_figures(pattern_input, found.hidden), beyond=beyond)


def _possible_rows(table: JudgedTable, evidence: TableEvidence, t: int) -> list[tuple[Value, ...]]:
    """Listed rows, and others of t persons."""
    listed = (r.row.keys for r in table.rows if r.row.listed)
    return list(dict.fromkeys([*listed, *(c.keys for c in evidence.cells if c.persons >= t)]))


def _suppress_amount(
    pattern_input: PatternInput, amount: str | None, before: frozenset[FigurePlace], progress: Progress
) -> SuppressionPattern:
    found, t = (
        build_linked_system(
            pattern_input.family,
            pattern_input.groups,
            pattern_input.profile,
            pattern_input.rows,
            amount,
            pattern_input.count_aliases,
        ),
        pattern_input.profile.t,
    )
    primary = _primary_figures(pattern_input) | dict.fromkeys(before, COVER_RULES)
    if amount is not None:
        primary = dict.fromkeys(_tied_figures(pattern_input, primary), COVER_RULES) | primary
    reasons = _primary_cells(found, primary)
    hidden, is_open = set(reasons), [a.is_open for a in pattern_input.groups.joint_cells]
    if not hidden and not any(is_open) and all(p >= t for p in found.persons):
        return SuppressionPattern()
    derived = {cell for place, cell in found.derived if place not in primary}
    shown = (set(found.figures.values()) | derived) - hidden
    small = [] if rounding_slack(pattern_input.profile) else _small_joints(found, shown, is_open, t)
    beyond = max(0, len(small) - pattern_input.profile.max_joint_targets)
    targets = {found.sum_of(c) for c, rules in reasons.items() if found.persons[c] >= t and not rules <= COVER_RULES}
    targets |= {c for c, at in enumerate(is_open) if at} | set(small[: pattern_input.profile.max_joint_targets])
    task = _suppression_task(found, targets, hidden, shown, is_open, t)
    repaired = suppress(task, progress=progress)
    places = {p for p, cell in (*found.figures.items(), *found.derived) if cell in repaired.hidden and p not in primary}
    # Each cell of a single contributor would be a program of its own, against all others: repair has done what it can.
    several = {c: task.targets[c] for c in repaired.insiders if c >= found.joint or found.persons[c] > 1}
    inside = audit(changed(task, targets=several), repaired.hidden, Attacker.PERSONS) if several else {}
    exact = sum(at.exact for at in {**inside, **repaired.narrow}.values())
    narrow = sum(not at.exact for at in repaired.narrow.values())
    return SuppressionPattern(frozenset(places), len(task.targets), exact, narrow, beyond)


def _suppression_task(
    found: LinkedSystem, targets: set[int], hidden: set[int], shown: set[int], is_open: Sequence[bool], t: int
) -> SuppressionTask:
    """An open cell, and a joint one of fewer than t persons, is taken for one person, who knows it and is not fewer: so
    it hides no other cell, and whoever is there, the others hide it."""
    alone = {c for c, at in enumerate(is_open) if at}
    values = [1.0 if c in alone else v for c, v in enumerate(found.values)]
    marks = dict.fromkeys(alone, (1.0, inf)) | {c: (-by, by) for c, by in found.slack.items()}
    few = {c for c in range(found.joint) if 0 < found.persons[c] < t}
    return SuppressionTask(
        CellSystem(len(values), tuple(found.equations)),
        values,
        {c: found.widths[c] for c in sorted(targets)},
        frozenset(hidden),
        insiders=frozenset(alone | few),
        signed=found.signed,
        unreleased=frozenset(range(len(values))) - shown - hidden,
        marks=marks,
        costs=dict(enumerate(found.costs)),
    )


def _primary_figures(pattern_input: PatternInput) -> dict[FigurePlace, frozenset[str]]:
    """Figures that the rules hide, and by which; a row that is not shown hides all of its own."""
    found: dict[FigurePlace, frozenset[str]] = {}
    for member in pattern_input.family.members:
        lines = {r.row.keys: r.line for r in pattern_input.judged[member.where].rows}
        for keys in pattern_input.rows[member.where]:
            for figure in member.figures:
                if figure.derived:
                    continue
                cell = lines[keys].cells[figure.ident] if keys in lines else None
                if cell is None or cell.hidden:
                    found[member.where, keys, figure.ident] = frozenset() if cell is None else cell.rules
    return found


def _primary_cells(found: LinkedSystem, primary: Mapping[FigurePlace, frozenset[str]]) -> dict[int, frozenset[str]]:
    """The cells that are hidden first, each with every rule that hides one of its figures."""
    reasons: dict[int, frozenset[str]] = {}
    for place, cell in found.figures.items():
        if place in primary:
            reasons[cell] = reasons.get(cell, frozenset()) | primary[place]
    return reasons


def _tied_figures(pattern_input: PatternInput, hidden: Iterable[FigurePlace]) -> frozenset[FigurePlace]:
    """Figures that would tell a hidden count of their row."""
    members: Mapping[TableIndex, LinkedTable] = {m.where: m for m in pattern_input.family.members}
    counts = {
        m.where: {f.ident for f in m.figures if f.measure in CELL_COUNTS and not f.tests} for m in members.values()
    }
    rows = {(where, keys) for where, keys, ident in hidden if ident in counts[where]}
    return frozenset(
        (where, keys, f.ident) for where, keys in rows for f in members[where].figures if f.measure in TIED_MEASURES
    )


def _count_aliases(family: TableFamily, evidence: Mapping[TableIndex, TableEvidence], t: int) -> CountAliases:
    """Counts that leave as another count of their row, since fewer than t persons tell the two apart."""
    found: dict[FigurePlace, frozenset[DimensionValue]] = {}
    for member in family.members:
        tests = {f.ident: f.tests for f in member.figures if f.amount is None and not f.derived}
        gaps = [s for s in member.table.statistics if s.measure is Measure.GAP and s.implied_by in tests]
        for cell, gap in product(evidence[member.where].cells, gaps):
            if cell.statistics[gap.ident].persons < t:
                place = (member.where, cell.keys, gap.implied_by or 0)
                like = None if gap.displayed_like is None else (member.where, cell.keys, gap.displayed_like)
                found.setdefault(
                    place, frozenset() if like is None else found.get(like, tests.get(like[2], frozenset()))
                )
    return found


def _small_joints(found: LinkedSystem, shown: set[int], is_open: Sequence[bool], t: int) -> list[int]:
    """Joint cells of 1 to t-1 persons that stand in rows of t and more, and are in no table: the smallest first."""
    shown_sums = {found.sum_of(c) for c in shown}
    small = [c for c in range(found.joint) if 0 < found.persons[c] < t and c not in shown_sums and not is_open[c]]
    return sorted(small, key=lambda c: (found.persons[c], c))
