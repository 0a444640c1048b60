"""Ratios that an output shows: which columns are a constant times one figure by another. Reads expressions, no data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.groups import Base, Extend, Group, Stack, parts_of
from broker.domain.lineage import walk
from broker.domain.plans import PlannedOutput
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.privacy.tables import Ask, Statistic

ALIKE = frozenset({"to_decimal", "to_double", "to_int", "nullif", "round", "round_truncated", "floor", "ceiling"})
"""What leaves a number as it is, or nearly: the interval is that of the number before."""
Pair = tuple[int, int]
"""The ids of what is divided, and of what it is divided by."""
Named = Mapping[Pair, int]
"""By pair the id under which its ends go through the program."""
FIRST_IDENT = 1_500_000_000
"""The id of the first ratio: no plan has as many columns."""
LINEAR = frozenset({Ask.ROWS, Ask.PERSONS, Ask.VALUES, Ask.SUM})
"""What a ratio is of; one of others, as of two means, has no interval."""


@dataclass(frozen=True, slots=True)
class Ratio:
    factor: Decimal
    pair: Pair


@dataclass(frozen=True, slots=True)
class _Form:
    factor: Decimal
    over: int
    under: int | None = None


def ratio_of(scalar: Scalar) -> Ratio | None:
    """None where a scalar is anything else than a constant times a column by a column."""
    found = _form(scalar)
    return None if found is None or found.under is None else Ratio(found.factor, (found.over, found.under))


def pairs_of(output: PlannedOutput) -> Iterator[Pair]:
    """Of everything that its program computes, in the ids of statistics."""
    for part in walk(output.program):
        if isinstance(part, Extend):
            shown = [ratio_of(s) for _, s in part.columns]
            yield from (pair for r in shown if r is not None for pair in _below(r.pair, part.child))
    shown = [ratio_of(c.expression) for c in output.columns]
    yield from (pair for r in shown if r is not None for pair in _below(r.pair, output.program))


def _below(pair: Pair, group: Group) -> Iterator[Pair]:
    """What two columns are in the tables that they come from."""
    over, under = pair
    match group:
        case Extend(child=child, columns=columns):
            copies = {i: s.ident for i, s in columns if isinstance(s, Column)}
            yield from _below((copies.get(over, over), copies.get(under, under)), child)
        case Stack(parts=parts, columns=columns):
            inner = dict(columns)
            if over in inner and under in inner:
                for part, *both in zip(parts, inner[over], inner[under], strict=True):
                    yield from _below((both[0], both[1]), part)
        case Base():
            yield pair
        case _:
            for part in parts_of(group):
                yield from _below(pair, part)


def shown_times(scalar: Scalar, output: PlannedOutput) -> Decimal:
    """The constant of the ratio that a column of the output shows, under whatever name it got there."""
    made = {i: s for part in walk(output.program) if isinstance(part, Extend) for i, s in part.columns}
    for part in walk(output.program):
        if isinstance(part, Stack):
            made |= {i: Column(inner[0], Type.DOUBLE) for i, inner in part.columns if i not in made}
    while isinstance(scalar, Column) and scalar.ident in made:
        scalar = made.pop(scalar.ident)
    found = ratio_of(scalar)
    return Decimal(1) if found is None else found.factor


def asked_of(pairs: Iterable[Pair], idents: Sequence[int], private: Sequence[Statistic]) -> dict[Pair, Statistic]:
    """The ratios of a table's statistics, `private` in the order of `idents`: of the same two there is one."""
    known = {i: s for i, s in zip(idents, private, strict=True) if s.ask in LINEAR}
    return {
        (over, under): Statistic(
            f"{known[over].name}/{known[under].name}", Ask.RATIO, parts=(known[over].name, known[under].name)
        )
        for over, under in pairs
        if over in known and under in known
    }


def _form(scalar: Scalar) -> _Form | None:
    match scalar:
        case Column(ident=ident):
            return _Form(Decimal(1), ident)
        case Call(op="multiply", args=(Literal() as factor, other) | (other, Literal() as factor)):
            return _times(_form(other), _number(factor))
        case Call(op="divide" | "divide_truncated", args=(over, Literal() as divisor)):
            number = _number(divisor)
            return _times(_form(over), 1 / number if number else None)
        case Call(op="divide" | "divide_truncated", args=(over, under)):
            return _divided(_form(over), _form(under))
        case Call(op=op, args=(inner, *_)) if op in ALIKE:
            return _form(inner)
    return None


def _times(form: _Form | None, factor: Decimal | None) -> _Form | None:
    return None if form is None or not factor else _Form(form.factor * factor, form.over, form.under)


def _divided(over: _Form | None, under: _Form | None) -> _Form | None:
    if over is None or under is None or over.under is not None or under.under is not None:
        return None
    return _Form(over.factor / under.factor, over.over, under.over)


def _number(literal: Literal) -> Decimal | None:
    value = literal.value
    return Decimal(str(value)) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
