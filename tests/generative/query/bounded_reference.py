"""Bounded vectors by definition, row by row in plain Python: what rendered statements are held against."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from evaluate import Evaluator, grouped
from scalar_reference import Row, value

from broker.domain.plans.bounded_table import BernsteinVector, BinVector, BoundedNumber, BoundedTable
from broker.domain.plans.operators import ScanColumn
from broker.domain.plans.scalars import Call
from broker.privacy.block_layout import Block, BlockKind, rank_scores
from broker.privacy.private_tables import PrivateTable
from tests.oracles.private_cells import row_coordinates


class Own(Evaluator):
    """One row a person where nothing else is grouped by."""

    def _aggregate(self, node: Any, outer: Row) -> list[dict[int, Any]]:
        if node.keys or node.person is None:
            return super()._aggregate(node, outer)
        groups = grouped(self.rows(node.child, outer), lambda r: (r.get(node.counted),))
        return [r for g in groups.values() if (r := self._group(node, (), g, outer)) is not None]


def untotal(tree: Any) -> Any:
    """A tree without the marks that make scalars total: in the reference nothing fails."""
    if isinstance(tree, Call) and tree.op == "total":
        return untotal(tree.args[0])
    if isinstance(tree, tuple):
        return tuple(map(untotal, tree))
    if is_dataclass(tree) and not isinstance(tree, type | ScanColumn):
        return replace(tree, **{f.name: untotal(getattr(tree, f.name)) for f in fields(tree)})
    return tree


def steps(number: BoundedNumber, row: Mapping[int, Any]) -> int | None:
    """A number in steps, absolute and not above its low end."""
    found = value(untotal(number.argument), row)
    if found is None:
        return None
    exact = Fraction(found) * number.scale - number.low
    rounded = int((exact + Fraction(1, 2)).__floor__())
    return number.low + min(max(rounded, 0), number.width)


def vectors(
    bounded: BoundedTable, table: PrivateTable, blocks: Mapping[int | None, Block], tables: Any
) -> dict[tuple[int, int | None], list[int]]:
    """Of listed tables only."""
    rows = [r for r in Own(tables).rows(untotal(bounded.contributions)) if r.get(bounded.person) is not None]
    found = {}
    for s, positions in enumerate(table.sets):
        domain = list(product(*(table.dimensions[i].values or () for i in positions)))
        cells: dict[Any, list[Any]] = defaultdict(list)
        for row in rows:
            cells[tuple(value(untotal(bounded.keys[i].expression), row) for i in positions)].append(row)
        for place, block in blocks.items():
            told = [_cell(bounded, block, place, cells.get(keys, [])) for keys in domain]
            found[s, place] = [n for cell in told for n in cell]
    return found


def _cell(bounded: BoundedTable, block: Block, place: int | None, rows: Sequence[Any]) -> Sequence[int]:
    vector = bounded.vectors[len(bounded.vectors) - 1 if place is None else place]
    if block.persons:
        return [len({r[bounded.person] for r in rows})]
    own = [
        (_finest_cell(bounded, r), None if vector.number is None else steps(bounded.numbers[vector.number], r))
        for r in rows
    ]
    if block.kind is BlockKind.RANKS:
        assert isinstance(vector, BinVector)
        return rank_scores(block.points, _slots(bounded, vector, own), block.required_fraction)
    assert isinstance(vector, BernsteinVector)
    by_person: dict[Any, list[Sequence[int]]] = defaultdict(list)
    for person, x in own:
        by_person[person].append(row_coordinates(block, x))
    return _added(block.width, [_cut(bounded, rows) for rows in by_person.values()])


def _finest_cell(bounded: BoundedTable, row: Mapping[int, Any]) -> tuple[Any, ...]:
    """The person of a row, and its cell by all keys: the rows of a person are limited there, also for totals."""
    return (row[bounded.person], *(value(untotal(key.expression), row) for key in bounded.keys))


def _added(width: int, parts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(p[i] for p in parts) for i in range(width)]


def _cut(bounded: BoundedTable, rows: Sequence[Sequence[int]]) -> Sequence[int]:
    """One person's part of a cell by all keys, with the weight of so many rows at most."""
    total = _added(len(rows[0]), rows)
    if bounded.person_bound is None or len(rows) <= bounded.person_bound.rows:
        return total
    return [n * bounded.person_bound.rows // len(rows) for n in total]


def _slots(bounded: BoundedTable, vector: BinVector, own: Sequence[tuple[Any, int | None]]) -> list[int]:
    by_person: dict[Any, Counter[int]] = defaultdict(Counter)
    for person, x in own:
        if x is not None:
            at = [i for i, p in enumerate(vector.points) if p <= x]
            exactly = bool(at) and vector.points[at[-1]] == x
            by_person[person][0 if not at else 2 * at[-1] + (1 if exactly else 2)] += 1
    found = [0] * vector.width
    for counts in by_person.values():
        rows = sum(counts.values())
        for slot, n in counts.items():
            cut = bounded.person_bound is not None and rows > bounded.person_bound.rows
            found[slot] += n * bounded.person_bound.rows // rows if cut and bounded.person_bound is not None else n
    return found
