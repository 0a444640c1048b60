"""Enters a public table in the release history. Its recipe finds the members of its cells, as for the tables of jobs,
and what it makes is compared with the published figures.

If it makes every figure, the table is entered with its members, and outputs are compared with it as with a release. If
not, only the numbers are entered, and nothing is compared with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from broker.disclosure.published_tables import PublishedFigures, read_figures, read_rounding, reproduce_figures
from broker.disclosure.rules import evidence_needs
from broker.disclosure.table_recipes import known_figures, recipe_of
from broker.domain import release_history
from broker.domain.errors import Conflict, Invalid, Unavailable
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.work_items import WorkItem
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxEnd, WorkerPorts
from broker.domain.ports.history_ports import TableMembers
from broker.domain.public_tables import NumbersOnlyReason, PublicTable, Reproduction
from broker.evidence.member_tables import MemberTable, from_bytes, to_bytes
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.public_table_recipes import CheckedRecipe, check_recipe
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.release_history.exact_figure_cap import splits_of
from broker.workflow.release_history.history_tables import check_history_holds, history_ports, sources_of
from broker.workflow.release_history.known_populations import populations_of_sources
from broker.workflow.run_context import members_limits

RECIPE_TABLE = (0, 0)
"""Address of the one table of a recipe's one output."""

UNJUDGED_THRESHOLD = 1
"""Threshold of an entry that no rules judged. Outputs are compared with it under their own threshold."""

FINAL_ENDS = {
    SandboxEnd.TIME_LIMIT: NumbersOnlyReason.LIMIT,
    SandboxEnd.MEMORY_LIMIT: NumbersOnlyReason.LIMIT,
    SandboxEnd.OUTPUT_LIMIT: NumbersOnlyReason.LIMIT,
    SandboxEnd.CRASHED: NumbersOnlyReason.FAILED,
}
"""Ends that another attempt would reach too."""

MAX_ROUNDS = 20
"""Most tries. If others release meanwhile, the entry is made again."""


class _NumbersOnly(Exception):
    """The recipe can never make the table. The published figures are known all the same, so they are entered as
    numbers only."""

    def __init__(self, why: NumbersOnlyReason) -> None:
        super().__init__(why.value)
        self.why = why


def enter_public_table(ports: WorkerPorts, item: WorkItem) -> None:
    """Run one confirmed table under its lease, and enter it in the release history.

    Raises Conflict("stale") if the lease is lost, Unavailable or Breach if it has to be tried again.
    """
    # Before any work: the store would refuse the entry at the end.
    check_history_holds(ports)
    attempt = PublicTableAttempt(ports, item, ports.store.public_table(item.subject), policies_in_force(ports.store))
    public = (e for e in ports.store.history_entries() if e.source is release_history.HistorySource.PUBLIC)
    # An earlier attempt may have entered the table and then died: enter it once.
    known = next((e.number for e in public if e.output == item.subject), None)
    found = attempt.reproduce()
    for _ in range(MAX_ROUNDS):
        try:
            attempt.store(*found, known)
            return
        except Conflict as conflict:
            if conflict.code != "memory-moved":
                raise
    raise Unavailable("Others released whenever this table was to be entered.")


Reproduced = tuple[Reproduction, release_history.NewHistoryEntry, bytes | None]
"""What came of a recipe, the new entry, and its members if they are known."""


