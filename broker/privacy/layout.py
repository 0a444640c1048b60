"""From the statistics that are asked to the blocks that are measured: what comes out of another block is not bought."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from broker.privacy.blocks import Block, Kind
from broker.privacy.tables import Ask, PrivateTable, Statistic

IN_POWERS = {Ask.VALUES: 0, Ask.SUM: 1, Ask.MEAN: 1, Ask.VARIANCE: 2}
"""The degree of the polynomials that hold a statistic of x."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a statistic is read: the position of its block; of a ratio, where its two parts are."""

    statistic: Statistic
    block: int
    parts: "tuple[Reading, Reading] | None" = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What is measured in each cell of each grouping set, and where each statistic is read."""

    blocks: tuple[Block, ...]
    readings: tuple[Reading, ...]
    count: int
    """The block whose count decides whether a cell is shown."""


def layout(table: PrivateTable) -> Layout:
    """The blocks of a table. The same statistics give the same blocks, whatever their order in the text is."""
    blocks = [*_of_numbers(table), *_of_distributions(table)]
    for statistic in table.statistics:
        if statistic.ask is Ask.PERSONS and _has_several_rows(table):
            blocks.append(Block(Kind.POWERS, persons=True, share=statistic.share))
        elif statistic.ask in (Ask.ROWS, Ask.PERSONS):
            blocks = _with_rows(table, blocks, statistic.share)
    if all(b.kind is Kind.RANKS for b in blocks):
        blocks.append(Block(Kind.POWERS))  # the display floor needs a noisy count
    unique = tuple(dict.fromkeys(blocks))
    counted = (i for i, b in enumerate(unique) if b.kind is not Kind.RANKS)
    count = min(counted, key=lambda i: _preference(table, unique[i]))
    return Layout(unique, tuple(_reading(table, unique, s) for s in table.statistics), count)


def _preference(table: PrivateTable, block: Block) -> tuple[bool, bool, int]:
    """Persons before rows, all rows before those that have some number, and a count of few coordinates, which has less
    noise, before one of many."""
    return not block.persons, not _has_all_rows(table, block), block.width


def _has_all_rows(table: PrivateTable, block: Block) -> bool:
    return block.argument is None or block.missing or table.argument(block.argument).complete


def _has_several_rows(table: PrivateTable) -> bool:
    """Whether a person may have more than one row in a cell of some grouping set."""
    return any(table.influence_in(s).rows_per_cell > 1 for s in range(len(table.sets)))


def _of_numbers(table: PrivateTable) -> list[Block]:
    """A block of powers for each argument of counts, sums, means and variances."""
    found = []
    for argument in sorted(table.arguments, key=lambda a: a.name):
        asked = [s for s in table.statistics if s.ask in IN_POWERS and s.argument == argument.name]
        if not asked:
            continue
        share = max(s.share for s in asked)
        degree = max(IN_POWERS[s.ask] for s in asked)
        found.append(Block(Kind.POWERS, argument.name, argument.clamp, degree, share=share))
    return found


def _of_distributions(table: PrivateTable) -> list[Block]:
    """Each histogram and each quantile has a block of its own."""
    return [_distribution(table, s) for s in table.statistics if s.ask in (Ask.HISTOGRAM, Ask.QUANTILE)]


def _distribution(table: PrivateTable, s: Statistic) -> Block:
    kind = Kind.BINS if s.ask is Ask.HISTOGRAM else Kind.RANKS
    clamp = table.argument(s.argument).clamp
    return Block(kind, s.argument, clamp, points=s.points, fraction=s.fraction, share=s.share)


def _with_rows(table: PrivateTable, blocks: list[Block], share: int) -> list[Block]:
    """Rows are counted by a block that has them already; else by the missing rows beside the first block of powers;
    else by a block of their own."""
    if _rows_of(table, blocks) is not None:
        return blocks
    for i, block in enumerate(blocks):
        if block.kind is Kind.POWERS and block.argument is not None:
            return [*blocks[:i], replace(block, missing=True), *blocks[i + 1 :]]
    return [*blocks, Block(Kind.POWERS, share=share)]


def _rows_of(table: PrivateTable, blocks: Iterable[Block]) -> int | None:
    """The block out of which the number of rows comes."""
    for i, block in enumerate(blocks):
        if block.kind is Kind.POWERS and not block.persons and _has_all_rows(table, block):
            return i
    return None


def _reading(table: PrivateTable, blocks: tuple[Block, ...], s: Statistic) -> Reading:
    if s.ask in (Ask.ROWS, Ask.PERSONS):
        own = next((i for i, b in enumerate(blocks) if b.persons and s.ask is Ask.PERSONS), None)
        rows = _rows_of(table, blocks) if own is None else own
        if rows is None:
            raise AssertionError("rows are measured wherever they are asked")
        return Reading(s, rows)
    if s.ask in (Ask.HISTOGRAM, Ask.QUANTILE):
        return Reading(s, blocks.index(_distribution(table, s)))
    if s.parts is not None:
        over, under = (_reading(table, blocks, table.statistic(name)) for name in s.parts)
        return Reading(s, over.block, (over, under))
    return Reading(s, _number_of(blocks, s.argument))


def _number_of(blocks: tuple[Block, ...], name: str | None) -> int:
    return next(i for i, b in enumerate(blocks) if b.argument == name and b.kind is Kind.POWERS)
