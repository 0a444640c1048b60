"""The layout of measured blocks: no statistic is measured if another one already gives it."""

from fractions import Fraction

import pytest
from private_kit import ATT8, COUNT, MEAN, ONCE, table

from broker.domain.errors import Invalid
from broker.privacy.block_layout import Block, BlockKind, lay_out_blocks, rank_scores
from broker.privacy.private_tables import Argument, Clamp, Influence, PrivateMeasure, PrivateStatistic
from broker.privacy.sensitivity import Sensitivity, block_sensitivity, worst_case_rows
from tests.oracles.private_cells import row_coordinates

KS2 = Argument("ks2", Clamp(-50, 50))
PERSONS, VALUES = PrivateStatistic("p", PrivateMeasure.PERSONS), PrivateStatistic("v", PrivateMeasure.VALUES, "ks2")
SUM, OTHER = PrivateStatistic("s", PrivateMeasure.SUM, "ks2"), PrivateStatistic("o", PrivateMeasure.SUM, "att8")
VARIANCE = PrivateStatistic("var", PrivateMeasure.VARIANCE, "ks2")
MEDIAN = PrivateStatistic("q", PrivateMeasure.QUANTILE, "ks2", fraction=Fraction(1, 2), points=(-10, 0, 10))
RATIO = PrivateStatistic("r", PrivateMeasure.RATIO, parts=("s", "o"))
ROWS_ONLY = Influence(4, 4, 4)
"""Four rows in all: they may be in one cell, or each in another."""


def shape(*statistics: PrivateStatistic, influence: Influence = ONCE) -> list[tuple[object, ...]]:
    made = lay_out_blocks(table((3,), statistics, influence=influence, arguments=(ATT8, KS2)))
    return [(b.kind, b.argument, b.degree, b.missing, b.persons) for b in made.blocks]


P = BlockKind.POWERS


@pytest.mark.parametrize(("asked", "measured"), [
    ((COUNT,), [(P, None, 0, False, False)]),
    ((MEAN,), [(P, "att8", 1, False, False)]),
    # att8 is proved complete: the pair has the rows already. ks2 is not: a third coordinate has those without it.
    ((COUNT, MEAN), [(P, "att8", 1, False, False)]),
    ((COUNT, PrivateStatistic("m", PrivateMeasure.MEAN, "ks2")), [(P, "ks2", 1, True, False)]),
    ((COUNT, VALUES), [(P, "ks2", 0, True, False)]),
    ((SUM, VALUES, VARIANCE), [(P, "ks2", 2, False, False)]),
    ((SUM, OTHER, RATIO), [(P, "att8", 1, False, False), (P, "ks2", 1, False, False)]),
    ((PERSONS, COUNT), [(P, None, 0, False, False)]),
    ((MEDIAN,), [(BlockKind.RANKS, "ks2", 0, False, False), (P, None, 0, False, False)]),
])  # fmt: skip
def test_what_is_measured(asked: tuple[PrivateStatistic, ...], measured: list[object]) -> None:
    assert shape(*asked) == measured
    assert shape(*reversed(asked)) == measured, "the order of the text changes nothing"
    assert shape(*asked, *asked) == measured, "a question that is asked twice is paid once"


def test_persons_are_another_number_where_a_person_may_have_several_rows() -> None:
    assert shape(PERSONS, COUNT, influence=Influence(1, 2)) == [(P, None, 0, False, True), (P, None, 0, False, False)]


def test_persons_of_a_total_are_not_its_rows() -> None:
    """One row in each finest cell, but several in a total."""
    asked = table((3,), (PERSONS, COUNT), sets=((0,), ()), influence=Influence(2, 1))
    assert [b.persons for b in lay_out_blocks(asked).blocks] == [True, False]


def test_a_row_shares_out_one_whole() -> None:
    """So several statistics have one budget: in L1 a row weighs the same whatever its value."""
    clamp = Clamp(-3, 4)
    of_x = [Block(P, "x", clamp, degree, missing) for degree, missing in ((1, False), (2, False), (2, True))]
    for block in (Block(P), *of_x):
        for x in (-100, -3, 0, 2, 4, 100, None):
            row = row_coordinates(block, x)
            assert len(row) == block.width
            assert min(row) >= 0
            assert sum(row) == (0 if x is None and not block.missing and block.argument else block.row_total)


def test_a_missing_value_is_in_none_of_the_sums_of_its_argument() -> None:
    """Attack 30: both sums are over the same rows, those with an x."""
    assert row_coordinates(Block(P, "x", Clamp(10, 20), 1), None) == (0, 0)
    assert row_coordinates(Block(P, "x", Clamp(10, 20), 1, missing=True), None) == (0, 0, 10)
    assert row_coordinates(Block(P, "x", Clamp(10, 20), 1, missing=True), 13) == (7, 3, 0)


@pytest.mark.parametrize(("influence", "rows", "norms"), [
    (Influence(1, 1), (1,), (1, 1)),
    (Influence(3, 2), (2, 2, 2), (6, 12)),
    (Influence(3, 2, 3), (2, 1), (3, 5)),
    (Influence(2, 5, 100), (5, 5), (10, 50)),
    (ROWS_ONLY, (4,), (4, 16)),  # all in one cell
])  # fmt: skip
def test_the_worst_person(influence: Influence, rows: tuple[int, ...], norms: tuple[int, int]) -> None:
    """dp.md: counts L1 = G R and L2 = sqrt(G) R; with k rows in all L1 = k and L2 = k."""
    assert worst_case_rows(influence) == rows
    found = block_sensitivity(Block(P), influence)
    assert (found.l1, found.l2_squared) == norms
    pair = block_sensitivity(Block(P, "x", Clamp(0, 9000), 1), influence)
    assert (pair.l1, pair.l2_squared, pair.linf) == (9000 * norms[0], 9000**2 * norms[1], 9000 * rows[0])


def test_persons_are_one_in_a_cell() -> None:
    assert block_sensitivity(Block(P, persons=True), Influence(3, 50, 60)) == Sensitivity(3, 3, 3, 1)
    assert block_sensitivity(Block(P, persons=True), ROWS_ONLY) == Sensitivity(4, 4, 4, 1)


def test_what_floats_cannot_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="narrower"):
        block_sensitivity(Block(P, "x", Clamp(0, 10**8), 2), Influence(1, 1))
    for wrong in (
        lambda: Influence(0, 1), lambda: Clamp(3, 3), lambda: Clamp(0, 1, 0), lambda: table((3,), sets=()),
        lambda: table((3, 3), sets=((1, 0),)), lambda: table((3,), sets=((0,), (0,))),
        lambda: table((3,), sets=((1,),)),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            wrong()


def test_ranks_come_out_of_a_histogram() -> None:
    """Of 3, 3, 5, 8 the median's candidates 3, 5, 9 split badly by 2, 1 and 4 (halves: times 2 over 2)."""
    assert rank_scores([3, 5, 9], [0, 2, 0, 1, 1, 0, 0], Fraction(1, 2)) == [2, 1, 4]
    assert rank_scores([3, 5, 9], [0, 2, 0, 1, 1, 0, 0], Fraction(0)) == [0, 2, 4]
