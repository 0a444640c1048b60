"""Populations that everybody is assumed to know, as far as a table concerns them: everybody of each table and year
that it reads, and reference populations of these. Reads no entry of the release history."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from broker.disclosure.differencing.compare_tables import LoadTable
from broker.domain.errors import Unknown
from broker.domain.ports import ReleaseHistoryPorts
from broker.domain.ports.history_ports import KnownPopulation
from broker.domain.release_history import HistoryEntry, HistorySource, KnownFigure
from broker.evidence.member_tables import MemberTable, Persons, from_bytes, members_of, to_bytes
from broker.workflow.release_history.history_tables import ComparisonRequest, TableSources

EVER = datetime(1, 1, 1, tzinfo=UTC)
"""The time from which populations count as known."""


@dataclass(frozen=True, slots=True)
class LazyPopulation:
    """A population with its sizes; its persons are read only when needed.

    `holds`: it contains everybody of the table. `whole`: it is one cell, everybody of a table and year.
    """

    ident: str
    sizes: tuple[int, ...]
    holds: bool
    whole: bool
    load: Callable[[], KnownPopulation]


def populations_of_sources(
    history: ReleaseHistoryPorts, snapshot: str, sources: TableSources, least: int, persons: Persons | None = None
) -> list[LazyPopulation]:
    """Return everybody of each source, and the reference populations of the sources.

    Cells of reference populations with fewer than `least` persons are merged, because nobody publishes so small ones.
    `persons` are the table's: if no plan says where they come from, a population that contains all of them holds the
    table.
    """

    def holds(found: KnownPopulation) -> bool:
        if sources.holding is not None:
            return (found.table, found.year) in sources.holding
        return persons is not None and bool(np.isin(persons, from_bytes(found.content).listed()[0]).all())

    every = []
    for source in sorted(sources.every, key=repr):
        load = partial(history.populations.everybody, snapshot, *source)
        with suppress(Unknown):  # a year that the snapshot does not have
            found = load()
            every.append(LazyPopulation(found.ident, found.sizes, holds(found), True, load))
    for found in history.populations.references(snapshot):
        # `pooled` ones serve the cap only, and are never compared.
        if (found.table, found.year) in sources.every and sum(found.sizes) >= least and not found.pooled:
            published = _published(found, least)
            every.append(
                LazyPopulation(found.ident, published.sizes, holds(found), False, partial(_unchanged, published))
            )
    return every


def _unchanged(population: KnownPopulation) -> KnownPopulation:
    return population


def _published(population: KnownPopulation, least: int) -> KnownPopulation:
    """Return the population with its smallest cells merged until each cell has `least` persons."""
    order = np.argsort(population.sizes, kind="stable")
    added = np.cumsum(np.asarray(population.sizes)[order])
    small = int(np.searchsorted(np.asarray(population.sizes)[order], least))
    # All cells under `least`, and more of the smallest until the merged cell has `least` persons.
    together = 0 if small == 0 else max(small, 1 + int(np.searchsorted(added, least)))
    if together <= 1:
        return population
    first = order[:together]
    others = [c for c in range(len(population.sizes)) if c not in set(first.tolist())]
    number = np.zeros(len(population.sizes), np.int64)
    number[others] = np.arange(1, len(others) + 1)
    persons, cells = from_bytes(population.content).listed()
    sizes = (int(added[together - 1]), *(population.sizes[c] for c in others))
    content = to_bytes(members_of(len(sizes), persons, number[cells]))
    return replace(population, cells=(), sizes=sizes, content=content)


def population_loads(request: ComparisonRequest, known: Sequence[LazyPopulation]) -> dict[int, LoadTable]:
    """Return functions that read the populations, numbered from -1 down, because no entry has such a number."""

    def load(number: int, one: LazyPopulation) -> LoadTable:
        return lambda: population_table(one.load(), number, request.profile.t, request.now)

    return {-n: load(-n, one) for n, one in enumerate(known, 1)}


def population_table(population: KnownPopulation, number: int = 0, t: int = 1, now: datetime = EVER) -> MemberTable:
    """Return a known population as a table that was never released and that everybody has seen."""
    sizes = dict(enumerate(population.sizes))
    figure = KnownFigure(0, "", once=False, told="persons", reads=frozenset(), shown=sizes)
    source = HistorySource.POPULATION
    entry = HistoryEntry(
        number, "", "", 0, "", population.snapshot, "", t, population.ident, "", source, now, len(sizes)
    )
    return MemberTable(entry, (figure,), from_bytes(population.content))
