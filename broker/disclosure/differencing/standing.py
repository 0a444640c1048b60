"""How two tables stand to each other: cells of the same persons, and what the one tells already. No verdicts."""

import numpy as np

from broker.disclosure.differencing.contraction import Flags
from broker.disclosure.differencing.joint import Counts, Joint, Numbers
from broker.disclosure.differencing.kinds import SAME, Several
from broker.domain.release_history import OverlapKind


def repeated_of(table: Counts, apart: Counts | None, several: Several, told: tuple[int, int]) -> Flags:
    """Which told cells of the new figure lie on one told cell of the old, and that on it alone; or have nobody."""
    lies = table > 0 if apart is None else (table > 0) | (apart > 0)
    rows, columns = lies.sum(axis=1)[: told[0]], lies.sum(axis=0)
    on = lies[: told[0]].argmax(axis=1) if lies.shape[1] else np.zeros(told[0], np.int64)
    found: Flags = (rows == 1) & (columns[on] == 1) & (on < told[1])
    if apart is not None:
        found &= apart[np.arange(told[0]), on] == 0
    onto = np.full(sum(table.shape), -1)
    onto[table.shape[0] + on[found]] = np.flatnonzero(found)
    onto[: told[0]] = np.arange(told[0])
    cells = onto[several.vertices]
    inside = cells >= 0
    pairs, where = np.unique(several.persons[inside] * max(1, told[0]) + cells[inside], return_inverse=True)
    left = np.bincount(where, weights=several.amounts[inside], minlength=len(pairs))
    found |= rows == 0
    found[pairs[np.abs(left) > SAME] % max(1, told[0])] = False
    return found


def overlap_of(equal: Joint, unequal: Joint | None, several: Several) -> OverlapKind:
    """How the cells lie, holes and all; persons of several cells make it `apart`."""
    if len(several.persons) or (unequal is not None and unequal.persons):
        return OverlapKind.APART
    rows, columns = _neighbours(equal)
    if not (rows[:-1].sum() - columns[-1]):
        return OverlapKind.DISJOINT
    finer, coarser = rows[:-1].max() <= 1, columns[:-1].max() <= 1
    if finer and coarser and not rows[-1] + columns[-1]:
        return OverlapKind.IDENTICAL
    return OverlapKind.NESTED if finer or coarser else OverlapKind.APART


def _neighbours(joint: Joint) -> tuple[Numbers, Numbers]:
    """With how many cells of the other table (or none of them) each cell of either has anybody in common."""
    if joint.table is None:
        left, right, _ = joint.listed()
        return np.bincount(left, minlength=joint.rows), np.bincount(right, minlength=joint.columns)
    any_in = joint.table > 0
    return np.count_nonzero(any_in, axis=1), np.count_nonzero(any_in, axis=0)
