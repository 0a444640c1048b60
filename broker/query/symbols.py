"""The symbol table that binding writes: ids, where each column comes from, how it is used."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal

from broker.domain.plans.plan import KEY_STATISTIC
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value, column_ids
from broker.domain.plans.variable_uses import Usage, VariableClass
from broker.policy.data_catalogue import CatalogueTable, TableKind, Variable
from broker.query.diagnostics import Position

MAX_WEIGHT = 10_000
"""The most parts that an expression may have with its derived columns written out."""

NEVER_SHOWN = frozenset({VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER})


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
        """Whether it tells who somebody is: it may be joined and counted, never shown or computed with."""
        return self.variable.cls in NEVER_SHOWN or self.key_domain is not None

    @property
    def is_year(self) -> bool:
        return self.table.year is not None and self.table.year.variable == self.variable.name


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The derived table that a column is computed in: its scans, and the id of its rows' person number."""

    scans: frozenset[int] = frozenset()
    person: int | None = None


@dataclass(frozen=True, slots=True)
class OpaqueColumn:
    """A column that cannot be written out on the rows it is read from: an aggregate, a window, a subquery's answer, or
    a column of a set operation.

    `base` are the catalogue columns that it tells of; `parts` the branches' columns of a set operation; `key_domain`
    where it is still a link key; `low`, `high` its bounds where they follow; `nullable` whether it can
    be NULL; `shared` whether other people are in it; `closed` whether
    it is a catalogue number, or made of one without conditions; `counts` whether it is a number of rows; `like` what it
    is one of the values of.
    """

    base: frozenset[int]
    source_rows: SourceRows = SourceRows()
    parts: tuple[Scalar, ...] = ()
    key_domain: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    decimals: int = 0
    nullable: bool = True
    shared: bool = False
    closed: bool = False
    counts: bool = False
    like: Scalar | None = None


