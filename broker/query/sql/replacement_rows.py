"""Replacement rows: public rows that an outer join would put in the place of the last person whom they match.

`instead` of a relation are these rows, each with the number of the person who would leave; evidence counts them against
the person, so that it says how far the figures would really move. Finished relations; no syntax, no text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from broker.domain.plans.operators import (
    Aggregate,
    AggregateCall,
    Apply,
    Filter,
    Join,
    JoinHow,
    Limit,
    Project,
    Relation,
    Scan,
    Union,
    Values,
    Window,
    WindowColumn,
)
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType
from broker.query.bound_relations import conjunction_of, conjuncts_of
from broker.query.operations.possible_values import ONLY_NULL, can_be_true, possible_values

FIRST_IDENT = 2_000_000_000
"""The id of the first column that is made here: no plan has as many."""
UNSUPPORTED_REPLACEMENT = (
    "Public rows that meet nobody are gathered, numbered or matched with each other as if they were a person's.",
    "Leave them out before, with WHERE key IS NOT NULL, or write JOIN.",
)
NEVER, ONE = Literal(False, ScalarType.TRUTH), Literal(1, ScalarType.INT)
NullColumns = frozenset[int]
"""Columns that are NULL on every row."""


class UnsupportedReplacement(Exception):
    """Such rows are brought together, or matched, so that one of them changes others: no row says what would be."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """`person` is the column of the one who would leave; the rows' own person number is NULL, like all of `missing`."""

    rows: Relation
    person: int
    missing: NullColumns


def replacement_rows(relation: Relation) -> Replacement | None:
    """None where no public row takes anybody's place. Raises Gathered."""
    return _ReplacementBuilder().of(relation)


def has_replacement_rows(table: PlannedTable) -> bool:
    """Whether public rows can take people's places: then more people can stand behind a cell than have rows there, and
    some of them behind cells that are not there."""
    return replacement_rows(table.contributions) is not None


def person_column(relation: Relation) -> int | None:
    """The column of the rows' person number; None for public rows and groups."""
    match relation:
        case Scan(person=person) | Join(person=person) | Aggregate(person=person):
            return person
        case Union(person=person):
            return person[0] if person is not None else None
        case Values():
            return None
        case _:
            return person_column(relation.child)


def visible_columns(relation: Relation) -> tuple[int, ...]:
    """The columns that the rows have, the person number among them."""
    return tuple(dict.fromkeys(_visible_columns(relation)))


def _visible_columns(relation: Relation) -> Iterator[int]:
    match relation:
        case Scan(columns=scanned):
            yield from (c.ident for c in scanned)
        case Join(left=left, right=right):
            yield from (*_visible_columns(left), *_visible_columns(right))
        case Aggregate(keys=keys, aggregates=aggregates):
            yield from (i for i, _ in (*keys, *aggregates))
        case Union(columns=columns) | Values(columns=columns):
            yield from (i for i, *_ in columns)
        case Filter(child=child) | Project(child=child) | Window(child=child) | Apply(child=child) | Limit(child=child):
            yield from _visible_columns(child)
    match relation:
        case Project(columns=computed):
            yield from (i for i, _ in computed)
        case Window(columns=windows):
            yield from (w.ident for w in windows)
        case Apply(ident=ident):
            yield ident
        case Scan() | Join() | Aggregate() | Union():
            person = person_column(relation)
            yield from () if person is None else (person,)


def _can_hold(predicate: Scalar | None, missing: NullColumns) -> bool:
    known = dict.fromkeys(missing, ONLY_NULL)
    return all(can_be_true(c, known, {}) for c in conjuncts_of(predicate))


