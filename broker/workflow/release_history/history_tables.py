"""Tables in a comparison with the release history: the request, the outcome, and the entries that tables
would become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.disclosure.differencing.compare_tables import LoadTable
from broker.disclosure.judged_tables import HistoryConstraint
from broker.disclosure.table_recipes import disclosed_figures, recipe_of
from broker.domain import release_history
from broker.domain.errors import Breach, Unavailable
from broker.domain.findings import Assessment
from broker.domain.plans import operators as ops
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.plan import Plan, PlannedTable
from broker.domain.ports import PendingHistoryEntry, Ports, ReleaseHistoryPorts, WorkerPorts
from broker.domain.ports.history_ports import TableAddress, TableMembers
from broker.evidence.member_tables import Comparison, Members, MemberTable, from_bytes
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from broker.policy.policy_set import PolicySet

SourceYears = frozenset[tuple[str, int | None]]
"""Pairs of table and year. The year is None for a table without years."""


@dataclass(frozen=True, slots=True)
class TableSources:
    """What a table is made from. `every`: each person table and year that it reads. `holding`: those that contain all
    of its persons; None if no plan says which."""

    every: SourceYears
    holding: SourceYears | None


def sources_of(table: PlannedTable) -> TableSources:
    """Return the sources of a planned SQL table."""
    scans = [r for r in ops.walk(table.contributions) if isinstance(r, ops.Scan) and r.person is not None]
    every = frozenset((s.table, year) for s in scans for year in (s.years if s.years is not None else (None,)))
    return TableSources(every, _holding(table.contributions))


def _holding(relation: ops.Relation) -> SourceYears:
    """Return the tables and years that each contain every person of a relation."""
    match relation:
        case ops.Scan(table=table, person=int(), years=None):
            return frozenset({(table, None)})
        # One year only: nobody publishes everybody of several years together.
        case ops.Scan(table=table, person=int(), years=years) if years is not None and len(years) == 1:
            return frozenset((table, year) for year in years)
        case ops.Aggregate(person=None):  # rows of groups, which are nobody's
            return frozenset()
        case (
            ops.Filter(child=child)
            | ops.Project(child=child)
            | ops.Window(child=child)
            | ops.Aggregate(child=child)
            | ops.Apply(child=child)
            | ops.Limit(child=child)
        ):
            return _holding(child)
        case ops.Union(parts=parts):  # a person may come from any part
            return frozenset.intersection(*map(_holding, parts))
        # A person may come from either side, so only sources of both contain everybody.
        case ops.Join(how=ops.JoinHow.FULL, left=left, right=right):
            return _holding(left) & _holding(right)
        # Every row has a person of the left side.
        case ops.Join(how=ops.JoinHow.LEFT, left=left):
            return _holding(left)
        # An inner join has only persons of both sides, so each side's sources contain them all.
        case ops.Join(left=left, right=right):
            return _holding(left) | _holding(right)
    return frozenset()


def history_ports(ports: WorkerPorts) -> ReleaseHistoryPorts:
    if ports.release_history is None:
        raise Unavailable("This worker has no release history, so it cannot compare or release outputs.")
    return ports.release_history


def check_history_holds(ports: Ports) -> None:
    """Raises Breach if the release history does not have its last signed head.

    Called before a file that names a release is written: if the store then refused the release, the file would look
    like a release that was lost.
    """
    if not ports.store.history.is_intact():
        raise Breach(
            "The release history does not have its last signed head. Nothing is released or entered until it does."
        )


def history_table(ports: Ports, history: ReleaseHistoryPorts, entry: release_history.HistoryEntry) -> LoadTable:
    """Return a function that reads the table of an entry when it is needed."""

    def load() -> MemberTable:
        stored = ports.store.members_of(entry.number)
        if stored is None:
            raise Breach(f"Entry {entry.number} of the release history has no members.")
        members = from_bytes(history.files.get(stored))
        return MemberTable(entry, ports.store.known_figures(entry.number), members, total_known=False)

    return load


def pending_table(ports: WorkerPorts, one: PendingHistoryEntry) -> MemberTable:
    """Read a table that was compared and waits for its release."""
    files, stored = history_ports(ports).files, release_history.StoredMembers(one.file, one.digest)
    described = release_history.new_entry_from_json(files.about(stored.name))
    return MemberTable(described.entry, described.figures, from_bytes(files.get(stored)), total_known=False)


def with_number(table: MemberTable, number: int) -> MemberTable:
    return replace(table, entry=replace(table.entry, number=number))


ChangesByTable = dict[TableAddress, HistoryConstraint]
JudgeOutputs = Callable[[Mapping[TableAddress, HistoryConstraint]], Sequence[Assessment]]
"""Judges the job's outputs under the history constraints of their tables."""


