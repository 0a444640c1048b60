"""How many public rows one row of a person can meet in a join: what a catalogue's unique key or written rows say, never
what the rows are. None: nothing says it."""

from collections.abc import Iterable
from decimal import Decimal

from broker.domain.relations import (
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
)
from broker.domain.scalars import Call, Column, Literal, Scalar, Value, columns_of
from broker.query.bounding.origins import Origins, idents_of
from broker.query.bounding.products import at_least_one, least, times, total_of
from broker.query.kinds import conjuncts_of

EQUAL = frozenset({"equal", "same"})
Known = tuple[Scalar, ...]


def most_met(relation: Relation, conditions: Iterable[Scalar], origins: Origins) -> int | None:
    """What is made inside of the relation is not given by the row outside, whatever it is said to equal."""
    return _most(relation, tuple(conditions), idents_of(relation), origins)


def _most(relation: Relation, known: Known, inside: frozenset[int], origins: Origins) -> int | None:
    match relation:
        case Filter(child=child, predicate=predicate):
            return _most(child, (*known, *conjuncts_of(predicate)), inside, origins)
        case Project(child=child, columns=columns):
            named = tuple(Call("same", (Column(i, s.type), s), s.type) for i, s in columns if isinstance(s, Column))
            return _most(child, (*known, *_through(known, named)), inside, origins)
        case Over(child=child):
            return _most(child, known, inside, origins)
        case Limit(count=count):
            return count
        case Values():
            return 1 if _meets_once(relation, known, inside) else len(relation.rows)
        case Gather(keys=keys):
            return 1 if all(_is_given(i, known, inside) for i, _ in keys) else None
        case Scan():
            return _of_scan(relation, known, inside, origins)
        case Union(parts=parts):
            return total_of(_most(p, (), inside, origins) for p in parts)
        case Join():
            return _of_join(relation, known, inside, origins)
    return None


def _of_join(join: Join, known: Known, inside: frozenset[int], origins: Origins) -> int | None:
    """One side by what is outside, then the other by that as well: never each by the other."""
    both = (*known, *conjuncts_of(join.on))
    beside_left, beside_right = inside - idents_of(join.left), inside - idents_of(join.right)
    is_outer = join.how in {JoinHow.LEFT, JoinHow.FULL}
    left = _most(join.left, known if is_outer else both, inside, origins)
    forth = times(left, at_least_one(_most(join.right, both, beside_left, origins)))
    if join.how is JoinHow.FULL:
        return total_of([forth, _most(join.right, known, inside, origins)])
    if is_outer:
        return forth
    right = _most(join.right, both, inside, origins)
    return least([forth, times(right, at_least_one(_most(join.left, both, beside_right, origins)))])


def _through(known: Known, named: tuple[Call, ...]) -> list[Scalar]:
    """What is said of a column's copy is said of the column."""
    copies = {n.args[0].ident: n.args[1] for n in named if isinstance(n.args[0], Column)}
    found: list[Scalar] = []
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUAL:
            sides = tuple(copies.get(a.ident, a) if isinstance(a, Column) else a for a in condition.args)
            found.append(Call(condition.op, sides, condition.type))
    return found


def _is_given(ident: int, known: Known, inside: frozenset[int]) -> bool:
    """Whether a column equals something from outside."""
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUAL:
            for one, other in (condition.args, condition.args[::-1]):
                if isinstance(one, Column) and one.ident == ident and not columns_of(other) & inside:
                    return True
    return False


def _of_scan(scan: Scan, known: Known, inside: frozenset[int], origins: Origins) -> int | None:
    """A unique key is proved by ingest for each year's file."""
    key = origins.table(scan).unique_key
    idents = [c.ident for c in scan.columns if c.variable == key]
    if key is None or not any(_is_given(i, known, inside) for i in idents):
        return None
    return 1 if scan.years is None else max(1, len(scan.years))


def _meets_once(values: Values, known: Known, inside: frozenset[int]) -> bool:
    """Whether some column of written rows has no value twice and equals something from outside."""
    for place, (ident, _) in enumerate(values.columns):
        written = [row[place] for row in values.rows]
        told = [_compared(s.value) for s in written if isinstance(s, Literal) and s.value is not None]
        if len(told) == len(written) == len(set(told)) and _is_given(ident, known, inside):
            return True
    return False


def _compared(value: Value) -> float | str:
    """Numbers as the engine may compare them: 1.0 and 1.00 are one."""
    return float(value) if isinstance(value, int | float | Decimal) else str(value)
