"""What the operators of a relation make of the dependences of its columns: an upper bound, through everything that
computes them. Judges nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import (
    NULL,
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    column_ids,
    conjuncts_of,
)
from broker.query.analysis.guards import idents_of
from broker.query.analysis.tiles import is_tile
from broker.query.operations.aggregate_functions import CHOSEN_IN_ORDER, DESCENDING
from broker.query.operations.registry import CASTS
from broker.query.selectivity.choices import FIRST_AND_LAST, OF_ONE_ROW, OF_ONE_VALUE, OF_VALUES, PLACES
from broker.query.selectivity.column_dependences import ColumnDependences
from broker.query.selectivity.dependence import NONE, YEAR, Dependence, RowsDependence, united
from broker.query.symbols import SymbolTable


class Dependences(ColumnDependences):
    """The dependences of one relation's columns."""

    def __init__(
        self, relation: ops.Relation, symbols: SymbolTable, given: frozenset[Scalar], of_years: frozenset[int]
    ) -> None:
        """`given`: keys that are the same for all rows of a cell, whatever its table."""
        super().__init__(symbols, of_years)
        self._given = frozenset(map(symbols.expanded, given))
        self._tops = {id(part) for part in _top_operators(relation)}
        self._lookups = [idents_of(part) for part in ops.walk(relation) if not self._presence(part).present]
        before: object = None
        # what is above an operator can decide about columns below it
        while before != (self._own, self._homes, self._picked):
            before = dict(self._own), dict(self._homes), dict(self._picked)
            self._rows(relation)

    def _rows(self, relation: ops.Relation) -> RowsDependence:
        around = self._inside
        self._enclosing[id(relation)] = around | {id(relation)}
        found = self._known[id(relation)] = self._rows_by(relation)
        self._inside = around
        return found

    def _rows_by(self, relation: ops.Relation) -> RowsDependence:
        match relation:
            case ops.Scan(table=table):
                return RowsDependence((table,))
            case ops.Values():
                return RowsDependence()
            case ops.Union():
                return self._union(relation)
            case ops.Join():
                return self._join(relation)
            case ops.Apply(child=child, sub=sub, ident=ident, column=column):
                rows, inner = self._rows(child), self._rows(sub)
                value = NONE if column is None else self._of_column(column)
                self._add(ident, (inner.found | value | self._presence(sub)).choosing())
                return rows
        self._inside |= {id(relation)}
        rows = self._rows(relation.child)
        match relation:
            case ops.Filter(predicate=predicate):
                chosen = united(self.of(c) for c in conjuncts_of(predicate) if self._picks_rows(c))
                if chosen.names:
                    for home in idents_of(relation.child):
                        self._picked[home, id(relation)] |= chosen.choosing()
                return rows | self._conditions(conjuncts_of(predicate))
            case ops.Project(columns=computed):
                for ident, scalar in computed:
                    self._add(ident, self.of(scalar))
            case ops.Aggregate(keys=keys, aggregates=calls):
                is_top = id(relation) in self._tops
                apart = [key for _, key in keys if not self._is_of_person(key, is_top)]
                # groups of a person's years are like rows of a table by years
                by_year = [key for _, key in keys if self._is_year_of_row(key)]
                by = united(self.of(key) for key in apart if key not in by_year)
                # without a person's key there is a figure where no row is found
                around = rows.all if relation.person is None else NONE
                for ident, key in keys:
                    self._add(ident, self.of(key))
                for ident, call in calls:
                    own = self._of_call(call)
                    if own.names <= YEAR.names:  # it tells how many rows there are, or of which years
                        self._add(ident, by | rows.number | self._of_rows(relation.child, rows))
                    else:
                        # a sum of years tells how many of these meet the conditions, unless it counts rows itself
                        reads_years = self._reads_years(relation.child) and not by_year
                        adds_years = reads_years and call.op == "sum" and not self._counts(call)
                        how_often = NONE if call.op in OF_VALUES else rows.all if adds_years else rows.number
                        self._add(ident, by | around | own | how_often)
                if relation.person is not None and not by.names and not {*apart} & {*by_year}:
                    self._of_persons |= {ident for ident, _ in calls}
                    self._of_some_rows |= {ident: of for ident, call in calls if (of := self._of_chosen_rows(call))}
                return replace(rows, number=by)
            case ops.Window(columns=windows):
                for window in windows:
                    if is_tile(window, relation, self._symbols):
                        of_order = united(self.of(scalar) for scalar, _ in window.order)
                        self._add(window.ident, of_order.of_function("place"))
                        continue
                    by = united(map(self.of, window.partition))
                    picked = self._choices(window.order)
                    if window.function.op in OF_ONE_ROW or window.shared:
                        by |= picked
                    else:
                        by |= united(self.of(scalar) for scalar, _ in window.order)
                    if window.function.op in PLACES:
                        by = by.of_function("place")
                    own = self._of_call(window.function)
                    if window.function.op in FIRST_AND_LAST and own.names <= YEAR.names:
                        # the year of a row tells of the order that finds it
                        own |= united(self.of(scalar) for scalar, _ in window.order).of_function(window.function.op)
                    elif (own | by).names <= YEAR.names:
                        own = self._of_rows(relation.child, rows)
                    self._add(window.ident, by | rows.number | own)
                    self._extremes |= {window.ident} if window.function.op in {"greatest", "least"} else set()
                    if window.function.op in PLACES:
                        self._pick(relation, picked, window.partition)
            case ops.Limit(order=order):
                self._pick(relation, self._choices(order), ())
        return rows

    def _is_year_of_row(self, key: Scalar) -> bool:
        """Whether a key is the year of the rows, which is missing on none of them."""
        origin = self._symbols.origin(self._symbols.expanded(key))
        return origin is not None and origin.is_year and not self.row_of(origin.scan).names

    def _picks_rows(self, condition: Scalar) -> bool:
        """Whether a condition compares a row with the greatest or least of the person's rows."""
        match self._symbols.expanded(condition):
            case Call(args=(ColumnRef(ident=one), ColumnRef(ident=other))):
                return len({one, other} & self._extremes) == 1
        return False

    def _counts(self, call: ops.AggregateCall) -> bool:
        """Whether a sum is of flags, or of written values."""
        argument = self._symbols.expanded(call.args[0])
        while isinstance(argument, Call) and argument.op in CASTS:
            argument = argument.args[0]
        if isinstance(argument, Case):
            return all(isinstance(value, Literal) for value in argument.values)
        return isinstance(argument, ColumnRef) and argument.type is ScalarType.FLAG

    def _reads_years(self, relation: ops.Relation) -> bool:
        """Whether a person can have rows of several years."""
        return any(isinstance(part, ops.Scan) and part.person in self._of_years for part in ops.walk(relation))

    def _of_rows(self, relation: ops.Relation, rows: RowsDependence) -> Dependence:
        """How many rows there are is one variable more, because the conditions on them are judged by their sizes."""
        name = f"rows where {sorted(map(repr, self._spelled_rows(rows)))}"
        scans = self._presence(relation).present
        by_table = {self._symbols.tables[scan].full_name: scan for scan in sorted(scans, reverse=True)}
        if len(by_table) < 2:
            return Dependence(frozenset({(min(scans) if len(scans) == 1 else 0, name)}))
        return Dependence(frozenset((scan, f"{table}: {name}") for table, scan in by_table.items()))

    def _choices(self, order: ops.SortKeys) -> Dependence:
        """Orders choose a person's row: by variables in turn, and by groups of the codes with which records are kept.
        Groups of any other variable are a condition on the row."""
        expanded = [self._symbols.expanded(scalar) for scalar, _ in order]
        found = [(scalar, self.of(scalar)) for scalar in expanded if not self.is_record_code(scalar)]
        return united(
            one.choosing() for scalar, one in found if one.chooses or one.adds or not isinstance(scalar, ColumnRef)
        )

    def _pick(
        self,
        operator: "ops.Window[ops.Relation] | ops.Limit[ops.Relation]",
        chosen: Dependence,
        partition: Sequence[Scalar],
    ) -> None:
        of_one_year = any(self.of(scalar).names == YEAR.names for scalar in partition)
        for home in idents_of(operator.child):
            self._chosen_years |= set() if of_one_year else {(home, id(operator))}
            self._picked[home, id(operator)] |= chosen

    def _presence(self, *relations: ops.Relation) -> Dependence:
        """Whether a person has rows in the tables of relations. That there are keys that lead to rows tells no more
        than these rows."""
        scans = {part.person or 0 for one in relations for part in ops.walk(one) if isinstance(part, ops.Scan)}
        found = frozenset(filter(self._symbols.is_person, scans))
        return Dependence(present=frozenset(scan for scan in found if not self._is_link(scan)) or found)

    def _is_of_person(self, key: Scalar, is_top: bool) -> bool:
        """Whether a key is the same in all rows of a person that a cell counts: one of its own keys, or a figure of the
        person."""
        if is_top and self._symbols.expanded(key) in self._given:
            return True
        match key:
            case ColumnRef(ident=ident) if ident in self._symbols.definitions:
                return self._is_of_person(self._symbols.definitions[ident], is_top)
            case ColumnRef(ident=ident):
                return ident in self._of_persons
        return False

    def _of_call(self, call: ops.AggregateCall) -> Dependence:
        """Whether rows meet a condition is one more variable, because the condition itself is judged by its size."""
        if call.op in CHOSEN_IN_ORDER:
            return self._of_chosen(call)
        found = united(map(self.of, call.args))
        if call.op not in OF_ONE_VALUE:
            # how many rows there are, or which row, is another variable than the value
            found = found.of_function(call.op)
        if len(found.names) > 1 and call.args and self._is_condition(call.args[0]):
            name = repr((call.op, self.spelled(self._symbols.expanded(call.args[0]))))
            return Dependence(frozenset({(0, name)}), chooses=True)
        if call.op in {"greatest", "least"} and call.args and self._is_of_a_year(call.args[0]):
            found = replace(found, variables=found.variables - YEAR.variables)
        return found.added_up() if call.op == "sum" else found

    def _of_chosen(self, call: ops.AggregateCall) -> Dependence:
        """A value in the row that an order finds: the first and the last are two variables, as the least and the
        greatest are. The year of that row tells of the order. The last part of the order is the value itself."""
        value, order = self.of(call.args[0]), united(map(self.of, call.args[1:-2]))
        function = "greatest" if call.args[2] == DESCENDING else "least"
        if order.names <= YEAR.names:
            return value.of_function(function)
        return (
            value | order.of_function(function) if value.names <= YEAR.names else (value | order).of_function(function)
        )

    def _is_of_a_year(self, scalar: Scalar) -> bool:
        """Whether a value is a variable in chosen years: `CASE WHEN AcademicYear = … THEN variable END`."""
        match self._symbols.expanded(scalar):
            case Case(whens=((condition, value),), otherwise=Literal(value=None)):
                return self.of(condition).names <= YEAR.names and self.is_variable(value)
        return False

    def _is_condition(self, scalar: Scalar) -> bool:
        """Whether a value is a choice of constants, the same for each row of a person."""
        match self._symbols.expanded(scalar):
            case Case(values=values) as case:
                return self.is_of_row(case) and all(isinstance(value, Literal) for value in values)
        return False

    def _of_chosen_rows(self, call: ops.AggregateCall) -> Scalar | None:
        match self._symbols.expanded(call.args[0]) if call.op in {"greatest", "least"} else NULL:
            case Case(values=values) as case:
                others = {value for value in values if value != NULL}
                of_row = all(self.is_of_row(condition) for condition, _ in case.whens)
                if of_row and len(others) == 1 and self.is_variable(*others):
                    return next(iter(others))
        return None

    def _union(self, union: "ops.Union[ops.Relation]") -> RowsDependence:
        """If the parts have different tables or conditions, each column tells from which of them a row is."""
        parts = [self._rows(part) for part in union.parts]
        rows = reduce(or_, parts, RowsDependence())
        different = len(set(map(self._spelled_rows, parts))) > 1
        apart, presence = (rows.found, self._presence(*union.parts)) if different else (NONE, NONE)
        for ident, own in union.columns:
            found = [self._of_column(one) for one in own]
            written = [self._symbols.expanded(ColumnRef(one, ScalarType.NULL)) for one in own]
            # a constant tells from which table a row is
            has_constant = any(isinstance(one, Literal) and one.value is not None for one in written)
            self._add(ident, apart | united(found) | (presence if has_constant else NONE))
        return rows

    def _join(self, join: ops.Join[ops.Relation]) -> RowsDependence:
        if join.how in {ops.JoinHow.INNER, ops.JoinHow.CROSS}:
            left, right = self._rows(join.left), self._rows(join.right)
            on = self._conditions(conjuncts_of(join.on))
            return left | right | on
        if join.how is ops.JoinHow.FULL:
            self._inside |= {id(join)}
        left = self._rows(join.left)
        self._inside |= {id(join)}
        right = self._rows(join.right)
        on = self._conditions(conjuncts_of(join.on))
        of_right = (right | on).all | self._presence(join.right)
        self._add_home(idents_of(join.right), of_right, id(join))
        if join.how is ops.JoinHow.LEFT:
            return replace(left, number=left.number | of_right.choosing())
        of_left = (left | on).all | self._presence(join.left)
        self._add_home(idents_of(join.left), of_left, id(join))
        return RowsDependence(number=(of_left | of_right).choosing())  # all rows of both sides

    def _conditions(self, conditions: Iterable[Scalar]) -> RowsDependence:
        """Conditions that compare public rows with a person's choose among the public rows."""
        total = RowsDependence()
        for condition in conditions:
            found = self._without_links(condition, self.of(condition))
            read = self._read_homes(condition)
            chosen = [homes for homes in self._lookups if read & homes and read - homes]
            for homes in chosen:
                self._add_home(homes, found, 0)
            if found.names <= YEAR.names:
                continue  # a condition on years alone tells of nobody
            # that an equality finds one written row at most is a rule of its own
            repeats = bool(chosen) and not (isinstance(condition, Call) and condition.op in {"equal", "equal_text"})
            total |= RowsDependence((condition,), found.choosing(), found.choosing() if repeats else NONE)
        return total

    def _without_links(self, condition: Scalar, found: Dependence) -> Dependence:
        """What a condition tells. Where keys lead through a table of keys alone to rows of another, whether there are
        such rows tells of both."""
        scans = [self._symbols.origins[i].scan for i in column_ids(condition) if i in self._symbols.origins]
        links = {scan for scan in scans if self._is_link(scan)}
        if len(scans) == 2 and len(links) == 1 and isinstance(condition, Call) and condition.op.startswith("equal"):
            return replace(found, present=frozenset(s for s in found.present if not self._is_link(s)))
        return found

    def _is_link(self, scan: int) -> bool:
        table = self._symbols.tables[scan]
        return {variable.name for variable in table.variables} <= {table.link_key, table.second_key}


def _top_operators(relation: ops.Relation) -> Iterator[ops.Relation]:
    """The operators whose rows are rows of the relation."""
    yield relation
    match relation:
        case ops.Filter(child=child) | ops.Project(child=child):
            yield from _top_operators(child)
        case ops.Join(left=left, right=right):
            yield from _top_operators(left)
            yield from _top_operators(right)
