"""Which statistics of an output's tables stand behind a column, and which the output reads at all. No values here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from broker.domain.groups import Across, Extend, First, Group, Keep, Meet, Regroup, Stack, bases_of, parts_of
from broker.domain.plans import PlannedOutput, PlannedTable, Statistic
from broker.domain.scalars import Scalar, columns_of

Made = Mapping[int, frozenset[int]]
Tables = tuple[PlannedTable, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """`behind` is, by output column, every statistic that it is made of or that is implied by one of these; `read` are
    the statistics that the output reads anywhere, HAVING and order included, and those that these imply."""

    behind: tuple[frozenset[int], ...]
    read: frozenset[int]


def lineage_of(planned: PlannedOutput) -> Lineage:
    made = _made_by(planned)
    statistics = tuple(s for t in planned.tables for s in t.statistics)
    known = {s.ident for s in statistics}
    behind = tuple(sources(columns_of(c.expression), made) & known for c in planned.columns)
    chosen = {i for part in walk(planned.program) for i in _read_by(part, planned.tables)}
    read = sources(chosen.union(*behind), made) & known
    return Lineage(tuple(with_implied(b, statistics) for b in behind), with_implied(read, statistics))


def read_by(planned: PlannedOutput) -> frozenset[int]:
    """The statistics that the output's program itself reads anywhere; none that these imply."""
    made = _made_by(planned)
    shown = frozenset[int]().union(*(columns_of(c.expression) for c in planned.columns))
    chosen = {i for part in walk(planned.program) for i in _read_by(part, planned.tables)}
    known = {s.ident for t in planned.tables for s in t.statistics if s.behind is None}
    return sources(chosen.union(shown), made) & known


def sources(idents: Iterable[int], made: Made) -> frozenset[int]:
    """The columns themselves and every column that they are computed from."""
    found, waiting = set[int](), list(idents)
    while waiting:
        ident = waiting.pop()
        if ident not in found:
            found.add(ident)
            waiting += made.get(ident, ())
    return frozenset(found)


def with_implied(idents: frozenset[int], statistics: Iterable[Statistic]) -> frozenset[int]:
    """And everything that is implied by one of them."""
    inside, found = set(idents), list(statistics)
    while more := {s.ident for s in found if s.behind in inside} - inside:
        inside |= more
    return frozenset(inside)


def walk(group: Group) -> Iterator[Group]:
    yield group
    for part in parts_of(group):
        yield from walk(part)


def _made_by(planned: PlannedOutput) -> Made:
    made: dict[int, frozenset[int]] = {}
    for part in walk(planned.program):
        made |= _made(part, planned.tables)
    return made


def _made(group: Group, tables: Tables) -> dict[int, frozenset[int]]:
    """The columns that each new column is computed from."""
    match group:
        case Extend(columns=columns):
            return {i: columns_of(s) for i, s in columns}
        case Regroup(keys=keys, aggregates=aggregates):
            by = {i: columns_of(s) for i, s in keys}
            return by | {i: _of(g.args) or _below(group, tables) for i, g in aggregates}
        case Across(columns=columns):
            read = {c.ident: (_of(c.function.args), _of(c.partition), _of(s for s, _ in c.order)) for c in columns}
            return {i: (args | order or _below(group, tables)) | by for i, (args, by, order) in read.items()}
        case Stack(columns=columns):
            return {i: frozenset(inner) for i, inner in columns}
    return {}


def _read_by(group: Group, tables: Tables) -> frozenset[int]:
    """What a step reads to choose, meet or order rows, or to make columns."""
    made = frozenset[int]().union(*_made(group, tables).values())
    match group:
        case Keep(predicate=predicate):
            return columns_of(predicate)
        case Meet(on=on):
            return frozenset() if on is None else columns_of(on)
        case First(order=order):
            return _of(s for s, _ in order)
        case Extend() | Stack():
            return frozenset()
    return made


def _of(scalars: Iterable[Scalar]) -> frozenset[int]:
    return frozenset[int]().union(*map(columns_of, scalars))


def _below(group: Group, tables: Tables) -> frozenset[int]:
    """What rows that are counted or numbered are made of: every statistic of the tables below."""
    return frozenset(s.ident for n in bases_of(group) for s in tables[n].statistics)
