"""The registry of operations, a closed list: name, DuckDB text, and the same computation in Python. An operation
outside this table cannot be planned, folded or rendered. `fold` receives the argument values, and must agree with
`template` on all of them. If it cannot, it returns UNKNOWN, which is always safe."""

from collections.abc import Callable, Sequence
from typing import Any

from broker.domain.plans.scalars import Value
from broker.query.operations import date_operations, numeric_operations, text_operations
from broker.query.operations.operation import ANY_NUMBER, UNKNOWN, Fold, Operation, exact_number
from broker.query.operations.operation import unknown_fold as unknown


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


_TABLE = (
    Operation(
        "equal", "({0} = {1})", lambda v: exact_number(v[0]) == exact_number(v[1]), max_arguments=2, min_arguments=2
    ),
    Operation("same", "({0} IS NOT DISTINCT FROM {1})", _same, strict=False, max_arguments=2, min_arguments=2),
    Operation("less", "({0} < {1})", _ordered(lambda a, b: a < b), max_arguments=2, min_arguments=2),
    Operation("at_most", "({0} <= {1})", _ordered(lambda a, b: a <= b), max_arguments=2, min_arguments=2),
    Operation("is_null", "({0} IS NULL)", lambda v: v[0] is None, strict=False),
    Operation("and", "| AND |", unknown, strict=False, min_arguments=2, max_arguments=ANY_NUMBER),
    Operation("or", "| OR |", unknown, strict=False, min_arguments=2, max_arguments=ANY_NUMBER),
    Operation("not", "(NOT {0})", lambda v: not v[0]),
    Operation("coalesce", "coalesce|, |", _coalesce, strict=False, min_arguments=2, max_arguments=ANY_NUMBER),
    Operation(
        "nullif",
        "nullif({0}, {1})",
        lambda v: None if v[0] == v[1] else v[0],
        strict=False,
        min_arguments=2,
        max_arguments=2,
    ),
    Operation("greatest", "greatest|, |", _of_known_values(max), strict=False, max_arguments=ANY_NUMBER),
    Operation("least", "least|, |", _of_known_values(min), strict=False, max_arguments=ANY_NUMBER),
    Operation("total", "TRY({0})", unknown),
    *numeric_operations.NUMERIC_OPERATIONS,
    *text_operations.TEXT_OPERATIONS,
    *date_operations.DATE_OPERATIONS,
)
OPERATIONS: dict[str, Operation] = {o.name: o for o in _TABLE}
WITHOUT_FOLD = frozenset(o.name for o in _TABLE if o.fold is unknown) - {"and", "or"}
"""Operations that only the engine computes. `and` and `or` are excluded, because possible_values folds them itself."""


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
    if not operation.min_arguments <= len(args) <= operation.max_arguments:
        raise ValueError(
            f"{op} takes {operation.min_arguments} to {operation.max_arguments} arguments, not {len(args)}"
        )
    if operation.max_arguments < ANY_NUMBER:
        return operation.template.format(*args)
    head, _, rest = operation.template.partition("|")
    return f"{head}({rest.removesuffix('|').join(args)})"
