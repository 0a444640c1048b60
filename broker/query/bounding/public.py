"""How many public rows one row of a person can meet in a join: what a catalogue's unique key or written rows say, never
what the rows are. None: nothing says it."""

from collections.abc import Iterable

from broker.domain.relations import Filter, Gather, Join, Limit, Over, Project, Relation, Scan, Union, Values, walk
from broker.domain.scalars import Call, Column, Literal, Scalar, columns_of
from broker.query.bounding.origins import Origins
from broker.query.kinds import conjuncts_of

EQUAL = frozenset({"equal", "same"})


def most_met(relation: Relation, conditions: Iterable[Scalar], origins: Origins) -> int | None:
    known = tuple(conditions)
    match relation:
        case Filter(child=child, predicate=predicate):
            return most_met(child, (*known, *conjuncts_of(predicate)), origins)
        case Project(child=child, columns=columns):
            named = tuple(Call("same", (Column(i, s.type), s), s.type) for i, s in columns if isinstance(s, Column))
            return most_met(child, (*known, *_through(known, named)), origins)
        case Over(child=child):
            return most_met(child, known, origins)
        case Limit(count=count):
            return count
        case Values():
            return 1 if _meets_once(relation, known) else len(relation.rows)
        case Gather(keys=keys):
            return 1 if all(_is_given(i, known, relation) for i, _ in keys) else None
        case Scan():
            return _of_scan(relation, known, origins)
        case Union(parts=parts):
            each = [most_met(p, (), origins) for p in parts]
            return None if None in each else sum(n for n in each if n is not None)
        case Join(left=left, right=right, on=on):
            both = (*known, *conjuncts_of(on))
            first, second = most_met(left, both, origins), most_met(right, both, origins)
            return None if first is None or second is None else first * second
    return None


def _through(known: tuple[Scalar, ...], named: tuple[Call, ...]) -> list[Scalar]:
    """What is said of a column's copy is said of the column."""
    copies = {n.args[0].ident: n.args[1] for n in named if isinstance(n.args[0], Column)}
    found: list[Scalar] = []
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUAL:
            sides = tuple(copies.get(a.ident, a) if isinstance(a, Column) else a for a in condition.args)
            found.append(Call(condition.op, sides, condition.type))
    return found


def _is_given(ident: int, known: tuple[Scalar, ...], relation: Relation) -> bool:
    """Whether a column equals something from outside of the relation."""
    own = _idents(relation)
    for condition in known:
        if isinstance(condition, Call) and condition.op in EQUAL:
            for one, other in (condition.args, condition.args[::-1]):
                if isinstance(one, Column) and one.ident == ident and not columns_of(other) & own:
                    return True
    return False


def _idents(relation: Relation) -> frozenset[int]:
    found: set[int] = set()
    for part in walk(relation):
        match part:
            case Scan(columns=columns):
                found |= {c.ident for c in columns}
            case Values(columns=written):
                found |= {i for i, _ in written}
            case Project(columns=made) | Gather(keys=made):
                found |= {i for i, _ in made}
    return frozenset(found)


def _of_scan(scan: Scan, known: tuple[Scalar, ...], origins: Origins) -> int | None:
    """A unique key is proved by ingest for each year's file."""
    key = origins.table(scan).unique_key
    idents = [c.ident for c in scan.columns if c.variable == key]
    if key is None or not any(_is_given(i, known, scan) for i in idents):
        return None
    return 1 if scan.years is None else max(1, len(scan.years))


def _meets_once(values: Values, known: tuple[Scalar, ...]) -> bool:
    """Whether some column of written rows has no value twice and equals something from outside."""
    for place, (ident, _) in enumerate(values.columns):
        written = [row[place] for row in values.rows]
        told = [s.value for s in written if isinstance(s, Literal) and s.value is not None]
        if len(told) == len(written) == len(set(map(str, told))) and _is_given(ident, known, values):
            return True
    return False
