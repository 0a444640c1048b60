"""The cap: how many exact figures may split each reference population of a snapshot, over all projects. Beyond it the
many together would tell about everybody in it, whatever is hidden in each."""

from collections.abc import Iterator, Sequence

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
    """Whether the tables, with everything released before, are more than the cap lets go."""
    used, rules = ports.store.split_counts(snapshot), policies.memory
    sizes = {known.ident: known.sizes for known in _kept_for_staff(ports, snapshot, rules.least)}
    for s in splits_of(ports, snapshot, tables):
        before = used.get(s.population, (0,) * len(s.counts))
        crowded = beyond(before, s.counts, sizes[s.population], rules.fraction)
        if any(sizes[s.population][cell] >= rules.least for cell in crowded):
            return True
    return False


def _kept_for_staff(ports: WorkerPorts, snapshot: str, least: int) -> Iterator[KnownPopulation]:
    """The reference populations; what staff may know of each is in the store when it was met first."""
    before = ports.store.measured_least(snapshot)
    for known in memory_of(ports).populations.references(snapshot):
        if before.get(known.ident) != least:
            ports.store.put_measured([_measured(known, least)])
        yield known


def _measured(known: KnownPopulation, least: int) -> MeasuredPopulation:
    sizes = tuple(size if size >= least else 0 for size in known.sizes)
    cells = tuple(_words(known, cell) for cell in known.cells)
    named = (known.snapshot, known.ident, known.name, known.table, known.year)
    return MeasuredPopulation(*named, least, cells, sizes)


def _words(known: KnownPopulation, cell: Sequence[Value]) -> str:
    named = zip(known.variables, cell, strict=False)
    return " ".join(f"{variable}={'(missing)' if key is None else key}" for variable, key in named)