@dataclass(frozen=True, slots=True)
class PublicTableAttempt:
    """One attempt at a confirmed table, under its lease and the policy set in force."""

    ports: WorkerPorts
    item: WorkItem
    table: PublicTable
    policies: PolicySet

    def reproduce(self) -> Reproduced:
        """Run the recipe, as far as that is possible."""
        try:
            ready = check_recipe(self.table.published, self.table.ident, self.policies)
            figures = read_figures(self.table.published.figures, ready.recipe)
        except Invalid:
            entry = release_history.NewHistoryEntry(self._entry("", 0), ())
            return Reproduction(0, 0, NumbersOnlyReason.REFUSED), entry, None
        try:
            return self._run_recipe(ready, figures)
        # An attacker knows the figures anyway, so they are entered even without members.
        except _NumbersOnly as numbers:
            amount = sum(map(len, figures.values()))
            return Reproduction(0, amount, numbers.why), self._numbers_only_entry(ready, figures), None

    def store(
        self, found: Reproduction, new: release_history.NewHistoryEntry, members: bytes | None, known: int | None
    ) -> None:
        """Store what was found, with the new entry unless the table is `known` under a number."""
        if members is not None and known is None:
            stored = history_ports(self.ports).files.put(release_history.new_entry_to_json(new), members)
            new = replace(new, members=stored)
        now = self.ports.clock.now()
        word = "exact" if found.why is None else found.why.value
        event = AuditEvent(now, SYSTEM.ident, "public-table.entered", self.item.subject, (("found", word),))
        entries = (new,) if known is None else ()
        update = release_history.HistoryUpdate(self.ports.store.history_version(), entries)
        self.ports.store.enter_public_table(self.item, found, update, now, [event], known)

    def _run_recipe(self, ready: CheckedRecipe, figures: PublishedFigures) -> Reproduced:
        found, recipe = self._members(ready), ready.recipe
        members = from_bytes(found.content)
        rounding = read_rounding(self.table.published.rounding, recipe)
        made = reproduce_figures(recipe, found.cells, members, figures, rounding)
        if not made.is_exact:
            reproduced = Reproduction(made.agreed, made.compared, NumbersOnlyReason.DIFFERS)
            return reproduced, self._numbers_only_entry(ready, figures), None
        history, snapshot = history_ports(self.ports), self.table.published.snapshot
        known = populations_of_sources(history, snapshot, sources_of(recipe.table), self.policies.memory.least)
        within = {k.ident: k.sizes[0] for k in known if k.whole and k.holds}
        entry = replace(self._entry(recipe.unit, len(found.cells)), recipe=recipe_of(recipe.table), within=within)
        exact = MemberTable(entry, known_figures(recipe.table, made.shown), members)
        (splits,) = splits_of(self.ports, snapshot, [exact], self.policies)
        new = release_history.NewHistoryEntry(entry, exact.figures, splits)
        return Reproduction(made.agreed, made.compared), new, to_bytes(members)

    def _members(self, ready: CheckedRecipe) -> TableMembers:
        """Find the members of the cells, on a vault that has only what the recipe reads. The vault is in use while the
        attempt has its lease."""
        ports, item, policies = self.ports, self.item, self.policies
        history, snapshot = history_ports(ports), self.table.published.snapshot
        if all(s.ident != snapshot or s.retired is not None for s in ports.store.snapshots()):
            raise _NumbersOnly(NumbersOnlyReason.RETIRED)
        vault = ports.vaults.ensure_own(ready.project, snapshot)
        # False: an administrator has retired the snapshot meanwhile.
        if not ports.store.name_public_vault(item, vault.key):
            raise _NumbersOnly(NumbersOnlyReason.RETIRED)
        # Built again if it was removed as unused before the attempt had named it.
        vault = ports.vaults.ensure_own(ready.project, snapshot)
        needs = evidence_needs(policies.disclosure_rules(ready.project.profile))
        request = history.engine.prepare_members(
            ready.plan, vault, item.subject, item.attempt, members_limits(policies), needs, [RECIPE_TABLE]
        )
        result = ports.sandbox.run(request)
        # Another attempt would end alike, so the figures are entered as numbers only.
        if result.end in FINAL_ENDS:
            raise _NumbersOnly(FINAL_ENDS[result.end])
        if result.end is not SandboxEnd.ENDED:
            raise Unavailable("The sandbox of the recipe did not finish.")
        numbers = history.populations.numbers(vault)
        (found,) = history.engine.read_members(ready.plan, result.frames, numbers, [RECIPE_TABLE])
        return found

    def _numbers_only_entry(self, ready: CheckedRecipe, figures: PublishedFigures) -> release_history.NewHistoryEntry:
        """Return an entry without members: each published row is a cell with its figures."""
        rows = list(figures.values())
        known = (
            release_history.KnownFigure(
                s.ident, "", once=False, told=name, reads=frozenset(), shown=_column(rows, s.ident)
            )
            for name, s in ready.recipe.statistics.items()
        )
        return release_history.NewHistoryEntry(self._entry(ready.recipe.unit, len(figures)), tuple(known))

    def _entry(self, unit: str, cells: int) -> release_history.HistoryEntry:
        """Return the entry without a recipe, so that it equals no other table."""
        return release_history.HistoryEntry(
            number=0,
            release="",
            output=self.table.ident,
            table=0,
            project="",
            snapshot=self.table.published.snapshot,
            profile="",
            t=UNJUDGED_THRESHOLD,
            recipe="",
            unit=unit,
            source=release_history.HistorySource.PUBLIC,
            when=self.ports.clock.now(),
            cells=cells,
        )


def _column(rows: Sequence[Mapping[int, Decimal]], ident: int) -> dict[int, Value]:
    return {n: row[ident] for n, row in enumerate(rows) if ident in row}
