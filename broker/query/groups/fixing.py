"""Whether the conditions around a total leave open what each person adds to it: whoever's amount they fix gives the
others no cover. Bound relations; no syntax, no rules."""

from collections.abc import Iterator

from broker.domain.plans import Measure, Statistic
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
    Union,
    children,
    scalars_of,
    walk,
)
from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.groups.branching import Fixed, fixed_by, listed_by
from broker.query.kinds import conjuncts_of

MIXED = (
    "A condition that is not one of several reads what is added up: it can fix what some people add, and not others."
)
STACKED = "Branches of a set operation choose rows by what is added up."
PUBLIC = "Numbers of a public table are added up: everybody knows what each person adds."
CODES = "A code is added up: it is no amount, and others can know it."

TOTALS = frozenset({Measure.SUM, Measure.MEAN})
TESTS = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null"})


def fixed_in(relation: Relation, book: Book) -> Fixed:
    """The columns for which the conditions on all rows list the numbers."""
    found = [book.expanded(c) for predicate in _of_all_rows(relation) for c in conjuncts_of(predicate)]
    return fixed_by(tuple(c for one in found for c in conjuncts_of(one)))


def _of_all_rows(relation: Relation) -> Iterator[Scalar]:
    """Predicates that are true of every row that is left, as far as it has their columns."""
    match relation:
        case Filter(child=child, predicate=predicate):
            yield predicate
            yield from _of_all_rows(child)
        case Project(child=child) | Over(child=child) | Attach(child=child) | Gather(child=child) | Limit(child=child):
            yield from _of_all_rows(child)
        case Join(left=left, right=right, how=how, on=on, lateral=lateral):
            if on is not None and how in {JoinHow.INNER, JoinHow.CROSS}:
                yield on
            yield from _of_all_rows(left)
            if not lateral:
                yield from _of_all_rows(right)


class Closing:
    """Why a person looks at totals over a relation: their amounts may be known for some of the people in them."""

    def __init__(self, relation: Relation, book: Book) -> None:
        self._reading, self._book = Reading(relation, book), book
        self._conditions = list(self._reading.conditions())
        self._fixed = fixed_in(relation, book)

    def why(self, statistic: Statistic) -> str | None:
        if statistic.behind is not None or statistic.measure not in TOTALS or statistic.argument is None:
            return None
        values = list(_values(statistic.argument))
        origins = [self._book.origins[i] for v in values for i in self._book.base(v)]
        if any(not self._book.is_person(o.scan) for o in origins):
            return PUBLIC
        if any(o.variable.codes is not None or o.variable.register_key is not None for o in origins):
            return CODES
        amount = frozenset().union(*(self._reading.names(v) for v in values))
        conditions = [*self._conditions, *_on_the_way(statistic.argument)]
        if not all(self._reading.leaves_open(c, amount, self._fixed) for c in conditions):
            return MIXED
        return STACKED if self._reading.stacks(amount) else None


def _values(argument: Scalar) -> Iterator[Scalar]:
    """What an argument gives, without the conditions on the way."""
    if isinstance(argument, Case):
        for _, value in argument.whens:
            yield from _values(value)
        yield from _values(argument.otherwise)
    elif not isinstance(argument, Literal):
        yield argument


def _on_the_way(argument: Scalar) -> Iterator[Scalar]:
    """The conditions that are true where an argument of one branch has its value."""
    if isinstance(argument, Case):
        for condition, value in argument.whens:
            if value != NULL:
                yield condition
                yield from _on_the_way(value)
                return
            yield Call("not", (condition,), Type.TRUTH)
        yield from _on_the_way(argument.otherwise)


