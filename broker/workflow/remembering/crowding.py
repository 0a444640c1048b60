"""The cap: how many exact figures may split each reference population of a snapshot, over all projects. Beyond it the
many together would tell about everybody in it, whatever is hidden in each."""

from collections.abc import Iterator, Mapping, Sequence

from broker.disclosure.differencing.caps import beyond, splits
from broker.disclosure.differencing.members import from_bytes
from broker.disclosure.differencing.tables import Table
from broker.domain.caps import MeasuredPopulation
from broker.domain.ports import WorkerPorts
from broker.domain.ports.memory import KnownPopulation
from broker.domain.remembered import Splits
from broker.domain.scalars import Value
from broker.policy.models import Policies
from broker.workflow.remembering.tables import memory_of


def splits_of(ports: WorkerPorts, snapshot: str, tables: Sequence[Table]) -> tuple[Splits, ...]:
    """By reference population, how many of the tables' figures split each of its cells."""
    return tuple(_splits(ports, snapshot, tables))


def _splits(ports: WorkerPorts, snapshot: str, tables: Sequence[Table]) -> Iterator[Splits]:
    for known in memory_of(ports).populations.references(snapshot) if tables else ():
        members = from_bytes(known.content)
        counts = tuple(map(sum, zip(*(splits(table, members) for table in tables), strict=True)))
        if any(counts):
            yield Splits(snapshot, known.ident, counts)


def is_crowded(ports: WorkerPorts, snapshot: str, tables: Sequence[Table], policies: Policies) -> bool:
    """Whether the tables, with everything released before, are more than the cap lets go. What the populations are is
    kept for staff, who may not open them."""
    used = ports.store.split_counts(snapshot)
    measured = {m.population: m for m in _measured(ports, snapshot, policies)}
    _keep_measured(ports, snapshot, measured)
    rules = policies.memory
    for s in splits_of(ports, snapshot, tables):
        sizes = measured[s.population].sizes
        before = used.get(s.population, (0,) * len(s.counts))
        crowded = beyond(before, s.counts, sizes, rules.fraction)
        if any(sizes[cell] >= rules.least for cell in crowded):
            return True
    return False


def _measured(ports: WorkerPorts, snapshot: str, policies: Policies) -> Iterator[MeasuredPopulation]:
    least = policies.memory.least
    for known in memory_of(ports).populations.references(snapshot):
        sizes = tuple(size if size >= least else 0 for size in known.sizes)
        cells = tuple(_words(known, cell) for cell in known.cells)
        named = (known.ident, known.name, known.table, known.year)
        yield MeasuredPopulation(snapshot, *named, least, cells, sizes)


def _words(known: KnownPopulation, cell: Sequence[Value]) -> str:
    named = zip(known.variables, cell, strict=False)
    return " ".join(f"{variable}={'(missing)' if key is None else key}" for variable, key in named)


def _keep_measured(ports: WorkerPorts, snapshot: str, found: Mapping[str, MeasuredPopulation]) -> None:
    before = ports.store.measured_least(snapshot)
    new = [m for ident, m in found.items() if before.get(ident) != m.least]
    if new:
        ports.store.put_measured(new)
