"""What each column of a relation can tell about a person, once the operators have been read: the columns, whether their
rows are found, and the rows' conditions. Judges nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, column_ids, columns_in, parts_of
from broker.query.selectivity.choices import has_choice, is_of_records
from broker.query.selectivity.dependence import CHOSEN_YEAR, NONE, YEAR, Dependence, RowsDependence, united
from broker.query.symbols import SymbolTable


class ColumnDependences:
    """A column that is no variable has the dependences of its operator: the arguments, keys and orders. A column of an
    outer side, or of public rows, has those of all conditions that can choose its row besides."""

    def __init__(self, symbols: SymbolTable, of_years: frozenset[int]) -> None:
        """`of_years`: scans of several years."""
        self._symbols, self._of_years = symbols, of_years
        self._own: dict[int, Dependence] = {}
        self._homes: defaultdict[tuple[int, int], Dependence] = defaultdict(Dependence)
        """By the number of a scan or written row, and an operator: what decides whether the operator finds a row of it,
        and which."""
        self._picked: defaultdict[tuple[int, int], Dependence] = defaultdict(Dependence)
        """By the same: the conditions of an order that picks a person's row."""
        self._inside = frozenset[int]()
        """The operators that what is read is below of: they decide nothing there."""
        self._enclosing: dict[int, frozenset[int]] = {}
        self._known: dict[int, RowsDependence] = {}
        self._chosen_years: set[tuple[int, int]] = set()
        """By the same: scans of which an order chooses a row of some year."""
        self._of_persons: set[int] = set()
        self._extremes: set[int] = set()
        """Windows with the greatest or least value of a person's rows."""
        self._of_some_rows: dict[int, Scalar] = {}
        """Figures of some rows of a person, with the variable that they are of."""

    def of(self, scalar: Scalar) -> Dependence:
        return self._of_columns(scalar, self._of_column)

    def of_condition(self, scalar: Scalar) -> Dependence:
        """The same, without whether a person has a row on an outer side, which the formulas of conditions know."""
        return self._of_columns(scalar, self._of_tested)

    def _of_tested(self, ident: int) -> Dependence:
        opaque = self._symbols.opaque.get(ident)
        of_persons = opaque is not None and all(map(self._symbols.is_person, opaque.source_rows.scans))
        if not (of_persons or self._is_of_person_rows(ident)):
            return self._of_column(ident)
        # of other tables of the outer side, the formulas know only the conditions
        return self._column(ident) | Dependence(present=self.row_of(ident).present - self._homes_of(ident))

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

    def _read_homes(self, scalar: Scalar) -> frozenset[int]:
        symbols = self._symbols
        match scalar:
            case ColumnRef(ident=ident):
                if ident in symbols.definitions:
                    return self._read_homes(symbols.definitions[ident]) | symbols.source_rows[ident].scans
                return frozenset({ident, symbols.origins[ident].scan} if ident in symbols.origins else {ident})
        return frozenset().union(*map(self._read_homes, parts_of(scalar)))

    def tables_of(self, found: Dependence) -> frozenset[tuple[str, str]]:
        """The variables of a dependence and whether there are rows, by tables."""
        tables = self._symbols.tables
        named = {(tables[scan].full_name if scan in tables else "", name) for scan, name in found.variables}
        return frozenset(named | {(tables[scan].full_name, "") for scan in found.present})

    def reads_several_rows(self, scalar: Scalar) -> bool:
        """Whether a value is computed from one variable in several rows of a person: of two years, say."""
        read = [] if isinstance(scalar, ColumnRef) else [name for scan, name in self.of(scalar).variables if scan]
        return len(set(read)) < len(read)

    def is_record_code(self, scalar: Scalar) -> bool:
        """Whether an expanded value is a variable, is computed from codes of records and years alone, or only puts
        missing ones to an end. Of an outer side, whether there is a row is a condition."""
        if self.is_variable(scalar):
            return True
        if any(self.row_of(ident).names for ident in column_ids(scalar) if self._is_of_person_rows(ident)):
            return False
        match scalar:
            case Case(whens=((Call(op="is_null", args=(column,)), Literal()),), otherwise=Literal()):
                return self.is_variable(column)
            case Call(op="coalesce", args=(column, Literal())):
                return self.is_variable(column)
        origins = [self._symbols.origins.get(ident) for ident in column_ids(scalar)]
        are_codes = all(origin is not None and (origin.is_year or is_of_records(origin)) for origin in origins)
        return are_codes and len(self.of(scalar).names) < 2

    def is_of_some_rows(self, scalar: Scalar) -> bool:
        """Whether a value is the greatest or least of a variable in those rows of a person that meet conditions:
        `MAX(CASE WHEN … THEN variable END)`. The variable is never missing, or those without it were put together with
        those who have no such row."""
        if not isinstance(scalar, ColumnRef) or scalar.ident not in self._of_some_rows:
            return False
        of = self._of_some_rows[scalar.ident]
        assert isinstance(of, ColumnRef)
        return not (self._symbols.origins[of.ident].variable.missing or self.row_of(of.ident).names)

    def is_of_row(self, scalar: Scalar) -> bool:
        """Whether an expanded value is computed from variables of persons alone, so that it cannot tell a person's rows
        apart by anything else, such as their years."""
        symbols = self._symbols
        origins = [symbols.origins.get(ident) for ident in column_ids(scalar)]
        return all(o is not None and symbols.is_person(o.scan) and not o.is_year for o in origins)

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
            self._homes[home, operator] |= found
