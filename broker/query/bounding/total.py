"""Scalars that cannot end a job: what has no value on a row is NULL there, since an error is an answer about a row; and
aggregates of one person's rows in which nobody else can show."""

from dataclasses import replace

from broker.domain.relations import (
    Aggregate,
    Attach,
    Filter,
    Gather,
    Join,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    Union,
    Values,
)
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.operations.aggregates import IN_ORDER

SAFE = frozenset(
    {"equal", "same", "less", "at_most", "is_null", "and", "or", "not", "equal_text", "coalesce", "nullif", "greatest",
     "least", "starts_with", "ends_with", "contains"}
)  # fmt: skip
"""Operations without an error on any value; the conditions of a join stay what the engine joins by. (Decimals of two
widths are an exception: what brings them to one type may not fit it.)"""


def total(scalar: Scalar) -> Scalar:
    match scalar:
        case Column() | Literal():
            return scalar
        case Call(op=op, args=args) if op in SAFE:
            inside: Scalar = replace(scalar, args=tuple(map(total, args)))
            return _mixed(inside, args)
        case Case(whens=whens, otherwise=otherwise):
            made = replace(scalar, whens=tuple((total(c), total(v)) for c, v in whens), otherwise=total(otherwise))
            return _mixed(made, (*(v for _, v in whens), otherwise))
        case Call(type=kind):
            return Call("total", (scalar,), kind)


def _mixed(scalar: Scalar, united: tuple[Scalar, ...]) -> Scalar:
    """With an eye on the scalars that are brought to one type."""
    return Call("total", (scalar,), scalar.type) if Type.DECIMAL in {s.type for s in united} else scalar


def total_rows(relation: Relation) -> Relation:
    """Every scalar of a relation, made total. (The types of a union's columns are settled above it.)"""
    match relation:
        case Scan() | Values():
            return relation
        case Filter(child=child, predicate=predicate):
            return Filter(total_rows(child), total(predicate))
        case Project(child=child, columns=columns):
            return Project(total_rows(child), tuple((i, total(s)) for i, s in columns))
        case Join(left=left, right=right, on=on):
            condition = None if on is None else total(on)
            return replace(relation, left=total_rows(left), right=total_rows(right), on=condition)
        case Gather(child=child, keys=keys, aggregates=aggregates):
            made = tuple((i, _aggregate(a)) for i, a in aggregates)
            return replace(
                relation, child=total_rows(child), keys=tuple((i, total(s)) for i, s in keys), aggregates=made
            )
        case Over(child=child, columns=windows):
            made_windows = tuple(
                replace(w, function=_aggregate(w.function), partition=tuple(map(total, w.partition)),
                        order=tuple((total(s), down) for s, down in w.order))
                for w in windows
            )  # fmt: skip
            return replace(relation, child=total_rows(child), columns=made_windows)
        case Union(parts=parts):
            return replace(relation, parts=tuple(map(total_rows, parts)))
        case Attach(child=child, sub=sub):
            return replace(relation, child=total_rows(child), sub=total_rows(sub))
        case Limit(child=child, order=order):
            return replace(relation, child=total_rows(child), order=tuple((total(s), d) for s, d in order))


def _aggregate(aggregate: Aggregate) -> Aggregate:
    """Constants stay written: the engine wants them so in quantiles. Binary fractions are added up in an order of their
    own: in that of the rows, one person's presence would move the last digits of others."""
    op, args = aggregate.op, tuple(map(total, aggregate.args))
    rounds = op in IN_ORDER and (args[0].type is Type.DOUBLE or op not in {"sum", "mean"})
    return replace(aggregate, op=f"{op}_in_order" if rounds else op, args=args)
