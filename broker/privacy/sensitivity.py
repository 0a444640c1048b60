"""Sensitivity: how far one person moves an exact vector, in integers, from enforced bounds. Reads no data.

A person has r_c rows in cell c, with r_c <= R, at most G cells with r_c > 0, and the sum of all r_c is at most k where
that is bounded. Removing or adding the person moves a block whose rows weigh `whole` by at most
    L1    whole * max sum r_c    = whole * min(G R, k)
    L2^2  whole^2 * max sum r_c^2: convex, so its maximum is at a corner: as many full cells as go, then the rest
    Linf  whole * R
since the coordinates of one row have an L1 and an L2 norm of at most `whole` (non-negative integers that sum up to it).
With rows only bounded by k this is L1 = k and L2 = k, as if all were in one cell. Counts, sums and complementary sums
are the cases whole = 1, max(|L|, |U|) and U - L. (Wilson et al. 2020, PoPETs 2020(2), for the bounded contributions.)
"""

from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.privacy.block_layout import Block
from broker.privacy.private_tables import Influence

MAX_EXACT_INTEGER = 2**53
"""Integers up to here are floats without rounding; OpenDP takes the L2 distance as a float."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Most that adding or removing one person moves a vector; `l0` cells move at all. `l2_squared` is exact."""

    l0: int
    l1: int
    l2_squared: int
    linf: int


def worst_case_rows(influence: Influence) -> tuple[int, ...]:
    """Rows by cell of a person who moves the L2 norm most: full cells first. (Also the most in L1.)"""
    full, rest = divmod(influence.max_rows, min(influence.rows_per_cell, influence.max_rows))
    full_rows = min(influence.rows_per_cell, influence.max_rows)
    if full >= influence.cells:
        return (full_rows,) * influence.cells
    return (full_rows,) * full + ((rest,) if rest else ())


def influence_on_person_counts(influence: Influence) -> Influence:
    """The influence on counts of distinct persons: a person is one in each cell."""
    return Influence(min(influence.cells, influence.max_rows), 1)


def influence_on(block: Block, influence: Influence) -> Influence:
    return influence_on_person_counts(influence) if block.persons else influence


def block_sensitivity(block: Block, influence: Influence) -> Sensitivity:
    """Of the vector of a block over all cells of a grouping set. Invalid (`too-wide`) where floats would round it.

    `influence` is that in the set (`PrivateTable.influence_in`); each set is a partition of the same rows.
    """
    bounds = influence_on(block, influence)
    rows = worst_case_rows(bounds)
    found = Sensitivity(
        l0=min(bounds.cells, bounds.max_rows),
        l1=block.row_total * bounds.max_rows,
        l2_squared=block.row_total**2 * sum(r * r for r in rows),
        linf=block.row_total * rows[0],
    )
    if max(found.l1, found.linf) >= MAX_EXACT_INTEGER:
        raise Invalid("too-wide", "The clamps are too wide for this statistic: choose narrower ones or fewer decimals.")
    return found
