"""Whether a query's own conditions choose how many rows a person has: then counts and sums of rows can carry one
person's secret as a weight. No syntax, no refusals."""

from collections.abc import Iterator

from broker.domain.relations import Filter, Join, JoinHow, Project, Relation, Scan
from broker.domain.scalars import Call, Column, Scalar
from broker.query.book import Book
from broker.query.kinds import conjuncts_of

PUBLIC = "A public table is joined otherwise than on its unique key, so rows are counted several times."
CHOSEN = "Conditions on one person's rows decide how many others of theirs are counted."

Conjunct = tuple[Scalar, frozenset[int] | None]
"""A condition, and the scans that it holds for (None: all)."""


def multiplies(relation: Relation, book: Book) -> str | None:
    """Why a person looks at how rows multiply; None where each public row is met by its unique key, and where
    conditions over several rows of a person are equalities of variables or speak of years alone."""
    conjuncts = list(_conjuncts(relation, book))
    for scan in _scans(relation):
        if not book.is_person(scan) and _is_joined(relation) and not any(_by_key(c, scan, book) for c in conjuncts):
            return PUBLIC
    return CHOSEN if any(_chooses(c, book) for c, _ in conjuncts) else None


def _conjuncts(relation: Relation, book: Book) -> Iterator[Conjunct]:
    match relation:
        case Filter(child=child, predicate=predicate):
            yield from ((c, None) for c in conjuncts_of(predicate))
            yield from _conjuncts(child, book)
        case Project(child=child):
            yield from _conjuncts(child, book)
        case Join(left=left, right=right, how=how, on=on):
            outer = how is JoinHow.LEFT and any(book.is_person(s) for s in _scans(left))
            matched = frozenset(_scans(right)) if outer else None
            yield from ((c, matched) for c in conjuncts_of(on))
            yield from _conjuncts(left, book)
            yield from _conjuncts(right, book)


def _scans(relation: Relation) -> Iterator[int]:
    """Scans by their number in the book, which they carry while the query is bound."""
    match relation:
        case Scan(person=scan):
            yield scan or 0
        case Filter(child=child) | Project(child=child):
            yield from _scans(child)
        case Join(left=left, right=right):
            yield from _scans(left)
            yield from _scans(right)


def _is_joined(relation: Relation) -> bool:
    match relation:
        case Filter(child=child) | Project(child=child):
            return _is_joined(child)
    return isinstance(relation, Join)


def _by_key(conjunct: Conjunct, scan: int, book: Book) -> bool:
    """Whether a condition ties a public scan to at most one of its rows."""
    condition, holds = conjunct
    if holds is not None and scan not in holds:
        return False
    match condition:
        case Call(op="equal", args=(left, right)):
            return any(_is_key(a, scan, book) and not _reads(b, scan, book) for a, b in ((left, right), (right, left)))
    return False


def _is_key(scalar: Scalar, scan: int, book: Book) -> bool:
    origin = book.origin(scalar)
    return origin is not None and origin.scan == scan and origin.variable.name == origin.table.unique_key


def _reads(scalar: Scalar, scan: int, book: Book) -> bool:
    return any(book.origins[i].scan == scan for i in book.base(scalar))


def _chooses(condition: Scalar, book: Book) -> bool:
    """Whether a condition says, by anything but plain equality and years, which rows of a person meet."""
    origins = [book.origins[i] for i in book.base(condition)]
    people = {o.scan for o in origins if book.is_person(o.scan)}
    mixed = any(o.is_year for o in origins) and not all(o.is_year for o in origins)
    if len(people) > 1:
        return not (_is_equality(condition, book) or all(o.is_year for o in origins))
    return bool(people) and mixed and len(book.tables) > 1


def _is_equality(condition: Scalar, book: Book) -> bool:
    match condition:
        case Call(op="equal" | "equal_text", args=(Column() as left, Column() as right)):
            return left.ident in book.origins and right.ident in book.origins
    return False
