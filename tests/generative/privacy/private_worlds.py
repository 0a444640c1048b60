"""Small drawn data and a plain evaluator of bounded answers: persons, rows with a cell and a value, bounds enforced."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from broker.privacy.block_layout import Block, BlockKind
from broker.privacy.private_tables import Clamp, Influence
from broker.privacy.sensitivity import Sensitivity
from tests.oracles.private_cells import row_coordinates


@dataclass(frozen=True)
class Row:
    person: int
    cell: int
    value: int | None


def drawn_influence(rng: random.Random) -> Influence:
    cells, rows = rng.randint(1, 4), rng.randint(1, 4)
    return Influence(cells, rows, rng.choice([None, rng.randint(1, 8)]))


def drawn_block(rng: random.Random) -> Block:
    low = rng.randint(-20, 10)
    clamp = Clamp(low, low + rng.randint(1, 30), rng.choice([1, 10]))
    points = tuple(sorted(rng.sample(range(clamp.low - 2, clamp.high + 3), rng.randint(1, 4))))
    fraction = Fraction(rng.randint(0, 4), 4)
    missing = rng.random() < 0.4
    return rng.choice(
        [
            Block(BlockKind.POWERS),
            Block(BlockKind.POWERS, persons=True),
            Block(BlockKind.POWERS, "x", clamp, rng.randint(0, 2), missing),
            Block(BlockKind.POWERS, "x", clamp, rng.randint(1, 2), missing),
            Block(BlockKind.RANKS, "x", clamp, points=points, fraction=fraction),
        ]
    )


def drawn_rows(rng: random.Random, persons: int, cells: int) -> list[Row]:
    """Duplicates, joins and unions show as persons with many rows, some of them equal; ends of clamps are common."""
    rows = []
    for person in range(persons):
        for _ in range(rng.choice([0, 1, 1, 2, 5, 12])):
            value = rng.choice([None, -1000, 1000, rng.randint(-25, 45), rng.randint(-25, 45)])
            row = Row(person, rng.randrange(cells), value)
            rows += [row] * rng.choice([1, 1, 3])
    rng.shuffle(rows)
    return rows


def bounded(rows: Sequence[Row], influence: Influence) -> list[Row]:
    """The rows that are used: of each person the first ones in an order of their own that keep all three bounds."""
    kept = []
    by_cell: Counter[tuple[int, int]] = Counter()
    in_all: Counter[int] = Counter()
    own = sorted(rows, key=lambda r: (r.person, r.value is None, r.value or 0, r.cell))
    for row in own:
        cells = {c for p, c in by_cell if p == row.person}
        new = row.cell not in cells
        if new and len(cells) >= influence.cells:
            continue
        if by_cell[row.person, row.cell] >= influence.rows_per_cell:
            continue
        if influence.rows is not None and in_all[row.person] >= influence.rows:
            continue
        by_cell[row.person, row.cell] += 1
        in_all[row.person] += 1
        kept.append(row)
    return kept


def exact(block: Block, rows: Sequence[Row], cells: int) -> list[list[int]]:
    """The exact bounded answers, cell by cell."""
    found = [[0] * block.width for _ in range(cells)]
    if block.persons:
        for _, cell in {(r.person, r.cell) for r in rows}:
            found[cell][0] += 1
        return found
    for cell in range(cells):
        inside = [r.value for r in rows if r.cell == cell]
        if block.kind is BlockKind.RANKS:
            found[cell] = scores(block, [v for v in inside if v is not None])
        else:
            for value in inside:
                found[cell] = [a + b for a, b in zip(found[cell], row_coordinates(block, value), strict=True)]
    return found


def scores(block: Block, values: Sequence[int]) -> list[int]:
    """By definition, one candidate after another: no histogram."""
    n, d = block.required_fraction.numerator, block.required_fraction.denominator
    clamped = [min(max(v, block.required_clamp.low), block.required_clamp.high) for v in values]
    return [abs((d - n) * sum(v < p for v in clamped) - n * sum(v > p for v in clamped)) for p in block.points]


def moved(before: list[list[int]], after: list[list[int]]) -> Sensitivity:
    """By how much two answers differ. Of a choice only `linf` is meant."""
    by_cell = [[abs(a - b) for a, b in zip(x, y, strict=True)] for x, y in zip(before, after, strict=True)]
    flat = [d for cell in by_cell for d in cell]
    return Sensitivity(sum(any(c) for c in by_cell), sum(flat), sum(d * d for d in flat), max(flat, default=0))
