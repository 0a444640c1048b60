"""The cap: how many exact figures may leave about each reference population of a snapshot, over all projects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from broker.disclosure.differencing import figure_cap
from broker.disclosure.differencing.compare_tables import LoadTable
from broker.disclosure.differencing.exposure import Exposure, end_of_numbers
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.ports import WorkerPorts
from broker.domain.ports.history_ports import KnownPopulation
from broker.domain.release_history import SplitCounts
from broker.evidence.member_tables import MemberTable, from_bytes
from broker.policy.policy_set import PolicySet
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from broker.workflow.release_history.history_tables import history_ports, history_table
from broker.workflow.release_history.known_populations import population_table

HiddenFigures = frozenset[tuple[int, int]]
"""(statistic id, cell number) pairs of a table."""


@dataclass(frozen=True, slots=True)
class CountedPopulation:
    """The charges of tables against one reference population. Each table's figures are charged with the tables before
    it known."""

    population: KnownPopulation
    groups: figure_cap.ReferenceGroups
    tables: tuple[tuple[figure_cap.FigureCharge, ...], ...]

    def over_cap(self, used: Sequence[int], fraction: float) -> list[HiddenFigures]:
        """Return, for each table in turn, the figures to hide. `used`: what released tables have used, in thousandths
        of a figure, by group."""
        room, found = list(used), []
        for parts in self.tables:
            hidden = figure_cap.figures_beyond_cap(room, parts, self.groups.sizes, fraction)
            # Only figures that stay use up the cap for the next tables.
            left = figure_cap.charges_by_group(
                (one for one in parts if (one.statistic, one.cell) not in hidden), len(room)
            )
            room = [a + b for a, b in zip(room, left, strict=True)]
            found.append(hidden)
        return found


def count_against_populations(
    ports: WorkerPorts, snapshot: str, tables: Sequence[MemberTable], policies: PolicySet,
    sibling_tables: Sequence[MemberTable] = (),
) -> Iterator[CountedPopulation]:  # fmt: skip
    """Yield the charges of the tables, in their order, for each reference population in turn.

    Known besides them: the release history, the tables `sibling_tables`, the reference populations, and everybody of
    their tables and years.
    """
    rules = policies.memory
    known = list(_populations(ports, snapshot)) if tables else []
    if not known:
        return
    # One more than the largest person number, so that all exposures have arrays of equal length.
    everybody = max(end_of_numbers(m) for m in (*(from_bytes(k.content) for k in known), *(t.members for t in tables)))
    made = [
        # Each table is measured with the job's earlier tables known, as if these had been released.
        Exposure(table, _known_tables(ports, snapshot, [*sibling_tables, *tables[:n]]), everybody)
        for n, table in enumerate(tables)
    ]
    for population in history_ports(ports).populations.references(snapshot):
        groups = _groups(population, rules)
        parts = (
            figure_cap.figure_charges(e.of(groups.members, rules.part), t.entry.t)
            for e, t in zip(made, tables, strict=True)
        )
        yield CountedPopulation(population, groups, tuple(map(tuple, parts)))


def figures_over_cap(
    ports: WorkerPorts, snapshot: str, tables: Sequence[MemberTable], policies: PolicySet,
    sibling_tables: Sequence[MemberTable] = (),
) -> list[HiddenFigures]:  # fmt: skip
    """Return, for each table, the figures that exceed the cap together with everything released before."""
    used: Mapping[str, Sequence[int]] = ports.store.split_counts(snapshot)
    found: list[HiddenFigures] = [frozenset()] * len(tables)
    for against in count_against_populations(ports, snapshot, tables, policies, sibling_tables):
        _store_measured(ports, against.population, against.groups, policies.memory)
        before = used.get(against.population.ident, (0,) * len(against.groups.sizes))
        more = against.over_cap(before, policies.memory.fraction)
        found = [a | b for a, b in zip(found, more, strict=True)]
    return found


def splits_of(
    ports: WorkerPorts, snapshot: str, tables: Sequence[MemberTable], policies: PolicySet
) -> list[tuple[SplitCounts, ...]]:
    """Return, for each table, the thousandths of figures that count against each group of each reference population."""
    found: list[tuple[SplitCounts, ...]] = [()] * len(tables)
    for against in count_against_populations(ports, snapshot, tables, policies):
        for number, parts in enumerate(against.tables):
            if parts:
                counts = figure_cap.charges_by_group(parts, len(against.groups.sizes))
                found[number] = (*found[number], SplitCounts(snapshot, against.population.ident, counts))
    return found


def _known_tables(ports: WorkerPorts, snapshot: str, tables: Sequence[MemberTable]) -> Iterator[LoadTable]:
    history = history_ports(ports)
    for population in _populations(ports, snapshot):
        yield partial(population_table, population)
    for entry in ports.store.history_entries():
        if ports.store.members_of(entry.number) is not None:
            yield history_table(ports, history, entry)
    for table in tables:
        yield partial(_unchanged, table)


def _unchanged(table: MemberTable) -> MemberTable:
    return table


def _populations(ports: WorkerPorts, snapshot: str) -> Iterator[KnownPopulation]:
    """Yield the reference populations, and everybody of their tables and years."""
    populations, every = history_ports(ports).populations, set[tuple[str, int | None]]()
    for population in populations.references(snapshot):
        yield population
        every.add((population.table, population.year))
    # Sorted by text, because years may be None.
    for table, year in sorted(every, key=repr):
        yield populations.everybody(snapshot, table, year)


def _groups(population: KnownPopulation, rules: ReleaseHistoryPolicy) -> figure_cap.ReferenceGroups:
    return figure_cap.reference_groups(from_bytes(population.content), population.sizes, rules.least, population.pooled)


def _store_measured(
    ports: WorkerPorts, known: KnownPopulation, groups: figure_cap.ReferenceGroups, rules: ReleaseHistoryPolicy
) -> None:
    """Store what staff may know of a reference population when it is first needed, or when policy's least size has
    changed."""
    if ports.store.measured_minimums(known.snapshot).get(known.ident) != rules.least:
        cells = tuple(_cell_label(known, cell, groups.cells[cell]) for cell in range(len(known.cells)))
        named = (known.snapshot, known.ident, known.name, known.table, known.year)
        ports.store.put_measured([MeasuredPopulation(*named, rules.least, cells, groups.sizes)])


def _cell_label(known: KnownPopulation, cell: int, pooled: int) -> str:
    named = zip(known.variables, known.cells[cell], strict=False)
    words = " ".join(f"{variable}={'(missing)' if key is None else key}" for variable, key in named)
    return f"{words} and {pooled - 1} more" if pooled > 1 else words
