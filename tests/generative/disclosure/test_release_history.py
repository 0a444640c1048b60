"""The release history against brute force: every union of cells of every two tables in small random histories."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from histories import (
    EVERYBODY,
    FIGURES,
    Amounts,
    Drawn,
    drawn_history,
    drawn_of,
    everybody_of,
    has_light,
    known_groups,
    repeats,
    shown_cells,
    signs,
    smallest,
    smallest_by_any_scale,
    table_of,
)

from broker.disclosure.differencing.compare_tables import compare
from broker.disclosure.differencing.difference_repair import remainders, repair_differences
from broker.disclosure.differencing.functionals import amounts_of_total, without_total
from broker.domain.release_history import HistorySource, RepairAction
from broker.evidence.member_tables import Leak, MemberTable, Movable
from tests.proof_size import SEED, report_figures, size

pytestmark = pytest.mark.long

HISTORIES = size("MEMORY_HISTORIES", 100)
MENDED = size("MEMORY_MENDED", 30)


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
    counted, missed = Counter[str](), list[str]()
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
                    counted[_verdict(new, old, pair, leaks[pair], f"history {number}: {pair}", missed)] += 1
    report_figures("memory_units" if units else "memory", {"histories": number + 1, **counted})
    assert missed == []


def _verdict(new: Drawn, old: Drawn, pair: tuple[int, int], leaks: list, where: str, missed: list[str]) -> str:
    least = smallest(new, old, *pair)
    is_exact = any(leak.exact for leak in leaks)
    if least is not None:
        if not leaks:
            missed.append(f"{where} leaks {least}")
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
    if all(leak.factor != 1 for leak in leaks) and new.factors:
        return "false alarms: other factors by cell"
    if smallest_by_any_scale(new, old, *pair) is not None:
        return "false alarms: another factor"
    near = [other for other in pairs(new, old) if other != pair and (other[0] == pair[0] or other[1] == pair[1])]
    assert any(smallest(new, old, *other) is not None for other in near), f"{where} has no leak"
    return "false alarms: a leak of a count beside it"


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
    report_figures("memory_mended_units" if units else "memory_mended", {"histories": MENDED, **ways})


def only(drawn: Drawn, end: int) -> Drawn:
    """The table with the persons before `end` alone."""

    def of(amounts: Amounts) -> Amounts:
        return {(person, at): v for (person, at), v in amounts.items() if person < end}

    return replace(drawn, rows=of(drawn.rows), ones=of(drawn.ones), total=of(drawn.total))


def apart(leak: Leak, new: MemberTable, old: MemberTable, size: int, by_persons: bool = False) -> np.ndarray:
    """In whom the two sums of a leak differ, by person."""
    found, everybody = np.zeros(size), np.arange(size) < new.entry.within.get(EVERYBODY, 0)
    for sign, table, terms, side in ((1, new, leak.new_terms, leak.new), (-1, old, leak.old_terms, leak.old)):
        persons, cells = table.members.rows()
        for term in terms:
            amounts = amounts_of_total(table.members, term.amount, term.once)
            amounts = np.sign(amounts) if by_persons else amounts
            np.add.at(found, persons, sign * term.sign * np.where(cells == term.cell, amounts, 0))
        found += sign * side.complement * everybody
    return found


def is_known_sum(difference: np.ndarray, groups: list[dict[int, float]], size: int) -> bool:
    """Whether known groups, added and subtracted in any way, come to the difference."""
    known = np.zeros((size, len(groups)))
    for at, group in enumerate(groups):
        known[list(group), at] = list(group.values())
    best = np.linalg.lstsq(known, difference, rcond=None)[0]
    return bool(np.allclose(known @ best, difference, atol=1e-6))


def movable_of(table: MemberTable, with_sums: bool) -> Movable:
    totals = [((f.statistic, f.amount, f.once), f) for f in table.figures]
    return Movable(
        frozenset(total for total, f in totals if f.is_count),
        frozenset(total for total, f in totals if with_sums and f.once and not f.is_count),
        frozenset(total for total, f in totals if with_sums and not f.once and not f.is_count),
    )


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("with_sums", [False, True], ids=["counts", "counts and sums"])
def test_a_history_of_aligned_figures_has_no_leak_left(with_sums: bool) -> None:
    """Nobody knows the tables' totals, but all know a population, which many tables nearly are; some have a few others.
    A few persons are counted with a cell. An attacker who knows how many there are, and every released figure, then
    isolates nobody with the new table and one that is known who could not do so with those that are known."""
    ways: Counter[str] = Counter()
    for number in range(MENDED):
        history = drawn_history(np.random.default_rng([SEED, 2, number]))
        size = 1 + max(p for drawn in history for p, _ in drawn.rows)
        # The last persons are in tables of another source.
        inside, sources = size - number % 4, np.random.default_rng([SEED, 3, number]).random(len(history)) < 0.4
        released: list[tuple[MemberTable, Drawn]] = []
        for n, whole in enumerate(history):
            within = None if sources[n] and inside < size else inside
            drawn = replace(only(whole, within or size), within=within, total_known=False)
            everybody = everybody_of(inside, drawn.t)
            everybody_table = table_of(everybody, -1)
            entry = replace(everybody_table.entry, source=HistorySource.POPULATION, recipe=EVERYBODY)
            known = [(replace(everybody_table, entry=entry), everybody), *released]
            given = table_of(drawn, n)
            loads = {t.entry.number: (lambda t=t: t) for t, _ in known}
            movable = movable_of(given, with_sums)
            mended = repair_differences(given, loads, total_known=False, movable=movable)
            ways.update(change.action.value for change in mended.changes)
            ways["tables"] += 1
            if mended.table is None:
                continue
            left = without_total(mended.table)
            after = replace(drawn_of(left, drawn), total_known=False)
            comparisons = [compare(left, old) for old, _ in known]
            groups = [group for _, old in known for f, _ in enumerate(old.figures) for group in known_groups(old, f)]
            for comparison, (old, as_drawn) in zip(comparisons, known, strict=True):
                # What earlier tables tell together, they told already.
                for leak in comparison.leaks:
                    is_known = is_known_sum(apart(leak, left, old, size), groups, size)
                    if leak.by_persons and not is_known:  # nor by persons, where nearly all rows are one of a person
                        is_known = is_known_sum(apart(leak, left, old, size, by_persons=True), signs(groups), size)
                    assert is_known, f"history {number}, table {n}: {leak}"
                ways["told already"] += bool(comparison.leaks)
                for pair in pairs(after, as_drawn) if not comparison.leaks else ():
                    assert smallest(after, as_drawn, *pair) is None, f"history {number}, table {n}: {pair}"
            released.append((left, after))
    assert ways[RepairAction.ALIGN]
    report_figures("memory_totals_and_sums" if with_sums else "memory_totals", {"histories": MENDED, **ways})
