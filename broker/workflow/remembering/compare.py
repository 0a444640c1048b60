"""The tables of one job against everything released: what is found, and what is changed until nothing is left to find.

Repair comes before refusal: what moved by a few persons leaves with its earlier value, what cannot is hidden and the
rules look again at the whole job, and the last resort is a table that does not leave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

import numpy as np

from broker.disclosure.differencing.changes import held_back, without_total
from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.members import Members, from_bytes
from broker.disclosure.differencing.mending import mend
from broker.disclosure.differencing.tables import Comparison, Table
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.linking.families import families_of
from broker.disclosure.recipes import recipe_of
from broker.domain.lineage import read_by
from broker.domain.memory import Change, Entry, KnownFigure, MemoryVersion, Source, Way
from broker.domain.outputs import Assessment
from broker.domain.plans import Plan
from broker.domain.ports import WorkerPorts
from broker.domain.ports.memory import KnownPopulation, TableMembers, Where
from broker.domain.scalars import Value
from broker.policy.models import Policies
from broker.workflow.remembering.changing import Changing
from broker.workflow.remembering.crowding import is_crowded
from broker.workflow.remembering.tables import (
    Of,
    entry_of,
    judged_table,
    known_loads,
    memory_of,
    numbered,
    populations_of,
    remembered_table,
)

ROUNDS = 5
"""Hiding for the sake of memory can make the rules hide more, and that is compared again, so many times at most."""

BESIDE = -1_000_000
"""The first number of tables of the same job that are compared with each other; known populations have -1 and so on."""

Said = dict[Where, Remembered]
Judge = Callable[[Mapping[Where, Remembered]], Sequence[Assessment]]
"""The rules' word on the job's outputs with what memory says of their tables."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The job's tables: their plan, who is in them, how they are judged again; and tables of the same job that were
    compared before these."""

    of: Of
    plan: Plan
    members: Mapping[Where, TableMembers]
    judge: Judge
    policies: Policies
    beside: Sequence[Table] = ()


@dataclass(slots=True)
class Found:
    """What came of it. `tables` are those to remember; `identical` leave again as they left before. `crowded` are the
    outputs beyond the cap, `refused` those of which no table could be mended."""

    version: MemoryVersion
    assessments: Sequence[Assessment]
    tables: dict[Where, Table] = field(default_factory=dict)
    identical: dict[Where, Entry] = field(default_factory=dict)
    comparisons: dict[Where, tuple[Comparison, ...]] = field(default_factory=dict)
    crowded: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)


class Comparing:
    """One job's comparison, with the memory that it is made with."""

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
        self._populations = {where: self._all_known(where) for where in asked.members}

    def run(self, assessments: Sequence[Assessment]) -> Found:
        found = Found(self.version, assessments)
        self._return_identical(found)
        if self._said:
            found.assessments = self._asked.judge(self._said)
        for _ in range(ROUNDS):
            if not self._mend(found):
                break
            found.assessments = self._asked.judge(self._said)
        else:
            self._withhold(found)
        found.tables = {w: t for w in self._asked.members if w not in found.identical and (t := self._table(found, w))}
        self._crowd(found)
        return found

    def has_members(self, entry: Entry) -> bool:
        """Whether anything is compared with it: not with numbers whose population nobody knows."""
        return entry.number in self._loads

    def _return_identical(self, found: Found) -> None:
        """A table of equal recipe on equal data that left under rules at least as strict is known already: it leaves
        with the same values and the same holes."""
        t = self._asked.of.profile.t
        for where in self._asked.members:
            recipe = recipe_of(self._asked.plan.outputs[where[0]].tables[where[1]])
            same = [e for e in self.entries.values() if _is_made_alike(e, recipe, self._asked.of.snapshot)]
            entry = next((e for e in same if e.t >= t and len(self._cells(where)) == e.cells), None)
            if entry is not None:
                found.identical[where] = entry
                self._said[where] = self._as_it_left(found, where, entry)

    def _as_it_left(self, found: Found, where: Where, entry: Entry) -> Remembered:
        then = {f.told: f for f in self._ports.store.known_figures(entry.number)}
        said = Changing(self._cells(where), self._idents(where))
        for figure in self._figures(found, where):
            shown = then[figure.told].shown if figure.told in then else {}
            for cell in range(len(self._cells(where))):
                said.give(cell, figure.statistic, shown.get(cell))
        return said.done()

    def _mend(self, found: Found) -> bool:
        """One round over all tables; whether anything had to be changed."""
        changes = False
        for where in self._asked.members:
            table = None if where in found.identical else self._table(found, where)
            if table is None:
                continue
            whole, is_near = self._judged(found, where), self._is_near(where)
            if is_near and not self._has_hole(whole):
                changes |= self._hide_one(where, whole)
                continue
            loads = self._loads | known_loads(self._asked.of, self._populations[where]) | self._beside(found, where)
            mending = mend(whole, loads, total_known=not is_near)
            found.comparisons.setdefault(where, mending.comparisons)
            if mending.changes:
                changes = True
                self._say(found, where, table, mending.changes)
                if mending.table is not None:
                    self._mended[where] = mending.table.members
        return changes

    def _beside(self, found: Found, where: Where) -> dict[int, Load]:
        """Tables of the job that are not linked to this one, so that no pattern of holes is of both: as if they had
        left before it. They have numbers that no entry has."""
        before = takewhile(lambda other: other != where, self._asked.members)
        others = [t for o in before if self._family[o] != self._family[where] and (t := self._table(found, o))]
        tables = [*self._asked.beside, *others]
        return {BESIDE - n: partial(numbered, table, BESIDE - n) for n, table in enumerate(tables)}

    def _say(self, found: Found, where: Where, table: Table, changes: Sequence[Change]) -> None:
        """What mending asks for becomes what memory says of the table when it is judged again."""
        said = Changing(self._cells(where), self._idents(where), self._said.get(where))
        told = {f.statistic: f.told for f in table.figures}
        for change in changes:
            match change:
                case Change(way=Way.WITHHOLD):
                    found.refused.add(where[0])
                    said.hide_all()
                case Change(way=Way.EARLIER, cell=cell, entry=int(entry), earlier=int(earlier)):
                    then = {f.told: f.shown.get(earlier) for f in self._figures_of(found, where, entry)}
                    for ident in told if change.statistic is None else [change.statistic]:
                        said.give(cell, ident, then.get(told.get(ident, "")))
                case Change(cell=cell, statistic=ident):
                    said.hide(cell, ident)
        self._said[where] = said.done()

    def _figures_of(self, found: Found, where: Where, entry: int) -> tuple[KnownFigure, ...]:
        if entry in self.entries:
            return self._ports.store.known_figures(entry)
        beside = self._beside(found, where)
        return beside[entry]().figures if entry in beside else ()

    def _withhold(self, found: Found) -> None:
        """What is not clean after so many rounds does not leave."""
        for where in self._asked.members:
            if where not in found.identical:
                found.refused.add(where[0])
                said = Changing(self._cells(where), self._idents(where))
                said.hide_all()
                self._said[where] = said.done()
        found.assessments = self._asked.judge(self._said)

    def _table(self, found: Found, where: Where) -> Table | None:
        """The table as it is judged by now, and as it would be known; None where nothing of it would leave."""
        table = self._judged(found, where)
        if not any(f.shown for f in table.figures):
            return None
        return without_total(table) if self._is_near(where) else table

    def _judged(self, found: Found, where: Where) -> Table:
        given = self._asked.members[where]
        output = self._asked.plan.outputs[where[0]]
        known = {p.ident: sum(p.sizes) for p in self._populations[where] if len(p.sizes) == 1}
        entry = entry_of(self._asked.of, output, where, given, known)
        members = self._mended.get(where) or from_bytes(given.content)
        return judged_table(self._asked.plan, where, entry, given, members, found.assessments[where[0]])

    def _is_near(self, where: Where) -> bool:
        """Whether fewer than t persons tell the table's total from a known population, because they are not in it or
        count several times: then nobody can be taken to know the total, and it must not be told."""
        members, t = from_bytes(self._asked.members[where].content), self._asked.of.profile.t
        persons, _ = members.rows()
        rows = members.amounts.get("rows", np.ones(len(persons)))
        several = len(np.unique(np.concatenate([members.more_persons, persons[rows != 1]])))
        apart = several - len(np.unique(persons))
        return any(len(p.sizes) == 1 and 0 < p.sizes[0] + apart < t for p in self._populations[where])

    def _has_hole(self, table: Table) -> bool:
        """So many persons are in no shown cell that nobody can add the table up."""
        return held_back(table) >= self._asked.of.profile.t

    def _hide_one(self, where: Where, table: Table) -> bool:
        """The smallest cell that leaves such a hole."""
        sizes, t = table.members.sizes(), self._asked.of.profile.t
        shown = {c for f in table.figures for c in f.shown if sizes[c] >= t}
        if not shown:
            return False
        said = Changing(self._cells(where), self._idents(where), self._said.get(where))
        said.hide(min(shown, key=lambda c: (int(sizes[c]), c)), None)
        self._said[where] = said.done()
        return True

    def _crowd(self, found: Found) -> None:
        """In the job's order, each output with those before it that are not beyond the cap."""
        tables: list[Table] = list(self._asked.beside)
        for number in sorted({w[0] for w in found.tables}):
            own = [t for w, t in found.tables.items() if w[0] == number]
            if is_crowded(self._ports, self._asked.of.snapshot, [*tables, *own], self._asked.policies):
                found.crowded.add(number)
            else:
                tables += own

    def _all_known(self, where: Where) -> list[KnownPopulation]:
        planned = self._asked.plan.outputs[where[0]].tables[where[1]]
        return populations_of(self._memory, self._asked.of.snapshot, planned, self._asked.policies.memory.least)

    def _figures(self, found: Found, where: Where) -> tuple[KnownFigure, ...]:
        table = self._table(found, where)
        return () if table is None else table.figures

    def _cells(self, where: Where) -> tuple[tuple[Value, ...], ...]:
        return self._asked.members[where].cells

    def _idents(self, where: Where) -> frozenset[int]:
        output = self._asked.plan.outputs[where[0]]
        return read_by(output) & {s.ident for s in output.tables[where[1]].statistics}


def _is_made_alike(entry: Entry, recipe: str, snapshot: str) -> bool:
    """Of equal recipe and data, and judged by rules: what somebody published elsewhere was not."""
    return (entry.recipe, entry.snapshot, entry.source) == (recipe, snapshot, Source.RELEASE)
