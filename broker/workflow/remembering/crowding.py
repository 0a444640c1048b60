"""The cap: how many exact figures may split each reference population of a snapshot, over all projects. Beyond it the
many together would tell about everybody in it, whatever is hidden in each."""

from collections.abc import Iterator, Sequence

from broker.disclosure.differencing.caps import beyond, splits
from broker.disclosure.differencing.members import from_bytes
from broker.disclosure.differencing.tables import Table
from broker.domain.ports import WorkerPorts
from broker.domain.remembered import Splits
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
    used = ports.store.split_counts(snapshot)
    sizes = {r.ident: r.sizes for r in memory_of(ports).populations.references(snapshot)}
    rules = policies.memory
    for s in splits_of(ports, snapshot, tables):
        before = used.get(s.population, (0,) * len(s.counts))
        crowded = beyond(before, s.counts, sizes[s.population], rules.fraction)
        if any(sizes[s.population][cell] >= rules.least for cell in crowded):
            return True
    return False
