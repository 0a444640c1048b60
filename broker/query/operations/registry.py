"""The registry of operations, a closed list: name, DuckDB text, and the same computation in Python. An operation
outside this table cannot be planned, folded or rendered. `fold` receives the argument values, and must agree with
`template` on all of them. If it cannot, it returns UNKNOWN, which is always safe."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from broker.domain.plans.scalars import Value
from broker.query.operations import date_operations, numeric_operations, text_operations
from broker.query.operations.operation import (
    UNKNOWN,
    Fold,
    Operation,
    OperationKind,
    exact_number,
    truth_operation,
    unknown_fold as unknown,
)
from broker.query.operations.result_sizes import Length, Magnitude, longest, of_first, of_largest, of_total


def _ordered(test: Callable[[Any, Any], bool]) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        # other letters have an order that depends on the engine
        if isinstance(v[0], str) and not (v[0].isascii() and v[1].isascii()):
            return UNKNOWN
        return test(exact_number(v[0]), exact_number(v[1]))

    return fold


def _coalesce(v: Sequence[Any]) -> Any:
    return next((x for x in v if x is not None), None)


def _of_known_values(pick: Callable[..., Any]) -> Fold:
    """Greatest or least of the arguments that are not NULL."""
    return lambda v: pick((exact_number(x) for x in v if x is not None), default=None)


def _same(v: Sequence[Any]) -> Any:
    return (v[0] is None) == (v[1] is None) and (v[0] is None or exact_number(v[0]) == exact_number(v[1]))


_comparison = partial(truth_operation, kind=OperationKind.COMPARISON, error_free=True)


def _choice(
    name: str, template: str, fold: Fold, arguments: int, *, or_more: bool, magnitude: Magnitude, length: Length
) -> Operation:
    """An operation that gives one of its arguments."""
    return Operation(
        *(name, template, fold), kind=OperationKind.CHOICE, exact_fold=True, error_free=True, has_argument_width=True,
        values=None, magnitude=magnitude, length=length, arguments=arguments, or_more=or_more, strict=False,
    )  # fmt: skip


_TABLE = (
    _comparison("equal", "({0} = {1})", lambda v: exact_number(v[0]) == exact_number(v[1]), 2, strict=True),
    _comparison("same", "({0} IS NOT DISTINCT FROM {1})", _same, 2, strict=False),
    _comparison("less", "({0} < {1})", _ordered(lambda a, b: a < b), 2, strict=True),
    _comparison("at_most", "({0} <= {1})", _ordered(lambda a, b: a <= b), 2, strict=True),
    _comparison("is_null", "({0} IS NULL)", lambda v: v[0] is None, 1, strict=False),
    _choice("and", "| AND |", unknown, 2, or_more=True, magnitude=of_first, length=longest),
    _choice("or", "| OR |", unknown, 2, or_more=True, magnitude=of_first, length=longest),
    truth_operation("not", "(NOT {0})", lambda v: not v[0], 1, kind=OperationKind.OTHER, error_free=True),
    _choice("coalesce", "coalesce|, |", _coalesce, 2, or_more=True, magnitude=of_largest, length=of_largest),
    _choice(
        *("nullif", "nullif({0}, {1})", lambda v: None if v[0] == v[1] else v[0], 2),
        or_more=False, magnitude=of_first, length=longest,
    ),
    _choice("greatest", "greatest|, |", _of_known_values(max), 1, or_more=True, magnitude=of_largest, length=longest),
    _choice("least", "least|, |", _of_known_values(min), 1, or_more=True, magnitude=of_largest, length=longest),
    Operation(
        *("total", "TRY({0})", unknown), kind=OperationKind.OTHER, exact_fold=True, error_free=False,
        has_argument_width=False, values=None, magnitude=of_total, length=longest,
    ),
    *numeric_operations.NUMERIC_OPERATIONS,
    *text_operations.TEXT_OPERATIONS,
    *date_operations.DATE_OPERATIONS,
)  # fmt: skip
OPERATIONS: dict[str, Operation] = {o.name: o for o in _TABLE}
WITHOUT_FOLD = frozenset(o.name for o in _TABLE if o.fold is unknown) - {"and", "or"}
"""Operations that only the engine computes. `and` and `or` are excluded, because possible_values folds them itself."""
COMPARISONS = frozenset(o.name for o in _TABLE if o.kind is OperationKind.COMPARISON)
CASTS = frozenset(o.name for o in _TABLE if o.kind is OperationKind.CAST)


def apply(op: str, values: Sequence[Value]) -> Any:
    """Value of the operation for known arguments. UNKNOWN if Python and the engine could differ."""
    operation = OPERATIONS[op]
    if operation.strict and any(v is None for v in values):
        return None
    try:
        return operation.fold(values)
    # values of another type than the operation expects
    except (TypeError, ArithmeticError, ValueError, AttributeError):
        return UNKNOWN


def operation_sql(op: str, args: Sequence[str]) -> str:
    """DuckDB text of the operation, from rendered arguments. Raises ValueError for a wrong number of arguments."""
    operation = OPERATIONS[op]
    count = len(args)
    if count < operation.arguments or (count > operation.arguments and not operation.or_more):
        raise ValueError(f"{op} takes {operation.arguments} arguments{' or more' * operation.or_more}, not {count}")
    if not operation.or_more:
        return operation.template.format(*args)
    head, _, rest = operation.template.partition("|")
    return f"{head}({rest.removesuffix('|').join(args)})"
