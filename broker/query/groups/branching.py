"""An argument as a decision: the constants and the amounts that its branches give, each as an argument of its own. Pure
functions of scalars; no syntax, and no word on what may leave."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type
from broker.query.groups.arguments import ONE, ZERO
from broker.query.kinds import conjuncts_of
from broker.query.operations.folding import number
from broker.query.operations.table import UNKNOWN, apply

Number = int | Decimal
Fixed = Mapping[Column, tuple[Literal, ...]]
"""Columns that conditions leave no other values than these."""

MOST_BRANCHES = 64
MOST_VALUES = 12
"""A longer list of values fixes no amount: it is a range."""


class TooManyBranches(Exception):
    """An argument has so many branches that none of them is looked at."""


@dataclass(frozen=True, slots=True)
class Branches:
    """What an argument can be. `levels`: each constant, and the 0/1 argument that is 1 where the whole is that constant
    (NULL where the whole is NULL); zero is a level too. `amounts`: the value of each other branch, and the argument
    that has it there and is NULL elsewhere; a written factor `times` stands apart."""

    levels: tuple[tuple[Number, Scalar], ...]
    amounts: tuple["Amount", ...]


@dataclass(frozen=True, slots=True)
class Amount:
    value: Scalar
    argument: Scalar
    times: Number = 1


def branches_of(argument: Scalar, fixed: Fixed, is_count: Callable[[Scalar], bool]) -> Branches:
    """A factor stands apart where it multiplies a count. Raises TooManyBranches."""
    tree = decided(argument, fixed)
    found = list(_leaves(tree))
    written = [leaf.value for leaf in found if isinstance(leaf, Literal) and leaf.value is not None]
    levels = tuple((constant, _marked(tree, constant)) for constant in dict.fromkeys(map(number, written)))
    amounts = []
    for at, leaf in enumerate(found):
        if not isinstance(leaf, Literal):
            times, value = _factor(leaf)
            times, value = (times, value) if is_count(value) else (1, leaf)
            amounts.append(Amount(value, _alone(tree, at, value), times))
    return Branches(levels, tuple(amounts))


def _factor(value: Scalar) -> tuple[Number, Scalar]:
    match value:
        case Call(op="multiply", args=(Literal(value=int() | Decimal() as times), inner)):
            more, rest = _factor(inner)
            return times * more, rest
        case Call(op="multiply", args=(inner, Literal(value=int() | Decimal() as times))):
            more, rest = _factor(inner)
            return times * more, rest
        case Call(op="to_double" | "to_decimal" | "to_int", args=(inner, *_)):
            return _factor(inner)
    return 1, value


def decided(scalar: Scalar, fixed: Fixed) -> Scalar:
    """The same value as CASE of CASE with arithmetic in the branches, so that a branch of constants is one constant."""
    match scalar:
        case Column() if scalar in fixed:
            found: Scalar = Case(tuple((_equal(scalar, v), v) for v in fixed[scalar]), NULL, scalar.type)
        case Column(type=Type.FLAG):
            found = Case(((_equal(scalar, ONE), ONE), (_equal(scalar, ZERO), ZERO)), NULL, Type.INT)
        case Case(whens=whens, otherwise=otherwise, type=kind):
            pairs = tuple((c, decided(v, {**fixed, **fixed_by(conjuncts_of(c))})) for c, v in whens)
            found = Case(pairs, decided(otherwise, fixed), kind)
        case Call(op="coalesce", args=args):
            found = _first_given(tuple(decided(a, fixed) for a in args), scalar.type)
        case Call(op=op, args=args, type=kind):
            found = _inside(op, tuple(decided(a, fixed) for a in args), kind)
        case _:
            return scalar
    if sum(1 for _ in _leaves(found)) > MOST_BRANCHES:
        raise TooManyBranches
    return found


def _equal(column: Column, value: Scalar) -> Scalar:
    return Call("equal", (column, value), Type.TRUTH)


def _first_given(args: tuple[Scalar, ...], kind: Type) -> Scalar:
    """COALESCE as a CASE."""
    first, *rest = args
    if not rest:
        return first
    match first:
        case Literal(value=None):
            return _first_given(tuple(rest), kind)
        case Literal():
            return first
        case Case(whens=whens, otherwise=otherwise):
            pairs = tuple((c, _first_given((v, *rest), kind)) for c, v in whens)
            return Case(pairs, _first_given((otherwise, *rest), kind), kind)
    return Case(((Call("is_null", (first,), Type.TRUTH), _first_given(tuple(rest), kind)),), first, kind)


def _inside(op: str, args: tuple[Scalar, ...], kind: Type) -> Scalar:
    """An operation taken into the branches of its arguments, and done at once where all of them are written."""
    place = next((i for i, a in enumerate(args) if isinstance(a, Case)), None)
    if place is not None and kind is not Type.TRUTH:
        case = args[place]
        assert isinstance(case, Case)
        pairs = tuple((c, _inside(op, (*args[:place], v, *args[place + 1 :]), kind)) for c, v in case.whens)
        return Case(pairs, _inside(op, (*args[:place], case.otherwise, *args[place + 1 :]), kind), kind)
    if all(isinstance(a, Literal) for a in args):
        value = apply(op, [a.value for a in args if isinstance(a, Literal)])
        if value is not UNKNOWN:
            return Literal(value, kind)
    return Call(op, args, kind)


def _leaves(tree: Scalar) -> Iterator[Scalar]:
    """The values of the branches, left to right."""
    if isinstance(tree, Case):
        for _, value in tree.whens:
            yield from _leaves(value)
        yield from _leaves(tree.otherwise)
    else:
        yield tree


def _marked(tree: Scalar, constant: Number) -> Scalar:
    match tree:
        case Case(whens=whens, otherwise=otherwise):
            pairs = tuple((c, _marked(v, constant)) for c, v in whens)
            return Case(pairs, _marked(otherwise, constant), Type.INT)
        case Literal(value=None):
            return NULL
        case Literal(value=value):
            return ONE if number(value) == constant else ZERO
    return Case(((Call("is_null", (tree,), Type.TRUTH), NULL),), ZERO, Type.INT)


def _alone(tree: Scalar, at: int, leaf: Scalar) -> Scalar:
    """The tree with the branch of this number alone, which gives the leaf."""
    if not isinstance(tree, Case):
        return leaf
    pairs = []
    for condition, value in tree.whens:
        width = sum(1 for _ in _leaves(value))
        pairs.append((condition, _alone(value, at, leaf) if 0 <= at < width else NULL))
        at -= width
    otherwise = _alone(tree.otherwise, at, leaf) if at >= 0 else NULL
    while pairs and otherwise is NULL and pairs[-1][1] is NULL:
        pairs.pop()  # what gives NULL as everything after it does
    if not pairs or (otherwise == leaf and pairs == [(Call("is_null", (leaf,), Type.TRUTH), NULL)]):
        return otherwise
    return Case(tuple(pairs), otherwise, leaf.type)


def fixed_by(conjuncts: tuple[Scalar, ...]) -> dict[Column, tuple[Literal, ...]]:
    """The numbers that conditions, all of them true, leave a column, where they list them."""
    found: dict[Column, tuple[Literal, ...]] = {}
    for conjunct in conjuncts:
        listed = listed_by(conjunct)
        if listed is not None and len(listed[1]) <= MOST_VALUES:
            found.setdefault(*listed)
    return found


def listed_by(condition: Scalar) -> tuple[Column, tuple[Literal, ...]] | None:
    """The column and the numbers of `x = 1` or `x IN (1, 2)`."""
    match condition:
        case Call(op="equal", args=(Column() as column, Literal(value=int() | Decimal()) as value)):
            return column, (value,)
        case Call(op="equal", args=(Literal(value=int() | Decimal()) as value, Column() as column)):
            return column, (value,)
        case Call(op="or", args=args):
            parts = [listed_by(a) for a in args]
            if None not in parts and len({p[0] for p in parts if p is not None}) == 1:
                values = dict.fromkeys(v for p in parts if p is not None for v in p[1])
                return next(p[0] for p in parts if p is not None), tuple(values)
    return None
