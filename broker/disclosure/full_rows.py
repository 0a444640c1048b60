"""F3 across cells: a category that holds (nearly) all of its group tells what each of them is. No verdicts here."""

from collections import defaultdict
from collections.abc import Iterable

from broker.domain.outputs import CellEvidence
from broker.domain.scalars import Value

Keys = tuple[Value, ...]


def full_cells(cells: Iterable[CellEvidence], full_share: float, t: int = 1) -> frozenset[Keys]:
    """Keys of cells that hold at least `full_share` of the persons in a line of the table.

    A line fixes every key but one. What follows from filter or structure tells nothing and is exempt: a key of which
    the whole table shows one value only, one that the other keys mostly fix (school and authority), and the line
    of a one-key table, which is the population itself. Fewer than `t` persons count as nobody everywhere here: were
    a line with one child elsewhere treated otherwise than a line with none, what is hidden would tell where it is.
    """
    found = [c for c in cells if c.persons]
    width = len(found[0].keys) if found else 0
    if width < 2:
        return frozenset()
    axes = [i for i in range(width) if len({c.keys[i] for c in found if c.persons >= t}) > 1]
    full: set[Keys] = set()
    for axis in axes:
        lines: dict[Keys, list[CellEvidence]] = defaultdict(list)
        for cell in found:
            lines[cell.keys[:axis] + cell.keys[axis + 1 :]].append(cell)
        tops = [(max(line, key=lambda c: c.persons), sum(c.persons for c in line)) for line in lines.values()]
        shown = [(largest, total) for largest, total in tops if largest.persons >= t]
        alone = sum(_others(largest, total, t) == 0 for largest, total in shown)
        if 2 * alone > len(shown):
            continue
        full |= {
            largest.keys
            for largest, total in shown
            if largest.persons >= full_share * (largest.persons + _others(largest, total, t))
        }
    return frozenset(full)


def _others(largest: CellEvidence, total: int, t: int) -> int:
    """Persons of a line outside its largest cell, where they are enough to be told of."""
    others = total - largest.persons
    return others if others >= t else 0
