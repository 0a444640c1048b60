"""Whether the conditions around a total leave open what each person adds to it: whoever's amount they fix gives the
others no cover. Bound relations; no syntax, no rules."""

from collections.abc import Iterable, Iterator

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
    scalars_of,
    walk,
)
from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.groups.branching import Fixed, fixed_by, listed_by
from broker.query.groups.conditions import asks_present, is_range, is_test, negated
from broker.query.kinds import conjuncts_of

MIXED = (
    "A condition that is not one of several reads what is added up: it can fix what some people add, and not others."
)
STACKED = "Branches of a set operation choose rows by what is added up."
PUBLIC = "Numbers of a public table are added up: everybody knows what each person adds."
CODES = "A code is added up: it is no amount, and others can know it."

TOTALS = frozenset({Measure.SUM, Measure.MEAN})


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
    """Why a person looks at totals over a relation, by these keys: their amounts may be known for some of the people in
    them."""

    def __init__(self, relation: Relation, keys: Iterable[Scalar], book: Book) -> None:
        self._reading, self._book = Reading(relation, book), book
        grouping = [c for k in keys for c in _choices(book.expanded(k))]
        self._conditions = [*self._reading.conditions(), *grouping, *map(negated, grouping)]
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
        amount = frozenset().union(*(self._reading.told(v) for v in values))
        conditions = [*self._conditions, *_on_the_way(statistic.argument)]
        if not all(self._reading.leaves_open(c, amount, self._fixed) for c in conditions):
            return MIXED
        return STACKED if self._reading.stacks(amount) else None


def _choices(key: Scalar) -> Iterator[Scalar]:
    """The conditions by which a key chooses its value."""
    match key:
        case Case(whens=whens, otherwise=otherwise):
            for condition, value in whens:
                yield condition
                yield from _choices(value)
            yield from _choices(otherwise)
        case Call(args=args):
            for arg in args:
                yield from _choices(arg)


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
            yield negated(condition)
        yield from _on_the_way(argument.otherwise)


class Reading:
    """What the conditions of a relation read, by the names of variables: a variable has one name in every table."""

    def __init__(self, relation: Relation, book: Book) -> None:
        self._relation, self._book = relation, book
        self._below: dict[int, frozenset[str]] = {}
        for part in reversed(list(walk(relation))):
            self._note(part)

    def _note(self, part: Relation) -> None:
        """What the conditions below an answer read."""
        match part:
            case Gather(child=child, aggregates=aggregates):
                below = self._chosen_in(child)
                self._below |= {i: below for i, _ in aggregates}
            case Attach(sub=sub, ident=ident, column=column):
                every = frozenset().union(*(self.names(s) for p in walk(sub) for s in scalars_of(p)))
                self._below[ident] = every if column is None else self._chosen_in(sub)
            case Union(columns=columns):
                self._below |= {
                    i: frozenset().union(*(self.names(Column(n, Type.INT)) for n in inner)) for i, inner in columns
                }

    def _chosen_in(self, relation: Relation) -> frozenset[str]:
        """What conditions of a relation read, but for those that a value is there."""
        parts = (p for p in walk(relation) if isinstance(p, Filter | Join))
        found = (c for p in parts for s in scalars_of(p) for c in conjuncts_of(self._book.expanded(s)))
        return frozenset().union(*(self.names(c) for c in found if not asks_present(c)))

    def names(self, scalar: Scalar) -> frozenset[str]:
        """The variables that a scalar depends on, and by number the answers of subqueries and aggregates."""
        below = (self._below.get(i, frozenset()) for i in columns_of(self._book.expanded(scalar)))
        return self.told(scalar).union(*below)

    def told(self, scalar: Scalar) -> frozenset[str]:
        """The variables that a scalar is made of, and by number the answers in it."""
        idents = columns_of(self._book.expanded(scalar))
        origins = (self._book.origins[i] for ident in idents for i in self._book.base(Column(ident, Type.INT)))
        answers = {f"#{i}" for i in idents if i in self._book.opaque}
        return frozenset({o.variable.name.casefold() for o in origins if not o.is_hidden} | answers)

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
                return all(self.leaves_open(negated(a), amount, fixed) for a in args)
            case Call(op="not", args=(Call(op="not", args=(inner,)),)):
                return self.leaves_open(inner, amount, fixed)
        if self.names(condition).isdisjoint(amount) or isinstance(condition, Column):
            return True
        if any(self._is_other(i, amount) for i in columns_of(condition)):
            return False
        listed = listed_by(condition)
        if listed is not None:
            return listed[0] in fixed
        return is_range(condition) or is_test(condition)

    def _is_other(self, ident: int, amount: frozenset[str]) -> bool:
        """Whether a column is an answer that depends on the amounts, and is not one of them."""
        told = self.names(Column(ident, Type.INT))
        return f"#{ident}" in told - amount and not told.isdisjoint(amount)

    def stacks(self, amount: frozenset[str]) -> bool:
        """Whether a branch of a set operation chooses its rows by the amounts."""
        stacked = (p for part in walk(self._relation) if isinstance(part, Union) for p in part.parts)
        chosen = (f for p in stacked for f in walk(p) if isinstance(f, Filter))
        conditions = (c for f in chosen for c in conjuncts_of(self._book.expanded(f.predicate)))
        return any(not self.names(c).isdisjoint(amount) and not asks_present(c) for c in conditions)
