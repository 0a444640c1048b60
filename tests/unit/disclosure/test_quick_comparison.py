"""The quick comparison uses only some persons. It never reports safety where the full comparison finds a leak."""

import numpy as np
import pytest

from broker.disclosure.differencing import overlay
from broker.disclosure.differencing.compare_tables import compare
from broker.domain.release_history import KnownFigure
from broker.evidence.member_tables import MemberTable, members_of
from tests.attacks.history_town import table

SIZE, T = 3_000, 3


def drawn(chance: np.random.Generator, number: int, cells: np.ndarray) -> MemberTable:
    """A table of persons by number: of all, of all but a few, of half or of all but a cell, with a hole perhaps."""
    inside = np.ones(SIZE, bool)
    match chance.integers(0, 4):
        case 1:
            inside[chance.choice(SIZE, int(chance.integers(1, 5)), replace=False)] = False
        case 2:
            inside = chance.random(SIZE) < 0.7
        case 3:
            inside = cells != 0
    count = int(cells.max()) + 2  # the last has nobody
    hole = {int(chance.integers(0, count))} if chance.random() < 0.3 else set()
    figure = KnownFigure(0, "", False, "persons", frozenset(), dict.fromkeys(set(range(count)) - hole))
    within = {"everybody": SIZE + int(chance.integers(0, 3))} if chance.random() < 0.5 else {}
    like = table(number, {"a": [1]}, t=T, within=within)
    return MemberTable(like.entry, (figure,), members_of(count, np.flatnonzero(inside), cells[inside]))


@pytest.mark.parametrize("seed", range(60))
def test_what_a_part_says_is_what_all_say(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(seed)
    first = chance.integers(0, int(chance.integers(2, 12)), SIZE)
    near = np.where(chance.random(SIZE) < 0.2, chance.integers(0, 4, SIZE), first % 4)
    second = [chance.integers(0, 6, SIZE), first.copy(), near][int(chance.integers(0, 3))]
    new, old = drawn(chance, 2, first), drawn(chance, 1, second)
    quick = compare(new, old)
    monkeypatch.setattr(overlay, "is_fully_joined", lambda *_: False)
    whole = compare(new, old)
    assert quick == whole


def test_most_large_tables_of_different_cells_are_decided_early(monkeypatch: pytest.MonkeyPatch) -> None:
    said, is_fully_joined = list[bool](), overlay.is_fully_joined
    monkeypatch.setattr(overlay, "is_fully_joined", lambda *given: said.append(is_fully_joined(*given)) or said[-1])
    for seed in range(20):
        chance = np.random.default_rng(seed)
        new, old = (drawn(chance, n, chance.integers(0, 9, SIZE)) for n in (2, 1))
        compare(new, old)
    assert said.count(True) > said.count(False)
