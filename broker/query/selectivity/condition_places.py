"""Where the conditions of a relation stand, and the relation with other conditions there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from broker.domain.plans import operators as ops, scalars
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.branches import RelationBranch
from broker.query.selectivity.countable_tests import NotCountable
from broker.query.selectivity.formula_builder import FormulaBuilder

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


def rows_of_figures(relation: ops.Relation, builder: FormulaBuilder) -> ops.Relation | None:
    """The rows behind the figures of each person, or of each person's years, that a relation consists of. None if there
    are no such figures, or something above them chooses among people."""
    match relation:
        case ops.Project(child=child):
            return rows_of_figures(child, builder)
        case ops.Filter(child=child, predicate=predicate):
            tested = boolean_formulas.variables(map(builder.formula, scalars.conjuncts_of(predicate)))
            return None if tested else rows_of_figures(child, builder)
        case ops.Aggregate(child=child, person=int()):
            keys = {key.ident for _, key in relation.keys if isinstance(key, scalars.ColumnRef)}
            scans = [s for s in ops.walk(child) if isinstance(s, ops.Scan) and s.person]
            # A person who is left out in one year can be counted for another.
            several = [s.person for s in scans if s.person and s.years is not None and len(s.years) != 1]
            is_by_year = all(builder.symbols.year_column(scan) in keys for scan in several)
            return child if is_by_year else None
    return None


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
