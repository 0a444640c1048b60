"""Sensitivity: how far one person changes an exact vector, in integers, from enforced bounds. Reads no data.

A person has r_c rows in cell c, with r_c <= R and at most G cells with r_c > 0. If it is bounded, the sum of all r_c is
at most k. Removing or adding the person changes a block whose rows weigh `whole` by at most
    L1    whole * max sum r_c    = whole * min(G R, k)
    L2^2  whole^2 * max sum r_c^2: convex, so the maximum is at a corner: as many full cells as possible, then the rest
    Linf  whole * R
because the coordinates of one row have an L1 and an L2 norm of at most `whole` (non-negative integers with that sum).
If rows are only bounded by k, L1 = k and L2 = k, as if all were in one cell. Counts, sums and complementary sums are
the cases whole = 1, max(|L|, |U|) and U - L. (Wilson et al. 2020, PoPETs 2020(2), for the bounded contributions.)
"""

from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.privacy.block_layout import Block
from broker.privacy.private_tables import Influence

MAX_EXACT_INTEGER = 2**53
"""Up to this integer floats are exact; OpenDP takes the L2 distance as a float."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The most that adding or removing one person changes a vector; at most `l0` cells change. `l2_squared` is
    exact."""

    l0: int
    l1: int
    l2_squared: int
    linf: int


def worst_case_rows(influence: Influence) -> tuple[int, ...]:
    """Rows by cell of a person who changes the L2 norm most: full cells first. (They also change the L1 norm most.)"""
    full_rows = min(influence.rows_per_cell, influence.max_rows)
    full, rest = divmod(influence.max_rows, full_rows)
    if full >= influence.cells:
        return (full_rows,) * influence.cells
    return (full_rows,) * full + ((rest,) if rest else ())


def influence_on_person_counts(influence: Influence) -> Influence:
    """The influence on counts of distinct persons: a person counts once in each cell."""
    return Influence(min(influence.cells, influence.max_rows), 1)


def influence_on(block: Block, influence: Influence) -> Influence:
    return influence_on_person_counts(influence) if block.persons else influence


def block_sensitivity(block: Block, influence: Influence) -> Sensitivity:
    """The sensitivity of a block's vector over all cells of a grouping set. Raises Invalid("too-wide") if floats would
    round it.

    `influence` is the influence in that set (`PrivateTable.influence_in`); each set is a partition of the same rows.
    """
    bounds = influence_on(block, influence)
    rows = worst_case_rows(bounds)
    found = Sensitivity(
        l0=min(bounds.cells, bounds.max_rows),
        l1=block.row_total * bounds.max_rows,
        l2_squared=block.row_total**2 * sum(r * r for r in rows),
        linf=block.row_total * rows[0],
    )
    # A rounded sensitivity could be too small, and so could the noise.
    if max(found.l1, found.linf) >= MAX_EXACT_INTEGER:
        raise Invalid("too-wide", "The clamps are too wide for this statistic: use narrower clamps or fewer decimals.")
    return found
