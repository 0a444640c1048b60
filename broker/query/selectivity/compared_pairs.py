"""Comparisons of two numbers or dates of a person: of their quotient, difference or sum with a written number. Such a
comparison is about one more variable, which has no public size."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.plans import scalars
from broker.query.operations.registry import CASTS
from broker.query.selectivity.quotients import compared_quotient

ORDERS = frozenset({"less", "at_most"})
MOVED_DATES = frozenset({"add_days", "add_months"})
TIMES_BETWEEN = frozenset({"days_between", "months_between", "years_between"})


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Two columns, and what of them is compared: `/`, `-` or `+`."""

    form: str
    one: int
    other: int


def compared_pair(condition: scalars.Scalar) -> ComparedPair | None:
    """What an order compares; None for any other condition. An equality can name a value of each column, and so can a
    sum in which one of them counts many times as much as the other."""
    match condition:
        case scalars.Call(op=op, args=(lower, upper)) if op in ORDERS:
            quotient = compared_quotient(lower, upper) or compared_quotient(upper, lower)
            if quotient is not None:
                return ComparedPair("/", *quotient[1:])
            low, high = _weights(lower), _weights(upper)
            if low is not None and high is not None:
                return _of_weights({i: high.get(i, Decimal(0)) - low.get(i, Decimal(0)) for i in {*low, *high}})
    return None


def _of_weights(weights: Mapping[int, Decimal]) -> ComparedPair | None:
    read = sorted(ident for ident, weight in weights.items() if weight)
    if len(read) != 2:
        return None
    one, other = (weights[ident] for ident in read)
    if abs(one) != abs(other):
        return None
    return ComparedPair("+" if one == other else "-", *read)


def _weights(scalar: scalars.Scalar) -> Mapping[int, Decimal] | None:
    """How often each column counts in a sum of columns and written numbers; None for anything else."""
    match scalar:
        case scalars.Literal(value=int() | Decimal()):
            return {}
        case scalars.Literal(type=scalars.ScalarType.DATE):
            return {}
        case scalars.ColumnRef(ident=ident, type=kind) if kind.is_number or kind is scalars.ScalarType.DATE:
            return {ident: Decimal(1)}
        case scalars.Call(op=op, args=(inner, *_)) if op in CASTS:
            return _weights(inner)
        case scalars.Call(op=op, args=(inner, scalars.Literal())) if op in MOVED_DATES:
            return _weights(inner)
        case scalars.Call(op="negate", args=(inner,)):
            return _scaled(_weights(inner), Decimal(-1))
        case scalars.Call(op="add", args=(one, other)):
            return _together(_weights(one), _weights(other))
        case scalars.Call(op="subtract", args=(one, other)):
            return _together(_weights(one), _scaled(_weights(other), Decimal(-1)))
        case scalars.Call(op=op, args=(first, last)) if op in TIMES_BETWEEN:
            return _together(_weights(last), _scaled(_weights(first), Decimal(-1)))
        case scalars.Call(op="multiply", args=(scalars.Literal(value=int() | Decimal() as factor), inner)):
            return _scaled(_weights(inner), Decimal(factor))
        case scalars.Call(op="multiply", args=(inner, scalars.Literal(value=int() | Decimal() as factor))):
            return _scaled(_weights(inner), Decimal(factor))
    return None


def _scaled(weights: Mapping[int, Decimal] | None, factor: Decimal) -> Mapping[int, Decimal] | None:
    return None if weights is None else {ident: weight * factor for ident, weight in weights.items()}


def _together(one: Mapping[int, Decimal] | None, other: Mapping[int, Decimal] | None) -> Mapping[int, Decimal] | None:
    if one is None or other is None:
        return None
    return {ident: one.get(ident, Decimal(0)) + other.get(ident, Decimal(0)) for ident in {*one, *other}}
