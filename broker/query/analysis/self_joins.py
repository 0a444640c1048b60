"""Self-joins and joins with written rows: how many of a person's own rows one row can be joined with."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, column_ids, conjuncts_of
from broker.query.operations.registry import apply
from broker.query.symbols import SymbolTable


def collapses_rows(relation: ops.Aggregate[ops.Relation], symbols: SymbolTable) -> bool:
    """Whether an aggregation leaves one row for each person, or groups over persons. Then nothing below it decides how
    often a row counts."""
    if relation.person is None:
        return relation.counted is not None or not relation.keys
    return all(isinstance(k, ColumnRef) and symbols.key_domain(k.ident) is not None for _, k in relation.keys)


def row_parts(relation: ops.Relation, symbols: SymbolTable) -> Iterator[ops.Relation]:
    """Operators that the rows of a relation pass through, down to an aggregation that collapses rows. A subquery adds
    no rows."""
    if isinstance(relation, ops.Aggregate) and collapses_rows(relation, symbols):
        return
    yield relation
    for child in (relation.child,) if isinstance(relation, ops.Apply) else ops.children(relation):
        yield from row_parts(child, symbols)


def max_self_joins(relation: ops.Relation, conjuncts: Sequence[Scalar], symbols: SymbolTable) -> int:
    """Most self-joins of one table, over rows of which a person can have several."""
    return max(_self_joins(relation, conjuncts, symbols).values(), default=0)


def _self_joins(relation: ops.Relation, conjuncts: Sequence[Scalar], symbols: SymbolTable) -> Counter[str]:
    if isinstance(relation, ops.Scan):
        scan = relation.person or 0
        several = symbols.is_person(scan) and not _is_one_row(scan, conjuncts, symbols)
        return Counter({symbols.tables[scan].full_name: 1} if several else {})
    if isinstance(relation, ops.Aggregate) and collapses_rows(relation, symbols):
        return Counter()
    below = (relation.child,) if isinstance(relation, ops.Apply) else ops.children(relation)
    found: Counter[str] = Counter()
    for child in below:
        times = _self_joins(child, conjuncts, symbols)
        # branches of a union are read one or the other, branches of a join together
        found = found | times if isinstance(relation, ops.Union) else found + times
    return found


def _is_one_row(scan: int, conjuncts: Sequence[Scalar], symbols: SymbolTable) -> bool:
    """Whether a person has at most one row: the table has one row a year, and the year is written or equals the year of
    other rows."""
    if symbols.tables[scan].max_rows_per_unit_year != 1:  # several rows in a year: fixing the year does not select one
        return False
    year = symbols.year_column(scan)
    for conjunct in conjuncts:
        match conjunct:
            case Call(op="equal" | "equal_text", args=args) if any(getattr(a, "ident", None) == year for a in args):
                if year is not None and all(isinstance(a, Literal) or _is_year(a, symbols) for a in args):
                    return True
    return False


def _is_year(scalar: Scalar, symbols: SymbolTable) -> bool:
    origin = symbols.origin(scalar)
    return origin is not None and origin.is_year


def matches_written_rows(parts: Iterable[ops.Relation], conjuncts: Sequence[Scalar], symbols: SymbolTable) -> bool:
    """Whether a condition matches several written rows at once. Their number is then a weight that the text chooses."""
    parts = list(parts)
    for part in parts:
        if isinstance(part, ops.Join) and not part.lateral:
            outer = {ops.JoinHow.LEFT: (part.right,), ops.JoinHow.FULL: (part.left, part.right)}.get(part.how, ())
            for side in (part.left, part.right):
                own = [*conjuncts_of(part.on)] if side in outer else []
                if _matches_several(part, side, own, parts, conjuncts, symbols):
                    return True
    return False


def _distinguishing_columns(
    join: ops.Join[ops.Relation], parts: Sequence[ops.Relation], mine: set[int], symbols: SymbolTable
) -> set[int]:
    """Columns above a join that distinguish its written rows as their own columns `mine` do: window columns over the
    join, and columns of set operations and groups that are computed from any of these."""
    found = set(mine)
    # from the join upwards, because each step may read columns of the one below
    for part in reversed([p for p in parts if any(below is join for below in ops.walk(p))]):
        match part:
            case ops.Window(columns=windows):
                found |= {w.ident for w in windows}
            case ops.Union(columns=columns):
                found |= {
                    i
                    for i, idents in columns
                    if any(_reads_any(ColumnRef(n, ScalarType.NULL), found, symbols) for n in idents)
                }
            case ops.Aggregate(keys=keys, aggregates=aggregates):
                found |= {i for i, key in keys if _reads_any(key, found, symbols)} | {i for i, _ in aggregates}
    return found


def _reads_any(scalar: Scalar, columns: set[int], symbols: SymbolTable) -> bool:
    return bool(read_through(scalar, symbols) & columns)


def _matches_several(
    join: ops.Join[ops.Relation], side: ops.Relation, own: Sequence[Scalar], parts: Sequence[ops.Relation],
    conjuncts: Sequence[Scalar], symbols: SymbolTable,
) -> bool:  # fmt: skip
    """Whether some condition matches several written rows of one side of a join. `own` are the conditions that decide
    whether an outer side has a row at all."""
    inside = list(ops.walk(side))
    stacks = sum(isinstance(p, ops.Union) for p in inside)
    # only a union of written rows has several; a scan is not written
    if not stacks or any(isinstance(p, ops.Scan) for p in inside):
        return False
    mine = {i for p in inside if isinstance(p, ops.Union | ops.Project) for i, _ in p.columns}
    mine |= {i for p in inside if isinstance(p, ops.Aggregate) for i, _ in p.keys}
    mine = _distinguishing_columns(join, parts, mine, symbols)
    read = [(c, read_through(c, symbols)) for c in conjuncts]
    chosen = [c for c, found in read if not found <= mine and (found & mine or c in own)]
    # with several unions inside, the values of one column are not unique
    return bool(chosen) and (stacks > 1 or not any(_matches_one(c, mine, symbols) for c in chosen))


def read_through(condition: Scalar, symbols: SymbolTable) -> frozenset[int]:
    """Columns of a condition, with derived columns replaced by the columns that they are computed from."""
    found: set[int] = set()
    for ident in column_ids(condition):
        inner = symbols.definitions.get(ident)
        if inner is not None:
            # a written constant is the column of a written row itself, so its id stays
            found |= {ident} if isinstance(inner, Literal) else read_through(inner, symbols)
        else:
            found.add(ident)
    return frozenset(found)


def _matches_one(condition: Scalar, mine: set[int], symbols: SymbolTable) -> bool:
    """Whether a condition is an equality with a written column whose values all differ."""
    match condition:
        case Call(op="equal" | "equal_text" as op, args=(left, right)):
            for side, other in ((left, right), (right, left)):
                if (
                    isinstance(side, ColumnRef)
                    and side.ident in symbols.opaque
                    and not read_through(other, symbols) & mine
                ):
                    written = [
                        symbols.definitions.get(getattr(p, "ident", 0)) for p in symbols.opaque[side.ident].parts
                    ]
                    values = [w.value for w in written if isinstance(w, Literal)]
                    same = any(apply(op, pair) is not False for pair in combinations(values, 2))
                    return 0 < len(values) == len(written) and not same
    return False
