"""Public domains of values: range and decimal places of an argument, number of distinct values of a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from broker.domain.plans.operators import Aggregate, AggregateCall, Scan
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType
from broker.policy.data_catalogue import Variable
from broker.query.analysis.made_columns import CallOverRows
from broker.query.contribution_bounding.column_origins import ColumnOrigins
from broker.query.contribution_bounding.row_bounds import product_of, sum_of
from broker.query.operations.aggregate_functions import CHOSEN
from broker.query.operations.registry import CASTS

Clamps = Mapping[str, tuple[Decimal, Decimal]]
"""(low, high) by variable, written as `table.variable` or `variable`, in small letters."""
Ends = tuple[Decimal | None, Decimal | None]
UNBOUNDED: Ends = (None, None)
RANGE_PRESERVING = CASTS | {"nullif", "round", "truncate", "floor", "ceiling"}
WITHIN_VALUES = (
    frozenset({"mean", "mean_truncated", "least", "greatest", "quantile", "quantile_discrete", "first", "last"})
    | CHOSEN
)
"""Aggregates of one person's rows whose result lies within the range of the values."""
DEFAULT_DECIMALS = 2
"""Decimal places assumed for a number if nothing states them."""


@dataclass(frozen=True, slots=True)
class ClampRanges:
    origins: ColumnOrigins
    clamps: Clamps

    def of(self, scalar: Scalar) -> Ends:
        match scalar:
            case Literal(value=int() | Decimal() | float() as value):
                return Decimal(str(value)), Decimal(str(value))
            case ColumnRef():
                return self._column(scalar)
            case Call(op="least" | "greatest" as op, args=args):
                return _clipped(op, [self.of(a) for a in args])
            case Case(values=values) | Call(op="coalesce", args=values):
                # NULL does not widen the range
                return hull([self.of(v) for v in values if not _is_null(v)])
            case Call(op=op, args=args) if op in RANGE_PRESERVING:
                return self.of(args[0])
            case Call(op=op, args=args):
                return _computed(op, [self.of(a) for a in args[:2]])
        return UNBOUNDED

    def decimals(self, scalar: Scalar) -> int:
        """Decimal places of an argument, as far as known. Further places are rounded."""
        if scalar.type.is_whole:
            return 0
        match scalar:
            case Literal(value=Decimal() as value):
                return max(0, -int(value.as_tuple().exponent))
            case ColumnRef():
                found = [v.decimals for _, v in self.origins.sources(scalar)]
                made = self.origins.definition(scalar)
                if found:
                    return max(DEFAULT_DECIMALS if d is None else d for d in found)
                return DEFAULT_DECIMALS if made is None else self.decimals(made)
            case Case(values=values):
                return max((self.decimals(v) for v in values if not _is_null(v)), default=0)
            case Call(op="to_decimal" | "to_double", args=(inner, *_)):
                return self.decimals(inner)
            case Call(op="multiply", args=args):
                return sum(map(self.decimals, args))
            case Call(
                op="add" | "subtract" | "negate" | "coalesce" | "least" | "greatest" | "abs" | "nullif", args=args
            ):
                return max(map(self.decimals, args))
        return DEFAULT_DECIMALS

    def _column(self, column: ColumnRef) -> Ends:
        found = self.origins.sources(column)
        if found:
            return hull([self._variable(s.table, v.name, v.type, v.low, v.high) for s, v in found])
        if (definition := self.origins.definition(column)) is not None:
            return self.of(definition)
        match self.origins.calls.get(column.ident):
            case CallOverRows(call=AggregateCall(op="count" | "count_rows" | "count_distinct")):
                return Decimal(0), None  # a count has no public upper bound
            case CallOverRows(call=AggregateCall(op=op, args=(value, *_))) if op in WITHIN_VALUES:
                return self.of(value)
        return UNBOUNDED

    def _variable(self, table: str, name: str, kind: ScalarType, low: float | None, high: float | None) -> Ends:
        # the most specific spelling of a clamp comes first
        for written in (f"{table}.{name}", f"{table.rpartition('.')[2]}.{name}", name):
            if (clamp := self.clamps.get(written.casefold())) is not None:
                return clamp
        if kind is ScalarType.FLAG:
            return Decimal(0), Decimal(1)
        first, last = (None if end is None else Decimal(repr(end)) for end in (low, high))
        return first, last


