"""Compares the tables of one job with everything released, repairs them and judges them again, in rounds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile

import numpy as np

from broker.disclosure.close_amounts import shown_amounts
from broker.disclosure.differencing.compare_tables import LoadTable
from broker.disclosure.differencing.difference_repair import repair_differences
from broker.disclosure.differencing.functionals import without_total
from broker.disclosure.judged_tables import NO_HISTORY, HistoryConstraint
from broker.disclosure.table_recipes import movable_totals
from broker.domain.findings import Assessment
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.scalars import Value
from broker.domain.ports import WorkerPorts
from broker.domain.ports.history_ports import TableAddress
from broker.domain.release_history import CellRepair, CountShift, HistoryEntry, KnownFigure, RepairAction
from broker.evidence.member_tables import Members, MemberTable, from_bytes
from broker.evidence.table_families import find_families
from broker.policy.disclosure_rules import is_as_strict
from broker.workflow.checking.standard_populations import NearPopulation, near_standard
from broker.workflow.release_history import history_tables, known_populations
from broker.workflow.release_history.exact_figure_cap import figures_over_cap
from broker.workflow.release_history.history_tables import ChangesByTable, ComparisonRequest, ComparisonResult


class TableChanges:
    """Collects the history constraint of one table. A cell that is hidden once stays hidden."""

    def __init__(
        self, cells: Sequence[tuple[Value, ...]], idents: frozenset[int], before: HistoryConstraint = NO_HISTORY
    ) -> None:
        self._cells, self._idents = cells, idents
        self._hidden, self._earlier = set(before.hidden), dict(before.earlier)
        self._shifts = {keys: {i: [*of] for i, of in some.items()} for keys, some in before.shifts.items()}

    def hide(self, cell: int, ident: int | None) -> None:
        self._hidden |= {(self._cells[cell], i) for i in (self._idents if ident is None else [ident])}

    def hide_all(self) -> None:
        for cell in range(len(self._cells)):
            self.hide(cell, None)

    def use_earlier(self, cell: int, ident: int, value: Value) -> None:
        """Show the earlier value in the cell, or hide the cell if there is none."""
        if value is None:
            self.hide(cell, ident)
        else:
            self._earlier[self._cells[cell], ident] = value

    def move_count(self, cell: int, ident: int, shift: CountShift) -> None:
        self._shifts.setdefault(self._cells[cell], {}).setdefault(ident, []).append(shift)

    def build(self) -> HistoryConstraint:
        return HistoryConstraint(frozenset(self._hidden), dict(self._earlier), self._shifts)


SIBLING_NUMBERS = -1_000_000
"""Number of the first sibling table (of the same job); the next ones count down. Known populations have the numbers
from -1 down, entries have numbers above 0."""


class ComparisonState:
    """One job's tables, with the release history that they are compared with."""

    def __init__(self, ports: WorkerPorts, request: ComparisonRequest) -> None:
        self._ports, self._request, self._history = ports, request, history_tables.history_ports(ports)
        self.version = ports.store.history_version()
        self.entries = {e.number: e for e in ports.store.history_entries()}
        # Entries without members are public tables of which only the numbers are known.
        with_members = [e for e in self.entries.values() if ports.store.members_of(e.number) is not None]
        # Tables are read only when they are compared: together they are large.
        self._loads = {e.number: history_tables.history_table(ports, self._history, e) for e in with_members}
        self._changes: ChangesByTable = {}
        self._repaired: dict[TableAddress, Members] = {}
        self._repairs: dict[TableAddress, tuple[CellRepair, ...]] = {}
        families = find_families(request.plan, 0)
        self._family = {m.where: n for n, family in enumerate(families) for m in family.members}
        self._populations = self._all_populations()

    def has_members(self, entry: HistoryEntry) -> bool:
        """Whether anything is compared with the entry. Published numbers whose population is unknown have
        no members."""
        return entry.number in self._loads

    def near_standard(self) -> tuple[NearPopulation, ...]:
        """Return the standard populations that the job's outputs are near, by their text alone."""
        return near_standard(self._request.plan, self._request.policies)

    def _table(self, found: ComparisonResult, where: TableAddress) -> MemberTable | None:
        """Return the table as now judged and as readers would know it; None if nothing of it would leave."""
        table = self._judged(found, where)
        if not any(f.shown for f in table.figures):
            return None
        # Readers know the shown cells only: a total that is shown is a table of its own.
        return without_total(table)

    def _judged(self, found: ComparisonResult, where: TableAddress) -> MemberTable:
        # Sizes of populations that contain the whole table: what is missing from it can be subtracted.
        known = {k.ident: k.sizes[0] for k in self._populations[where] if k.whole and k.holds}
        members = self._repaired.get(where)
        if members is None:
            planned, t = self._request.planned(where), self._request.profile.t
            members = shown_amounts(planned, from_bytes(self._request.members[where].content), t)
        return self._request.judged_table(where, members, known, found.assessments[where[0]])

    def _sibling_tables(self, found: ComparisonResult, where: TableAddress) -> dict[int, LoadTable]:
        """Return the job's tables before this one that are not linked to it, numbered unlike any entry.

        No pattern of hidden cells covers both, so they count as if they had been released before. Of a linked one the
        counts are compared once either is aligned: they would no longer add up, by the few who are counted elsewhere.
        """
        # Only earlier tables: of two siblings, the second is compared with the first.
        before = takewhile(lambda other: other != where, self._request.members)
        others = list[MemberTable]()
        for other in before:
            # An identical table is in the history as it left.
            if other in found.identical:
                continue
            is_linked = self._family[other] == self._family[where]
            if is_linked and not (self._is_aligned(where) or self._is_aligned(other)):
                continue
            if (table := self._table(found, other)) is not None:
                others.append(self._counts_of(other, table) if is_linked else table)
        tables = [*self._request.sibling_tables, *others]
        return {
            SIBLING_NUMBERS - n: partial(history_tables.with_number, table, SIBLING_NUMBERS - n)
            for n, table in enumerate(tables)
        }

    def _is_aligned(self, where: TableAddress) -> bool:
        return where in self._changes and bool(self._changes[where].shifts)

    def _counts_of(self, where: TableAddress, table: MemberTable) -> MemberTable:
        movable = movable_totals(self._request.planned(where)).every
        return replace(table, figures=tuple(f for f in table.figures if (f.statistic, f.amount, f.once) in movable))

    def _figures_of(self, found: ComparisonResult, where: TableAddress, entry: int) -> tuple[KnownFigure, ...]:
        if entry in self.entries:
            return self._ports.store.known_figures(entry)
        siblings = self._sibling_tables(found, where)
        return siblings[entry]().figures if entry in siblings else ()

    def _all_populations(self) -> dict[TableAddress, list[known_populations.LazyPopulation]]:
        least = self._request.policies.memory.least
        found = {}
        for where, table_members in self._request.members.items():
            persons = np.unique(from_bytes(table_members.content).rows()[0])
            found[where] = known_populations.populations_of_sources(
                self._history, self._request.snapshot, self._request.sources(where), least, persons
            )
        return found

    def _figures(self, found: ComparisonResult, where: TableAddress) -> tuple[KnownFigure, ...]:
        table = self._table(found, where)
        return () if table is None else table.figures

    def _cells(self, where: TableAddress) -> tuple[tuple[Value, ...], ...]:
        return self._request.members[where].cells

    def _idents(self, where: TableAddress) -> frozenset[int]:
        output = self._request.plan.outputs[where[0]]
        return statistics_read_by(output) & {s.ident for s in output.tables[where[1]].statistics}


