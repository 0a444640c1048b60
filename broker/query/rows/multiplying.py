"""Whether a query's own conditions choose how many rows a person has: then counts and sums of rows can carry one
person's secret as a weight. No syntax, no refusals."""

from collections.abc import Iterator

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
    children,
    walk,
)
from broker.domain.scalars import Call, Column, Scalar, columns_of
from broker.query.book import Book
from broker.query.groups.arguments import is_plain
from broker.query.kinds import conjuncts_of
from broker.query.rows import repeated

PUBLIC = "A public table is joined otherwise than on its unique key, so rows are counted several times."
WRITTEN = "A condition meets several written rows at once, so rows are counted several times."
POWER = "A table is joined with itself so often that one person's many rows count as a power of their number."
APPLIED = "APPLY makes several rows of one."
CHOSEN = "Conditions on one person's rows decide how many others of theirs are counted."

MOST_TIMES = 2
"""How often rows of one person in one table may meet each other."""

Conjunct = tuple[Scalar, frozenset[int] | None]
"""A condition, and the scans that it holds for (None: all)."""


def multiplies(relation: Relation, book: Book) -> str | None:
    """Why a person looks at how rows multiply; None where each public row is met by its unique key, and where
    conditions over several rows of a person are equalities of variables or speak of years alone."""
    conjuncts = list(_conjuncts(relation, book))
    if _is_joined(relation) and _met_otherwise(frozenset(_scans(relation, book)), conjuncts, book):
        return PUBLIC
    parts = list(_row_parts(relation, book))
    if repeated.written(parts, [c for c, _ in conjuncts], book):
        return WRITTEN
    if repeated.most_times(relation, [c for c, _ in conjuncts], book) > MOST_TIMES:
        return POWER
    if any(isinstance(p, Join) and p.lateral and not _is_even(p.right, conjuncts, book) for p in parts):
        return APPLIED
    if any(isinstance(p, Gather) and not all(is_plain(k, book) for _, k in p.keys) for p in parts):
        return CHOSEN
    if any(_chooses(c, book) for c, _ in conjuncts) or _chosen_outside(relation, book) or _read_twice(relation, book):
        return CHOSEN
    return None


def _met_otherwise(scans: frozenset[int], conjuncts: list[Conjunct], book: Book) -> frozenset[int]:
    """Public scans that are not met by their unique key, from people on: two that meet each other start nowhere."""
    left = frozenset(s for s in scans if not book.is_person(s))
    while met := {s for s in left if any(_by_key(c, s, left, book) for c in conjuncts)}:
        left -= met
    return left


def _row_parts(relation: Relation, book: Book) -> Iterator[Relation]:
    """The operators that a relation's rows come through."""
    if isinstance(relation, Gather) and repeated.brings_together(relation, book):
        return
    yield relation
    for child in (relation.child,) if isinstance(relation, Attach) else children(relation):
        yield from _row_parts(child, book)


def _is_even(right: Relation, conjuncts: list[Conjunct], book: Book) -> bool:
    """Whether an APPLY gives one row at most, the rows that a join on the key gives, or the same to everybody: written
    values and plain variables, which no condition ties to the person's other values."""
    part = right
    while isinstance(part, Filter | Project):
        part = part.child
    if isinstance(part, Limit):
        return part.count == 1
    if isinstance(part, Gather):
        return not part.keys
    scans, inside = list(_scans(right, book)), list(_conjuncts(right, book))
    if scans and not any(book.is_person(s) for s in scans):
        return not _met_otherwise(frozenset(scans), inside, book)
    if scans:
        return not any(_is_choice(c, book) for c, _ in inside)
    made = [(i, s) for p in walk(right) if isinstance(p, Project) for i, s in p.columns]
    if any(isinstance(p, Filter) for p in walk(right)) or not all(is_plain(s, book) for _, s in made):
        return False
    mine = {i for i, _ in made} | {i for p in walk(right) if isinstance(p, Union) for i, _ in p.columns}
    return all(not (columns_of(c) & mine) or columns_of(c) <= mine for c, _ in conjuncts)