@dataclass(frozen=True, slots=True)
class ScriptRowOrigin:
    """Origin of rows that a script submitted: their hash, and the tables and years that they can come from."""

    rows: str
    sources: SourceYears


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """The job's tables: their project and snapshot, the disclosure rules and time of their assessment, their plan and
    members, and how to judge them again.

    `sibling_tables`: tables of the same job that were compared before. `script_rows`: set if the tables are made of a
    script's rows.
    """

    project: str
    snapshot: str
    profile: DisclosureRules
    now: datetime
    plan: Plan
    members: Mapping[TableAddress, TableMembers]
    judge: JudgeOutputs
    policies: PolicySet
    sibling_tables: Sequence[MemberTable] = ()
    script_rows: ScriptRowOrigin | None = None

    def planned(self, where: TableAddress) -> PlannedTable:
        return self.plan.outputs[where[0]].tables[where[1]]

    def recipe(self, where: TableAddress) -> str:
        return recipe_of(self.planned(where), "" if self.script_rows is None else self.script_rows.rows)

    def sources(self, where: TableAddress) -> TableSources:
        """Return the table's sources. No plan says where a script's rows come from, so they count as coming from any
        table that it could read."""
        if self.script_rows is not None:
            return TableSources(self.script_rows.sources, None)
        return sources_of(self.planned(where))

    def judged_table(
        self, where: TableAddress, members: Members, known: Mapping[str, int], judged: Assessment
    ) -> MemberTable:
        """Return the table as readers would know it if it left as judged. `known` has the sizes of the populations that
        contain all of it. Raises Breach if the assessment has a cell without members."""
        output = self.plan.outputs[where[0]]
        cells = {keys: number for number, keys in enumerate(self.members[where].cells)}
        try:
            figures = disclosed_figures(self.planned(where), judged.tables[where[1]], cells, statistics_read_by(output))
        except KeyError as error:
            raise Breach("An assessed table has a cell that its members do not have.") from error
        return MemberTable(self._new_entry(where, known), figures, members)

    def _new_entry(self, where: TableAddress, known: Mapping[str, int]) -> release_history.HistoryEntry:
        """Return the entry that the table would become."""
        return release_history.HistoryEntry(
            number=0,
            release="",
            output="",
            table=where[1],
            project=self.project,
            snapshot=self.snapshot,
            profile=self.profile.name,
            t=self.profile.t,
            recipe=self.recipe(where),
            unit=self.plan.outputs[where[0]].unit,
            source=release_history.HistorySource.RELEASE,
            when=self.now,
            cells=len(self.members[where].cells),
            # Noise can move two counts of almost the same persons apart by two deviations.
            noise=2 * self.profile.noise_deviation if self.profile.rounding is Rounding.CELL_KEY else 0,
            within=dict(known),
        )


@dataclass(slots=True)
class ComparisonResult:
    """Outcome of a comparison. `tables` enter the release history; `identical` leave again as they left before;
    `over_cap` are outputs with figures hidden by the cap; `refused` are outputs that could not be repaired."""

    version: release_history.HistoryVersion
    assessments: Sequence[Assessment]
    tables: dict[TableAddress, MemberTable] = field(default_factory=dict)
    identical: dict[TableAddress, release_history.HistoryEntry] = field(default_factory=dict)
    comparisons: dict[TableAddress, tuple[Comparison, ...]] = field(default_factory=dict)
    over_cap: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    hides: bool = False
    """Whether the comparison or the cap hid or withheld anything."""
