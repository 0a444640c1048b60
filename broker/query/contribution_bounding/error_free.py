"""Error-free scalars and relations: a value that cannot be computed is NULL, and never ends a job."""

from dataclasses import replace

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, Case, Scalar, ScalarType, with_parts
from broker.query.operations.aggregate_functions import ORDER_SENSITIVE
from broker.query.operations.registry import OPERATIONS


def error_free(scalar: Scalar) -> Scalar:
    match scalar:
        case Call(op=op, type=kind) if not OPERATIONS[op].error_free:
            return Call("total", (scalar,), kind)
        # it stays unwrapped, so that the engine still recognises join conditions
        case Call(args=united) | Case(values=united):
            return _of_one_type(with_parts(scalar, error_free), united)
    return scalar


def _of_one_type(scalar: Scalar, united: tuple[Scalar, ...]) -> Scalar:
    """Wrap a scalar whose arguments are cast to one type, if one of them is a decimal."""
    return Call("total", (scalar,), scalar.type) if ScalarType.DECIMAL in {s.type for s in united} else scalar


def error_free_relation(relation: ops.Relation) -> ops.Relation:
    """Make every scalar of a relation error-free. (The column types of a union are decided above it.)"""
    made = ops.with_children(relation, error_free_relation)
    match made:
        case ops.Filter(predicate=predicate):
            return replace(made, predicate=error_free(predicate))
        case ops.Project(columns=columns):
            return replace(made, columns=tuple((i, error_free(s)) for i, s in columns))
        case ops.Join(on=on) if on is not None:
            return replace(made, on=error_free(on))
        case ops.Aggregate(keys=keys, aggregates=aggregates):
            calls = tuple((i, _error_free_aggregate(a)) for i, a in aggregates)
            return replace(made, keys=tuple((i, error_free(s)) for i, s in keys), aggregates=calls)
        case ops.Window(columns=windows):
            return replace(made, columns=tuple(map(_error_free_window, windows)))
        case ops.Limit(order=order):
            return replace(made, order=_error_free_order(order))
    return made


def _error_free_window(window: ops.WindowColumn) -> ops.WindowColumn:
    function, partition = _error_free_aggregate(window.function), tuple(map(error_free, window.partition))
    return replace(window, function=function, partition=partition, order=_error_free_order(window.order))


def _error_free_order(order: ops.SortKeys) -> ops.SortKeys:
    return tuple((error_free(s), down) for s, down in order)


def _error_free_aggregate(aggregate: ops.AggregateCall) -> ops.AggregateCall:
    """Make an aggregate error-free. Constants stay literals, because the engine requires this of quantiles. Binary
    fractions are added in a fixed order: in the order of rows, the presence of one person would change the last digits
    of other values."""
    op, args = aggregate.op, tuple(map(error_free, aggregate.args))
    # deviations are binary fractions, whatever their argument
    rounds = op in ORDER_SENSITIVE and (args[0].type is ScalarType.DOUBLE or op not in {"sum", "mean"})
    return replace(aggregate, op=f"{op}_in_order" if rounds else op, args=args)
