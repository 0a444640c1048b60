"""How many exact figures on each reference population there may be: beyond it the many would tell everything."""

from collections.abc import Sequence

from broker.disclosure.differencing.members import Members
from broker.disclosure.differencing.tables import Table


def splits(table: Table, references: Members) -> tuple[int, ...]:
    """By the cell of `references` (each person of it in one), the figures of the table that split it: that count some
    of it and not all."""
    raise NotImplementedError


def beyond(used: Sequence[int], more: Sequence[int], sizes: Sequence[int], fraction: float) -> tuple[int, ...]:
    """The reference populations on which `used` and `more` figures together are more than the fraction of persons."""
    raise NotImplementedError
