"""Which statistics of an output's tables a column depends on, and which statistics the output reads at all. No
values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.domain.plans import operators as ops
from broker.domain.plans.plan import PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Scalar, column_ids

ColumnSources = Mapping[int, frozenset[int]]
PlannedTables = tuple[PlannedTable, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Lineage of an output. `column_statistics`: for each output column, every statistic that it is computed from, and
    those that these imply. `read_statistics`: statistics that the output reads anywhere, including HAVING and ORDER BY,
    and those that these imply."""

    column_statistics: tuple[frozenset[int], ...]
    read_statistics: frozenset[int]


def lineage_of(planned: PlannedOutput) -> Lineage:
    column_sources = _column_sources(planned)
    statistics = tuple(s for t in planned.tables for s in t.statistics)
    statistic_ids = {s.ident for s in statistics}
    column_statistics = tuple(
        source_columns(column_ids(c.expression), column_sources) & statistic_ids for c in planned.columns
    )
    read = _columns_read(planned, column_sources) & statistic_ids
    return Lineage(tuple(with_implied(b, statistics) for b in column_statistics), with_implied(read, statistics))


def statistics_read_by(planned: PlannedOutput) -> frozenset[int]:
    """Statistics that the output's program reads anywhere, without those that they imply."""
    statistic_ids = {s.ident for t in planned.tables for s in t.statistics if s.implied_by is None}
    return _columns_read(planned, _column_sources(planned)) & statistic_ids


def _columns_read(planned: PlannedOutput, column_sources: ColumnSources) -> frozenset[int]:
    """Columns that the output shows or its program reads anywhere, and those that they are computed from."""
    read = {i for part in ops.walk(planned.program) for i in _columns_read_by(part, planned.tables)}
    return source_columns(read.union(_columns_of_all(c.expression for c in planned.columns)), column_sources)


def source_columns(idents: Iterable[int], column_sources: ColumnSources) -> frozenset[int]:
    """The columns and every column that they are computed from."""
    found, waiting = set[int](), list(idents)
    while waiting:
        ident = waiting.pop()
        if ident not in found:
            found.add(ident)
            waiting += column_sources.get(ident, ())
    return frozenset(found)


def with_implied(idents: frozenset[int], statistics: Iterable[PlannedStatistic]) -> frozenset[int]:
    """These statistics and all statistics that they imply."""
    inside, found = set(idents), list(statistics)
    # repeated, because an implied statistic can imply others
    while more := {s.ident for s in found if s.implied_by in inside} - inside:
        inside |= more
    return frozenset(inside)


def _column_sources(planned: PlannedOutput) -> ColumnSources:
    column_sources: dict[int, frozenset[int]] = {}
    for part in ops.walk(planned.program):
        column_sources |= _new_column_sources(part, planned.tables)
    return column_sources


def _new_column_sources(group: ops.PostAggregation, tables: PlannedTables) -> dict[int, frozenset[int]]:
    """The columns that each new column is computed from."""
    match group:
        case ops.Project(columns=columns):
            return {i: column_ids(s) for i, s in columns}
        case ops.Aggregate(keys=keys, aggregates=aggregates):
            by = {i: column_ids(s) for i, s in keys}
            # COUNT(*) has no arguments: it depends on the rows, and so on every statistic below
            return by | {i: _columns_of_all(g.args) or _statistics_below(group, tables) for i, g in aggregates}
        case ops.Window(columns=columns):
            # without arguments and order, it depends on the rows
            read = {c.ident: _columns_of_all((*c.function.args, *(s for s, _ in c.order))) for c in columns}
            below = _statistics_below(group, tables)
            return {c.ident: (read[c.ident] or below) | _columns_of_all(c.partition) for c in columns}
        case ops.Union(columns=columns):
            return {i: frozenset(inner) for i, inner in columns}
    return {}


def _columns_read_by(group: ops.PostAggregation, tables: PlannedTables) -> frozenset[int]:
    """Columns that a step reads to select, join, order or compute rows."""
    match group:
        case ops.Project() | ops.Union():
            return frozenset()  # their columns are read where other steps use them
        case ops.Aggregate() | ops.Window():
            return frozenset[int]().union(*_new_column_sources(group, tables).values())
    return _columns_of_all(ops.scalars_of(group))


def _columns_of_all(scalars: Iterable[Scalar]) -> frozenset[int]:
    return frozenset[int]().union(*map(column_ids, scalars))


def _statistics_below(group: ops.PostAggregation, tables: PlannedTables) -> frozenset[int]:
    """Sources of rows that are counted or numbered: every statistic of the tables below."""
    return frozenset(s.ident for n in ops.table_numbers(group) for s in tables[n].statistics)
