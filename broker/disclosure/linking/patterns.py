"""One pattern of holes for all tables of a family: what is hidden first, and what must go with it. Judges no cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

from broker.disclosure.attack import Progress, untold
from broker.disclosure.judged_tables import JudgedTable
from broker.disclosure.linking.atoms import Groups, atoms_of, empty_atoms
from broker.disclosure.linking.families import Family, Member, Where
from broker.disclosure.linking.figures import Figures, Place, Rows, figures_of
from broker.disclosure.repair import Task, repair
from broker.disclosure.systems import Equation, System
from broker.domain.outputs import TableEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.models import Profile

ALONE = frozenset({Measure.COUNT_ROWS, Measure.COUNT_PERSONS})
TIED = frozenset({Measure.SHARE, Measure.SUM, Measure.MEAN})
"""What is hidden where the count of the same row is: a mean beside the others and a known total gives a count."""


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
    atoms += empty_atoms(atoms, [(m, rows[m.where]) for m in kept.members])
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
    first = _hidden_first(drawn) | before
    if of is not None:
        first |= _tied(drawn, first)
    hidden = {cell for place, cell in found.figures.items() if place in first}
    if not hidden and all(p == 0 or p >= drawn.profile.t for p in found.persons):
        return Pattern()
    shown = set(found.figures.values()) - hidden
    fixed, unknown = _known(found, hidden, drawn.profile)
    small = _small_joints(found, shown | fixed, drawn.profile.t)
    beyond = max(0, len(small) - drawn.profile.max_joint_targets)
    hidden |= unknown & set(found.figures.values())
    targets = hidden | set(small[: drawn.profile.max_joint_targets]) | {c for c in unknown if found.persons[c]}
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
    places = {p for p, cell in found.figures.items() if cell in repaired.hidden and p not in first}
    derived = {**repaired.insiders, **repaired.narrow}
    exact = sum(at.exact for at in derived.values())
    return Pattern(frozenset(places), len(task.targets), exact, len(derived) - exact, beyond)


def _hidden_first(drawn: Drawn) -> frozenset[Place]:
    """Figures that the rules hide; a row that is not shown hides all of its own."""
    found = set[Place]()
    for member in drawn.family.members:
        lines = {r.row.keys: r.line for r in drawn.judged[member.where].rows}
        for keys in drawn.rows[member.where]:
            line = lines.get(keys)
            found |= {
                (member.where, keys, f.ident) for f in member.figures if line is None or line.cells[f.ident].hidden
            }
    return frozenset(found)


def _tied(drawn: Drawn, hidden: Iterable[Place]) -> frozenset[Place]:
    """Figures that would tell a hidden count of their row."""
    members: Mapping[Where, Member] = {m.where: m for m in drawn.family.members}
    counts = {m.where: {f.ident for f in m.figures if f.measure in ALONE} for m in members.values()}
    rows = {(where, keys) for where, keys, ident in hidden if ident in counts[where]}
    return frozenset(
        (where, keys, f.ident) for where, keys in rows for f in members[where].figures if f.measure in TIED
    )


def _known(found: Figures, hidden: set[int], profile: Profile) -> tuple[set[int], set[int]]:
    """Totals that everybody knows, and those that nobody can be taken to know.

    A total of fewer than t persons is nobody's knowledge, and with its sum known another one of the same margin is
    not either: whoever publishes the margin hides both. The others are known, asked for or not.
    """
    fixed = {c for c in found.wholes if found.persons[c] >= profile.t}
    unknown = {c for c in found.wholes if 0 < found.persons[c] < profile.t}
    for margin in found.margins:
        small = [c for c in margin.cells if 0 < found.persons[c] < profile.t or c in hidden]
        unknown |= set(_holes(found, margin.cells, margin.whole, small, margin.whole in fixed))
        fixed |= set(margin.cells)
    return fixed - unknown, unknown


def _holes(found: Figures, cells: Sequence[int], whole: int, small: Sequence[int], is_known: bool) -> Iterable[int]:
    """The holes of a margin as whoever publishes it would choose them."""
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
