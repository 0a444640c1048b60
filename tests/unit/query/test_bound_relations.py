"""Bound relations: filters of no condition, one condition and several."""

from broker.domain.plans.operators import Filter, Project
from broker.domain.plans.scalars import Call, ColumnRef, Scalar, ScalarType, conjuncts_of
from broker.query.bound_relations import conjunction_of, written_row
from broker.query.symbols import SymbolTable


def condition(ident: int) -> Scalar:
    return Call("is_null", (ColumnRef(ident, ScalarType.TEXT),), ScalarType.TRUTH)


ONE, TWO, THREE = map(condition, (1, 2, 3))


def test_no_condition_and_no_column_leave_rows_as_they_are() -> None:
    rows = written_row(SymbolTable())
    assert rows.filtered([]) is rows
    assert rows.computed([]) is rows


def test_conditions_and_columns_are_put_around_rows() -> None:
    rows = written_row(SymbolTable())
    assert rows.filtered([ONE]).relation == Filter(rows.relation, ONE)
    assert rows.computed([(7, ONE)]).relation == Project(rows.relation, ((7, ONE),))


def test_a_conjunction_is_taken_apart_into_what_it_was_made_of() -> None:
    both = conjunction_of([ONE, TWO])
    assert (conjunction_of([]), conjunction_of([ONE])) == (None, ONE)
    assert both is not None
    assert (conjuncts_of(None), conjuncts_of(ONE), conjuncts_of(both)) == ((), (ONE,), (ONE, TWO))
    assert conjuncts_of(conjunction_of([both, THREE])) == (ONE, TWO, THREE)
