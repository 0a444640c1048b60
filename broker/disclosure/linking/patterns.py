"""One pattern of holes for all tables of a family: what is hidden first, and what must go with it. Judges no cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from itertools import product
from math import inf

from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking.atoms import Groups, Rows, atoms_of
from broker.disclosure.linking.families import Family, Member, Test, Where
from broker.disclosure.linking.figures import Alike, Figures, Place, figures_of, rounding_slack
from broker.disclosure.linking.unseen import known_joints, unseen_joints
from broker.disclosure.repair.attack import Progress, untold
from broker.disclosure.repair.repair import Attacker, Task, audit, repair
from broker.disclosure.repair.systems import System
from broker.domain.evidence import TableEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

ALONE = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
TIED = frozenset({Measure.SHARE, Measure.SUM, Measure.MEAN})
"""What is hidden where the count of the same row is: a mean beside the others and a known total gives a count."""


COVER = frozenset({"F1", "F2", "F3", "F5", "P1", "P2", "X1"})
"""Rules that hide a figure of t persons or more for what is beside it: that is a target, the figure is none."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`hidden`: figures that must not be shown beside those that the rules hide. For staff: how many targets were
    looked at, how many are derived exactly or too closely whatever is hidden, and joint cells that nobody looked at
    because there are more than policy allows."""

    hidden: frozenset[Place] = frozenset()
    targets: int = 0
    exact: int = 0
    narrow: int = 0
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A family while it is repaired: its judged tables, their rows that could be shown, its joint cells."""

    family: Family
    judged: Mapping[Where, JudgedTable]
    rows: Rows
    groups: Groups
    alike: Alike
    profile: Profile


def pattern_of(
    family: Family,
    evidence: Mapping[Where, TableEvidence],
    joint: TableEvidence | None,
    judged: Mapping[Where, JudgedTable],
    profile: Profile,
    progress: Progress = untold,
) -> Pattern:
    """The pattern of a family. Tables that are not in `judged` are not shown at all.

    Known are the figures that the job shows, as it shows them: what was published elsewhere is for the history of
    releases. Who is in cells of fewer than t persons has no say: the pattern is the same for nobody, one and t-1.
    """
    kept = changed(family, members=tuple(m for m in family.members if m.where in judged))
    rows = {m.where: _rows(judged[m.where], evidence[m.where], profile.t) for m in kept.members}
    known = known_joints(kept, atoms_of(family, evidence, joint), profile.t, rounding_slack(profile) > 0)
    unlisted = [m for m in kept.members if not judged[m.where].covered]
    unseen = list(unseen_joints(kept, known, rows, unlisted, profile.t))
    groups = Groups([*known, *unseen[: profile.max_joint_targets]])
    drawn = Drawn(kept, judged, rows, groups, _alike(kept, evidence, profile.t), profile)
    found = _repaired(drawn, None, frozenset(), progress)
    for of in dict.fromkeys(f.of for m in kept.members for f in m.figures if f.of is not None):
        more = _repaired(drawn, of, found.hidden, progress)
        found = Pattern(
            found.hidden | more.hidden,
            found.targets + more.targets,
            found.exact + more.exact,
            found.narrow + more.narrow,
            found.beyond + more.beyond,
        )
    beyond = found.beyond + max(0, len(unseen) - profile.max_joint_targets)
    return changed(found, hidden=found.hidden | _tied(drawn, found.hidden), beyond=beyond)


def _rows(table: JudgedTable, evidence: TableEvidence, t: int) -> list[tuple[Value, ...]]:
    """Listed rows, and others of t persons."""
    listed = (r.row.keys for r in table.rows if r.row.listed)
    return list(dict.fromkeys([*listed, *(c.keys for c in evidence.cells if c.persons >= t)]))


def _repaired(drawn: Drawn, of: str | None, before: frozenset[Place], progress: Progress) -> Pattern:
    found, t = figures_of(drawn.family, drawn.groups, drawn.profile, drawn.rows, of, drawn.alike), drawn.profile.t
    first = _hidden_first(drawn) | dict.fromkeys(before, COVER)
    if of is not None:
        first = dict.fromkeys(_tied(drawn, first), COVER) | first
    reasons = _reasons(found, first)
    hidden, is_open = set(reasons), [a.is_open for a in drawn.groups.atoms]
    if not hidden and not any(is_open) and all(p >= t for p in found.persons):
        return Pattern()
    told = {cell for place, cell in found.beside if place not in first}
    shown = (set(found.figures.values()) | told) - hidden
    small = [] if rounding_slack(drawn.profile) else _small_joints(found, shown, is_open, t)
    beyond = max(0, len(small) - drawn.profile.max_joint_targets)
    targets = {found.sum_of(c) for c, rules in reasons.items() if found.persons[c] >= t and not rules <= COVER}
    targets |= {c for c, at in enumerate(is_open) if at} | set(small[: drawn.profile.max_joint_targets])
    task = _task(found, targets, hidden, shown, is_open, t)
    repaired = repair(task, progress=progress)
    places = {p for p, cell in (*found.figures.items(), *found.beside) if cell in repaired.hidden and p not in first}
    # Each cell of a single contributor would be a program of its own, against all others: repair has done what it can.
    several = {c: task.targets[c] for c in repaired.insiders if c >= found.joint or found.persons[c] > 1}
    inside = audit(changed(task, targets=several), repaired.hidden, Attacker.PERSONS) if several else {}
    exact = sum(at.exact for at in {**inside, **repaired.narrow}.values())
    narrow = sum(not at.exact for at in repaired.narrow.values())
    return Pattern(frozenset(places), len(task.targets), exact, narrow, beyond)


