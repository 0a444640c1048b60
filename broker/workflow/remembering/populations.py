"""Which known populations hold everybody of a table: from its plan, or, of handed rows, from who is in it."""

from collections.abc import Collection, Iterator
from contextlib import suppress

import numpy as np

from broker.disclosure.differencing.members import from_bytes
from broker.domain.errors import Unknown
from broker.domain.plans import PlannedTable
from broker.domain.ports import MemoryPorts
from broker.domain.ports.memory import KnownPopulation, TableMembers
from broker.domain.relations import Filter, Join, JoinHow, Project, Relation, Scan

Place = tuple[str, int | None]
"""A table and year; None for a table without years."""


def populations_around(
    memory: MemoryPorts, snapshot: str, places: Collection[Place], members: TableMembers, least: int
) -> list[KnownPopulation]:
    """The known populations of tables and years that a script could read, as far as everybody of its table is in
    them: no plan says where the rows are from."""
    every = []
    for table, year in places:
        with suppress(Unknown):  # a year of the grant that the snapshot does not have
            every.append(memory.populations.everybody(snapshot, table, year))
    references = (
        r for r in memory.populations.references(snapshot) if (r.table, r.year) in places and min(r.sizes) >= least
    )
    persons = np.unique(from_bytes(members.content).rows()[0])
    return [p for p in [*every, *references] if np.isin(persons, from_bytes(p.content).rows()[0]).all()]


def populations_of(memory: MemoryPorts, snapshot: str, table: PlannedTable, least: int) -> list[KnownPopulation]:
    """The known populations that hold everybody of a planned table, and reference populations of what it reads where
    each has `least` persons: smaller ones are published by nobody."""
    scans = [(s.table, year) for s in _holding(table.contributions) if (year := _year(s)) is not False]
    every = [memory.populations.everybody(snapshot, name, year) for name, year in dict.fromkeys(scans)]
    references = [
        r for r in memory.populations.references(snapshot) if (r.table, r.year) in scans and min(r.sizes) >= least
    ]
    return [*every, *references]


def _year(scan: Scan) -> int | bool | None:
    """The one year of a scan; None for a table without years, False for one with several."""
    if scan.years is None:
        return None
    return next(iter(scan.years)) if len(scan.years) == 1 else False


def _holding(relation: Relation) -> Iterator[Scan]:
    """The scans of persons that hold everybody of a relation."""
    match relation:
        case Scan(person=person):
            if person is not None:
                yield relation
        case Filter(child=child) | Project(child=child):
            yield from _holding(child)
        case Join(how=how, left=left, right=right):
            if how is not JoinHow.FULL:
                yield from _holding(left)
            if how in {JoinHow.INNER, JoinHow.CROSS}:
                yield from _holding(right)