def _is_null(scalar: Scalar) -> bool:
    return isinstance(scalar, Literal) and scalar.value is None


def hull(ends: list[Ends]) -> Ends:
    lows, highs = [low for low, _ in ends], [high for _, high in ends]
    return (
        None if None in lows or not lows else min(low for low in lows if low is not None),
        None if None in highs or not highs else max(high for high in highs if high is not None),
    )


def _clipped(op: str, ends: list[Ends]) -> Ends:
    low, high = hull(ends)
    if op == "least":
        return low, min((h for _, h in ends if h is not None), default=None)
    return max((e for e, _ in ends if e is not None), default=None), high


def _computed(op: str, ends: list[Ends]) -> Ends:
    low, high = ends[0] if ends else UNBOUNDED
    if low is None or high is None:  # an unbounded side makes every operation unbounded
        return UNBOUNDED
    if op in {"negate", "abs"}:
        return (-high, -low) if op == "negate" else (max(low, -high, Decimal(0)), max(abs(low), abs(high)))
    first, last = ends[1] if len(ends) > 1 else UNBOUNDED
    if first is None or last is None:
        return UNBOUNDED
    match op:
        case "add":
            return low + first, high + last
        case "subtract":
            return low - last, high - first
        case "multiply":
            # a product or quotient of two ranges is extreme at their corners
            corners = [a * b for a in (low, high) for b in (first, last)]
            return min(corners), max(corners)
        case "divide" | "divide_truncated" if not first <= 0 <= last:  # a divisor that can be 0 has no bounds
            corners = [a / b for a in (low, high) for b in (first, last)]
            return min(corners), max(corners)
    return UNBOUNDED


DISTINCT_COUNTS = 45_000
"""Upper bound on the number of distinct row counts per person in one table: that many would need a thousand million
rows."""
AMONG_VALUES = frozenset({"least", "greatest", "first", "last"}) | CHOSEN
"""Aggregates of one person's rows whose result is one of the values."""


@dataclass(frozen=True, slots=True)
class DistinctValues:
    origins: ColumnOrigins

    def of(self, scalar: Scalar) -> int | None:
        """Most distinct values of a scalar, counting NULL as one; None if unbounded."""
        match scalar:
            case Literal():
                return 1
            case ColumnRef():
                return self._column(scalar)
            case Case(values=values):
                return sum_of(map(self.of, values))
            case Call(args=args):  # a function has at most one result for each combination of its arguments
                return reduce(product_of, [1, *map(self.of, args)])

    def _column(self, column: ColumnRef) -> int | None:
        found = self.origins.sources(column)
        if found:
            values = sum_of(self._variable(s, v) for s, v in found)
            return None if values is None else values + 1  # NULL is one more value
        if (definition := self.origins.definition(column)) is not None:
            return self.of(definition)
        match self.origins.calls.get(column.ident):
            case CallOverRows(Aggregate(), call=AggregateCall(op="count" | "count_rows" | "count_distinct")):
                return DISTINCT_COUNTS
            case CallOverRows(Aggregate(), call=AggregateCall(op=op, args=(value, *_))) if op in AMONG_VALUES:
                return self.of(value)
        return None

    def _variable(self, scan: Scan, variable: Variable) -> int | None:
        axis = self.origins.table(scan).year
        if axis is not None and axis.variable == variable.name and scan.years is not None:
            return len(scan.years)
        if variable.possible_value_count is not None or variable.most is None:
            return variable.possible_value_count
        return variable.most * (1 if scan.years is None else len(scan.years))
