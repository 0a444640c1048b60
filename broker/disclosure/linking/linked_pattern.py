"""One suppression pattern for all tables of a family: which figures are hidden by rules, and which must be hidden
too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf

from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking import linked_system, rerun_attack
from broker.disclosure.linking.joint_cells import (
    JointCellIndex,
    joint_cells_of,
    known_joint_cells,
    observed_persons,
    unobserved_joint_cells,
)
from broker.disclosure.suppression.cell_systems import CellSystem
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import Attacker, SuppressionTask
from broker.domain.evidence import TableEvidence
from broker.domain.plans.measure import CELL_COUNTS, MAGNITUDES, RATIOS, Measure
from broker.domain.plans.scalars import Value
from broker.domain.progress import Progress, no_progress
from broker.evidence.table_families import DimensionValue, LinkedTable, TableFamily, TableIndex
from broker.policy.disclosure_rules import DisclosureRules

TIED_MEASURES = MAGNITUDES | RATIOS
"""Hidden with the count of the same row: a mean with the other means and a known total gives a count."""


COVER_RULES = frozenset({"F1", "F2", "F3", "F5", "P1", "P2", "X1"})
"""Rules that hide a figure of t persons or more because of a neighbour. The neighbour is then a target; the figure is
not."""


@dataclass(frozen=True, slots=True)
class SuppressionPattern:
    """`hidden`: figures to hide in addition to those that the rules hide. For staff: the number of targets that were
    checked, of those that can be derived exactly or too closely whatever is hidden, and of joint cells beyond the
    number that policy allows to be checked."""

    hidden: frozenset[linked_system.FigurePlace] = frozenset()
    targets: int = 0
    exact: int = 0
    narrow: int = 0
    beyond: int = 0


def suppression_pattern(
    family: TableFamily, evidence: Mapping[TableIndex, TableEvidence], joint: TableEvidence | None,
    judged: Mapping[TableIndex, JudgedTable], profile: DisclosureRules, progress: Progress = no_progress,
) -> SuppressionPattern:  # fmt: skip
    """The pattern of a family. Tables that are not in `judged` are not shown at all.

    An attacker is taken to know the figures of this job as they are shown; the release history deals with other
    publications. The persons in cells of fewer than t have no influence: the pattern is the same for 0, 1 and t-1 of
    them.
    """
    shown_family = replace(family, members=tuple(m for m in family.members if m.where in judged))
    rows = {m.where: _possible_rows(judged[m.where], evidence[m.where], profile.t) for m in shown_family.members}
    observed = observed_persons(shown_family, evidence)
    joint_cells = joint_cells_of(family, evidence, joint)
    known = known_joint_cells(shown_family, joint_cells, observed, profile.t, linked_system.rounding_slack(profile) > 0)
    unlisted = [m for m in shown_family.members if not judged[m.where].covered]
    unseen = list(unobserved_joint_cells(shown_family, joint_cells, known, rows, unlisted, profile.t))
    groups = JointCellIndex([*known, *unseen[: profile.max_joint_targets]])
    pattern_input = linked_system.PatternInput(
        shown_family, judged, rows, groups, observed, _count_aliases(shown_family, evidence, profile.t), profile
    )
    hidden, made = frozenset[linked_system.FigurePlace](), list[SuppressionPattern]()
    amounts = dict.fromkeys(f.amount for m in shown_family.members for f in m.figures if f.amount is not None)
    is_rounded = linked_system.rounding_slack(profile) > 0
    # Counts first: amounts depend on them. Then figures that were asked for, as if nothing were rounded: where rounding
    # moves several others the same way, they leave one value.
    for amount, exact_figures in product((None, *amounts), (False, True) if is_rounded else (False,)):
        made.append(_suppress_amount(pattern_input, amount, hidden, exact_figures, progress))
        hidden |= made[-1].hidden
        if amount is None and exact_figures is is_rounded:
            hidden |= _hidden_from_reruns(pattern_input, hidden, progress)
    exact, narrow = sum(p.exact for p in made), sum(p.narrow for p in made)
    beyond = sum(p.beyond for p in made) + max(0, len(unseen) - profile.max_joint_targets)
    hidden |= _tied_figures(pattern_input, hidden)
    return SuppressionPattern(hidden, sum(p.targets for p in made), exact, narrow, beyond)


def _hidden_from_reruns(
    pattern_input: linked_system.PatternInput, before: frozenset[linked_system.FigurePlace], progress: Progress
) -> frozenset[linked_system.FigurePlace]:
    """Further counts to hide, so that the threshold of those that are hidden for another's sake tells nothing about an
    open cell, as far as hiding more can achieve it."""
    by_rules = _primary_figures(pattern_input)
    small = {place for place, rules in by_rules.items() if not rules <= COVER_RULES}
    hidden, closed = before | by_rules.keys(), frozenset[linked_system.FigurePlace]()
    while more := rerun_attack.closed_figures(pattern_input, small, hidden, progress) - closed:
        closed |= more
        hidden |= _suppress_amount(pattern_input, None, hidden, True, progress, closed).hidden
    return hidden - before - by_rules.keys()


def _possible_rows(table: JudgedTable, evidence: TableEvidence, t: int) -> list[tuple[Value, ...]]:
    """Listed rows, and unlisted rows of at least t persons."""
    listed = (r.row.keys for r in table.rows if r.row.listed)
    return list(dict.fromkeys([*listed, *(c.keys for c in evidence.cells if c.persons >= t)]))


def _suppress_amount(
    pattern_input: linked_system.PatternInput,
    amount: str | None,
    before: frozenset[linked_system.FigurePlace],
    exact_figures: bool,
    progress: Progress,
    closed: frozenset[linked_system.FigurePlace] = frozenset(),
) -> SuppressionPattern:
    """What to hide of the counts or of one amount. `exact_figures`: so that whoever knows them exactly works out no
    figure that was asked for; otherwise also nothing of persons whom no figure is about, from figures as released.
    `closed` figures hide no other one."""
    t = pattern_input.profile.t
    found = linked_system.build_linked_system(pattern_input, amount, exact_figures)
    primary = _primary_figures(pattern_input) | dict.fromkeys(before, COVER_RULES)
    if amount is not None:
        primary = dict.fromkeys(_tied_figures(pattern_input, primary), COVER_RULES) | primary
    reasons = _primary_cells(found, primary)
    hidden, is_open = set(reasons), [a.is_open for a in pattern_input.groups.joint_cells]
    if not hidden and not any(is_open) and all(p >= t for p in found.persons):
        return SuppressionPattern()
    derived = {cell for place, cell in found.derived if place not in primary}
    shown = (set(found.figures.values()) | derived) - hidden
    small = [] if linked_system.rounding_slack(pattern_input.profile) else _small_joints(found, shown, is_open, t)
    beyond = max(0, len(small) - pattern_input.profile.max_joint_targets)
    targets = {found.sum_of(c) for c, rules in reasons.items() if found.persons[c] >= t and not rules <= COVER_RULES}
    joint_cells = enumerate(pattern_input.groups.joint_cells)
    targets |= {c for c, at in joint_cells if at.is_open and (at.is_requested or not exact_figures)} | set(
        small[: pattern_input.profile.max_joint_targets]
    )
    # All parts of a shown figure can be too small to be used. Without rounding it is then an open cell by itself.
    exact = targets & shown
    targets -= exact
    covers_nothing = {found.figures[place] for place in closed}
    task = _suppression_task(found, targets, hidden, shown, is_open, covers_nothing, t)  # counts or one amount
    repaired = suppress(task, progress=progress)
    places = {p for p, cell in (*found.figures.items(), *found.derived) if cell in repaired.hidden and p not in primary}
    several = {c: task.targets[c] for c in repaired.insiders if _is_attacked_from_inside(found, c, task.insiders)}
    inside = audit(replace(task, targets=several), repaired.hidden, Attacker.PERSONS) if several else {}
    derived_exactly = len(exact) + sum(at.exact for at in {**inside, **repaired.narrow}.values())
    narrow = sum(not at.exact for at in repaired.narrow.values())
    checked = 0 if exact_figures else len(task.targets) + len(exact)
    return SuppressionPattern(frozenset(places), checked, derived_exactly, narrow, beyond)


def _is_attacked_from_inside(found: linked_system.LinkedSystem, cell: int, insiders: frozenset[int]) -> bool:
    """Whether all insiders together could learn something about others in the cell."""
    if cell in insiders:
        # Each cell of a single contributor would be a program of its own, against all others.
        return found.persons[cell] > 1
    # Insiders who are everybody in the cell know its sum by themselves, whatever is hidden.
    return not insiders.issuperset(found.joint_cells[cell])


def _suppression_task(
    found: linked_system.LinkedSystem,
    targets: set[int],
    hidden: set[int],
    shown: set[int],
    is_open: Sequence[bool],
    closed: set[int],
    t: int,
) -> SuppressionTask:
    """An open cell counts as one person, and a joint cell of fewer than t persons as an insider who knows it. So such a
    cell hides no other one, whoever is in it, and other cells must hide it. A closed cell counts as known, too."""
    alone = {c for c, at in enumerate(is_open) if at}
    values = [1.0 if c in alone else v for c, v in enumerate(found.values)]  # the same for 0, 1 and t-1 persons
    marks = dict.fromkeys(alone, (1.0, inf)) | {c: (-by, by) for c, by in found.slack.items()}
    few = {c for c in range(found.joint) if 0 < found.persons[c] < t}
    return SuppressionTask(
        CellSystem(len(values), tuple(found.equations)),
        values,
        {c: found.widths[c] for c in sorted(targets)},
        frozenset(hidden),
        insiders=frozenset(alone | few | closed),
        signed=found.signed,
        unreleased=frozenset(range(len(values))) - shown - hidden,
        marks=marks,
        costs=dict(enumerate(found.costs)),
    )


def _primary_figures(pattern_input: linked_system.PatternInput) -> dict[linked_system.FigurePlace, frozenset[str]]:
    """Figures that the rules hide, with these rules. If a row is not shown, all of its figures are hidden."""
    found: dict[linked_system.FigurePlace, frozenset[str]] = {}
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


def _primary_cells(
    found: linked_system.LinkedSystem, primary: Mapping[linked_system.FigurePlace, frozenset[str]]
) -> dict[int, frozenset[str]]:
    """The cells of primary suppression, each with every rule that hides one of its figures."""
    reasons: dict[int, frozenset[str]] = {}
    for place, cell in found.figures.items():
        if place in primary:
            reasons[cell] = reasons.get(cell, frozenset()) | primary[place]
    return reasons


def _tied_figures(
    pattern_input: linked_system.PatternInput, hidden: Iterable[linked_system.FigurePlace]
) -> frozenset[linked_system.FigurePlace]:
    """Figures that would disclose a hidden count of their row."""
    members: Mapping[TableIndex, LinkedTable] = {m.where: m for m in pattern_input.family.members}
    counts = {
        m.where: {f.ident for f in m.figures if f.measure in CELL_COUNTS and not f.tests} for m in members.values()
    }
    rows = {(where, keys) for where, keys, ident in hidden if ident in counts[where]}
    return frozenset(
        (where, keys, f.ident) for where, keys in rows for f in members[where].figures if f.measure in TIED_MEASURES
    )


def _count_aliases(
    family: TableFamily, evidence: Mapping[TableIndex, TableEvidence], t: int
) -> linked_system.CountAliases:
    """Counts displayed like another count of their row, because fewer than t persons distinguish the two."""
    found: dict[linked_system.FigurePlace, frozenset[DimensionValue]] = {}
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


def _small_joints(found: linked_system.LinkedSystem, shown: set[int], is_open: Sequence[bool], t: int) -> list[int]:
    """Joint cells of 1 to t-1 persons that are in rows of t persons or more and in no table; the smallest first."""
    shown_sums = {found.sum_of(c) for c in shown}
    small = [c for c in range(found.joint) if 0 < found.persons[c] < t and c not in shown_sums and not is_open[c]]
    return sorted(small, key=lambda c: (found.persons[c], c))
