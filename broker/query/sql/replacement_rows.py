"""Replacement rows: public rows that an outer join would put in place of the last person whom they match. Each row has
the number of the person whose removal would add it. The evidence counts it against that person, so that it shows how
far the figures would really move. Works on finished relations: no syntax, no text."""

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
    children,
    own_ids,
    person_of,
)
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import (
    Call,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    conjuncts_of,
    integer,
    same_person,
    truth_call,
)
from broker.query.bound_relations import conjunction_of
from broker.query.operations.possible_values import ONLY_NULL, can_be_true, possible_values

FIRST_IDENT = 2_000_000_000
"""Id of the first column that is added here. No plan has that many."""
UNSUPPORTED_REPLACEMENT = (
    "Public rows without a matching person are aggregated, numbered or matched as if they belonged to a person.",
    "Exclude these rows first, with WHERE key IS NOT NULL, or write JOIN.",
)
NEVER, ONE = Literal(False, ScalarType.TRUTH), integer(1)
NullColumns = frozenset[int]
"""Columns that are NULL on every row."""


class UnsupportedReplacement(Exception):
    """Replacement rows are aggregated or matched, so that one of them changes others. No row then shows the effect of a
    removal."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """`person`: column of the person whose removal adds the row. The row's own person number is NULL, like all columns
    of `missing`."""

    rows: Relation
    person: int
    missing: NullColumns


def replacement_rows(relation: Relation) -> Replacement | None:
    """Replacement rows of a relation; None if no public row replaces anybody. Raises UnsupportedReplacement."""
    return _ReplacementBuilder().of(relation)


def has_replacement_rows(table: PlannedTable) -> bool:
    """Whether public rows can replace persons. More persons can then be behind a cell than have rows there, and some
    are behind cells that do not exist."""
    return replacement_rows(table.contributions) is not None


def visible_columns(relation: Relation) -> tuple[int, ...]:
    """Columns of the rows, including the person number."""
    match relation:
        case Aggregate() | Union():
            below: tuple[Relation, ...] = ()
        case Apply(child=child):
            below = (child,)
        case _:
            below = children(relation)
    return tuple(dict.fromkeys((*(i for part in below for i in visible_columns(part)), *own_ids(relation))))


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
                    else None  # the filter drops every replacement row
                )
            case Project(columns=computed):
                known = dict.fromkeys(below.missing, ONLY_NULL)  # computed columns can be NULL on every row too
                more = {i for i, s in computed if possible_values(s, known, {}) == ONLY_NULL}
                return replace(below, rows=replace(relation, child=below.rows), missing=below.missing | more)
            case Apply():
                return self._apply(relation, below)
            case Window():
                return _windowed(relation, below)
            case Aggregate():
                return self._distinct(relation, below)

    def _apply(self, apply: Apply[Relation], below: Replacement) -> Replacement:
        """Replacement rows of an Apply. EXCEPT and INTERSECT match rows by all their columns, so a replacement row
        inside could match a row here; that raises UnsupportedReplacement."""
        sub = apply.sub
        matching = isinstance(sub, Filter) and any(
            isinstance(c, Call) and c.op == "same" for c in conjuncts_of(sub.predicate)
        )
        if self.of(sub.child if matching and isinstance(sub, Filter) else sub) is not None:
            raise UnsupportedReplacement
        return replace(below, rows=replace(apply, child=below.rows))

    def _distinct(self, aggregate: Aggregate[Relation], below: Replacement) -> Replacement | None:
        """Replacement rows of a DISTINCT: a row is added only if no equal row without a person exists."""
        if aggregate.person is None:  # the rows are groups, not rows of one person
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
        like = [truth_call("same", ColumnRef(i, s.type), ColumnRef(renamed[i], s.type)) for i, s in aggregate.keys]
        # only an equal row without a person makes this one superfluous
        like.append(truth_call("is_null", ColumnRef(number, ScalarType.INT)))
        stands: Relation = Apply(alone, Filter(other, conjunction_of(like) or NEVER), there, None)
        missing = {i for i, s in aggregate.keys if isinstance(s, ColumnRef) and s.ident in below.missing} | {
            aggregate.person
        }
        return Replacement(
            Filter(stands, truth_call("not", ColumnRef(there, ScalarType.TRUTH))),
            person,
            frozenset(missing),
        )

    def _join(self, join: Join[Relation]) -> Replacement | None:
        left, right = self.of(join.left), self.of(join.right)
        preserved = [(join.left, join.right, right)] if join.how in {JoinHow.LEFT, JoinHow.FULL} else []
        preserved += [(join.right, join.left, left)] if join.how is JoinHow.FULL else []
        parts = []
        for public, others, theirs in preserved:
            # a public row replaces a person only if it is preserved next to persons
            if person_of(public) is None and person_of(others) is not None:
                if theirs is not None and _can_hold(join.on, theirs.missing):
                    raise UnsupportedReplacement
                parts.append(self._replacing_last_person(public, others, join.on))
        parts += self._carried(join, left, right)
        return self._union(join, parts)

    def _carried(
        self, join: Join[Relation], left: Replacement | None, right: Replacement | None
    ) -> Iterator[Replacement]:
        """Replacement rows of one side, joined with the other side as it is."""
        outer = join.how in {JoinHow.LEFT, JoinHow.FULL}
        if left is not None:
            holds = _can_hold(join.on, left.missing)
            if holds or outer:  # an inner join drops rows that cannot match
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
        """Public rows that match rows of one person only, each once, with NULL in the columns of the other side."""
        row, first, last, rows, known, place, person = (next(self._fresh) for _ in range(7))
        number = person_of(others)
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
        alone = [  # first = last and no row without a number: exactly one person
            same_person(first, last),
            same_person(rows, known),
            truth_call("equal", ColumnRef(place, ScalarType.INT), ONE),
        ]
        lone = Filter(Window(met, windows, None), conjunction_of(alone) or NEVER)
        lone_rows = Union((lone,), (*((i, (i,)) for i in visible_columns(public)), (person, (first,))), None)
        # a LEFT JOIN that never matches pads the other columns with NULL
        return Replacement(
            Join(lone_rows, others, JoinHow.LEFT, NEVER, number), person, frozenset(visible_columns(others))
        )

    def _union(self, whole: Relation, parts: "list[Replacement | None] | list[Replacement]") -> Replacement | None:
        """Union of replacement rows. For a union, its columns are those of `whole`; for a join, every part has all
        columns."""
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
    """Replacement rows of a window. Windows over other people are NULL here, because separate tables judge them; others
    raise UnsupportedReplacement."""
    if not all(w.shared for w in window.columns):
        raise UnsupportedReplacement
    blank = tuple((w.ident, Literal(None, w.function.type)) for w in window.columns)
    return replace(below, rows=Project(below.rows, blank), missing=below.missing | {i for i, _ in blank})


def _window(ident: int, op: str, partition: tuple[Scalar, ...], *args: Scalar) -> WindowColumn:
    return WindowColumn(ident, AggregateCall(op, args, ScalarType.INT), partition, (), False)
