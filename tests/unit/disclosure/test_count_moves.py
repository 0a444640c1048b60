"""The moves that give one person what sums are missing: counts of four cells, of which sums are known."""

from collections.abc import Mapping, Sequence

import pytest

from broker.disclosure.differencing.count_moves import CountMoves, Sum, joined_sums
from broker.evidence.member_tables import SumTerm

COUNT = (1, "rows", False)


def terms(cells: str) -> frozenset[SumTerm]:
    """The sum of the cells a, b, c and d of a count."""
    return frozenset(SumTerm(*COUNT, "abcd".index(cell), 1) for cell in cells)


def moved(sums: Mapping[str, Mapping[int, int]], ties: Sequence[str] = (), own: str = "") -> dict[int, dict[str, int]]:
    """By person, by how much each cell is moved. The cells that the person is `own` in come first, then in order."""
    missed = [Sum(terms(cells), tuple(apart.items()), 1) for cells, apart in sums.items()]
    moves = CountMoves([*(Sum(terms(cells)) for cells in ties), *missed], {COUNT})
    found = moves.of_each(moves.met(), lambda _: lambda of: ("abcd"[of[1]] not in own, 0, of[1]))
    return {person: {"abcd"[cell]: by for (_, cell), by in by_cell.items()} for person, by_cell in found}


@pytest.mark.parametrize(("sums", "ties", "own", "expected"), [
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
])  # fmt: skip
def test_the_fewest_moves_satisfy_sums_and_ties(sums, ties, own, expected) -> None:
    assert moved(sums, ties, own)[7] == expected


@pytest.mark.parametrize("amount", [14, 47.5, -3])
def test_an_amount_is_moved_whole(amount: float) -> None:
    """Rows and columns of a sum: the cell of both, by all that the person adds."""
    assert moved({"ab": {7: amount}, "ac": {7: amount}}) == {7: {"a": amount}}


def test_amounts_of_two_years_are_moved_apart() -> None:
    """One sum misses the amounts of both years, another that of one."""
    found = moved({"abc": {7: 9.75}, "ab": {7: 4.5}})[7]
    assert found == {"a": pytest.approx(4.5), "c": pytest.approx(5.25)}


def test_sums_that_share_no_cell_are_solved_apart() -> None:
    """Of a, b and c, two sums share b; of d nobody is missing."""
    first, second, tie = Sum(terms("ab"), ((7, 1),)), Sum(terms("bc")), Sum(terms("d"))
    assert joined_sums([first, tie, second], {COUNT}) == [[first, second]]


def test_where_sums_contradict_each_other_the_same_ones_hold_for_everybody() -> None:
    """All four cells are known together, and so are c and d. One person of a and one of b are in neither. So one of the
    two sums differs by both persons, who are a known sum; not each by one, which nothing tells."""
    assert moved({"a": {1: -1}, "b": {2: -1}}, ("abcd", "cd")) == {1: {"a": -1, "b": 1}, 2: {}}


def test_persons_are_moved_each_by_themselves() -> None:
    assert moved({"ab": {1: 1, 2: 1}, "bd": {2: 1}}, ("cd",)) == {1: {"a": 1}, 2: {"b": 1}}


def test_a_sum_that_whole_moves_miss_by_chance_is_no_combination() -> None:
    """Each two of three cells are missing one row of a person: half a row in each cell would do. None of the three sums
    follows from the others, so the one that is not met tells something new."""
    moves = CountMoves([Sum(terms(cells), ((7, 1),)) for cells in ("ab", "bc", "ac")], {COUNT})
    met = moves.met()
    assert len(met) == 2
    (other,) = {0, 1, 2} - set(met)
    assert not moves.is_combination(other, met)


def test_a_sum_that_follows_from_ties_is_a_combination() -> None:
    moves = CountMoves([Sum(terms("abc")), Sum(terms("c")), Sum(terms("ab"), ((7, 1),), 1)], {COUNT})
    assert moves.met() == [0, 1]
    assert moves.is_combination(2, [0, 1])


def test_what_is_met_by_persons_alone_is_no_part_of_a_combination() -> None:
    moves = CountMoves([Sum(terms("a")), Sum(terms("abc"), is_exact=False), Sum(terms("bc"), ((7, 1),), 1)], {COUNT})
    assert moves.met() == [0, 1]
    assert not moves.is_combination(2, [0, 1])


def test_sums_of_a_lower_rank_are_met() -> None:
    """The tie of all four cells gives way to the three sums that tell each by itself."""
    ranks = {"a": 1, "b": 1, "c": 1, "d": 1, "abcd": 3}
    moves = CountMoves([Sum(terms(c), ((7, 1),) if c == "d" else (), rank) for c, rank in ranks.items()], {COUNT})
    assert moves.met() == [0, 1, 2, 3]
    assert moves.is_combination(4, [0, 1, 2, 3])