class Reading:
    """What the conditions of a relation read, by the names of variables: a variable has one name in every table."""

    def __init__(self, relation: Relation, book: Book) -> None:
        self._relation, self._book = relation, book
        self._below: dict[int, frozenset[str]] = {}
        for part in reversed(list(walk(relation))):
            self._note(part)

    def _note(self, part: Relation) -> None:
        """Of columns that are answers: what the conditions below them read, too."""
        match part:
            case Gather(aggregates=aggregates):
                below = self._chosen_by(children(part))
                self._below |= {i: below | self._of(a.args) for i, a in aggregates}
            case Over(columns=columns):
                self._below |= {c.ident: self._of(c.function.args) for c in columns}
            case Attach(sub=sub, ident=ident):
                self._below[ident] = self._of(s for p in walk(sub) for s in scalars_of(p))
            case Union(columns=columns):
                self._below |= {i: self._of(Column(n, Type.INT) for n in inner) for i, inner in columns}

    def _chosen_by(self, parts: tuple[Relation, ...]) -> frozenset[str]:
        below = (p for part in parts for p in walk(part))
        return self._of(s for p in below if isinstance(p, Filter | Join) for s in scalars_of(p))

    def _of(self, scalars: "Iterator[Scalar] | tuple[Scalar, ...]") -> frozenset[str]:
        return frozenset().union(*(self.names(s) for s in scalars))

    def names(self, scalar: Scalar) -> frozenset[str]:
        """The variables that a scalar reads, and by number the answers of subqueries and aggregates."""
        found: set[str] = set()
        for ident in columns_of(self._book.expanded(scalar)):
            if ident in self._book.opaque:
                found |= {f"#{ident}"} | self._below.get(ident, frozenset())
            found |= {
                o.variable.name.casefold()
                for i in self._book.base(Column(ident, Type.INT))
                if not (o := self._book.origins[i]).is_hidden
            }
        return frozenset(found)

    def conditions(self) -> Iterator[Scalar]:
        for part in walk(self._relation):
            if isinstance(part, Filter | Join):
                for scalar in scalars_of(part):
                    yield from conjuncts_of(self._book.expanded(scalar))

    def leaves_open(self, condition: Scalar, amount: frozenset[str], fixed: Fixed) -> bool:
        """Whether a condition says nothing of the amounts, or the same of everybody's and no single number. Listed
        numbers are constants by now."""
        match condition:
            case Call(op="and", args=args):
                return all(self.leaves_open(a, amount, fixed) for a in args)
            case Call(op="not", args=(Call(op="or", args=args),)):
                return all(self.leaves_open(Call("not", (a,), Type.TRUTH), amount, fixed) for a in args)
            case Call(op="not", args=(Call(op="not", args=(inner,)),)):
                return self.leaves_open(inner, amount, fixed)
        if self.names(condition).isdisjoint(amount):
            return True
        listed = listed_by(condition)
        if listed is not None:
            return listed[0] in fixed
        return _is_test(condition.args[0] if isinstance(condition, Call) and condition.op == "not" else condition)

    def stacks(self, amount: frozenset[str]) -> bool:
        """Whether a branch of a set operation chooses its rows by the amounts."""
        stacked = (p for part in walk(self._relation) if isinstance(part, Union) for p in part.parts)
        chosen = (f for p in stacked for f in walk(p) if isinstance(f, Filter))
        conditions = (c for f in chosen for c in conjuncts_of(self._book.expanded(f.predicate)))
        return any(not self.names(c).isdisjoint(amount) and not _asks_present(c) for c in conditions)


def _is_test(condition: Scalar) -> bool:
    """Whether a condition is one comparison of at most two values, each of one column, or one answer."""
    match condition:
        case Column():
            return True
        case Call(op=op, args=args) if op in TESTS:
            return all(len(columns_of(a)) <= 1 and not _has_choice(a) for a in args)
    return False


def _has_choice(scalar: Scalar) -> bool:
    match scalar:
        case Case():
            return True
        case Call(op=op, args=args):
            return op in {"and", "or", "coalesce", "nullif", "greatest", "least", "abs"} or any(map(_has_choice, args))
    return False


def _asks_present(condition: Scalar) -> bool:
    match condition:
        case Call(op="not", args=(Call(op="is_null"),)):
            return True
    return False
