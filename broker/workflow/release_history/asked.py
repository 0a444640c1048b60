"""What is asked of a comparison with memory, and what it found. Values only: nothing is compared here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.disclosure.differencing.tables import Comparison, Table
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.recipes import recipe_of
from broker.domain.findings import Assessment
from broker.domain.plans import Plan, PlannedTable
from broker.domain.ports.release_history import TableMembers, Where
from broker.domain.release_history import Entry, MemoryVersion
from broker.policy.models import Policies
from broker.workflow.release_history.reading import Read, Sources, read_of
from broker.workflow.release_history.tables import Of

Said = dict[Where, Remembered]
Judge = Callable[[Mapping[Where, Remembered]], Sequence[Assessment]]
"""The rules' word on the job's outputs with what memory says of their tables."""


@dataclass(frozen=True, slots=True)
class HandedFrom:
    """Of rows that a script handed over: their hash, and the tables and years that they can be from."""

    rows: str
    places: Sources


@dataclass(frozen=True, slots=True)
class Asked:
    """The job's tables: their plan, who is in them, how they are judged again; and tables of the same job that were
    compared before these. `handed`: they are of a script's rows."""

    of: Of
    plan: Plan
    members: Mapping[Where, TableMembers]
    judge: Judge
    policies: Policies
    beside: Sequence[Table] = ()
    handed: HandedFrom | None = None

    def planned(self, where: Where) -> PlannedTable:
        return self.plan.outputs[where[0]].tables[where[1]]

    def recipe(self, where: Where) -> str:
        return recipe_of(self.planned(where), "" if self.handed is None else self.handed.rows)

    def read(self, where: Where) -> Read:
        """No plan says where a script's rows are from: from any table that it could read."""
        return read_of(self.planned(where)) if self.handed is None else Read(self.handed.places, None)


@dataclass(slots=True)
class Found:
    """What came of it. `tables` are those to remember; `identical` leave again as they left before. `crowded` are the
    outputs with figures beyond the cap, which are hidden, `refused` those of which no table could be mended."""

    version: MemoryVersion
    assessments: Sequence[Assessment]
    tables: dict[Where, Table] = field(default_factory=dict)
    identical: dict[Where, Entry] = field(default_factory=dict)
    comparisons: dict[Where, tuple[Comparison, ...]] = field(default_factory=dict)
    crowded: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    changed: bool = False
    """Whether anything was changed, hidden or withheld for the sake of what was known before."""
