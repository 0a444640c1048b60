"""Possible values of a scalar if some columns are known and all others are not. A truth value is a subset of {True,
False, None}; a value is a finite set, or None for "any value". "Any value" is always a safe result."""

from collections.abc import Callable, Mapping
from itertools import product
from math import prod

from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value
from broker.query.operations.operation import UNKNOWN
from broker.query.operations.registry import OPERATIONS, apply

PossibleValues = frozenset[Value] | None
KnownValues = Mapping[int, frozenset[Value]]
Definitions = Mapping[int, Scalar]
TRUTHS: frozenset[Value] = frozenset({True, False, None})
ONLY_NULL: frozenset[Value] = frozenset({None})
ONLY_TRUE: frozenset[Value] = frozenset({True})
ONLY_FALSE: frozenset[Value] = frozenset({False})
RANK: list[Value] = [False, None, True]
MOST_COMBINATIONS = 64


def possible_values(scalar: Scalar, known: KnownValues, definitions: Definitions) -> PossibleValues:
    """Values that a scalar can have; None if it can have any value."""
    match scalar:
        case Literal(value=value):
            return frozenset({value})
        case ColumnRef(ident=ident, type=kind):
            if ident in known:
                return known[ident]
            if ident in definitions:
                return possible_values(definitions[ident], known, definitions)
            return TRUTHS if kind is ScalarType.TRUTH else None
        case Case():
            return _case(scalar, known, definitions)
        case Call(op="and" | "or"):
            return _connective(scalar, known, definitions)
        case Call():
            return _call(scalar, known, definitions)


def can_be_true(predicate: Scalar, known: KnownValues, definitions: Definitions) -> bool:
    found = possible_values(predicate, known, definitions)
    return found is None or True in found


def _call(call: Call, known: KnownValues, definitions: Definitions) -> PossibleValues:
    anything = TRUTHS if call.type is ScalarType.TRUTH else None
    if not OPERATIONS[call.op].exact_fold:
        return anything
    sets = [possible_values(a, known, definitions) for a in call.args]
    # a strict operation gives NULL for any NULL argument
    if OPERATIONS[call.op].strict and ONLY_NULL in sets:
        return ONLY_NULL
    finite = [s for s in sets if s is not None]
    # the product of the sets grows with each argument, so it is cut off
    if len(finite) < len(sets) or prod(map(len, finite)) > MOST_COMBINATIONS:
        return anything
    results = [apply(call.op, values) for values in product(*finite)]
    return anything if UNKNOWN in results else frozenset(results)


def _connective(call: Call, known: KnownValues, definitions: Definitions) -> PossibleValues:
    """Every combination of the sides' truth values."""
    combined, result = _COMBINED[call.op], possible_values(call.args[0], known, definitions) or TRUTHS
    for arg in call.args[1:]:
        truths = possible_values(arg, known, definitions) or TRUTHS
        result = frozenset(combined[a, b] for a in result for b in truths)
    return result


def _combined(pick: Callable[..., Value]) -> dict[tuple[Value, Value], Value]:
    return {(a, b): pick(a, b, key=RANK.index) for a, b in product(RANK, RANK)}


_COMBINED = {"and": _combined(min), "or": _combined(max)}
"""AND is the minimum of false < null < true, OR the maximum."""


def _case(case: Case, known: KnownValues, definitions: Definitions) -> PossibleValues:
    results: frozenset[Value] = frozenset()
    for condition, value in case.whens:
        truths = possible_values(condition, known, definitions)
        if truths is not None and True not in truths:  # this branch is never chosen
            continue
        values = possible_values(value, known, definitions)
        if values is None:
            return TRUTHS if case.type is ScalarType.TRUTH else None
        results |= values
        if truths == ONLY_TRUE:  # later branches are never reached
            return results
    rest = possible_values(case.otherwise, known, definitions)
    return None if rest is None else results | rest
