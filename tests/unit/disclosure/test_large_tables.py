"""Shortcuts for large or tangled tables find every leak."""

import numpy as np
import pytest

from broker.disclosure.differencing import block_search, joint_counts, overlay
from broker.disclosure.differencing.block_search import LabelSearch, small_differences
from broker.disclosure.differencing.compare_tables import compare, compare_all
from broker.disclosure.differencing.difference_kinds import EDGE, PersonKinds
from broker.domain.release_history import OverlapKind
from tests.attacks.history_town import people as persons, table


def drawn(seed: int, number: int):
    chance = np.random.default_rng([seed, number])
    cells = np.random.default_rng(seed).integers(0, 4, 60)
    moved = chance.choice(60, 3, replace=False)
    cells[moved] = chance.integers(0, 4, 3)
    flagged = np.flatnonzero(chance.random(60) < 0.5).tolist()
    groups = {f"c{c}": np.flatnonzero(cells == c).tolist() for c in range(4)}
    holes = {"c0"} if seed % 2 else set()
    return table(number, groups, t=4, holes=holes, ones=flagged if seed % 3 else None)


@pytest.mark.parametrize("seed", range(12))
def test_tables_of_too_many_pairs_are_sorted_and_say_the_same(seed, monkeypatch):
    new, old = drawn(seed, 2), drawn(seed, 1)
    usual = {(leak.statistic, leak.old_statistic) for leak in compare(new, old).leaks}
    for module in (joint_counts, overlay):
        monkeypatch.setattr(module, "MAX_BINS", 0)
    assert {(leak.statistic, leak.old_statistic) for leak in compare(new, old).leaks} >= usual


def test_persons_of_too_many_cells_are_feared_not_missed():
    """Nine persons who are in all of nine cells each, and one who is in the first eight only in the new table."""
    cells = {f"c{n}": persons((1, 9)) for n in range(9)}
    new = table(2, cells | {"c8": persons((1, 8))})
    leaks = compare(new, table(1, cells)).leaks
    assert leaks
    assert not all(leak.exact for leak in leaks)


def test_a_search_that_ends_early_is_feared(monkeypatch):
    """Two triangles of cells, one of the new table and one of the old, with one person between them: the only small cut
    tells nothing, which takes a look at every side to know."""
    ends = np.array([[1, 2], [1, 3], [2, 3], [4, 5], [4, 6], [5, 6], [3, 4]])
    found = PersonKinds(ends, np.full(7, EDGE, np.uint64), np.array([3, 3, 3, 3, 3, 3, 1]))
    search = LabelSearch(np.arange(8), [found], [], frozenset({1, 2, 3}), frozenset({4, 5, 6}), None)
    assert small_differences(search, 5) == []
    monkeypatch.setattr(block_search, "MAX_STEPS", 0)
    assert [f.exact for f in small_differences(search, 5)] == [False]


def test_many_are_compared_in_their_order():
    new, near = table(9, {"a": persons((1, 50))}), table(2, {"a": persons((1, 48))})
    memory = [table(1, {"a": persons((100, 150))}), near, table(3, {"a": persons((1, 30)), "b": persons((31, 50))})]
    found = list(compare_all(new, [lambda t=t: t for t in memory]))
    assert [c.overlap.entry for c in found] == [1, 2, 3]
    kinds = [c.overlap.kind for c in found]
    assert kinds == [OverlapKind.DISJOINT, OverlapKind.DIFFERENCE, OverlapKind.NESTED]
