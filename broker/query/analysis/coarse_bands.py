"""How much a value tells of a quasi-identifier: the variable itself, or only a band that policy calls coarse enough."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, parts_of
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.band_rules import Cut
from broker.query.symbols import ColumnOrigin, SymbolTable

ORDERED = frozenset({"less", "at_most"})
EQUALITIES = frozenset({"equal", "same"})
EXACT_CASTS = frozenset({"to_double", "to_decimal", "to_decimal_or_null"})
MONTHS_OF_PERIOD = {
    "year": 12, "start_of_year": 12, "years_between": 12, "quarter": 3, "start_of_quarter": 3, "quarters_between": 3,
    "month": 1, "month_name": 1, "start_of_month": 1, "end_of_month": 1, "months_between": 1,
}  # fmt: skip
"""Operations that give one value for all days of some calendar months, and how many these are at least."""
MOVES = frozenset({"add_months", "add_days"})
DURATIONS = frozenset({
    "days_between", "sundays_between", "whole_weeks_between", "months_between", "quarters_between", "years_between",
})  # fmt: skip
ROUNDING = frozenset({"floor", "ceiling", "to_int", "truncate", "round", "round_truncated"})
HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class LinearPart:
    """A scalar that is factor × variable + shift."""

    origin: ColumnOrigin
    factor: Decimal
    shift: Decimal

    def edge(self, value: Decimal) -> Decimal:
        """Value of the variable where the scalar has a value."""
        return (value - self.shift) / self.factor


def finely_read(scalars: Iterable[Scalar], symbols: SymbolTable) -> ColumnOrigin | None:
    """The first quasi-identifier of which the scalars tell more than coarse bands; None if there is none. The edges of
    all of them count together, because two keys split each other's bands."""
    bands = _Bands(symbols)
    found = next((found for s in scalars if (found := bands.fine(s)) is not None), None)
    return found or next((o for o, edges in bands.edges.values() if not o.variable.bands.are_wide_enough(edges)), None)


def is_quasi(origin: ColumnOrigin | None) -> bool:
    return origin is not None and origin.variable.cls is VariableClass.QUASI


@dataclass(frozen=True, slots=True)
class _Bands:
    """Reads scalars, and collects the edges of their bands by the name of the variable."""

    symbols: SymbolTable
    edges: dict[str, tuple[ColumnOrigin, set[Cut]]] = field(default_factory=dict)

    def fine(self, scalar: Scalar) -> ColumnOrigin | None:
        """The first quasi-identifier of which a scalar tells more than coarse bands, whatever their width."""
        match scalar:
            case ColumnRef(ident=ident):
                origin = self.symbols.origin(scalar)
                if origin is not None:
                    return origin if is_quasi(origin) else None
                if ident in self.symbols.definitions:
                    return self.fine(self.symbols.definitions[ident])
                return self._fine_behind(ident)
            case Literal():
                return None
            case Case():
                return self._first(parts_of(scalar))
            case Call():
                return None if self._is_coarse(scalar) else self._first(scalar.args)

    def _first(self, scalars: Iterable[Scalar]) -> ColumnOrigin | None:
        return next((found for s in scalars if (found := self.fine(s)) is not None), None)

    def _fine_behind(self, ident: int) -> ColumnOrigin | None:
        """What a column that cannot be expanded tells: a function of coarse values is coarse."""
        if ident not in self.symbols.opaque:
            return None
        opaque = self.symbols.opaque[ident]
        if opaque.parts or opaque.made_of:
            return self._first(opaque.parts or opaque.made_of)
        return next((o for i in sorted(opaque.base) if is_quasi(o := self.symbols.origins[i])), None)

    def _is_coarse(self, call: Call) -> bool:
        """Whether a call tells only a coarse band of the quasi-identifiers in its arguments."""
        op, args = call.op, call.args
        if op == "is_null":
            return self._is_plain(args[0])
        if op in MONTHS_OF_PERIOD:
            return all(self._is_banded_date(a, MONTHS_OF_PERIOD[op]) or self._reads_none(a) for a in args)
        if op in ORDERED:
            return compares_own_dates(call, self.symbols) or self._is_on_grid(call)
        return op in ROUNDING and self._has_grid_steps(call)

    def _is_plain(self, scalar: Scalar) -> bool:
        """Whether a scalar is a variable, or a value of one among rows: whether it is missing tells no value."""
        scalar = _expanded(scalar, self.symbols)
        if not isinstance(scalar, ColumnRef):
            return False
        if scalar.ident not in self.symbols.opaque:
            return True
        opaque = self.symbols.opaque[scalar.ident]
        return opaque.like is not None and self._is_plain(opaque.like)

    def _reads_none(self, scalar: Scalar) -> bool:
        return not any(is_quasi(self.symbols.origins[i]) for i in self.symbols.base(scalar))

    def _is_banded_date(self, scalar: Scalar, months: int) -> bool:
        origin = self.symbols.origin(_expanded(scalar, self.symbols))
        return origin is not None and origin.variable.bands.has_whole_periods(months)

    def _is_on_grid(self, call: Call) -> bool:
        """Whether a comparison with a written value has its edge on the grid of the variable."""
        left, right = (_expanded(a, self.symbols) for a in call.args)
        side, written = (left, right) if isinstance(right, Literal) else (right, left)
        if not isinstance(written, Literal):
            return False
        # x < c and x >= c cut below c; x <= c and x > c cut above it
        upper = (call.op == "at_most") == (side is left)
        if isinstance(written.value, date):
            first = written.value + timedelta(days=1) if upper else written.value
            return first.day == 1 and self._is_banded_date(side, first.month - 1)
        linear = linear_part(side, self.symbols)
        number = _number(written)
        if linear is None or number is None:
            return False
        edge = linear.edge(number)
        self._cut(linear, [edge], upper)
        return linear.origin.variable.bands.is_on_grid(edge)

    def _cut(self, linear: LinearPart, edges: Iterable[Decimal], upper: bool) -> None:
        """Collect cuts. A negative factor turns below into above."""
        side = int(upper == (linear.factor > 0))
        self.edges.setdefault(linear.origin.full_name, (linear.origin, set()))[1].update((e, side) for e in edges)

    def _has_grid_steps(self, call: Call) -> bool:
        """Whether rounding makes steps that are wide enough, with edges on the grid."""
        linear = linear_part(call.args[0], self.symbols)
        digits = _number(call.args[1]) if len(call.args) > 1 else Decimal(0)
        if linear is None or digits is None or digits % 1:
            return False
        bands, step = linear.origin.variable.bands, Decimal(10) ** -digits
        first = linear.edge(step * HALF if call.op == "round" else Decimal(0))
        width = abs(step / linear.factor)
        if bands.low is None or bands.high is None or bands.width is None or width < bands.width:
            return False
        if call.op not in {"floor", "ceiling"} and (bands.low < 0 or linear.factor < 0 or linear.shift < 0):
            return False  # these round towards 0, or away from it
        start = first + width * ((bands.low - first) / width).to_integral_value(ROUND_FLOOR)
        edges = [start + width * n for n in range(int((bands.high - start) / width) + 2)]
        # the ends of the variable are no choice of the text
        self._cut(linear, [e for e in edges if bands.low < e < bands.high], upper=call.op == "ceiling")
        return bands.is_on_grid(first) and bands.is_on_grid(first + width)


