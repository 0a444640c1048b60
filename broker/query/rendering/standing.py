"""Public rows that take a person's place: what an outer join puts where the last person whom a row met would leave.

`instead` of a relation are these rows, each with the number of the person who would leave; evidence counts them against
the person, so that it says how far the figures would really move. Finished relations; no syntax, no text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from broker.domain.plans import PlannedTable
from broker.domain.relations import (
    Aggregate,
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
    Values,
    WindowColumn,
)
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.query.kinds import all_of, conjuncts_of
from broker.query.operations.fold import ONLY_NULL, can_be_true, possible

FIRST_IDENT = 2_000_000_000
"""The id of the first column that is made here: no plan has as many."""
GATHERED = (
    "Public rows that meet nobody are gathered, numbered or matched with each other as if they were a person's.",
    "Leave them out before, with WHERE key IS NOT NULL, or write JOIN.",
)
NOWHERE, ONE = Literal(False, Type.TRUTH), Literal(1, Type.INT)
Missing = frozenset[int]
"""Columns that are NULL on every row."""


class Gathered(Exception):
    """Such rows are brought together, or matched, so that one of them changes others: no row says what would be."""


@dataclass(frozen=True, slots=True)
class Instead:
    """`person` is the column of the one who would leave; the rows' own person number is NULL, like all of `missing`."""

    rows: Relation
    person: int
    missing: Missing


def instead(relation: Relation) -> Instead | None:
    """None where no public row takes anybody's place. Raises Gathered."""
    return _Standing().of(relation)


def has_stand_ins(table: PlannedTable) -> bool:
    """Whether public rows can take people's places: then more people can stand behind a cell than have rows there, and
    some of them behind cells that are not there."""
    return instead(table.contributions) is not None


def person_of(relation: Relation) -> int | None:
    """The column of the rows' person number; None for public rows and groups."""
    match relation:
        case Scan(person=person) | Join(person=person) | Gather(person=person):
            return person
        case Union(person=person):
            return person[0] if person is not None else None
        case Values():
            return None
        case _:
            return person_of(relation.child)


def visible(relation: Relation) -> tuple[int, ...]:
    """The columns that the rows have, the person number among them."""
    return tuple(dict.fromkeys(_visible(relation)))


def _visible(relation: Relation) -> Iterator[int]:
    match relation:
        case Scan(columns=scanned):
            yield from (c.ident for c in scanned)
        case Join(left=left, right=right):
            yield from (*_visible(left), *_visible(right))
        case Gather(keys=keys, aggregates=aggregates):
            yield from (i for i, _ in (*keys, *aggregates))
        case Union(columns=columns) | Values(columns=columns):
            yield from (i for i, *_ in columns)
        case Filter(child=child) | Project(child=child) | Over(child=child) | Attach(child=child) | Limit(child=child):
            yield from _visible(child)
    match relation:
        case Project(columns=computed):
            yield from (i for i, _ in computed)
        case Over(columns=windows):
            yield from (w.ident for w in windows)
        case Attach(ident=ident):
            yield ident
        case Scan() | Join() | Gather() | Union():
            person = person_of(relation)
            yield from () if person is None else (person,)


def _can_hold(predicate: Scalar | None, missing: Missing) -> bool:
    known = dict.fromkeys(missing, ONLY_NULL)
    return all(can_be_true(c, known, {}) for c in conjuncts_of(predicate))


