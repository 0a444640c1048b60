"""Repairs a new table that leaks against the release history: suppresses cells or restores earlier values until no leak
is left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

import numpy as np

from broker.disclosure.differencing.compare_tables import LoadTable, compare_all
from broker.disclosure.differencing.count_alignment import Alignment, added_up, known_populations
from broker.disclosure.differencing.count_moves import Sum
from broker.disclosure.differencing.difference_kinds import Vector
from broker.disclosure.differencing.functionals import Functionals, own_amounts, without_total
from broker.disclosure.differencing.joint_counts import Numbers, sums_by_key
from broker.domain.release_history import CellRepair, KnownFigure, OverlapKind, RepairAction
from broker.evidence.member_tables import (
    MOVES,
    NOTHING_MOVES,
    OUTSIDE,
    Comparison,
    Leak,
    Members,
    MemberTable,
    Movable,
    StatisticCell,
    TotalCell,
    members_of,
    moves_of,
    outside_of,
)

AmountRows = tuple[Numbers, Numbers, dict[str, Vector]]


def apply_changes(new: MemberTable, changes: Sequence[CellRepair], history: Mapping[int, LoadTable]) -> MemberTable:
    """The table after the changes. Their order matters only between changes of one cell."""
    earlier = cache(lambda entry: history[entry]())
    for change in changes:
        if change.action is RepairAction.SUPPRESS:
            new = replace(new, figures=tuple(_without_cell(f, change) for f in new.figures))
        elif change.action is RepairAction.EARLIER and change.entry is not None:
            new = _with_earlier_value(new, change, earlier(change.entry))
    new = _aligned(new, [c for c in changes if c.shift is not None])
    return new if all(c.action is RepairAction.SUPPRESS for c in changes) else _with_outsiders(new, history)


def _aligned(new: MemberTable, changes: Sequence[CellRepair]) -> MemberTable:
    """Count the persons of each change with its cell. The remainder makes up for them, as in `_exchange_amounts`."""
    if not changes:
        return new
    shifts = [(c, moves_of(c.shift.amount, c.shift.once)) for c in changes if c.shift is not None]
    names = _names(new, [name for _, name in shifts])
    parts = [_amount_rows(new.members, {n: n for n in names})]
    for change, name in shifts:
        who, by = (np.array(column) for column in zip(*change.moved, strict=True))
        for cell, sign in ((change.cell, 1), (new.members.rest, -1)):
            moved = {n: sign * by if n == name else np.zeros(len(who)) for n in names}
            parts.append((who, np.full(len(who), cell), moved))
    return replace(new, members=_added_up(new.members.count, parts, names))


def _with_outsiders(new: MemberTable, history: Mapping[int, LoadTable]) -> MemberTable:
    """Mark whoever aligned counts count with a cell, and who is not in a known population that contains the table."""
    persons, cells = new.members.rows()
    amounts = {n: a for n, a in new.members.amounts.items() if not n.startswith(OUTSIDE)}
    moved = np.any([a != 1 for n, a in amounts.items() if n.endswith(MOVES)], axis=0)
    if not np.any(moved):
        return new
    for population in known_populations(history):
        outside = np.setdiff1d(persons[moved], population.members.listed()[0])
        if population.entry.recipe in new.entry.within and len(outside):
            amounts[outside_of(population.entry.recipe)] = 1 + np.isin(persons, outside)
    return replace(new, members=members_of(new.members.count, persons, cells, amounts))


def matching_figures(new: MemberTable, old: MemberTable) -> dict[int, KnownFigure]:
    """For each figure of the new table (by its index), the figure of the old one that shows the same quantity for each
    cell. Figures without a match are absent."""
    found: dict[int, KnownFigure] = {}
    left = list(old.figures)
    for place, figure in enumerate(new.figures):
        same = (f for f in left if (f.told, f.once, f.reads) == (figure.told, figure.once, figure.reads))
        if (other := next(same, None)) is not None:
            found[place] = other
            left.remove(other)  # each old figure matches one new figure
    return found


FigureCell = tuple[MemberTable, KnownFigure, int]
"""One cell of one figure of a table."""


def persons_moved(new: FigureCell, old: FigureCell) -> int:
    """The number of persons who have different amounts in the two cells, whatever aligned counts add."""
    mine, (others, theirs) = _cell_amounts(*new), _cell_amounts(*old)
    return len(added_up([mine, (others, -theirs)])[0])


def _cell_amounts(table: MemberTable, figure: KnownFigure, cell: int) -> tuple[Numbers, Vector]:
    persons, cells = table.members.rows()
    there = cells == cell
    return persons[there].astype(np.int64), own_amounts(table.members, figure.amount, figure.once)[there]


def _without_cell(figure: KnownFigure, change: CellRepair) -> KnownFigure:
    if change.statistic not in {None, figure.statistic}:
        return figure
    return replace(figure, shown={c: v for c, v in figure.shown.items() if c != change.cell})


def _with_earlier_value(new: MemberTable, change: CellRepair, old: MemberTable) -> MemberTable:
    same, cell, earlier = matching_figures(new, old), change.cell, change.earlier_cell
    assert earlier is not None
    figures, exchanged = list[KnownFigure](), dict[str, str]()
    for place, figure in enumerate(new.figures):
        shown = dict(figure.shown)
        if figure.statistic == change.statistic and place in same:
            mine, theirs = figure, same[place]
            exchanged[mine.amount] = theirs.amount
            exchanged[moves_of(mine.amount, mine.once)] = moves_of(theirs.amount, theirs.once)
            if cell in shown:
                shown[cell] = same[place].shown[earlier]
        figures.append(replace(figure, shown=shown))
    # Now has members of both tables.
    within = {n: size for n, size in new.entry.within.items() if n in old.entry.within}
    names = _names(new, exchanged)
    members = _exchange_amounts(new.members, cell, old.members, earlier, names, exchanged)
    return replace(new, entry=replace(new.entry, within=within), figures=tuple(figures), members=members)


def _exchange_amounts(
    new: Members, cell: int, old: Members, earlier: int, names: Sequence[str], exchanged: Mapping[str, str]
) -> Members:
    """Replace some amounts of a cell by those of an earlier cell. `exchanged` maps names of the new table's amounts to
    those of the old one."""
    persons, cells, mine = _amount_rows(new, {n: n for n in names})
    others, places, theirs = _amount_rows(old, exchanged)
    there, own = places == earlier, cells == cell
    gone = {n: np.where(own, a, 0) if n in exchanged else np.zeros(len(persons)) for n, a in mine.items()}
    come = {n: theirs[n][there] if n in exchanged else np.zeros(int(there.sum())) for n in names}
    parts = [
        (persons, cells, {n: a - gone[n] for n, a in mine.items()}),
        (others[there], np.full(int(there.sum()), cell), come),
        # The true total still counts the persons of today's cell and not those of the earlier one, so the remainder
        # makes up for the exchange.
        (persons, np.full(len(persons), new.rest), gone),
        (others[there], np.full(int(there.sum()), new.rest), {n: -a for n, a in come.items()}),
    ]
    return _added_up(new.count, parts, names)


def _names(table: MemberTable, more: Iterable[str]) -> list[str]:
    """The names of the amounts and moves that the table's figures sum, and of some more."""
    moves = (n for n in table.members.amounts if n.endswith(MOVES))
    return list(dict.fromkeys([*(f.amount for f in table.figures), *moves, *more]))


