"""What differs between two towns of what leaves, and how bad that is. Knows no text and no grammar."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import zip_longest

from tests.attacks.decoders.kit import HOLE, LEAVES, Figure, Left, Place, Rounding


class Kind(IntEnum):
    """From harmless to worst. An edge: figures that moved to the next multiple of the base. A threshold: a number of
    persons was under it in the one and not in the other, and holes with it; with a threshold beside, which no number
    crosses, nothing of the kind is seen. A cap: a reference population's figures were used up by a cell more or less,
    and without the cap nothing of the kind is seen. A closed figure: figures at an edge decided which others hide
    nothing (`closed_figures`), and if they decide nothing, nothing is seen but their edge. Who can steer these knows
    everybody else exactly, and could steer the threshold as well. The others are decoders."""

    NONE = 0
    EDGE = 1
    THRESHOLD = 2
    CAP = 3
    CLOSED = 4
    HISTORY = 5
    FIGURES = 6
    HOLES = 7
    STATE = 8


STEERED = frozenset({Kind.CAP, Kind.CLOSED})
HARMLESS = frozenset({Kind.NONE, Kind.EDGE, Kind.THRESHOLD, *STEERED})
Change = tuple[Rounding | None, Rounding | None]
"""A number that is rounded, before and after."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The worst of a job's outputs, in words; the numbers behind figures that the child changed; and of each measure
    how many these are, and how many of its figures moved in what leaves."""

    kind: Kind
    told: str = ""
    changes: frozenset[Change] = frozenset()
    numbers: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)


def worst_of(found: Sequence[Difference]) -> Difference:
    worst = max(found, key=lambda d: d.kind)
    numbers, moved = (
        sum(counted, Counter[str]()) for counted in ([d.numbers for d in found], [d.moved for d in found])
    )
    return Difference(worst.kind, worst.told, frozenset().union(*(d.changes for d in found)), numbers, moved)


def difference(before: Sequence[Left], after: Sequence[Left], t: int) -> Difference:
    """Of the outputs of one job. One pattern protects all of them, so a threshold that is crossed in one may show in
    another."""
    crossed = any(crosses(b, a, t) for b, a in zip(before, after, strict=True))
    return worst_of([_of_output(b, a, crossed) for b, a in zip(before, after, strict=True)])


def _of_output(before: Left, after: Left, crossed: bool) -> Difference:
    """What is computed from protected figures follows from them: a row that HAVING drops, a rank, a quotient."""
    if (before.way, before.small) != (after.way, after.small):
        kind = Kind.THRESHOLD if crossed else Kind.STATE
        return Difference(kind, f"{before.way} small={before.small}, {after.way} small={after.small}")
    if before.way is not LEAVES:
        return Difference(Kind.NONE)
    places = dict.fromkeys([*before.figures, *after.figures])  # in the same order in every process
    pairs = {at: (before.figures.get(at, NOTHING), after.figures.get(at, NOTHING)) for at in places}
    kind, told = _of_figures(pairs, (before.table, before.record) != (after.table, after.record))
    if kind > Kind.EDGE and crossed:
        kind = Kind.THRESHOLD
    return Difference(kind, told, *_counted(pairs.values()))


def _counted(pairs: Iterable[tuple[Figure, Figure]]) -> tuple[frozenset[Change], Counter[str], Counter[str]]:
    changes, numbers, moved = set[Change](), Counter[str](), Counter[str]()
    for b, a in pairs:
        if HOLE not in {b.shown, a.shown}:
            changed = {(x, y) for x, y in zip_longest(b.roundings, a.roundings) if x != y}
            changes |= changed
            numbers[b.measure] += len(changed)
            moved[b.measure] += b.told != a.told
    return frozenset(changes), numbers, +moved


def _of_figures(pairs: Mapping[Place, tuple[Figure, Figure]], differs: bool) -> tuple[Kind, str]:
    moved = {at: (b, a) for at, (b, a) in pairs.items() if b.told != a.told}
    if not differs:
        return Kind.NONE, ""
    if not moved:
        return Kind.FIGURES, "what leaves differs, and no figure that it is computed from"
    for at, (b, a) in moved.items():
        if HOLE in {b.shown, a.shown}:
            return Kind.HOLES, f"hole: {at} {b.measure}: {b.shown} or {a.shown}"
    far = {at: (b, a) for at, (b, a) in moved.items() if not is_edge(b, a)}
    told = "; ".join(f"{at} {b.measure}: {b.told} or {a.told}" for at, (b, a) in (far or moved).items())
    return (Kind.FIGURES if far else Kind.EDGE), told


NOTHING = Figure("", HOLE, (), Decimal(0))
"""A cell in which nobody is: a list may name it, and it leaves as a hole."""


def is_edge(one: Figure, other: Figure) -> bool:
    if one.shown is None or other.shown is None:
        return False
    return abs(Decimal(str(one.shown)) - Decimal(str(other.shown))) <= max(one.step, other.step)


def crosses(before: Left, after: Left, t: int) -> bool:
    """Whether a number that rules compare with the threshold is below it in the one, and not in the other."""
    return any(
        (b < t) != (a < t)
        for place in before.numbers.keys() | after.numbers.keys()
        for b, a in zip_longest(before.numbers.get(place, ()), after.numbers.get(place, ()), fillvalue=0)
    )


def neighbouring_thresholds(before: Sequence[Sequence[Left]], after: Sequence[Sequence[Left]], t: int) -> list[int]:
    """The next thresholds below and above t that no number crosses, of the outputs of several jobs."""

    def is_crossed(other: int) -> bool:
        pairs = (zip(b, a, strict=True) for b, a in zip(before, after, strict=True))
        return any(crosses(b, a, other) for job in pairs for b, a in job)

    below, above = range(t - 1, 1, -1), range(t + 1, 2 * t)
    nearest = (next((other for other in side if not is_crossed(other)), None) for side in (below, above))
    return [other for other in nearest if other is not None]
