"""Small random release histories, and every union of their cells looked at one by one: the memory's brute force."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product

import numpy as np

from broker.domain.release_history import HistoryEntry, HistorySource, KnownFigure
from broker.evidence.member_tables import MemberTable, members_of, moves_of

Amounts = Mapping[tuple[int, int], float]
"""By person and cell."""

EVERYBODY = "people@1"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Drawn:
    """A table as drawn: rows of a person and cell, ones, totals of x; the cells that each figure shows; t; within how
    many persons, who are known. `total_known`: whether the reader knows the table's totals. `factors`: by what a CASE
    multiplies the totals of each cell, which the reader knows too. `persons`: what a count of persons
    adds up, if not each person once."""

    count: int
    rows: Amounts
    ones: Amounts
    total: Amounts
    figures: tuple[tuple[str, frozenset[int]], ...]
    t: int
    project: str
    snapshot: str
    within: int | None
    total_known: bool = True
    factors: tuple[float, ...] = ()
    persons: Amounts | None = None


FIGURES = {
    "persons": ("rows", True, frozenset()),
    "rows": ("rows", False, frozenset()),
    "ones": ("ones", False, frozenset()),
    "total": ("total", False, frozenset({"x"})),
}


def table_of(drawn: Drawn, number: int) -> MemberTable:
    pairs = sorted(drawn.rows)
    amounts = {n: [getattr(drawn, n).get(k, 0) for k in pairs] for n in ("rows", "ones", "total")}
    members = members_of(drawn.count, [p for p, _ in pairs], [c for _, c in pairs], amounts)
    figures = tuple(
        KnownFigure(s, *FIGURES[name][:2], name, FIGURES[name][2], dict.fromkeys(shown))
        for s, (name, shown) in enumerate(drawn.figures)
    )
    within = {} if drawn.within is None else {EVERYBODY: drawn.within}
    entry = HistoryEntry(
        number, "", "", 0, drawn.project, drawn.snapshot, "", drawn.t, f"{number}", "pupil", HistorySource.RELEASE,
        WHEN,
        drawn.count, 0, within,
    )  # fmt: skip
    return MemberTable(entry, figures, members)


Cells = list[dict[int, float]]
Rows = np.ndarray
Sides = tuple[np.ndarray, np.ndarray]
EPSILON = 1e-9


def known_cells(drawn: Drawn, figure: int) -> Iterator[tuple[bool, Cells, Cells]]:
    """What a reader knows of a figure: groups of persons with amounts, first those that are told, then what follows
    from known totals. Once the shown cells, and the holes together; and, for a count beside a larger one, each divided
    by who is counted. With it whether all amounts are 1. Holes are known only where the total is."""
    name, shown = drawn.figures[figure]
    whole, everything = amounts_of(drawn, name), set(range(drawn.count))
    holes = [cell(whole, everything - shown)] if drawn.total_known else []
    yield is_plain(whole), [cell(whole, {c}) for c in sorted(shown)], holes
    if name == "total" and drawn.factors:
        told = [divided(cell(whole, {c}), drawn.factors[c]) for c in sorted(shown)]
        yield (
            False,
            told,
            [divided(group, drawn.factors[min(everything - shown)]) for group in holes if shown < everything],
        )
    for number, (larger, also) in enumerate(drawn.figures):
        more = amounts_of(drawn, larger)
        is_same = whole == more and shown == also
        if number == figure or FIGURES[name][2] or FIGURES[larger][2] or not also or is_same:
            continue
        both = shown & also
        inside = set(range(drawn.count)) if drawn.total_known else both
        above, below = exceeding(whole, more, inside), exceeding(more, whole, inside)
        is_few, is_less_few = (max(of.values(), default=0) < drawn.t for of in (above, below))
        # All but a few of a cell are in the larger count, too; of two counts that nearly agree the one that is less.
        is_first = (above.total(), figure) <= (below.total(), number)
        if not is_few or (is_less_few and not is_first):
            continue
        rest = {k: v for k in whole.keys() | more.keys() if (v := more.get(k, 0) - whole.get(k, 0))}
        told = [*(cell(whole, {c}) for c in sorted(shown)), *(cell(rest, {c}) for c in sorted(both))]
        told += [] if drawn.total_known else [cell(more, {c}) for c in sorted(also - shown)]
        holes = [cell(whole, everything - shown), cell(rest, everything - both)] if drawn.total_known else []
        yield all(v == 1 for group in [*told, *holes] for v in group.values()), told, holes


def exceeding(one: Amounts, other: Amounts, cells: set[int]) -> Counter[int]:
    """By cell, how many persons add more to the one than to the other."""
    persons = one.keys() | other.keys()
    return Counter(
        at for person, at in persons if at in cells and one.get((person, at), 0) > other.get((person, at), 0)
    )


def amounts_of(drawn: Drawn, name: str) -> Amounts:
    if name == "persons" and drawn.persons is None:
        return {k: float(np.sign(v)) for k, v in drawn.rows.items() if v}
    return {k: float(v) for k, v in getattr(drawn, name).items() if v}


def is_plain(whole: Amounts) -> bool:
    return all(v == 1 for v in whole.values())


def divided(group: dict[int, float], factor: float) -> dict[int, float]:
    return {p: v / factor for p, v in group.items()}


def cell(whole: Amounts, cells: set[int]) -> dict[int, float]:
    found: Counter[int] = Counter()
    for (person, at), amount in whole.items():
        if at in cells:
            found[person] += amount
    return dict(found)


def unions(cells: Cells, persons: int, everybody: int | None) -> Sides:
    """Every union, and every complement of one in the known population, as amounts by person; whether each tells
    anything of the table."""
    amounts = np.zeros((len(cells), persons))
    for row, group in zip(amounts, cells, strict=True):
        row[list(group)] = list(group.values())
    sides = np.array(list(product((0, 1), repeat=len(cells))))
    has = sides[:, [bool(c) for c in cells]]
    if everybody is None:
        return sides @ amounts, has.any(axis=1)
    known = (np.arange(persons) < everybody).astype(float)
    # what is left of everybody tells something of the table where something of it is taken away
    return np.concatenate([sides @ amounts, known - sides @ amounts]), np.tile(has.any(axis=1), 2)


def smallest(new: Drawn, old: Drawn, mine: int, theirs: int) -> int | None:
    """How few persons any difference of the two figures isolates, at least one and fewer than t; None where none does.
    Old amounts also count times the factor that most persons have, those of both tables or those of the two unions.

    What two groups that were small in their own tables tell each by itself is no difference of the tables."""
    return _smallest(new, old, mine, theirs, [1.0, *usual_scale(new, old, mine, theirs)])


def repeats(new: Drawn, old: Drawn, mine: int, theirs: int) -> bool:
    """Whether somewhere nothing is new."""
    sides = [sum(1 for _ in pairs_of_sides(new, old, mine, theirs, repeated)) for repeated in (False, True)]
    return sides[0] < sides[1]


def everybody_of(size: int, t: int) -> Drawn:
    """A known population of the first persons, as a table of one cell that everybody has seen."""
    rows = {(person, 0): 1.0 for person in range(size)}
    return Drawn(1, rows, rows, rows, (("persons", frozenset({0})),), t, "", "", size)


def known_groups(drawn: Drawn, figure: int) -> Cells:
    """Of a figure and of its divisions."""
    return [group for _, told, _ in known_cells(drawn, figure) for group in told]


def shown_cells(drawn: Drawn, figure: int) -> Cells:
    """Those with anybody in them."""
    name, shown = drawn.figures[figure]
    whole = amounts_of(drawn, name)
    return [found for found in (cell(whole, {c}) for c in sorted(shown)) if found]


def smallest_by_any_scale(new: Drawn, old: Drawn, mine: int, theirs: int) -> int | None:
    """The same with every factor that any person has."""
    persons = range(1 + max((p for p, _ in [*new.rows, *old.rows]), default=0))
    cells, others = list(known_cells(new, mine)), list(known_cells(old, theirs))
    groups = [
        (a, b)
        for _, told, holes in cells
        for _, known, more in others
        for a in [*told, *holes]
        for b in [*known, *more]
    ]
    ratios = {round(a[p] / b[p], 9) for a, b in groups for p in persons if p in a and p in b}
    return _smallest(new, old, mine, theirs, sorted(ratios | {1.0}))


def _smallest(new: Drawn, old: Drawn, mine: int, theirs: int, by: list[float]) -> int | None:
    t = max(new.t, old.t)
    found = [t] + [
        least_difference(left, (right[0] * scale, right[1]), t)
        for scale in by
        for left, right in pairs_of_sides(new, old, mine, theirs)
    ]
    without = (replace(new, within=None), old, mine, theirs)
    least = least_with_factor(new, old, mine)
    found += [least_scaled_difference(*sides, t, least) for sides in pairs_of_sides(*without) if _has_amounts(sides)]
    return min(found) if min(found) < t else None


def pairs_of_sides(
    new: Drawn, old: Drawn, figure: int, other: int, repeated: bool = False
) -> Iterator[tuple[Sides, Sides]]:
    """Where every told group of the new figure is told by the old one, nothing is new, and there is nothing to ask."""
    of_totals, t = bool(FIGURES[new.figures[figure][0]][2]), max(new.t, old.t)
    both = list((zip if of_totals else product)(known_cells(new, figure), known_cells(old, other)))
    is_known = [all(group in known for group in told if group) for (_, told, _), (_, known, _) in both]
    for number, (((plain, told, holes), (also, known, others)), nothing_new) in enumerate(
        zip(both, is_known, strict=True)
    ):
        if not repeated and (any(is_known) if of_totals else nothing_new):  # the same totals in any unit
            continue
        within = new.within if old.within is not None else None
        everybody = within if plain and also else None
        mine, theirs = [*told, *holes], [*known, *others]
        persons = max([1, within or 0, *(1 + p for c in [*mine, *theirs] for p in c)])
        yield unions(mine, persons, everybody), unions(theirs, persons, everybody)
        # Of what counts leave of others, nothing is taken from everybody.
        if within is not None and everybody is None and not of_totals and number == 0:
            # Where nearly all rows are one of a person, by persons.
            if is_nearly_plain(new, figure, t) and is_nearly_plain(old, other, t):
                mine, theirs = signs(mine), signs(theirs)
            yield from _left_of(unions(mine, persons, within), unions(theirs, persons, within))


def is_nearly_plain(drawn: Drawn, figure: int, t: int) -> bool:
    """Whether fewer than t persons of its cells count otherwise than once there."""
    name, shown = drawn.figures[figure]
    rows = amounts_of(drawn, name).items()
    return sum(1 for (_, at), v in rows if v != 1 and (drawn.total_known or at in shown)) < t


def signs(cells: Cells) -> Cells:
    return [{p: float(np.sign(v)) for p, v in group.items()} for group in cells]


def _left_of(left: Sides, right: Sides) -> Iterator[tuple[Sides, Sides]]:
    """What a known population leaves of the one, with the other: the second half of each."""
    later = [np.arange(len(tells)) >= len(tells) // 2 for _, tells in (left, right)]
    yield (left[0], left[1] & later[0]), (right[0], right[1] & ~later[1])
    yield (left[0], left[1] & ~later[0]), (right[0], right[1] & later[1])


class Light:
    """What is told by groups of fewer than t of either table alone: by such a group, by two of one table of which one
    is taken from the other, and by what two tables tell so of different persons, side by side."""

    def __init__(self, left: Rows, right: Rows, t: int) -> None:
        self._groups = [light_of(rows, t) for rows in (left, right)]
        mine, theirs = self._groups
        apart = (mine != 0).astype(int) @ (theirs != 0).astype(int).T == 0
        a, b = np.nonzero(apart)
        self._plain = {key(row) for row in mine[a] + theirs[b]}
        self._alone = {key(in_unit_of_first(row)) for groups in self._groups for row in groups}
        self._told: list[tuple[list[Rows], set[bytes]]] = []

    def discloses(self, row: Rows) -> bool:
        # In hundreds or not, a group is the same: a table may tell it with another factor.
        if key(row) in self._plain or key(in_unit_of_first(row)) in self._alone:
            return True
        (mine, _), (_, theirs) = self._of_two()
        # Both tables may tell the same persons, in another unit.
        inside = [found for found in mine if np.all((found == 0) | (np.abs(row) > EPSILON))]
        return any(key(row - found) in theirs for found in inside)

    def _of_two(self) -> list[tuple[list[Rows], set[bytes]]]:
        """Of each table; worked out where one group does not explain what was found."""
        for groups in self._groups if not self._told else ():
            apart = (groups != 0).astype(int) @ (groups != 0).astype(int).T == 0
            a, b = np.nonzero(apart)
            told = list(groups[a] + groups[b])
            self._told.append((told, {key(row) for row in told}))
        return self._told


def least_difference(left: Sides, right: Sides, t: int) -> int:
    """At most t."""
    least, light = t, None
    for row in left[0][left[1]]:
        differences = right[0][right[1]] - row
        sizes = np.count_nonzero(np.abs(differences) > EPSILON, axis=1)
        for at in np.flatnonzero((sizes > 0) & (sizes < least)):
            if light is None:
                light = Light(left[0], right[0], t)
            if sizes[at] < least and not light.discloses(differences[at]):
                least = int(sizes[at])
    return least


def _has_amounts(sides: tuple[Sides, Sides]) -> bool:
    return not all(np.isin(rows, (-1, 0, 1)).all() for rows, _ in sides)


def least_with_factor(new: Drawn, old: Drawn, mine: int) -> int:
    """How many persons have a factor at least. Of counts, one that fewer than t have tells nothing: each of them could
    have another."""
    return 1 if FIGURES[new.figures[mine][0]][2] else max(new.t, old.t)


def least_scaled_difference(left: Sides, right: Sides, t: int, with_factor: int) -> int:
    """The same where the factor is the one that more than half of the persons of two unions have, and so many."""
    least, light = t, None
    others = right[0][right[1]]
    for row in left[0][left[1]]:
        both = (others != 0) & (row != 0)
        ratios = np.sort(np.where(both, row / np.where(both, others, 1), np.inf), axis=1)
        middle = np.take_along_axis(ratios, np.maximum(both.sum(axis=1, keepdims=True) - 1, 0) // 2, axis=1)
        differences = others * np.where(np.isfinite(middle), middle, 1) - row
        sizes = np.count_nonzero(np.abs(differences) > EPSILON, axis=1)
        most = 2 * sizes < np.count_nonzero((others != 0) | (row != 0), axis=1)
        most &= np.count_nonzero(np.isclose(ratios, middle, rtol=0, atol=EPSILON), axis=1) >= with_factor
        for at in np.flatnonzero((sizes > 0) & (sizes < least) & most):
            if light is None:
                light = Light(left[0], right[0], t)
            if sizes[at] < least and not _of_light(differences[at], middle[at, 0], light):
                least = int(sizes[at])
    return least


def _of_light(difference: Rows, factor: float, light: Light) -> bool:
    return any(light.discloses(difference / by) for by in (1, factor, -1, -factor))


def key(row: np.ndarray) -> bytes:
    return bytes((np.round(row, 6) + 0.0).data)


def in_unit_of_first(row: Rows) -> Rows:
    """Divided by the first amount that is not zero."""
    found = row[np.abs(row) > EPSILON]
    return row / found[0] if found.size else row


def light_of(rows: Rows, t: int) -> Rows:
    light = rows[np.count_nonzero(np.abs(rows) > EPSILON, axis=1) < t]
    return np.unique(np.concatenate([light, -light, np.zeros((1, rows.shape[1]))]), axis=0)


def has_light(new: Drawn, old: Drawn, mine: int, theirs: int) -> bool:
    """Whether either table alone tells a group of fewer than t persons."""
    t = max(new.t, old.t)
    return any(len(light_of(rows[0], t)) > 1 for pair in pairs_of_sides(new, old, mine, theirs) for rows in pair)


def usual_scale(new: Drawn, old: Drawn, mine: int, theirs: int) -> list[float]:
    """The factor of the amounts of more than half of the persons of one cell in each table."""
    least, ones = least_with_factor(new, old, mine), []
    for drawn, figure in ((new, mine), (old, theirs)):
        whole = amounts_of(drawn, drawn.figures[figure][0])
        cells = Counter(p for p, _ in whole)
        ones.append({p: v for (p, _), v in whole.items() if cells[p] == 1})
    ratios = Counter(round(ones[0][p] / ones[1][p], 9) for p in ones[0].keys() & ones[1].keys())
    return [r for r, n in ratios.items() if 2 * n > ratios.total() and n >= least and r != 1]


def drawn_history(chance: np.random.Generator, units: bool = False) -> list[Drawn]:
    """Releases from one population, near each other in many ways: filters that leave out a few, cells made finer,
    persons moved or gone in a later snapshot, persons with several rows, totals changed for a few, holes. `units`: some
    tables have totals in hundreds in some cells, and nobody is in several."""
    everybody = int(chance.integers(10, 44))
    keys = chance.integers(0, 3, (everybody, 3))
    x = chance.integers(0, 4, everybody)
    flag = chance.integers(0, 2, everybody)
    many = chance.random() < 0.5
    twice = chance.random(everybody) < chance.choice([0, 0.1, 0.6]) if many else np.zeros(everybody, bool)
    twice &= not units
    found = [_drawn(chance, everybody, keys.copy(), x.copy(), flag, twice) for _ in range(int(chance.integers(2, 5)))]
    return [_in_units(chance, drawn) for drawn in found] if units else found


def _in_units(chance: np.random.Generator, drawn: Drawn) -> Drawn:
    if chance.random() < 0.4:
        return replace(drawn, factors=(1.0,) * drawn.count)
    factors = tuple(map(float, chance.choice([1, 100], drawn.count)))
    return replace(drawn, total={k: v * factors[k[1]] for k, v in drawn.total.items()}, factors=factors)


def repaired(whole: Amounts, count: int, hidden: set[int], t: int) -> set[int]:
    """Cells of fewer than t are holes, and the holes together are t or more."""
    sizes = [sum(1 for (_, at), v in whole.items() if at == c and v) for c in range(count)]
    found = hidden | {c for c in range(count) if sizes[c] < t}
    more = iter(sorted(set(range(count)) - found, key=lambda c: sizes[c]))
    while 0 < len({p for (p, at), v in whole.items() if at in found and v}) < t and len(found) < count:
        found.add(next(more))
    return found


def _drawn(chance, everybody: int, keys, x, flag, twice) -> Drawn:
    t = int(chance.choice([2, 3, 3, 4]))
    snapshot = int(chance.integers(0, 2))
    inside = np.ones(everybody, bool)
    few = int(chance.integers(0, 4))
    if few:
        who = chance.choice(everybody, few, replace=False)
        match chance.integers(0, 3):
            case 0:
                inside[who] = False
            case 1:
                keys[who] = chance.integers(0, 3, (few, 3))
            case _:
                x[who] = 0
    if chance.random() < 0.3:
        inside &= keys[:, 2] != 0
    elif chance.random() < 0.1:
        inside &= flag == 0
    width = int(chance.choice([1, 1, 2])) if not twice.any() else 1
    first = int(chance.integers(0, 2))
    cells = keys[:, first] if width == 1 else 3 * keys[:, 0] + (keys[:, 1] > 0)
    _, cells = np.unique(cells, return_inverse=True)
    scale = int(chance.choice([1, 1, 1, 100]))
    rows: Counter[tuple[int, int]] = Counter()
    ones, total = Counter(), Counter()
    for p in np.flatnonzero(inside):
        at = [int(cells[p])] + (
            [int(chance.integers(0, cells.max() + 1)) if chance.random() < 0.2 else (p % (int(cells.max()) + 1))]
            if twice[p]
            else []
        )
        for c in map(int, at):
            rows[int(p), c] += 1
            ones[int(p), c] += int(flag[p])
            total[int(p), c] += scale * int(x[p])
    count = int(cells.max()) + 1
    figures, careless = [], chance.random() < 0.1
    for name in chance.permutation(["persons", "rows", "ones", "total"])[: int(chance.integers(1, 4))]:
        hidden = set(np.flatnonzero(chance.random(count) < chance.choice([0, 0.3])).tolist())
        whole = {"persons": rows, "rows": rows, "ones": ones, "total": total}[str(name)]
        figures.append(
            (str(name), frozenset(set(range(count)) - (hidden if careless else repaired(whole, count, hidden, t))))
        )
    within = everybody if chance.random() < 0.3 else None
    return Drawn(count, rows, ones, total, tuple(figures), t, f"P{chance.integers(0, 3)}", f"s{snapshot}", within)


def drawn_of(table: MemberTable, like: Drawn) -> Drawn:
    """A table of the memory as one that was drawn: its remainder is one more cell, which is never shown."""
    persons, cells = (a.tolist() for a in table.members.rows())
    ones = np.ones(len(persons))

    def column(name: str) -> np.ndarray:
        return np.asarray(table.members.amounts.get(name, ones), float)

    def total(name: str, once: bool = False) -> Amounts:
        found = (np.sign(column(name)) if once else column(name)) + column(moves_of(name, once)) - 1
        return dict(zip(zip(persons, cells, strict=True), found.tolist(), strict=True))

    figures = tuple((f.told, frozenset(f.shown)) for f in table.figures)
    within, factors = table.entry.within.get(EVERYBODY), (*like.factors, 1.0) if like.factors else ()
    amounts = map(total, ("rows", "ones", "total"))
    of_persons = total("rows", once=True)
    return Drawn(table.members.count + 1, *amounts, figures, like.t, "", "", within, True, factors, of_persons)
