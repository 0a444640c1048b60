"""The most rows of one person in a relation: a product over ranks, years, branches and join matches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from math import prod

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, Value, column_ids, conjuncts_of
from broker.policy.data_catalogue import Catalogue
from broker.query.analysis.guards import guards_of, idents_of, own_columns
from broker.query.contribution_bounding.column_origins import ColumnOrigins
from broker.query.contribution_bounding.rank_filters import NO_GUARDS, choose_rank_filter, rank_condition


@dataclass(frozen=True, slots=True)
class RowBound:
    """A relation with the most rows of one person in it (None: unbounded). `each`: by id of a year column, the most
    rows with one value of that column."""

    relation: ops.Relation
    rows: int | None
    each: Mapping[int, int] = field(default_factory=dict)


def minimum(numbers: Iterable[int | None]) -> int | None:
    return min((n for n in numbers if n is not None), default=None)


def product_of(rows: int | None, many: int | None) -> int | None:
    return None if rows is None or many is None else rows * many


def at_least_one(rows: int | None) -> int | None:
    """Bound of a join that keeps rows without a match."""
    return None if rows is None else max(1, rows)


def sum_of(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    return None if None in found else sum(n for n in found if n is not None)


def scaled(each: Mapping[int, int], many: int | None) -> dict[int, int]:
    return {} if many is None else {i: n * many for i, n in each.items()}


def first_numbered_rows(filtered: ops.Filter[ops.Relation], origins: ColumnOrigins) -> RowBound | None:
    """Bound of rows that are numbered within their person, or person and year, if only number 1 is kept. None for other
    filters."""
    projects, part = [], filtered.child
    while isinstance(part, ops.Project):
        projects.append(part)
        part = part.child
    # without a person number, the window may mix rows of several people
    if not isinstance(part, ops.Window) or part.counted is None:
        return None
    person, firsts = ColumnRef(part.counted, ScalarType.INT), set(_equal_to_one(filtered.predicate))
    numbered = (w for w in part.columns if ColumnRef(w.ident, ScalarType.INT) in firsts)
    window = next((w for w in numbered if _numbers_own_rows(w, person, origins)), None)
    if window is None:
        return None
    # The person number is in the partition already; link keys could split one person's rows.
    left = tuple(s for s in window.partition if not origins.is_link_key(s))
    years = [n for s in left if s != person and (n := origins.year_count(s))]
    changed = tuple(replace(w, partition=left) if w is window else w for w in part.columns)
    relation: ops.Relation = replace(part, columns=changed)
    for project in reversed(projects):
        relation = replace(project, child=relation)
    rows = prod(years)
    each = {s.ident: rows // n for s in left if isinstance(s, ColumnRef) and (n := origins.year_count(s))}
    return RowBound(replace(filtered, child=relation), rows, each)


def _numbers_own_rows(window: ops.WindowColumn, person: ColumnRef, origins: ColumnOrigins) -> bool:
    known = all(s == person or origins.is_link_key(s) or origins.year_count(s) for s in window.partition)
    return window.function.op == "row_number" and not window.shared and person in window.partition and known


def _equal_to_one(predicate: Scalar) -> Iterable[Scalar]:
    """Columns that a condition requires to be 1."""
    for condition in conjuncts_of(predicate):
        match condition:
            case Call(op="equal", args=(ColumnRef() as numbered, Literal(value=1))):
                yield numbered


EQUALITIES = frozenset({"equal", "same"})
Conditions = tuple[Scalar, ...]


def max_matches(relation: ops.Relation, conditions: Iterable[Scalar], origins: ColumnOrigins) -> int | None:
    """Most rows of a relation that one outer row can match; None if unbounded. A column that is computed inside the
    relation is not fixed by the outer row, whatever a condition says it equals."""
    return _max_matches(relation, tuple(conditions), idents_of(relation), origins)


def _max_matches(
    relation: ops.Relation, known: Conditions, inside: frozenset[int], origins: ColumnOrigins
) -> int | None:
    match relation:
        case ops.Filter(child=child, predicate=predicate):
            return _max_matches(child, (*known, *conjuncts_of(predicate)), inside, origins)
        case ops.Project(child=child, columns=columns):
            copies = {i: s for i, s in columns if isinstance(s, ColumnRef)}
            return _max_matches(child, (*known, *_through_copies(known, copies)), inside, origins)
        case ops.Window(child=child):
            return _max_matches(child, known, inside, origins)
        case ops.Limit(count=count):
            return count
        case ops.Values():
            return 1 if _matches_once(relation, known, inside) else len(relation.rows)
        case ops.Aggregate(keys=keys):
            # one group for each combination of its keys
            return 1 if all(_is_fixed(i, known, inside) for i, _ in keys) else None
        case ops.Scan():
            return _max_scan_matches(relation, known, inside, origins)
        case ops.Union(parts=parts):
            # conditions name the columns of the union, not those of its parts
            return sum_of(_max_matches(p, (), inside, origins) for p in parts)
        case ops.Join():
            return _max_join_matches(relation, known, inside, origins)
    return None


def _max_join_matches(
    join: ops.Join[ops.Relation], known: Conditions, inside: frozenset[int], origins: ColumnOrigins
) -> int | None:
    """Bound one side by the outer row, then the other by the outer row and that side. Never both by each other: that
    would be circular."""
    both = (*known, *conjuncts_of(join.on))
    outside_left, outside_right = inside - idents_of(join.left), inside - idents_of(join.right)
    is_outer = join.how in {ops.JoinHow.LEFT, ops.JoinHow.FULL}
    # ON does not remove rows of the preserved side
    left = _max_matches(join.left, known if is_outer else both, inside, origins)
    forth = product_of(left, at_least_one(_max_matches(join.right, both, outside_left, origins)))
    if join.how is ops.JoinHow.FULL:
        return sum_of([forth, _max_matches(join.right, known, inside, origins)])
    if is_outer:
        return forth
    right = _max_matches(join.right, both, inside, origins)
    return minimum([forth, product_of(right, at_least_one(_max_matches(join.left, both, outside_right, origins)))])


def _through_copies(known: Conditions, copies: Mapping[int, ColumnRef]) -> list[Scalar]:
    """Conditions on a column's copy also hold for the column."""
    found: list[Scalar] = []
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUALITIES:
            sides = tuple(copies.get(a.ident, a) if isinstance(a, ColumnRef) else a for a in condition.args)
            found.append(Call(condition.op, sides, condition.type))
    return found


