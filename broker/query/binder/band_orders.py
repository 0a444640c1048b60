"""ORDER BY MIN(x) or MAX(x) of a cell of which a key puts x into bands: the order of the bands, as the text writes it.
The value itself, which would be one person's, is not computed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import groupby, pairwise

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import (
    NULL,
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    Value,
    integer,
    parts_of,
    truth_call,
)
from broker.query.analysis.implied_statistics import can_be_null
from broker.query.analysis.made_columns import calls_of
from broker.query.operations.possible_values import possible_values
from broker.query.operations.value_bounds import MOST_ROWS, value_range
from broker.query.symbols import SymbolTable

MOST_EDGES = 64


@dataclass(frozen=True, slots=True)
class BandOrders:
    """Binds such orders over one aggregation. `facts`: conditions on its rows."""

    keys: Mapping[Scalar, ColumnRef]
    relation: ops.Relation
    facts: Collection[Scalar]
    symbols: SymbolTable

    def place(self, value: Scalar, before: Collection[Scalar]) -> Scalar | None:
        """The place of a cell's band among all bands of a value; None if no key is its bands. `before`: what cells are
        ordered by before this. Those of one band must differ in nothing else."""
        found = self.symbols.expanded(value)
        if not isinstance(found, ColumnRef) or not found.type.is_number:
            return None
        for key, column in self.keys.items():
            labels = self._labels_in_order(self.symbols.expanded(key), found)
            if labels is not None and all(other in before for other in self.keys.values() if other != column):
                places = tuple((_is_label(column, label), integer(n)) for n, label in enumerate(labels))
                return Case(places, NULL, ScalarType.INT)
        return None

    def _labels_in_order(self, key: Scalar, value: ColumnRef) -> list[Value] | None:
        """The labels of bands, from the least values on. None if a label has several bands, or tells anything else."""
        if not isinstance(key, Case):
            return None
        edges = sorted({Decimal(n) for condition, _ in key.whens for n in _numbers_in(condition)})
        if len(edges) > MOST_EDGES:  # each is tried against each branch
            return None
        samples = _samples(edges, value, self._range_of(value))
        found = [label for s in samples if (label := self._label_of(key, value, s)) is not None]
        runs = [label for label, _ in groupby(found)]
        if not found or len(found) < len(samples) or len(set(runs)) < len(runs) or not self._is_apart(key, value, runs):
            return None
        return [label for one in runs for label in one]

    def _is_apart(self, key: Case, value: ColumnRef, runs: Sequence[frozenset[Value]]) -> bool:
        """Whether no band has rows without a value: if it had nothing else, it would have no least value."""
        if not can_be_null(value, self.symbols) or any(_needs(fact, value) for fact in self.facts):
            return True
        missing = self._label_of(key, value, None)
        return missing is not None and missing not in runs

    def _label_of(self, key: Case, value: ColumnRef, sample: Value) -> frozenset[Value] | None:
        found = possible_values(key, {value.ident: frozenset({sample})}, self.symbols.definitions)
        return found if found is not None and len(found) == 1 else None

    def _range_of(self, value: ColumnRef) -> tuple[Decimal, Decimal] | None:
        """Bounds of a value. A group has a row, so its number of rows is at least 1."""
        made = calls_of(self.relation).get(value.ident)
        if made is not None and made.call.op == "count_rows" and made.within:
            return Decimal(1), MOST_ROWS
        return value_range(value, self.symbols)


def _needs(fact: Scalar, value: Scalar) -> bool:
    """Whether a condition is true only where there is a value."""
    match fact:
        case Call(op="not", args=(Call(op="is_null" | "equal", args=args),)):
            return value in args
        case Call(op="equal" | "less" | "at_most", args=args):
            return value in args
    return False


def _is_label(column: ColumnRef, label: Value) -> Scalar:
    if label is None:
        return truth_call("is_null", column)
    return truth_call("equal", column, Literal(label, column.type))


def _samples(edges: Sequence[Decimal], value: ColumnRef, ends: tuple[Decimal, Decimal] | None) -> list[Value]:
    """Values at, below, between and above the written numbers, where alone the label can change."""
    if value.type.is_whole:
        tried = {e.to_integral_value(ROUND_FLOOR) + n for e in edges for n in (-1, 0, 1, 2)}
    else:
        tried = {*edges, *((a + b) / 2 for a, b in pairwise(edges)), *(e + n for e in edges for n in (-1, 1))}
    left = sorted(s for s in tried if ends is None or ends[0] <= s <= ends[1])
    return [int(s) for s in left] if value.type.is_whole else [*left]


def _numbers_in(scalar: Scalar) -> Iterator[int | Decimal]:
    if isinstance(scalar, Literal) and isinstance(scalar.value, int | Decimal):
        yield scalar.value
    for part in parts_of(scalar):
        yield from _numbers_in(part)
