"""The widths of hidden sums in a family of linked tables do not follow from one person's amount."""

import pytest

from broker.disclosure.linking import linked_system
from broker.disclosure.linking.joint_cells import JointAmount, JointCell, JointCellIndex
from broker.evidence.table_families import TableFamily


def largest_possible(largest: float) -> float:
    """Of an amount without bounds, in a cell of twenty persons."""
    cell = JointCell({"school": 1}, 20, 20, {"missed": JointAmount(1_000, largest, 0)})
    return linked_system._largest_possible(TableFamily((), (), None), JointCellIndex([cell]), "missed")


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_without_bounds_amounts_between_powers_of_eight_are_alike(power: int) -> None:
    widths = {largest_possible(amount) for amount in range(8**power + 1, 8 ** (power + 1))}
    assert len(widths) == 1
    assert largest_possible(8 ** (power + 2) + 1) not in widths