def _is_fixed(ident: int, known: Conditions, inside: frozenset[int]) -> bool:
    """Whether a column equals a value that the outer row gives."""
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUALITIES:
            for one, other in (condition.args, condition.args[::-1]):
                if isinstance(one, ColumnRef) and one.ident == ident and not column_ids(other) & inside:
                    return True
    return False


def _max_scan_matches(scan: ops.Scan, known: Conditions, inside: frozenset[int], origins: ColumnOrigins) -> int | None:
    """Most rows of a scan for one value of its unique key. Ingest verifies that the key is unique in each year's
    file."""
    key = origins.table(scan).unique_key
    idents = [c.ident for c in scan.columns if c.variable == key]
    if key is None or not any(_is_fixed(i, known, inside) for i in idents):
        return None
    return 1 if scan.years is None else max(1, len(scan.years))


def _matches_once(values: ops.Values, known: Conditions, inside: frozenset[int]) -> bool:
    """Whether a column of written rows has no repeated value and equals a value that the outer row gives."""
    for place, (ident, _) in enumerate(values.columns):
        written = [row[place] for row in values.rows]
        compared = [_comparable(s.value) for s in written if isinstance(s, Literal) and s.value is not None]
        if len(compared) == len(written) == len(set(compared)) and _is_fixed(ident, known, inside):
            return True
    return False


def _comparable(value: Value) -> float | str:
    """A value as the engine may compare it: 1.0 and 1.00 are one number."""
    return float(value) if isinstance(value, int | float | Decimal) else str(value)


FIRST_IDENT = 2_000_000_000
"""Id of the first rank column that is read. No plan has that many columns."""