def compares_own_dates(call: Call, symbols: SymbolTable) -> bool:
    """Whether a comparison is of two dates of one person, or of the time between them with a written number. It tells
    how long something lasted, and no date."""
    sides = [_expanded(a, symbols) for a in call.args]
    if call.op not in ORDERED | EQUALITIES or len(sides) != 2:
        return False
    if all(_is_own_date(a, symbols) for a in sides):
        return True
    durations = [a for a in sides if isinstance(a, Call) and a.op in DURATIONS]
    is_written = any(isinstance(a, Literal) for a in sides)
    return is_written and any(all(_is_own_date(d, symbols) for d in a.args) for a in durations)


def _is_own_date(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a scalar is a date of the row's person, moved by a written number at most."""
    scalar = _expanded(scalar, symbols)
    match scalar:
        case Call(op=op, args=(start, Literal())) if op in MOVES:
            return _is_own_date(start, symbols)
        case ColumnRef(ident=ident, type=ScalarType.DATE) if ident in symbols.opaque:
            opaque = symbols.opaque[ident]
            return not opaque.shared and opaque.like is not None and _is_own_date(opaque.like, symbols)
        case ColumnRef(type=ScalarType.DATE):
            origin = symbols.origin(scalar)
            return origin is not None and symbols.is_person(origin.scan)
    return False


def _expanded(scalar: Scalar, symbols: SymbolTable) -> Scalar:
    while isinstance(scalar, ColumnRef) and scalar.ident in symbols.definitions:
        scalar = symbols.definitions[scalar.ident]
    return scalar


def linear_part(scalar: Scalar, symbols: SymbolTable) -> LinearPart | None:
    """A quasi-identifier that is multiplied by, divided by or added to written numbers; None for anything else."""
    scalar = _expanded(scalar, symbols)
    match scalar:
        case ColumnRef():
            origin = symbols.origin(scalar)
            return LinearPart(origin, Decimal(1), Decimal(0)) if origin is not None and is_quasi(origin) else None
        case Call(op=op, args=(inner, *_)) if op in EXACT_CASTS:
            return linear_part(inner, symbols)
        case Call(op="multiply" | "divide" | "add" | "subtract" as op, args=(left, right)):
            return _combined(op, left, right, symbols)
    return None


def _combined(op: str, left: Scalar, right: Scalar, symbols: SymbolTable) -> LinearPart | None:
    number, inner = _number(right), linear_part(left, symbols)
    if inner is None and op in {"multiply", "add"}:
        number, inner = _number(left), linear_part(right, symbols)
    if inner is None or number is None or (not number and op in {"multiply", "divide"}):
        return None
    match op:
        case "multiply":
            return LinearPart(inner.origin, inner.factor * number, inner.shift * number)
        case "divide":
            return LinearPart(inner.origin, inner.factor / number, inner.shift / number)
        case "add":
            return LinearPart(inner.origin, inner.factor, inner.shift + number)
        case _:
            return LinearPart(inner.origin, inner.factor, inner.shift - number)


def _number(scalar: Scalar) -> Decimal | None:
    match scalar:
        case Call(op=op, args=(inner, *_)) if op in EXACT_CASTS:
            return _number(inner)
        case Literal(value=int() | Decimal() as value):
            return Decimal(value)
    return None
