"""Whether conditions around a total make the amounts of some people known, so that these people do not hide the
others."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby, pairwise

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.measure import MAGNITUDES, Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.query.analysis.argument_branches import (
    FixedColumns,
    TooManyArgumentBranches,
    as_decision_tree,
    fixed_values,
    leaves_of,
    listed_values,
)
from broker.query.analysis.row_multiplicity import conditions_within
from broker.query.operations.operation import OperationKind
from broker.query.operations.registry import COMPARISONS, OPERATIONS
from broker.query.operations.value_bounds import ValueRange, value_range
from broker.query.symbols import SymbolTable


def negated(condition: scalars.Scalar) -> scalars.Scalar:
    return scalars.truth_call("not", condition)


def is_range(condition: scalars.Scalar, symbols: SymbolTable) -> bool:
    """Whether a condition compares one column with written numbers, without testing for equality, and is true of one
    stretch of the column's numbers. A range with a gap chooses small amounts and large ones, and nobody between them
    hides these."""
    if len(scalars.column_ids(condition)) != 1 or not _compares(condition):
        return False
    (ident,) = scalars.column_ids(condition)
    return _is_one_stretch(condition, value_range(scalars.ColumnRef(ident, scalars.ScalarType.INT), symbols))


def _is_one_stretch(condition: scalars.Scalar, bounds: ValueRange | None) -> bool:
    """Whether the condition is true of all numbers within the bounds between any two of which it is true."""
    written = sorted(set(_written_numbers(condition)))
    between = [(a + b) / 2 for a, b in pairwise(written)]
    tried = sorted([*written, *between, *((written[0] - 1, written[-1] + 1) if written else ())])
    if bounds is not None:
        tried = [value for value in tried if bounds[0] <= value <= bounds[1]]
    runs = [true for true, _ in groupby(_is_true_of(condition, value) for value in tried)]
    return sum(runs) <= 1


def _written_numbers(condition: scalars.Scalar) -> Iterator[Decimal]:
    match condition:
        case scalars.Literal(value=int() | Decimal() as value):
            yield Decimal(value)
        case scalars.Call(args=args):
            for arg in args:
                yield from _written_numbers(arg)


def _is_true_of(condition: scalars.Scalar, value: Decimal) -> bool:
    match condition:
        case scalars.Call(op="and", args=args):
            return all(_is_true_of(a, value) for a in args)
        case scalars.Call(op="or", args=args):
            return any(_is_true_of(a, value) for a in args)
        case scalars.Call(op="not", args=(inner,)):
            return not _is_true_of(inner, value)
        case scalars.Call(op="less" | "at_most" as op, args=(left, right)):
            low, high = (next(_written_numbers(side), value) for side in (left, right))
            return low < high or (op == "at_most" and low == high)
    return False  # a number is present


def _compares(condition: scalars.Scalar) -> bool:
    match condition:
        case scalars.Call(op="and" | "or" | "not", args=args):
            return all(map(_compares, args))
        case scalars.Call(op="less" | "at_most" | "is_null", args=args):
            return all(isinstance(a, scalars.ColumnRef | scalars.Literal) for a in args)
    return False


def is_test(condition: scalars.Scalar) -> bool:
    """Whether a condition is one comparison of at most two values, each computed from one column without a choice."""
    match condition:
        case scalars.Call(op="not", args=(inner,)):
            return is_test(inner)
        case scalars.Call(op=op, args=args) if op in COMPARISONS:
            return all(len(scalars.column_ids(a)) <= 1 and not _has_choice(a) for a in args)
    return False


def _has_choice(scalar: scalars.Scalar) -> bool:
    match scalar:
        case scalars.Case():
            return True
        case scalars.Call(op=op, args=args):
            return OPERATIONS[op].kind is OperationKind.CHOICE or any(map(_has_choice, args))
    return False


def is_presence_test(condition: scalars.Scalar) -> bool:
    match condition:
        case scalars.Call(op="not", args=(scalars.Call(op="is_null"),)):
            return True
    return False


MIXED_CONDITION = (
    "A condition reads the amount that is added up, and can fix the amounts of some people but not of others."
)
CHOSEN_IN_UNION = "The branches of a set operation select rows by the amount that is added up."
PUBLIC_NUMBERS = "The amounts come from a public table, so everybody knows how much each person adds."
CODES_ADDED = "A code is added up. A code is not an amount, and others can know it."


def fixed_columns(relation: ops.Relation, symbols: SymbolTable) -> FixedColumns:
    """Columns whose numbers are listed by the conditions on all rows."""
    found = map(symbols.expanded, _row_predicates(relation))
    return fixed_values(tuple(c for one in found for c in scalars.conjuncts_of(one)))


def _row_predicates(relation: ops.Relation) -> Iterator[scalars.Scalar]:
    """Predicates that are true of every remaining row, as far as it has their columns."""
    match relation:
        case ops.Filter(child=child, predicate=predicate):
            yield predicate
            yield from _row_predicates(child)
        case ops.Join(left=left, right=right, how=how, on=on, lateral=lateral):
            if on is not None and how in {ops.JoinHow.INNER, ops.JoinHow.CROSS}:
                yield on
            yield from _row_predicates(left)
            if not lateral:  # a lateral right side reads the left row, so its conditions hold for that row only
                yield from _row_predicates(right)
        case ops.Scan() | ops.Values() | ops.Union():
            return
        case _:
            yield from _row_predicates(relation.child)


class KnownAmounts:
    """Reasons to review totals over a relation, grouped by `keys`: the amounts of some people in them may be known."""

    def __init__(self, relation: ops.Relation, keys: Iterable[scalars.Scalar], symbols: SymbolTable) -> None:
        self._variables, self._symbols = ConditionVariables(relation, symbols), symbols
        # A key puts the rows of each of its values into a cell of their own.
        grouping = [c for k in keys for c in _key_conditions(symbols.expanded(k))]
        self._conditions = [*self._variables.conditions(relation), *grouping]
        self._fixed = fixed_columns(relation, symbols)

    def review_reason(self, statistic: PlannedStatistic) -> str | None:
        is_amount = statistic.measure in MAGNITUDES or statistic.measure is Measure.DEVIATION
        if statistic.implied_by is not None or not is_amount or statistic.argument is None:
            return None
        try:
            # arithmetic around a CASE, such as a conversion, must not hide its conditions
            argument = as_decision_tree(statistic.argument, {})
        except TooManyArgumentBranches:
            return MIXED_CONDITION
        values = [leaf for leaf in leaves_of(argument) if not isinstance(leaf, scalars.Literal)]
        origins = [self._symbols.origins[i] for v in values for i in self._symbols.base(v)]
        if any(not self._symbols.is_person(o.scan) for o in origins):
            return PUBLIC_NUMBERS
        if any(o.variable.codes is not None or o.variable.register_key is not None for o in origins):
            return CODES_ADDED
        amount = frozenset().union(*(self._variables.made_of(v) for v in values))
        conditions = [*self._conditions, *_branch_conditions(argument)]
        if not all(self._variables.leaves_open(c, amount, self._fixed) for c in conditions):
            return MIXED_CONDITION
        return CHOSEN_IN_UNION if self._variables.chooses_in_union(amount) else None


def _key_conditions(key: scalars.Scalar) -> Iterator[scalars.Scalar]:
    """For each value that a key chooses, the condition of the rows that get it."""
    match key:
        case scalars.Case(whens=whens, otherwise=otherwise):
            passed: tuple[scalars.Scalar, ...] = ()
            for condition, value in whens:
                yield scalars.all_of([*passed, condition])
                yield from _key_conditions(value)
                passed = (*passed, negated(condition))
            yield scalars.all_of(passed)
            yield from _key_conditions(otherwise)
        case scalars.Call(args=args):
            for arg in args:
                yield from _key_conditions(arg)


def _branch_conditions(argument: scalars.Scalar) -> Iterator[scalars.Scalar]:
    """Conditions that are true where an argument has one of its values."""
    if not isinstance(argument, scalars.Case):
        return
    passed: list[scalars.Scalar] = []
    for condition, value in (*argument.whens, (None, argument.otherwise)):
        if value != scalars.NULL:
            yield from passed
            yield from () if condition is None else (condition,)
            yield from _branch_conditions(value)
        passed += [] if condition is None else [negated(condition)]


class ConditionVariables:
    """Variables that the conditions of a relation read, by name. A variable has the same name in every table."""

    def __init__(self, relation: ops.Relation, symbols: SymbolTable) -> None:
        self._relation, self._symbols = relation, symbols
        self._below: dict[int, frozenset[str]] = {}
        for part in reversed(list(ops.walk(relation))):  # inner parts first, because outer parts depend on them
            self._record(part)

    def _record(self, part: ops.Relation) -> None:
        """Record the variables that the conditions below a computed column read."""
        match part:
            case ops.Aggregate(child=child, aggregates=aggregates):
                below = self._chosen_in(child)
                self._below |= {i: below for i, _ in aggregates}
            case ops.Apply(sub=sub, ident=ident, column=column):
                every = self._depend_on(s for p in ops.walk(sub) for s in ops.scalars_of(p))
                # EXISTS depends on everything in its subquery, a value on the conditions only
                self._below[ident] = every if column is None else self._chosen_in(sub)
            case ops.Union(columns=columns):
                for ident, inner in columns:
                    self._below[ident] = self._depend_on(scalars.ColumnRef(n, scalars.ScalarType.INT) for n in inner)

    def _chosen_in(self, relation: ops.Relation) -> frozenset[str]:
        """Variables that the conditions of a relation read, except tests that a value is present."""
        return self._depend_on(c for c in self.conditions(relation) if not is_presence_test(c))

    def _depend_on(self, several: Iterable[scalars.Scalar]) -> frozenset[str]:
        return frozenset().union(*map(self.depends_on, several))

    def depends_on(self, scalar: scalars.Scalar) -> frozenset[str]:
        """Variables that a scalar depends on, with the ids (`#n`) of subquery and aggregate columns in it."""
        below = (self._below.get(i, frozenset()) for i in scalars.column_ids(self._symbols.expanded(scalar)))
        return self.made_of(scalar).union(*below)

    def made_of(self, scalar: scalars.Scalar) -> frozenset[str]:
        """Variables that a scalar is computed from, and the ids (`#n`) of subquery and aggregate columns in it."""
        idents = scalars.column_ids(self._symbols.expanded(scalar))
        origins = (
            self._symbols.origins[i]
            for ident in idents
            for i in self._symbols.base(scalars.ColumnRef(ident, scalars.ScalarType.INT))
        )
        answers = {f"#{i}" for i in idents if i in self._symbols.opaque}
        return frozenset({o.variable.name.casefold() for o in origins if not o.is_hidden} | answers)

    def conditions(self, relation: ops.Relation) -> Iterator[scalars.Scalar]:
        for condition in conditions_within(relation):
            yield from scalars.conjuncts_of(self._symbols.expanded(condition))

    def leaves_open(self, condition: scalars.Scalar, amount: frozenset[str], fixed: FixedColumns) -> bool:
        """Whether a condition leaves the amounts unknown: it does not depend on them, or it says the same of every
        person's amount and fixes no single number. Columns with listed numbers have been replaced by constants
        before."""
        if is_range(condition, self._symbols):
            return not any(self._is_other(i, amount) for i in scalars.column_ids(condition))
        match condition:
            case scalars.Call(op="and", args=args):
                return all(self.leaves_open(a, amount, fixed) for a in args)
            case scalars.Call(op="not", args=(scalars.Call(op="or", args=args),)):  # De Morgan's law
                return all(self.leaves_open(negated(a), amount, fixed) for a in args)
            case scalars.Call(op="not", args=(scalars.Call(op="not", args=(inner,)),)):
                return self.leaves_open(inner, amount, fixed)
        if self.depends_on(condition).isdisjoint(amount) or isinstance(condition, scalars.ColumnRef):
            return True
        if any(self._is_other(i, amount) for i in scalars.column_ids(condition)):
            return False
        listed = listed_values(condition)
        if listed is not None:
            return listed[0] in fixed
        return is_test(condition)

    def _is_other(self, ident: int, amount: frozenset[str]) -> bool:
        """Whether a column is a subquery or aggregate that depends on the amounts but is not an amount itself."""
        variables = self.depends_on(scalars.ColumnRef(ident, scalars.ScalarType.INT))
        return f"#{ident}" in variables - amount and not variables.isdisjoint(amount)

    def chooses_in_union(self, amount: frozenset[str]) -> bool:
        """Whether a branch of a set operation chooses its rows by the amounts."""
        stacked = (p for part in ops.walk(self._relation) if isinstance(part, ops.Union) for p in part.parts)
        chosen = (f for p in stacked for f in ops.walk(p) if isinstance(f, ops.Filter))
        conditions = (c for f in chosen for c in scalars.conjuncts_of(self._symbols.expanded(f.predicate)))
        return any(not self.depends_on(c).isdisjoint(amount) and not is_presence_test(c) for c in conditions)
