"""Years, exactly: which years of each scan can matter. A year counts if every guard can be true in it; guards are
handed down only where the algebra lets them. No refusals, no rendering."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from broker.domain.relations import Filter, Join, JoinHow, Project, Relation, Scan
from broker.domain.scalars import Scalar, Value, columns_of
from broker.domain.variables import Years
from broker.query.book import Book
from broker.query.fold import ONLY_NULL, can_be_true
from broker.query.kinds import conjuncts_of

Definitions = Mapping[int, Scalar]


@dataclass(frozen=True, slots=True)
class Guards:
    """The conjuncts known of every row of a scan that matters, and the derived columns that may be expanded in them."""

    conjuncts: tuple[Scalar, ...]
    definitions: Definitions


def years_of(relation: Relation | None, book: Book) -> dict[int, Years | None]:
    """The years of every scan in the book; all of a table's years for a scan outside the relation."""
    found: dict[int, Years | None] = {scan: table.years for scan, table in book.tables.items()}
    if relation is None:
        return found
    guards: dict[int, Guards] = {}
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
    """Derived columns whose definition holds on every row: none below an outer side."""
    match relation:
        case Scan():
            return {}
        case Filter(child=child):
            return _certain(child)
        case Project(child=child, columns=columns):
            return {**_certain(child), **dict(columns)}
        case Join(left=left, right=right, how=how):
            return _certain(left) if how is JoinHow.LEFT else {**_certain(left), **_certain(right)}


def _hand_down(
    relation: Relation, known: tuple[Scalar, ...], definitions: Definitions, book: Book, out: dict[int, Guards]
) -> None:
    match relation:
        case Scan(person=scan):
            assert scan is not None
            out[scan] = Guards(known, definitions)
        case Filter(child=child, predicate=predicate):
            _hand_down(child, known + conjuncts_of(predicate), definitions, book, out)
        case Project(child=child):
            _hand_down(child, known, definitions, book, out)
        case Join(left=left, right=right, how=JoinHow.LEFT, on=on):
            _hand_down_left(left, right, conjuncts_of(on), known, definitions, book, out)
        case Join(left=left, right=right, on=on):
            for side in (left, right):
                _hand_down(side, known + conjuncts_of(on), definitions, book, out)


def _hand_down_left(
    left: Relation, right: Relation, on: tuple[Scalar, ...], known: tuple[Scalar, ...], definitions: Definitions,
    book: Book, out: dict[int, Guards],
) -> None:  # fmt: skip
    """LEFT JOIN: ON never guards the left side, and what stands above guards the right side only where it speaks of
    the left alone. A conjunct above that cannot be true of a padded row makes the join an inner one."""
    matched = {**definitions, **_certain(right)}
    mine = _idents(right, book)
    if any(not can_be_true(c, dict.fromkeys(mine, ONLY_NULL), definitions) for c in known):
        for side in (left, right):
            _hand_down(side, known + on, matched, book, out)
        return
    _hand_down(left, known, definitions, book, out)
    above = tuple(c for c in known if not _reads(c, definitions) & mine)
    _hand_down(right, above + on, matched, book, out)


def _reads(scalar: Scalar, definitions: Definitions) -> frozenset[int]:
    """Every column that a scalar reads, through derived columns, and the derived columns themselves."""
    direct = columns_of(scalar)
    return direct.union(*(_reads(definitions[i], definitions) for i in direct if i in definitions))


def _idents(relation: Relation, book: Book) -> frozenset[int]:
    match relation:
        case Scan(person=scan):
            return frozenset({i for i, _ in book.columns_of_scan(scan or 0)} | {scan or 0})
        case Filter(child=child):
            return _idents(child, book)
        case Project(child=child, columns=columns):
            return _idents(child, book) | {i for i, _ in columns}
        case Join(left=left, right=right):
            return _idents(left, book) | _idents(right, book)


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
    columns = {c: scan for scan in guards if (c := book.year_column(scan)) is not None and found[scan] is not None}
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
