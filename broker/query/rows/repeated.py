"""Rows that meet several times: written rows that are alike, a table joined with itself. What conditions choose,
`multiplying` knows. No syntax, no refusals."""

from collections import Counter
from collections.abc import Iterable, Sequence

from broker.domain.relations import Attach, Gather, Join, JoinHow, Over, Project, Relation, Scan, Union, children, walk
from broker.domain.scalars import Call, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.kinds import conjuncts_of


def brings_together(relation: Gather, book: Book) -> bool:
    """Whether a γ leaves one row a person, or groups that rows meet: nothing below it says how often one counts."""
    if relation.person is None:
        return relation.counted is not None or not relation.keys
    return all(isinstance(k, Column) and book.key_domain(k.ident) is not None for _, k in relation.keys)


def most_times(relation: Relation, conjuncts: Sequence[Scalar], book: Book) -> int:
    """How often, at most, several rows of one person in one table meet each other."""
    return max(_times(relation, conjuncts, book).values(), default=0)


def _times(relation: Relation, conjuncts: Sequence[Scalar], book: Book) -> Counter[str]:
    if isinstance(relation, Scan):
        scan = relation.person or 0
        several = book.is_person(scan) and not _is_one_row(scan, conjuncts, book)
        return Counter({book.tables[scan].full_name: 1} if several else {})
    if isinstance(relation, Gather) and brings_together(relation, book):
        return Counter()
    below = (relation.child,) if isinstance(relation, Attach) else children(relation)
    found: Counter[str] = Counter()
    for child in below:
        times = _times(child, conjuncts, book)
        found = found | times if isinstance(relation, Union) else found + times
    return found


def _is_one_row(scan: int, conjuncts: Sequence[Scalar], book: Book) -> bool:
    """Whether a person has one row at most: one a year, and the year is written or that of other rows."""
    if book.tables[scan].max_rows_per_unit_year != 1:
        return False
    year = book.year_column(scan)
    for conjunct in conjuncts:
        match conjunct:
            case Call(op="equal" | "equal_text", args=args) if any(getattr(a, "ident", None) == year for a in args):
                if year is not None and all(isinstance(a, Literal) or _is_year(a, book) for a in args):
                    return True
    return False


def _is_year(scalar: Scalar, book: Book) -> bool:
    origin = book.origin(scalar)
    return origin is not None and origin.is_year


def written(parts: Iterable[Relation], conjuncts: Sequence[Scalar], book: Book) -> bool:
    """Whether a condition meets several written rows at once: their number is then a weight that the text chooses."""
    parts = list(parts)
    for part in parts:
        if isinstance(part, Join) and not part.lateral:
            outer = {JoinHow.LEFT: (part.right,), JoinHow.FULL: (part.left, part.right)}.get(part.how, ())
            for side in (part.left, part.right):
                own = [*conjuncts_of(part.on)] if side in outer else []
                if _meets_several(part, side, own, parts, conjuncts, book):
                    return True
    return False


def _numbers(join: Join, parts: Sequence[Relation], mine: set[int], book: Book) -> set[int]:
    """The columns above a join that tell its written rows apart as their own columns `mine` do: what windows count
    among its rows, and columns of set operations and groups that are made of any of these."""
    found = set(mine)
    for part in reversed([p for p in parts if any(below is join for below in walk(p))]):
        match part:
            case Over(columns=windows):
                found |= {w.ident for w in windows}
            case Union(columns=columns):
                found |= {
                    i for i, idents in columns if any(_made_of(Column(n, Type.NULL), found, book) for n in idents)
                }
            case Gather(keys=keys, aggregates=aggregates):
                found |= {i for i, key in keys if _made_of(key, found, book)} | {i for i, _ in aggregates}
    return found


def _made_of(scalar: Scalar, columns: set[int], book: Book) -> bool:
    return bool(read_through(scalar, book) & columns)


def _meets_several(
    join: Join, side: Relation, own: Sequence[Scalar], parts: Sequence[Relation], conjuncts: Sequence[Scalar],
    book: Book,
) -> bool:  # fmt: skip
    """`own` are the conditions that decide whether an outer side has a row at all."""
    inside = list(walk(side))
    stacks = sum(isinstance(p, Union) for p in inside)
    if not stacks or any(isinstance(p, Scan) for p in inside):
        return False
    mine = {i for p in inside if isinstance(p, Union | Project) for i, _ in p.columns}
    mine |= {i for p in inside if isinstance(p, Gather) for i, _ in p.keys}
    mine = _numbers(join, parts, mine, book)
    read = [(c, read_through(c, book)) for c in conjuncts]
    chosen = [c for c, found in read if not found <= mine and (found & mine or c in own)]
    return bool(chosen) and (stacks > 1 or not any(_meets_one(c, mine, book) for c in chosen))


def read_through(condition: Scalar, book: Book) -> frozenset[int]:
    """The columns of a condition, with those that its derived columns are made of in their place."""
    found: set[int] = set()
    for ident in columns_of(condition):
        inner = book.definitions.get(ident)
        if inner is not None:
            found |= {ident} if isinstance(inner, Literal) else read_through(inner, book)
        else:
            found.add(ident)
    return frozenset(found)


def _meets_one(condition: Scalar, mine: set[int], book: Book) -> bool:
    """Whether a condition is an equality with a written column whose values all differ."""
    match condition:
        case Call(op="equal", args=(left, right)):
            for side, other in ((left, right), (right, left)):
                if isinstance(side, Column) and side.ident in book.opaque and not read_through(other, book) & mine:
                    written = [book.definitions.get(getattr(p, "ident", 0)) for p in book.opaque[side.ident].parts]
                    values = [w.value for w in written if isinstance(w, Literal)]
                    return 0 < len(values) == len(written) == len(set(values))
    return False