class RowBounder:
    """Bounds the rows of one person in a relation. `ranks`: by table, rows of one person and year that count; otherwise
    the catalogue's number. After `bound`, `counted_rows` says how many rows of each table count."""

    def __init__(self, relation: ops.Relation, catalogue: Catalogue, ranks: Mapping[str, int]) -> None:
        self._origins = ColumnOrigins(relation, catalogue)
        self._ranks, self._fresh = ranks, count(FIRST_IDENT)
        self._guards = guards_of(relation, own_columns)
        self.counted_rows: dict[str, int] = {}

    def bound(self, relation: ops.Relation) -> RowBound:
        match relation:
            case ops.Scan(person=None) | ops.Values():
                return RowBound(relation, 0)
            case ops.Scan():
                return self._scan(relation)
            case ops.Filter(child=child, predicate=predicate):
                return first_numbered_rows(relation, self._origins) or self._unary(child, ops.Filter(child, predicate))
            case ops.Project(child=child, columns=columns):
                below = self._unary(child, relation)
                copies = {
                    i: below.each[s.ident] for i, s in columns if isinstance(s, ColumnRef) and s.ident in below.each
                }
                return replace(below, each={**below.each, **copies})
            case ops.Window(child=child) | ops.Apply(child=child) | ops.Limit(child=child):
                return self._unary(child, relation)
            case ops.Join():
                return self._join(relation)
            case ops.Union():
                return self._union(relation)
            case ops.Aggregate():
                return self._aggregate(relation)

    def _unary(self, child: ops.Relation, made: ops.Relation) -> RowBound:
        """Bound a relation that has at most as many rows as its child."""
        below = self.bound(child)
        assert isinstance(made, ops.Filter | ops.Project | ops.Window | ops.Apply | ops.Limit)
        return replace(below, relation=replace(made, child=below.relation))

    def _scan(self, scan: ops.Scan) -> RowBound:
        assert scan.person is not None
        table, guards = self._origins.table(scan), self._guards.get(scan.person, NO_GUARDS)
        by = choose_rank_filter(scan, table, self._ranks.get(scan.table), guards)
        # if several scans read a table, the record states the largest number
        self.counted_rows[scan.table + by.condition] = max(
            by.first, self.counted_rows.get(scan.table + by.condition, 0)
        )
        ident = next(self._fresh)
        # TEXT, because a text column is read as it is stored, without a cast.
        read = replace(scan, columns=(*scan.columns, ops.ScanColumn(ident, by.column, ScalarType.TEXT)))
        years = [c.ident for c in scan.columns if self._origins.year_count(ColumnRef(c.ident, c.type)) is not None]
        many = 1 if scan.years is None else max(1, len(scan.years))
        return RowBound(
            ops.Filter(read, rank_condition(by, ident, scan)), by.rows * many, dict.fromkeys(years, by.rows)
        )

    def _join(self, join: ops.Join[ops.Relation]) -> RowBound:
        left, right = ops.is_of_persons(join.left), ops.is_of_persons(join.right)
        if not (left or right):
            return RowBound(join, 0)
        if left and right and not join.lateral:
            return self._of_two(join)
        person, other = (join.left, join.right) if left else (join.right, join.left)
        below = self.bound(person)
        most = at_least_one(max_matches(other, () if left and right else conjuncts_of(join.on), self._origins))
        made = replace(join, left=below.relation) if left else replace(join, right=below.relation)
        return RowBound(made, product_of(below.rows, most), scaled(below.each, most))

    def _of_two(self, join: ops.Join[ops.Relation]) -> RowBound:
        """Bound a join of two relations of the same person, row by row."""
        left, right = self.bound(join.left), self.bound(join.right)
        made = replace(join, left=left.relation, right=right.relation)
        # most rows of the other side that one row matches, in each direction
        met = at_least_one(minimum([right.rows, *_year_matches(join.right, right.each, join.on)]))
        back = at_least_one(minimum([left.rows, *_year_matches(join.left, left.each, join.on)]))
        each, forth = scaled(left.each, met), product_of(left.rows, met)
        if join.how is ops.JoinHow.INNER:
            rows = minimum([forth, product_of(right.rows, back)])
            return RowBound(made, rows, {**scaled(right.each, back), **each})
        if join.how is ops.JoinHow.LEFT:
            return RowBound(made, forth, each)
        # unmatched rows of both sides are kept
        return RowBound(made, sum_of([forth, right.rows]))

    def _union(self, union: ops.Union[ops.Relation]) -> RowBound:
        parts = [self.bound(p) for p in union.parts]
        rows = None if any(p.rows is None for p in parts) else sum(p.rows or 0 for p in parts)
        each = {}
        for ident, inner in union.columns:
            found = [p.each.get(i, 0 if p.rows == 0 else None) for p, i in zip(parts, inner, strict=True)]
            if self._origins.year_count(ColumnRef(ident, ScalarType.NULL)) and None not in found:
                each[ident] = sum(n or 0 for n in found)
        return RowBound(replace(union, parts=tuple(p.relation for p in parts)), rows, each)

    def _aggregate(self, aggregate: ops.Aggregate[ops.Relation]) -> RowBound:
        """Bound an aggregation. Grouped by the person, or by person and year, it gives one row for each; it then groups
        by the person, not by each of their link keys, and drops no row below. Grouped by other keys, it has at most the
        rows of its child."""
        if aggregate.person is None:
            return RowBound(aggregate, 0)
        links = [(i, s) for i, s in aggregate.keys if self._origins.is_link_key(s)]
        others = [(i, s) for i, s in aggregate.keys if (i, s) not in links]
        years = [self._origins.year_count(s) for _, s in others]
        if None in years:
            below = self.bound(aggregate.child)
            return RowBound(replace(aggregate, child=below.relation), below.rows, below.each)
        # a person can have several keys; one of them represents the person
        link_keys = tuple((i, ops.AggregateCall("least", (s,), s.type)) for i, s in links)
        made = replace(aggregate, keys=tuple(others), aggregates=(*link_keys, *aggregate.aggregates))
        rows = prod(n for n in years if n is not None)
        return RowBound(made, rows, {i: rows // (n or 1) for (i, _), n in zip(others, years, strict=True)})


def _year_matches(relation: ops.Relation, each: Mapping[int, int], on: Scalar | None) -> Iterable[int]:
    """Most rows of one side with the year that the other side's row fixes."""
    own = idents_of(relation)
    for pair in _equal_columns(conjuncts_of(on)):
        for one, other in (pair, pair[::-1]):
            if one in each and other not in own:
                yield each[one]


def _equal_columns(conditions: Iterable[Scalar]) -> Iterable[tuple[int, int]]:
    """Pairs of columns that must be equal. Years are written in one form only, so equality of texts ignoring case is
    plain equality."""
    for condition in conditions:
        match condition:
            case Call(op=op, args=(ColumnRef(ident=a), ColumnRef(ident=b))) if op in EQUALITIES or op == "equal_text":
                yield a, b
