"""The book that binding writes: ids, where each column comes from, how it is used. No syntax, no rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type, columns_of
from broker.domain.variables import How, VariableClass
from broker.policy.models import Table, TableKind, Variable
from broker.query.refusing import Place

HEAVIEST = 10_000
"""The most parts that an expression may have with its derived columns written out."""

NEVER_SHOWN = frozenset({VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER})


@dataclass(frozen=True, slots=True)
class Origin:
    """The catalogue variable behind a column, and the scan that reads it."""

    scan: int
    table: Table
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


@dataclass(slots=True)
class Book:
    """One for each compiled text. `nullable` are the scans on an outer side of a join; `homes` the scans of the derived
    table that a derived column is computed in."""

    tables: dict[int, Table] = field(default_factory=dict)
    origins: dict[int, Origin] = field(default_factory=dict)
    definitions: dict[int, Scalar] = field(default_factory=dict)
    homes: dict[int, frozenset[int]] = field(default_factory=dict)
    nullable: set[int] = field(default_factory=set)
    how: dict[int, set[How]] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    table_places: dict[int, Place] = field(default_factory=dict)
    _columns: dict[tuple[int, str], int] = field(default_factory=dict)
    _next: int = 0
    _weights: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, Decimal] = field(default_factory=dict)
    """How large derived columns can become (kept by `sizes`)."""

    def new_id(self) -> int:
        self._next += 1
        return self._next

    def new_scan(self, table: Table, place: Place) -> int:
        ident = self.new_id()
        self.tables[ident] = table
        self.table_places[ident] = place
        return ident

    def column(self, scan: int, variable: Variable) -> Column:
        """The column of a variable in a scan: always the same id."""
        ident = self._columns.get((scan, variable.name))
        if ident is None:
            ident = self._columns[scan, variable.name] = self.new_id()
            self.origins[ident] = Origin(scan, self.tables[scan], variable)
        return Column(ident, variable.type)

    def columns_of_scan(self, scan: int) -> Iterator[tuple[int, Origin]]:
        return ((i, o) for i, o in self.origins.items() if o.scan == scan)

    def year_column(self, scan: int) -> int | None:
        """The id of the scan's year column, if the text names it."""
        year = self.tables[scan].year
        return self._columns.get((scan, year.variable)) if year else None

    def define(self, scalar: Scalar, home: frozenset[int] = frozenset()) -> int:
        ident = self.new_id()
        self.definitions[ident] = scalar
        self.homes[ident] = home
        self._weights[ident] = self.weight(scalar)
        return ident

    def weight(self, scalar: Scalar) -> int:
        """How many parts a scalar has with every derived column written out; derived columns of derived columns
        can make it grow without end."""
        match scalar:
            case Column(ident=ident):
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
            case Column(ident=ident) if ident in self.definitions:
                inner = self.expanded(self.definitions[ident])
                home = self.homes[ident]
                if not home or not home <= self.nullable:
                    return inner
                return Case(((self._is_padded(scalar, home), NULL),), inner, scalar.type)
            case Call(op=op, args=args, type=kind):
                return Call(op, tuple(self.expanded(a) for a in args), kind)
            case Case(whens=whens, otherwise=otherwise, type=kind):
                pairs = tuple((self.expanded(c), self.expanded(v)) for c, v in whens)
                return Case(pairs, self.expanded(otherwise), kind)
        return scalar

    def _is_padded(self, column: Column, home: frozenset[int]) -> Scalar:
        """Whether an outer join found no row of the derived table: then none of its persons has a number."""
        people = [Column(s, Type.INT) for s in sorted(home) if self.is_person(s)] or [column]
        tests: tuple[Scalar, ...] = tuple(Call("is_null", (p,), Type.TRUTH) for p in people)
        return tests[0] if len(tests) == 1 else Call("and", tests, Type.TRUTH)

    def base(self, scalar: Scalar) -> frozenset[int]:
        """The catalogue columns that a scalar is made of, through every derived column."""
        found: set[int] = set()
        for ident in columns_of(scalar):
            if ident in self.definitions:
                found |= self.base(self.definitions[ident])
            elif ident in self.origins:
                found.add(ident)
        return frozenset(found)

    def note(self, scalar: Scalar, how: How, place: Place = (None, None)) -> None:
        """Every catalogue column behind a scalar is used in this way."""
        for ident in self.base(scalar):
            self.how.setdefault(ident, set()).add(how)
            self.places.setdefault(ident, place)

    def origin(self, scalar: Scalar) -> Origin | None:
        """The variable that a scalar plainly is, if it is one."""
        return self.origins.get(scalar.ident) if isinstance(scalar, Column) else None

    def is_person(self, scan: int) -> bool:
        return self.tables[scan].kind is TableKind.PERSON
