"""Where the conditions of a relation stand, and the relation with other conditions there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from broker.domain.plans import operators as ops, scalars
from broker.query.selectivity.branches import RelationBranch
from broker.query.selectivity.countable_tests import NotCountable

Extras = Mapping[scalars.Scalar, Sequence[scalars.Scalar]]
"""By the condition where they stand: further conditions."""


def one_branch(relation: ops.Relation, branch: RelationBranch) -> ops.Relation:
    """The relation without the rows of other branches of its unions."""
    if isinstance(relation, ops.Aggregate | ops.Window) and any(isinstance(r, ops.Union) for r in ops.walk(relation)):
        raise NotCountable  # without the other branches it would be another figure
    if isinstance(relation, ops.Union):
        number = branch.union_parts.get(relation.columns[0][0]) if relation.columns else None
        if number is None:
            raise NotCountable
        person = relation.person and (relation.person[0], (relation.person[1][number],))
        columns = tuple((ident, (of[number],)) for ident, of in relation.columns)
        return ops.Union((one_branch(relation.parts[number], branch),), columns, person)
    return ops.with_children(relation, lambda part: one_branch(part, branch))


def readable_in(relation: ops.Relation) -> frozenset[int]:
    """Every column that an operator above can read."""
    own = frozenset(ops.own_ids(relation))
    if isinstance(relation, ops.Aggregate | ops.Union):
        return own
    below = relation.child if isinstance(relation, ops.Apply) else None
    parts = ops.children(relation) if below is None else (below,)
    return own.union(*map(readable_in, parts))


def readable_columns(relation: ops.Relation, outer: frozenset[int]) -> Iterator[tuple[scalars.Scalar, frozenset[int]]]:
    """Each condition of WHERE, HAVING and inner joins, with the columns that can be read where it stands."""
    match relation:
        case ops.Filter(child=child, predicate=predicate):
            for condition in scalars.conjuncts_of(predicate):
                yield condition, outer | readable_in(child)
        case ops.Join(how=ops.JoinHow.INNER, on=on):
            for condition in scalars.conjuncts_of(on):
                yield condition, outer | readable_in(relation)
        case ops.Apply(child=child, sub=sub):
            yield from readable_columns(child, outer)
            yield from readable_columns(sub, outer | readable_in(child))
            return
        case ops.Aggregate(person=None):
            return  # groups of other people, which are not the people of the relation
    for part in ops.children(relation):
        yield from readable_columns(part, outer)


def rewritten(relation: ops.Relation, dropped: Collection[scalars.Scalar], extras: Extras) -> ops.Relation:
    """The relation without the dropped conditions, and with extra ones beside the condition where they stand. Raises
    NotCountable if a condition stands nowhere."""
    found: set[scalars.Scalar] = set()

    def changed(whole: scalars.Scalar) -> scalars.Scalar:
        left: list[scalars.Scalar] = []
        for one in scalars.conjuncts_of(whole):
            left += [] if one in dropped else [one]
            left += extras.get(one, ())
            found.add(one)
        return scalars.all_of(dict.fromkeys(left)) if left else scalars.Literal(True, scalars.ScalarType.TRUTH)

    def with_changes(part: ops.Relation) -> ops.Relation:
        part = ops.with_children(part, with_changes)
        match part:
            case ops.Filter(predicate=predicate):
                return replace(part, predicate=changed(predicate))
            case ops.Join(how=ops.JoinHow.INNER, on=on) if on is not None:
                return replace(part, on=changed(on))
        return part

    result = with_changes(relation)
    if not {*dropped, *extras} <= found:
        raise NotCountable
    return result