def _chosen_outside(relation: Relation, book: Book) -> bool:
    """Whether a condition other than keys and years chooses the rows of an outer side: it says how often the others
    count."""
    for part in _row_parts(relation, book):
        if isinstance(part, Join) and part.how in {JoinHow.LEFT, JoinHow.FULL}:
            sides = (part.right,) if part.how is JoinHow.LEFT else (part.left, part.right)
            conditions = [c for side in sides for c, _ in _conjuncts(side, book)] + list(conjuncts_of(part.on))
            if any(book.is_person(s) for side in sides for s in _scans(side, book)) and any(
                _is_choice(c, book) for c in conditions
            ):
                return True
    return False


def _is_choice(condition: Scalar, book: Book) -> bool:
    """Whether a condition speaks of more than years and equal keys. What subqueries and aggregates answer has no
    variable behind it, and is a choice all the same."""
    match condition:
        case Call(op="equal", args=(Column() as left, Column() as right)) if _tells_who(left, book):
            return not _tells_who(right, book)
        case Call(op="not", args=(Call(op="is_null", args=(Column() as inner,)),)) if _tells_who(inner, book):
            return False
    return not all(book.origins[i].is_year for i in book.base(condition)) or _asks_answer(condition, book)


def _tells_who(column: Column, book: Book) -> bool:
    """Whether a column is a link key or a person number."""
    known = (book.origins, book.definitions, book.opaque)
    return book.key_domain(column.ident) is not None or not any(column.ident in k for k in known)


def _read_twice(relation: Relation, book: Book) -> bool:
    """Whether two branches of a UNION read one table: a row can then count twice by a condition, and a person by one
    inside a γ."""
    for part in _row_parts(relation, book):
        if isinstance(part, Union):
            scans = [{s.person or 0 for s in walk(p) if isinstance(s, Scan)} for p in part.parts]
            tables = [{book.tables[s].full_name for s in found if book.is_person(s)} for found in scans]
            present = [{v for c in conditions_within(p) if (v := _asked_present(c, book))} for p in part.parts]
            twice = len(set().union(*present)) < sum(map(len, present))
            asks = [
                any(_is_choice(c, book) and (twice or not _asked_present(c, book)) for c in conditions_within(p))
                for p in part.parts
            ]
            seen: set[str] = set()
            for names in tables:
                if seen & names and any(asks):
                    return True
                seen |= names
    return False


def _asked_present(condition: Scalar, book: Book) -> str:
    """The variable of `x IS NOT NULL`, as UNPIVOT has it: each branch of another variable."""
    match condition:
        case Call(op="not", args=(Call(op="is_null", args=(Column(ident=ident),)),)) if ident in book.origins:
            return book.origins[ident].full_name
    return ""


def conditions_within(relation: Relation) -> Iterator[Scalar]:
    """Every condition of a relation and of all below it."""
    for part in walk(relation):
        if isinstance(part, Filter):
            yield from conjuncts_of(part.predicate)
        elif isinstance(part, Join):
            yield from conjuncts_of(part.on)


def _conjuncts(relation: Relation, book: Book) -> Iterator[Conjunct]:
    match relation:
        case Filter(child=child, predicate=predicate):
            yield from ((c, None) for c in conjuncts_of(predicate))
            yield from _conjuncts(child, book)
        case Project(child=child) | Over(child=child) | Attach(child=child) | Limit(child=child):
            yield from _conjuncts(child, book)
        case Union(parts=parts):
            for part in parts:
                yield from _conjuncts(part, book)
        case Gather(child=child) if not repeated.brings_together(relation, book):
            yield from _conjuncts(child, book)
        case Join(left=left, right=right, how=how, on=on):
            outer = how is JoinHow.LEFT and any(book.is_person(s) for s in _scans(left, book))
            matched = frozenset(_scans(right, book)) if outer else None
            yield from ((c, matched) for c in conjuncts_of(on))
            yield from _conjuncts(left, book)
            yield from _conjuncts(right, book)


