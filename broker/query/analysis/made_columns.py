"""The columns that the operators of a relation make, and what each is made of."""

from typing import NamedTuple

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import ColumnRef, Scalar, ScalarType

MadeOf = dict[int, tuple[Scalar, ...]]
"""By column, the scalars that it is made of."""


class CallOverRows(NamedTuple):
    """An aggregate or window function: its operator, what the rows of one value share, and the call."""

    operator: ops.Aggregate[ops.Relation] | ops.Window[ops.Relation]
    within: tuple[Scalar, ...]
    call: ops.AggregateCall


def definitions_of(relation: ops.Relation) -> MadeOf:
    """Expressions of each computed column. A column of a union has one for each branch."""
    found: MadeOf = {}
    for part in ops.walk(relation):
        match part:
            case ops.Project(columns=columns) | ops.Aggregate(keys=columns):
                # a key that is a plain column keeps its id, and would define itself
                found |= {i: (s,) for i, s in columns if s != ColumnRef(i, s.type)}
            case ops.Union(columns=branches):
                own = ((i, idents) for i, idents in branches if idents != (i,))
                found |= {i: tuple(ColumnRef(n, ScalarType.NULL) for n in idents) for i, idents in own}
    return found


def calls_of(relation: ops.Relation) -> dict[int, CallOverRows]:
    found: dict[int, CallOverRows] = {}
    for part in ops.walk(relation):
        match part:
            case ops.Aggregate(keys=keys, aggregates=aggregates):
                found |= {i: CallOverRows(part, tuple(s for _, s in keys), call) for i, call in aggregates}
            case ops.Window(columns=windows):
                found |= {w.ident: CallOverRows(part, w.partition, w.function) for w in windows}
    return found


def sources_of(relation: ops.Relation) -> MadeOf:
    """What each column is made of: a computed one, one of a call or a subquery, and one of written rows."""
    found = {ident: made.call.args for ident, made in calls_of(relation).items()} | definitions_of(relation)
    for part in ops.walk(relation):
        match part:
            case ops.Apply(ident=ident, column=int(column)):
                found[ident] = (ColumnRef(column, ScalarType.NULL),)
            case ops.Values(columns=listed, rows=rows):
                found |= {i: tuple(row[n] for row in rows) for n, (i, _) in enumerate(listed)}
    return found
