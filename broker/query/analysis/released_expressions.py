"""The grammar of released expressions: arithmetic of aggregates, constants and keys. The broker computes it after
protection, from values that it releases or could release, so it tells no more than these. What could carry two numbers
in one is refused, because nobody who reads it would see the second: a sum of figures of very different size, a total
plus a fraction, a product of two totals, a remainder, a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import KEY_STATISTIC
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, column_ids
from broker.query.operations.registry import CASTS

WRAPPERS = CASTS | {"to_decimal_or_null", "nullif", "coalesce", "round", "round_truncated", "truncate"}
CURVES = frozenset(
    {"abs", "sign", "floor", "ceiling", "sqrt", "exp", "ln", "log", "log10", "log2", "power", "greatest", "least"}
)
QUOTIENTS = frozenset({"divide", "divide_truncated"})
CONSTANT, DERIVED, PART = "constant", "derived", "part"
"""PART: only a part of other arithmetic, as the product of two totals, or a total plus a constant."""
KEYS = frozenset({KEY_STATISTIC, "public"})
"""Labels of columns that identify rows: keys, and columns of public tables. Their values are known."""
TOTALS = frozenset(
    {*(m.value for m in (Measure.COUNT_PERSONS, Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_DISTINCT)),
     Measure.ONES.value, Measure.SUM.value}
)  # fmt: skip
"""Labels of figures that are whole numbers: two of them can be read out of their product."""
MOST_APART = 100
"""The factors of the figures in a sum are at most so many times apart: 1000 * a + b shows both."""


def release_label(scalar: Scalar, labels: Mapping[int, str], definitions: Mapping[int, Scalar]) -> str | None:
    """Label of a released expression: `key`, the measure's name, `ratio`, `difference`, `rank`, `derived` or
    `constant`. None if the expression may not be released. `labels` are by id of aggregate and window columns,
    `definitions` by id of computed columns."""
    measures = _MeasureLabels(labels, definitions)
    if _over_keys(scalar, measures):  # keys are no figures
        return KEY_STATISTIC
    found = _shape(scalar, measures)
    return None if found is None or found.label == PART else found.label


def carries_two(scalar: Scalar, labels: Mapping[int, str], definitions: Mapping[int, Scalar]) -> bool:
    """Whether the sum of an expression over groups could carry two numbers. A sum of products cannot."""
    measures = _MeasureLabels(labels, definitions)
    return not _over_keys(scalar, measures) and _shape(scalar, measures) is None


@dataclass(frozen=True, slots=True)
class _MeasureLabels:
    labels: Mapping[int, str]
    definitions: Mapping[int, Scalar]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What an expression is. `factors`: the least and the largest constant factor of a figure in it; of a written
    constant its own size, 1 if it is not known. `whole`: it is made of totals alone; None if that is
    not known."""

    label: str
    factors: tuple[Decimal, Decimal] = (Decimal(1), Decimal(1))
    whole: bool | None = False

    def times(self, least: Decimal, most: Decimal) -> "_Shape":
        return replace(self, factors=(self.factors[0] * least, self.factors[1] * most))


def _over_keys(scalar: Scalar, measures: _MeasureLabels) -> bool:
    """Whether an expression reads keys only, and at least one."""
    read = column_ids(scalar)
    return bool(read) and all(
        _over_keys(measures.definitions[i], measures) if i in measures.definitions else measures.labels.get(i) in KEYS
        for i in read
    )


def _shape(scalar: Scalar, measures: _MeasureLabels) -> _Shape | None:
    if _over_keys(scalar, measures):
        return _Shape(CONSTANT)
    match scalar:
        case Literal(value=value):
            is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            size = abs(Decimal(str(value))) if is_number else Decimal(1)
            return _Shape(CONSTANT, (size, size))
        case ColumnRef(ident=ident) if ident in measures.definitions:
            return _shape(measures.definitions[ident], measures)
        case ColumnRef(ident=ident):
            label = measures.labels.get(ident)
            return (
                None if label is None else _Shape(label, whole=None if label in {DERIVED, "rank"} else label in TOTALS)
            )
        case Case(values=values):
            found = _any_of(values, measures)
            return replace(found, label=DERIVED) if found is not None and found.label == CONSTANT else found
        case Call(op="negate", args=args):
            return _shape(args[0], measures)
        case Call(op=op, args=args) if op in WRAPPERS:
            # a further argument that is no constant would add a second figure
            rest = [_shape(a, measures) for a in args[1:]]
            return _shape(args[0], measures) if all(r is not None and r.label == CONSTANT for r in rest) else None
        case Call(op=op, args=args) if op in CURVES:
            found = _any_of(args, measures)
            return found if found is None or found.label == CONSTANT else replace(found, label=DERIVED, whole=False)
        case Call(op=op, args=(left, right)):
            return _pair(op, _shape(left, measures), _shape(right, measures))
    return None


def _any_of(values: Sequence[Scalar], measures: _MeasureLabels) -> _Shape | None:
    """Shape of an expression that gives one of several values, or that is computed from all of them."""
    shapes = [_shape(v, measures) for v in values]
    figures = [s for s in shapes if s is not None and s.label != CONSTANT]
    if None in shapes:
        return None
    if not figures:
        return _Shape(CONSTANT)
    labels = {s.label for s in figures}
    factors = (min(s.factors[0] for s in figures), max(s.factors[1] for s in figures))
    whole = {s.whole for s in figures}
    return _Shape(labels.pop() if len(labels) == 1 else DERIVED, factors, whole.pop() if len(whole) == 1 else None)


def _pair(op: str, left: _Shape | None, right: _Shape | None) -> _Shape | None:
    if left is None or right is None:
        return None
    if op == "multiply":
        return _product(left, right)
    if op in QUOTIENTS:
        return _quotient(left, right)
    return _sum(op, left, right) if op in {"add", "subtract"} else None


def _product(left: _Shape, right: _Shape) -> _Shape:
    if left.label == CONSTANT:  # a multiple by a constant shows the same figure
        return right.times(*left.factors)
    found = left.times(*right.factors)
    if right.label == CONSTANT:
        return found
    whole = False not in {left.whole, right.whole}
    return replace(found, label=PART if whole else DERIVED, whole=whole)


def _quotient(left: _Shape, right: _Shape) -> _Shape:
    least, most = right.factors
    found = left.times(1 / most, 1 / least) if least else left
    if right.label == CONSTANT:
        return found
    simple = {left.label, right.label}.isdisjoint({CONSTANT, "ratio", "difference", DERIVED, PART})
    return replace(found, label="ratio" if simple else DERIVED, whole=False)


def _sum(op: str, left: _Shape, right: _Shape) -> _Shape | None:
    if right.label == CONSTANT or left.label == CONSTANT:
        figure = left if right.label == CONSTANT else right
        if figure.label in {CONSTANT, PART}:
            return figure
        return replace(figure, label=PART if figure.whole else DERIVED)
    least, most = (f(left.factors[i], right.factors[i]) for i, f in ((0, min), (1, max)))
    whole = {left.whole, right.whole} - {None}
    if most > MOST_APART * least or len(whole) > 1:  # a whole number plus a fraction shows both
        return None
    simple = {left.label, right.label}.isdisjoint({"ratio", "difference", DERIVED, PART})
    return _Shape(
        "difference" if op == "subtract" and simple else DERIVED, (least, most), whole.pop() if whole else None
    )
