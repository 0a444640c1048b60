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
from broker.query.operations.value_bounds import max_decimals, value_range
from broker.query.symbols import SymbolTable

ONE, ZERO = Literal(1, ScalarType.INT), Literal(0, ScalarType.INT)
LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negate", "to_double", "to_decimal", "to_int"})


def is_binary(scalar: Scalar) -> bool:
    """Whether every value of the scalar is 0, 1 or NULL."""
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
    """Return (constant, rest) with scalar = constant * rest, where rest is a 0/1 scalar. (1, scalar) if there is no
    such split."""
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
    """Split a CASE with the values 0, c and NULL into c and a CASE with the values 0, 1 and NULL. (1, case) if
    impossible."""
    values = [v for _, v in case.whens] + [case.otherwise]
    if not all(isinstance(v, Literal) and not isinstance(v.value, str) for v in values):
        return 1, case
    # Zero and NULL are not counted: they are the same in both forms.
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
    """Cast the branches of a 0/1 scalar to whole numbers."""
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
    """Argument of COUNT(CASE …) as a 0/1 CASE: 1 where the chosen value is not NULL."""
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
    """Convert a numeric literal to a decimal."""
    return Decimal(str(literal.value))


def order_free_number(scalar: Scalar) -> Scalar:
    """Return a number whose sum does not depend on the order of rows. A cast of an exact number to float is removed;
    any other binary fraction is cast to six decimals."""
    # Adding binary fractions is not associative; adding decimals is.
    if isinstance(scalar, Call) and scalar.op == "to_double" and scalar.args[0].type is not ScalarType.DOUBLE:
        return scalar.args[0]
    if scalar.type is not ScalarType.DOUBLE:
        return scalar  # exact numbers have the same sum in any order
    # 38 digits is the engine's widest decimal
    return Call("to_decimal", (scalar, Literal(38, ScalarType.INT), Literal(6, ScalarType.INT)), ScalarType.DECIMAL)


