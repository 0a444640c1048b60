"""Years, exactly: which years of each scan can matter. A year counts if every guard can be true in it; guards are
handed down only where the algebra lets them. No refusals, no rendering."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.domain.relations import (
    Attach,
    Filter,
    Gather,
    Join,
    JoinHow,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    Union,
    WindowColumn,
    walk,
)
from broker.domain.scalars import Column, Scalar, Type, Value, columns_of
from broker.domain.variables import Years
from broker.query.book import Book
from broker.query.kinds import conjuncts_of
from broker.query.operations.fold import ONLY_NULL, can_be_true

Definitions = Mapping[int, Scalar]
Known = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Guards:
    """The conjuncts known of every row of a scan that matters, and the derived columns that may be expanded in them."""

    conjuncts: tuple[Scalar, ...]
    definitions: Definitions


def years_of(relations: Sequence[Relation], book: Book) -> dict[int, Years | None]:
    """The years of every scan in the book; all of a table's years for a scan outside the relations. A relation that
    stands later has the say on the scans of those before it."""
    found: dict[int, Years | None] = {scan: table.years for scan, table in book.tables.items()}
    guards: dict[int, Guards] = {}
    for relation in relations:
        _hand_down(relation, (), _certain(relation), book, guards)
    for scan, guard in guards.items():
        found[scan] = _alone(scan, guard, book)
    _across(found, guards, book)
    return found


def guards_of(relation: Relation, book: Book) -> dict[int, Guards]:
    """The guards of every scan of a relation."""
    guards: dict[int, Guards] = {}
    _hand_down(relation, (), _certain(relation), book, guards)
    return guards


def _certain(relation: Relation) -> dict[int, Scalar]:
    """Derived columns whose definition holds on every row: none below an outer side. A key of γ is what made it."""
    match relation:
        case Filter(child=child) | Over(child=child) | Limit(child=child) | Attach(child=child):
            return _certain(child)
        case Project(child=child, columns=columns):
            return {**_certain(child), **dict(columns)}
        case Gather(child=child, keys=keys):
            return {**_certain(child), **_made(keys)}
        case Join(left=left, right=right, how=how):
            if how is JoinHow.FULL:
                return {}
            return _certain(left) if how is JoinHow.LEFT else {**_certain(left), **_certain(right)}
    return {}


def _made(keys: tuple[tuple[int, Scalar], ...]) -> dict[int, Scalar]:
    return {i: s for i, s in keys if not (isinstance(s, Column) and s.ident == i)}


def _hand_down(relation: Relation, known: Known, definitions: Definitions, book: Book, out: dict[int, Guards]) -> None:
    """Only these hand conjuncts on: each operator says to which child, and which of them."""
    match relation:
        case Scan(person=scan):
            assert scan is not None
            out[scan] = Guards(known, definitions)
        case Filter(child=child, predicate=predicate):
            _hand_down(child, known + conjuncts_of(predicate), definitions, book, out)
        case Project(child=child) | Gather(child=child):
            _hand_down(child, known, definitions, book, out)
        case Over(child=child, columns=columns):
            _hand_down(child, _on_partitions(known, columns), definitions, book, out)
        case Limit(child=child):
            _hand_down(child, (), definitions, book, out)
        case Attach(child=child, sub=sub):
            _hand_down(child, known, definitions, book, out)
            _hand_down(sub, known, {**definitions, **_certain(sub)}, book, out)
        case Union(parts=parts, columns=columns):
            for index, part in enumerate(parts):
                of_part = {
                    i: Column(idents[index], Type.NULL) for i, idents in columns
                }  # no truth: all other types fold alike
                _hand_down(part, known, {**definitions, **_certain(part), **of_part}, book, out)
        case Join(left=left, right=right, how=JoinHow.LEFT, on=on):
            _hand_down_left(left, right, conjuncts_of(on), known, definitions, book, out)
        case Join(left=left, right=right, how=JoinHow.FULL):
            for side in (left, right):
                _hand_down(side, (), {**definitions, **_certain(side)}, book, out)
        case Join(left=left, right=right, on=on):
            for side in (left, right):
                _hand_down(side, known + conjuncts_of(on), definitions, book, out)


def _on_partitions(known: Known, windows: tuple[WindowColumn, ...]) -> Known:
    """Conjuncts that speak of columns alone by which every window is partitioned: they drop whole partitions."""
    shared = [frozenset(p.ident for p in w.partition if isinstance(p, Column)) for w in windows]
    return tuple(c for c in known if all(columns_of(c) <= p for p in shared))


def _hand_down_left(
    left: Relation, right: Relation, on: Known, known: Known, definitions: Definitions, book: Book,
    out: dict[int, Guards],
) -> None:  # fmt: skip
    """LEFT JOIN: ON never guards the left side, and what stands above never the right: where it speaks of the right,
    padded rows may meet it too. A conjunct above that cannot be true of a padded row makes the join an inner one."""
    matched = {**definitions, **_certain(right)}
    mine = _idents(right, book)
    if any(not can_be_true(c, dict.fromkeys(mine, ONLY_NULL), definitions) for c in known):
        for side in (left, right):
            _hand_down(side, known + on, matched, book, out)
        return
    _hand_down(left, known, definitions, book, out)
    _hand_down(right, on, matched, book, out)


def _reads(scalar: Scalar, definitions: Definitions) -> frozenset[int]:
    """Every column that a scalar reads, through derived columns, and the derived columns themselves."""
    direct = columns_of(scalar)
    return direct.union(*(_reads(definitions[i], definitions) for i in direct if i in definitions))


def _idents(relation: Relation, book: Book) -> frozenset[int]:
    """Every column of a relation and its person numbers, those of its parts too."""
    found: set[int] = set()
    for part in walk(relation):
        match part:
            case Scan(person=int() as scan):
                found |= {i for i, _ in book.columns_of_scan(scan)}
            case Project(columns=columns) | Union(columns=columns):
                found |= {i for i, _ in columns}
            case Gather(keys=keys, aggregates=aggregates):
                found |= {i for i, _ in (*keys, *aggregates)}
            case Over(columns=windows):
                found |= {w.ident for w in windows}
            case Attach(ident=ident):
                found.add(ident)
        match part:
            case Scan(person=int() as person) | Gather(person=int() as person) | Join(person=int() as person):
                found.add(person)
            case Union(person=(person, _)):
                found.add(person)
    return frozenset(found)


def _written(scan: int, years: Years, book: Book) -> Iterator[tuple[int, Value]]:
    axis = book.tables[scan].year
    assert axis is not None
    return ((year, axis.format.write(year)) for year in sorted(years))


def _alone(scan: int, guards: Guards, book: Book) -> Years | None:
    """The years in which every guard can be true, looking at this scan's year alone."""
    years, column = book.tables[scan].years, book.year_column(scan)
    if years is None or column is None:
        return years
    return frozenset(
        year
        for year, value in _written(scan, years, book)
        if all(can_be_true(c, {column: frozenset({value})}, guards.definitions) for c in guards.conjuncts)
    )


def _across(found: dict[int, Years | None], guards: dict[int, Guards], book: Book) -> None:
    """Arc consistency: a year stays if each conjunct with one other scan's year can be true with one of its years."""
    columns = {column: scan for scan in guards if (column := book.year_column(scan)) is not None}
    arcs = [
        (scan, mine, columns[other], other, conjunct)
        for mine, scan in columns.items()
        for conjunct in guards[scan].conjuncts
        if mine in (read := _reads(conjunct, guards[scan].definitions) & columns.keys()) and len(read) == 2
        for other in read - {mine}
    ]
    changed = True
    while changed:
        changed = False
        for scan, mine, other_scan, other, conjunct in arcs:
            years, others = found[scan] or frozenset(), found[other_scan] or frozenset()
            values: set[Value] = {v for _, v in _written(other_scan, others, book)}
            values |= {None} if other_scan in book.nullable else set()
            kept = frozenset(
                year
                for year, value in _written(scan, years, book)
                if any(
                    can_be_true(conjunct, {mine: frozenset({value}), other: frozenset({v})}, guards[scan].definitions)
                    for v in values
                )
            )
            changed |= kept != years
            found[scan] = kept
