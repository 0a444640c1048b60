"""Sensitivities by brute force: removing any person from small drawn data moves the bounded answers by no more than
declared, and no bound is wider than some data reach."""

import random
from collections.abc import Callable
from dataclasses import replace

from private_worlds import Row, bounded, drawn_block, drawn_influence, drawn_rows, exact, moved

from broker.privacy.block_layout import Block, BlockKind
from broker.privacy.private_tables import Dimension, Influence, PrivateTable
from broker.privacy.sensitivity import Sensitivity, block_sensitivity, influence_on, worst_case_rows
from tests.proof_size import SEED, report_figures, size

CASES = size("SENSITIVITIES", 300)
CELLS = 6


def over(
    block: Block, influence: Influence, declared: Influence, rows: list[Row], cell: Callable[[int], int] = int
) -> list[Sensitivity]:
    """What moves by more than declared when a person is removed; the bounds are enforced anew on the smaller data.
    `cell`: in which cell of a coarser table the rows of a cell are."""
    names = ("l0", "linf") if block.kind is BlockKind.RANKS else ("l0", "l1", "l2_squared", "linf")
    most = block_sensitivity(block, declared)

    def answer(some: list[Row]) -> list[list[int]]:
        return exact(block, [replace(r, cell=cell(r.cell)) for r in bounded(some, influence)], CELLS)

    steps = [moved(answer(rows), answer([r for r in rows if r.person != p])) for p in {r.person for r in rows}]
    return [step for step in steps if any(getattr(step, n) > getattr(most, n) for n in names)]


def test_removing_a_person_moves_nothing_by_more_than_declared() -> None:
    rng = random.Random(SEED)
    moves = 0
    for _ in range(CASES):
        block, influence = drawn_block(rng), drawn_influence(rng)
        rows = drawn_rows(rng, rng.randint(1, 6), CELLS)
        assert over(block, influence, influence, rows) == [], (block, influence, rows)
        moves += len({r.person for r in rows})
    report_figures("sensitivity", {"cases": CASES, "persons_removed": moves})


def test_coarser_grouping_sets_have_bounds_of_their_own() -> None:
    """In a total all rows of a person are in one cell, though in the finest cells only a few are."""
    rng = random.Random(SEED + 2)
    for _ in range(CASES):
        block, influence = drawn_block(rng), drawn_influence(rng)
        dimensions = (Dimension("a", (0, 1)), Dimension("b", (0, 1, 2)))
        asked = PrivateTable("t", "pupil", dimensions, ((0, 1), (1,), ()), influence, (), ())
        rows = drawn_rows(rng, rng.randint(1, 5), CELLS)
        for s, cell in enumerate((int, lambda c: c % 3, lambda c: 0)):
            found = over(block, influence, asked.influence_in(s), rows, cell)
            assert found == [], (block, influence, s, rows)


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