def is_on_closed_list(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether an argument is on the closed list: a catalogue number, linear in constants, or a CASE of these."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            return all(_is_branch(v, symbols) for _, v in whens) and _is_branch(otherwise, symbols)
        case Call(op="coalesce", args=args):
            return is_linear_value(args[0], symbols) and all(isinstance(a, Literal) for a in args[1:])
        case Call(op="to_decimal") if _is_rounded_by_factor(scalar, symbols):
            return False
        case Call(op="to_decimal" | "to_double", args=args):
            return is_on_closed_list(args[0], symbols)
        case _:
            return scalar.type.is_number and not isinstance(scalar, Literal) and is_linear_value(scalar, symbols)


def _is_branch(scalar: Scalar, symbols: SymbolTable) -> bool:
    return isinstance(scalar, Literal) or is_on_closed_list(scalar, symbols)


def is_linear_value(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is a catalogue variable, or a number that is linear in constants in one variable. A person's own
    aggregate of such a value also qualifies."""
    match scalar:
        case Literal():
            return True
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            return is_linear_value(symbols.definitions[ident], symbols)
        case ColumnRef(ident=ident) if ident in symbols.opaque:
            return symbols.opaque[ident].closed
        case ColumnRef():
            return True
        case Call(op="divide", args=(Literal(), _)):  # the reciprocal of a variable is not linear in it
            return False
        case Call(op="to_decimal" | "to_int") if _is_rounded_by_factor(scalar, symbols):
            return False
        case Call(op=op, args=args) if op in LINEAR:
            # Exactly one part may be a non-constant, or the value mixes several variables.
            written = sum(isinstance(a, Literal) for a in args)
            return written == len(args) - 1 and all(is_linear_value(a, symbols) for a in args)
        case _:
            return False


FINE_STEPS = 1000
"""With so many rounded values between its bounds, what a cast rounds in all rows is small beside the step of a mean."""


def _is_rounded_by_factor(cast: Call, symbols: SymbolTable) -> bool:
    """Whether a cast rounds a computed number so coarsely that a written number in it chooses which rows are rounded
    up."""
    inner = cast.args[0]
    if inner.type.is_whole or isinstance(symbols.expanded(inner), ColumnRef):
        return False
    places = max_decimals(cast, symbols)
    if inner.type is not ScalarType.DOUBLE and places >= max_decimals(inner, symbols):
        return False
    found = value_range(inner, symbols)
    return found is None or found[1] - found[0] < FINE_STEPS * Decimal(1).scaleb(-places)


def is_amount(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether each person's value is an amount or a plain count. The text writes no number into it, and it is not
    computed from 0/1 columns or from row counts."""
    if not is_linear_value(scalar, symbols):
        return False
    found = symbols.expanded(scalar)
    return (
        scalar == NULL or isinstance(found, ColumnRef) or bool(column_ids(found) and not row_counts_in(found, symbols))
    )


def is_row_count(scalar: Scalar, symbols: SymbolTable) -> bool:
    """Whether a value is the number of a person's rows."""
    return isinstance(scalar, ColumnRef) and scalar.ident in symbols.opaque and symbols.opaque[scalar.ident].counts


def row_counts_in(scalar: Scalar, symbols: SymbolTable) -> tuple[ColumnRef, ...]:
    """Columns of a scalar that are 0/1 columns or row counts."""
    return tuple(c for c in columns_in(scalar) if c.type is ScalarType.FLAG or is_row_count(c, symbols))


def argument_bounds(scalar: Scalar, symbols: SymbolTable) -> tuple[Value, Value] | None:
    """Least and greatest value of the argument on one row; None if the catalogue does not bound it."""
    found = value_range(scalar, symbols)
    if found is None:
        return None
    return (int(found[0]), int(found[1])) if scalar.type.is_whole else found


Number = int | Decimal
FixedColumns = Mapping[ColumnRef, tuple[Literal, ...]]
"""Columns that the conditions limit to these listed values."""

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

    levels: tuple[tuple[Number, Scalar], ...]
    amounts: tuple["AmountBranch", ...]


@dataclass(frozen=True, slots=True)
class AmountBranch:
    value: Scalar
    argument: Scalar
    times: Number = 1


def branches_of(argument: Scalar, fixed: FixedColumns, counts_rows: Callable[[Scalar], bool]) -> ArgumentBranches:
    """Split an argument into branches. A factor is stored separately where it multiplies a count. Raises
    TooManyArgumentBranches."""
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
    """Rewrite a scalar as nested CASE with the arithmetic inside the branches, so that a branch of constants is one
    constant."""
    match scalar:
        # conditions list the values of this column, so it is a choice between constants
        case ColumnRef() if scalar in fixed:
            found: Scalar = Case(tuple((_equal(scalar, v), v) for v in fixed[scalar]), NULL, scalar.type)
        case ColumnRef(type=ScalarType.FLAG):  # a 0/1 column is a choice between its two values
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
    if sum(1 for _ in _leaves(found)) > MAX_BRANCHES:  # each branch becomes a statistic, so their number is limited
        raise TooManyArgumentBranches
    return found


def _equal(column: ColumnRef, value: Scalar) -> Scalar:
    return Call("equal", (column, value), ScalarType.TRUTH)


def _coalesce_as_case(args: tuple[Scalar, ...], kind: ScalarType) -> Scalar:
    """Rewrite COALESCE as a CASE."""
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
    """Move an operation into the branches of its arguments. Compute it here if all arguments are literals."""
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
    """Values of the branches, left to right."""
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
            return ONE if exact_number(value) == constant else ZERO  # 1 and 1.0 are one level
    return Case(((Call("is_null", (tree,), ScalarType.TRUTH), NULL),), ZERO, ScalarType.INT)


def _only_branch(tree: Scalar, at: int, leaf: Scalar) -> Scalar:
    """Keep only the branch with number `at`, which gives `leaf`; all other branches give NULL."""
    if not isinstance(tree, Case):
        return leaf
    pairs = []
    for condition, value in tree.whens:
        width = sum(1 for _ in _leaves(value))
        pairs.append((condition, _only_branch(value, at, leaf) if 0 <= at < width else NULL))
        at -= width
    otherwise = _only_branch(tree.otherwise, at, leaf) if at >= 0 else NULL
    while pairs and otherwise is NULL and pairs[-1][1] is NULL:
        pairs.pop()  # gives NULL, as everything after it does
    # CASE WHEN x IS NULL THEN NULL ELSE x END is x itself
    if not pairs or (otherwise == leaf and pairs == [(Call("is_null", (leaf,), ScalarType.TRUTH), NULL)]):
        return otherwise
    return Case(tuple(pairs), otherwise, leaf.type)


def fixed_values(conjuncts: tuple[Scalar, ...]) -> dict[ColumnRef, tuple[Literal, ...]]:
    """Numbers to which conditions limit each column. All conditions must be true, and must list the numbers."""
    found: dict[ColumnRef, tuple[Literal, ...]] = {}
    for conjunct in conjuncts:
        listed = listed_values(conjunct)
        if listed is not None and len(listed[1]) <= MAX_VALUES:
            found.setdefault(*listed)  # every condition holds, so any one list limits the column
    return found


def listed_values(condition: Scalar) -> tuple[ColumnRef, tuple[Literal, ...]] | None:
    """Column and numbers of `x = 1` or `x IN (1, 2)`; None for any other condition."""
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
