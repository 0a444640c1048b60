"""Populations that everybody is taken to know, as far as a table has to do with them: everybody of each table and year
that it reads, and reference populations of these. Reads no entry of the memory."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.members import Persons, from_bytes, members_of, to_bytes
from broker.disclosure.differencing.tables import Table
from broker.domain.errors import Unknown
from broker.domain.ports import MemoryPorts
from broker.domain.ports.release_history import KnownPopulation
from broker.domain.release_history import Entry, KnownFigure, Source
from broker.workflow.release_history.reading import Read
from broker.workflow.release_history.tables import Of

EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Since when populations are known."""


@dataclass(frozen=True, slots=True)
class Known:
    """A population with its sizes; persons are read when they are asked for. `holds`: nobody of the table is elsewhere.
    `whole`: it is one cell, everybody of a table and year."""

    ident: str
    sizes: tuple[int, ...]
    holds: bool
    whole: bool
    load: Callable[[], KnownPopulation]


def known_of(memory: MemoryPorts, snapshot: str, read: Read, least: int, persons: Persons | None = None) -> list[Known]:
    """Everybody of what is read, and reference populations of it. Of these, cells of fewer than `least` persons are one
    with others: what is so small is published by nobody. `persons` are the table's: where no plan says where they are
    from, a population that has all of them holds the table."""

    def holds(found: KnownPopulation) -> bool:
        if read.holding is not None:
            return (found.table, found.year) in read.holding
        return persons is not None and bool(np.isin(persons, from_bytes(found.content).listed()[0]).all())

    every = []
    for source in sorted(read.every, key=repr):
        load = partial(memory.populations.everybody, snapshot, *source)
        with suppress(Unknown):  # a year that the snapshot does not have
            found = load()
            every.append(Known(found.ident, found.sizes, holds(found), True, load))
    for found in memory.populations.references(snapshot):
        if (found.table, found.year) in read.every and sum(found.sizes) >= least and not found.pooled:
            published = _published(found, least)
            every.append(Known(found.ident, published.sizes, holds(found), False, partial(_same, published)))
    return every


def _same(population: KnownPopulation) -> KnownPopulation:
    return population


def _published(population: KnownPopulation, least: int) -> KnownPopulation:
    """The smallest cells put together until each has `least` persons."""
    order = np.argsort(population.sizes, kind="stable")
    added = np.cumsum(np.asarray(population.sizes)[order])
    small = int(np.searchsorted(np.asarray(population.sizes)[order], least))
    together = 0 if small == 0 else max(small, 1 + int(np.searchsorted(added, least)))
    if together <= 1:
        return population
    first = order[:together]
    kept = [c for c in range(len(population.sizes)) if c not in set(first.tolist())]
    number = np.zeros(len(population.sizes), np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    persons, cells = from_bytes(population.content).listed()
    sizes = (int(added[together - 1]), *(population.sizes[c] for c in kept))
    content = to_bytes(members_of(len(sizes), persons, number[cells]))
    return replace(population, cells=(), sizes=sizes, content=content)


def is_near(known: Sequence[Known], once: np.ndarray, several: np.ndarray, t: int) -> bool:
    """Whether fewer than t persons tell the total of a table from everybody of a population. `once` are persons whom
    the table counts once, `several` those whom it counts several times."""
    return any(k.whole and 0 < _apart(k, once, several, t) < t for k in known)


def _apart(known: Known, once: np.ndarray, several: np.ndarray, t: int) -> int:
    least = abs(known.sizes[0] - len(once))
    if least >= t or known.holds:
        return least
    everybody, _ = from_bytes(known.load().content).listed()
    inside = int(np.isin(once, everybody, assume_unique=True).sum())
    return known.sizes[0] - inside + len(once) - inside + int((~np.isin(several, everybody)).sum())


def known_loads(of: Of, known: Sequence[Known]) -> dict[int, Load]:
    """By numbers below 0: no entry has one."""

    def load(number: int, one: Known) -> Load:
        return lambda: population_table(one.load(), number, of.profile.t, of.now)

    return {-n: load(-n, one) for n, one in enumerate(known, 1)}


def population_table(population: KnownPopulation, number: int = 0, t: int = 1, now: datetime = EVER) -> Table:
    """A known population as a table that was never released and that everybody has seen."""
    sizes = dict(enumerate(population.sizes))
    figure = KnownFigure(0, "", once=False, told="persons", reads=frozenset(), shown=sizes)
    source = Source.POPULATION
    entry = Entry(number, "", "", 0, "", population.snapshot, "", t, population.ident, "", source, now, len(sizes))
    return Table(entry, (figure,), from_bytes(population.content))
