"""F3 across cells: a category that holds (nearly) all of its group tells what each of them is. No verdicts here."""

from collections import defaultdict
from collections.abc import Iterable

from broker.domain.outputs import CellEvidence
from broker.domain.scalars import Value

Keys = tuple[Value, ...]


def full_cells(cells: Iterable[CellEvidence], full_share: float) -> frozenset[Keys]:
    """Keys of cells that hold at least `full_share` of the persons in a line of the table.

    A line fixes every key but one. What follows from filter or structure tells nothing and is exempt: a key of which
    the whole table shows one value only, one that the other keys mostly fix (school and authority), and the line
    of a one-key table, which is the population itself.
    """
    found = [c for c in cells if c.persons]
    width = len(found[0].keys) if found else 0
    if width < 2:
        return frozenset()
    axes = [i for i in range(width) if len({c.keys[i] for c in found}) > 1]
    full: set[Keys] = set()
    for axis in axes:
        lines: dict[Keys, list[CellEvidence]] = defaultdict(list)
        for cell in found:
            lines[cell.keys[:axis] + cell.keys[axis + 1 :]].append(cell)
        if 2 * sum(len(line) == 1 for line in lines.values()) > len(lines):
            continue
        for line in lines.values():
            largest = max(line, key=lambda c: c.persons)
            if largest.persons >= full_share * sum(c.persons for c in line):
                full.add(largest.keys)
    return frozenset(full)
