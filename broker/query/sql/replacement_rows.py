"""Replacement rows: public rows that an outer join would put in place of the last person whom they match. Each row has
the number of the person whose removal would add it. The evidence counts it against that person, so that it shows how
far the figures would really move. Works on finished relations: no syntax, no text."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.plan import PlannedTable
from broker.query.operations.possible_values import ONLY_NULL, can_be_true, possible_values

FIRST_IDENT = 2_000_000_000
"""Id of the first column that is added here. No plan has that many."""
UNSUPPORTED_REPLACEMENT = (
    "Public rows without a matching person are aggregated, numbered or matched as if they belonged to a person.",
    "Exclude these rows first, with WHERE key IS NOT NULL, or write JOIN.",
)
NEVER, ONE = scalars.Literal(False, scalars.ScalarType.TRUTH), scalars.integer(1)
NullColumns = frozenset[int]
"""Columns that are NULL on every row."""


class UnsupportedReplacement(Exception):
    """Replacement rows are aggregated or matched, so that one of them changes others. No row then shows the effect of a
    removal."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """`person`: column of the person whose removal adds the row. The row's own person number is NULL, like all columns
    of `missing`."""

    rows: ops.Relation
    person: int
    missing: NullColumns


def replacement_rows(relation: ops.Relation) -> Replacement | None:
    """Replacement rows of a relation; None if no public row replaces anybody. Raises UnsupportedReplacement."""
    return _ReplacementBuilder().of(relation)


def has_replacement_rows(table: PlannedTable) -> bool:
    """Whether public rows can replace persons. More persons can then be behind a cell than have rows there, and some
    are behind cells that do not exist."""
    return replacement_rows(table.contributions) is not None


def visible_columns(relation: ops.Relation) -> tuple[int, ...]:
    """Columns of the rows, including the person number."""
    match relation:
        case ops.Aggregate() | ops.Union():
            below: tuple[ops.Relation, ...] = ()
        case ops.Apply(child=child):
            below = (child,)
        case _:
            below = ops.children(relation)
    return tuple(dict.fromkeys((*(i for part in below for i in visible_columns(part)), *ops.own_ids(relation))))


def _can_hold(predicate: scalars.Scalar | None, missing: NullColumns) -> bool:
    known = dict.fromkeys(missing, ONLY_NULL)
    return all(can_be_true(c, known, {}) for c in scalars.conjuncts_of(predicate))


class _ReplacementBuilder:
    def __init__(self) -> None:
        self._fresh = count(FIRST_IDENT)

    def of(self, relation: ops.Relation) -> Replacement | None:
        match relation:
            case ops.Join():
                return self._join(relation)
            case ops.Union():
                return self._union(relation, [self.of(p) for p in relation.parts])
            case ops.Scan() | ops.Values() | ops.Limit():
                return None
        below = self.of(relation.child)
        if below is None:
            return None
        match relation:
            case ops.Filter(predicate=predicate):
                return (
                    replace(below, rows=replace(relation, child=below.rows))
                    if _can_hold(predicate, below.missing)
                    else None  # the filter drops every replacement row
                )
            case ops.Project(columns=computed):
                known = dict.fromkeys(below.missing, ONLY_NULL)  # computed columns can be NULL on every row too
                more = {i for i, s in computed if possible_values(s, known, {}) == ONLY_NULL}
                return replace(below, rows=replace(relation, child=below.rows), missing=below.missing | more)
            case ops.Apply():
                return self._apply(relation, below)
            case ops.Window():
                return _windowed(relation, below)
            case ops.Aggregate():
                return self._distinct(relation, below)

    def _apply(self, apply: ops.Apply[ops.Relation], below: Replacement) -> Replacement:
        """Replacement rows of an Apply. EXCEPT and INTERSECT match rows by all their columns, so a replacement row
        inside could match a row here; that raises UnsupportedReplacement."""
        sub = apply.sub
        matching = isinstance(sub, ops.Filter) and any(
            isinstance(c, scalars.Call) and c.op == "same" for c in scalars.conjuncts_of(sub.predicate)
        )
        if self.of(sub.child if matching and isinstance(sub, ops.Filter) else sub) is not None:
            raise UnsupportedReplacement
        return replace(below, rows=replace(apply, child=below.rows))

    def _distinct(self, aggregate: ops.Aggregate[ops.Relation], below: Replacement) -> Replacement | None:
        """Replacement rows of a DISTINCT: a row is added only if no equal row without a person exists."""
        if aggregate.person is None:  # the rows are groups, not rows of one person
            return None
        if aggregate.aggregates:
            raise UnsupportedReplacement
        person, there, number = (next(self._fresh) for _ in range(3))
        renamed = {i: next(self._fresh) for i, _ in aggregate.keys}
        keys = (*aggregate.keys, (person, scalars.ColumnRef(below.person, scalars.ScalarType.INT)))
        alone = ops.Project(
            ops.Aggregate(below.rows, keys, (), None, None),
            ((aggregate.person, scalars.Literal(None, scalars.ScalarType.INT)),),
        )
        other = ops.Union(
            (aggregate,), ((number, (aggregate.person,)), *((to, (i,)) for i, to in renamed.items())), None
        )
        like = [
            scalars.truth_call("same", scalars.ColumnRef(i, s.type), scalars.ColumnRef(renamed[i], s.type))
            for i, s in aggregate.keys
        ]
        # only an equal row without a person makes this one superfluous
        like.append(scalars.truth_call("is_null", scalars.ColumnRef(number, scalars.ScalarType.INT)))
        stands: ops.Relation = ops.Apply(alone, ops.Filter(other, scalars.all_of(like)), there, None)
        missing = {i for i, s in aggregate.keys if isinstance(s, scalars.ColumnRef) and s.ident in below.missing} | {
            aggregate.person
        }
        return Replacement(
            ops.Filter(stands, scalars.truth_call("not", scalars.ColumnRef(there, scalars.ScalarType.TRUTH))),
            person,
            frozenset(missing),
        )

    def _join(self, join: ops.Join[ops.Relation]) -> Replacement | None:
        left, right = self.of(join.left), self.of(join.right)
        preserved = [(join.left, join.right, right)] if join.how in {ops.JoinHow.LEFT, ops.JoinHow.FULL} else []
        preserved += [(join.right, join.left, left)] if join.how is ops.JoinHow.FULL else []
        parts = []
        for public, others, theirs in preserved:
            # a public row replaces a person only if it is preserved next to persons
            if ops.person_of(public) is None and ops.person_of(others) is not None:
                if theirs is not None and _can_hold(join.on, theirs.missing):
                    raise UnsupportedReplacement
                parts.append(self._replacing_last_person(public, others, join.on))
        parts += self._carried(join, left, right)
        return self._union(join, parts)

    def _carried(
        self, join: ops.Join[ops.Relation], left: Replacement | None, right: Replacement | None
    ) -> Iterator[Replacement]:
        """Replacement rows of one side, joined with the other side as it is."""
        outer = join.how in {ops.JoinHow.LEFT, ops.JoinHow.FULL}
        if left is not None:
            holds = _can_hold(join.on, left.missing)
            if holds or outer:  # an inner join drops rows that cannot match
                how = ops.JoinHow.LEFT if outer else join.how
                more = frozenset() if holds else frozenset(visible_columns(join.right))
                yield Replacement(replace(join, left=left.rows, how=how), left.person, left.missing | more)
        if right is not None:
            holds = _can_hold(join.on, right.missing)
            if join.how is ops.JoinHow.FULL:
                more = frozenset() if holds else frozenset(visible_columns(join.left))
                turned = replace(join, left=right.rows, right=join.left, how=ops.JoinHow.LEFT)
                yield Replacement(turned, right.person, right.missing | more)
            elif holds:
                how = ops.JoinHow.INNER if outer else join.how
                yield Replacement(replace(join, right=right.rows, how=how), right.person, right.missing)

    def _replacing_last_person(
        self, public: ops.Relation, others: ops.Relation, on: scalars.Scalar | None
    ) -> Replacement:
        """Public rows that match rows of one person only, each once, with NULL in the columns of the other side."""
        row, first, last, rows, known, place, person = (next(self._fresh) for _ in range(7))
        number = ops.person_of(others)
        assert number is not None
        one, by = scalars.ColumnRef(number, scalars.ScalarType.INT), (scalars.ColumnRef(row, scalars.ScalarType.INT),)
        numbered = ops.Window(public, (_window(row, "row_number", ()),), None)
        met = ops.Join(numbered, others, ops.JoinHow.INNER, on, number)
        windows = (
            _window(first, "least", by, one),
            _window(last, "greatest", by, one),
            _window(rows, "count_rows", by),
            _window(known, "count", by, one),
            _window(place, "row_number", by),
        )
        alone = [  # first = last and no row without a number: exactly one person
            scalars.same_person(first, last),
            scalars.same_person(rows, known),
            scalars.truth_call("equal", scalars.ColumnRef(place, scalars.ScalarType.INT), ONE),
        ]
        lone = ops.Filter(ops.Window(met, windows, None), scalars.all_of(alone))
        lone_rows = ops.Union((lone,), (*((i, (i,)) for i in visible_columns(public)), (person, (first,))), None)
        # a LEFT JOIN that never matches pads the other columns with NULL
        return Replacement(
            ops.Join(lone_rows, others, ops.JoinHow.LEFT, NEVER, number), person, frozenset(visible_columns(others))
        )

    def _union(self, whole: ops.Relation, parts: "list[Replacement | None] | list[Replacement]") -> Replacement | None:
        """Union of replacement rows. For a union, its columns are those of `whole`; for a join, every part has all
        columns."""
        some = [(index, p) for index, p in enumerate(parts) if p is not None]
        if not some:
            return None
        if isinstance(whole, ops.Join) and len(some) == 1:
            return some[0][1]
        person = next(self._fresh)
        if isinstance(whole, ops.Union):
            named = [*whole.columns, *([whole.person] if whole.person is not None else [])]
            columns = [(ident, tuple(inner[index] for index, _ in some)) for ident, inner in named]
        else:
            columns = [(ident, (ident,) * len(some)) for ident in visible_columns(whole)]
        missing = {i for i, inner in columns if all(c in p.missing for c, (_, p) in zip(inner, some, strict=True))}
        columns.append((person, tuple(p.person for _, p in some)))
        return Replacement(ops.Union(tuple(p.rows for _, p in some), tuple(columns), None), person, frozenset(missing))


def _windowed(window: ops.Window[ops.Relation], below: Replacement) -> Replacement:
    """Replacement rows of a window. Windows over other people are NULL here, because separate tables judge them; others
    raise UnsupportedReplacement."""
    if not all(w.shared for w in window.columns):
        raise UnsupportedReplacement
    blank = tuple((w.ident, scalars.Literal(None, w.function.type)) for w in window.columns)
    return replace(below, rows=ops.Project(below.rows, blank), missing=below.missing | {i for i, _ in blank})


def _window(ident: int, op: str, partition: tuple[scalars.Scalar, ...], *args: scalars.Scalar) -> ops.WindowColumn:
    return ops.WindowColumn(ident, ops.AggregateCall(op, args, scalars.ScalarType.INT), partition, (), False)
