"""The moves that give one person what sums are missing: counts of four cells, of which sums are known."""

from collections.abc import Mapping, Sequence

import pytest

from broker.disclosure.differencing.count_moves import CountMoves, Sum
from broker.evidence.member_tables import SumTerm

COUNT = (1, "rows", False)


def terms(cells: str) -> frozenset[SumTerm]:
    """The sum of the cells a, b, c and d of a count."""
    return frozenset(SumTerm(*COUNT, "abcd".index(cell), 1) for cell in cells)


def moved(sums: Mapping[str, Mapping[int, int]], ties: Sequence[str] = (), own: str = "") -> dict[int, dict[str, int]]:
    """By person, by how much each cell is moved. The cells that the person is `own` in come first, then in order."""
    moves = CountMoves(
        [Sum(terms(cells), tuple(apart.items())) for cells, apart in sums.items()], map(terms, ties), {COUNT}
    )
    found = moves.of_each(moves.met(), lambda _: lambda of: ("abcd"[of[1]] not in own, 0, of[1]))
    return {person: {"abcd"[cell]: by for (_, cell), by in by_cell.items()} for person, by_cell in found}


@pytest.mark.parametrize(
    ("sums", "ties", "own", "expected"),
    [
        ({"abcd": {7: 1}}, (), "", {"a": 1}),
        ({"abcd": {7: -1}}, (), "c", {"c": -1}),
        ({"abcd": {7: 2}}, (), "b", {"b": 2}),
        ({"ab": {7: 1}, "ac": {7: 1}}, (), "", {"a": 1}),  # rows and columns: the cell of both
        ({"ab": {7: 1}, "cd": {7: -1}}, (), "", {"a": 1, "c": -1}),
        ({"abcd": {7: 1}}, ("ab",), "", {"c": 1}),  # what adds up stays
        ({"abcd": {7: 1}}, ("ab", "c"), "a", {"d": 1}),
        ({"ab": {7: 1}}, ("a",), "", {"b": 1}),
        ({"abc": {7: 1}}, ("ad", "bd"), "a", {"c": 1}),
        ({"a": {7: 1}}, ("ab",), "", {"a": 1, "b": -1}),  # one makes up for the other
        ({"ab": {7: 1}}, ("a", "b"), "", {}),  # ties tell the sum together
        ({"ab": {7: 1}}, ("abc", "c"), "", {}),
    ],
)
def test_the_fewest_moves_satisfy_sums_and_ties(sums, ties, own, expected) -> None:
    assert moved(sums, ties, own)[7] == expected


def test_where_sums_contradict_each_other_the_same_ones_hold_for_everybody() -> None:
    """All four cells are known together, and so are c and d. One person of a and one of b are in neither. So one of the
    two sums differs by both persons, who are a known sum; not each by one, which nothing tells."""
    assert moved({"a": {1: -1}, "b": {2: -1}}, ("abcd", "cd")) == {1: {"a": -1, "b": 1}, 2: {}}


def test_persons_are_moved_each_by_themselves() -> None:
    assert moved({"ab": {1: 1, 2: 1}, "bd": {2: 1}}, ("cd",)) == {1: {"a": 1}, 2: {"b": 1}}
