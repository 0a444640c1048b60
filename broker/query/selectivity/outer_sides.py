"""Tests of one column of an outer side: of a value in the row that a join finds, or of whether it finds one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from broker.domain.plans import scalars
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.countable_tests import OUTER_ATOMS, NotCountable, check_leaf
from broker.query.selectivity.formula_builder import FormulaBuilder


def as_outer_atom(leaf: boolean_formulas.Leaf, builder: FormulaBuilder) -> boolean_formulas.Leaf:
    """The test of one column of an outer side as a variable of its own; any other leaf as it is. Raises NotCountable if
    the conditions on the outer side have alternatives or cannot be counted."""
    column, around = _column_of(leaf, builder)
    if column is None:
        return leaf
    if not _are_plain(around):
        raise NotCountable
    for inner in around:
        for one in boolean_formulas.leaves(inner):
            check_leaf(one, builder)
    check_leaf(replace(leaf, variables=frozenset({column})), builder)
    return replace(leaf, variables=frozenset({OUTER_ATOMS - abs(column)}))


def tests_one_outer_column(formulas: Sequence[boolean_formulas.Formula], builder: FormulaBuilder) -> bool:
    """Whether conditions on a value test one column of an outer side and nothing else. They are then like conditions on
    one variable below a WHERE: those of the outer side are checked by themselves."""
    tested = [leaf for formula in formulas for leaf in boolean_formulas.leaves(formula) if leaf.variables]
    found = [_column_of(leaf, builder) for leaf in tested]
    return len({column for column, _ in found}) == 1 and all(
        column is not None and _are_plain(around) for column, around in found
    )


def are_of_no_row(formulas: Iterable[boolean_formulas.Formula], builder: FormulaBuilder) -> bool:
    """Whether conditions ask for a row of a FULL JOIN that is on none of its sides."""
    outer = builder.branch.outer_conditions.keys()
    found = (part for formula in formulas for part in boolean_formulas.conjuncts(formula))
    missing = [_missing_scans(leaf, builder) for leaf in found if isinstance(leaf, boolean_formulas.Leaf)]
    return bool(outer) and not builder.branch.scans and outer <= frozenset().union(*missing)


def _missing_scans(leaf: boolean_formulas.Leaf, builder: FormulaBuilder) -> frozenset[int]:
    """The scans of an outer side that have no row where a leaf holds."""
    tested, holds = leaf.condition if leaf.written is None else leaf.written, leaf.holds
    while isinstance(tested, scalars.Call) and tested.op == "not":
        (tested,), holds = tested.args, not holds
    match tested:
        case scalars.Call(op="is_null", args=(scalars.ColumnRef(ident=ident),)) if holds:
            return builder.outer_scans(ident) or frozenset()
    return frozenset()


def _column_of(
    leaf: boolean_formulas.Leaf, builder: FormulaBuilder
) -> tuple[int | None, Sequence[boolean_formulas.Formula]]:
    """The column of an outer side that a leaf tests, with the conditions there; None for any other leaf."""
    read = scalars.column_ids(leaf.condition if leaf.written is None else leaf.written)
    if len(read) != 1 or leaf.implies is not None:
        return None, ()
    (column,) = read
    scans = _scans_of(column, builder) & builder.branch.outer_conditions.keys()
    return (column, builder.formulas_of_outer(scans)) if scans else (None, ())


def _scans_of(ident: int, builder: FormulaBuilder) -> frozenset[int]:
    if ident in builder.columns:
        return frozenset({builder.origin(ident).scan})
    if ident in builder.symbols.opaque:
        return builder.symbols.opaque[ident].source_rows.scans
    return builder.outer_scans(ident) or frozenset()


def _are_plain(around: Sequence[boolean_formulas.Formula]) -> bool:
    """Whether conditions have no alternatives and no EXISTS."""
    return all(
        len(boolean_formulas.alternatives(inner) or ()) == 1
        and all(leaf.implies is None for leaf in boolean_formulas.leaves(inner))
        for inner in around
    )
