"""The grammar of the statistics that may leave without a person's look. A key, a counted value or a condition is about
one variable of a person, or a CASE, AND, OR or NOT of conditions that are; `selectivity_check` judges those by size.
Whatever else combines variables goes to a person, however it is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from broker.domain.plans import operators as ops, scalars
from broker.query.operations.registry import CASTS, COMPARISONS
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.branches import TooManyRelationBranches, as_case, is_first_row, row_numbers
from broker.query.selectivity.dependence import CHOSEN_YEAR, YEAR, Names, of_another_row
from broker.query.selectivity.dependences import Dependences
from broker.query.selectivity.formula_builder import MOST_STEPS, FormulaBuilder
from broker.query.selectivity.joined_values import joins_values, may_equal

Union = ops.Union[ops.Relation]
TRUTH_OPERATIONS = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class GroupedRelation:
    """A grouped relation, with its keys, those of them that every table over it has, the arguments of its statistics,
    and those of them that are counted: whether they are missing is a condition."""

    relation: ops.Relation
    keys: tuple[scalars.Scalar, ...]
    shared_keys: tuple[scalars.Scalar, ...]
    arguments: tuple[scalars.Scalar, ...] = ()
    counted: tuple[scalars.Scalar, ...] = ()
    counts_persons: bool = False


class PlainStatistics:
    """The scalars of one grouped relation that are outside the grammar. Raises TooManyRelationBranches if there are too
    many choices within choices."""

    def __init__(self, table: GroupedRelation, builder: FormulaBuilder) -> None:
        self._builder = builder
        self._operators = list(ops.walk(table.relation))
        of_years = frozenset(s for s, o in builder.occurrences.items() if o.years is None or len(o.years) != 1)
        self._dependences = Dependences(table.relation, builder.symbols, frozenset(table.shared_keys), of_years)
        self._exists = {part.ident for part in self._operators if isinstance(part, ops.Apply) and part.column is None}
        self._counts_persons = table.counts_persons
        self._row_numbers = frozenset().union(*(row_numbers(p, builder.symbols) for p in self._operators))
        self._has_written_rows = any(isinstance(part, ops.Union | ops.Values) for part in self._operators)
        self._part: Mapping[int, int] = {}
        """The columns of a part behind those of a union."""
        self._steps = 0

    def outside(self, table: GroupedRelation) -> list[scalars.Scalar]:
        """What is outside, each once, as the text has it. Branches of a UNION are tables of their own, one below the
        other, if a key separates them. Cells of one branch would else hide small ones of another."""
        unions = list(_unions(table.relation))
        union = next((u for u in unions if self._is_of_separate_parts(u, table)), None)
        keys = [self._expanded(key) for key in table.keys]
        mixed = [u for u in unions if u is not union and not self._is_lookup(u)]
        found = [key for key in keys for u in mixed if not self._is_alike(key, u)]
        for number, self._part in enumerate([{}] if union is None else _columns_by_part(union)):
            if union is not None:
                below = [u for u in _unions(union.parts[number]) if not self._is_lookup(u)]
                found += [key for key in map(self._expanded, table.keys) for u in below if not self._is_alike(key, u)]
            found += chain(
                *map(self._of_operator, self._operators),
                *(self._of_value(self._expanded(scalar)) for scalar in (*table.keys, *table.counted)),
                *(self._of_amount(self._expanded(scalar)) for scalar in table.arguments),
            )
        return list(dict.fromkeys(map(self._reason, found)))

    def _reason(self, scalar: scalars.Scalar) -> scalars.Scalar:
        """For persons whom branches of a UNION select together, one of the conditions."""
        if isinstance(scalar, scalars.ColumnRef) and self._builder.symbols.key_domain(scalar.ident) is not None:
            filters = [part.predicate for part in self._operators if isinstance(part, ops.Filter)]
            conditions = chain(*map(scalars.conjuncts_of, filters))
            return next((one for one in conditions if self._variables(one)), scalar)
        return scalar

    def _is_lookup(self, union: Union) -> bool:
        """Whether conditions choose among its rows."""
        return any(self._dependences.row_of(ident).names for ident, _ in union.columns)

    def _is_alike(self, scalar: scalars.Scalar, union: Union) -> bool:
        """Whether a value is computed in the same way in each part, as if their rows were of one table."""
        parts = [self._expanded(_replaced(scalar, part)) for part in _columns_by_part(union)]
        of_years = all(
            self._dependences.of(part).names <= YEAR.names for part in parts if not isinstance(part, scalars.Literal)
        )
        return of_years or (
            len(set(map(self._dependences.spelled, parts))) == 1 and len(set(map(self._tables, union.parts))) == 1
        )

    def _tables(self, relation: ops.Relation) -> frozenset[object]:
        return frozenset(one for one in self._dependences.conditions_of(relation) if isinstance(one, str))

    def _is_of_separate_parts(self, union: Union, table: GroupedRelation) -> bool:
        parts = _columns_by_part(union)
        for key in map(self._expanded, table.shared_keys):
            if isinstance(key, scalars.ColumnRef):
                values = [self._expanded(_replaced(key, part)) for part in parts]
                pairs = combinations(values, 2)
                if not any(may_equal(*p, self._dependences, self._builder.symbols) for p in pairs):
                    return True
        return False

    def _variables(self, scalar: scalars.Scalar) -> Names:
        return self._dependences.of(scalar).names

    def _expanded(self, scalar: scalars.Scalar) -> scalars.Scalar:
        symbols = self._builder.symbols
        return symbols.expanded(_replaced(symbols.expanded(scalar), self._part))

    def _of_operator(self, operator: ops.Relation) -> list[scalars.Scalar]:
        self._dependences.stand_below(operator)
        found = list(self._outside_of(operator))
        self._dependences.stand_below(None)
        return found

    def _outside_of(self, operator: ops.Relation) -> Iterator[scalars.Scalar]:
        match operator:
            case ops.Filter(predicate=condition) | ops.Join(on=scalars.Call() | scalars.ColumnRef() as condition):
                for one in scalars.conjuncts_of(condition):
                    yield from self._of_condition(self._expanded(one))
            case ops.Aggregate(keys=keys, aggregates=calls):
                read = [self._expanded(key) for _, key in keys]
                alike = all(map(self._is_of_alike_rows, read))
                if not alike and len(frozenset().union(*map(self._variables, read))) > 1:
                    yield next(key for key in read if self._variables(key))
                for scalar in chain(read, *(call.args for _, call in calls)):
                    yield from self._of_cases(self._expanded(scalar))
            case ops.Window(columns=columns):
                for window in columns:
                    for scalar in (*window.function.args, *window.partition):
                        yield from self._of_cases(self._expanded(scalar))
                    yield from self._of_order([scalar for scalar, _ in window.order])
            case ops.Limit(order=order):
                yield from self._of_order([scalar for scalar, _ in order])

    def _of_condition(self, condition: scalars.Scalar) -> Iterator[scalars.Scalar]:
        """The tests in a condition that read several variables. What EXISTS tests are the conditions of its rows."""
        self._step()
        read = self._dependences.of_condition(condition).names
        if len(read) < 2 and CHOSEN_YEAR not in read:
            return
        match condition:
            case scalars.Call(op=op, args=args) if op in TRUTH_OPERATIONS:
                for one in args:
                    yield from self._of_condition(one)
                return
            case scalars.ColumnRef(ident=ident) if ident in self._exists:
                return
            case scalars.Call(op=op, args=args) if op in COMPARISONS:
                found = next(
                    ((n, case) for n, case in enumerate(map(as_case, args)) if isinstance(case, scalars.Case)), None
                )
                if found is not None:
                    place, case = found
                    for tested, _ in case.whens:
                        yield from self._of_condition(tested)
                    for value in case.values:
                        yield from self._of_condition(
                            scalars.Call(op, (*args[:place], value, *args[place + 1 :]), condition.type)
                        )
                    return
        is_first = is_first_row(condition, self._row_numbers)  # what orders the rows is judged by itself
        if not (is_first or self._is_known_quotient(condition, read) or self._compares(condition)):
            yield condition

    def _compares(self, condition: scalars.Scalar) -> bool:
        """Whether a condition compares two variables as they are: no value is named, so it can single nobody out."""
        match condition:
            case scalars.Call(op=op, args=(scalars.ColumnRef() as one, scalars.ColumnRef() as other)) if (
                op in COMPARISONS
            ):
                if self._dependences.is_variable(one) and self._dependences.is_variable(other):
                    return self._builder.names_no_value(condition)
                return len(set(map(of_another_row, self._variables(condition)))) == 1
        return False

    def _is_known_quotient(self, condition: scalars.Scalar, variables: Names) -> bool:
        """Whether a condition is about a quotient of two variables whose public sizes are known, or compares two so
        that people can be counted."""
        read = boolean_formulas.variables([self._builder.formula(condition)])
        if len(read) == 1 and read <= self._builder.variable_ids.pairs.keys():
            return all(len(self._variables(column)) < 2 for column in scalars.columns_in(condition))
        readings = self._builder.variable_ids.readings
        known = [readings[i].variable or "" for i in read if i in readings]
        return len(read) == 1 and {frozenset(name.split(" / ")) for name in known} == {variables}

    def _of_value(self, value: scalars.Scalar) -> Iterator[scalars.Scalar]:
        """What a key or counted value combines other than by conditions. Where persons are counted once, each of their
        rows counts, and a CASE may give each row another condition."""
        self._step()
        known = self._dependences
        is_of_one = len(self._variables(value)) < 2 and not known.reads_several_rows(value)
        if is_of_one or known.is_variable(value) or known.is_of_some_rows(value):
            return
        match as_case(value):
            case scalars.Case(whens=whens) as case:
                is_of_row = self._dependences.is_of_row(case) or self._is_of_written_year(case)
                chooses_rows = self._counts_persons and not is_of_row
                if chooses_rows or joins_values(case, self._dependences, self._builder.symbols):
                    yield value
                    return
                for condition, _ in whens:
                    yield from self._of_condition(condition)
                for inner in case.values:
                    yield from self._of_value(inner)
            case scalars.Call(op=op, args=(inner, *more)) if op in CASTS and all(
                isinstance(m, scalars.Literal) for m in more
            ):
                # a cast can round values of several branches to one
                yield from [value] if isinstance(as_case(inner), scalars.Case) else self._of_value(inner)
            case _:
                yield value

    def _is_of_written_year(self, case: scalars.Case) -> bool:
        """Whether a value is there in the rows of one year that is written, if they meet conditions of the row."""
        if len(case.whens) != 1 or case.otherwise != scalars.NULL:
            return False
        condition, _ = case.whens[0]
        parts = scalars.conjuncts_of(condition)
        years = {one for one in parts if self._names_year(one)}
        return len(years) == 1 and all(self._dependences.is_of_row(one) for one in parts if one not in years)

    def _names_year(self, condition: scalars.Scalar) -> bool:
        match condition:
            case scalars.Call(op="equal" | "equal_text", args=(scalars.ColumnRef() as column, scalars.Literal())):
                origin = self._builder.symbols.origin(column)
                return origin is not None and origin.is_year
        return False

    def _of_cases(self, scalar: scalars.Scalar) -> Iterator[scalars.Scalar]:
        """The conditions of the CASEs in a value."""
        self._step()
        if len(self._variables(scalar)) < 2:
            return
        case = as_case(scalar)
        if isinstance(case, scalars.Case):
            for condition, _ in case.whens:
                yield from self._of_condition(condition)
        for part in case.values if isinstance(case, scalars.Case) else scalars.parts_of(case):
            yield from self._of_cases(part)

    def _of_amount(self, amount: scalars.Scalar) -> Iterator[scalars.Scalar]:
        """The conditions of an amount, and columns that others choose. The rules on measures judge its arithmetic."""
        yield from self._of_cases(amount)
        for column in scalars.columns_in(amount):
            told = self._dependences.of_own_rows(column)
            if told.chooses and len(told.names) > 1 and not self._dependences.is_variable(column):
                yield column

    def _of_order(self, order: Sequence[scalars.Scalar]) -> Iterator[scalars.Scalar]:
        """What chooses a person's row is about one variable, and chooses among rows of persons only."""
        for scalar in map(self._expanded, order):
            names = self._variables(scalar)
            if not self._dependences.is_record_code(scalar) and (len(names) > 1 or (names and self._has_written_rows)):
                yield scalar

    def _is_of_alike_rows(self, key: scalars.Scalar) -> bool:
        """Whether a key reads no branches of a UNION that differ in the key or in their conditions."""
        unions = [part for part in self._operators if isinstance(part, ops.Union)]
        read = [u for u in unions if scalars.column_ids(key) & {ident for ident, _ in u.columns}]
        return all(self._is_alike(key, u) and self._have_same_conditions(u) for u in read)

    def _have_same_conditions(self, union: Union) -> bool:
        return len(set(map(self._dependences.conditions_of, union.parts))) == 1

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:  # choices within choices grow exponentially
            raise TooManyRelationBranches


def _unions(relation: ops.Relation) -> Iterator[Union]:
    """The unions whose rows are rows of the relation."""
    match relation:
        case ops.Union():
            yield relation
        case ops.Filter(child=child) | ops.Project(child=child) | ops.Window(child=child) | ops.Apply(child=child):
            yield from _unions(child)
        case ops.Join(left=left, how=ops.JoinHow.LEFT):
            yield from _unions(left)
        case ops.Join(left=left, right=right, how=ops.JoinHow.INNER | ops.JoinHow.CROSS):
            yield from _unions(left)
            yield from _unions(right)


def _columns_by_part(union: Union) -> list[Mapping[int, int]]:
    """For each part, its column behind each column of the union."""
    return [{ident: own[n] for ident, own in union.columns} for n in range(len(union.parts))]


def _replaced(scalar: scalars.Scalar, columns: Mapping[int, int]) -> scalars.Scalar:
    match scalar:
        case scalars.ColumnRef(ident=ident, type=kind):
            return scalars.ColumnRef(columns.get(ident, ident), kind)
    return scalars.with_parts(scalar, lambda part: _replaced(part, columns))
