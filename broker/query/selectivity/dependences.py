"""What each column of a relation can tell about a person: an upper bound, through everything that computes it. Judges
nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Case, ColumnRef, Literal, Scalar, column_ids, conjuncts_of, parts_of
from broker.query.operations.registry import CASTS
from broker.query.symbols import SymbolTable

Names = frozenset[str]
"""Variables by name: those of several years and tables are one. Years and link keys are none."""
LINEAR = CASTS | {"add", "subtract", "multiply", "divide", "negate"}
"""Operations that tell no value of a variable apart."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The variables that decide a value or the rows of a person. `chooses`: one of them is told apart on the way, by a
    condition, a greatest value or the like, and not only added up."""

    variables: Names = frozenset()
    chooses: bool = False

    def __or__(self, other: "Dependence") -> "Dependence":
        return Dependence(self.variables | other.variables, self.chooses or other.chooses)


NONE = Dependence()


@dataclass(frozen=True, slots=True)
class RowsDependence:
    """What decides which rows of a person there are: the conditions, each as it would be written for any year."""

    conditions: frozenset[object] = frozenset()
    found: Dependence = NONE

    def __or__(self, other: "RowsDependence") -> "RowsDependence":
        return RowsDependence(self.conditions | other.conditions, self.found | other.found)


def united(found: Iterable[Dependence]) -> Dependence:
    total = NONE
    for one in found:
        total |= one
    return total


class Dependences:
    """The dependences of one relation's columns. A column that is no variable has those of its operator: the arguments,
    keys and orders. A column of an outer side, or of public rows, has those of all conditions that can choose its row
    besides."""

    def __init__(self, relation: ops.Relation, symbols: SymbolTable) -> None:
        self._symbols = symbols
        self._own: dict[int, Dependence] = {}
        self._homes: dict[int, Dependence] = {}
        """By the number of a scan or written row: what decides whether a row of it is found, and which."""
        self._of_persons: set[int] = set()
        self._lookups = [_homes(part) for part in ops.walk(relation) if not _reads_persons(part, symbols)]
        before: object = None
        while before != (self._own, self._homes):  # what is above an operator can decide about columns below it
            before = dict(self._own), dict(self._homes)
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
        """Whether a scalar is a variable of a person as it is, of an outer side too."""
        return (
            isinstance(scalar, ColumnRef)
            and scalar.ident in self._symbols.origins
            and self._is_of_person_rows(scalar.ident)
        )

    def _is_of_person_rows(self, ident: int) -> bool:
        origin = self._symbols.origins.get(ident)
        return self._symbols.is_person(ident if origin is None else origin.scan)

    def _computed(self, scalar: Scalar, of: Callable[[Scalar], Dependence]) -> Dependence:
        found = united(map(of, parts_of(scalar)))
        return Dependence(found.variables, found.chooses or (bool(found.variables) and _is_choice(scalar)))

    def _column(self, ident: int) -> Dependence:
        symbols, found = self._symbols, self._own.get(ident, NONE)
        if ident in symbols.definitions:
            found |= self.of(symbols.definitions[ident])
        if ident in symbols.origins:
            origin = symbols.origins[ident]
            if symbols.is_person(origin.scan) and not origin.is_year and origin.key_domain is None:
                found |= Dependence(frozenset({origin.variable.name}))
        return found

    def _of_column(self, ident: int) -> Dependence:
        return self._column(ident) | self.row_of(ident)

    def row_of(self, ident: int) -> Dependence:
        """What decides whether a column's row is found on an outer side, or which of public rows it is."""
        symbols, homes = self._symbols, {ident}
        if ident in symbols.origins:
            homes.add(symbols.origins[ident].scan)
        elif ident in symbols.source_rows:
            homes |= symbols.source_rows[ident].scans
        return united(self._homes.get(home, NONE) for home in homes)

    def rows_of(self, relation: ops.Relation) -> RowsDependence:
        return self._rows(relation)

    def _rows(self, relation: ops.Relation) -> RowsDependence:
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
                self._add(ident, Dependence((inner.found | value).variables, chooses=True))
                return rows
        rows = self._rows(relation.child)
        match relation:
            case ops.Filter(predicate=predicate):
                return rows | self._conditions(conjuncts_of(predicate))
            case ops.Project(columns=computed):
                for ident, scalar in computed:
                    self._add(ident, self.of(scalar))
            case ops.Aggregate(keys=keys, aggregates=calls):
                by = united(self.of(key) for _, key in keys if not self._is_of_person(key))
                # groups of several persons exist for those of their keys who have rows
                by |= rows.found if relation.person is None and relation.counted is not None else NONE
                for ident, key in keys:
                    self._add(ident, self.of(key))
                for ident, call in calls:
                    self._add(ident, by | self._of_call(call))
                if relation.person is not None and not by.variables:
                    self._of_persons |= {ident for ident, _ in calls}
            case ops.Window(columns=windows):
                for window in windows:
                    by = united(map(self.of, window.partition))
                    self._add(window.ident, by | self._of_call(window.function))
        return rows

    def _is_of_person(self, key: Scalar) -> bool:
        """Whether a key is the same in all rows of a person: a figure of theirs."""
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
        if len(found.variables) > 1 and len(call.args) == 1 and self._is_condition(call.args[0]):
            return Dependence(frozenset({repr(self._spelled(call.args[0]))}), chooses=True)
        return Dependence(found.variables, found.chooses and call.op != "sum")

    def _is_condition(self, scalar: Scalar) -> bool:
        """Whether a value is a choice of constants."""
        match self._symbols.expanded(scalar):
            case Case(values=values):
                return all(isinstance(value, Literal) for value in values)
        return False

    def is_of_row(self, scalar: Scalar) -> bool:
        """Whether an expanded value is computed from variables of persons alone, so that it cannot tell a person's rows
        apart by anything else, such as their years."""
        symbols = self._symbols
        origins = [symbols.origins.get(ident) for ident in column_ids(scalar)]
        return all(origin is not None and not origin.is_year for origin in origins)

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
        left, right = self._rows(join.left), self._rows(join.right)
        on = self._conditions(conjuncts_of(join.on))
        if join.how in {ops.JoinHow.INNER, ops.JoinHow.CROSS}:
            return left | right | on
        self._add_home(_homes(join.right), (right | on).found)
        if join.how is ops.JoinHow.LEFT:
            return left
        self._add_home(_homes(join.left), (left | on).found)
        return RowsDependence()  # a full join has all rows of both sides

    def _conditions(self, conditions: Iterable[Scalar]) -> RowsDependence:
        """Conditions that compare public rows with a person's choose among the public rows."""
        total = RowsDependence()
        for condition in conditions:
            found = self.of(condition)
            read = self._read_homes(condition)
            for homes in self._lookups:
                if read & homes and read - homes:
                    self._add_home(homes, found)
            spelled = frozenset({self._spelled(condition)} if found.variables else ())
            total |= RowsDependence(spelled, Dependence(found.variables, chooses=bool(found.variables)))
        return total

    def _read_homes(self, scalar: Scalar) -> frozenset[int]:
        symbols = self._symbols
        match scalar:
            case ColumnRef(ident=ident):
                if ident in symbols.definitions:
                    return self._read_homes(symbols.definitions[ident]) | symbols.source_rows[ident].scans
                return frozenset({ident, symbols.origins[ident].scan} if ident in symbols.origins else {ident})
        return frozenset().union(*map(self._read_homes, parts_of(scalar)))

    def _spelled(self, scalar: Scalar) -> object:
        """A condition without the tables that it reads."""
        match scalar:
            case ColumnRef():
                return self.of(scalar).variables
            case Literal(value=value):
                return value
            case Case():
                return tuple(map(self._spelled, parts_of(scalar)))
        return (scalar.op, *map(self._spelled, scalar.args))

    def _add(self, ident: int, found: Dependence) -> None:
        self._own[ident] = self._own.get(ident, NONE) | found

    def _add_home(self, homes: Iterable[int], found: Dependence) -> None:
        for home in homes:
            self._homes[home] = self._homes.get(home, NONE) | found


def _is_choice(scalar: Scalar) -> bool:
    """Whether the top of a scalar tells values of what is in it apart."""
    return isinstance(scalar, Case) or scalar.op not in LINEAR if not isinstance(scalar, ColumnRef | Literal) else False


def _homes(relation: ops.Relation) -> frozenset[int]:
    """All columns that the operators of a relation make, and its scans and written rows."""
    return frozenset(ident for part in ops.walk(relation) for ident in ops.own_ids(part))


def _reads_persons(relation: ops.Relation, symbols: SymbolTable) -> bool:
    # During binding, every scan has a number.
    return any(isinstance(part, ops.Scan) and symbols.is_person(part.person or 0) for part in ops.walk(relation))
