"""Finds ratios in an output: columns that are a constant times one statistic divided by another. Reads expressions, no
data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.plans.operators import PostAggregation, Project, TableRef, Union, children, walk
from broker.domain.plans.plan import PlannedOutput
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType
from broker.privacy.private_tables import PrivateMeasure, PrivateStatistic
from broker.query.operations.registry import CASTS

VALUE_PRESERVING = CASTS | {"nullif", "round", "round_truncated", "floor", "ceiling"}
"""Operations that leave a number (nearly) unchanged: its interval is that of the operand."""
RatioPair = tuple[int, int]
"""The ids of the numerator and the denominator."""
RatioIdents = Mapping[RatioPair, int]
"""By pair, the id under which the interval of the ratio passes through the program."""
FIRST_RATIO_IDENT = 1_500_000_000
"""The id of the first ratio: no plan has as many columns."""
LINEAR_MEASURES = frozenset({PrivateMeasure.ROWS, PrivateMeasure.PERSONS, PrivateMeasure.VALUES, PrivateMeasure.SUM})
"""Measures that a ratio can have as parts. Ratios of others, such as two means, have no interval."""


@dataclass(frozen=True, slots=True)
class ScaledRatio:
    factor: Decimal
    pair: RatioPair


@dataclass(frozen=True, slots=True)
class _RatioForm:
    factor: Decimal
    numerator: int
    denominator: int | None = None


def ratio_of(scalar: Scalar) -> ScaledRatio | None:
    """The ratio that a scalar is; None unless it is a constant times one column divided by another."""
    found = _ratio_form(scalar)
    if found is None or found.denominator is None:
        return None
    return ScaledRatio(found.factor, (found.numerator, found.denominator))


def ratio_pairs(output: PlannedOutput) -> Iterator[RatioPair]:
    """The ratios in everything that the output's program computes, as ids of statistics."""
    for part in walk(output.program):
        if isinstance(part, Project):
            shown = [ratio_of(s) for _, s in part.columns]
            yield from (pair for r in shown if r is not None for pair in _table_pairs(r.pair, part.child))
    shown = [ratio_of(c.expression) for c in output.columns]
    yield from (pair for r in shown if r is not None for pair in _table_pairs(r.pair, output.program))


def _table_pairs(pair: RatioPair, group: PostAggregation) -> Iterator[RatioPair]:
    """Trace two columns back to the tables that they come from."""
    over, under = pair
    match group:
        case Project(child=child, columns=columns):
            copies = {i: s.ident for i, s in columns if isinstance(s, ColumnRef)}
            yield from _table_pairs((copies.get(over, over), copies.get(under, under)), child)
        case Union(parts=parts, columns=columns):
            inner = dict(columns)
            if over in inner and under in inner:
                for part, *both in zip(parts, inner[over], inner[under], strict=True):
                    yield from _table_pairs((both[0], both[1]), part)
        case TableRef():
            yield pair
        case _:
            for part in children(group):
                yield from _table_pairs(pair, part)


def shown_factor(scalar: Scalar, output: PlannedOutput) -> Decimal:
    """The constant factor of the ratio that a column of the output shows, traced through renamed columns."""
    computed = {i: s for part in walk(output.program) if isinstance(part, Project) for i, s in part.columns}
    for part in walk(output.program):
        if isinstance(part, Union):
            computed |= {i: ColumnRef(inner[0], ScalarType.DOUBLE) for i, inner in part.columns if i not in computed}
    while isinstance(scalar, ColumnRef) and scalar.ident in computed:
        scalar = computed.pop(scalar.ident)  # popped, so that a cycle ends
    found = ratio_of(scalar)
    return Decimal(1) if found is None else found.factor


def ratio_statistics(
    pairs: Iterable[RatioPair], idents: Sequence[int], private: Sequence[PrivateStatistic]
) -> dict[RatioPair, PrivateStatistic]:
    """The ratios of a table's statistics, one for each pair. `private` is in the order of `idents`."""
    known = {i: s for i, s in zip(idents, private, strict=True) if s.measure in LINEAR_MEASURES}
    return {
        (over, under): PrivateStatistic(
            f"{known[over].name}/{known[under].name}", PrivateMeasure.RATIO, parts=(known[over].name, known[under].name)
        )
        for over, under in pairs
        if over in known and under in known
    }


def _ratio_form(scalar: Scalar) -> _RatioForm | None:
    match scalar:
        case ColumnRef(ident=ident):
            return _RatioForm(Decimal(1), ident)
        case Call(op="multiply", args=(Literal() as factor, other) | (other, Literal() as factor)):
            return _multiplied(_ratio_form(other), _number(factor))
        case Call(op="divide" | "divide_truncated", args=(over, Literal() as divisor)):
            number = _number(divisor)
            return _multiplied(_ratio_form(over), 1 / number if number else None)
        case Call(op="divide" | "divide_truncated", args=(over, under)):
            return _divided(_ratio_form(over), _ratio_form(under))
        case Call(op=op, args=(inner, *_)) if op in VALUE_PRESERVING:
            return _ratio_form(inner)
    return None


def _multiplied(form: _RatioForm | None, factor: Decimal | None) -> _RatioForm | None:
    return None if form is None or not factor else _RatioForm(form.factor * factor, form.numerator, form.denominator)


def _divided(over: _RatioForm | None, under: _RatioForm | None) -> _RatioForm | None:
    # A ratio of ratios is not linear in two statistics.
    if over is None or under is None or over.denominator is not None or under.denominator is not None:
        return None
    return _RatioForm(over.factor / under.factor, over.numerator, under.numerator)


def _number(literal: Literal) -> Decimal | None:
    value = literal.value
    return Decimal(str(value)) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
