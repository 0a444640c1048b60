"""The cap: how many exact figures may tell of each reference population of a snapshot, over all projects. Beyond it the
many together would tell about everybody in it, whatever is hidden in each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from broker.disclosure.differencing.caps import Counted, beyond, counted, totals
from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.exposure import Exposure, last_of
from broker.disclosure.differencing.members import from_bytes
from broker.disclosure.differencing.reference_groups import Groups, groups_of
from broker.disclosure.differencing.tables import Table
from broker.domain.caps import MeasuredPopulation
from broker.domain.ports import WorkerPorts
from broker.domain.ports.release_history import KnownPopulation
from broker.domain.remembered import Splits
from broker.policy.memory import MemoryPolicy
from broker.policy.models import Policies
from broker.workflow.release_history.known import population_table
from broker.workflow.release_history.tables import memory_of, remembered_table

Figures = frozenset[tuple[int, int]]
"""Statistics and cells of a table."""


@dataclass(frozen=True, slots=True)
class Against:
    """Tables counted against one reference population: the parts of each one's figures, with those before it known."""

    population: KnownPopulation
    groups: Groups
    tables: tuple[tuple[Counted, ...], ...]

    def beyond(self, used: Sequence[int], fraction: float) -> list[Figures]:
        """Of each table in turn what must be hidden; `used` is released."""
        room, found = list(used), []
        for parts in self.tables:
            hidden = beyond(room, parts, self.groups.sizes, fraction)
            left = totals((one for one in parts if (one.statistic, one.cell) not in hidden), len(room))
            room = [a + b for a, b in zip(room, left, strict=True)]
            found.append(hidden)
        return found


def counted_against(
    ports: WorkerPorts, snapshot: str, tables: Sequence[Table], policies: Policies, beside: Sequence[Table] = ()
) -> Iterator[Against]:
    """The tables in their order against every reference population, one by one: beside what is remembered, everybody
    of their tables and years and the populations themselves are known, and the tables `beside`."""
    rules = policies.memory
    known = list(_populations(ports, snapshot)) if tables else []
    if not known:
        return
    everybody = max(last_of(m) for m in (*(from_bytes(k.content) for k in known), *(t.members for t in tables)))
    made = [
        Exposure(table, _known(ports, snapshot, [*beside, *tables[:n]]), everybody) for n, table in enumerate(tables)
    ]
    for population in memory_of(ports).populations.references(snapshot):
        groups = _groups(population, rules)
        parts = (counted(e.of(groups.members, rules.part), t.entry.t) for e, t in zip(made, tables, strict=True))
        yield Against(population, groups, tuple(map(tuple, parts)))


def crowded(
    ports: WorkerPorts, snapshot: str, tables: Sequence[Table], policies: Policies, beside: Sequence[Table] = ()
) -> list[Figures]:
    """Of each table the figures that are, with everything released before, more than the cap lets go."""
    used: Mapping[str, Sequence[int]] = ports.store.split_counts(snapshot)
    found: list[Figures] = [frozenset()] * len(tables)
    for against in counted_against(ports, snapshot, tables, policies, beside):
        _keep_for_staff(ports, against.population, against.groups, policies.memory)
        before = used.get(against.population.ident, (0,) * len(against.groups.sizes))
        more = against.beyond(before, policies.memory.fraction)
        found = [a | b for a, b in zip(found, more, strict=True)]
    return found


def splits_of(
    ports: WorkerPorts, snapshot: str, tables: Sequence[Table], policies: Policies
) -> list[tuple[Splits, ...]]:
    """Of each table, by reference population, the thousandths of figures that count against each of its cells."""
    found: list[tuple[Splits, ...]] = [()] * len(tables)
    for against in counted_against(ports, snapshot, tables, policies):
        for number, parts in enumerate(against.tables):
            if parts:
                counts = totals(parts, len(against.groups.sizes))
                found[number] = (*found[number], Splits(snapshot, against.population.ident, counts))
    return found


def _known(ports: WorkerPorts, snapshot: str, tables: Sequence[Table]) -> Iterator[Load]:
    memory = memory_of(ports)
    for population in _populations(ports, snapshot):
        yield partial(population_table, population)
    for entry in ports.store.remembered():
        if ports.store.members_of(entry.number) is not None:
            yield remembered_table(ports, memory, entry)
    for table in tables:
        yield partial(_same, table)


def _same(table: Table) -> Table:
    return table


def _populations(ports: WorkerPorts, snapshot: str) -> Iterator[KnownPopulation]:
    """Reference populations, and everybody of their tables and years."""
    populations, every = memory_of(ports).populations, set[tuple[str, int | None]]()
    for population in populations.references(snapshot):
        yield population
        every.add((population.table, population.year))
    for table, year in sorted(every, key=repr):
        yield populations.everybody(snapshot, table, year)


def _groups(population: KnownPopulation, rules: MemoryPolicy) -> Groups:
    return groups_of(from_bytes(population.content), population.sizes, rules.least, population.pooled)


def _keep_for_staff(ports: WorkerPorts, known: KnownPopulation, groups: Groups, rules: MemoryPolicy) -> None:
    """What staff may know of a reference population is in the store when it was met first."""
    if ports.store.measured_least(known.snapshot).get(known.ident) != rules.least:
        ports.store.put_measured([_measured(known, groups, rules.least)])


def _measured(known: KnownPopulation, groups: Groups, least: int) -> MeasuredPopulation:
    cells = tuple(_words(known, cell, groups.cells[cell]) for cell in range(len(known.cells)))
    named = (known.snapshot, known.ident, known.name, known.table, known.year)
    return MeasuredPopulation(*named, least, cells, groups.sizes)


def _words(known: KnownPopulation, cell: int, pooled: int) -> str:
    named = zip(known.variables, known.cells[cell], strict=False)
    words = " ".join(f"{variable}={'(missing)' if key is None else key}" for variable, key in named)
    return f"{words} and {pooled - 1} more" if pooled > 1 else words
