"""What differs between two towns of what leaves, and how bad that is. Knows no text and no grammar."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import zip_longest

from tests.attacks.decoders.kit import LEAVES, Figure, Left


class Kind(IntEnum):
    """From harmless to worst. An edge: figures that moved to the next multiple of the base. A threshold: a number of
    persons was under it in the one and not in the other, and holes with it. A size: the holes that cost least were
    others, since a cell went from one class of sizes to the next (t, and t times powers of eight), and with one class
    of sizes nothing of the kind is seen. A cap: a reference population's figures were used up by a cell more or less,
    and without the cap nothing of the kind is seen. Who can steer these knows everybody else exactly, and could steer
    the threshold as well. The others are decoders."""

    NONE = 0
    EDGE = 1
    THRESHOLD = 2
    SIZE = 3
    CAP = 4
    HISTORY = 5
    FIGURES = 6
    HOLES = 7
    ROWS = 8
    STATE = 9


NUMBERS, RANK = 7, "rank"
STEERED = frozenset({Kind.SIZE, Kind.CAP})
HARMLESS = frozenset({Kind.NONE, Kind.EDGE, Kind.THRESHOLD, *STEERED})


@dataclass(frozen=True, slots=True)
class Difference:
    """The worst of a job's outputs, in words; of each statistic the figures that the child moved, and how many of them
    moved in what leaves."""

    kind: Kind
    told: str = ""
    figures: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)


def worst_of(found: Sequence[Difference]) -> Difference:
    worst = max(found, key=lambda d: d.kind)
    figures, moved = (
        sum(counted, Counter[str]()) for counted in ([d.figures for d in found], [d.moved for d in found])
    )
    return Difference(worst.kind, worst.told, figures, moved)


def difference(before: Sequence[Left], after: Sequence[Left], t: int) -> Difference:
    return worst_of([_of_output(b, a, t) for b, a in zip(before, after, strict=True)])


def _of_output(before: Left, after: Left, t: int) -> Difference:
    if (before.way, before.small) != (after.way, after.small):
        kind = Kind.THRESHOLD if crosses(before, after, t) else Kind.STATE
        return Difference(kind, f"{before.way} small={before.small}, {after.way} small={after.small}")
    if before.way is not LEAVES:
        return Difference(Kind.NONE)
    figures = _moved(before, after)
    changed = [(b, a) for b, a, _ in figures if b.exact != a.exact]
    counted = Counter(b.statistic for b, _ in changed), Counter(b.statistic for b, a in changed if b.shown != a.shown)
    kind, told = _of_tables(before, after, figures)
    if kind in {Kind.FIGURES, Kind.ROWS, Kind.HOLES} and crosses(before, after, t):
        kind = Kind.THRESHOLD
    return Difference(kind, told, *counted)


Pairs = list[tuple[Figure, Figure, str]]


def _moved(before: Left, after: Left) -> Pairs:
    """Figures that both show."""
    return [
        (b, a, f"{keys} {name}")
        for keys, row in before.rows.items()
        for name, b in row.items()
        if (a := after.rows.get(keys, {}).get(name)) is not None and b.shown is not None and a.shown is not None
    ]


def _of_tables(before: Left, after: Left, figures: Pairs) -> tuple[Kind, str]:
    if before.content == after.content:
        return Kind.NONE, ""
    if apart := set(before.rows) ^ set(after.rows):
        return Kind.ROWS, f"rows: {apart}"
    # Ranks and the order of rows follow from figures that leave beside them: by these alone they may move.
    ranks, figures = ([f for f in figures if (f[0].statistic == RANK) is told] for told in (True, False))
    moved = list(before.rows) != list(after.rows) or any(b.shown != a.shown for b, a, _ in ranks)
    if moved and all(b.shown == a.shown for b, a, _ in figures):
        return Kind.FIGURES, "the order of rows, or ranks"
    for keys, row in before.rows.items():
        for name, b in row.items():
            if (b.shown is None) != (after.rows[keys][name].shown is None):
                return Kind.HOLES, f"hole: {keys} {name}: {b.shown} or {after.rows[keys][name].shown}"
    far = [(b, a, place) for b, a, place in figures if not is_edge(b, a)]
    told = "; ".join(f"{place}: {b.shown} or {a.shown}" for b, a, place in far or figures if b.shown != a.shown)
    return (Kind.FIGURES if far or not told else Kind.EDGE), told


def is_edge(one: Figure, other: Figure) -> bool:
    if one.shown == other.shown:
        return True
    try:
        apart = abs(Decimal(str(one.shown)) - Decimal(str(other.shown)))
    except ArithmeticError:
        return True  # a word that stands for a figure, made of released figures alone
    return apart <= max(one.step, other.step)


def crosses(before: Left, after: Left, t: int) -> bool:
    """Whether a statistic of a cell is of fewer than the threshold in the one and of as many or more in the other."""
    none = (0,) * NUMBERS
    return any(
        (b < t) != (a < t)
        for place in before.numbers.keys() | after.numbers.keys()
        for b, a in zip_longest(before.numbers.get(place, none), after.numbers.get(place, none), fillvalue=0)
    )
