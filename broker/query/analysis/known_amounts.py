"""Whether the conditions around a total make some people's amounts known, so that they give others no cover."""

from collections.abc import Iterable, Iterator

from broker.domain.plans.operators import (
    Aggregate,
    Apply,
    Filter,
    Join,
    JoinHow,
    Limit,
    Project,
    Relation,
    Union,
    Window,
    scalars_of,
    walk,
)
from broker.domain.plans.plan import MAGNITUDES, PlannedStatistic
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, Scalar, ScalarType, column_ids
from broker.query.analysis.aggregate_arguments import FixedColumns, fixed_values, listed_values
from broker.query.bound_relations import conjuncts_of
from broker.query.symbols import SymbolTable

TEST_OPERATIONS = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null"})


def negated(condition: Scalar) -> Scalar:
    return Call("not", (condition,), ScalarType.TRUTH)


def is_range(condition: Scalar) -> bool:
    """Whether a condition compares one column with written numbers, and with none of them for equality."""
    return len(column_ids(condition)) == 1 and _compares(condition)


def _compares(condition: Scalar) -> bool:
    match condition:
        case Call(op="and" | "or" | "not", args=args):
            return all(map(_compares, args))
        case Call(op="less" | "at_most" | "is_null", args=args):
            return all(isinstance(a, ColumnRef | Literal) for a in args)
    return False


def is_test(condition: Scalar) -> bool:
    """Whether a condition is one comparison of at most two values, each of one column."""
    match condition:
        case Call(op="not", args=(inner,)):
            return is_test(inner)
        case Call(op=op, args=args) if op in TEST_OPERATIONS:
            return all(len(column_ids(a)) <= 1 and not _has_choice(a) for a in args)
    return False


def _has_choice(scalar: Scalar) -> bool:
    match scalar:
        case Case():
            return True
        case Call(op=op, args=args):
            return op in {"and", "or", "coalesce", "nullif", "greatest", "least", "abs"} or any(map(_has_choice, args))
    return False


def is_presence_test(condition: Scalar) -> bool:
    match condition:
        case Call(op="not", args=(Call(op="is_null"),)):
            return True
    return False


MIXED_CONDITION = (
    "A condition that is not one of several reads what is added up: it can fix what some people add, and not others."
)
CHOSEN_IN_UNION = "Branches of a set operation choose rows by what is added up."
PUBLIC_NUMBERS = "Numbers of a public table are added up: everybody knows what each person adds."
CODES_ADDED = "A code is added up: it is no amount, and others can know it."


def fixed_columns(relation: Relation, symbols: SymbolTable) -> FixedColumns:
    """The columns for which the conditions on all rows list the numbers."""
    found = [symbols.expanded(c) for predicate in _row_predicates(relation) for c in conjuncts_of(predicate)]
    return fixed_values(tuple(c for one in found for c in conjuncts_of(one)))


def _row_predicates(relation: Relation) -> Iterator[Scalar]:
    """Predicates that are true of every row that is left, as far as it has their columns."""
    match relation:
        case Filter(child=child, predicate=predicate):
            yield predicate
            yield from _row_predicates(child)
        case (
            Project(child=child)
            | Window(child=child)
            | Apply(child=child)
            | Aggregate(child=child)
            | Limit(child=child)
        ):
            yield from _row_predicates(child)
        case Join(left=left, right=right, how=how, on=on, lateral=lateral):
            if on is not None and how in {JoinHow.INNER, JoinHow.CROSS}:
                yield on
            yield from _row_predicates(left)
            if not lateral:
                yield from _row_predicates(right)


class KnownAmounts:
    """Why a person looks at totals over a relation, by these keys: their amounts may be known for some of the people in
    them."""

    def __init__(self, relation: Relation, keys: Iterable[Scalar], symbols: SymbolTable) -> None:
        self._variables, self._symbols = ConditionVariables(relation, symbols), symbols
        grouping = [c for k in keys for c in _key_conditions(symbols.expanded(k))]
        self._conditions = [*self._variables.conditions(), *grouping, *map(negated, grouping)]
        self._fixed = fixed_columns(relation, symbols)

    def review_reason(self, statistic: PlannedStatistic) -> str | None:
        if statistic.implied_by is not None or statistic.measure not in MAGNITUDES or statistic.argument is None:
            return None
        values = list(_argument_values(statistic.argument))
        origins = [self._symbols.origins[i] for v in values for i in self._symbols.base(v)]
        if any(not self._symbols.is_person(o.scan) for o in origins):
            return PUBLIC_NUMBERS
        if any(o.variable.codes is not None or o.variable.register_key is not None for o in origins):
            return CODES_ADDED
        amount = frozenset().union(*(self._variables.made_of(v) for v in values))
        conditions = [*self._conditions, *_branch_conditions(statistic.argument)]
        if not all(self._variables.leaves_open(c, amount, self._fixed) for c in conditions):
            return MIXED_CONDITION
        return CHOSEN_IN_UNION if self._variables.chooses_in_union(amount) else None


