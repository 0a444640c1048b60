"""One pattern of holes for all tables of a family: what is hidden first, and what must go with it. Judges no cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking.atoms import Groups, Rows, atoms_of, empty_atoms
from broker.disclosure.linking.families import Family, Member, Where
from broker.disclosure.linking.figures import Figures, Margin, Place, figures_of
from broker.disclosure.repair.attack import Progress, untold
from broker.disclosure.repair.repair import Attacker, Task, audit, repair
from broker.disclosure.repair.systems import Equation, System
from broker.domain.evidence import TableEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

ALONE = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
TIED = frozenset({Measure.SHARE, Measure.SUM, Measure.MEAN})
"""What is hidden where the count of the same row is: a mean beside the others and a known total gives a count."""


COVER = frozenset({"F3", "X1"})
"""Rules that hide what may be known of t persons: a full line is told by its empty cells, which are targets."""

ABSENT = frozenset({"F1"})
"""A row that is not shown at all."""


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
    profile: Profile


def pattern_of(
    family: Family,
    evidence: Mapping[Where, TableEvidence],
    joint: TableEvidence | None,
    judged: Mapping[Where, JudgedTable],
    profile: Profile,
    progress: Progress = untold,
) -> Pattern:
    """The pattern of a family. Tables that are not in `judged` are not shown at all."""
    kept = changed(family, members=tuple(m for m in family.members if m.where in judged))
    rows = {m.where: _rows(judged[m.where], evidence[m.where]) for m in kept.members}
    atoms = atoms_of(family, evidence, joint)
    atoms += empty_atoms(kept, atoms, rows)
    drawn = Drawn(kept, judged, rows, Groups(atoms), profile)
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
    return changed(found, hidden=found.hidden | _tied(drawn, found.hidden))


def _rows(table: JudgedTable, evidence: TableEvidence) -> list[tuple[Value, ...]]:
    return list(dict.fromkeys([*(r.row.keys for r in table.rows), *(c.keys for c in evidence.cells)]))


def _repaired(drawn: Drawn, of: str | None, before: frozenset[Place], progress: Progress) -> Pattern:
    found = figures_of(drawn.family, drawn.groups, drawn.profile, drawn.rows, of)
    first = _hidden_first(drawn) | dict.fromkeys(before, COVER)
    if of is not None:
        first = dict.fromkeys(_tied(drawn, first), COVER) | first
    reasons = _reasons(found, first)
    hidden = set(reasons)
    if not hidden and all(p == 0 or p >= drawn.profile.t for p in found.persons):
        return Pattern()
    told = {cell for place, cell in found.beside if place not in first}
    shown = (set(found.figures.values()) | told) - hidden
    fixed, unknown = _known(found, hidden, drawn.profile)
    small = _small_joints(found, shown | fixed, drawn.profile.t)
    beyond = max(0, len(small) - drawn.profile.max_joint_targets)
    hidden |= unknown & (set(found.figures.values()) | told)
    targets = {c for c, rules in reasons.items() if found.persons[c] < drawn.profile.t or not rules <= COVER}
    targets |= {c for c in unknown if _is_few(found.persons[c], drawn.profile.t)}
    targets |= set(small[: drawn.profile.max_joint_targets])
    targets -= _of_nobody(found, fixed)
    everything = set(range(len(found.values)))
    task = Task(
        System(len(found.values), tuple(found.equations)),
        found.values,
        {c: found.widths[c] for c in sorted(targets - fixed)},
        frozenset(hidden - fixed),
        insiders=frozenset(c for c in everything if found.values[c] == 0 or found.persons[c] == 1),
        signed=found.signed,
        unreleased=frozenset(everything - shown - hidden - fixed),
        fixed=frozenset(fixed),
    )
    repaired = repair(task, progress=progress)
    places = {p for p, cell in (*found.figures.items(), *found.beside) if cell in repaired.hidden and p not in first}
    # Each cell of a single contributor would be a program of its own, against all others: repair has done what it can.
    several = {c: task.targets[c] for c in repaired.insiders if c not in task.insiders}
    inside = audit(changed(task, targets=several), repaired.hidden, Attacker.PERSONS) if several else {}
    exact = sum(at.exact for at in {**inside, **repaired.narrow}.values())
    narrow = sum(not at.exact for at in repaired.narrow.values())
    return Pattern(frozenset(places), len(task.targets), exact, narrow, beyond)


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
                    found[member.where, keys, figure.ident] = ABSENT if cell is None else cell.rules
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


def _known(found: Figures, hidden: set[int], profile: Profile) -> tuple[set[int], set[int]]:
    """Totals that everybody knows, and those that nobody can be taken to know.

    A total of fewer than t persons is nobody's knowledge, nor is one that fewer than t persons tell from a larger
    known one; and with its sum known, another one of the same margin is not either: whoever publishes the margin hides
    both. The others are known, asked for or not.
    """
    fixed, unknown = set[int](), set[int]()
    for margin in sorted(found.margins, key=lambda m: (len(m.tests), len(m.keys))):
        small = [c for c in margin.cells.values() if c in hidden or _is_private(found, c, fixed, profile.t)]
        is_known = margin.whole in fixed and margin.whole not in unknown
        unknown |= set(_holes(found, margin, small, is_known) if margin.keys else small)
        fixed |= set(margin.cells.values()) - unknown
    return fixed - unknown, unknown


def _is_private(found: Figures, cell: int, known: set[int], t: int) -> bool:
    """Whether nobody can be taken to know a total."""
    persons, atoms = found.persons[cell], frozenset(found.atoms[cell])
    if _is_few(persons, t):
        return True
    near = (c for c in known if c != cell and abs(found.persons[c] - persons) < t)
    return any(atoms < frozenset(found.atoms[c]) or atoms > frozenset(found.atoms[c]) for c in near)


def _is_few(persons: int, t: int) -> bool:
    return 0 < persons < t


def _holes(found: Figures, margin: Margin, small: Sequence[int], is_known: bool) -> Iterable[int]:
    """The holes of a margin as whoever publishes it would choose them."""
    cells, whole = tuple(margin.cells.values()), margin.whole
    if not small or whole in cells:
        return small
    here = {c: n for n, c in enumerate(cells)}
    values = [found.values[c] for c in (*cells, whole)]
    task = Task(
        System(len(values), (Equation(tuple(range(len(cells))), len(cells)),)),
        values,
        {here[c]: found.widths[c] for c in small},
        frozenset(here[c] for c in small),
        insiders=frozenset(n for c, n in here.items() if found.values[c] == 0 or found.persons[c] == 1),
        signed=found.signed,
        fixed=frozenset({len(cells)}) if is_known else frozenset(),
        unreleased=frozenset() if is_known else frozenset({len(cells)}),
    )
    return [cells[n] for n in sorted(repair(task).hidden) if n < len(cells)]


def _of_nobody(found: Figures, fixed: set[int]) -> set[int]:
    """Empty cells of a group that is known to have no members: they tell of nobody."""
    empty = {n for c in fixed if not found.persons[c] for n in found.atoms[c]}
    return {c for c, atoms in enumerate(found.atoms) if not found.persons[c] and empty.issuperset(atoms)}


def _small_joints(found: Figures, known: set[int], t: int) -> list[int]:
    """Joint cells of 1 to t-1 persons that are in no table: the smallest first."""
    small = [c for c in range(found.joint) if 0 < found.persons[c] < t and c not in known]
    return sorted(small, key=lambda c: (found.persons[c], c))
