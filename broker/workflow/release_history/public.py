"""A public table into the memory: its recipe is run by the look that says who is in the cells of jobs' tables, and what
it makes is compared with what was published. Where it makes every figure, the table is remembered with its members, and
compared as releases are; where not, as numbers without a population, which are kept and compared with nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from broker.disclosure.differencing.members import from_bytes, to_bytes
from broker.disclosure.differencing.tables import Table
from broker.disclosure.needs import needs_of
from broker.disclosure.published.figures import Figures, read_figures, read_rounding
from broker.disclosure.published.reproducing import made_by
from broker.disclosure.recipes import figures_of, recipe_of
from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Invalid, Unavailable
from broker.domain.people import SYSTEM
from broker.domain.ports import SandboxEnd, WorkerPorts
from broker.domain.ports.release_history import TableMembers
from broker.domain.public_tables import PublicTable, Reproduced, Why
from broker.domain.release_history import Entry, KnownFigure, Source
from broker.domain.remembered import NewEntry, Remembering, about
from broker.domain.scalars import Value
from broker.policy.models import Policies
from broker.workflow.limits import members_limits
from broker.workflow.policies import policies_in_force
from broker.workflow.public_recipes import Readied, readied
from broker.workflow.release_history.crowding import splits_of
from broker.workflow.release_history.known import known_of
from broker.workflow.release_history.reading import read_of
from broker.workflow.release_history.tables import check_holds, memory_of

WHERE = (0, 0)
"""The one table of a recipe's one output."""

LEAST = 1
"""The threshold of an entry that no rules judged: what is compared with it is compared under its own."""

FOR_GOOD = {
    SandboxEnd.TIME_LIMIT: Why.LIMIT,
    SandboxEnd.MEMORY_LIMIT: Why.LIMIT,
    SandboxEnd.OUTPUT_LIMIT: Why.LIMIT,
    SandboxEnd.CRASHED: Why.FAILED,
}
"""Ends that another attempt would come to, too."""

ROUNDS = 20
"""Others release meanwhile: then what is to be remembered is put together again."""


