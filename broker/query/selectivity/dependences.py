"""What each column of a relation can tell about a person: an upper bound, through everything that computes it. Judges
nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

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
    columns_in,
    conjuncts_of,
    parts_of,
)
from broker.query.selectivity.choices import OF_ONE_ROW, OF_VALUES, RANKS, has_choice, is_of_records
from broker.query.selectivity.dependence import CHOSEN_YEAR, NONE, YEAR, Dependence, RowsDependence, united
from broker.query.selectivity.relation_parts import columns_made, reads_persons, top_operators
from broker.query.symbols import SymbolTable


class Dependences:
    """The dependences of one relation's columns. A column that is no variable has those of its operator: the arguments,
    keys and orders. A column of an outer side, or of public rows, has those of all conditions that can choose its row
    besides."""

    def __init__(
        self, relation: ops.Relation, symbols: SymbolTable, given: frozenset[Scalar], of_years: frozenset[int]
    ) -> None:
        """`given`: keys that are the same for all rows of a cell, whatever its table. `of_years`: scans of several
        years."""
        self._symbols, self._of_years = symbols, of_years
        self._given = frozenset(map(symbols.expanded, given))
        self._own: dict[int, Dependence] = {}
        self._homes: dict[tuple[int, int], Dependence] = {}
        """By the number of a scan or written row, and an operator: what decides whether the operator finds a row of it,
        and which."""
        self._picked: dict[tuple[int, int], Dependence] = {}
        """By the same: the conditions of an order that picks a person's row."""
        self._inside = frozenset[int]()
        """The operators that what is read is below of: they decide nothing there."""
        self._enclosing: dict[int, frozenset[int]] = {}
        self._known: dict[int, RowsDependence] = {}
        self._chosen_years: set[tuple[int, int]] = set()
        """By the same: scans of which an order chooses a row of some year."""
        self._of_persons: set[int] = set()
        self._of_some_rows: set[int] = set()
        self._tops = {id(part) for part in top_operators(relation)}
        self._lookups = [columns_made(part) for part in ops.walk(relation) if not reads_persons(part, symbols)]
        before: object = None
        # what is above an operator can decide about columns below it
        while before != (self._own, self._homes, self._picked):
            before = dict(self._own), dict(self._homes), dict(self._picked)
            self._rows(relation)

    def of(self, scalar: Scalar) -> Dependence:
        return self._of_columns(scalar, self._of_column)

    def of_condition(self, scalar: Scalar) -> Dependence:
        """The same, without whether a person has a row on an outer side, which the formulas of conditions know."""
        return self._of_columns(
            scalar, lambda ident: self._column(ident) if self._is_of_person_rows(ident) else self._of_column(ident)
        )

    def _of_columns(self, scalar: Scalar, of: Callable[[int], Dependence]) -> Dependence:
        found = united(map(of, column_ids(scalar)))
        return found.choosing() if has_choice(scalar) else found

    def is_variable(self, scalar: Scalar) -> bool:
        """Whether a scalar is a variable of a person as it is; of an outer side, too."""
        match scalar:
            case Case(
                whens=((Call(op="is_null", args=(ColumnRef(ident=row),)), Literal(value=None)),),
                otherwise=ColumnRef(ident=ident) as column,
            ) if ident in self._symbols.origins and row == self._symbols.origins[ident].scan:
                return self.is_variable(column)
            case ColumnRef(ident=ident) if ident in self._symbols.origins and self._is_of_person_rows(ident):
                return not self._decided_by(self._picked, ident).names
        return False

    def _is_of_person_rows(self, ident: int) -> bool:
        origin = self._symbols.origins.get(ident)
        return self._symbols.is_person(ident if origin is None else origin.scan)

    def _column(self, ident: int) -> Dependence:
        symbols, found = self._symbols, self._own.get(ident, NONE)
        if ident in symbols.definitions:
            found |= self.of(symbols.definitions[ident])
        if ident in symbols.origins:
            origin = symbols.origins[ident]
            if origin.is_year:
                chosen = any(home == origin.scan and by not in self._inside for home, by in self._chosen_years)
                of_year = Dependence(frozenset({(origin.scan, CHOSEN_YEAR)})) if chosen else YEAR
                found |= of_year if origin.scan in self._of_years else NONE
            elif symbols.is_person(origin.scan) and origin.key_domain is None:
                found |= Dependence(frozenset({(origin.scan, origin.variable.name)}))
        is_value = ident in self._own or (ident in symbols.origins and symbols.origins[ident].key_domain is None)
        return found | (self._decided_by(self._picked, ident) if is_value else NONE)

    def _of_column(self, ident: int) -> Dependence:
        return self._column(ident) | self.row_of(ident)

    def of_own_rows(self, column: ColumnRef) -> Dependence:
        """The dependence of a column in the rows that there are."""
        definition = self._symbols.definitions.get(column.ident)
        if definition is None:
            return self._column(column.ident)
        return united(map(self.of_own_rows, columns_in(definition))) | replace(
            self.of(definition), variables=frozenset()
        )

    def row_of(self, ident: int) -> Dependence:
        """What decides whether a column's row is found on an outer side, or which of public rows it is."""
        return self._decided_by(self._homes, ident)

    def _decided_by(self, found: Mapping[tuple[int, int], Dependence], ident: int) -> Dependence:
        homes = self._homes_of(ident)
        return united(one for (home, by), one in found.items() if home in homes and by not in self._inside)

    def stand_below(self, operator: ops.Relation | None) -> None:
        """Read columns as an operator reads them; None: as they are above the whole relation."""
        self._inside = frozenset() if operator is None else self._enclosing[id(operator)]

    def _homes_of(self, ident: int) -> frozenset[int]:
        symbols = self._symbols
        if ident in symbols.origins:
            return frozenset({ident, symbols.origins[ident].scan})
        return frozenset({ident}) | (symbols.source_rows[ident].scans if ident in symbols.source_rows else frozenset())

    def tables_of(self, found: Dependence) -> frozenset[tuple[str, str]]:
        """The variables of a dependence and whether there are rows, by tables."""
        tables = self._symbols.tables
        named = {(tables[scan].full_name if scan in tables else "", name) for scan, name in found.variables}
        return frozenset(named | {(tables[scan].full_name, "") for scan in found.present})

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
                return rows | self._conditions(conjuncts_of(predicate))
            case ops.Project(columns=computed):
                for ident, scalar in computed:
                    self._add(ident, self.of(scalar))
            case ops.Aggregate(keys=keys, aggregates=calls):
                is_top = id(relation) in self._tops
                by = united(self.of(key) for _, key in keys if not self._is_of_person(key, is_top))
                # without a person's key there is a figure where no row is found
                around = rows.all if relation.person is None else NONE
                for ident, key in keys:
                    self._add(ident, self.of(key))
                for ident, call in calls:
                    own = self._of_call(call)
                    if own.names <= YEAR.names:  # it tells how many rows there are, or of which years
                        self._add(ident, by | rows.number | self._of_rows(relation.child, rows))
                    else:
                        self._add(ident, by | around | own | (NONE if call.op in OF_VALUES else rows.number))
                if relation.person is not None and not by.names:
                    self._of_persons |= {ident for ident, _ in calls}
                    self._of_some_rows |= {ident for ident, call in calls if self._chooses_rows(call)}
                return replace(rows, number=by)
            case ops.Window(columns=windows):
                for window in windows:
                    by = united(map(self.of, window.partition))
                    picked = self._choices(window.order)
                    if window.function.op in OF_ONE_ROW or window.shared:
                        by |= picked
                    else:
                        by |= united(self.of(scalar) for scalar, _ in window.order)
                    own = self._of_call(window.function)
                    if window.function.op not in RANKS and own.names <= YEAR.names:
                        own = self._of_rows(relation.child, rows)
                    self._add(window.ident, by | rows.number | own)
                    if window.function.op == "row_number":
                        self._pick(relation, picked, window.partition)
            case ops.Limit(order=order):
                self._pick(relation, self._choices(order), ())
        return rows

    def _of_rows(self, relation: ops.Relation, rows: RowsDependence) -> Dependence:
        """How many rows there are is one variable more, because the conditions on them are judged by their sizes."""
        scans = self._presence(relation).present
        scan = min(scans) if len(scans) == 1 else 0
        return Dependence(frozenset({(scan, f"rows where {sorted(map(repr, self._spelled_rows(rows)))}")}))

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
        for home in columns_made(operator.child):
            self._chosen_years |= set() if of_one_year else {(home, id(operator))}
            self._picked[home, id(operator)] = self._picked.get((home, id(operator)), NONE) | chosen

    def is_record_code(self, scalar: Scalar) -> bool:
        """Whether an expanded value is a variable, is computed from codes of records and years alone, or only puts
        missing ones to an end."""
        match scalar:
            case Case(whens=((Call(op="is_null", args=(column,)), Literal()),), otherwise=Literal()):
                return self.is_variable(column)
            case Call(op="coalesce", args=(column, Literal())):
                return self.is_variable(column)
        origins = [self._symbols.origins.get(ident) for ident in column_ids(scalar)]
        return self.is_variable(scalar) or (
            len(self.of(scalar).names) < 2
            and all(origin is not None and (origin.is_year or is_of_records(origin)) for origin in origins)
        )

    def _presence(self, *relations: ops.Relation) -> Dependence:
        """Whether a person has rows in the tables of relations."""
        symbols = self._symbols
        scans = {part.person or 0 for one in relations for part in ops.walk(one) if isinstance(part, ops.Scan)}
        return Dependence(present=frozenset(filter(symbols.is_person, scans)))

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
        found = united(map(self.of, call.args))
        if len(found.names) > 1 and call.args and self._is_condition(call.args[0]):
            name = repr((call.op, self.spelled(self._symbols.expanded(call.args[0]))))
            return Dependence(frozenset({(0, name)}), chooses=True)
        if call.op in {"greatest", "least"} and call.args and self._is_of_a_year(call.args[0]):
            found = replace(found, variables=found.variables - YEAR.variables)
        return found.added_up() if call.op == "sum" else found

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

    def is_of_some_rows(self, scalar: Scalar) -> bool:
        """Whether a value is the greatest or least of a variable in those rows of a person that meet conditions:
        `MAX(CASE WHEN … THEN variable END)`."""
        return isinstance(scalar, ColumnRef) and scalar.ident in self._of_some_rows

    def _chooses_rows(self, call: ops.AggregateCall) -> bool:
        match self._symbols.expanded(call.args[0]) if call.op in {"greatest", "least"} else NULL:
            case Case(values=values) as case:
                others = {value for value in values if value != NULL}
                of_row = all(self.is_of_row(condition) for condition, _ in case.whens)
                return of_row and len(others) == 1 and self.is_variable(*others)
        return False

    def is_of_row(self, scalar: Scalar) -> bool:
        """Whether an expanded value is computed from variables of persons alone, so that it cannot tell a person's rows
        apart by anything else, such as their years."""
        symbols = self._symbols
        origins = [symbols.origins.get(ident) for ident in column_ids(scalar)]
        return all(o is not None and symbols.is_person(o.scan) and not o.is_year for o in origins)

    def _union(self, union: "ops.Union[ops.Relation]") -> RowsDependence:
        """If the parts have different tables or conditions, each column tells from which of them a row is."""
        rows, parts = RowsDependence(), [self._rows(part) for part in union.parts]
        for part in parts:
            rows |= part
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
        if join.how is ops.JoinHow.LEFT:
            left = self._rows(join.left)
            self._inside |= {id(join)}
        else:
            self._inside |= {id(join)}
            left = self._rows(join.left)
        right = self._rows(join.right)
        on = self._conditions(conjuncts_of(join.on))
        of_right = (right | on).all | self._presence(join.right)
        self._add_home(columns_made(join.right), of_right, id(join))
        if join.how is ops.JoinHow.LEFT:
            return replace(left, number=left.number | of_right.choosing())
        of_left = (left | on).all | self._presence(join.left)
        self._add_home(columns_made(join.left), of_left, id(join))
        return RowsDependence(number=(of_left | of_right).choosing())  # all rows of both sides

    def _conditions(self, conditions: Iterable[Scalar]) -> RowsDependence:
        """Conditions that compare public rows with a person's choose among the public rows."""
        total = RowsDependence()
        for condition in conditions:
            found = self.of(condition)
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

    def _read_homes(self, scalar: Scalar) -> frozenset[int]:
        symbols = self._symbols
        match scalar:
            case ColumnRef(ident=ident):
                if ident in symbols.definitions:
                    return self._read_homes(symbols.definitions[ident]) | symbols.source_rows[ident].scans
                return frozenset({ident, symbols.origins[ident].scan} if ident in symbols.origins else {ident})
        return frozenset().union(*map(self._read_homes, parts_of(scalar)))

    def conditions_of(self, relation: ops.Relation) -> frozenset[object]:
        """The tables and conditions of a relation's rows."""
        return self._spelled_rows(self._known[id(relation)])

    def _spelled_rows(self, rows: RowsDependence) -> frozenset[object]:
        return frozenset(
            one if isinstance(one, str) else self.spelled(self._symbols.expanded(one)) for one in rows.conditions
        )

    def spelled(self, scalar: Scalar) -> object:
        """A condition without the tables that it reads."""
        match scalar:
            case ColumnRef(ident=ident):
                found = self.of(scalar)
                return (self.tables_of(found), self.of(scalar).names) if ident in self._symbols.origins else ident
            case Literal(value=value):
                return value
            case Case():
                return tuple(map(self.spelled, parts_of(scalar)))
        return (scalar.op, *map(self.spelled, scalar.args))

    def _add(self, ident: int, found: Dependence) -> None:
        self._own[ident] = self._own.get(ident, NONE) | found

    def _add_home(self, homes: Iterable[int], found: Dependence, operator: int) -> None:
        """`operator`: 0 if it decides everywhere."""
        for home in homes:
            self._homes[home, operator] = self._homes.get((home, operator), NONE) | found
