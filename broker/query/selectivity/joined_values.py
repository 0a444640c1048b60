"""Whether a key puts people together by several variables without a condition on each: `CASE WHEN a = 1 THEN b ELSE 0
END` is 1 for those of a with b, as a condition on both is. Estimates nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from broker.domain.plans import scalars
from broker.query.selectivity.combined_rows import CombinedRows
from broker.query.selectivity.formula_builder import FormulaBuilder

Variables = frozenset[int]


@dataclass(frozen=True, slots=True)
class ChosenValue:
    """A value of a CASE, with the variables whose conditions choose it and those that it reads."""

    value: scalars.Scalar
    chosen_by: Variables
    read: Variables


def joins_values(named: scalars.Scalar, builder: FormulaBuilder, rows: CombinedRows) -> bool:
    """Whether a value that another variable chooses may be the same as one that is chosen otherwise."""
    found = [*_chosen_values(named, frozenset(), builder, rows)]
    return any(
        one.chosen_by and one.read - one.chosen_by and _may_equal(one.value, other.value, builder)
        for one in found
        for other in found
        if one.value != other.value and not isinstance(one.value, scalars.Literal)
    )


def _chosen_values(
    named: scalars.Scalar, chosen_by: Variables, builder: FormulaBuilder, rows: CombinedRows
) -> Iterator[ChosenValue]:
    if not isinstance(named, scalars.Case):
        yield ChosenValue(named, chosen_by, _read(named, builder))
        return
    for condition, value in named.whens:
        if not _is_missing_variable(condition, builder, rows):
            chosen_by |= _read(condition, builder)
        yield from _chosen_values(value, chosen_by, builder, rows)
    yield from _chosen_values(named.otherwise, chosen_by, builder, rows)


def _is_missing_variable(condition: scalars.Scalar, builder: FormulaBuilder, rows: CombinedRows) -> bool:
    """Whether a condition asks if a variable is missing, which no text can choose: not by a condition of its outer side
    either."""
    match condition:
        case scalars.Call(op="is_null", args=(scalars.ColumnRef(ident=ident),)) if ident in builder.columns:
            return not rows.outer_names(builder.origin(ident).scan)
    return False


def _read(named: scalars.Scalar, builder: FormulaBuilder) -> Variables:
    return frozenset().union(*map(builder.variables_of, scalars.column_ids(named)))


def _may_equal(value: scalars.Scalar, other: scalars.Scalar, builder: FormulaBuilder) -> bool:
    """Whether two values may be one. A variable is missing by itself; any other column may be so by a condition."""
    if other == scalars.NULL:
        return not (isinstance(value, scalars.ColumnRef) and value.ident in builder.columns)
    mine, theirs = _possible(value, builder), _possible(other, builder)
    if mine is None or theirs is None:
        return True
    few, many = sorted((mine, theirs), key=len)
    if isinstance(few, range) and isinstance(many, range):
        return max(few.start, many.start) < min(few.stop, many.stop)
    # Text is never in a range, which would look at each of its numbers.
    return any(v in many for v in few if isinstance(v, int) or not isinstance(many, range))


def _possible(value: scalars.Scalar, builder: FormulaBuilder) -> Collection[scalars.Value] | None:
    """The values of a literal or of a listed variable; None if they are not known."""
    match value:
        case scalars.Literal(value=written):
            return (written,)
        case scalars.ColumnRef(ident=ident, type=kind) if ident in builder.columns:
            variable = builder.origin(ident).variable
            if kind is scalars.ScalarType.FLAG:
                return (0, 1)
            if variable.values is not None:
                return tuple(variable.values)
            if kind is scalars.ScalarType.INT and variable.low is not None and variable.high is not None:
                return range(int(variable.low), int(variable.high) + 1)
    return None