class _NumbersOnly(Exception):
    """Nothing can be made of this recipe now or ever; the figures are known all the same."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


def enter(ports: WorkerPorts, ident: str, attempt: int) -> None:
    """Run one confirmed table under its lease, and remember what comes of it. Conflict("stale") if the lease is lost;
    Unavailable or Breach where it is to be tried again."""
    check_holds(ports)
    table, policies = ports.store.public_table(ident), policies_in_force(ports.store)
    known = next((e for e in ports.store.remembered() if e.source is Source.PUBLIC and e.output == ident), None)
    found, new = _found(ports, table, attempt, policies)
    for _ in range(ROUNDS):
        entries = () if known is not None else (_stored(ports, new),)
        try:
            _enter(ports, ident, attempt, found, entries, None if known is None else known.number)
        except Conflict as conflict:
            if conflict.code != "memory-moved":
                raise
            continue
        return


def _enter(
    ports: WorkerPorts,
    ident: str,
    attempt: int,
    found: Reproduced,
    entries: tuple[NewEntry, ...],
    known: int | None,
) -> None:
    now = ports.clock.now()
    word = "exact" if found.why is None else found.why.value
    event = AuditEvent(now, SYSTEM.ident, "public-table.entered", ident, (("found", word),))
    remembering = Remembering(ports.store.memory_version(), entries)
    ports.store.enter_public_table(ident, attempt, found, remembering, now, [event], known)


def _found(ports: WorkerPorts, table: PublicTable, attempt: int, policies: Policies) -> tuple[Reproduced, "_New"]:
    try:
        ready = readied(table.published, table.ident, policies)
        figures = read_figures(table.published.figures, ready.recipe)
    except Invalid:
        return Reproduced(0, 0, Why.REFUSED), _New(_numbers(ports, table, "", (), 0))
    amount = sum(map(len, figures.shown.values()))
    try:
        return _run(ports, table, attempt, policies, ready, figures)
    except _NumbersOnly as numbers:
        return Reproduced(0, amount, numbers.why), _New(_listed(ports, table, ready, figures))


class _New:
    """What is to be remembered, and its members where the memory knows them."""

    def __init__(self, entry: NewEntry, members: bytes | None = None) -> None:
        self.entry, self.members = entry, members


def _stored(ports: WorkerPorts, new: _New) -> NewEntry:
    if new.members is None:
        return new.entry
    return replace(new.entry, members=memory_of(ports).files.put(about(new.entry), new.members))


def _run(
    ports: WorkerPorts, table: PublicTable, attempt: int, policies: Policies, ready: Readied, figures: Figures
) -> tuple[Reproduced, _New]:
    found = _members(ports, table, attempt, policies, ready)
    members = from_bytes(found.content)
    rounding = read_rounding(table.published.rounding, ready.recipe)
    made = made_by(ready.recipe, found.cells, members, figures, rounding)
    if not made.is_exact:
        told = Reproduced(made.agreed, made.compared, Why.DIFFERS)
        return told, _New(_listed(ports, table, ready, figures))
    known = known_of(memory_of(ports), table.published.snapshot, read_of(ready.recipe.table), policies.memory.least)
    within = {k.ident: k.sizes[0] for k in known if k.whole and k.holds}
    entry = _entry(ports, table, ready.recipe.unit, len(found.cells))
    entry = replace(entry, recipe=recipe_of(ready.recipe.table), within=within)
    exact = Table(entry, figures_of(ready.recipe.table, made.shown), members)
    (splits,) = splits_of(ports, entry.snapshot, [exact], policies)
    new = NewEntry(entry, exact.figures, splits)
    return Reproduced(made.agreed, made.compared), _New(new, to_bytes(members))


def _members(ports: WorkerPorts, table: PublicTable, attempt: int, policies: Policies, ready: Readied) -> TableMembers:
    """From a vault that has what the recipe reads and nothing else, which is in use while the attempt has its lease."""
    memory, snapshot = memory_of(ports), table.published.snapshot
    if all(s.ident != snapshot or s.retired is not None for s in ports.store.snapshots()):
        raise _NumbersOnly(Why.RETIRED)
    vault = ports.vaults.ensure_own(ready.project, snapshot)
    if not ports.store.name_public_vault(table.ident, attempt, vault.key):
        raise _NumbersOnly(Why.RETIRED)
    vault = ports.vaults.ensure_own(ready.project, snapshot)
    needs = needs_of(policies.profile(ready.project.profile))
    asked = memory.engine.prepare_members(
        ready.plan, vault, table.ident, attempt, members_limits(policies), needs, [WHERE]
    )
    result = ports.sandbox.run(asked)
    if result.end in FOR_GOOD:
        raise _NumbersOnly(FOR_GOOD[result.end])
    if result.end is not SandboxEnd.ENDED:
        raise Unavailable("The recipe's sandbox did not come to its end.")
    (found,) = memory.engine.read_members(ready.plan, result.frames, memory.populations.numbers(vault), [WHERE])
    return found


def _listed(ports: WorkerPorts, table: PublicTable, ready: Readied, figures: Figures) -> NewEntry:
    """Each published row as a cell, with the figures that it shows."""
    rows = [figures.shown[keys] for keys in figures.rows]
    told = [
        KnownFigure(s.ident, "", once=False, told=name, reads=frozenset(), shown=_column(rows, s.ident))
        for name, s in ready.recipe.statistics.items()
    ]
    return _numbers(ports, table, ready.recipe.unit, told, len(figures.rows))


def _column(rows: Sequence[Mapping[int, Decimal]], ident: int) -> dict[int, Value]:
    return {n: row[ident] for n, row in enumerate(rows) if ident in row}


def _numbers(ports: WorkerPorts, table: PublicTable, unit: str, figures: Sequence[KnownFigure], cells: int) -> NewEntry:
    return NewEntry(_entry(ports, table, unit, cells), tuple(figures))


def _entry(ports: WorkerPorts, table: PublicTable, unit: str, cells: int) -> Entry:
    """Without a recipe: what is not made again is equal to nothing."""
    return Entry(
        number=0,
        release="",
        output=table.ident,
        table=0,
        project="",
        snapshot=table.published.snapshot,
        profile="",
        t=LEAST,
        recipe="",
        unit=unit,
        source=Source.PUBLIC,
        when=ports.clock.now(),
        cells=cells,
    )