class _ReplacementBuilder:
    def __init__(self) -> None:
        self._fresh = count(FIRST_IDENT)

    def of(self, relation: Relation) -> Replacement | None:
        match relation:
            case Join():
                return self._join(relation)
            case Union():
                return self._union(relation, [self.of(p) for p in relation.parts])
            case Scan() | Values() | Limit():
                return None
        below = self.of(relation.child)
        if below is None:
            return None
        match relation:
            case Filter(predicate=predicate):
                return (
                    replace(below, rows=replace(relation, child=below.rows))
                    if _can_hold(predicate, below.missing)
                    else None
                )
            case Project(columns=computed):
                known = dict.fromkeys(below.missing, ONLY_NULL)
                more = {i for i, s in computed if possible_values(s, known, {}) == ONLY_NULL}
                return replace(below, rows=replace(relation, child=below.rows), missing=below.missing | more)
            case Apply():
                return self._apply(relation, below)
            case Window():
                return _windowed(relation, below)
            case Aggregate():
                return self._distinct(relation, below)

    def _apply(self, apply: Apply[Relation], below: Replacement) -> Replacement:
        """EXCEPT and INTERSECT match rows by all their columns: a row that would come there could match one here."""
        sub = apply.sub
        matching = isinstance(sub, Filter) and any(
            isinstance(c, Call) and c.op == "same" for c in conjuncts_of(sub.predicate)
        )
        if self.of(sub.child if matching and isinstance(sub, Filter) else sub) is not None:
            raise UnsupportedReplacement
        return replace(below, rows=replace(apply, child=below.rows))

    def _distinct(self, aggregate: Aggregate[Relation], below: Replacement) -> Replacement | None:
        """DISTINCT: a row would come only where no row without a person is like it."""
        if aggregate.person is None:
            return None
        if aggregate.aggregates:
            raise UnsupportedReplacement
        person, there, number = (next(self._fresh) for _ in range(3))
        renamed = {i: next(self._fresh) for i, _ in aggregate.keys}
        keys = (*aggregate.keys, (person, ColumnRef(below.person, ScalarType.INT)))
        alone = Project(
            Aggregate(below.rows, keys, (), None, None), ((aggregate.person, Literal(None, ScalarType.INT)),)
        )
        other = Union((aggregate,), ((number, (aggregate.person,)), *((to, (i,)) for i, to in renamed.items())), None)
        like = [
            Call("same", (ColumnRef(i, s.type), ColumnRef(renamed[i], s.type)), ScalarType.TRUTH)
            for i, s in aggregate.keys
        ]
        like.append(Call("is_null", (ColumnRef(number, ScalarType.INT),), ScalarType.TRUTH))
        stands: Relation = Apply(alone, Filter(other, conjunction_of(like) or NEVER), there, None)
        missing = {i for i, s in aggregate.keys if isinstance(s, ColumnRef) and s.ident in below.missing} | {
            aggregate.person
        }
        return Replacement(
            Filter(stands, Call("not", (ColumnRef(there, ScalarType.TRUTH),), ScalarType.TRUTH)),
            person,
            frozenset(missing),
        )

    def _join(self, join: Join[Relation]) -> Replacement | None:
        left, right = self.of(join.left), self.of(join.right)
        preserved = [(join.left, join.right, right)] if join.how in {JoinHow.LEFT, JoinHow.FULL} else []
        preserved += [(join.right, join.left, left)] if join.how is JoinHow.FULL else []
        parts = []
        for public, others, theirs in preserved:
            if person_column(public) is None and person_column(others) is not None:
                if theirs is not None and _can_hold(join.on, theirs.missing):
                    raise UnsupportedReplacement
                parts.append(self._replacing_last_person(public, others, join.on))
        parts += self._carried(join, left, right)
        return self._union(join, parts)

    def _carried(
        self, join: Join[Relation], left: Replacement | None, right: Replacement | None
    ) -> Iterator[Replacement]:
        """Rows of a side that would come, joined with the other side as it is."""
        outer = join.how in {JoinHow.LEFT, JoinHow.FULL}
        if left is not None:
            holds = _can_hold(join.on, left.missing)
            if holds or outer:
                how = JoinHow.LEFT if outer else join.how
                more = frozenset() if holds else frozenset(visible_columns(join.right))
                yield Replacement(replace(join, left=left.rows, how=how), left.person, left.missing | more)
        if right is not None:
            holds = _can_hold(join.on, right.missing)
            if join.how is JoinHow.FULL:
                more = frozenset() if holds else frozenset(visible_columns(join.left))
                turned = replace(join, left=right.rows, right=join.left, how=JoinHow.LEFT)
                yield Replacement(turned, right.person, right.missing | more)
            elif holds:
                how = JoinHow.INNER if outer else join.how
                yield Replacement(replace(join, right=right.rows, how=how), right.person, right.missing)

    def _replacing_last_person(self, public: Relation, others: Relation, on: Scalar | None) -> Replacement:
        """The public rows that meet rows of one person only, each once, with nothing beside them."""
        row, first, last, rows, known, place, person = (next(self._fresh) for _ in range(7))
        number = person_column(others)
        assert number is not None
        one, by = ColumnRef(number, ScalarType.INT), (ColumnRef(row, ScalarType.INT),)
        numbered = Window(public, (_window(row, "row_number", ()),), None)
        met = Join(numbered, others, JoinHow.INNER, on, number)
        windows = (
            _window(first, "least", by, one),
            _window(last, "greatest", by, one),
            _window(rows, "count_rows", by),
            _window(known, "count", by, one),
            _window(place, "row_number", by),
        )
        alone = [
            _equal(first, last),
            _equal(rows, known),
            Call("equal", (ColumnRef(place, ScalarType.INT), ONE), ScalarType.TRUTH),
        ]
        lone = Filter(Window(met, windows, None), conjunction_of(alone) or NEVER)
        lone_rows = Union((lone,), (*((i, (i,)) for i in visible_columns(public)), (person, (first,))), None)
        return Replacement(
            Join(lone_rows, others, JoinHow.LEFT, NEVER, number), person, frozenset(visible_columns(others))
        )

    def _union(self, whole: Relation, parts: "list[Replacement | None] | list[Replacement]") -> Replacement | None:
        """Of a union, the parts' columns are those of `whole`; of a join every part has all of them."""
        some = [(index, p) for index, p in enumerate(parts) if p is not None]
        if not some:
            return None
        if isinstance(whole, Join) and len(some) == 1:
            return some[0][1]
        person = next(self._fresh)
        if isinstance(whole, Union):
            named = [*whole.columns, *([whole.person] if whole.person is not None else [])]
            columns = [(ident, tuple(inner[index] for index, _ in some)) for ident, inner in named]
        else:
            columns = [(ident, (ident,) * len(some)) for ident in visible_columns(whole)]
        missing = {i for i, inner in columns if all(c in p.missing for c, (_, p) in zip(inner, some, strict=True))}
        columns.append((person, tuple(p.person for _, p in some)))
        return Replacement(Union(tuple(p.rows for _, p in some), tuple(columns), None), person, frozenset(missing))


def _windowed(window: Window[Relation], below: Replacement) -> Replacement:
    """What depends on other people is judged by tables of its own."""
    if not all(w.shared for w in window.columns):
        raise UnsupportedReplacement
    blank = tuple((w.ident, Literal(None, w.function.type)) for w in window.columns)
    return replace(below, rows=Project(below.rows, blank), missing=below.missing | {i for i, _ in blank})


def _equal(one: int, other: int) -> Call:
    return Call("equal", (ColumnRef(one, ScalarType.INT), ColumnRef(other, ScalarType.INT)), ScalarType.TRUTH)


def _window(ident: int, op: str, partition: tuple[Scalar, ...], *args: Scalar) -> WindowColumn:
    return WindowColumn(ident, AggregateCall(op, args, ScalarType.INT), partition, (), False)
