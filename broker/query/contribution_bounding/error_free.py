"""Error-free scalars and relations: a value that cannot be computed is NULL, and never ends a job."""

from dataclasses import replace

from broker.domain.plans.operators import (
    Aggregate,
    AggregateCall,
    Apply,
    Filter,
    Join,
    Limit,
    Project,
    Relation,
    Scan,
    Union,
    Values,
    Window,
)
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType
from broker.query.operations.aggregate_functions import ORDER_SENSITIVE
from broker.query.operations.registry import OPERATIONS


def error_free(scalar: Scalar) -> Scalar:
    match scalar:
        case ColumnRef() | Literal():
            return scalar
        case Call(op=op, args=args) if OPERATIONS[op].error_free:
            # it stays unwrapped, so that the engine still recognises join conditions
            inside: Scalar = replace(scalar, args=tuple(map(error_free, args)))
            return _of_one_type(inside, args)
        case Case(whens=whens, otherwise=otherwise):
            made = replace(
                scalar, whens=tuple((error_free(c), error_free(v)) for c, v in whens), otherwise=error_free(otherwise)
            )
            return _of_one_type(made, (*(v for _, v in whens), otherwise))
        case Call(type=kind):
            return Call("total", (scalar,), kind)


def _of_one_type(scalar: Scalar, united: tuple[Scalar, ...]) -> Scalar:
    """Wrap a scalar whose arguments are cast to one type, if one of them is a decimal."""
    return Call("total", (scalar,), scalar.type) if ScalarType.DECIMAL in {s.type for s in united} else scalar


def error_free_relation(relation: Relation) -> Relation:
    """Make every scalar of a relation error-free. (The column types of a union are decided above it.)"""
    match relation:
        case Scan() | Values():
            return relation
        case Filter(child=child, predicate=predicate):
            return Filter(error_free_relation(child), error_free(predicate))
        case Project(child=child, columns=columns):
            return Project(error_free_relation(child), tuple((i, error_free(s)) for i, s in columns))
        case Join(left=left, right=right, on=on):
            condition = None if on is None else error_free(on)
            return replace(relation, left=error_free_relation(left), right=error_free_relation(right), on=condition)
        case Aggregate(child=child, keys=keys, aggregates=aggregates):
            made = tuple((i, _error_free_aggregate(a)) for i, a in aggregates)
            return replace(
                relation,
                child=error_free_relation(child),
                keys=tuple((i, error_free(s)) for i, s in keys),
                aggregates=made,
            )
        case Window(child=child, columns=windows):
            made_windows = tuple(
                replace(w, function=_error_free_aggregate(w.function), partition=tuple(map(error_free, w.partition)),
                        order=tuple((error_free(s), down) for s, down in w.order))
                for w in windows
            )  # fmt: skip
            return replace(relation, child=error_free_relation(child), columns=made_windows)
        case Union(parts=parts):
            return replace(relation, parts=tuple(map(error_free_relation, parts)))
        case Apply(child=child, sub=sub):
            return replace(relation, child=error_free_relation(child), sub=error_free_relation(sub))
        case Limit(child=child, order=order):
            return replace(
                relation, child=error_free_relation(child), order=tuple((error_free(s), d) for s, d in order)
            )


def _error_free_aggregate(aggregate: AggregateCall) -> AggregateCall:
    """Make an aggregate error-free. Constants stay literals, because the engine requires this of quantiles. Binary
    fractions are added in a fixed order: in the order of rows, the presence of one person would change the last digits
    of other values."""
    op, args = aggregate.op, tuple(map(error_free, aggregate.args))
    # deviations are binary fractions, whatever their argument
    rounds = op in ORDER_SENSITIVE and (args[0].type is ScalarType.DOUBLE or op not in {"sum", "mean"})
    return replace(aggregate, op=f"{op}_in_order" if rounds else op, args=args)