def _key_conditions(key: Scalar) -> Iterator[Scalar]:
    """The conditions by which a key chooses its value."""
    match key:
        case Case(whens=whens, otherwise=otherwise):
            for condition, value in whens:
                yield condition
                yield from _key_conditions(value)
            yield from _key_conditions(otherwise)
        case Call(args=args):
            for arg in args:
                yield from _key_conditions(arg)


def _argument_values(argument: Scalar) -> Iterator[Scalar]:
    """What an argument gives, without the conditions on the way."""
    if isinstance(argument, Case):
        for _, value in argument.whens:
            yield from _argument_values(value)
        yield from _argument_values(argument.otherwise)
    elif not isinstance(argument, Literal):
        yield argument


def _branch_conditions(argument: Scalar) -> Iterator[Scalar]:
    """The conditions that are true where an argument of one branch has its value."""
    if isinstance(argument, Case):
        for condition, value in argument.whens:
            if value != NULL:
                yield condition
                yield from _branch_conditions(value)
                return
            yield negated(condition)
        yield from _branch_conditions(argument.otherwise)


class ConditionVariables:
    """What the conditions of a relation read, by the names of variables: a variable has one name in every table."""

    def __init__(self, relation: Relation, symbols: SymbolTable) -> None:
        self._relation, self._symbols = relation, symbols
        self._below: dict[int, frozenset[str]] = {}
        for part in reversed(list(walk(relation))):
            self._record(part)

    def _record(self, part: Relation) -> None:
        """What the conditions below an answer read."""
        match part:
            case Aggregate(child=child, aggregates=aggregates):
                below = self._chosen_in(child)
                self._below |= {i: below for i, _ in aggregates}
            case Apply(sub=sub, ident=ident, column=column):
                every = frozenset().union(*(self.depends_on(s) for p in walk(sub) for s in scalars_of(p)))
                self._below[ident] = every if column is None else self._chosen_in(sub)
            case Union(columns=columns):
                self._below |= {
                    i: frozenset().union(*(self.depends_on(ColumnRef(n, ScalarType.INT)) for n in inner))
                    for i, inner in columns
                }

    def _chosen_in(self, relation: Relation) -> frozenset[str]:
        """What conditions of a relation read, but for those that a value is there."""
        parts = (p for p in walk(relation) if isinstance(p, Filter | Join))
        found = (c for p in parts for s in scalars_of(p) for c in conjuncts_of(self._symbols.expanded(s)))
        return frozenset().union(*(self.depends_on(c) for c in found if not is_presence_test(c)))

    def depends_on(self, scalar: Scalar) -> frozenset[str]:
        """The variables that a scalar depends on, and by number the answers of subqueries and aggregates."""
        below = (self._below.get(i, frozenset()) for i in column_ids(self._symbols.expanded(scalar)))
        return self.made_of(scalar).union(*below)

    def made_of(self, scalar: Scalar) -> frozenset[str]:
        """The variables that a scalar is made of, and by number the answers in it."""
        idents = column_ids(self._symbols.expanded(scalar))
        origins = (
            self._symbols.origins[i] for ident in idents for i in self._symbols.base(ColumnRef(ident, ScalarType.INT))
        )
        answers = {f"#{i}" for i in idents if i in self._symbols.opaque}
        return frozenset({o.variable.name.casefold() for o in origins if not o.is_hidden} | answers)

    def conditions(self) -> Iterator[Scalar]:
        for part in walk(self._relation):
            if isinstance(part, Filter | Join):
                for scalar in scalars_of(part):
                    yield from conjuncts_of(self._symbols.expanded(scalar))

    def leaves_open(self, condition: Scalar, amount: frozenset[str], fixed: FixedColumns) -> bool:
        """Whether a condition says nothing of the amounts, or the same of everybody's and no single number. Listed
        numbers are constants by now."""
        match condition:
            case Call(op="and", args=args):
                return all(self.leaves_open(a, amount, fixed) for a in args)
            case Call(op="not", args=(Call(op="or", args=args),)):
                return all(self.leaves_open(negated(a), amount, fixed) for a in args)
            case Call(op="not", args=(Call(op="not", args=(inner,)),)):
                return self.leaves_open(inner, amount, fixed)
        if self.depends_on(condition).isdisjoint(amount) or isinstance(condition, ColumnRef):
            return True
        if any(self._is_other(i, amount) for i in column_ids(condition)):
            return False
        listed = listed_values(condition)
        if listed is not None:
            return listed[0] in fixed
        return is_range(condition) or is_test(condition)

    def _is_other(self, ident: int, amount: frozenset[str]) -> bool:
        """Whether a column is an answer that depends on the amounts, and is not one of them."""
        variables = self.depends_on(ColumnRef(ident, ScalarType.INT))
        return f"#{ident}" in variables - amount and not variables.isdisjoint(amount)

    def chooses_in_union(self, amount: frozenset[str]) -> bool:
        """Whether a branch of a set operation chooses its rows by the amounts."""
        stacked = (p for part in walk(self._relation) if isinstance(part, Union) for p in part.parts)
        chosen = (f for p in stacked for f in walk(p) if isinstance(f, Filter))
        conditions = (c for f in chosen for c in conjuncts_of(self._symbols.expanded(f.predicate)))
        return any(not self.depends_on(c).isdisjoint(amount) and not is_presence_test(c) for c in conditions)
