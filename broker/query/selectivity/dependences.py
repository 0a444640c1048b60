"""What each column of a relation can tell about a person: an upper bound, through everything that computes it. Judges
nothing."""

from collections.abc import Callable, Iterable, Mapping
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
from broker.domain.plans.variable_uses import VariableClass
from broker.query.operations.registry import CASTS
from broker.query.selectivity.dependence import NONE, Dependence, RowsDependence, united
from broker.query.symbols import ColumnOrigin, SymbolTable

LINEAR = CASTS | {"add", "subtract", "multiply", "divide", "negate"}
"""Operations that tell no value of a variable apart."""
OF_VALUES = frozenset({"greatest", "least", "count_distinct"})
"""Aggregates of the values that there are, however often."""
OF_ONE_ROW = frozenset({"row_number", "lag", "lead", "first", "last"})
"""Window functions that find a row by an order; others tell what is equal in it."""


class Dependences:
    """The dependences of one relation's columns. A column that is no variable has those of its operator: the arguments,
    keys and orders. A column of an outer side, or of public rows, has those of all conditions that can choose its row
    besides."""

    def __init__(self, relation: ops.Relation, symbols: SymbolTable, given: frozenset[Scalar] = frozenset()) -> None:
        """`given`: keys that are the same for all rows of a cell, whatever its table."""
        self._symbols = symbols
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
        self._of_persons: set[int] = set()
        self._of_some_rows: set[int] = set()
        self._lookups = [_homes(part) for part in ops.walk(relation) if not _reads_persons(part, symbols)]
        before: object = None
        # what is above an operator can decide about columns below it
        while before != (self._own, self._homes, self._picked):
            before = dict(self._own), dict(self._homes), dict(self._picked)
            self._rows(relation)

    def of(self, scalar: Scalar) -> Dependence:
        match scalar:
            case ColumnRef(ident=ident):
                return self._of_column(ident)
        return self._computed(scalar, self.of)

    def of_condition(self, scalar: Scalar) -> Dependence:
        """The same, without whether a person has a row on an outer side, which the formulas of conditions know."""
        match scalar:
            case ColumnRef(ident=ident):
                return self._column(ident) | (NONE if self._is_of_person_rows(ident) else self.row_of(ident))
        return self._computed(scalar, self.of_condition)

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

    def _computed(self, scalar: Scalar, of: Callable[[Scalar], Dependence]) -> Dependence:
        found = united(map(of, parts_of(scalar)))
        return found.choosing() if _is_choice(scalar) else found

    def _column(self, ident: int) -> Dependence:
        symbols, found = self._symbols, self._own.get(ident, NONE)
        if ident in symbols.definitions:
            found |= self.of(symbols.definitions[ident])
        if ident in symbols.origins:
            origin = symbols.origins[ident]
            if symbols.is_person(origin.scan) and not origin.is_year and origin.key_domain is None:
                found |= Dependence(frozenset({(origin.table.full_name, origin.variable.name)}))
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

    def rows_of(self, relation: ops.Relation) -> RowsDependence:
        return self._known[id(relation)]

    def _rows(self, relation: ops.Relation) -> RowsDependence:
        around = self._inside
        self._enclosing[id(relation)] = around | {id(relation)}
        found = self._known[id(relation)] = self._rows_by(relation)
        self._inside = around
        return found

    def _rows_by(self, relation: ops.Relation) -> RowsDependence:
        match relation:
            case ops.Scan() | ops.Values():
                return RowsDependence()
            case ops.Union(parts=parts, columns=columns):
                return self._union([self._rows(part) for part in parts], columns)
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
                by = united(self.of(key) for _, key in keys if not self._is_of_person(key))
                # without a person's key there is a figure where no row is found
                around = rows.all if relation.person is None else NONE
                for ident, key in keys:
                    self._add(ident, self.of(key))
                for ident, call in calls:
                    number = NONE if call.op in OF_VALUES else rows.number
                    self._add(ident, by | around | number | self._of_call(call))
                if relation.person is not None and not by.names:
                    self._of_persons |= {ident for ident, _ in calls}
                    self._of_some_rows |= {ident for ident, call in calls if self._chooses_rows(call)}
                return replace(rows, number=by)
            case ops.Window(columns=windows):
                for window in windows:
                    by = united(map(self.of, window.partition))
                    picked = self._choices(window.order)
                    if window.function.op in OF_ONE_ROW:
                        by |= picked
                    else:
                        by |= united(self.of(scalar) for scalar, _ in window.order)
                    self._add(window.ident, by | rows.number | self._of_call(window.function))
                    if window.function.op == "row_number":
                        self._pick(relation, picked)
            case ops.Limit(order=order):
                self._pick(relation, self._choices(order))
        return rows

    def _choices(self, order: ops.SortKeys) -> Dependence:
        """Orders choose a person's row: by variables in turn, and by groups of the codes with which records are kept.
        Groups of any other variable are a condition on the row."""
        found = [self.of(scalar) for scalar, _ in order if not self.is_record_code(self._symbols.expanded(scalar))]
        return united(one for one in found if one.chooses)

    def _pick(self, operator: "ops.Window[ops.Relation] | ops.Limit[ops.Relation]", chosen: Dependence) -> None:
        for home in _homes(operator.child):
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
            # a code that chooses years would be a condition on other rows
            all(origin is not None and origin.is_year for origin in origins)
            or all(origin is not None and _is_of_records(origin) for origin in origins)
        )

    def _presence(self, relation: ops.Relation) -> Dependence:
        """Whether a person has rows in the tables of a relation."""
        symbols = self._symbols
        scans = {part.person or 0 for part in ops.walk(relation) if isinstance(part, ops.Scan)}
        return Dependence(
            present=frozenset(symbols.tables[scan].full_name for scan in scans if symbols.is_person(scan))
        )

    def _is_of_person(self, key: Scalar) -> bool:
        """Whether a key is the same in all rows of a person that a cell counts: one of its own keys, or a figure of the
        person."""
        if self._symbols.expanded(key) in self._given:
            return True
        match key:
            case ColumnRef(ident=ident) if ident in self._symbols.definitions:
                return self._is_of_person(self._symbols.definitions[ident])
            case ColumnRef(ident=ident):
                return ident in self._of_persons
        return False

    def _of_call(self, call: ops.AggregateCall) -> Dependence:
        """A sum of amounts, each with its own conditions, tells none of them apart. Whether rows meet a condition is
        one more variable, because the condition itself is judged by its size."""
        found = united(map(self.of, call.args))
        if len(found.names) > 1 and call.args and self._is_condition(call.args[0]):
            return Dependence(frozenset({("", repr(self.spelled(self._symbols.expanded(call.args[0]))))}), chooses=True)
        return replace(found, chooses=found.chooses and call.op != "sum")

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
                return self.is_of_row(case) and len(others) == 1 and self.is_variable(*others)
        return False

    def is_of_row(self, scalar: Scalar) -> bool:
        """Whether an expanded value is computed from variables of persons alone, so that it cannot tell a person's rows
        apart by anything else, such as their years."""
        symbols = self._symbols
        origins = [symbols.origins.get(ident) for ident in column_ids(scalar)]
        return all(o is not None and symbols.is_person(o.scan) and not o.is_year for o in origins)

    def _union(self, parts: list[RowsDependence], columns: tuple[tuple[int, tuple[int, ...]], ...]) -> RowsDependence:
        """If the parts have different conditions, each column tells from which of them a row is."""
        rows = RowsDependence()
        for part in parts:
            rows |= part
        apart = rows.found if any(part.conditions != parts[0].conditions for part in parts) else NONE
        for ident, own in columns:
            self._add(ident, apart | united(map(self._of_column, own)))
        return rows

    def _join(self, join: ops.Join[ops.Relation]) -> RowsDependence:
        if join.how in {ops.JoinHow.INNER, ops.JoinHow.CROSS}:
            left, right = self._rows(join.left), self._rows(join.right)
            on = self._conditions(conjuncts_of(join.on))
            return left | right | replace(on, number=on.found)
        if join.how is ops.JoinHow.LEFT:
            left = self._rows(join.left)
            self._inside |= {id(join)}
        else:
            self._inside |= {id(join)}
            left = self._rows(join.left)
        right = self._rows(join.right)
        on = self._conditions(conjuncts_of(join.on))
        of_right = (right | on).all | self._presence(join.right)
        self._add_home(_homes(join.right), of_right, id(join))
        if join.how is ops.JoinHow.LEFT:
            return replace(left, number=left.number | of_right.choosing())
        of_left = (left | on).all | self._presence(join.left)
        self._add_home(_homes(join.left), of_left, id(join))
        return RowsDependence(number=(of_left | of_right).choosing())  # all rows of both sides

    def _conditions(self, conditions: Iterable[Scalar]) -> RowsDependence:
        """Conditions that compare public rows with a person's choose among the public rows."""
        total = RowsDependence()
        for condition in conditions:
            found = self.of(condition)
            read = self._read_homes(condition)
            for homes in self._lookups:
                if read & homes and read - homes:
                    self._add_home(homes, found, 0)
            spelled = frozenset({self.spelled(self._symbols.expanded(condition))} if found.names else ())
            total |= RowsDependence(spelled, found.choosing())
        return total

    def _read_homes(self, scalar: Scalar) -> frozenset[int]:
        symbols = self._symbols
        match scalar:
            case ColumnRef(ident=ident):
                if ident in symbols.definitions:
                    return self._read_homes(symbols.definitions[ident]) | symbols.source_rows[ident].scans
                return frozenset({ident, symbols.origins[ident].scan} if ident in symbols.origins else {ident})
        return frozenset().union(*map(self._read_homes, parts_of(scalar)))

    def spelled(self, scalar: Scalar) -> object:
        """A condition without the tables that it reads."""
        match scalar:
            case ColumnRef():
                return self.of(scalar).names
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


def _is_choice(scalar: Scalar) -> bool:
    """Whether the top of a scalar tells values of what is in it apart."""
    return isinstance(scalar, Case) or scalar.op not in LINEAR if not isinstance(scalar, ColumnRef | Literal) else False


def _is_of_records(origin: ColumnOrigin) -> bool:
    """Whether a variable says what a record is for: its codes are standard or public, or order the main records."""
    variable = origin.variable
    coded = variable.type is ScalarType.FLAG or (variable.type is ScalarType.TEXT and variable.values is not None)
    in_order = variable.name in {record.variable for record in origin.table.main_record}
    return variable.cls in {VariableClass.STANDARD, VariableClass.PUBLIC} and (coded or in_order)


def _homes(relation: ops.Relation) -> frozenset[int]:
    """All columns that the operators of a relation make, and its scans and written rows."""
    return frozenset(ident for part in ops.walk(relation) for ident in ops.own_ids(part))


def _reads_persons(relation: ops.Relation, symbols: SymbolTable) -> bool:
    # During binding, every scan has a number.
    return any(isinstance(part, ops.Scan) and symbols.is_person(part.person or 0) for part in ops.walk(relation))
