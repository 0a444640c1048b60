"""A new table against remembered ones: every union of cells of the one against every union of the other."""

from collections.abc import Callable, Iterable, Iterator

from broker.disclosure.differencing.tables import Comparison, Table

Load = Callable[[], Table]


def compare(new: Table, old: Table) -> Comparison:
    """Whether any union of cells of `new` and any of `old` differ by 1 to t - 1 persons; t is the larger of the two."""
    raise NotImplementedError


def compare_all(new: Table, memory: Iterable[Load], threads: int = 2) -> Iterator[Comparison]:
    """The same against many, in their order; holds at most a few of them at once."""
    raise NotImplementedError
