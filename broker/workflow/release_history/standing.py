"""The tables of one job as they stand between two rounds of a comparison: as the rules judge them by now, with what
memory has said of them."""

from functools import partial
from itertools import takewhile

import numpy as np

from broker.disclosure.differencing.changes import held_back, without_total
from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.members import Members, from_bytes
from broker.disclosure.differencing.tables import Table
from broker.disclosure.linking.families import families_of
from broker.domain.lineage import read_by
from broker.domain.ports import WorkerPorts
from broker.domain.ports.release_history import Where
from broker.domain.release_history import Entry, KnownFigure
from broker.domain.scalars import Value
from broker.workflow.release_history.asked import Asked, Found, Said
from broker.workflow.release_history.known import Known, is_near, known_of
from broker.workflow.release_history.tables import (
    entry_of,
    judged_table,
    memory_of,
    numbered,
    remembered_table,
)
from broker.workflow.standard_populations import Near, near_standard

BESIDE = -1_000_000
"""The first number of tables of the same job that are compared with each other; known populations have -1 and so on."""


class Standing:
    """One job's tables, with the memory that they are compared with."""

    def __init__(self, ports: WorkerPorts, asked: Asked) -> None:
        self._ports, self._asked, self._memory = ports, asked, memory_of(ports)
        self.version = ports.store.memory_version()
        self.entries = {e.number: e for e in ports.store.remembered()}
        kept = [e for e in self.entries.values() if ports.store.members_of(e.number) is not None]
        self._loads = {e.number: remembered_table(ports, self._memory, e) for e in kept}
        self._said: Said = {}
        self._mended: dict[Where, Members] = {}
        families = families_of(asked.plan, 0)
        self._family = {m.where: n for n, family in enumerate(families) for m in family.members}
        self._known = self._all_known()

    def has_members(self, entry: Entry) -> bool:
        """Whether anything is compared with it: not with numbers whose population nobody knows."""
        return entry.number in self._loads

    def near_standard(self) -> tuple[Near, ...]:
        """Of the job's outputs, by their text alone."""
        return near_standard(self._asked.plan, self._asked.policies)

    def _table(self, found: Found, where: Where) -> Table | None:
        """The table as it is judged by now, and as it would be known; None where nothing of it would leave."""
        table = self._judged(found, where)
        if not any(f.shown for f in table.figures):
            return None
        return without_total(table) if self._is_near(where) else table

    def _judged(self, found: Found, where: Where) -> Table:
        given = self._asked.members[where]
        output = self._asked.plan.outputs[where[0]]
        known = {k.ident: k.sizes[0] for k in self._known[where] if k.whole and k.holds}
        entry = entry_of(self._asked.of, output, self._asked.recipe(where), given, known)
        members = self._mended.get(where) or from_bytes(given.content)
        return judged_table(self._asked.plan, where, entry, given, members, found.assessments[where[0]])

    def _is_near(self, where: Where) -> bool:
        """Whether fewer than t persons tell the table's total from a known population, because they are not in it or
        count several times: then nobody can be taken to know the total, and it must not be told."""
        members = from_bytes(self._asked.members[where].content)
        persons, _ = members.rows()
        rows = members.amounts.get("rows", np.ones(len(persons)))
        several = np.unique(np.concatenate([members.more_persons, persons[rows != 1]]))
        once = np.setdiff1d(persons, several)
        return is_near(self._known[where], once, several, self._asked.of.profile.t)

    def _has_hole(self, table: Table) -> bool:
        """So many persons are in no shown cell that nobody can add the table up."""
        return held_back(table) >= self._asked.of.profile.t

    def _beside(self, found: Found, where: Where) -> dict[int, Load]:
        """Tables of the job that are not linked to this one, so that no pattern of holes is of both: as if they had
        left before it. They have numbers that no entry has."""
        before = takewhile(lambda other: other != where, self._asked.members)
        others = [t for o in before if self._family[o] != self._family[where] and (t := self._table(found, o))]
        tables = [*self._asked.beside, *others]
        return {BESIDE - n: partial(numbered, table, BESIDE - n) for n, table in enumerate(tables)}

    def _figures_of(self, found: Found, where: Where, entry: int) -> tuple[KnownFigure, ...]:
        if entry in self.entries:
            return self._ports.store.known_figures(entry)
        beside = self._beside(found, where)
        return beside[entry]().figures if entry in beside else ()

    def _all_known(self) -> dict[Where, list[Known]]:
        of, least = self._asked.of, self._asked.policies.memory.least
        found = {}
        for where, given in self._asked.members.items():
            persons = np.unique(from_bytes(given.content).rows()[0])
            found[where] = known_of(self._memory, of.snapshot, self._asked.read(where), least, persons)
        return found

    def _figures(self, found: Found, where: Where) -> tuple[KnownFigure, ...]:
        table = self._table(found, where)
        return () if table is None else table.figures

    def _cells(self, where: Where) -> tuple[tuple[Value, ...], ...]:
        return self._asked.members[where].cells

    def _idents(self, where: Where) -> frozenset[int]:
        output = self._asked.plan.outputs[where[0]]
        return read_by(output) & {s.ident for s in output.tables[where[1]].statistics}
