"""The branches of an argument: constants and amounts of a CASE, and the numbers to which conditions limit a column."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.plans import scalars
from broker.query.analysis.aggregate_arguments import ONE, ZERO
from broker.query.operations.operation import UNKNOWN, exact_number
from broker.query.operations.registry import CASTS, apply

Number = int | Decimal
FixedColumns = Mapping[scalars.ColumnRef, tuple[scalars.Literal, ...]]
"""Columns that the conditions limit to these listed values."""

FLAG_VALUES = (ONE, ZERO)
MAX_BRANCHES = 64
MAX_VALUES = 12
"""A longer list does not fix an amount: it is treated as a range."""


class TooManyArgumentBranches(Exception):
    """An argument has too many branches to inspect."""


@dataclass(frozen=True, slots=True)
class ArgumentBranches:
    """All values that an argument can have.

    `levels`: each constant, with a 0/1 argument that is 1 on rows where the whole argument equals that constant (NULL
    where the whole is NULL). Zero is a level too. `amounts`: the value of each other branch, with an argument that has
    this value in the branch and is NULL elsewhere. A written factor is stored separately in `times`."""

    levels: tuple[tuple[Number, scalars.Scalar], ...]
    amounts: tuple["AmountBranch", ...]


@dataclass(frozen=True, slots=True)
class AmountBranch:
    value: scalars.Scalar
    argument: scalars.Scalar
    times: Number = 1


def branches_of(
    argument: scalars.Scalar, fixed: FixedColumns, counts_rows: Callable[[scalars.Scalar], bool]
) -> ArgumentBranches:
    """Split an argument into branches. A factor is stored separately where it multiplies a count. Raises
    TooManyArgumentBranches."""
    tree = as_decision_tree(argument, fixed)
    found = list(leaves_of(tree))
    written = [leaf.value for leaf in found if isinstance(leaf, scalars.Literal) and leaf.value is not None]
    levels = tuple(
        (constant, _level_indicator(tree, constant)) for constant in dict.fromkeys(map(exact_number, written))
    )
    amounts = []
    for at, leaf in enumerate(found):
        if not isinstance(leaf, scalars.Literal):
            times, value = _factor(leaf)
            times, value = (times, value) if counts_rows(value) else (1, leaf)
            amounts.append(AmountBranch(value, _only_branch(tree, at, value), times))
    return ArgumentBranches(levels, tuple(amounts))


def _factor(value: scalars.Scalar) -> tuple[Number, scalars.Scalar]:
    match value:
        case scalars.Call(op="multiply", args=(scalars.Literal(value=int() | Decimal() as times), inner)):
            more, rest = _factor(inner)
            return times * more, rest
        case scalars.Call(op="multiply", args=(inner, scalars.Literal(value=int() | Decimal() as times))):
            more, rest = _factor(inner)
            return times * more, rest
        case scalars.Call(op=op, args=(inner, *_)) if op in CASTS:
            return _factor(inner)
    return 1, value


def as_decision_tree(scalar: scalars.Scalar, fixed: FixedColumns) -> scalars.Scalar:
    """Rewrite a scalar as nested CASE with the arithmetic inside the branches, so that a branch of constants is one
    constant."""
    match scalar:
        # conditions list the values of this column, so it is a choice between constants
        case scalars.ColumnRef() if scalar in fixed:
            found: scalars.Scalar = _choice_of(scalar, fixed[scalar], scalar.type)
        case scalars.ColumnRef(type=scalars.ScalarType.FLAG):  # a 0/1 column is a choice between its two values
            found = _choice_of(scalar, FLAG_VALUES, scalars.ScalarType.INT)
        case scalars.Case(whens=whens, otherwise=otherwise, type=kind):
            pairs = tuple(
                (c, as_decision_tree(v, {**fixed, **fixed_values(scalars.conjuncts_of(c))})) for c, v in whens
            )
            found = scalars.Case(pairs, as_decision_tree(otherwise, fixed), kind)
        case scalars.Call(op="coalesce", args=args):
            found = _coalesce_as_case(tuple(as_decision_tree(a, fixed) for a in args), scalar.type)
        case scalars.Call(op=op, args=args, type=kind):
            found = _push_into_branches(op, tuple(as_decision_tree(a, fixed) for a in args), kind)
        case _:
            return scalar
    if sum(1 for _ in leaves_of(found)) > MAX_BRANCHES:  # each branch becomes a statistic, so their number is limited
        raise TooManyArgumentBranches
    return found


def _choice_of(
    column: scalars.ColumnRef, values: tuple[scalars.Literal, ...], kind: scalars.ScalarType
) -> scalars.Case:
    return scalars.Case(tuple((scalars.truth_call("equal", column, v), v) for v in values), scalars.NULL, kind)


def lists_flag_values(case: scalars.Case) -> bool:
    """Whether a CASE gives NULL only where a 0/1 column is missing."""
    tests = tuple(condition for condition, _ in case.whens)
    flags = [a for t in tests[:1] if isinstance(t, scalars.Call) for a in t.args if isinstance(a, scalars.ColumnRef)]
    return case.otherwise == scalars.NULL and any(
        f.type is scalars.ScalarType.FLAG and tests == tuple(scalars.truth_call("equal", f, v) for v in FLAG_VALUES)
        for f in flags
    )


def _coalesce_as_case(args: tuple[scalars.Scalar, ...], kind: scalars.ScalarType) -> scalars.Scalar:
    """Rewrite COALESCE as a CASE."""
    first, *rest = args
    if not rest:
        return first
    match first:
        case scalars.Literal(value=None):
            return _coalesce_as_case(tuple(rest), kind)
        case scalars.Literal():
            return first
        case scalars.Case():
            return first.with_values(lambda v: _coalesce_as_case((v, *rest), kind), kind)
    return scalars.Case(((scalars.truth_call("is_null", first), _coalesce_as_case(tuple(rest), kind)),), first, kind)


def _push_into_branches(op: str, args: tuple[scalars.Scalar, ...], kind: scalars.ScalarType) -> scalars.Scalar:
    """Move an operation into the branches of its arguments. Compute it here if all arguments are literals."""
    found = next(((i, a) for i, a in enumerate(args) if isinstance(a, scalars.Case)), None)
    if found is not None and kind is not scalars.ScalarType.TRUTH:
        place, case = found
        return case.with_values(lambda v: _push_into_branches(op, (*args[:place], v, *args[place + 1 :]), kind), kind)
    if all(isinstance(a, scalars.Literal) for a in args):
        value = apply(op, [a.value for a in args if isinstance(a, scalars.Literal)])
        if value is not UNKNOWN:
            return scalars.Literal(value, kind)
    return scalars.Call(op, args, kind)


def leaves_of(tree: scalars.Scalar) -> Iterator[scalars.Scalar]:
    """Values of the branches, left to right."""
    if isinstance(tree, scalars.Case):
        for value in tree.values:
            yield from leaves_of(value)
    else:
        yield tree


def _level_indicator(tree: scalars.Scalar, constant: Number) -> scalars.Scalar:
    match tree:
        case scalars.Case():
            return tree.with_values(lambda v: _level_indicator(v, constant), scalars.ScalarType.INT)
        case scalars.Literal(value=None):
            return scalars.NULL
        case scalars.Literal(value=value):
            return ONE if exact_number(value) == constant else ZERO  # 1 and 1.0 are one level
    return scalars.Case(((scalars.truth_call("is_null", tree), scalars.NULL),), ZERO, scalars.ScalarType.INT)


def _only_branch(tree: scalars.Scalar, at: int, leaf: scalars.Scalar) -> scalars.Scalar:
    """Keep only the branch with number `at`, which gives `leaf`; all other branches give NULL."""
    if not isinstance(tree, scalars.Case):
        return leaf
    pairs = []
    for condition, value in tree.whens:
        width = sum(1 for _ in leaves_of(value))
        pairs.append((condition, _only_branch(value, at, leaf) if 0 <= at < width else scalars.NULL))
        at -= width
    otherwise = _only_branch(tree.otherwise, at, leaf) if at >= 0 else scalars.NULL
    while pairs and otherwise is scalars.NULL and pairs[-1][1] is scalars.NULL:
        pairs.pop()  # gives NULL, as everything after it does
    # CASE WHEN x IS NULL THEN NULL ELSE x END is x itself
    if not pairs or (otherwise == leaf and pairs == [(scalars.truth_call("is_null", leaf), scalars.NULL)]):
        return otherwise
    return scalars.Case(tuple(pairs), otherwise, leaf.type)


def fixed_values(conjuncts: tuple[scalars.Scalar, ...]) -> dict[scalars.ColumnRef, tuple[scalars.Literal, ...]]:
    """Numbers to which conditions limit each column. All conditions must be true, and must list the numbers."""
    found: dict[scalars.ColumnRef, tuple[scalars.Literal, ...]] = {}
    for conjunct in conjuncts:
        listed = listed_values(conjunct)
        if listed is not None and len(listed[1]) <= MAX_VALUES:
            found.setdefault(*listed)  # every condition holds, so any one list limits the column
    return found


def listed_values(condition: scalars.Scalar) -> tuple[scalars.ColumnRef, tuple[scalars.Literal, ...]] | None:
    """Column and numbers of `x = 1` or `x IN (1, 2)`; None for any other condition."""
    match condition:
        case scalars.Call(
            op="equal",
            args=(scalars.ColumnRef() as column, scalars.Literal(value=int() | Decimal()) as value)
            | (scalars.Literal(value=int() | Decimal()) as value, scalars.ColumnRef() as column),
        ):
            return column, (value,)
        case scalars.Call(op="or", args=args):
            parts = [listed_values(a) for a in args]
            if None not in parts and len({p[0] for p in parts if p is not None}) == 1:
                values = dict.fromkeys(v for p in parts if p is not None for v in p[1])
                return next(p[0] for p in parts if p is not None), tuple(values)
    return None
