"""What is measured for a planned output, and where each of its statistics, ratios and keys is read. Holds no data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.domain.plans.bounded_table import BoundedTable
from broker.domain.plans.plan import PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Scalar
from broker.privacy.private_tables import PrivateMeasure, PrivateTable
from broker.privacy.request.ratio_expressions import FIRST_RATIO_IDENT, RatioIdents, RatioPair, ratio_statistics
from broker.query.contribution_bounding.bounded_contributions import BoundedContributions


@dataclass(slots=True)
class GroupingSetFamily:
    """Planned tables over the same contributions that differ only in their keys. The first table has all of the
    keys."""

    tables: list[PlannedTable]
    statistics: list[list[PlannedStatistic]]

    def accepts(self, table: PlannedTable, statistics: list[PlannedStatistic]) -> bool:
        first = self.tables[0]
        same = first.contributions == table.contributions and first.person == table.person
        same = same and _signature(statistics) == _signature(self.statistics[0])
        return same and {k.expression for k in table.keys} <= {k.expression for k in first.keys}


def _signature(statistics: list[PlannedStatistic]) -> tuple[object, ...]:
    return tuple((s.measure, s.argument, s.form, s.truncated) for s in statistics)


def grouping_set_families(output: PlannedOutput, statistics: list[list[PlannedStatistic]]) -> list[GroupingSetFamily]:
    """Group the tables into families. Tables with the most keys come first, so that their margins find them."""
    found: list[GroupingSetFamily] = []
    # A family's first table must have all of its keys.
    for position in sorted(range(len(output.tables)), key=lambda i: -len(output.tables[i].keys)):
        table = output.tables[position]
        family = next((f for f in found if f.accepts(table, statistics[position])), None)
        if family is None:
            found.append(GroupingSetFamily([table], [statistics[position]]))
        else:
            family.tables.append(table)
            family.statistics.append(statistics[position])
    return found


def grouping_sets(family: GroupingSetFamily) -> tuple[tuple[int, ...], ...]:
    """The different grouping sets, each as the ascending positions of its keys."""
    wide = [k.expression for k in family.tables[0].keys]
    return tuple(dict.fromkeys(key_positions(wide, t) for t in family.tables))


def key_positions(wide: list[Scalar], table: PlannedTable) -> tuple[int, ...]:
    return tuple(sorted(wide.index(k.expression) for k in table.keys))


@dataclass(frozen=True, slots=True)
class StatisticLocation:
    """Where a planned statistic is read: private table, grouping set, and the private statistic's name."""

    table: int
    set: int
    name: str
    statistic: PlannedStatistic


@dataclass(frozen=True, slots=True)
class RatioLocation:
    """Where the interval of a ratio of two planned statistics is read."""

    pair: RatioPair
    table: int
    name: str


@dataclass(frozen=True, slots=True)
class PrivateOutputPlan:
    """`sets`: for each planned table, its private table and grouping set. `keys`: for each planned key, the dimension
    of its private table. `ratios`: by ids that no plan has. `omissions`: what is left out as a rule, for the record;
    none of it depends on data."""

    tables: tuple[PrivateTable, ...]
    bounded: tuple[BoundedTable, ...]
    locations: Mapping[int, StatisticLocation]
    sets: tuple[tuple[int, int], ...]
    keys: Mapping[int, int]
    omissions: tuple[str, ...]
    ratios: Mapping[int, RatioLocation] = field(default_factory=dict)

    @property
    def ratio_idents(self) -> RatioIdents:
        return {r.pair: ident for ident, r in self.ratios.items()}


class PlannedPrivateTable(NamedTuple):
    """A private table, its contributions, and how the contributions of one person are bounded."""

    private: PrivateTable
    contributions: BoundedTable
    bounds: BoundedContributions


def assemble_plan(
    output: PlannedOutput,
    families: Sequence[GroupingSetFamily],
    planned: Sequence[PlannedPrivateTable],
    pairs: Sequence[RatioPair],
) -> PrivateOutputPlan:
    """Build the plan. `planned` are the private tables of the families, in the same order."""
    locations: dict[int, StatisticLocation] = {}
    ratios: list[RatioLocation] = []
    sets: dict[int, tuple[int, int]] = {}
    keys: dict[int, int] = {}
    for number, (family, planned_table) in enumerate(zip(families, planned, strict=True)):
        wide = [k.expression for k in family.tables[0].keys]
        for table, statistics in zip(family.tables, family.statistics, strict=True):
            set_index = planned_table.private.sets.index(key_positions(wide, table))
            sets[id(table)] = (number, set_index)
            keys |= {k.ident: wide.index(k.expression) for k in table.keys}
            for private_statistic, statistic in zip(planned_table.private.statistics, statistics, strict=False):
                locations[statistic.ident] = StatisticLocation(number, set_index, private_statistic.name, statistic)
            idents = [s.ident for s in statistics]
            found = ratio_statistics(pairs, idents, planned_table.private.statistics[: len(idents)])
            ratios += [RatioLocation(pair, number, s.name) for pair, s in found.items()]
    return PrivateOutputPlan(
        tuple(m.private for m in planned),
        tuple(m.contributions for m in planned),
        locations,
        tuple(sets[id(t)] for t in output.tables),
        keys,
        tuple(dict.fromkeys(line for m in planned for line in _omissions(m.private, m.bounds))),
        dict(enumerate(ratios, FIRST_RATIO_IDENT)),  # ids beyond those of any plan
    )


def _omissions(table: PrivateTable, bounds: BoundedContributions) -> list[str]:
    """Sentences on what is left out as a rule, or counted differently from the text."""
    # The hash of a question depends on these words.
    lines = [
        f"Of each person and year the first {f'{n} rows' if n > 1 else 'row'} of {of} count{'' if n > 1 else 's'}."
        for of, n in sorted(bounds.counted_rows.items())
    ]
    if bounds.each is not None:
        each = bounds.each
        lines = [
            f"Of each person at most {each.cells} cells count, each with the weight of at most {each.rows} rows."
            if bounds.cells > 1
            else f"All rows of a person together have the weight of at most {each.rows} rows."
        ]
    if bounds.drops_personless:
        lines.append("Rows of public tables that no person meets do not count.")
    if any(s.measure is PrivateMeasure.PERSONS for s in table.statistics):
        lines.append("A row without a key is counted as a person of its own.")
    return lines
