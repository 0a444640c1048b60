"""How a table that leaks against the memory is changed until it does not: earlier values, holes, the whole table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.tables import Comparison, Table
from broker.domain.memory import Change


@dataclass(frozen=True, slots=True)
class Mending:
    """What is changed, in order; `table` is the table after it, None where the whole of it is withheld. `comparisons`
    are of the table as it came."""

    changes: tuple[Change, ...]
    table: Table | None
    comparisons: tuple[Comparison, ...]


def mend(new: Table, memory: Mapping[int, Load], threads: int = 2) -> Mending:
    """Compare, change, and compare again until no leak is left. The workflow applies the changes to the output."""
    raise NotImplementedError


def changed(new: Table, changes: Sequence[Change], memory: Mapping[int, Load]) -> Table:
    """The table after changes, as the memory would know it."""
    raise NotImplementedError
