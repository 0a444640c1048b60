"""The release history against brute force: every union of cells of every two tables in small random histories."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from histories import (
    FIGURES,
    Drawn,
    apart_from_everybody,
    drawn_history,
    drawn_of,
    everybody_of,
    has_light,
    known_groups,
    least_missing,
    repeats,
    shown_cells,
    smallest,
    smallest_by_any_scale,
    table_of,
)
from history_proof_size import SEED, size, tell

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import (
    persons_held_back,
    remainders,
    repair_differences,
    without_total,
)
from broker.domain.release_history import RepairAction
from broker.evidence.member_tables import MemberTable

pytestmark = pytest.mark.long

HISTORIES = size("MEMORY_HISTORIES", 100)
MENDED = size("MEMORY_MENDED", 30)
MISSED: list[str] = []


def pairs(new: Drawn, old: Drawn) -> Iterator[tuple[int, int]]:
    """Figures of two tables that add up the same kind of thing, and are shown at all."""
    for m, (mine, shown) in enumerate(new.figures):
        for o, (theirs, also) in enumerate(old.figures):
            if FIGURES[mine][2] == FIGURES[theirs][2] and shown and also:
                yield m, o


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("units", [False, True], ids=["one unit", "units by cell"])
def test_no_leak_of_a_history_is_missed_and_false_alarms_are_counted(units: bool) -> None:
    """A leak counted exactly, without one by brute force, has a reason: a group that was small in a table of its own (a
    smaller t, or carelessness), or another factor between two totals."""
    counted: Counter[str] = Counter()
    for number in range(MENDED if units else HISTORIES):
        history = drawn_history(np.random.default_rng([SEED, number]), units)
        counted["projects"] += len({d.project for d in history})
        counted["snapshots"] += len({d.snapshot for d in history})
        tables = [table_of(drawn, n) for n, drawn in enumerate(history)]
        for n, new in enumerate(history):
            for k, old in enumerate(history[:n]):
                leaks = defaultdict(list)
                for leak in compare(tables[n], tables[k]).leaks:
                    leaks[leak.statistic, leak.old_statistic].append(leak)
                for pair in pairs(new, old):
                    counted[_verdict(new, old, pair, leaks[pair], number)] += 1
    tell("memory_units" if units else "memory", {"histories": number + 1, "seed": SEED, **counted})
    assert MISSED == []


def _verdict(new: Drawn, old: Drawn, pair: tuple[int, int], leaks: list, number: int) -> str:
    least = smallest(new, old, *pair)
    is_exact = any(leak.exact for leak in leaks)
    if least is not None:
        if not leaks:
            MISSED.append(f"history {number}: {pair} leaks {least}")
            return "leaks missed"
        return "leaks found" if is_exact else "leaks feared"
    if not leaks:
        return "clean"
    if not is_exact:
        return "false alarms: not counted, only feared"
    if has_light(new, old, *pair):
        return "false alarms: groups small in a table of their own"
    if repeats(new, old, *pair):
        return "false alarms: all of it is known already, but for persons of several cells that was not seen"
    if all(leak.scaled for leak in leaks) and new.factors:
        return "false alarms: other factors by cell"
    assert smallest_by_any_scale(new, old, *pair) is not None, f"history {number}: {pair} has no leak"
    return "false alarms: another factor"


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("units", [False, True], ids=["one unit", "units by cell"])
def test_a_repaired_history_has_no_leak_left(units: bool) -> None:
    """Tables are released one after the other, each mended against all before: the brute force finds nothing then."""
    ways: Counter[str] = Counter()
    for number in range(MENDED):
        history = drawn_history(np.random.default_rng([SEED, 1, number]), units)
        released: dict[int, tuple] = {}
        for n, drawn in enumerate(history):
            mended = repair_differences(table_of(drawn, n), {k: (lambda t=t: t) for k, (t, _) in released.items()})
            ways.update(change.action.value for change in mended.changes)
            ways["tables"] += 1
            if mended.table is None:
                assert [c.action for c in mended.changes] == [RepairAction.WITHHOLD]
                continue
            after = drawn_of(mended.table, drawn)
            for statistic in remainders(mended.table):
                known = [g for _, old in released.values() for _, o in pairs(after, old) for g in known_groups(old, o)]
                assert all(group in known for group in shown_cells(after, statistic)), "something new beside a few"
            for old, as_drawn in released.values():
                assert compare(mended.table, old).is_clean
                for pair in pairs(after, as_drawn):
                    assert smallest(after, as_drawn, *pair) is None, f"history {number}, table {n}: {pair}"
            released[n] = (mended.table, after)
    tell("memory_mended_units" if units else "memory_mended", {"histories": MENDED, "seed": SEED, **ways})


@pytest.mark.timeout(14_400)
def test_totals_of_all_but_a_few_of_a_known_population_leak_nothing() -> None:
    """Tables whose total is near to everybody's leave with a hole, and their total is known to nobody. An attacker who
    knows how many there are, and every released figure, isolates nobody: with one such table, with any two tables, or
    with any two of them and everybody."""
    counted: Counter[str] = Counter()
    for number in range(MENDED):
        history = drawn_history(np.random.default_rng([SEED, 2, number]))
        size = 1 + max(p for drawn in history for p, _ in drawn.rows)
        released: list[tuple[MemberTable, Drawn]] = []
        for n, whole in enumerate(history):
            drawn = replace(whole, within=size)
            near = 0 < (apart_from_everybody(drawn) or 0) < drawn.t
            everybody = everybody_of(size, drawn.t)
            given = table_of(drawn, n)
            if near and (given := _with_a_hole(given, drawn.t)) is None:
                counted["no cell left"] += 1
                continue
            memory = [table_of(everybody, -1), *(table for table, _ in released)]
            mended = repair_differences(given, {t.entry.number: (lambda t=t: t) for t in memory}, total_known=not near)
            if mended.table is None:
                counted["withheld, near" if near else "withheld"] += 1
                continue
            counted["released, near" if near else "released"] += 1
            after = replace(drawn_of(mended.table, drawn), total_known=not near)
            assert not near or (least_missing(after) or drawn.t) >= drawn.t, f"history {number}, table {n}"
            for old in [everybody, *(drawn for _, drawn in released)]:
                for pair in pairs(after, old):
                    assert smallest(after, old, *pair) is None, f"history {number}, table {n}: {pair}"
            released.append((without_total(mended.table) if near else mended.table, after))
    tell("memory_totals", {"histories": MENDED, "seed": SEED, **counted})


def _with_a_hole(table: MemberTable, t: int) -> MemberTable | None:
    """The smallest cells are hidden until t persons are in no shown one."""
    sizes = table.members.sizes()
    for cell in sorted(range(table.members.count), key=lambda c: (int(sizes[c]), c)):
        if persons_held_back(table) >= t:
            return table
        figures = tuple(replace(f, shown={c: v for c, v in f.shown.items() if c != cell}) for f in table.figures)
        table = replace(table, figures=figures)
    return None