class _Standing:
    def __init__(self) -> None:
        self._fresh = count(FIRST_IDENT)

    def of(self, relation: Relation) -> Instead | None:
        match relation:
            case Join():
                return self._joined(relation)
            case Union():
                return self._united(relation, [self.of(p) for p in relation.parts])
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
                more = {i for i, s in computed if possible(s, known, {}) == ONLY_NULL}
                return replace(below, rows=replace(relation, child=below.rows), missing=below.missing | more)
            case Attach():
                return self._attached(relation, below)
            case Over():
                return _windowed(relation, below)
            case Gather():
                return self._distinct(relation, below)

    def _attached(self, attach: Attach, below: Instead) -> Instead:
        """EXCEPT and INTERSECT match rows by all their columns: a row that would come there could match one here."""
        sub = attach.sub
        matching = isinstance(sub, Filter) and any(
            isinstance(c, Call) and c.op == "same" for c in conjuncts_of(sub.predicate)
        )
        if self.of(sub.child if matching and isinstance(sub, Filter) else sub) is not None:
            raise Gathered
        return replace(below, rows=replace(attach, child=below.rows))

    def _distinct(self, gather: Gather, below: Instead) -> Instead | None:
        """DISTINCT: a row would come only where no row without a person is like it."""
        if gather.person is None:
            return None
        if gather.aggregates:
            raise Gathered
        person, there, number = (next(self._fresh) for _ in range(3))
        renamed = {i: next(self._fresh) for i, _ in gather.keys}
        keys = (*gather.keys, (person, Column(below.person, Type.INT)))
        alone = Project(Gather(below.rows, keys, (), None, None), ((gather.person, Literal(None, Type.INT)),))
        other = Union((gather,), ((number, (gather.person,)), *((to, (i,)) for i, to in renamed.items())), None)
        like = [Call("same", (Column(i, s.type), Column(renamed[i], s.type)), Type.TRUTH) for i, s in gather.keys]
        like.append(Call("is_null", (Column(number, Type.INT),), Type.TRUTH))
        stands = Attach(alone, Filter(other, all_of(like) or NOWHERE), there, None)
        missing = {i for i, s in gather.keys if isinstance(s, Column) and s.ident in below.missing} | {gather.person}
        return Instead(
            Filter(stands, Call("not", (Column(there, Type.TRUTH),), Type.TRUTH)), person, frozenset(missing)
        )

    def _joined(self, join: Join) -> Instead | None:
        left, right = self.of(join.left), self.of(join.right)
        keeps = [(join.left, join.right, right)] if join.how in {JoinHow.LEFT, JoinHow.FULL} else []
        keeps += [(join.right, join.left, left)] if join.how is JoinHow.FULL else []
        parts = []
        for public, others, theirs in keeps:
            if person_of(public) is None and person_of(others) is not None:
                if theirs is not None and _can_hold(join.on, theirs.missing):
                    raise Gathered
                parts.append(self._last(public, others, join.on))
        parts += self._carried(join, left, right)
        return self._united(join, parts)

    def _carried(self, join: Join, left: Instead | None, right: Instead | None) -> Iterator[Instead]:
        """Rows of a side that would come, joined with the other side as it is."""
        outer = join.how in {JoinHow.LEFT, JoinHow.FULL}
        if left is not None:
            holds = _can_hold(join.on, left.missing)
            if holds or outer:
                how = JoinHow.LEFT if outer else join.how
                more = frozenset() if holds else frozenset(visible(join.right))
                yield Instead(replace(join, left=left.rows, how=how), left.person, left.missing | more)
        if right is not None:
            holds = _can_hold(join.on, right.missing)
            if join.how is JoinHow.FULL:
                more = frozenset() if holds else frozenset(visible(join.left))
                turned = replace(join, left=right.rows, right=join.left, how=JoinHow.LEFT)
                yield Instead(turned, right.person, right.missing | more)
            elif holds:
                how = JoinHow.INNER if outer else join.how
                yield Instead(replace(join, right=right.rows, how=how), right.person, right.missing)

    def _last(self, public: Relation, others: Relation, on: Scalar | None) -> Instead:
        """The public rows that meet rows of one person only, each once, with nothing beside them."""
        row, first, last, rows, known, place, person = (next(self._fresh) for _ in range(7))
        number = person_of(others)
        assert number is not None
        one, by = Column(number, Type.INT), (Column(row, Type.INT),)
        numbered = Over(public, (_window(row, "row_number", ()),), None)
        met = Join(numbered, others, JoinHow.INNER, on, number)
        windows = (
            _window(first, "least", by, one),
            _window(last, "greatest", by, one),
            _window(rows, "count_rows", by),
            _window(known, "count", by, one),
            _window(place, "row_number", by),
        )
        alone = [_equal(first, last), _equal(rows, known), Call("equal", (Column(place, Type.INT), ONE), Type.TRUTH)]
        lone = Filter(Over(met, windows, None), all_of(alone) or NOWHERE)
        kept = Union((lone,), (*((i, (i,)) for i in visible(public)), (person, (first,))), None)
        return Instead(Join(kept, others, JoinHow.LEFT, NOWHERE, number), person, frozenset(visible(others)))

    def _united(self, whole: Relation, parts: "list[Instead | None] | list[Instead]") -> Instead | None:
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
            columns = [(ident, (ident,) * len(some)) for ident in visible(whole)]
        missing = {i for i, inner in columns if all(c in p.missing for c, (_, p) in zip(inner, some, strict=True))}
        columns.append((person, tuple(p.person for _, p in some)))
        return Instead(Union(tuple(p.rows for _, p in some), tuple(columns), None), person, frozenset(missing))


def _windowed(over: Over, below: Instead) -> Instead:
    """What depends on other people is judged by tables of its own."""
    if not all(w.shared for w in over.columns):
        raise Gathered
    blank = tuple((w.ident, Literal(None, w.function.type)) for w in over.columns)
    return replace(below, rows=Project(below.rows, blank), missing=below.missing | {i for i, _ in blank})


def _equal(one: int, other: int) -> Call:
    return Call("equal", (Column(one, Type.INT), Column(other, Type.INT)), Type.TRUTH)


def _window(ident: int, op: str, partition: tuple[Scalar, ...], *args: Scalar) -> WindowColumn:
    return WindowColumn(ident, Aggregate(op, args, Type.INT), partition, (), False)