def _task(
    found: Figures, targets: set[int], hidden: set[int], shown: set[int], is_open: Sequence[bool], t: int
) -> Task:
    """An open cell, and a joint one of fewer than t persons, is taken for one person, who knows it and is not fewer: so
    it hides no other cell, and whoever is there, the others hide it."""
    alone = {c for c, at in enumerate(is_open) if at}
    values = [1.0 if c in alone else v for c, v in enumerate(found.values)]
    marks = dict.fromkeys(alone, (1.0, inf)) | {c: (-by, by) for c, by in found.slack.items()}
    few = {c for c in range(found.joint) if 0 < found.persons[c] < t}
    return Task(
        System(len(values), tuple(found.equations)),
        values,
        {c: found.widths[c] for c in sorted(targets)},
        frozenset(hidden),
        insiders=frozenset(alone | few),
        signed=found.signed,
        unreleased=frozenset(range(len(values))) - shown - hidden,
        marks=marks,
        costs=dict(enumerate(found.costs)),
    )


def _hidden_first(drawn: Drawn) -> dict[Place, frozenset[str]]:
    """Figures that the rules hide, and by which; a row that is not shown hides all of its own."""
    found: dict[Place, frozenset[str]] = {}
    for member in drawn.family.members:
        lines = {r.row.keys: r.line for r in drawn.judged[member.where].rows}
        for keys in drawn.rows[member.where]:
            for figure in member.figures:
                if figure.beside:
                    continue
                cell = lines[keys].cells[figure.ident] if keys in lines else None
                if cell is None or cell.hidden:
                    found[member.where, keys, figure.ident] = frozenset() if cell is None else cell.rules
    return found


def _reasons(found: Figures, first: Mapping[Place, frozenset[str]]) -> dict[int, frozenset[str]]:
    """The cells that are hidden first, each with every rule that hides one of its figures."""
    reasons: dict[int, frozenset[str]] = {}
    for place, cell in found.figures.items():
        if place in first:
            reasons[cell] = reasons.get(cell, frozenset()) | first[place]
    return reasons


def _tied(drawn: Drawn, hidden: Iterable[Place]) -> frozenset[Place]:
    """Figures that would tell a hidden count of their row."""
    members: Mapping[Where, Member] = {m.where: m for m in drawn.family.members}
    counts = {m.where: {f.ident for f in m.figures if f.measure in ALONE and not f.tests} for m in members.values()}
    rows = {(where, keys) for where, keys, ident in hidden if ident in counts[where]}
    return frozenset(
        (where, keys, f.ident) for where, keys in rows for f in members[where].figures if f.measure in TIED
    )


def _alike(family: Family, evidence: Mapping[Where, TableEvidence], t: int) -> Alike:
    """Counts that leave as another count of their row, since fewer than t persons tell the two apart."""
    found: dict[Place, frozenset[Test]] = {}
    for member in family.members:
        tests = {f.ident: f.tests for f in member.figures if f.of is None and not f.beside}
        gaps = [s for s in member.table.statistics if s.measure is Measure.GAP and s.behind in tests]
        for cell, gap in product(evidence[member.where].cells, gaps):
            if cell.statistics[gap.ident].persons < t:
                place = (member.where, cell.keys, gap.behind or 0)
                like = None if gap.like is None else (member.where, cell.keys, gap.like)
                found.setdefault(
                    place, frozenset() if like is None else found.get(like, tests.get(like[2], frozenset()))
                )
    return found


def _small_joints(found: Figures, shown: set[int], is_open: Sequence[bool], t: int) -> list[int]:
    """Joint cells of 1 to t-1 persons that stand in rows of t and more, and are in no table: the smallest first."""
    told = {found.sum_of(c) for c in shown}
    small = [c for c in range(found.joint) if 0 < found.persons[c] < t and c not in told and not is_open[c]]
    return sorted(small, key=lambda c: (found.persons[c], c))