def _amount_rows(members: Members, amounts: Mapping[str, str]) -> AmountRows:
    """The rows of the members with some of their amounts. Moves are as they are, without the 1 that is stored."""
    persons, cells = (a.astype(np.int64) for a in members.rows())
    ones = np.ones(len(persons))
    found = {n: np.asarray(members.amounts.get(of, ones), np.float64) for n, of in amounts.items()}
    return persons, cells, {n: a - n.endswith(MOVES) for n, a in found.items()}


def _added_up(count: int, parts: Sequence[AmountRows], names: Sequence[str]) -> Members:
    """Sum of amounts by person and cell, without persons whose amounts are all 0."""
    persons, cells = (np.concatenate([p[n] for p in parts]) for n in (0, 1))
    amounts = {n: np.concatenate([p[2][n] for p in parts]) for n in names}
    keys, where = np.unique(persons * (count + 1) + cells, return_inverse=True)
    whole = {n: np.bincount(where, weights=a, minlength=len(keys)) for n, a in amounts.items()}
    remaining = np.any([a != 0 for a in whole.values()], axis=0)
    found = {n: a[remaining] + n.endswith(MOVES) for n, a in whole.items()}
    return members_of(count, keys[remaining] // (count + 1), keys[remaining] % (count + 1), found)


MAX_ROUNDS = 30
"""After so many rounds the whole table is withheld: it would have hardly any shown cells left."""


@dataclass(frozen=True, slots=True)
class DifferenceRepair:
    """The changes in order, and the table after them (None: the whole table is withheld). `comparisons` are of the
    unchanged table."""

    changes: tuple[CellRepair, ...]
    table: MemberTable | None
    comparisons: tuple[Comparison, ...]


def repair_differences(
    new: MemberTable, history: Mapping[int, LoadTable], total_known: bool = True, movable: Movable = NOTHING_MOVES,
    before: Sequence[CellRepair] = (),
) -> DifferenceRepair:  # fmt: skip
    """Compare, change, and compare again until no leak is left.

    `history` has earlier tables by entry number. The workflow applies the changes to the output, runs secondary
    suppression as usual, and then calls this again. If `total_known` is False, suppressed cells and the remainder
    reveal nothing: then `without_total` of the table is compared, but the full table is returned. Leaks of totals that
    are `movable` are repaired by counting the few persons with a cell. `before` are changes that were made already.
    """
    changes, first, table = list[CellRepair](), None, new
    waiting, held = dict(history), set[Sum]()
    for _ in range(MAX_ROUNDS):
        found = tuple(compare_all(table if total_known else without_total(table), waiting.values()))
        first = found if first is None else first
        more = tuple(_choose_changes(table, found, history, [*before, *changes], total_known, movable, held))
        if not more:
            return DifferenceRepair(tuple(changes), table, first)
        table = apply_changes(table, more, history)
        changes += more
        # Nothing is left to compare or to show.
        if not any(f.shown for f in table.figures):
            break
        # Suppression alone cannot create an overlap with a table of other persons; an earlier value can.
        if all(c.action is RepairAction.SUPPRESS for c in changes):
            apart = {c.overlap.entry for c in found if c.overlap.kind is OverlapKind.DISJOINT}
            waiting = {n: load for n, load in waiting.items() if n not in apart}
        else:
            waiting = dict(history)
    return DifferenceRepair((CellRepair(RepairAction.WITHHOLD, 0),), None, first or ())


def remainders(table: MemberTable) -> Iterator[int]:
    """Statistics whose suppressed cells and remainder together have 1 to t - 1 persons. A known total would disclose
    these persons, unless everything that is shown is known already."""
    made = Functionals(table.members)
    for figure in table.figures:
        functional = made.of(figure)
        persons, cells = functional.members.rows()
        hidden = functional.vertices[cells] == len(functional.shown)
        amounts = functional.members.amounts.get("", np.ones(len(persons)))[hidden].astype(float)
        left = np.count_nonzero(sums_by_key(persons[hidden].astype(np.int64), amounts)[1])
        if figure.shown and 0 < left < table.entry.t:
            yield figure.statistic


def _choose_changes(
    table: MemberTable, comparisons: Sequence[Comparison], history: Mapping[int, LoadTable],
    before: Sequence[CellRepair], total_known: bool, movable: Movable, held: set[Sum],
) -> Iterator[CellRepair]:  # fmt: skip
    """At most one change of each figure in a round, because one change may repair other leaks as well."""
    repeated = frozenset[TotalCell]().union(*(c.repeated for c in comparisons))
    known = frozenset((total[0], cell) for total, cell in repeated)
    leaks = [
        (c.overlap.entry, leak) for c in comparisons for leak in c.leaks
        if not leak.covered and not _is_known(leak, repeated, total_known)
    ]  # fmt: skip
    # Earlier values first: they hide nothing. What else leaks is looked at again then.
    if changes := [*_all_earlier_values(table, leaks, history, before, movable)]:
        held.clear()  # the cells show other persons then
        yield from changes
        return
    overlapping = {c.overlap.entry for c in comparisons if c.overlap.kind is not OverlapKind.DISJOINT}
    alignment = Alignment(table, {n: load for n, load in history.items() if n in overlapping}, movable, held)
    aligned, stay = alignment.changes([of for of in leaks if alignment.is_of_movable(of[1])])
    if aligned:
        # What else leaks is looked at again once these few persons are counted.
        held |= set(alignment.met)
        yield from aligned
        return
    figures, sizes, touched = {f.statistic: f for f in table.figures}, table.members.sizes(), set[StatisticCell]()
    for _, leak in (of for of in leaks if of not in stay):
        cells = _hole_candidates(leak, figures[leak.statistic], known)
        if not any((leak.statistic, c) in touched for c in cells):
            yield from _hole_change(figures[leak.statistic], cells, sizes, touched, known)
    for statistic in dict.fromkeys(remainders(table) if total_known else ()):
        if any((statistic, c) not in known for c in figures[statistic].shown):
            yield from _hole_change(figures[statistic], set(), sizes, touched, known)


def _all_earlier_values(
    table: MemberTable, leaks: Sequence[tuple[int, Leak]], history: Mapping[int, LoadTable],
    before: Sequence[CellRepair], movable: Movable,
) -> Iterator[CellRepair]:  # fmt: skip
    """Statistics that show counts alone are moved instead, so that what is shown as the same count moves with them."""
    others = {f.statistic for f in table.figures if (f.statistic, f.amount, f.once) not in movable.counts}
    # One exchange of a figure, or rounds could alternate.
    taken = {(c.statistic, c.cell) for c in before if c.action is RepairAction.EARLIER}
    for entry, of_entry in groupby(leaks, key=lambda of: of[0]):
        singles = [leak for _, leak in of_entry if leak.statistic in others]
        for change in _earlier_values(table, entry, singles, history):
            if (change.statistic, change.cell) not in taken:
                taken.add((change.statistic, change.cell))
                yield change


def _is_known(leak: Leak, repeated: frozenset[TotalCell], total_known: bool) -> bool:
    """Whether all figures that tell the leak were released before: hiding one of them again protects nothing, and the
    hole would tell that there are a few."""
    return not total_known and bool(leak.new_terms) and all(t.of_cell in repeated for t in leak.new_terms or ())


def _earlier_values(
    table: MemberTable, entry: int, leaks: Sequence[Leak], history: Mapping[int, LoadTable]
) -> Iterator[CellRepair]:
    """The changes that restore the earlier value where one cell differs from one cell by a few persons. It needs an old
    figure of the same kind. The other figures of the cell stay as they are."""
    candidates = [leak for leak in leaks if leak.exact and leak.factor == 1 and _is_single_cell(leak)]
    if not candidates:
        return
    old = history[entry]()
    same = matching_figures(table, old)
    for leak in candidates:
        (cell,), (earlier,) = leak.new.cells, leak.old.cells
        figures = [(n, f) for n, f in enumerate(table.figures) if f.statistic == leak.statistic and cell in f.shown]
        if figures and all(
            n in same
            and earlier in same[n].shown
            and persons_moved((table, f, cell), (old, same[n], earlier)) < table.entry.t
            for n, f in figures
        ):
            yield CellRepair(RepairAction.EARLIER, cell, leak.statistic, entry, earlier)


def _is_single_cell(leak: Leak) -> bool:
    sides = (leak.new, leak.old)
    return all(len(s.cells) == 1 and not s.holes and not s.complement for s in sides)


def _hole_candidates(leak: Leak, figure: KnownFigure, known: frozenset[StatisticCell]) -> set[int]:
    """The cells of which one is to be suppressed. If the side already includes suppressed cells, one more on the side
    would not help; a cell of `beyond` does, because the suppressed cells then lie on no small side."""
    beyond = {c for c in leak.beyond if c in figure.shown and (figure.statistic, c) not in known}
    return (beyond if leak.new.holes else set()) or {c for c in leak.new.cells if c in figure.shown}


def _hole_change(
    figure: KnownFigure, cells: set[int], sizes: Numbers, touched: set[StatisticCell], known: frozenset[StatisticCell]
) -> Iterator[CellRepair]:
    """Suppress the smallest of the cells, or of all shown cells if the leak consists of suppressed cells alone. Cells
    that are known already are chosen last, because they protect nothing."""
    candidates = cells or set(figure.shown)
    if candidates and not (not cells and any(s == figure.statistic for s, _ in touched)):
        new = {c for c in candidates if (figure.statistic, c) not in known}
        cell = min(new or candidates, key=lambda c: (int(sizes[c]), c))
        touched.add((figure.statistic, cell))
        yield CellRepair(RepairAction.SUPPRESS, cell, figure.statistic)
