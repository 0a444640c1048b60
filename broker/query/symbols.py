"""The symbol table that the binder fills: ids, the origin of each column, and how it is used."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans import scalars
from broker.domain.plans.plan import KEY_STATISTIC
from broker.domain.plans.variable_uses import IDENTIFIERS, Usage, VariableClass
from broker.policy.data_catalogue import CatalogueTable, TableKind, Variable
from broker.query.diagnostics import BindError, Position

MAX_WEIGHT = 10_000
"""Most parts of an expression with its derived columns expanded."""


@dataclass(frozen=True, slots=True)
class ColumnOrigin:
    """The catalogue variable behind a column, and the scan that reads it."""

    scan: int
    table: CatalogueTable
    variable: Variable

    @property
    def full_name(self) -> str:
        return f"{self.table.full_name}.{self.variable.name}"

    @property
    def key_domain(self) -> str | None:
        return self.table.domain_of_key(self.variable.name)

    @property
    def is_hidden(self) -> bool:
        """Whether the column identifies a person. Such a column may be joined and counted, but never shown or computed
        with."""
        return self.variable.cls in IDENTIFIERS or self.key_domain is not None

    @property
    def is_year(self) -> bool:
        return self.table.year is not None and self.table.year.variable == self.variable.name


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The rows in which a column is computed: the scans and written rows of its derived table, and the id of the person
    number. Without any, it is computed in the rows that read it."""

    scans: frozenset[int] = frozenset()
    person: int | None = None


@dataclass(frozen=True, slots=True)
class OpaqueColumn:
    """A column that cannot be expanded on the rows that read it: an aggregate, a window, the result of a subquery, or a
    column of a set operation.

    `base`: catalogue columns that it reveals something about. `parts`: columns of the branches of a set operation.
    `key_domain`: set if it is still a link key. `low`, `high`: its bounds, if known. `nullable`: it can be NULL.
    `shared`: it depends on other people. `closed`: it is a catalogue number, or is computed from one without
    conditions. `counts`: it is a number of rows. `like`: the scalar whose values include its values, and also
    NULL if it `may_be_empty`: where it is computed from no row. `made_of`: the arguments of the function that makes
    it, if it reads nothing else of its rows."""

    base: frozenset[int]
    source_rows: SourceRows = SourceRows()
    parts: tuple[scalars.Scalar, ...] = ()
    key_domain: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    decimals: int = 0
    nullable: bool = True
    shared: bool = False
    closed: bool = False
    counts: bool = False
    like: scalars.Scalar | None = None
    may_be_empty: bool = False
    made_of: tuple[scalars.Scalar, ...] = ()


