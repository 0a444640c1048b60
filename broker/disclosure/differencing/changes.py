"""A table after some of its cells became holes or gave way to earlier values, as the memory would know it. No verdicts.

A cell that gives its earlier value has the earlier cell's members. What its own members have beyond these goes into the
remainder, because who knows the table's total and every shown cell can work that out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from broker.disclosure.differencing.joint import Numbers
from broker.disclosure.differencing.kinds import SAME, Vector
from broker.disclosure.differencing.members import Members, members_of
from broker.disclosure.differencing.tables import Table
from broker.domain.release_history import Change, KnownFigure, Way

Load = Callable[[], Table]
Rows = tuple[Numbers, Numbers, dict[str, Vector]]


def changed(new: Table, changes: Sequence[Change], memory: Mapping[int, Load]) -> Table:
    """The table after the changes, in any order but for those of one cell."""
    earlier: dict[int, Table] = {}
    for change in changes:
        if change.way is Way.SUPPRESS:
            new = replace(new, figures=tuple(_without(f, change) for f in new.figures))
        elif change.way is Way.EARLIER and change.entry is not None:
            if change.entry not in earlier:
                earlier[change.entry] = memory[change.entry]()
            new = _with_earlier(new, change, earlier[change.entry])
    return new


def without_total(table: Table) -> Table:
    """The table as somebody knows it who does not know its total: who is in no shown cell is nowhere."""
    shown = sorted({c for f in table.figures for c in f.shown})
    persons, cells = table.members.rows()
    kept = np.isin(cells, shown)
    amounts = {name: amount[kept] for name, amount in table.members.amounts.items()}
    return replace(table, members=members_of(table.members.count, persons[kept], cells[kept], amounts))


def held_back(table: Table) -> int:
    """How many persons are in no shown cell, but in the table."""
    everybody, shown = (np.unique(t.members.rows()[0]) for t in (table, without_total(table)))
    return len(everybody) - len(shown)


def same_figures(new: Table, old: Table) -> dict[int, KnownFigure]:
    """By the place of a figure of the new table, the figure of the old one that tells the same of each cell."""
    found: dict[int, KnownFigure] = {}
    left = list(old.figures)
    for place, figure in enumerate(new.figures):
        same = (f for f in left if (f.told, f.once, f.reads) == (figure.told, figure.once, figure.reads))
        if (other := next(same, None)) is not None:
            found[place] = other
            left.remove(other)
    return found


Of = tuple[Table, KnownFigure, int]
"""A cell of a figure of a table."""


def moved(new: Of, old: Of) -> int:
    """Of how many persons the two cells have other amounts."""
    (persons, mine), (others, theirs) = (_cell(*of) for of in (new, old))
    who = np.concatenate([persons, others])
    _, where = np.unique(who, return_inverse=True)
    left = np.bincount(where, weights=np.concatenate([mine, -theirs]), minlength=1)
    size = np.bincount(where, weights=np.abs(np.concatenate([mine, theirs])), minlength=1)
    return int(np.count_nonzero(np.abs(left) > SAME * size))


def _cell(table: Table, figure: KnownFigure, cell: int) -> tuple[Numbers, Vector]:
    persons, cells = table.members.rows()
    there = cells == cell
    given = table.members.amounts.get(figure.amount, np.ones(len(persons)))[there].astype(float)
    return persons[there].astype(np.int64), np.sign(given) if figure.once else given


def _without(figure: KnownFigure, change: Change) -> KnownFigure:
    if change.statistic not in {None, figure.statistic}:
        return figure
    return replace(figure, shown={c: v for c, v in figure.shown.items() if c != change.cell})


def _with_earlier(new: Table, change: Change, old: Table) -> Table:
    same, cell, earlier = same_figures(new, old), change.cell, change.earlier
    assert earlier is not None
    figures = []
    for place, figure in enumerate(new.figures):
        shown = {c: v for c, v in figure.shown.items() if c != cell}
        if place in same and earlier in same[place].shown and cell in figure.shown:
            shown[cell] = same[place].shown[earlier]
        figures.append(replace(figure, shown=shown))
    amounts = {f.amount: same[n].amount if n in same else None for n, f in reversed([*enumerate(new.figures)])}
    within = {n: size for n, size in new.entry.within.items() if n in old.entry.within}
    members = _replaced(new.members, cell, old.members, earlier, amounts)
    return Table(replace(new.entry, within=within), tuple(figures), members)


def _replaced(new: Members, cell: int, old: Members, earlier: int, amounts: Mapping[str, str | None]) -> Members:
    """`amounts`: names of the new table's amounts with those of the old one; None where it has no such amounts."""
    persons, cells, mine = _rows(new, {n: n for n in amounts})
    others, places, theirs = _rows(old, amounts)
    there, own = places == earlier, cells == cell
    parts = [
        (persons[~own], cells[~own], {n: a[~own] for n, a in mine.items()}),
        (others[there], np.full(int(there.sum()), cell), {n: a[there] for n, a in theirs.items()}),
        (persons[own], np.full(int(own.sum()), new.rest), {n: a[own] for n, a in mine.items()}),
        (others[there], np.full(int(there.sum()), new.rest), {n: -a[there] for n, a in theirs.items()}),
    ]
    return _added_up(new.count, parts, list(amounts))


def _rows(members: Members, amounts: Mapping[str, str | None]) -> Rows:
    persons, cells = (a.astype(np.int64) for a in members.rows())
    found = {}
    for name, theirs in amounts.items():
        absent = np.zeros(len(persons)) if theirs is None else np.ones(len(persons))
        found[name] = np.asarray(members.amounts.get(theirs or "", absent), np.float64)
    return persons, cells, found


def _added_up(count: int, parts: Sequence[Rows], names: Sequence[str]) -> Members:
    """By person and cell; whoever has no amount left is gone."""
    persons, cells = (np.concatenate([p[n] for p in parts]) for n in (0, 1))
    amounts = {n: np.concatenate([p[2][n] for p in parts]) for n in names}
    keys, where = np.unique(persons * (count + 1) + cells, return_inverse=True)
    whole = {n: np.bincount(where, weights=a, minlength=len(keys)) for n, a in amounts.items()}
    kept = np.any([a != 0 for a in whole.values()], axis=0)
    found = {n: a[kept] for n, a in whole.items()}
    return members_of(count, keys[kept] // (count + 1), keys[kept] % (count + 1), found)
