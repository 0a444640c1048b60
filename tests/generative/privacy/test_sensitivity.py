"""Sensitivities by brute force: removing any person from small drawn data moves the bounded answers by no more than
declared, and no bound is wider than some data reach."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from privacy_size import SEED, size, tell
from private_worlds import Row, bounded, drawn_block, drawn_influence, drawn_rows, exact, moved

from broker.privacy.block_layout import Block, BlockKind
from broker.privacy.private_tables import Clamp, Dimension, Influence, PrivateTable
from broker.privacy.sensitivity import Sensitivity, block_sensitivity, influence_on, worst_case_rows

CASES = size("SENSITIVITIES", 300)
CELLS = 5

Exact = Callable[[Block, Sequence[Row], int], list[list[int]]]


def over(block: Block, influence: Influence, rows: list[Row], answer: Exact = exact) -> list[Sensitivity]:
    """What moves by more than declared when a person is removed; the bounds are enforced anew on the smaller data."""
    declared = block_sensitivity(block, influence)
    whole = answer(block, bounded(rows, influence), CELLS)
    found = []
    for person in {r.person for r in rows}:
        rest = answer(block, bounded([r for r in rows if r.person != person], influence), CELLS)
        step = moved(whole, rest)
        if block.kind is BlockKind.RANKS:
            too_far = step.linf > declared.linf or step.l0 > declared.l0
        else:
            too_far = any(getattr(step, n) > getattr(declared, n) for n in ("l0", "l1", "l2_squared", "linf"))
        if too_far:
            found.append(step)
    return found


def test_removing_a_person_moves_nothing_by_more_than_declared() -> None:
    rng = random.Random(SEED)
    moves = 0
    for _ in range(CASES):
        block, influence = drawn_block(rng), drawn_influence(rng)
        rows = drawn_rows(rng, rng.randint(1, 6), CELLS)
        assert over(block, influence, rows) == [], (block, influence, rows)
        moves += len({r.person for r in rows})
    tell("sensitivity", {"cases": CASES, "persons_removed": moves})


def test_coarser_grouping_sets_have_bounds_of_their_own() -> None:
    """In a total all rows of a person are in one cell, though in the finest cells only a few are."""
    rng = random.Random(SEED + 2)
    for _ in range(CASES):
        block, influence = drawn_block(rng), drawn_influence(rng)
        dimensions = (Dimension("a", (0, 1)), Dimension("b", (0, 1, 2)))
        asked = PrivateTable("t", "pupil", dimensions, ((0, 1), (1,), ()), influence, (), ())
        rows = drawn_rows(rng, rng.randint(1, 5), 6)
        for s, cell in enumerate((lambda c: c, lambda c: c % 3, lambda c: 0)):
            declared = block_sensitivity(block, asked.influence_in(s))
            for person in {r.person for r in rows}:
                step = moved(
                    *(
                        exact(block, [replace(r, cell=cell(r.cell)) for r in bounded(part, influence)], 6)
                        for part in (rows, [r for r in rows if r.person != person])
                    )
                )
                names = ("l0", "linf") if block.kind is BlockKind.RANKS else ("l0", "l1", "l2_squared", "linf")
                assert all(getattr(step, n) <= getattr(declared, n) for n in names), (block, influence, s, rows)


def test_a_total_is_not_bounded_like_the_cells_it_is_of() -> None:
    asked = PrivateTable("t", "pupil", (Dimension("a", (0, 1)),), ((0,), ()), Influence(2, 3), (), ())
    fine, total = (block_sensitivity(Block(BlockKind.POWERS), asked.influence_in(s)) for s in (0, 1))
    assert (fine.l1, fine.l2_squared, fine.linf) == (6, 18, 3)
    assert (total.l1, total.l2_squared, total.linf) == (6, 36, 6)


def test_each_bound_is_reached() -> None:
    """A bound that no data reach would waste the budget: one person with values at the end of the clamp reaches it."""
    rng = random.Random(SEED + 1)
    for _ in range(CASES):
        block, influence = drawn_block(rng), drawn_influence(rng)
        declared = block_sensitivity(block, influence)
        steps = worst_case_rows(influence_on(block, influence))
        value = block.required_clamp.high if block.argument else None
        rows = [Row(0, cell, value) for cell, count in enumerate(steps) for _ in range(count)]
        if block.kind is BlockKind.RANKS:
            continue
        step = moved(exact(block, rows, CELLS), exact(block, [], CELLS))
        assert (step.l2_squared, step.linf) == (declared.l2_squared, declared.linf)
        assert step.l1 == declared.l1


def test_a_bound_that_is_not_enforced_is_caught() -> None:
    """A key that was believed: two rows of one person where the table was said to have one (attack 12)."""
    rows = [Row(0, 0, 5), Row(0, 0, 5), Row(1, 0, 3)]
    block, believed = Block(BlockKind.POWERS, "x", Clamp(0, 10), 1), Influence(1, 1)
    declared = block_sensitivity(block, believed)
    step = moved(exact(block, rows, CELLS), exact(block, rows[2:], CELLS))
    assert step.l1 > declared.l1


def test_a_missing_value_in_one_of_two_complementary_sums_is_caught() -> None:
    """Attack 30: COALESCE(U - x, U) beside x - L over rows with an x only."""

    def wrong(block: Block, rows: Sequence[Row], cells: int) -> list[list[int]]:
        found = exact(block, rows, cells)
        for row in rows:
            if row.value is None:
                found[row.cell][0] += block.required_clamp.high
        return found

    block = Block(BlockKind.POWERS, "x", Clamp(10, 20), 1)
    assert over(block, Influence(1, 1), [Row(0, 0, None), Row(1, 0, 12)], wrong)
    assert not over(block, Influence(1, 1), [Row(0, 0, None), Row(1, 0, 12)])
