"""What every operation says about itself is true of its fold."""

from datetime import date
from decimal import Decimal
from itertools import product

import pytest

from broker.query.operations.operation import Operation
from broker.query.operations.registry import OPERATIONS, apply

VALUES = (0, 1, -3, 400_000_000, Decimal("2.5"), "a", "", "12", date(2018, 1, 31), date(9999, 12, 31), True)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_that_can_give_null_says_so(operation: Operation) -> None:
    """`gives_null` reads the template. A template with another way to NULL would hide that some rows are skipped."""
    found = [v for v in product(VALUES, repeat=operation.arguments) if apply(operation.name, v) is None]
    assert operation.gives_null or found == []
