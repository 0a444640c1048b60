"""Keys that other keys determine: a number that only orders named bands, or the month of a month's name."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value, parts_of
from broker.query.operations.possible_values import possible_values
from broker.query.symbols import SymbolTable

STEPS = frozenset({"less", "at_most", "equal", "same", "equal_text", "is_null", "and", "or", "not"})
"""Operations that change their value only at the values that the text writes."""
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
    nodes = [node for scalar in scalars for node in _walk(scalar)]
    calls = {node.op for node in nodes if isinstance(node, Call)}
    if origin.variable.type is ScalarType.DATE and calls <= OF_MONTH | {"is_null"}:
        return [None, *(date(2000, month, 1) for month in range(1, 13))]
    if not calls <= STEPS or not all(isinstance(n, Call | Case | Literal | ColumnRef) for n in nodes):
        return []
    literals = [n.value for n in nodes if isinstance(n, Literal)]
    written = sorted({Decimal(v) for v in literals if isinstance(v, int | Decimal) and not isinstance(v, bool)})
    if not written or origin.variable.type not in {ScalarType.INT, ScalarType.DECIMAL}:
        return []
    between = [(a + b) / 2 for a, b in pairwise(written)]
    return [None, written[0] - 1, *written, *between, written[-1] + 1]


def _walk(scalar: Scalar) -> Iterator[Scalar]:
    yield scalar
    for part in parts_of(scalar):
        yield from _walk(part)