@dataclass(slots=True)
class SymbolTable:
    """The symbol table of one output. `nullable`: scans and written rows on an outer side of a join. `source_rows`: the
    derived table in which a derived column is computed. `labels`: what a column above the top aggregation is (a key, a
    measure)."""

    tables: dict[int, CatalogueTable] = field(default_factory=dict)
    origins: dict[int, ColumnOrigin] = field(default_factory=dict)
    definitions: dict[int, scalars.Scalar] = field(default_factory=dict)
    source_rows: dict[int, SourceRows] = field(default_factory=dict)
    opaque: dict[int, OpaqueColumn] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    catalogue_sources: dict[int, frozenset[int]] = field(default_factory=dict)
    """Catalogue columns behind a column above the top aggregation."""
    key_origins: dict[int, ColumnOrigin] = field(default_factory=dict)
    """Keys above the top aggregation that are plain variables."""
    link_keys: dict[int, str] = field(default_factory=dict)
    """Derived columns that are still link keys, with their domain."""
    nullable: set[int] = field(default_factory=set)
    usages: dict[int, set[Usage]] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    table_positions: dict[int, Position] = field(default_factory=dict)
    _columns: dict[tuple[int, str], int] = field(default_factory=dict)
    _next: int = 0
    _weights: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, Decimal] = field(default_factory=dict)
    """Upper bounds of the magnitude of derived and opaque columns."""
    written_rows: dict[int, tuple[tuple[scalars.Value, ...], ...]] = field(default_factory=dict)
    """Scans of tables that the project wrote itself, with their rows. They are no use of the catalogue."""

    def copy(self) -> "SymbolTable":
        """Return an independent copy."""
        copied = SymbolTable()
        for entry in fields(self):
            value = getattr(self, entry.name)
            setattr(copied, entry.name, value if isinstance(value, int) else value.copy())
        # sets inside a dictionary need copies of their own
        copied.usages = {ident: set(how) for ident, how in self.usages.items()}
        return copied

    def restore_from(self, saved: "SymbolTable") -> None:
        """Reset this table to the state of the copy `saved`. References to this object stay valid."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(saved, entry.name))

    def new_id(self) -> int:
        self._next += 1
        return self._next

    def new_scan(self, table: CatalogueTable, position: Position) -> int:
        ident = self.new_id()
        self.tables[ident] = table
        self.table_positions[ident] = position
        return ident

    def column(self, scan: int, variable: Variable) -> scalars.ColumnRef:
        """Column of a variable in a scan. The same variable always has the same id."""
        ident = self._columns.get((scan, variable.name))
        if ident is None:
            ident = self._columns[scan, variable.name] = self.new_id()
            self.origins[ident] = ColumnOrigin(scan, self.tables[scan], variable)
            if not self.is_person(scan):
                self.labels[ident] = "public"
        return scalars.ColumnRef(ident, variable.type)

    def columns_of_scan(self, scan: int) -> Iterator[tuple[int, ColumnOrigin]]:
        return ((i, o) for i, o in self.origins.items() if o.scan == scan)

    def year_column(self, scan: int) -> int | None:
        """Id of the scan's year column; None if the text does not name it."""
        year = self.tables[scan].year
        return self._columns.get((scan, year.variable)) if year else None

    def new_key(self, expression: scalars.Scalar) -> scalars.ColumnRef:
        """Add the column of a key above an aggregation, with the catalogue columns of its expression."""
        ident = self.new_id()
        self.labels[ident] = KEY_STATISTIC
        origin = self.origin(expression)
        if origin is not None:
            self.key_origins[ident] = origin
        self.catalogue_sources[ident] = self.base(expression)
        return scalars.ColumnRef(ident, expression.type)

    def new_opaque(self, kind: scalars.ScalarType, opaque: OpaqueColumn) -> scalars.ColumnRef:
        """Add an opaque column."""
        ident = self.new_id()
        self.opaque[ident] = opaque
        if opaque.low is not None and opaque.high is not None:
            self.sizes[ident] = max(abs(opaque.low), abs(opaque.high))
        return scalars.ColumnRef(ident, kind)

    def define(self, scalar: scalars.Scalar, source_rows: SourceRows = SourceRows()) -> int:
        ident = self.new_id()
        self.definitions[ident] = scalar
        self.source_rows[ident] = source_rows
        self._weights[ident] = self.weight(scalar)  # stored, so that nested definitions are not counted again
        return ident

    def weight(self, scalar: scalars.Scalar) -> int:
        """Number of parts of a scalar with every derived column expanded. Derived columns of derived columns can make
        it grow without limit."""
        match scalar:
            case scalars.ColumnRef(ident=ident):
                return self._weights.get(ident, 1)
        return 1 + sum(map(self.weight, scalars.parts_of(scalar)))

    def check_weight(self, scalar: scalars.Scalar, node: exp.Expr) -> None:
        """Raise BindError for an expression that its derived columns make too large."""
        if self.weight(scalar) > MAX_WEIGHT:
            message = "The expression is too large once its derived columns are written out."
            raise BindError("too-deep", message, "Use fewer derived columns.", node)

    def expanded(self, scalar: scalars.Scalar) -> scalars.Scalar:
        """A scalar with every derived column expanded, so that no name hides anything in it."""
        match scalar:
            case scalars.ColumnRef(ident=ident) if ident in self.definitions:
                inner = self.expanded(self.definitions[ident])
                source_rows = self.source_rows[ident]
                if not self.is_outer(source_rows):
                    return inner
                # on a padded row the derived column is NULL, whatever its definition gives
                return scalars.Case(((self._is_padded(scalar, source_rows), scalars.NULL),), inner, scalar.type)
        return scalars.with_parts(scalar, self.expanded)

    def is_outer(self, source_rows: SourceRows) -> bool:
        """Whether an outer join can find none of these rows. Whatever is computed in them is NULL then."""
        return bool(source_rows.scans) and source_rows.scans <= self.nullable

    def _is_padded(self, column: scalars.ColumnRef, source_rows: SourceRows) -> scalars.Scalar:
        """Condition that an outer join found no row of the derived table: its row then has no person number."""
        tested = column if source_rows.person is None else scalars.ColumnRef(source_rows.person, scalars.ScalarType.INT)
        return scalars.truth_call("is_null", tested)

    def base(self, scalar: scalars.Scalar) -> frozenset[int]:
        """Catalogue columns that a scalar is computed from, through every derived column."""
        found: set[int] = set()
        for ident in self._revealing_columns(scalar):
            if ident in self.definitions:
                found |= self.base(self.definitions[ident])
            elif ident in self.opaque:
                found |= self.opaque[ident].base
            elif ident in self.catalogue_sources:
                found |= self.catalogue_sources[ident]
            elif ident in self.origins:
                found.add(ident)
        return frozenset(found)

    def _revealing_columns(self, scalar: scalars.Scalar) -> frozenset[int]:
        """Columns whose values a scalar reveals something about. A link key that is only tested for presence or
        compared with another is excluded."""
        match scalar:
            case scalars.Call(op="is_null" | "equal", args=args) if all(
                isinstance(a, scalars.ColumnRef) and self.key_domain(a.ident) is not None for a in args
            ):
                return frozenset()
            case scalars.ColumnRef(ident=ident):
                return frozenset({ident})
        return frozenset().union(*map(self._revealing_columns, scalars.parts_of(scalar)))

    def key_domain(self, ident: int) -> str | None:
        """Domain of a link key, including one that passed through a set operation; None for other columns."""
        if ident in self.link_keys:
            return self.link_keys[ident]
        if ident in self.opaque:
            return self.opaque[ident].key_domain
        origin = self.origins.get(ident)
        return origin.key_domain if origin is not None else None

    def scans_of(self, ident: int) -> frozenset[int]:
        """Scans from which a column is computed, at the level of the column."""
        if ident in self.opaque:
            return self.opaque[ident].source_rows.scans
        if ident in self.definitions:
            return self.source_rows[ident].scans
        # any other id is the number of a scan
        return frozenset({self.origins[ident].scan}) if ident in self.origins else frozenset({ident})

    def is_shared(self, scalar: scalars.Scalar) -> bool:
        """Whether a value depends on other people."""
        for ident in scalars.column_ids(scalar):
            if ident in self.opaque and self.opaque[ident].shared:
                return True
            if ident in self.definitions and self.is_shared(self.definitions[ident]):
                return True
        return False

    def record_use(
        self, scalar: scalars.Scalar, how: Usage, position: Position = (None, None), banded: bool = False
    ) -> None:
        """Record that every catalogue column behind a scalar is used in this way. `banded`: a quasi-identifier only in
        coarse bands, which are ranges that a filter may have too."""
        for ident in self.base(scalar):
            is_band = banded and self.origins[ident].variable.cls is VariableClass.QUASI
            self.usages.setdefault(ident, set()).add(Usage.FILTERED if is_band else how)
            self.positions.setdefault(ident, position)

    def origin(self, scalar: scalars.Scalar) -> ColumnOrigin | None:
        """The variable that a scalar is, unchanged; None for anything else."""
        if not isinstance(scalar, scalars.ColumnRef):
            return None
        return self.origins.get(scalar.ident) or self.key_origins.get(scalar.ident)

    def is_person(self, scan: int) -> bool:
        """Whether a scan is of persons. A written row is not."""
        return scan in self.tables and self.tables[scan].kind is TableKind.PERSON
