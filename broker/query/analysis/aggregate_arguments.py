"""Arguments of aggregates: constants, 0/1 values, the closed list, bounds, and the branches of a CASE."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from broker.domain.plans.scalars import (
    NULL,
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    Value,
    column_ids,
    columns_in,
)
from broker.query.bound_relations import conjuncts_of
from broker.query.operations.operation import UNKNOWN, exact_number
from broker.query.operations.registry import apply
from broker.query.operations.value_bounds import value_range
from broker.query.symbols import SymbolTable

ONE, ZERO = Literal(1, ScalarType.INT), Literal(0, ScalarType.INT)
LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negate", "to_double", "to_decimal", "to_int"})


def is_binary(scalar: Scalar) -> bool:
    """Whether a scalar is 0, 1 or NULL and nothing else."""
    match scalar:
        case Literal(value=value):
            return value is None or (not isinstance(value, str) and value in (0, 1))
        case Case(whens=whens, otherwise=otherwise):
            return all(is_binary(v) for _, v in whens) and is_binary(otherwise)
        case _:
            return scalar.type is ScalarType.FLAG


def is_never_null(scalar: Scalar | None) -> bool:
    """Whether a 0/1 argument is 0 or 1 on every row."""
    match scalar:
        case Literal(value=value):
            return value is not None
        case Case(whens=whens, otherwise=otherwise):
            return all(is_never_null(v) for _, v in whens) and is_never_null(otherwise)
    return False


def unscaled(scalar: Scalar) -> tuple[Any, Scalar]:
    """(constant, rest) with scalar = constant * rest, for 0/1 rests; (1, scalar) where there is no such reading."""
    factor: Any = 1
    rest = scalar
    while isinstance(rest, Call) and rest.op in {"multiply", "to_double", "to_decimal", "to_int"}:
        constants = [a for a in rest.args[:2] if isinstance(a, Literal)] if rest.op == "multiply" else []
        if rest.op == "multiply":
            if len(constants) != 1 or constants[0].value is None:
                return 1, scalar
            factor *= constants[0].value
            rest = rest.args[1] if rest.args[0] is constants[0] else rest.args[0]
        else:
            rest = rest.args[0]
    if isinstance(rest, Case):
        constant, rest = _case_constant(rest)
        factor *= constant
    return (factor, _as_whole_numbers(rest)) if is_binary(rest) else (1, scalar)


def _case_constant(case: Case) -> tuple[Any, Scalar]:
    """CASE with the values 0, c and NULL is c times a CASE with 0, 1 and NULL."""
    values = [v for _, v in case.whens] + [case.otherwise]
    if not all(isinstance(v, Literal) and not isinstance(v.value, str) for v in values):
        return 1, case
    constants = {v.value for v in values if isinstance(v, Literal) and v.value}
    if len(constants) != 1:
        return 1, case
    (constant,) = constants
    whens = tuple((c, _as_binary(v)) for c, v in case.whens)
    return constant, Case(whens, _as_binary(case.otherwise), ScalarType.INT)


def _as_binary(value: Scalar) -> Scalar:
    assert isinstance(value, Literal)
    return value if value.value is None else ONE if value.value else ZERO


def _as_whole_numbers(scalar: Scalar) -> Scalar:
    """0/1 values as whole numbers."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return Case(
                tuple((c, _as_whole_numbers(v)) for c, v in whens), _as_whole_numbers(otherwise), ScalarType.INT
            )
        case Literal():
            return _as_binary(scalar)
        case _:
            return scalar


def counted_values(case: Case) -> Case:
    """COUNT of a CASE as a 0/1 argument: 1 where the chosen value is not NULL."""
    return Case(tuple((c, _presence(v)) for c, v in case.whens), _presence(case.otherwise), ScalarType.INT)


def _presence(value: Scalar) -> Scalar:
    match value:
        case Literal():
            return ZERO if value.value is None else ONE
        case Case():
            return counted_values(value)
        case _:
            return Case(((Call("is_null", (value,), ScalarType.TRUTH), ZERO),), ONE, ScalarType.INT)


def as_decimal(literal: Literal) -> Decimal:
    """A written number as a decimal."""
    return Decimal(str(literal.value))


def order_free_number(scalar: Scalar) -> Scalar:
    """A number whose sum does not depend on the order of rows: a cast of an exact number to float is left out, any
    other binary fraction is taken to six decimals."""
    if isinstance(scalar, Call) and scalar.op == "to_double" and scalar.args[0].type is not ScalarType.DOUBLE:
        return scalar.args[0]
    if scalar.type is not ScalarType.DOUBLE:
        return scalar
    return Call("to_decimal", (scalar, Literal(38, ScalarType.INT), Literal(6, ScalarType.INT)), ScalarType.DECIMAL)


