"""Keys that other keys determine: a number that only orders named bands, or the month of a month's name."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value, parts_of
from broker.query.operations.possible_values import possible_values
from broker.query.symbols import SymbolTable

STEPS = frozenset({"less", "at_most", "equal", "same"})
"""Comparisons with a written number: they change their value only there."""
OF_MONTH = frozenset({"month", "month_name", "quarter"})
MOST_VALUES = 500


def is_determined(key: Scalar, shown: Iterable[Scalar], symbols: SymbolTable) -> bool:
    """Whether a key has one value for each value of a shown key, because both are made of one variable."""
    base = symbols.base(key)
    if len(base) != 1:
        return False
    (ident,) = base
    for other in shown:
        if symbols.base(other) != base:
            continue
        pair = symbols.expanded(key), symbols.expanded(other)
        values = _values_to_try(ident, pair, symbols)
        if values and _maps(pair, ident, values):
            return True
    return False


def _maps(pair: tuple[Scalar, Scalar], ident: int, values: Iterable[Value]) -> bool:
    """Whether the second scalar determines the first on all of these values of a column."""
    found: dict[Value, Value] = {}
    for value in values:
        mine, other = (possible_values(s, {ident: frozenset({value})}, {}) for s in pair)
        if mine is None or other is None or len(mine) != 1 or len(other) != 1:
            return False
        (made,), (by,) = mine, other
        if found.setdefault(by, made) != made:
            return False
    return True


def _values_to_try(ident: int, scalars: Iterable[Scalar], symbols: SymbolTable) -> Sequence[Value]:
    """Values of a column among which the scalars take every value that they can have; none if they cannot be listed."""
    origin = symbols.origins.get(ident)
    if origin is None:
        return []
    if origin.variable.values is not None:
        return [None, *origin.variable.values] if len(origin.variable.values) < MOST_VALUES else []
    if origin.variable.type is ScalarType.DATE:
        of_month = all(_is_only_in(s, OF_MONTH | {"is_null"}) for s in scalars)
        return [None, *(date(2000, month, 1) for month in range(1, 13))] if of_month else []
    if origin.variable.type not in {ScalarType.INT, ScalarType.DECIMAL} or not all(map(_is_step_function, scalars)):
        return []
    literals = [n.value for s in scalars for n in _walk(s) if isinstance(n, Literal)]
    written = sorted({Decimal(v) for v in literals if isinstance(v, int | Decimal) and not isinstance(v, bool)})
    between = [(a + b) / 2 for a, b in pairwise(written)]
    return [None, written[0] - 1, *written, *between, written[-1] + 1] if written else []


def _is_only_in(scalar: Scalar, operations: frozenset[str]) -> bool:
    """Whether a scalar reads columns only as the argument of one of these operations."""
    match scalar:
        case ColumnRef():
            return False
        case Call(op=op, args=(ColumnRef(),)) if op in operations:
            return True
    return all(_is_only_in(part, operations) for part in parts_of(scalar))


def _is_step_function(scalar: Scalar) -> bool:
    """Whether a scalar changes its value only at the numbers that it compares a column with."""
    match scalar:
        case Literal():
            return True
        case Case(whens=whens):
            return all(_is_comparison(c) for c, _ in whens) and all(map(_is_step_function, scalar.values))
    return _is_comparison(scalar)


def _is_comparison(condition: Scalar) -> bool:
    match condition:
        case Literal():
            return True
        case Call(op="and" | "or" | "not", args=args):
            return all(map(_is_comparison, args))
        case Call(op="is_null", args=(ColumnRef(),)):
            return True
        case Call(op=op, args=(ColumnRef(), Literal()) | (Literal(), ColumnRef())):
            return op in STEPS
    return False


def _walk(scalar: Scalar) -> Iterator[Scalar]:
    yield scalar
    for part in parts_of(scalar):
        yield from _walk(part)