@dataclass(slots=True)
class SymbolTable:
    """One for each output. `nullable` are the scans on an outer side of a join; `homes` say in which derived table a
    derived column is computed; `labels` what a column above the top γ is (a key, a measure)."""

    tables: dict[int, CatalogueTable] = field(default_factory=dict)
    origins: dict[int, ColumnOrigin] = field(default_factory=dict)
    definitions: dict[int, Scalar] = field(default_factory=dict)
    source_rows: dict[int, SourceRows] = field(default_factory=dict)
    opaque: dict[int, OpaqueColumn] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    catalogue_sources: dict[int, frozenset[int]] = field(default_factory=dict)
    """The catalogue columns behind a column above the top γ."""
    key_origins: dict[int, ColumnOrigin] = field(default_factory=dict)
    """Keys above the top γ that are a variable."""
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
    """How large derived and opaque columns can become (kept by `sizes`)."""
    written_rows: dict[int, tuple[tuple[Value, ...], ...]] = field(default_factory=dict)
    """Scans of tables that the project wrote itself, with their rows: no use of the catalogue."""

    def copy(self) -> "SymbolTable":
        """A book that goes on from here by itself."""
        copied = SymbolTable()
        for entry in fields(self):
            value = getattr(self, entry.name)
            setattr(copied, entry.name, value if isinstance(value, int) else value.copy())
        copied.usages = {ident: set(how) for ident, how in self.usages.items()}
        return copied

    def restore_from(self, saved: "SymbolTable") -> None:
        """Forgets what was written since `saved` was copied; whoever holds this book goes on with it."""
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

    def column(self, scan: int, variable: Variable) -> ColumnRef:
        """The column of a variable in a scan: always the same id."""
        ident = self._columns.get((scan, variable.name))
        if ident is None:
            ident = self._columns[scan, variable.name] = self.new_id()
            self.origins[ident] = ColumnOrigin(scan, self.tables[scan], variable)
            if not self.is_person(scan):
                self.labels[ident] = "public"
        return ColumnRef(ident, variable.type)

    def columns_of_scan(self, scan: int) -> Iterator[tuple[int, ColumnOrigin]]:
        return ((i, o) for i, o in self.origins.items() if o.scan == scan)

    def year_column(self, scan: int) -> int | None:
        """The id of the scan's year column, if the text names it."""
        year = self.tables[scan].year
        return self._columns.get((scan, year.variable)) if year else None

    def new_key(self, expression: Scalar) -> ColumnRef:
        """The column of a key above a γ; it is made of what its expression is made of."""
        ident = self.new_id()
        self.labels[ident] = KEY_STATISTIC
        origin = self.origin(expression)
        if origin is not None:
            self.key_origins[ident] = origin
        self.catalogue_sources[ident] = self.base(expression)
        return ColumnRef(ident, expression.type)

    def new_opaque(self, kind: ScalarType, opaque: OpaqueColumn) -> ColumnRef:
        """A new opaque column."""
        ident = self.new_id()
        self.opaque[ident] = opaque
        if opaque.low is not None and opaque.high is not None:
            self.sizes[ident] = max(abs(opaque.low), abs(opaque.high))
        return ColumnRef(ident, kind)

    def define(self, scalar: Scalar, source_rows: SourceRows = SourceRows()) -> int:
        ident = self.new_id()
        self.definitions[ident] = scalar
        self.source_rows[ident] = source_rows
        self._weights[ident] = self.weight(scalar)
        return ident

    def weight(self, scalar: Scalar) -> int:
        """How many parts a scalar has with every derived column written out; derived columns of derived columns
        can make it grow without end."""
        match scalar:
            case ColumnRef(ident=ident):
                return self._weights.get(ident, 1)
            case Literal():
                return 1
            case Call(args=args):
                return 1 + sum(self.weight(a) for a in args)
            case Case(whens=whens, otherwise=otherwise):
                return 1 + sum(self.weight(s) for pair in whens for s in pair) + self.weight(otherwise)

    def expanded(self, scalar: Scalar) -> Scalar:
        """A scalar with every derived column written out, so that nothing in it can hide behind a name."""
        match scalar:
            case ColumnRef(ident=ident) if ident in self.definitions:
                inner = self.expanded(self.definitions[ident])
                source_rows = self.source_rows[ident]
                if not source_rows.scans or not source_rows.scans <= self.nullable:
                    return inner
                return Case(((self._is_padded(scalar, source_rows), NULL),), inner, scalar.type)
            case Call(op=op, args=args, type=kind):
                return Call(op, tuple(self.expanded(a) for a in args), kind)
            case Case(whens=whens, otherwise=otherwise, type=kind):
                pairs = tuple((self.expanded(c), self.expanded(v)) for c, v in whens)
                return Case(pairs, self.expanded(otherwise), kind)
        return scalar

    def _is_padded(self, column: ColumnRef, source_rows: SourceRows) -> Scalar:
        """Whether an outer join found no row of the derived table: then its row has no person number."""
        tested = column if source_rows.person is None else ColumnRef(source_rows.person, ScalarType.INT)
        return Call("is_null", (tested,), ScalarType.TRUTH)

    def base(self, scalar: Scalar) -> frozenset[int]:
        """The catalogue columns that a scalar is made of, through every derived column."""
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

    def _revealing_columns(self, scalar: Scalar) -> frozenset[int]:
        """The columns of which a value tells something: not a link key that is only asked for, or met with another."""
        match scalar:
            case Call(op="is_null" | "equal", args=args) if all(
                isinstance(a, ColumnRef) and self.key_domain(a.ident) is not None for a in args
            ):
                return frozenset()
            case Call(args=args):
                return frozenset().union(*(self._revealing_columns(a) for a in args))
            case Case(whens=whens, otherwise=otherwise):
                parts = [s for pair in whens for s in pair] + [otherwise]
                return frozenset().union(*(self._revealing_columns(s) for s in parts))
        return column_ids(scalar)

    def key_domain(self, ident: int) -> str | None:
        """The domain of a link key, also of one that went through a set operation."""
        if ident in self.link_keys:
            return self.link_keys[ident]
        if ident in self.opaque:
            return self.opaque[ident].key_domain
        origin = self.origins.get(ident)
        return origin.key_domain if origin is not None else None

    def scans_of(self, ident: int) -> frozenset[int]:
        """The scans that a column is made from, where it stands."""
        if ident in self.opaque:
            return self.opaque[ident].source_rows.scans
        if ident in self.definitions:
            return self.source_rows[ident].scans
        return frozenset({self.origins[ident].scan}) if ident in self.origins else frozenset({ident})

    def is_shared(self, scalar: Scalar) -> bool:
        """Whether other people are in a value."""
        for ident in column_ids(scalar):
            if ident in self.opaque and self.opaque[ident].shared:
                return True
            if ident in self.definitions and self.is_shared(self.definitions[ident]):
                return True
        return False

    def record_use(self, scalar: Scalar, how: Usage, position: Position = (None, None)) -> None:
        """Every catalogue column behind a scalar is used in this way."""
        for ident in self.base(scalar):
            self.usages.setdefault(ident, set()).add(how)
            self.positions.setdefault(ident, position)

    def origin(self, scalar: Scalar) -> ColumnOrigin | None:
        """The variable that a scalar plainly is, if it is one."""
        if not isinstance(scalar, ColumnRef):
            return None
        return self.origins.get(scalar.ident) or self.key_origins.get(scalar.ident)

    def is_person(self, scan: int) -> bool:
        return self.tables[scan].kind is TableKind.PERSON
