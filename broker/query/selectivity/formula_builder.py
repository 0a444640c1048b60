"""Builds Boolean formulas from bound conditions, with variable ids that all tables of a job share."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from broker.domain.plans import scalars
from broker.query.operations.possible_values import ONLY_FALSE, ONLY_TRUE, possible_values
from broker.query.operations.registry import COMPARISONS
from broker.query.selectivity import boolean_formulas, branches
from broker.query.selectivity.choices import COMPARED, has_many_values, have_same_values
from broker.query.selectivity.compared_pairs import compared_pair
from broker.query.selectivity.quotients import compared_quotient
from broker.query.symbols import ColumnOrigin, SymbolTable

MOST_STEPS = 50_000
"""Most conditions of one output that are read, with derived columns expanded."""

MOST_PARTS = 2_000
"""Most parts of a condition or formula, each counted as often as it is read: choices within choices double it."""


@dataclass(slots=True)
class FormulaBuilder:
    """Reads the conditions of one branch. `unnamed_offset` is added to the ids of columns without a name in the
    catalogue, which belong to one output only."""

    branch: branches.RelationBranch
    symbols: SymbolTable
    occurrences: Mapping[int, boolean_formulas.TableOccurrence]
    variable_ids: boolean_formulas.VariableIds
    unnamed_offset: int
    columns: dict[int, int] = field(default_factory=dict)
    """By the id of a variable, a column of it in the symbol table."""
    in_subquery: bool = False
    """Whether the conditions ask if somebody has such rows."""
    found_by: dict[int, scalars.Scalar] = field(default_factory=dict, init=False)
    """By the key of a public table, the equality that finds its row in the branch."""
    steps: list[None] = field(default_factory=list)
    """One entry for each condition that was read. Their number is limited."""

    def __post_init__(self) -> None:
        self._find_public_rows(self.branch)

    def _find_public_rows(self, branch: branches.RelationBranch) -> None:
        """Note which equality finds the row of a public table: the first of its key."""
        for condition in (*branch.conditions, *chain(*branch.outer_conditions.values())):
            match condition:
                case scalars.Call(op="equal" | "equal_text", args=(scalars.ColumnRef(), scalars.ColumnRef())):
                    named = self.named(condition)
                    for ident in filter(self._is_public_key, scalars.column_ids(named)):
                        self.found_by.setdefault(ident, named)

    @property
    def present(self) -> frozenset[boolean_formulas.TableOccurrence]:
        """Table occurrences in which every row of the branch has a row of its person."""
        return frozenset(
            self.occurrences[s] for s in self.branch.scans if s in self.occurrences and self.occurrences[s].is_person
        )

    def of_any_year(self, named: scalars.Scalar) -> scalars.Scalar:
        """The condition without the table occurrence that it reads: rows of any year count as the same."""
        match named:
            case scalars.ColumnRef(ident=ident, type=kind) if ident in self.variable_ids.readings:
                reading = self.variable_ids.readings[ident]
                occurrence = replace(reading.occurrence, years=None, number=0)
                return scalars.ColumnRef(self.variable_ids.ident(replace(reading, occurrence=occurrence)), kind)
        return scalars.with_parts(named, self.of_any_year)

    def within(self, branch: branches.RelationBranch) -> "FormulaBuilder":
        """Return a builder for the conditions of a subquery, or of an outer side, which see the row around them. Their
        own rows are there."""
        both = branches.joined_branches(self.branch, branch)
        outer = {scan: found for scan, found in both.outer_conditions.items() if scan not in branch.scans}
        inside = replace(both, conditions=(), scans=frozenset(), outer_conditions=outer)
        found = replace(self, branch=inside)
        found.found_by.update(self.found_by)
        found._find_public_rows(branch)
        return found

    def formula(self, condition: scalars.Scalar) -> boolean_formulas.Formula:
        """Formula of when a condition is true."""
        return self.formula_of(self.named(condition))

    def named(self, scalar: scalars.Scalar) -> scalars.Scalar:
        """A scalar with derived columns expanded, columns replaced by the job's variable ids, and choices as CASE:
        also that of an outer join, where a derived column is NULL if no row is found."""
        match scalar:
            case scalars.ColumnRef(ident=ident) if ident in self.branch.columns:
                return self.named(self.branch.columns[ident])
            case scalars.ColumnRef(ident=ident) if ident in self.symbols.definitions:
                inner, source_rows = self.named(self.symbols.definitions[ident]), self.symbols.source_rows[ident]
                if not self.symbols.is_outer(source_rows):
                    return inner
                row = scalars.ColumnRef(min(source_rows.scans), scalars.ScalarType.INT)
                return scalars.Case(((scalars.truth_call("is_null", row), scalars.NULL),), inner, scalar.type)
            case scalars.ColumnRef(ident=ident) if ident in self.symbols.origins:
                origin = self.symbols.origins[ident]
                found = self.variable_ids.ident(
                    boolean_formulas.VariableReading(self.occurrences[origin.scan], origin.variable.name)
                )
                self.columns[found] = ident
                return scalars.ColumnRef(found, origin.variable.type)
        named = scalars.with_parts(scalar, self.named)
        case = branches.as_case(named)
        if case is not named and boolean_formulas.size_of(case, scalars.parts_of) > MOST_PARTS:
            raise branches.TooManyRelationBranches
        return case

    def formula_of(self, named: scalars.Scalar) -> boolean_formulas.Formula:
        self.steps.append(None)
        if len(self.steps) > MOST_STEPS:  # expanding derived columns can grow exponentially
            raise branches.TooManyRelationBranches
        match named:
            case scalars.Literal(value=None):
                return boolean_formulas.says_nothing(named)
            case scalars.Literal(value=value):
                return boolean_formulas.ALWAYS if value is True else boolean_formulas.NEVER
            case scalars.Call(op="and", args=args):
                return boolean_formulas.Conjunction(tuple(map(self.formula_of, args)))
            case scalars.Call(op="or", args=args):
                return boolean_formulas.Disjunction(tuple(map(self.formula_of, args)))
            case scalars.Call(op="not", args=(inner,)):
                return boolean_formulas.negation(self.formula_of(inner))
            case scalars.ColumnRef(ident=ident) if (
                ident in self.branch.subqueries and ident not in self.branch.scalar_subqueries
            ):
                return self._exists(named)
            case scalars.Call(op="is_null", args=(scalars.ColumnRef(ident=ident),)) if (
                self.outer_scans(ident) is not None
            ):
                return boolean_formulas.negation(self._matched(ident, named))
            case scalars.Call(op=op, args=args) if op in COMPARISONS and any(isinstance(a, scalars.Case) for a in args):
                found = self._by_branch(named)
                if boolean_formulas.size_of(found, boolean_formulas.parts_of) > MOST_PARTS:
                    raise branches.TooManyRelationBranches
                return found
            case scalars.Call(op="equal" | "equal_text", args=(left, right)):
                return self._equal(left, right, named)
        made = self._ratio_comparison(named)
        found = self._leaf(made)
        return (
            replace(found, written=named) if made is not named and isinstance(found, boolean_formulas.Leaf) else found
        )

    def _ratio_comparison(self, named: scalars.Scalar) -> scalars.Scalar:
        """Turn a comparison of a known quotient with a number into a comparison of a variable."""
        match named:
            case scalars.Call(op="less" | "at_most", args=(lower, upper)):
                if (found := self._number_and_quotient(lower, upper)) is not None:
                    return replace(named, args=found)
                if (found := self._number_and_quotient(upper, lower)) is not None:
                    return replace(named, args=found[::-1])
        return named

    def _number_and_quotient(
        self, value: scalars.Scalar, other: scalars.Scalar
    ) -> tuple[scalars.Literal, scalars.ColumnRef] | None:
        found = compared_quotient(value, other)
        if found is None or not {*found[1:]} <= self.columns.keys():
            return None
        number, top, bottom = found
        numerator, denominator = self.variable_ids.readings[top], self.variable_ids.readings[bottom]
        name = f"{numerator.variable} / {denominator.variable}"
        if (
            numerator.occurrence != denominator.occurrence
            or (numerator.occurrence.table, name) not in self.variable_ids.quotients
            or (lowest := self.origin(bottom).variable.low) is None
            or lowest < 0
        ):
            return None
        ident = self.variable_ids.ident(boolean_formulas.VariableReading(numerator.occurrence, name))
        self.columns[ident] = self.columns[top]
        kind = scalars.ScalarType.DECIMAL
        return scalars.Literal(number, kind), scalars.ColumnRef(ident, kind)

    def _leaf(self, named: scalars.Scalar) -> boolean_formulas.Formula:
        # every person has a first row, so this excludes nobody; not everybody has a second one
        if branches.is_first_row(named, self.branch.row_numbers):
            rows = frozenset({self.unnamed_offset + min(scalars.column_ids(named))})
            return boolean_formulas.Leaf(named, True, frozenset(), otherwise=rows if self.in_subquery else None)
        read = scalars.column_ids(named)
        if not read:
            match possible_values(named, {}, {}):
                case found if found == ONLY_TRUE:
                    return boolean_formulas.ALWAYS
                case found if found == ONLY_FALSE:
                    return boolean_formulas.NEVER
            return boolean_formulas.says_nothing(named)
        variables = frozenset[int]().union(*map(self.variables_of, read))
        pair = compared_pair(named)
        if self._compares_variables(named):
            variables = frozenset({self._comparison(variables)})
        elif pair is not None and self._is_amount(pair.one) and self._is_amount(pair.other):
            variables = frozenset({self.variable_ids.pair(pair)})
        return boolean_formulas.Leaf(named, True, variables, any(map(self._is_year, read)))

    def _is_amount(self, ident: int) -> bool:
        """Whether a column has so many values that comparing it names none: a figure of the person, or a variable that
        is an amount or a date. Of an outer side, it could be missing as well."""
        if ident in self.columns:
            return self.variables_of(ident) == {ident} and has_many_values(self.origin(ident).variable)
        return self.variables_of(ident) == {self.unnamed_offset + ident}

    def _compares_variables(self, named: scalars.Scalar) -> bool:
        """Whether a condition compares a variable in two rows of a person, or two variables, without naming a value of
        one of them."""
        match named:
            case scalars.Call(op=op, args=(scalars.ColumnRef(), scalars.ColumnRef())) if op in COMPARISONS:
                read = scalars.column_ids(named)
                known, others = read & self.columns.keys(), read - self.columns.keys()
                own = all(self.variables_of(ident) == {ident} for ident in known)
                made = all(self.variables_of(ident) == {self.unnamed_offset + ident} for ident in others)
                base = [{self.symbols.origins[i].full_name for i in self._base(ident)} for ident in read]
                if own and made and all(len(one) == 1 and one == base[0] for one in base):
                    return True
                return not others and all(map(self._is_own_variable, read)) and self.names_no_value(named)
        return False

    def names_no_value(self, condition: scalars.Scalar) -> bool:
        """Whether a comparison of two variables is of two that have the same values, and many."""
        read = sorted(scalars.column_ids(condition))
        return have_same_values([self.symbols.origins[self.columns.get(ident, ident)] for ident in read])

    def _is_own_variable(self, ident: int) -> bool:
        return self.variables_of(ident) == {ident} and not self.origin(ident).is_hidden

    def _comparison(self, variables: frozenset[int]) -> int:
        """The id of how two variables compare, which has no public size."""
        if len(variables) != 2 or not variables <= self.variable_ids.readings.keys():
            return self.unnamed_offset + COMPARED + abs(min(variables))
        first, second = (self.variable_ids.readings[ident] for ident in sorted(variables))
        name = f"{first.variable} and {second.variable}"
        found = self.variable_ids.ident(boolean_formulas.VariableReading(first.occurrence, name))
        self.columns[found] = self.columns[min(variables)]
        return found

    def _base(self, ident: int) -> frozenset[int]:
        """The catalogue columns behind a column or variable."""
        return self.symbols.base(scalars.ColumnRef(self.columns.get(ident, ident), scalars.ScalarType.NULL))

    def _equal(self, left: scalars.Scalar, right: scalars.Scalar, named: scalars.Scalar) -> boolean_formulas.Formula:
        """Formula of an equality. Equal link keys test nobody, except for the conditions of an outer side that has one
        of them; nor does equality of a variable with the key of a public table. Equality with a column of written rows
        is a choice of their values."""
        for one, other in ((left, right), (right, left)):
            listed = self._written_values(one)
            if listed is not None and isinstance(other, scalars.ColumnRef | scalars.Call | scalars.Case):
                return boolean_formulas.Disjunction(
                    tuple(self._leaf(scalars.truth_call("equal", other, v)) for v in listed)
                )
        if isinstance(left, scalars.ColumnRef) and isinstance(right, scalars.ColumnRef):
            sides = (left, right)
            if all(self._is_person_key(c.ident) for c in sides):
                outer = [c.ident for c in sides if self._outer_variables(self.outer_scans(c.ident) or frozenset())]
                return boolean_formulas.Conjunction(
                    tuple(
                        self._matched(i, scalars.truth_call("is_null", scalars.ColumnRef(i, scalars.ScalarType.INT)))
                        for i in outer
                    )
                )
            if all(c.ident in self.columns for c in sides):
                keys = [c.ident for c in sides if self._is_public_key(c.ident)]
                # the first equality finds the public row, and any other compares two variables
                if any(self.found_by.get(key) == named for key in keys):
                    scans = {self.origin(c.ident).scan for c in sides}
                    read = self._outer_variables(frozenset(scans & self.branch.outer_conditions.keys()))
                    return boolean_formulas.Leaf(named, True, read)
        return self._leaf(named)

    def _written_values(self, named: scalars.Scalar) -> list[scalars.Literal] | None:
        if not isinstance(named, scalars.ColumnRef):
            return None
        return branches.written_values(
            scalars.ColumnRef(self.columns.get(named.ident, named.ident), named.type), self.symbols
        )

    def _by_branch(self, named: scalars.Call) -> boolean_formulas.Formula:
        """Formula of a test of a CASE, branch by branch."""
        place, case = next((n, a) for n, a in enumerate(named.args) if isinstance(a, scalars.Case))
        found: list[boolean_formulas.Formula] = []
        before: list[boolean_formulas.Formula] = []
        for condition, value in (*case.whens, (scalars.Literal(True, scalars.ScalarType.TRUTH), case.otherwise)):
            args = (*named.args[:place], value, *named.args[place + 1 :])
            mine = self.formula_of(condition)
            found.append(
                boolean_formulas.Conjunction((*before, mine, self.formula_of(scalars.Call(named.op, args, named.type))))
            )
            before.append(boolean_formulas.negation(mine))
        return boolean_formulas.Disjunction(tuple(found))

    def _exists(self, named: scalars.ColumnRef) -> boolean_formulas.Formula:
        """Formula of an EXISTS: the conditions of its rows. Without conditions of its own, it tests whether there is a
        row."""
        in_query, ways = self.branch.subqueries[named.ident], list[boolean_formulas.Formula]()
        is_combined, tables = False, set[str]()
        for branch in in_query:
            inner = self.within(branch)
            inner.in_subquery = True
            conditions = tuple(map(inner.formula, branch.conditions))
            read = boolean_formulas.variables(conditions)
            found = self._rows_found(branch.scans, read)
            tables |= {occurrence.table for occurrence in found}
            is_combined |= bool(read) or len(tables) > 1
            ways.append(boolean_formulas.Conjunction((*conditions, *map(self._rows_in, found))))
        if not is_combined:
            return self._presence(frozenset(s for w in in_query for s in w.scans), named)
        met = boolean_formulas.Disjunction(tuple(ways))
        return boolean_formulas.Leaf(named, True, boolean_formulas.variables([met]), implies=met)

    def _rows_found(self, scans: Collection[int], read: Collection[int]) -> Sequence[boolean_formulas.TableOccurrence]:
        """The tables of persons in which somebody has to have rows. Whether there are rows is a value of each variable
        of theirs, a missing one, and in tables of the branch everybody has rows."""
        known = {self.variable_ids.readings[i].occurrence for i in read if i in self.variable_ids.readings}
        everywhere = {(o.table, o.years) for o in (*known, *self.present)}
        found = {self.occurrences[s] for s in scans if s in self.occurrences and self.occurrences[s].is_person}
        return sorted((o for o in found if (o.table, o.years) not in everywhere), key=repr)

    def _rows_in(self, occurrence: boolean_formulas.TableOccurrence) -> boolean_formulas.Leaf:
        ident = self.variable_ids.ident(boolean_formulas.VariableReading(occurrence, None))
        return boolean_formulas.Leaf(scalars.ColumnRef(ident, scalars.ScalarType.TRUTH), True, frozenset({ident}))

    def _presence(self, scans: frozenset[int], written: scalars.Scalar) -> boolean_formulas.Leaf:
        """Leaf that tests whether there are rows, as a written condition does."""
        found = [self.occurrences[s] for s in sorted(scans) if s in self.occurrences and self.occurrences[s].is_person]
        if len(found) != 1:
            # without one known table of persons, the test gets an id that has no public size
            unnamed = self.unnamed_offset + min(scans, default=0)
            return boolean_formulas.Leaf(written, True, frozenset({unnamed}))
        return replace(self._rows_in(found[0]), written=written)

    def outer_scans(self, ident: int) -> frozenset[int] | None:
        """Scans of an outer side that this link key, person number or year belongs to; None if it belongs to none. Each
        of these is missing where there is no row, and tells nothing else."""
        if ident in self.columns:
            is_of_rows = self._is_person_key(ident) or self._is_year(ident)
            scans = frozenset({self.origin(ident).scan} if is_of_rows else ())
        else:
            scans = frozenset({ident}).union(*(h.scans for h in self.symbols.source_rows.values() if h.person == ident))
        return scans & self.branch.outer_conditions.keys() or None

    def _matched(self, ident: int, named: scalars.Scalar) -> boolean_formulas.Leaf:
        """Leaf that tests whether an outer join found a row."""
        scans = self.outer_scans(ident) or frozenset()
        read = self._outer_variables(scans)
        found = self._rows_found(branches.found_together(scans, self.branch), read)
        if not read and len(found) < 2:
            return self._presence(scans, scalars.truth_call("not", named))
        return boolean_formulas.Leaf(named, False, read | boolean_formulas.variables(map(self._rows_in, found)))

    def _outer_variables(self, scans: frozenset[int]) -> frozenset[int]:
        """Variables in the conditions on outer sides."""
        return boolean_formulas.variables(self.formulas_of_outer(scans))

    def formulas_of_outer(self, scans: frozenset[int]) -> Sequence[boolean_formulas.Formula]:
        outer = self.branch.outer_conditions
        conditions = [c for s in scans for c in outer.get(s, ())]
        if not conditions:
            return ()
        # Without these scans, so that the recursion ends, and without those that are found together with them.
        together = {outer[s] for s in scans if s in outer}
        others = {s: c for s, c in outer.items() if s not in scans and c not in together}
        inner = replace(self, branch=replace(self.branch, outer_conditions=others))
        inner.found_by.update(self.found_by)
        return [inner.formula(c) for c in conditions]

    def variables_of(self, ident: int) -> frozenset[int]:
        """Variables that a column reveals something about."""
        outer = self.branch.outer_conditions.keys()
        if ident in self.columns:
            if self._is_year(ident):
                is_outer = self.origin(ident).scan in outer
                return self._matched(ident, scalars.NULL).variables if is_outer else frozenset()
            return frozenset({ident}) | self._outer_variables(frozenset({self.origin(ident).scan}) & outer)
        if ident in self.branch.subqueries:
            inner = [(self.within(w), w) for w in self.branch.subqueries[ident]]
            read = boolean_formulas.variables([r.formula(c) for r, w in inner for c in w.conditions])
            return read | {self.unnamed_offset + ident}
        if ident in self.symbols.opaque:
            home = self.symbols.opaque[ident].source_rows.scans & outer
            return self._outer_variables(home) | {self.unnamed_offset + ident}
        return self._outer_variables(self.outer_scans(ident) or frozenset())

    def origin(self, ident: int) -> ColumnOrigin:
        """The variable behind the id of a variable."""
        return self.symbols.origins[self.columns[ident]]

    def _is_year(self, ident: int) -> bool:
        return ident in self.columns and self.origin(ident).is_year

    def _is_public_key(self, ident: int) -> bool:
        return ident in self.columns and self.origin(ident).variable.name == self.origin(ident).table.unique_key

    def _is_person_key(self, ident: int) -> bool:
        """Whether a column is a link key or a person number."""
        if ident in self.columns:
            return self.origin(ident).key_domain is not None
        known = ident in self.symbols.opaque or ident in self.branch.subqueries or ident in self.variable_ids.readings
        return self.symbols.key_domain(ident) is not None or not known
