"""A public range and a number of decimals for an argument: from the catalogue, from narrower ones that the researcher
names, from LEAST and GREATEST. Values are cut to it afterwards, so a range need not hold on every row: it must only be
public."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.relations import Aggregate, Gather, Over, walk
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.bounding.origins import Origins

Clamps = Mapping[str, tuple[Decimal, Decimal]]
"""By variable, as `table.variable` or its bare name, in small letters."""
Ends = tuple[Decimal | None, Decimal | None]
NOTHING: Ends = (None, None)
KEEP = frozenset({"to_double", "to_decimal", "to_int", "nullif", "round", "truncate", "floor", "ceiling"})
OWN = frozenset({"mean", "mean_truncated", "least", "greatest", "quantile", "quantile_discrete", "first", "last"})
"""Aggregates of one person's rows that lie among the values."""
USUAL = 2
"""Decimals of a number of which nothing says how many it has."""


@dataclass(frozen=True, slots=True)
class Ranges:
    origins: Origins
    clamps: Clamps

    def of(self, scalar: Scalar) -> Ends:
        match scalar:
            case Literal(value=int() | Decimal() | float() as value):
                return Decimal(str(value)), Decimal(str(value))
            case Column():
                return self._column(scalar)
            case Case(whens=whens, otherwise=otherwise):
                return _hull([self.of(v) for v in (*(v for _, v in whens), otherwise) if not _is_null(v)])
            case Call(op="least" | "greatest" as op, args=args):
                return _cut(op, [self.of(a) for a in args])
            case Call(op="coalesce", args=args):
                return _hull([self.of(a) for a in args if not _is_null(a)])
            case Call(op=op, args=args) if op in KEEP:
                return self.of(args[0])
            case Call(op=op, args=args):
                return _computed(op, [self.of(a) for a in args[:2]])
        return NOTHING

    def decimals(self, scalar: Scalar) -> int:
        """How many an argument has, as far as it is known; more are rounded."""
        if scalar.type.is_whole:
            return 0
        match scalar:
            case Literal(value=Decimal() as value):
                return max(0, -int(value.as_tuple().exponent))
            case Column():
                found = [v.decimals for _, v in self.origins.sources(scalar)]
                made = self.origins.definition(scalar)
                if found:
                    return max(USUAL if d is None else d for d in found)
                return USUAL if made is None else self.decimals(made)
            case Case(whens=whens, otherwise=otherwise):
                values = (*(v for _, v in whens), otherwise)
                return max((self.decimals(v) for v in values if not _is_null(v)), default=0)
            case Call(op="to_decimal" | "to_double", args=(inner, *_)):
                return self.decimals(inner)
            case Call(op="multiply", args=args):
                return sum(map(self.decimals, args))
            case Call(
                op="add" | "subtract" | "negate" | "coalesce" | "least" | "greatest" | "abs" | "nullif", args=args
            ):
                return max(map(self.decimals, args))
        return USUAL

    def _column(self, column: Column) -> Ends:
        found = self.origins.sources(column)
        if found:
            return _hull([self._variable(s.table, v.name, v.type, v.low, v.high) for s, v in found])
        made = self.origins.definition(column) or self._aggregate(column.ident)
        if isinstance(made, Aggregate):
            if made.op in {"count", "count_rows", "count_distinct"}:
                return Decimal(0), None
            return self.of(made.args[0]) if made.op in OWN else NOTHING
        return NOTHING if made is None else self.of(made)

    def _variable(self, table: str, name: str, kind: Type, low: float | None, high: float | None) -> Ends:
        for written in (f"{table}.{name}", f"{table.rpartition('.')[2]}.{name}", name):
            if (clamp := self.clamps.get(written.casefold())) is not None:
                return clamp
        if kind is Type.FLAG:
            return Decimal(0), Decimal(1)
        first, last = (None if end is None else Decimal(repr(end)) for end in (low, high))
        return first, last

    def _aggregate(self, ident: int) -> Aggregate | None:
        for part in walk(self.origins.relation):
            if isinstance(part, Gather):
                for own, aggregate in part.aggregates:
                    if own == ident:
                        return aggregate
            if isinstance(part, Over):
                for window in part.columns:
                    if window.ident == ident:
                        return window.function
        return None


def _is_null(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) and scalar.value is None


def _hull(ends: list[Ends]) -> Ends:
    lows, highs = [low for low, _ in ends], [high for _, high in ends]
    return (
        None if None in lows or not lows else min(low for low in lows if low is not None),
        None if None in highs or not highs else max(high for high in highs if high is not None),
    )


def _cut(op: str, ends: list[Ends]) -> Ends:
    low, high = _hull(ends)
    if op == "least":
        return low, min((h for _, h in ends if h is not None), default=None)
    return max((e for e, _ in ends if e is not None), default=None), high


def _computed(op: str, ends: list[Ends]) -> Ends:
    low, high = ends[0] if ends else NOTHING
    if low is None or high is None:
        return NOTHING
    if op in {"negate", "abs"}:
        return (-high, -low) if op == "negate" else (max(low, -high, Decimal(0)), max(abs(low), abs(high)))
    first, last = ends[1] if len(ends) > 1 else NOTHING
    if first is None or last is None:
        return NOTHING
    match op:
        case "add":
            return low + first, high + last
        case "subtract":
            return low - last, high - first
        case "multiply":
            corners = [a * b for a in (low, high) for b in (first, last)]
            return min(corners), max(corners)
        case "divide" | "divide_truncated" if not first <= 0 <= last:
            corners = [a / b for a in (low, high) for b in (first, last)]
            return min(corners), max(corners)
    return NOTHING