def _scans(relation: Relation, book: Book) -> Iterator[int]:
    """Scans whose rows are rows of the relation, by their number in the book, which they carry while it is bound. γ
    brings rows together, and subqueries add none."""
    match relation:
        case Scan(person=scan):
            yield scan or 0
        case Gather() if repeated.brings_together(relation, book):
            return
        case Attach(child=child):
            yield from _scans(child, book)
        case _:
            for child in children(relation):
                yield from _scans(child, book)


def _is_joined(relation: Relation) -> bool:
    match relation:
        case Filter(child=child) | Project(child=child) | Over(child=child) | Attach(child=child):
            return _is_joined(child)
        case Union(parts=parts):
            return any(map(_is_joined, parts))
    return isinstance(relation, Join)


def _by_key(conjunct: Conjunct, scan: int, left: frozenset[int], book: Book) -> bool:
    """Whether a condition ties a public scan to at most one of its rows, by what is none of those that are left."""
    condition, holds = conjunct
    if holds is not None and scan not in holds:
        return False
    match condition:
        case Call(op="equal", args=(one, other)):
            return any(_is_key(a, scan, book) and not _reads(b, left, book) for a, b in ((one, other), (other, one)))
    return False


def _is_key(scalar: Scalar, scan: int, book: Book) -> bool:
    origin = book.origin(scalar)
    return origin is not None and origin.scan == scan and origin.variable.name == origin.table.unique_key


def _reads(scalar: Scalar, scans: frozenset[int], book: Book) -> bool:
    """What is computed out of nobody knows which rows may be computed out of these."""
    if any(book.origins[i].scan in scans for i in book.base(scalar)):
        return True
    homes = [book.opaque[i].home.scans for i in repeated.read_through(scalar, book) if i in book.opaque]
    return any(not home or home & scans for home in homes)


def _chooses(condition: Scalar, book: Book) -> bool:
    """Whether a condition says, by anything but plain equality and years, which rows of a person meet."""
    origins = [book.origins[i] for i in book.base(condition)]
    people = _sources(condition, book)
    only_years = all(o.is_year for o in origins) and not _asks_answer(condition, book)
    mixed = any(o.is_year for o in origins) and not only_years
    if people > 1:
        return not (_is_equality(condition, book) or only_years)
    return bool(people) and mixed and len(book.tables) > 1


def _asks_answer(condition: Scalar, book: Book) -> bool:
    """Whether a condition reads what a subquery or an aggregate answers, which has no variable behind it."""
    found = [book.opaque[i] for i in repeated.read_through(condition, book) if i in book.opaque]
    return any(not o.base and o.key_domain is None for o in found)


def _sources(condition: Scalar, book: Book) -> int:
    """How many different rows of persons a condition reads; a column of a set operation or of a γ is of one row,
    whatever it is made from."""
    found: list[frozenset[int]] = []
    for ident in columns_of(condition):
        inner = book.definitions.get(ident)
        if inner is not None and not book.homes[ident].scans:
            found += [book.scans_of(i) for i in columns_of(inner)]
        else:
            found.append(book.scans_of(ident))
    rows: list[frozenset[int]] = []
    for scans in found:
        if any(s in book.tables and book.is_person(s) for s in scans):
            rows = [r for r in rows if not r & scans] + [scans.union(*(r for r in rows if r & scans))]
    return len(rows)


def _is_equality(condition: Scalar, book: Book) -> bool:
    match condition:
        case Call(op="equal" | "equal_text", args=(Column() as left, Column() as right)):
            return all(c.ident in book.origins or book.key_domain(c.ident) is not None for c in (left, right))
    return False