def is_on_closed_list(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether an argument is on the closed list: a catalogue number, linear in constants, or CASE of such."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return all(_is_branch(v, symbols) for _, v in whens) and _is_branch(otherwise, symbols)
        case Call(op="coalesce", args=args):
            return is_linear_value(args[0], symbols) and all(isinstance(a, Literal) for a in args[1:])
        case Call(op="to_decimal" | "to_double", args=args):
            return is_on_closed_list(args[0], symbols)
        case _:
            return scalar.type.is_number and not isinstance(scalar, Literal) and is_linear_value(scalar, symbols)


def _is_branch(scalar: Scalar, symbols: SymbolTable) -> bool:
    return isinstance(scalar, Literal) or is_on_closed_list(scalar, symbols)


def is_linear_value(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is a catalogue variable, or a number linear in constants of one; a person's own aggregate of such
    is one too."""
    match scalar:
        case Literal():
            return True
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return is_linear_value(symbols.definitions[ident], symbols)
        case ColumnRef(ident=ident) if ident in symbols.opaque:
            return symbols.opaque[ident].closed
        case ColumnRef():
            return True
        case Call(op=op, args=args) if op in LINEAR:
            written = sum(isinstance(a, Literal) for a in args)
            return written == len(args) - 1 and all(is_linear_value(a, symbols) for a in args)
        case _:
            return False


def is_amount(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a value of each person is an amount, or a plain count: no number that the text writes, and nothing that
    is computed from 0 and 1 or from numbers of rows."""
    if not is_linear_value(scalar, symbols):
        return False
    found = symbols.expanded(scalar)
    return (
        scalar == NULL or isinstance(found, ColumnRef) or bool(column_ids(found) and not row_counts_in(found, symbols))
    )


def is_row_count(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is a number of a person's rows."""
    return isinstance(scalar, ColumnRef) and scalar.ident in symbols.opaque and symbols.opaque[scalar.ident].counts


def row_counts_in(scalar: Scalar, symbols: SymbolTable) -> tuple[ColumnRef, ...]:
    """The columns of a scalar that are 0 and 1, or numbers of rows."""
    return tuple(c for c in columns_in(scalar) if c.type is ScalarType.FLAG or is_row_count(c, symbols))


def argument_bounds(scalar: Scalar, symbols: SymbolTable) -> tuple[Value, Value] | None:
    """The least and the greatest value of one row's argument, where the catalogue tells."""
    found = value_range(scalar, symbols)
    if found is None:
        return None
    return (int(found[0]), int(found[1])) if scalar.type.is_whole else found


Number = int | Decimal
FixedColumns = Mapping[ColumnRef, tuple[Literal, ...]]
"""Columns that conditions leave no other values than these."""

MAX_BRANCHES = 64
MAX_VALUES = 12
"""A longer list of values fixes no amount: it is a range."""


class TooManyArgumentBranches(Exception):
    """An argument has so many branches that none of them is looked at."""


@dataclass(frozen=True, slots=True)
class ArgumentBranches:
    """What an argument can be. `levels`: each constant, and the 0/1 argument that is 1 where the whole is that constant
    (NULL where the whole is NULL); zero is a level too. `amounts`: the value of each other branch, and the argument
    that has it there and is NULL elsewhere; a written factor `times` stands apart."""

    levels: tuple[tuple[Number, Scalar], ...]
    amounts: tuple["AmountBranch", ...]


@dataclass(frozen=True, slots=True)
class AmountBranch:
    value: Scalar
    argument: Scalar
    times: Number = 1


def branches_of(argument: Scalar, fixed: FixedColumns, counts_rows: Callable[[Scalar], bool]) -> ArgumentBranches:
    """A factor stands apart where it multiplies a count. Raises TooManyBranches."""
    tree = as_decision_tree(argument, fixed)
    found = list(_leaves(tree))
    written = [leaf.value for leaf in found if isinstance(leaf, Literal) and leaf.value is not None]
    levels = tuple(
        (constant, _level_indicator(tree, constant)) for constant in dict.fromkeys(map(exact_number, written))
    )
    amounts = []
    for at, leaf in enumerate(found):
        if not isinstance(leaf, Literal):
            times, value = _factor(leaf)
            times, value = (times, value) if counts_rows(value) else (1, leaf)
            amounts.append(AmountBranch(value, _only_branch(tree, at, value), times))
    return ArgumentBranches(levels, tuple(amounts))


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


def as_decision_tree(scalar: Scalar, fixed: FixedColumns) -> Scalar:
    """The same value as CASE of CASE with arithmetic in the branches, so that a branch of constants is one constant."""
    match scalar:
        case ColumnRef() if scalar in fixed:
            found: Scalar = Case(tuple((_equal(scalar, v), v) for v in fixed[scalar]), NULL, scalar.type)
        case ColumnRef(type=ScalarType.FLAG):
            found = Case(((_equal(scalar, ONE), ONE), (_equal(scalar, ZERO), ZERO)), NULL, ScalarType.INT)
        case Case(whens=whens, otherwise=otherwise, type=kind):
            pairs = tuple((c, as_decision_tree(v, {**fixed, **fixed_values(conjuncts_of(c))})) for c, v in whens)
            found = Case(pairs, as_decision_tree(otherwise, fixed), kind)
        case Call(op="coalesce", args=args):
            found = _coalesce_as_case(tuple(as_decision_tree(a, fixed) for a in args), scalar.type)
        case Call(op=op, args=args, type=kind):
            found = _push_into_branches(op, tuple(as_decision_tree(a, fixed) for a in args), kind)
        case _:
            return scalar
    if sum(1 for _ in _leaves(found)) > MAX_BRANCHES:
        raise TooManyArgumentBranches
    return found


def _equal(column: ColumnRef, value: Scalar) -> Scalar:
    return Call("equal", (column, value), ScalarType.TRUTH)


def _coalesce_as_case(args: tuple[Scalar, ...], kind: ScalarType) -> Scalar:
    """COALESCE as a CASE."""
    first, *rest = args
    if not rest:
        return first
    match first:
        case Literal(value=None):
            return _coalesce_as_case(tuple(rest), kind)
        case Literal():
            return first
        case Case(whens=whens, otherwise=otherwise):
            pairs = tuple((c, _coalesce_as_case((v, *rest), kind)) for c, v in whens)
            return Case(pairs, _coalesce_as_case((otherwise, *rest), kind), kind)
    return Case(((Call("is_null", (first,), ScalarType.TRUTH), _coalesce_as_case(tuple(rest), kind)),), first, kind)


def _push_into_branches(op: str, args: tuple[Scalar, ...], kind: ScalarType) -> Scalar:
    """An operation taken into the branches of its arguments, and done at once where all of them are written."""
    place = next((i for i, a in enumerate(args) if isinstance(a, Case)), None)
    if place is not None and kind is not ScalarType.TRUTH:
        case = args[place]
        assert isinstance(case, Case)
        pairs = tuple((c, _push_into_branches(op, (*args[:place], v, *args[place + 1 :]), kind)) for c, v in case.whens)
        return Case(pairs, _push_into_branches(op, (*args[:place], case.otherwise, *args[place + 1 :]), kind), kind)
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


def _level_indicator(tree: Scalar, constant: Number) -> Scalar:
    match tree:
        case Case(whens=whens, otherwise=otherwise):
            pairs = tuple((c, _level_indicator(v, constant)) for c, v in whens)
            return Case(pairs, _level_indicator(otherwise, constant), ScalarType.INT)
        case Literal(value=None):
            return NULL
        case Literal(value=value):
            return ONE if exact_number(value) == constant else ZERO
    return Case(((Call("is_null", (tree,), ScalarType.TRUTH), NULL),), ZERO, ScalarType.INT)


def _only_branch(tree: Scalar, at: int, leaf: Scalar) -> Scalar:
    """The tree with the branch of this number alone, which gives the leaf."""
    if not isinstance(tree, Case):
        return leaf
    pairs = []
    for condition, value in tree.whens:
        width = sum(1 for _ in _leaves(value))
        pairs.append((condition, _only_branch(value, at, leaf) if 0 <= at < width else NULL))
        at -= width
    otherwise = _only_branch(tree.otherwise, at, leaf) if at >= 0 else NULL
    while pairs and otherwise is NULL and pairs[-1][1] is NULL:
        pairs.pop()  # what gives NULL as everything after it does
    if not pairs or (otherwise == leaf and pairs == [(Call("is_null", (leaf,), ScalarType.TRUTH), NULL)]):
        return otherwise
    return Case(tuple(pairs), otherwise, leaf.type)


def fixed_values(conjuncts: tuple[Scalar, ...]) -> dict[ColumnRef, tuple[Literal, ...]]:
    """The numbers that conditions, all of them true, leave a column, where they list them."""
    found: dict[ColumnRef, tuple[Literal, ...]] = {}
    for conjunct in conjuncts:
        listed = listed_values(conjunct)
        if listed is not None and len(listed[1]) <= MAX_VALUES:
            found.setdefault(*listed)
    return found


def listed_values(condition: Scalar) -> tuple[ColumnRef, tuple[Literal, ...]] | None:
    """The column and the numbers of `x = 1` or `x IN (1, 2)`."""
    match condition:
        case Call(op="equal", args=(ColumnRef() as column, Literal(value=int() | Decimal()) as value)):
            return column, (value,)
        case Call(op="equal", args=(Literal(value=int() | Decimal()) as value, ColumnRef() as column)):
            return column, (value,)
        case Call(op="or", args=args):
            parts = [listed_values(a) for a in args]
            if None not in parts and len({p[0] for p in parts if p is not None}) == 1:
                values = dict.fromkeys(v for p in parts if p is not None for v in p[1])
                return next(p[0] for p in parts if p is not None), tuple(values)
    return None
