"""Tables in a comparison with the release history: requested, found, and the entries that they would be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.disclosure.differencing.compare_tables import LoadTable
from broker.disclosure.differencing.member_tables import Comparison, Members, MemberTable, from_bytes
from broker.disclosure.judged_tables import HistoryConstraint
from broker.disclosure.table_recipes import disclosed_figures, recipe_of
from broker.domain.errors import Breach, Unavailable
from broker.domain.findings import Assessment
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.operators import (
    Aggregate,
    Apply,
    Filter,
    Join,
    JoinHow,
    Limit,
    Project,
    Relation,
    Scan,
    Union,
    Window,
    walk,
)
from broker.domain.plans.plan import Plan, PlannedOutput, PlannedTable
from broker.domain.ports import Ports, ReleaseHistoryPorts, WorkerPorts
from broker.domain.ports.history_ports import TableAddress, TableMembers
from broker.domain.release_history import (
    HistoryEntry,
    HistorySource,
    HistoryVersion,
    StoredMembers,
    new_entry_from_json,
)
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from broker.policy.policy_set import PolicySet

SourceYears = frozenset[tuple[str, int | None]]
"""Tables and years; None for a table without years."""


@dataclass(frozen=True, slots=True)
class TableSources:
    """What a table is made from: every table and year that it reads of persons, and those that hold all of its. Where
    these are None no plan says which they are."""

    every: SourceYears
    holding: SourceYears | None


def sources_of(table: PlannedTable) -> TableSources:
    """Of a planned table of SQL."""
    scans = [r for r in walk(table.contributions) if isinstance(r, Scan) and r.person is not None]
    every = frozenset((s.table, year) for s in scans for year in (s.years if s.years is not None else (None,)))
    return TableSources(every, _holding(table.contributions))


def _holding(relation: Relation) -> SourceYears:
    """Where every person of a relation is to be found, whoever else is there."""
    match relation:
        case Scan(table=table, person=int(), years=None):
            return frozenset({(table, None)})
        case Scan(table=table, person=int(), years=years) if years is not None and len(years) == 1:
            return frozenset((table, year) for year in years)
        case Aggregate(person=None):  # rows of groups, which are nobody's
            return frozenset()
        case (
            Filter(child=child)
            | Project(child=child)
            | Window(child=child)
            | Aggregate(child=child)
            | Apply(child=child)
            | Limit(child=child)
        ):
            return _holding(child)
        case Union(parts=parts):
            return frozenset.intersection(*map(_holding, parts))
        case Join(how=JoinHow.FULL, left=left, right=right):
            return _holding(left) & _holding(right)
        case Join(how=JoinHow.LEFT, left=left):
            return _holding(left)
        case Join(left=left, right=right):
            return _holding(left) | _holding(right)
    return frozenset()


@dataclass(frozen=True, slots=True)
class ComparisonContext:
    """Whose tables they are, of which snapshot, judged by which rules and when."""

    project: str
    snapshot: str
    profile: DisclosureRules
    now: datetime

    @property
    def noise(self) -> int:
        """Two counts of almost the same persons can be moved apart by so much."""
        return 2 * self.profile.noise_deviation if self.profile.rounding is Rounding.CELL_KEY else 0


def history_ports(ports: WorkerPorts) -> ReleaseHistoryPorts:
    if ports.release_history is None:
        raise Unavailable("This worker has no memory: it compares and releases nothing.")
    return ports.release_history


def check_history_holds(ports: Ports) -> None:
    """Before a file is written that tells of something released: where the store would refuse the release, it would
    look as if it had been made and forgotten."""
    if not ports.store.history_is_intact():
        raise Breach("The memory does not hold its last signed head: nothing is released or entered until it does.")


def new_history_entry(
    context: ComparisonContext, output: PlannedOutput, recipe: str, members: TableMembers, known: Mapping[str, int]
) -> HistoryEntry:
    """The entry that a planned table would be; `known` are the populations that hold all of it."""
    return HistoryEntry(
        number=0,
        release="",
        output="",
        table=members.address[1],
        project=context.project,
        snapshot=context.snapshot,
        profile=context.profile.name,
        t=context.profile.t,
        recipe=recipe,
        unit=output.unit,
        source=HistorySource.RELEASE,
        when=context.now,
        cells=len(members.cells),
        noise=context.noise,
        within=dict(known),
    )


def judged_table(
    plan: Plan,
    where: TableAddress,
    entry: HistoryEntry,
    table_members: TableMembers,
    members: Members,
    judged: Assessment,
) -> MemberTable:
    """A table as it would be known if it left as it is judged."""
    output = plan.outputs[where[0]]
    cells = {keys: number for number, keys in enumerate(table_members.cells)}
    try:
        figures = disclosed_figures(output.tables[where[1]], judged.tables[where[1]], cells, statistics_read_by(output))
    except KeyError as error:
        raise Breach("A judged table has a cell that its members do not have.") from error
    return MemberTable(entry, figures, members)


def history_table(ports: Ports, history: ReleaseHistoryPorts, entry: HistoryEntry) -> LoadTable:
    """Reads a remembered table when it is asked for."""

    def load() -> MemberTable:
        stored = ports.store.members_of(entry.number)
        if stored is None:
            raise Breach(f"Entry {entry.number} of the memory has no members.")
        return MemberTable(entry, ports.store.known_figures(entry.number), from_bytes(history.files.get(stored)))

    return load


def pending_table(history: ReleaseHistoryPorts, stored: StoredMembers) -> MemberTable:
    """A table that was compared and waits for its release."""
    described = new_entry_from_json(history.files.about(stored.name))
    return MemberTable(described.entry, described.figures, from_bytes(history.files.get(stored)))


def with_number(table: MemberTable, number: int) -> MemberTable:
    return MemberTable(replace(table.entry, number=number), table.figures, table.members)


ChangesByTable = dict[TableAddress, HistoryConstraint]
JudgeOutputs = Callable[[Mapping[TableAddress, HistoryConstraint]], Sequence[Assessment]]
"""The rules' word on the job's outputs with what memory says of their tables."""


@dataclass(frozen=True, slots=True)
class ScriptRowOrigin:
    """Of rows that a script handed over: their hash, and the tables and years that they can be from."""

    rows: str
    sources: SourceYears


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """The job's tables: their plan, who is in them, how they are judged again; and tables of the same job that were
    compared before these. `script_rows`: they are of a script's rows."""

    context: ComparisonContext
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
        """No plan says where a script's rows are from: from any table that it could read."""
        return (
            sources_of(self.planned(where))
            if self.script_rows is None
            else TableSources(self.script_rows.sources, None)
        )


@dataclass(slots=True)
class ComparisonResult:
    """What came of it. `tables` are those to remember; `identical` leave again as they left before. `over_cap` are the
    outputs with figures beyond the cap, which are hidden, `refused` those of which no table could be mended."""

    version: HistoryVersion
    assessments: Sequence[Assessment]
    tables: dict[TableAddress, MemberTable] = field(default_factory=dict)
    identical: dict[TableAddress, HistoryEntry] = field(default_factory=dict)
    comparisons: dict[TableAddress, tuple[Comparison, ...]] = field(default_factory=dict)
    over_cap: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    changed: bool = False
    """Whether anything was changed, hidden or withheld for the sake of what was known before."""