MAX_ROUNDS = 6
"""Most rounds. If cells are hidden because of the release history, the rules may hide more, which is compared again."""


class JobComparison(ComparisonState):
    """One job's comparison: rounds of comparing, changing and judging."""

    def run(self, assessments: Sequence[Assessment]) -> ComparisonResult:
        found = ComparisonResult(self.version, assessments)
        self._return_identical(found)
        if self._changes:
            found.assessments = self._request.judge(self._changes)
        for _ in range(MAX_ROUNDS):
            # The cap comes last: it counts only figures that the repair has left.
            if not (self._repair(found) or self._apply_cap(found)):
                break
            found.assessments = self._request.judge(self._changes)
        else:
            self._withhold(found)
        found.tables = {
            w: t for w in self._request.members if w not in found.identical and (t := self._table(found, w))
        }
        return found

    def _return_identical(self, found: ComparisonResult) -> None:
        """Give a table the values and hidden cells with which an equal table already left. It discloses nothing new.

        An equal table has an equal recipe and snapshot, and left under rules at least as strict.
        """
        for where in self._request.members:
            recipe = self._request.recipe(where)
            same = (e for e in self.entries.values() if (e.recipe, e.snapshot) == (recipe, self._request.snapshot))
            entry = next((e for e in same if len(self._cells(where)) == e.cells and self._may_leave_unchanged(e)), None)
            if entry is not None:
                found.identical[where] = entry
                self._changes[where] = self._changes_to_released(found, where, entry)

    def _may_leave_unchanged(self, entry: HistoryEntry) -> bool:
        """Whether the entry was judged by rules at least as strict. Its disclosure rules may have changed or gone
        since."""
        mine = self._request.profile
        then = (p for p in self._request.policies.profiles if p.name == entry.profile)
        return entry.t >= mine.t and any(is_as_strict(p, mine) for p in then)

    def _changes_to_released(
        self, found: ComparisonResult, where: TableAddress, entry: HistoryEntry
    ) -> HistoryConstraint:
        # Figures of equal tables are matched by what they disclose, because statistic ids are of one plan only.
        then = {f.told: f for f in self._ports.store.known_figures(entry.number)}
        said = TableChanges(self._cells(where), self._idents(where))
        for figure in self._figures(found, where):
            # A figure that was hidden then stays hidden.
            shown = then[figure.told].shown if figure.told in then else {}
            for cell in range(len(self._cells(where))):
                said.use_earlier(cell, figure.statistic, shown.get(cell))
        return said.build()

    def _repair(self, found: ComparisonResult) -> bool:
        """Do one round over all tables. Returns whether anything changed."""
        changes = False
        for where in self._request.members:
            table = None if where in found.identical else self._table(found, where)
            if table is None:
                continue
            loads = (
                self._loads
                | known_populations.population_loads(self._request, self._populations[where])
                | self._sibling_tables(found, where)
            )
            movable = movable_totals(self._request.planned(where))
            before = self._repairs.get(where, ())
            outcome = repair_differences(
                self._judged(found, where), loads, total_known=False, movable=movable, before=before
            )
            # The first round's overlaps, because later ones compare a table that is already repaired.
            found.comparisons.setdefault(where, outcome.comparisons)
            if outcome.changes:
                changes = True
                self._repairs[where] = (*self._repairs.get(where, ()), *outcome.changes)
                self._apply_changes(found, where, table, outcome.changes)
                if outcome.table is not None:
                    self._repaired[where] = outcome.table.members
        return changes

    def _apply_changes(
        self, found: ComparisonResult, where: TableAddress, table: MemberTable, changes: Sequence[CellRepair]
    ) -> None:
        """Turn the repairs into the table's history constraint, with which it is judged again."""
        # Only holes count for the project's quota: whether a value moved must not be told by the end of it.
        found.hides |= any(c.action in {RepairAction.SUPPRESS, RepairAction.WITHHOLD} for c in changes)
        said = TableChanges(self._cells(where), self._idents(where), self._changes.get(where, NO_HISTORY))
        labels = {f.statistic: f.told for f in table.figures}
        for change in changes:
            match change:
                case CellRepair(action=RepairAction.WITHHOLD):
                    found.refused.add(where[0])
                    said.hide_all()
                case CellRepair(action=RepairAction.EARLIER, cell=cell, entry=int(entry), earlier_cell=int(earlier)):
                    then = {f.told: f.shown.get(earlier) for f in self._figures_of(found, where, entry)}
                    for ident in labels if change.statistic is None else [change.statistic]:
                        said.use_earlier(cell, ident, then.get(labels.get(ident, "")))
                case CellRepair(cell=cell, statistic=int(ident), shift=CountShift() as shift):
                    said.move_count(cell, ident, shift)
                case CellRepair(cell=cell, statistic=ident):
                    said.hide(cell, ident)
        self._changes[where] = said.build()

    def _withhold(self, found: ComparisonResult) -> None:
        """Withhold every table that may not be clean after the last round."""
        found.hides = True
        for where in self._request.members:
            if where not in found.identical:
                found.refused.add(where[0])
                said = TableChanges(self._cells(where), self._idents(where))
                said.hide_all()
                self._changes[where] = said.build()
        found.assessments = self._request.judge(self._changes)

    def _apply_cap(self, found: ComparisonResult) -> bool:
        """Hide figures over the cap, in the job's order. Returns whether there were any."""
        tables = {w: t for w in self._request.members if w not in found.identical and (t := self._table(found, w))}
        snapshot, policies = self._request.snapshot, self._request.policies
        hidden = figures_over_cap(self._ports, snapshot, list(tables.values()), policies, self._request.sibling_tables)
        found.hides |= any(hidden)
        for where, figures in zip(tables, hidden, strict=True):
            if figures:
                found.over_cap.add(where[0])
                said = TableChanges(self._cells(where), self._idents(where), self._changes.get(where, NO_HISTORY))
                for statistic, cell in sorted(figures):
                    said.hide(cell, statistic)
                self._changes[where] = said.build()
        return any(hidden)
